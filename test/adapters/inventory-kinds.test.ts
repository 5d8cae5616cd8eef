import { describe, expect, it } from 'vitest';
import { printInventory } from '../../src/adapters/inventory-print.js';
import { readInventoryFiles } from '../../src/adapters/inventory-reading.js';
import { isOfItsMoment } from '../../src/domain/step.js';
import { readAppliedInventory } from '../../src/store/applied-inventory.js';
import { applyInventory } from '../../src/store/inventory.js';
import { Store } from '../../src/store/store.js';
import { freshDatabase } from '../database.js';
import { KINDS } from './inventory-kinds.js';
import { complaintsOf, filesOf, inventoryOf } from './inventory-lab.js';

const lab = () => inventoryOf(filesOf({}, KINDS));
const step = (name: string) => {
  const found = lab().steps.find((one) => one.name === name);
  if (found === undefined) throw new Error(`there is no step ${name}`);
  return found;
};

describe('steps of every kind', () => {
  it('are printed so that they read back as the same', () => {
    expect(inventoryOf(printInventory(lab()))).toEqual(lab());
  });

  it('are applied so that they are given back as the same', async () => {
    const database = await freshDatabase();
    const store = await Store.open(database.url, { poolSize: 2, plans: 'once' });
    try {
      // A project is made by people.
      const here = inventoryOf(filesOf({ 'pools.yaml': 'pools:\n  north:\n  south:\n  east:\n' }, KINDS));
      expect(await applyInventory(store, here)).toMatchObject({ kind: 'applied' });
      expect(await readAppliedInventory(store)).toEqual(here);
    } finally {
      await store.close();
      await database.drop();
    }
  });

  it('carry what they name: repositories with their keys, images with those below, files with their bytes', () => {
    expect(step('debs')).toMatchObject({
      uses: ['debs'],
      artefacts: ['kernel.deb'],
      undo: { own: true },
      action: {
        install: [
          { name: 'hello', version: '2.10-3' },
          { name: 'libfoo:amd64', version: '1:2~rc1+b1' },
        ],
        from: [{ resource: 'debs', suite: 'stable', key: expect.stringContaining('mDMEZ') }],
      },
    });
    expect(step('top')).toMatchObject({
      gives: ['kernel', 'vendor:tools', 'win_fresh_install'],
      action: { spec: { name: 'top', source: { base: { name: 'middle' }, timeoutMs: 300_000 } } },
    });
    expect(step('file')).toMatchObject({ action: { mode: '0600', what: { bytes: 'aGVsbG8AAQ==' } } });
    expect(step('source')).toMatchObject({ uses: ['git'] });
    expect(step('booted').undo).toEqual({ none: 'a boot cannot be taken back' });
  });

  it('leave it to nobody else what only a submission or a moment says', () => {
    const ofTheirMoment = lab().steps.filter(isOfItsMoment);
    expect(ofTheirMoment.map(({ name }) => name)).toEqual(['artefact', 'debs', 'here', 'tip']);
  });
});

