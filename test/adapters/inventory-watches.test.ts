import { describe, expect, it } from 'vitest';
import { printInventory } from '../../src/adapters/inventory-print.js';
import { readInventoryFiles } from '../../src/adapters/inventory-reading.js';
import { diffInventories } from '../../src/domain/inventory/diff.js';
import { readAppliedInventory } from '../../src/store/applied-inventory.js';
import { applyInventory } from '../../src/store/inventory.js';
import { Store } from '../../src/store/store.js';
import { freshDatabase } from '../database.js';
import { complaintsOf, filesOf, inventoryOf } from './inventory-lab.js';

const KEY = '-----BEGIN PGP PUBLIC KEY BLOCK-----\\n\\nmDMEZ\\n-----END PGP PUBLIC KEY BLOCK-----\\n';
const SSH = `ssh-ed25519 ${'A'.repeat(68)}`;

const WATCHES = `watches:
  debs:
    meaning: updates of the lab
    apt: {url: "https://debs.example.org/", suite: stable, key: "${KEY}"}
    every: '*/5  * * * *'
    owners: {"linux-*": kernel@example.org, "*": ann@example.org}
    packages: ["linux-*", "lib?"]
    signers:
      zoe: {openpgp: "${'ab '.repeat(20)}", key: "${KEY}", for: [linux-*]}
      bob: {ssh: "${SSH} bob@here"}
    tests: [boots, net]
    share: 12.5%
    rollbacks_per_day: 2
    dry_run: yes
  rpms: {dnf: {url: "http://rpms.example.org/9"}, share: 0.5}
  source: {git: {url: "https://git.example.org/a.git", branch: main}, hook: {env: HOOK}}
  images: {images: all}
  suite: {tests_of: default}
`;
const files = (watches = WATCHES) => filesOf({ 'watches/all.yaml': watches });
const one = (text: string) =>
  complaintsOf(readInventoryFiles(files(`watches:\n  x: {${text}}\n`), { base: '/lab' }));
const GIT = 'git: {url: "https://g.example.org/a", branch: main}';

describe('places where new versions arrive', () => {
  it('are read, with what is not said', () => {
    const [debs, images, rpms, source, suite] = inventoryOf(files()).watches ?? [];
    expect(debs).toMatchObject({
      place: { kind: 'apt', suite: 'stable', component: 'main' },
      project: 'default',
      every: '*/5 * * * *',
      share: 0.125,
      rollbacksPerDay: 2,
      dryRun: true,
      signers: [
        { name: 'bob', by: { kind: 'ssh', key: `${SSH} bob@here` } },
        { name: 'zoe', by: { kind: 'openpgp', fingerprint: 'AB'.repeat(20) }, for: ['linux-*'] },
      ],
    });
    expect(images).toEqual({
      name: 'images',
      place: { kind: 'image' },
      project: 'default',
      every: '*/10 * * * *',
      share: 0.25,
      rollbacksPerDay: 5,
    });
    expect(rpms).toMatchObject({ place: { kind: 'dnf' }, share: 0.5 });
    // With a web hook nothing is looked at by the clock, unless it is said.
    expect(source).not.toHaveProperty('every');
    expect(suite?.place).toEqual({ kind: 'test', project: 'default' });
  });

  it('are printed so that they read back as the same', () => {
    const inventory = inventoryOf(files());
    expect(inventoryOf(printInventory(inventory))).toEqual(inventory);
  });

  it('are told apart field by field', () => {
    const other = inventoryOf(files(WATCHES.replace('branch: main', 'branch: next')));
    expect(diffInventories(inventoryOf(files()), other)).toEqual([
      {
        what: 'watch',
        name: 'source',
        change: 'changed',
        fields: [{ field: 'place.branch', old: 'main', new: 'next' }],
      },
    ]);
  });

  it('are applied so that they are given back as the same, and go with the inventory', async () => {
    const database = await freshDatabase();
    const store = await Store.open(database.url, { poolSize: 2 });
    try {
      await store.rows(`INSERT INTO project (name) VALUES ('net')`);
      const inventory = inventoryOf(files());
      expect(await applyInventory(store, inventory)).toMatchObject({ kind: 'applied' });
      expect(await readAppliedInventory(store)).toEqual(inventory);
      await applyInventory(store, inventoryOf(filesOf()));
      expect(await readAppliedInventory(store)).not.toHaveProperty('watches');
      const stranger = inventoryOf(files(WATCHES.replace('tests_of: default', 'tests_of: nett')));
      expect(await applyInventory(store, stranger)).toMatchObject({
        kind: 'refused',
        problems: [
          { message: "watch 'suite' is for project 'nett', which is not there: did you mean 'net'?" },
        ],
      });
    } finally {
      await store.close();
      await database.drop();
    }
  });

  it.each([
    ['every: "* * * * *"', /2:6 say what 'x' looks at, one of apt, dnf, git, images, tests_of/],
    [`${GIT}, images: all`, /say what 'x' looks at/],
    ['apt: {url: "https://d.example.org", suite: a}', /by which public 'key: \|' it is signed, or 'unsigned/],
    ['apt: {url: "https://d.example.org", unsigned: yes}', /'suite' is missing/],
    ['apt: {url: "ftp://d.example.org", suite: a, unsigned: yes}', /'ftp.*' is no address of a repository/],
    ['apt: {url: "https://d.example.org", suite: "a b", unsigned: yes}', /'a b' is not the name of a suite/],
    ['dnf: {url: "https://a:b@r.example.org"}', /password/],
    ['git: {url: "https://g.example.org/a"}', /'branch' is missing: which branch/],
    ['git: {url: "https://g.example.org/a", branch: "a..b"}', /it is no branch/],
    ['images: some', /'some' is none of all/],
    [`${GIT}, every: hourly`, /'hourly' is no line of cron/],
    [`${GIT}, owners: {"*": ann}`, /'ann' is not an address of mail/],
    [`${GIT}, owners: {"a b": ann@example.org}`, /'a b' is not a name, in which/],
    [`${GIT}, share: 0`, /'0' is no share of the grid: write 25%/],
    [`${GIT}, share: 101%`, /'101%' is no share/],
    [`${GIT}, rollbacks_per_day: many`, /'many' is not a whole number/],
    [`${GIT}, signers: [ann]`, /below 'signers:' stands each by name/],
    [`${GIT}, signers: {ann: {}}`, /it is one of the two/],
    [`${GIT}, signers: {ann: {openpgp: abc, key: "${KEY}"}}`, /'abc' is no fingerprint/],
    [`${GIT}, signers: {ann: {openpgp: ${'a'.repeat(40)}}}`, /'key' is missing: the public key itself/],
    [`${GIT}, signers: {ann: {key: "${KEY}"}}`, /'openpgp' is missing/],
    [`${GIT}, signers: {ann: {ssh: nonsense}}`, /'nonsense' is not a public key of SSH/],
    [`${GIT}, hook: {file: here}`, /path from the root/],
    [`${GIT}, hook: secret`, /'hook' has fields of its own/],
    [`${GIT}, packages: [a]`, /a branch has no packages/],
    [`${GIT}, signers: {ann: {ssh: "${SSH}", for: [a]}}`, /a branch has no packages: whoever signs/],
    [`${GIT}, shares: 1`, /unknown key 'shares': did you mean 'share'/],
  ])('refuse %s with its place', (text, complaint) => {
    expect(one(text).join('\n')).toMatch(complaint);
    expect(one(text)[0]).toMatch(/^watches\/all\.yaml:2:\d+ /);
  });
});
