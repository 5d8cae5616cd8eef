import assert from 'node:assert/strict';
import type { AptRepository } from '../../lab/apt-repository.js';
import type { GitServer } from '../../lab/git-server.js';
import type { IncidentView, RunDetail } from '../../src/http/contract.js';
import type { LightHost } from '../lab.js';
import { until } from './program.js';
import { chainOf, type Grid, shellTest, type TestFile } from './yard.js';

/** Where the story plays: a grid on light hosts, with an executor, a package mirror and a git server of its own. */
export interface Scene {
  readonly grid: Grid;
  readonly hosts: readonly LightHost[];
  readonly mirror: AptRepository;
  readonly git: GitServer;
  readonly executor: { kill(): Promise<void>; start(): Promise<void> };
  /** What happens, for somebody who watches. */
  say(line: string): void;
  /** Whom the grid has told of an incident, once for each time. */
  told(incident: string): Promise<readonly string[]>;
}

/** A part of the story; it leaves the grid as it found it. */
export interface Chapter {
  readonly title: string;
  play(scene: Scene): Promise<void>;
}

/** What the story's inventory says, but for its hosts. */
export function storyInventory(mirror: AptRepository, git: GitServer, commit: string) {
  return {
    tags: `tags:
  pristine: {meaning: The image was put back.}
  win_fresh_install: {meaning: Nothing was put on the system since it was installed., decays: packages}
  fresh_reboot: {meaning: No test ran since the boot., decays: test}
  lab-tool:
    meaning: Version of the tool that is installed.
    kind: version
    scheme: deb
    probe: if [ -e /usr/share/lab-tool/version ]; then cat /usr/share/lab-tool/version; fi
  app: {meaning: The app was built of the commit under test., probe: test -x /opt/app/bin/app}
  promised: {meaning: A step says that it gives it., probe: test -e /var/tmp/promised}
  card: {meaning: A card that a test needs., kind: device}
`,
    steps: `steps:
  minbase:
    layer: image
    owner: images@example.org
    gives: [pristine, win_fresh_install]
    cost: 6s
    timeout: 3m
    restore: minbase
    no_undo: the next image takes its place
${['1.0', '2.0'].map((version) => toolStep(version)).join('')}  app:
    layer: build
    owner: app@example.org
    gives: [app]
    cost: 3s
    timeout: 3m
    build:
      git: ${git.url('app')}
      commit: ${commit}
      from: git-server
      into: /opt/app
      recipe: |
        mkdir "$OUT/bin" && cp app.sh "$OUT/bin/app" && chmod 755 "$OUT/bin/app"
    undo: rm -rf /opt/app
  fresh-boot:
    layer: boot
    owner: boots@example.org
    gives: [fresh_reboot]
    cost: 2s
    timeout: 3m
    reboot: {}
    no_undo: a boot cannot be taken back
  promise:
    layer: use
    owner: liar@example.org
    gives: [promised]
    cost: 1s
    timeout: 1m
    script: echo done
    no_undo: it does nothing
`,
    resources: `resources:
  mirror:
    meaning: The package mirror of the lab.
    owner: mirror@example.org
    repository:
      kind: apt
      url: ${mirror.url}
      suite: stable
      key: |
${indented(mirror.key, 8)}
  git-server:
    meaning: The git server of the lab.
    owner: git@example.org
`,
  };
}

function toolStep(version: string): string {
  return `  lab-tool-${version[0]}:
    layer: packages
    owner: tools@example.org
    gives: [lab-tool = ${version}]
    cost: 2s
    timeout: 3m
    packages:
      install: [lab-tool = ${version}]
      from: [mirror]
`;
}

function indented(text: string, by: number): string {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => ' '.repeat(by) + line)
    .join('\n');
}

const MINUTES = 60_000;

