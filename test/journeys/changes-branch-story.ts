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
      return commitAt(n, { 'parts.list': 'core\npump\n' });
    case MENDED:
      return commitAt(n, { 'parts/pump': 'echo pumps\n' });
    case BREAKS_AGAIN:
      return commitAt(n, { 'parts/core': undefined });
    default:
      return commitAt(n);
  }
}

async function trusted({ yard, commits }: BranchScene): Promise<number> {
  const [row] = await yard.rows<{ baseline: string }>(`SELECT baseline FROM component WHERE name = '${BRANCH}'`);
  return commits.indexOf(row?.baseline ?? '') + 1;
}

async function told({ yard }: BranchScene): Promise<readonly { owner: string; title: string; id: string }[]> {
  return yard.rows(
    `SELECT data->>'owner' AS owner, data->>'title' AS title, subject AS id FROM history WHERE kind = 'culprit.told' ORDER BY txid, id`,
  );
}

/** What the grid has decided since it was last asked, for somebody who watches. */
function teller({ yard, say }: BranchScene): () => Promise<void> {
  let seen = 0;
  return async () => {
    const rows = await yard.rows<{ kind: string; subject: string; why: string }>(
      `SELECT kind, subject, coalesce(data->>'why', data->>'title', data->>'reason', '') AS why FROM history
       WHERE kind ~ '^(intake|search|pin|culprit|incident|host)[.]' AND kind <> 'incident.weighed' ORDER BY txid, id OFFSET ${seen}`,
    );
    seen += rows.length;
    for (const { kind, subject, why } of rows) {
      say(`${kind} ${subject}: ${why}`);
      if (kind !== 'search.done') continue;
      const trials = await yard.rows<{ tried: string }>(
        `SELECT (asked->>'state') || ' ' || coalesce(outcome, '-') AS tried FROM trial WHERE search_id = ${subject.slice(1)} ORDER BY told_at, id`,
      );
      say(trials.map(({ tried }) => tried).join(', '));
    }
  };
}

/** Waits until nothing is tried any more. */
async function settled(scene: BranchScene): Promise<void> {
  const tell = teller(scene);
  await until('each commit has its answer', 10 * MINUTES, async () => {
    await tell();
    const [row] = await scene.yard.rows<{ open: number; begun: number }>(
      `SELECT count(*) FILTER (WHERE closed_at IS NULL)::integer AS open, count(*)::integer AS begun FROM intake`,
    );
    return row !== undefined && row.begun > 0 && row.open === 0;
  });
  await tell();
}

/** What an ordinary run that needs the build says of the commit it had. */
async function commitOfRun({ yard, commits }: BranchScene): Promise<number> {
  const run = await yard.grid.carryOut(shellTest('works', '/opt/engine/engine', 'requires: engine'));
  assert.equal(run.verdict, 'passed', run.reason);
  const { out } = await yard.grid.cli('logs', run.id);
  return commits.findIndex((commit) => out.includes(commit)) + 1;
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
      await settled(scene);
      assert.deepEqual((await told(scene)).map(({ owner, title }) => [owner, title]), [
        [authorOf(BREAKS_AGAIN), `${BRANCH} ${scene.commits[BREAKS_AGAIN - 1]} cannot be installed`],
      ]);
      assert.equal(await trusted(scene), BREAKS_AGAIN - 1);
    },
  },
];
