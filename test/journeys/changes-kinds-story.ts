import assert from 'node:assert/strict';
import { imagesOf, type KindsScene, ownTest } from './changes-kinds-scene.js';
import { until } from './program.js';
import { shellTest } from './yard.js';

/** A part of the story of images, tests and pushed packages. */
export interface KindsChapter {
  readonly title: string;
  play(scene: KindsScene): Promise<void>;
}

const MINUTES = 60_000;

async function trusted({ yard }: KindsScene, component: string): Promise<string> {
  const [row] = await yard.rows<{ baseline: string }>(
    `SELECT baseline FROM component WHERE name = '${component}'`,
  );
  return row?.baseline ?? '';
}

/** The newest change of a component, once it has its answer. */
async function answered({ yard, say }: KindsScene, component: string) {
  const newest = () =>
    yard.rows<{ version: string; state: string; why: string; open: boolean }>(
      `SELECT c.version, c.state, c.why, EXISTS (SELECT FROM intake i WHERE i.watch = k.watch AND i.closed_at IS NULL) AS open
       FROM change c JOIN component k ON k.id = c.component_id WHERE k.name = '${component}' ORDER BY c.position DESC LIMIT 1`,
    );
  const found = await until(`${component} has its answer`, 5 * MINUTES, async () => {
    const [change] = await newest();
    return change !== undefined && !change.open && !['new', 'testing'].includes(change.state)
      ? change
      : undefined;
  }).catch(async (error: Error) => {
    const history = await yard.rows<{ kind: string; subject: string; why: string }>(
      `SELECT kind, subject, coalesce(data->>'why', data->>'title', data->>'reason', '') AS why FROM history
       WHERE kind ~ '^(intake|search|pin|culprit|incident)[.]' ORDER BY txid DESC, id DESC LIMIT 20`,
    );
    throw new Error(`${error.message}; ${JSON.stringify([await newest(), history])}`);
  });
  say(`${component} ${found.version.slice(0, 12)} is ${found.state}: ${found.why}`);
  return found;
}

async function letterTo({ letters, say }: KindsScene, count: number) {
  await until(`${count} letters`, MINUTES, async () => letters.length >= count);
  assert.equal(
    letters.length,
    count,
    letters.map(({ to, headers }) => `${to}: ${headers['subject']}`).join('; '),
  );
  const last = letters.at(-1);
  say(last?.text ?? '');
  return last;
}

/** What an ordinary run prints that has what these tags stand for. */
async function seen({ yard: { grid } }: KindsScene, requires: string, script: string): Promise<string> {
  const headers = [`requires: ${requires}`, 'dirties: nothing'];
  const run = await grid.carryOut(shellTest('looks', `echo "saw: $(${script})"`, ...headers));
  assert.equal(run.verdict, 'passed', run.reason);
  const { out } = await grid.cli('logs', run.id);
  return /saw: (.*)/.exec(out)?.[1] ?? out;
}

/** The story, one chapter for each kind. */
export const KINDS: readonly KindsChapter[] = [
  {
    title:
      'a package that is pushed and breaks a test is told to who pushed it, and goes nowhere; a good one goes in',
    play: async (scene) => {
      const bad = await scene.pack({ name: 'app', version: '2.0~bad', maintainer: 'App <app@example.org>' });
      const pushed = await scene.dan.cli('push', bad, '--component', 'debs/app');
      assert.equal(pushed.code, 0, pushed.err);
      assert.equal((await answered(scene, 'debs/app')).state, 'blamed', (await letterTo(scene, 1))?.text);
      const letter = await letterTo(scene, 1);
      assert.deepEqual(letter?.to, ['dan@example.org']);
      assert.match(letter?.text ?? '', /debs\/app 2\.0~bad breaks app-runs/);
      assert.equal(await trusted(scene, 'debs/app'), '1.0');
      assert.equal(await seen(scene, 'app', 'cat /usr/share/app/version'), '1.0');
      const good = await scene.pack({ name: 'app', version: '2.0', maintainer: 'App <app@example.org>' });
      assert.equal((await scene.dan.cli('push', good, '--component', 'debs/app')).code, 0);
      assert.equal((await answered(scene, 'debs/app')).state, 'in_baseline');
      assert.equal(await seen(scene, 'app', 'cat /usr/share/app/version'), '2.0');
      await letterTo(scene, 2);
    },
  },
  {
    title:
      'an image that breaks a test is told to its owner, and hosts go on with the one before; a good one goes in',
    play: async (scene) => {
      const before = scene.letters.length;
      assert.equal(await seen(scene, 'os', 'cat /etc/lab-os'), 'one');
      await scene.declare('images.yaml', imagesOf('broken'));
      assert.equal((await answered(scene, 'images/base')).state, 'blamed');
      assert.deepEqual((await letterTo(scene, before + 1))?.to, ['ivy@example.org']);
      assert.equal(await seen(scene, 'os', 'cat /etc/lab-os'), 'one');
      await scene.declare('images.yaml', imagesOf('two'));
      assert.equal((await answered(scene, 'images/base')).state, 'in_baseline');
      assert.equal(await seen(scene, 'os', 'cat /etc/lab-os'), 'two');
      await letterTo(scene, before + 2);
    },
  },
  {
    title:
      "a test's own change that breaks it is told to its owner, and it is run as it was before; a good one goes in",
    play: async (scene) => {
      const before = scene.letters.length;
      const verdictOf = async () => {
        const { id } = await scene.yard.grid.ask<{ id: string }>('/submissions', 'POST', {
          tests: [{ name: 'own' }],
        });
        const [run] = await until('it unfolds', MINUTES, async () => {
          const runs = await scene.yard.grid.runs(`&submission=${id}`);
          return runs.length > 0 ? runs : undefined;
        });
        const done = await scene.yard.grid.done(run?.id ?? '');
        return [done.verdict, (await scene.yard.grid.cli('logs', done.id)).out.trim().split('\n').at(-1)];
      };
      await scene.declare('tests/own.sh', ownTest('echo second; exit 1'));
      assert.equal((await answered(scene, 'suite/own')).state, 'blamed');
      assert.deepEqual((await letterTo(scene, before + 1))?.to, ['tess@example.org']);
      assert.deepEqual(await verdictOf(), ['passed', 'first']);
      await scene.declare('tests/own.sh', ownTest('echo third'));
      assert.equal((await answered(scene, 'suite/own')).state, 'in_baseline');
      assert.deepEqual(await verdictOf(), ['passed', 'third']);
      await letterTo(scene, before + 2);
    },
  },
];