/** Tests of the first two chapters, and what each needs. */
const WANTED: readonly TestFile[] = [
  shellTest('at-one', '[ "$(cat /usr/share/lab-tool/version)" = 1.0 ]', 'requires: lab-tool = 1.0', clean()),
  shellTest('at-two', '[ "$(cat /usr/share/lab-tool/version)" = 2.0 ]', 'requires: lab-tool >= 2', clean()),
  shellTest('on-image', 'exit 0', 'requires: pristine', clean()),
  shellTest('fresh-install', '! dpkg -s lab-tool', 'requires: win_fresh_install', clean()),
  shellTest('of-commit', '[ "$(/opt/app/bin/app)" = app-one ]', 'requires: app', clean()),
  shellTest('booted', 'exit 0', 'requires: fresh_reboot', clean()),
  shellTest('as-root', '[ "$(id -u)" = 0 ]', 'requires: root', clean()),
  shellTest('with-card', 'exit 0', 'requires: card 10de:1b80 @ 01:00.0', clean()),
];

function clean(): string {
  return 'dirties: nothing';
}

async function carryOutAll({ grid }: Scene, files: readonly TestFile[]): Promise<readonly RunDetail[]> {
  const ids = await grid.submit(files);
  return Promise.all(ids.map((id) => grid.done(id, 4 * MINUTES)));
}

function chains(runs: readonly RunDetail[]): Map<string, readonly string[]> {
  return new Map(runs.map((run) => [run.test, run.attemptList.flatMap((attempt) => chainOf(attempt))]));
}

function hostOf(run: RunDetail): string {
  return run.attemptList.at(-1)?.places[0]?.host ?? '';
}

async function openIncidents({ grid }: Scene): Promise<readonly IncidentView[]> {
  return (await grid.incidents()).filter(({ closedAt }) => closedAt === undefined);
}

async function allWell(scene: Scene): Promise<void> {
  await until('every host is good and nothing is open', 5 * MINUTES, async () => {
    const hosts = await Promise.all(scene.hosts.map(({ name }) => scene.grid.host(name)));
    // A step that lies and a test whose setup is broken stay what they are.
    const open = (await openIncidents(scene)).filter(({ scope }) => scope !== 'step' && scope !== 'test');
    return open.length === 0 && hosts.every(({ health, state }) => health === 'good' && state !== 'offline');
  });
}

/** Uses an image up, submits what needs it anew, and kills the executor while it puts the image back; the run, done. */
async function killedInRestore(scene: Scene, wants: TestFile): Promise<RunDetail> {
  const { grid, executor } = scene;
  await carryOutAll(scene, [wants]);
  const [id = ''] = await grid.submit([wants]);
  const isUnderWay = ({ attemptList }: RunDetail) =>
    attemptList.some(({ steps }) =>
      steps.some(({ step, result }) => step === 'minbase' && result === undefined),
    );
  await grid.when(id, 'is being restored', (run) => isUnderWay(run) || run.state === 'done', 3 * MINUTES);
  await executor.kill();
  await executor.start();
  return grid.done(id, 5 * MINUTES);
}

