import type { Id } from '../domain/id.js';
import { crashedTwice, type Decision, type RunMemory, sayUsed } from '../domain/judge/judge.js';
import { type NewVerdict, writeVerdicts } from '../store/judging.js';
import { decide } from '../store/leader.js';
import { type Store, wake } from '../store/store.js';
import { crashWaits, memoriesOfDemand, overdue, putOn } from '../store/waiting.js';
import type { World } from '../store/world.js';
import { survivors } from './judge.js';
import { recognizable } from './red.js';

/** Ends what need not wait any longer: cancelled, expired and held too long. */
export async function endOverdue(store: Store, epoch: string): Promise<number> {
  return decide(store, epoch, async (tx) => {
    const runs = await overdue(tx);
    const verdicts = runs.map((run): NewVerdict => {
      if (run.cancelledBy !== null) return none(run.runId, 'cancelled', `cancelled by ${run.cancelledBy}`);
      const red = said(run.runId, run.memory);
      if (red !== undefined) return red;
      if (run.state === 'held') {
        const setup = run.reason.startsWith("the test's own setup");
        return none(
          run.runId,
          setup ? 'setup_failed' : 'held_too_long',
          `held until its deadline: ${run.reason}`,
        );
      }
      return none(run.runId, 'expired', `waited longer than its submission allows: ${run.reason}`);
    });
    await writeVerdicts(tx, await recognizable(tx, verdicts));
    if (runs.length > 0) await wake(tx, 'testyard_history');
    return runs.length;
  });
}

/** Ends runs whose demand nothing can serve any more; a red that waited for a fresh host is said. */
export async function endHopeless(
  store: Store,
  epoch: string,
  hopeless: readonly { readonly key: string; readonly reason: string }[],
): Promise<number> {
  if (hopeless.length === 0) return 0;
  return decide(store, epoch, async (tx) => {
    let count = 0;
    for (const { key, reason } of hopeless) {
      const runs = await memoriesOfDemand(tx, key);
      const verdicts = runs.map(
        (run) => said(run.runId, run.memory) ?? none(run.runId, 'not_compatible', reason),
      );
      count += (await writeVerdicts(tx, await recognizable(tx, verdicts))).size;
    }
    await wake(tx, 'testyard_history');
    return count;
  });
}

/** Runs that lost two hosts: once it is known what survives there, they are judged or tried again. */
export async function endCrashWaits(store: Store, epoch: string, world: World): Promise<number> {
  const waits = await crashWaits(store);
  if (waits.length === 0) return 0;
  const survived = await survivors(store, world);
  const known = waits
    .map((w) => ({ ...w, decision: crashedTwice(w.memory, survived) }))
    .filter((w) => w.decision !== 'wait');
  if (known.length === 0) return 0;
  return decide(store, epoch, async (tx) => {
    const crashed = known.flatMap((w) => (isVerdict(w.decision) ? [written(w.runId, w.decision)] : []));
    await writeVerdicts(tx, await recognizable(tx, crashed));
    await putOn(
      tx,
      known.filter((w) => w.decision === undefined).map((w) => w.runId),
    );
    await wake(tx, 'testyard_history');
    return known.length;
  });
}

function isVerdict(
  decision: Decision | 'wait' | undefined,
): decision is Extract<Decision, { do: 'verdict' }> {
  return typeof decision === 'object' && decision.do === 'verdict';
}

function said(runId: Id, memory: RunMemory): NewVerdict | undefined {
  const decision = sayUsed(memory);
  return isVerdict(decision) ? written(runId, decision) : undefined;
}

function written(runId: Id, decision: Extract<Decision, { do: 'verdict' }>): NewVerdict {
  return {
    runId,
    verdict: decision.verdict.verdict,
    reason: decision.verdict.reason,
    ...('noVerdict' in decision.verdict ? { noVerdict: decision.verdict.noVerdict } : {}),
    marks: decision.verdict.marks,
    cases: 0,
    ...(decision.proof === undefined ? {} : { proof: decision.proof }),
    ...(decision.evidence === undefined ? {} : { evidence: decision.evidence }),
  };
}

function none(runId: Id, noVerdict: string, reason: string): NewVerdict {
  return { runId, verdict: 'none', noVerdict, reason, marks: [], cases: 0 };
}
