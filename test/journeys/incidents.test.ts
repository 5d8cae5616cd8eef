import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canRunLightHosts, type LightHost, lightHosts } from '../lab.js';
import { until } from './program.js';
import { shellTest, startYard, type TestFile, type Yard } from './yard.js';

const obstacle = canRunLightHosts();

const TAGS = `tags:
  promised:
    meaning: A step says that it gives it; its probe says no.
    probe: test -e /var/tmp/promised
`;

const STEPS = `steps:
  promise:
    layer: use
    owner: liar@example.org
    gives: [promised]
    cost: 1s
    timeout: 1m
    script: echo done
    no_undo: it does nothing
`;

describe.skipIf(obstacle !== undefined)(
  `a failure of the grid is never a test's${obstacle === undefined ? '' : ` (skipped: ${obstacle})`}`,
  () => {
    let yard: Yard;
    let hosts: LightHost[] = [];
    const healths = async () =>
      Promise.all(hosts.map(async (host) => (await yard.grid.host(host.name)).health));
    /** Everything that history tells of a kind. */
    const told = (kind: string) =>
      yard.rows<{ subject: string; data: Record<string, unknown> }>(
        `SELECT subject, data FROM history WHERE kind = '${kind}' ORDER BY txid, id`,
      );
    const saved = async ({ name, text }: TestFile) => {
      const file = path.join(yard.folder, name);
      await writeFile(file, text);
      return file;
    };

    beforeAll(async () => {
      hosts = await lightHosts(2);
      yard = await startYard({ hosts: hosts.map((host) => ({ host })), tags: TAGS, steps: STEPS });
      await until('both hosts are known', 60_000, async () => {
        const seen = await Promise.all(hosts.map((host) => yard.grid.host(host.name)));
        return seen.every((host) => host.state === 'idle' && host.health === 'good');
      });
    }, 300_000);

    afterAll(async () => {
      await yard?.stop();
      for (const host of hosts) await host.stop();
    }, 120_000);

    test('a host whose sshd is dead is left out, its run goes elsewhere, and it comes back by itself', async () => {
      const script = '[ "$TESTYARD_ATTEMPT_NUMBER" -gt 1 ] || sleep 4720';
      const run = await yard.grid.submitOne(shellTest('goes-elsewhere', script));
      const running = await yard.grid.when(run, 'runs', (r) => r.attemptList[0]?.testStartedAt !== undefined);
      const host = hosts.find(({ name }) => name === running.attemptList[0]?.places[0]?.host) as LightHost;
      const other = hosts.find(({ name }) => name !== host.name) as LightHost;
      await host.killSshd();
      await host.cutConnections();

      const done = await yard.grid.done(run);
      expect(done).toMatchObject({ verdict: 'passed', attempts: 2 });
      expect(done.attemptList.map((a) => [a.outcome, a.places[0]?.host])).toEqual([
        ['host_lost', host.name],
        ['ended', other.name],
      ]);
      await until('it is quarantined', 90_000, async () => {
        return (await yard.grid.host(host.name)).health === 'quarantined';
      });
      const [open] = (await yard.grid.incidents()).filter((i) => i.closedAt === undefined);
      expect(open).toMatchObject({ scope: 'host', host: host.name, owner: 'hosts@example.org' });
      // Meanwhile the others work on.
      expect(await yard.grid.carryOut(shellTest('meanwhile', 'exit 0'))).toMatchObject({
        verdict: 'passed',
        attempts: 1,
      });
      const shown = await yard.grid.cli('show', open?.id ?? '');
      expect(shown.out).toMatch(/owner +hosts@example\.org/);

      await host.startSshd();
      await until('it is good again', 120_000, async () => {
        return (await yard.grid.host(host.name)).health === 'good';
      });
      expect((await yard.grid.incident(open?.id ?? '')).closeReason).toBe('a canary works there again');
      const back = await yard.grid.carryOut(shellTest('back', 'exit 0'), { targets: [{ host: host.name }] });
      expect(back).toMatchObject({ verdict: 'passed', attempts: 1, marks: [] });
      const words = await yard.rows<{ kind: string }>(
        `SELECT kind FROM history WHERE kind LIKE 'host.%' AND data->>'host' = '${host.name}' ORDER BY txid, id`,
      );
      expect(words.map(({ kind }) => kind).slice(-3)).toEqual([
        'host.suspect',
        'host.quarantined',
        'host.good',
      ]);
      expect((await told('owner.told')).filter(({ subject }) => subject === open?.id)).toHaveLength(1);
    }, 240_000);

    test('a step that claims what the probe denies: its owner is told, and no test runs on a false premise', async () => {
      const file = await saved(
        shellTest('believes', 'touch /var/tmp/believed', 'requires: promised', 'owner: t@example.org'),
      );
      const { code, out } = await yard.grid.cli('submit', file, '--watch');
      expect(code, out).toBe(3);
      const [run = ''] = /^(r\d+) +believes +held +.*i\d+/m.exec(out)?.slice(1) ?? [];
      // First the host is in doubt as well; a look at the other one settles it.
      const detail = await yard.grid.when(run, 'is held for the step', (r) => r.state === 'held');
      expect(detail.attemptList.map((attempt) => attempt.outcome)).toContain('tag_lied');
      for (const attempt of detail.attemptList) expect(attempt.testStartedAt).toBeUndefined();
      const { id: incident } = await until('the step is blamed', 90_000, async () =>
        (await yard.grid.incidents()).find((i) => i.closedAt === undefined && i.scope === 'step'),
      );
      const about = await yard.grid.incident(incident);
      expect(about).toMatchObject({ scope: 'step', step: 'promise', owner: 'liar@example.org' });
      expect(about.title).toMatch(/claims the tag promised/);
      await until('the hosts are good', 90_000, async () => (await healths()).every((h) => h === 'good'));
      for (const host of hosts) expect((await host.exec('test -e /var/tmp/believed')).code).toBe(1);
      const owners = (await told('owner.told')).filter(({ subject }) => subject === incident);
      expect(owners.map(({ data }) => data['owner'])).toEqual(['liar@example.org']);
      // Now the claim is true, and what was held goes on by itself.
      for (const host of hosts) await host.exec('touch /var/tmp/promised');
      expect(await yard.grid.done(run, 120_000)).toMatchObject({ verdict: 'passed' });
      await until('its incident is over', 60_000, async () => {
        return (await yard.grid.incident(incident)).closedAt !== undefined;
      });
    }, 240_000);

    test("a test's own broken setup is held for its owner, and goes on when it is corrected", async () => {
      const yaml = (setup: string) => ({
        name: 'own-setup.yaml',
        text: `testyard: 1\nowner: tester@example.org\nsetup: ${setup}\nrun: exit 0\n`,
      });
      const broken = await saved(yaml('echo no such database; exit 3'));
      const { code, out } = await yard.grid.cli('submit', broken, '--watch');
      expect(code).toBe(3);
      const [run = '', incident = ''] = /^(r\d+) +own-setup +held +.*(i\d+)/m.exec(out)?.slice(1) ?? [];
      const held = await yard.grid.run(run);
      expect(held).toMatchObject({ state: 'held', reason: expect.stringContaining('no such database') });
      // Tried on two hosts before anybody was asked.
      expect(new Set(held.attemptList.map((a) => a.places[0]?.host)).size).toBe(2);
      expect(await healths()).not.toContain('quarantined');
      expect(await yard.grid.incident(incident)).toMatchObject({
        scope: 'test',
        test: 'own-setup',
        owner: 'tester@example.org',
      });
      const corrected = await yard.grid.carryOut(yaml('echo there it is'));
      expect(corrected).toMatchObject({ verdict: 'passed', attempts: 1 });
      expect(await yard.grid.done(run)).toMatchObject({ verdict: 'passed' });
      expect((await yard.grid.incident(incident)).closedAt).toBeDefined();
      await until('the hosts are good', 90_000, async () => (await healths()).every((h) => h === 'good'));
    }, 180_000);
  },
);