/** The story, in order. */
export const CHAPTERS: readonly Chapter[] = [
  {
    title:
      'tests that need a package at a version, an image, a build, a boot, root and a card are planned and pass',
    async play(scene) {
      const { grid } = scene;
      const plan = await grid.cli('explain', 'lab-tool = 1.0');
      scene.say(plan.out);
      assert.match(plan.out, /lab-tool-1/, plan.err);
      const runs = await carryOutAll(scene, WANTED);
      for (const run of runs) {
        assert.equal(run.verdict, 'passed', `${run.test}: ${run.reason}`);
        const chain = chainOf(run.attemptList.at(-1));
        scene.say(`${run.test} on ${hostOf(run)}: ${chain.join(', ') || 'nothing to do'}`);
      }
      const done = chains(runs);
      assert.ok(done.get('at-one')?.includes('lab-tool-1'));
      assert.ok(done.get('at-two')?.includes('lab-tool-2'));
      assert.ok(done.get('of-commit')?.includes('app'));
      assert.deepEqual(done.get('with-card'), []);
      assert.deepEqual(done.get('as-root'), []);
      // Each host is put back at most as often as something asked for what only an image gives.
      const restores = [...done.values()].flat().filter((step) => step === 'minbase');
      assert.ok(restores.length <= 2, `${restores.length} restores`);
    },
  },
  {
    title: 'again: only what has decayed is done',
    async play(scene) {
      // What one of the tests has displaced on the only host that had it is brought back once.
      await carryOutAll(scene, WANTED);
      const again = chains(await carryOutAll(scene, WANTED));
      for (const [test, chain] of again) scene.say(`${test}: ${chain.join(', ') || 'nothing to do'}`);
      for (const test of ['at-one', 'at-two', 'of-commit', 'on-image', 'with-card', 'as-root'])
        assert.deepEqual(again.get(test), [], test);
      assert.deepEqual(again.get('booted'), ['fresh-boot']);
    },
  },
  {
    title: "one host's sshd goes bad: suspect, canary, quarantined, its owner told once; runs go elsewhere",
    async play(scene) {
      const { grid, hosts } = scene;
      const [bad] = hosts as [LightHost];
      await bad.killSshd();
      await bad.cutConnections();
      const files = Array.from({ length: 6 }, (_, n) => shellTest(`elsewhere-${n}`, 'exit 0', clean()));
      for (const run of await carryOutAll(scene, files)) {
        assert.equal(run.verdict, 'passed', run.reason);
        assert.notEqual(hostOf(run), bad.name);
      }
      await until(
        'it is quarantined',
        3 * MINUTES,
        async () => (await grid.host(bad.name)).health === 'quarantined',
      );
      const open = await openIncidents(scene);
      assert.deepEqual(
        open.map(({ scope, host }) => [scope, host]),
        [['host', bad.name]],
      );
      assert.deepEqual(await scene.told(open[0]?.id ?? ''), ['hosts@example.org']);
      scene.say(`${bad.name} is quarantined, ${open[0]?.id}: ${open[0]?.title}`);
      await bad.startSshd();
      await allWell(scene);
      assert.deepEqual(await scene.told(open[0]?.id ?? ''), ['hosts@example.org']);
    },
  },
  {
    title:
      'the mirror goes down: no host is blamed, other work goes on; it comes back: runs resume by themselves',
    async play(scene) {
      const { grid, mirror, hosts } = scene;
      await mirror.server.down();
      const wants = Array.from({ length: 3 }, (_, n) =>
        shellTest(`wants-${n}`, 'exit 0', 'requires: lab-tool = 1.0, win_fresh_install | pristine', clean()),
      );
      // Whatever is installed by now is taken away, so that the mirror is needed.
      const needs = hosts.map((host) => host.exec('rm -f /usr/share/lab-tool/version'));
      await Promise.all(needs);
      const held = await grid.submit(wants);
      const incident = await until('the mirror is blamed', 4 * MINUTES, async () =>
        (await openIncidents(scene)).find(({ scope }) => scope === 'resource'),
      );
      const others = await carryOutAll(scene, [shellTest('without-packages', 'exit 0', clean())]);
      assert.equal(others[0]?.verdict, 'passed');
      await until('no host is in doubt', 3 * MINUTES, async () => {
        const now = await Promise.all(hosts.map(({ name }) => grid.host(name)));
        return now.every(({ health }) => health === 'good');
      });
      assert.deepEqual(await scene.told(incident.id), ['mirror@example.org']);
      assert.equal((await openIncidents(scene)).length, 1);
      scene.say(`${incident.id}: ${incident.title}`);
      await mirror.server.up();
      for (const id of held) assert.equal((await grid.done(id, 5 * MINUTES)).verdict, 'passed');
      await allWell(scene);
    },
  },
  {
    title: 'a step gives a tag that is not there: its owner is told, and no test runs on a false premise',
    async play(scene) {
      const { grid } = scene;
      const [id = ''] = await grid.submit([shellTest('believes', 'exit 0', 'requires: promised', clean())]);
      const run = await grid.when(id, 'is held', ({ state }) => state === 'held', 3 * MINUTES);
      for (const attempt of run.attemptList) assert.equal(attempt.testStartedAt, undefined);
      const incident = await until('the step is blamed', 3 * MINUTES, async () =>
        (await openIncidents(scene)).find(({ scope, step }) => scope === 'step' && step === 'promise'),
      );
      assert.equal(incident.step, 'promise');
      assert.deepEqual(await scene.told(incident.id), ['liar@example.org']);
      scene.say(`${incident.id}: ${incident.title}`);
      await grid.cli('cancel', id);
    },
  },
  {
    title: "a test's own setup is broken: its owner is told once, no host is blamed",
    async play(scene) {
      const { grid, hosts } = scene;
      const broken = {
        name: 'own-setup.yaml',
        text: 'testyard: 1\nname: own-setup\nowner: tester@example.org\ndirties: nothing\nsetup: "echo no; exit 1"\nrun: "exit 0"\n',
      };
      const [id = ''] = await grid.submit([broken]);
      await grid.when(id, 'is held', ({ state }) => state === 'held', 4 * MINUTES);
      const incident = (await openIncidents(scene)).find(({ scope }) => scope === 'test');
      assert.ok(incident !== undefined, 'an incident of the test');
      assert.deepEqual(await scene.told(incident.id), ['tester@example.org']);
      for (const { name } of hosts) assert.equal((await grid.host(name)).health, 'good');
      await grid.cli('cancel', id);
    },
  },
  {
    title:
      'the network is gone: the grid halts, the queue stays, admins are told; it is back: the grid resumes',
    async play(scene) {
      const { grid, hosts } = scene;
      await Promise.all(hosts.map((host) => host.unplug()));
      const files = Array.from({ length: 4 }, (_, n) => shellTest(`in-the-dark-${n}`, 'exit 0', clean()));
      const ids = await grid.submit(files);
      const incident = await until('one cause for all of it', 5 * MINUTES, async () =>
        (await openIncidents(scene)).find(({ scope }) => scope === 'grid' || scope === 'pool'),
      );
      scene.say(`${incident.id}: ${incident.title}`);
      assert.deepEqual(await scene.told(incident.id), ['admin@example.org']);
      for (const id of ids) assert.equal((await grid.run(id)).verdict, undefined);
      await Promise.all(hosts.map((host) => host.plug()));
      for (const id of ids) assert.equal((await grid.done(id, 6 * MINUTES)).verdict, 'passed');
      await allWell(scene);
    },
  },
  {
    title: 'the executor is killed in a restore: what it began is not trusted, and is done again',
    async play(scene) {
      const wants = shellTest(
        'after-restore',
        '! dpkg -s lab-tool',
        'requires: win_fresh_install',
        'dirties: image',
      );
      // A restore takes a second: one that was over when the executor died is no restore that was cut off.
      for (let turn = 1; ; turn++) {
        const { attemptList, verdict, reason } = await killedInRestore(scene, wants);
        assert.equal(verdict, 'passed', reason);
        const wasOver = attemptList
          .slice(0, -1)
          .some(({ steps }) => steps.some(({ step, result }) => step === 'minbase' && result === 'ok'));
        if ((wasOver || attemptList.length === 1) && turn < 5) continue;
        const last = chainOf(attemptList.at(-1));
        assert.ok(last.includes('minbase'), 'the image is put back again');
        scene.say(`${attemptList.length} attempts, the last: ${last.join(', ')}`);
        return;
      }
    },
  },
  {
    title: 'one bad test kills a host at every try: stopped at two, and reported as crashed',
    async play(scene) {
      const { grid, hosts } = scene;
      const [id = ''] = await grid.submit([shellTest('killer', 'sleep 600', clean())]);
      const [died, back] = [new Set<string>(), new Set<string>()];
      const deadline = performance.now() + 5 * MINUTES;
      for (;;) {
        const run = await grid.run(id);
        if (run.state === 'done') break;
        assert.ok(performance.now() < deadline, `not done: ${run.state} ${run.reason}`);
        for (const { id: attempt, testStartedAt, outcome, places } of run.attemptList) {
          const host = hosts.find(({ name }) => name === places[0]?.host);
          // No test can take a light host's kernel down: its machine goes when the test is seen to run.
          if (testStartedAt !== undefined && !died.has(attempt)) {
            died.add(attempt);
            await host?.crash();
          }
          // Whoever looks after the machines starts the one that is down.
          if (outcome !== undefined && died.has(attempt) && !back.has(attempt)) {
            back.add(attempt);
            await host?.boot();
          }
        }
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
      const run = await grid.run(id);
      assert.equal(run.verdict, 'failed', run.reason);
      assert.match(run.reason, /crashed/);
      assert.equal(new Set(run.attemptList.map(({ places }) => places[0]?.host)).size, 2);
      scene.say(run.reason);
      await allWell(scene);
    },
  },
];
