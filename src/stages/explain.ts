import type { Demand } from '../domain/demand.js';
import { demandOf } from '../domain/explain/compatible.js';
import { type Explanation, explain } from '../domain/explain/explain.js';
import { type Ground, questionOf } from '../domain/explain/ground.js';
import type { QueueFacts } from '../domain/explain/question.js';
import { tagsUnder } from '../domain/explain/standing.js';
import { type Bits, hasBit, hostsOf, noBits, putBit } from '../domain/match/bits.js';
import { outsideOf } from '../domain/plan/kept-away.js';
import { clausesOf, fromCanonical } from '../domain/requirement.js';
import { placeAmong, type RunToExplain, seatsTakenFor, typicalSeconds } from '../store/explaining.js';
import type { Sql } from '../store/store.js';
import { waitingDemands } from '../store/waiting.js';
import type { StandingIndex } from './standing-index.js';

/** A run with why it does not start, and the hosts that it keeps away from. */
export interface RunExplained {
  readonly explanation: Explanation;
  readonly demand: Demand;
  readonly avoids: readonly string[];
}

/** Explains a run: one that is done as if it were submitted now. */
export async function explainRun(
  sql: Sql,
  standing: StandingIndex,
  run: RunToExplain,
): Promise<RunExplained> {
  const ground = await standing.ground(sql, (run.demand?.avoid.length ?? 0) > 0);
  const demand = run.demand ?? demandOf(run, ground, targetOf(run));
  const queue = await queueFacts(sql, ground, demand, run);
  const explanation = explain(questionOf(demand, ground, queue));
  const names = new Map([...ground.hosts.values()].map(({ id, name }) => [id, name]));
  return { explanation, demand, avoids: demand.avoid.map(({ host }) => names.get(host) ?? `h${host}`) };
}

/** What a run was aimed at; `each` has become a host or host type, or there was none. */
function targetOf({ target: { host, hostType } }: RunToExplain) {
  return { ...(host === undefined ? {} : { host }), ...(hostType === undefined ? {} : { hostType }) };
}

/** Where a waiting run stands among those that the same hosts could serve; undefined for any other run. */
async function queueFacts(
  sql: Sql,
  ground: Ground,
  demand: Demand,
  { id, state, turnAt, projectId, test, demandKey }: RunToExplain,
): Promise<QueueFacts | undefined> {
  if (state !== 'waiting' || turnAt === null || demandKey === null) return undefined;
  const [waiting, typicalS, taken] = await Promise.all([
    waitingDemands(sql),
    typicalSeconds(sql, projectId, test),
    seatsTakenFor(sql),
  ]);
  const mine = usable(demand, ground);
  const rivals = waiting.filter(({ key, spec }) => key === demandKey || share(usable(spec, ground), mine));
  const { ahead, of } = await placeAmong(
    sql,
    rivals.map(({ key }) => key),
    { turnAt, run: id },
  );
  const up = hostsOf(mine).flatMap((number) => {
    const host = ground.hosts.get(number);
    return host === undefined || host.offline || host.health !== 'good' ? [] : [host];
  });
  const freeInS = up.flatMap(({ id: host, seats }) => {
    const since = taken.get(host) ?? [];
    const free = Array.from({ length: Math.max(0, seats - since.length) }, () => 0);
    return [...free, ...since.map((s) => Math.max(1, (typicalS ?? 0) - s))];
  });
  return {
    place: ahead + 1,
    of: Math.max(of, ahead + 1),
    ahead,
    ...(typicalS === undefined ? {} : { typicalS }),
    freeInS,
  };
}

/** The hosts that could serve a demand, as far as their tags and what steps give say; not every chain is planned. */
function usable(demand: Demand, ground: Ground): Bits {
  const { index, givable, catalogue } = ground;
  const hard = clausesOf(fromCanonical(demand.requirement)).filter(
    (clause) => !tagsUnder(clause, catalogue).some((tag) => givable.has(tag)),
  );
  const { yes } = index.match(index.compile({ kind: 'all', of: hard }));
  const found = noBits(index.hosts.length * 32);
  for (const [number, host] of ground.hosts)
    if (hasBit(yes, number) && outsideOf(demand, host) === undefined) putBit(found, number, true);
  return found;
}

function share(a: Bits, b: Bits): boolean {
  return a.some((word, n) => (word & (b[n] ?? 0)) !== 0);
}
