import assert from 'node:assert/strict';
import { authorOf, BRANCH, type BranchScene, commitAt } from './changes-branch-scene.js';
import { until } from './program.js';
import { shellTest } from './yard.js';

/** A part of the story of a branch. */
export interface BranchChapter {
  readonly title: string;
  play(scene: BranchScene): Promise<void>;
}

const MINUTES = 60_000;

/** So many commits arrive at once; the build breaks, is mended, and breaks again. */
const COUNT = 300;
const BREAKS = 120;
const MENDED = 200;
const BREAKS_AGAIN = 260;

/** The nth commit of the story. */
function storyCommit(n: number) {
  switch (n) {
    case BREAKS:
      return commitAt(n, { 'parts.list': 'core\npump\nnumber\n' });
    case MENDED:
      return commitAt(n, { 'parts/pump': 'echo pumps\n' });
    case BREAKS_AGAIN:
      return commitAt(n, { 'parts/core': undefined });
    default:
      return commitAt(n);
  }
}

async function trusted({ yard, commits }: BranchScene): Promise<number> {
  const [row] = await yard.rows<{ baseline: string }>(
    `SELECT baseline FROM component WHERE name = '${BRANCH}'`,
  );
  return commits.indexOf(row?.baseline ?? '') + 1;
}

async function searches({ yard }: BranchScene): Promise<number> {
  return (await yard.rows(`SELECT id FROM search`)).length;
}

/** The commit at which the branch is held; 0: it is not. */
async function pinned({ yard, commits }: BranchScene): Promise<number> {
  const [pin] = await yard.rows<{ version: string }>(`SELECT version FROM pin WHERE lifted_at IS NULL`);
  return commits.indexOf(pin?.version ?? '') + 1;
}

/** Waits until the newest commit has been tried, and nothing is tried any more. */
async function settled(scene: BranchScene): Promise<void> {
  const { tell } = scene;
  const head = scene.commits.at(-1);
  await until('each commit has its answer', 10 * MINUTES, async () => {
    await tell();
    const [row] = await scene.yard.rows<{ tried: boolean; open: boolean }>(
      `SELECT EXISTS (SELECT FROM intake WHERE closed_at IS NULL) AS open,
         EXISTS (SELECT FROM intake i, jsonb_array_elements(i.line) c WHERE c->>'to' = '${head}'
           AND i.id = (SELECT max(id) FROM intake)) AS tried`,
    );
    return row?.tried === true && !row.open;
  });
  await tell();
}

/** The commit that an ordinary run has which needs the build. */
async function commitOfRun({ yard: { grid } }: BranchScene): Promise<number> {
  const run = await grid.carryOut(shellTest('works', '/opt/engine/engine', 'requires: engine'));
  assert.equal(run.verdict, 'passed', run.reason);
  const { out } = await grid.cli('logs', run.id);
  return Number(/^commit (\d+)$/m.exec(out)?.[1]);
}

/** Letters to people, each with its recipient, once there are so many. */
async function lettersTo({ letters }: BranchScene, count: number) {
  return until(`${count} letters`, MINUTES, async () => (letters.length >= count ? letters : undefined));
}

/** The story: three hundred commits arrive at once. */
export const BRANCH_STORY: readonly BranchChapter[] = [
  {
    title: 'a run that needs what a branch is built to has the commit of the baseline',
    play: async (scene) => {
      assert.equal(await trusted(scene), 1);
      assert.equal(await commitOfRun(scene), 1);
    },
  },
  {
    title: `of ${COUNT} commits the build breaks at one, is mended, and breaks again: who broke what is broken now is told, nobody else`,
    play: async (scene) => {
      await scene.push(Array.from({ length: COUNT - 1 }, (_, n) => storyCommit(n + 2)));
      await until('it is searched for', 2 * MINUTES, async () => (await searches(scene)) > 0);
      assert.equal(await commitOfRun(scene), 1, 'meanwhile runs go on with what was good');
      await settled(scene);
      assert.equal(await trusted(scene), BREAKS_AGAIN - 1);
      assert.equal(await commitOfRun(scene), BREAKS_AGAIN - 1, 'runs go on with the last good commit');
      assert.equal(await pinned(scene), BREAKS_AGAIN - 1);
      const [letter, ...others] = await lettersTo(scene, 1);
      assert.deepEqual(
        others.map(({ to, headers }) => [to, headers['subject']]),
        [],
      );
      assert.deepEqual(letter?.to, [authorOf(BREAKS_AGAIN)]);
      scene.say(letter?.text ?? '');
      const bad = scene.commits[BREAKS_AGAIN - 1] ?? '';
      assert.match(letter?.text ?? '', new RegExp(`^Change: +${BRANCH} [0-9a-f]{40} -> ${bad}$`, 'm'));
      assert.match(letter?.text ?? '', new RegExp(`^ +git checkout ${bad} && .*build.sh`, 'm'));
      assert.match(letter?.headers['subject'] ?? '', /: engine [0-9a-f]{40} cannot be built$/);
      assert.match(letter?.text ?? '', /parts\/core: No such file/);
      const { out } = await scene.yard.grid.cli(
        'logs',
        /testyard logs (r\d+)/.exec(letter?.text ?? '')?.[1] ?? '',
      );
      assert.match(out, /parts\/core: No such file/);
    },
  },
  {
    title:
      'a commit that mends nothing changes nothing, and nobody is told again; one that mends it lifts the pin',
    play: async (scene) => {
      await scene.push([commitAt(COUNT + 1)]);
      await settled(scene);
      assert.equal(await trusted(scene), BREAKS_AGAIN - 1);
      await scene.push([commitAt(COUNT + 2, { 'parts/core': 'echo runs\n' })]);
      await settled(scene);
      assert.equal(await trusted(scene), COUNT + 2);
      assert.equal(await pinned(scene), 0);
      assert.equal(await commitOfRun(scene), COUNT + 2);
      const letters = await lettersTo(scene, 2);
      assert.deepEqual(
        letters.map(({ to }) => to),
        [[authorOf(BREAKS_AGAIN)], [authorOf(BREAKS_AGAIN)]],
      );
      assert.match(letters[1]?.text ?? '', /is held back no more/);
    },
  },
  {
    title:
      'commits come in portions: the next that breaks the build is told of as well, and a later portion mends it',
    play: async (scene) => {
      const from = COUNT + 3;
      const [broken, mended] = [from + 6, from + 12];
      await scene.push(
        Array.from({ length: 10 }, (_, n) =>
          commitAt(from + n, from + n === broken ? { 'parts/core': undefined } : {}),
        ),
      );
      await settled(scene);
      assert.equal(await trusted(scene), broken - 1);
      await scene.push(
        Array.from({ length: 10 }, (_, n) =>
          commitAt(from + 10 + n, from + 10 + n === mended ? { 'parts/core': 'echo runs\n' } : {}),
        ),
      );
      await settled(scene);
      assert.equal(await trusted(scene), from + 19);
      assert.equal(await pinned(scene), 0);
      const letters = await lettersTo(scene, 4);
      assert.deepEqual(
        letters.slice(2).map(({ to }) => to),
        [[authorOf(broken)], [authorOf(broken)]],
      );
    },
  },
];