describe('what is wrong with a step or an image', () => {
  const one = (text: string) => ({
    'steps/z.yaml': `steps:\n  z: {owner: A, layer: packages, gives: [vendor:z], ${text}}\n`,
  });
  const image = (text: string) => ({
    'images.yaml': `images:\n  debian-12: {owner: I, meaning: m, recipe: x}\n  top: {owner: I, meaning: m, ${text}}\n`,
  });
  const git = 'git: "https://g/a", into: /srv/a';

  it.each([
    [
      'no kind',
      one('undo: x'),
      'steps/z.yaml:2:6 say what the step does by one of script, restore, packages, fetch, build, module, reboot, copy',
    ],
    ['two kinds', one('script: x, reboot: yes, undo: x'), / not script and reboot$/],
    [
      'a kind in a wrong layer',
      one('reboot: yes'),
      "steps/z.yaml:2:24 a step of kind 'reboot' is of layer 'boot', not 'packages'",
    ],
    [
      'no undo of a script',
      one('script: x'),
      "steps/z.yaml:2:6 say either 'undo: |' or in 'no_undo: ...' why there is none",
    ],
    [
      'an undo that there is not',
      one('packages: {install: a}, undo: x, no_undo: y'),
      /:95 say either 'undo: \|'/,
    ],
    [
      'a package that is none',
      one('packages: {install: [a b]}'),
      "steps/z.yaml:2:74 'a b' is no package: write NAME, or NAME = VERSION",
    ],
    ['a package twice', one('packages: {install: [a, a = 2]}'), /'a' stands twice in 'install'$/],
    [
      'a package in and out',
      one('packages: {install: [a], remove: [a]}'),
      /'a' cannot be both put in and taken out$/,
    ],
    ['nothing of packages', one('packages: {by: apt}'), /say what becomes of packages/],
    [
      'a repository nobody knows',
      one('packages: {install: a, from: [dbes]}'),
      "steps/z.yaml:2:83 unknown resource 'dbes': did you mean 'debs'?",
    ],
    [
      'a repository of the other kind',
      one('packages: {install: a, from: [rpms]}'),
      "steps/z.yaml:2:83 'rpms' is a repository for dnf, not for apt: say 'repository:' of it in resources.yaml",
    ],
    [
      'a resource that is no repository',
      one('packages: {install: a, from: [git]}'),
      /'git' is no repository of packages/,
    ],
    ['a root for apt', one('packages: {install: a, root: /x}'), /'root' is said of packages by dnf/],
    [
      'a short commit',
      one(`fetch: {${git}, commit: abc}`),
      /'abc' is not a commit in full, with all its 40 digits$/,
    ],
    ['no commit', one(`fetch: {${git}}`), /say which commit: either 'commit:' in full, or 'branch:'/],
    [
      'a way out of its folder',
      one('fetch: {git: "https://g/a", branch: m, into: /srv/../etc}'),
      /'\/srv\/..\/etc' is no plain path/,
    ],
    [
      'all of a host',
      one('fetch: {git: "https://g/a", branch: m, into: /srv}'),
      /'\/srv' would take the place of all that is there: name something in it$/,
    ],
    [
      'an address that is none',
      one('fetch: {git: "ext::sh -c x", branch: m, into: /srv/a}'),
      /is no address of a repository/,
    ],
    [
      'a build without a recipe',
      one(`build: {${git}, branch: m}`),
      /'recipe' is missing: shell text that leaves what it makes in \$OUT$/,
    ],
    ['a copy of nothing', one('copy: {to: /etc/x}'), /say what is copied by one of text, file, artefact$/],
    [
      'a copy of an unknown file',
      one('copy: {file: etc/mtod, to: /etc/x}'),
      /'etc\/mtod' is not there: did you mean 'etc\/motd'\?$/,
    ],
    [
      'a mode that is none',
      one('copy: {text: x, to: /etc/x, mode: rw}'),
      /'rw' is not a mode in octal, such as 0644$/,
    ],
    [
      'a parameter that is none',
      {
        'steps/z.yaml':
          'steps:\n  z: {owner: A, layer: boot, gives: [vendor:z], module: {name: x, parameters: [a b]}}\n',
      },
      /'a b' is not NAME=VALUE$/,
    ],
    [
      'an unknown image',
      { 'steps/z.yaml': 'steps:\n  z: {owner: A, layer: image, gives: [vendor:z], restore: tops}\n' },
      /unknown image 'tops': did you mean 'top'\?$/,
    ],
    [
      'an image from nowhere',
      image('tags: []'),
      "images.yaml:3:8 say where the image comes from: either 'file:' and 'digest:', or 'recipe: |'",
    ],
    [
      'an image without a digest',
      image('file: /srv/x'),
      /'digest' is missing: the SHA-256 by which the file is known$/,
    ],
    ['an image on itself', image('recipe: x, base: top'), "images.yaml:3:48 'top' stands on 'top' itself"],
    [
      'an image on an unknown one',
      image('recipe: x, base: debian-21'),
      /unknown image 'debian-21': did you mean 'debian-12'\?$/,
    ],
    [
      'a private key',
      {
        'resources/more.yaml':
          'resources:\n  debs: {owner: A, meaning: m, repository: {kind: apt, url: "https://x/", suite: s, key: abc}}\n  rpms: {meaning: m}\n  git: {meaning: m}\n',
      },
      /this is no public key/,
    ],
    [
      'a repository that nobody signed',
      {
        'resources/more.yaml':
          'resources:\n  debs: {owner: A, meaning: m, repository: {kind: apt, url: "https://x/", suite: s}}\n  rpms: {meaning: m}\n  git: {meaning: m}\n',
      },
      /say by which public 'key: \|' it is signed, or 'unsigned: yes'$/,
    ],
  ])('%s', (_, changes, complaint) => {
    const [first] = complaintsOf(readInventoryFiles(filesOf(changes, KINDS)));
    if (typeof complaint === 'string') expect(first).toBe(complaint);
    else expect(first).toMatch(complaint);
  });

  it('on: grid is refused where the admin has not allowed it, of scripts and builds', () => {
    const changes = { 'grid.yaml': 'name: lab\nadmin: Ann\n' };
    const found = complaintsOf(readInventoryFiles(filesOf(changes, KINDS)));
    const refused = "steps run on the executor's machine only where grid.yaml says 'grid_steps: yes'";
    expect(found.map((line) => line.replace(/^\S+ /, ''))).toEqual([refused, refused]);
  });
});
