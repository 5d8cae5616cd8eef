import type { Id } from '../domain/id.js';
import type { Dirties } from '../domain/layer.js';
import { type Coming, isSmall, lookAhead, type Turn } from '../domain/plan/ahead.js';
import type { Candidate } from '../domain/plan/candidate.js';
import type { Answer, Way } from '../domain/plan/fit.js';
import { type Head, Pairing } from '../domain/plan/pairing.js';
import type { Soon } from '../domain/plan/soon.js';
import type { NewAttempt } from '../store/assigning.js';
import type { Sql } from '../store/store.js';
import { headOfDemand, type WaitingDemand } from '../store/waiting.js';
import { type Means, Openings } from './openings.js';

/** An attempt that is to begin. */
export interface Begun {
  readonly attempt: NewAttempt;
  readonly way: Way;
  readonly test: { readonly dirties?: Dirties; readonly takesS: number };
}

/** Of each demand the first so many runs are looked at, where fewer hosts are free. */
const LEAST_HEADS = 8;

/**
 * Gives runs hosts that have a seat, and an executor to work on them, as `Pairing` says; a run for which a busy host
 * will soon do at less cost waits for that. `waits`: the names of those hosts, by demand.
 */
export async function match(
  sql: Sql,
  demands: readonly WaitingDemand[],
  answers: ReadonlyMap<string, Answer>,
  means: Means,
): Promise<{ readonly begun: readonly Begun[]; readonly waits: ReadonlyMap<string, string> }> {
  const begun: Begun[] = [];
  const waits = new Map<string, string>();
  const openings = new Openings(demands, means);
  const servable = demands.filter(({ key }) => openings.hasSeat(answers.get(key)));
  const { slots } = openings;
  if (servable.length === 0 || slots <= 0) return { begun, waits };
  const keys = servable.map(({ key }) => key);
  const heads = await headOfDemand(sql, keys, Math.max(slots, LEAST_HEADS), means.settings.fairShare);
  const testOf = new Map(heads.map((head) => [head.runId, testAbout(head)]));
  const turns = await seenAhead(sql, heads, answers, openings, means);
  if (turns !== undefined) return takeTurns(turns, answers, openings);
  const pairing = new Pairing(
    heads,
    (demand) => answers.get(demand)?.fits ?? [],
    (way, demand) => openings.find(way, demand) !== undefined,
  );
  let soon: Soon | undefined;
  while (begun.length < slots) {
    const pair = pairing.next();
    if (pair === undefined) break;
    const { head, way } = pair;
    const demand = openings.demand(head.demand);
    const test = testOf.get(head.runId);
    const opening = openings.find(way, head.demand);
    if (demand === undefined || opening === undefined || test === undefined) continue;
    if (way.chain.costS > 0 && demand.purpose === 'test' && means.underway !== undefined) {
      soon ??= await means.underway.soon(sql, means.world);
      const rather = soon.rather(demand, way.chain.costS, test);
      if (rather !== undefined) waits.set(head.demand, rather.name);
      if (rather !== undefined) continue;
    }
    const attempt = openings.take(opening, { runId: head.runId, demand: head.demand });
    begun.push({ attempt, way, test });
  }
  return { begun, waits };
}

/** Whose turn it is where, if so little waits and so few hosts are there that all can be seen together; see `lookAhead`. */
async function seenAhead(
  sql: Sql,
  heads: readonly (Head & { readonly takesS: number })[],
  answers: ReadonlyMap<string, Answer>,
  openings: Openings,
  { underway, world }: Means,
): Promise<readonly Turn[] | undefined> {
  const runs = heads.flatMap((head): Coming[] => {
    const demand = openings.demand(head.demand);
    return demand === undefined ? [] : [{ head, demand, takesS: head.takesS }];
  });
  if (underway === undefined || !isSmall(runs, 1)) return undefined;
  const open = new Map<Id, Candidate>();
  const ways = new Map<string, Way>();
  for (const demand of new Set(heads.map((head) => head.demand))) {
    for (const way of answers.get(demand)?.fits ?? []) {
      if (openings.find(way, demand) === undefined) continue;
      open.set(way.host.id, way.host);
      ways.set(`${way.host.id} ${demand}`, way);
    }
  }
  const free = [...open.values()];
  const isDear = [...ways.values()].some(({ chain }) => chain.costS > 0);
  if (!isDear || free.some(({ seats }) => seats > 1) || !isSmall(runs, free.length)) return undefined;
  const soon = await underway.soon(sql, world);
  if (!isSmall(runs, free.length + soon.hosts.length)) return undefined;
  return lookAhead(runs, free, soon.hosts, (demand, { id }) => ways.get(`${id} ${demand}`), soon.ask);
}

/** Begins what may begin; of what could, and is better served elsewhere, `waits` says where. */
function takeTurns(
  turns: readonly Turn[],
  answers: ReadonlyMap<string, Answer>,
  openings: Openings,
): { readonly begun: readonly Begun[]; readonly waits: ReadonlyMap<string, string> } {
  const begun: Begun[] = [];
  for (const { run, way } of turns) {
    const { runId, demand, dirties } = run.head;
    const opening = way === undefined ? undefined : openings.find(way, demand);
    if (way === undefined || opening === undefined) continue;
    const test = testAbout({ takesS: run.takesS, ...(dirties === undefined ? {} : { dirties }) });
    begun.push({ attempt: openings.take(opening, { runId, demand }), way, test });
  }
  const begunRuns = new Set(begun.map(({ attempt }) => attempt.runId));
  const waits = new Map<string, string>();
  for (const { run, host } of turns) {
    const { runId, demand } = run.head;
    const couldBegin = answers.get(demand)?.fits.some((way) => openings.find(way, demand) !== undefined);
    if (!begunRuns.has(runId) && couldBegin === true) waits.set(demand, host.name);
  }
  return { begun, waits };
}

function testAbout({ dirties, takesS }: Begun['test']): Begun['test'] {
  return { takesS, ...(dirties === undefined ? {} : { dirties }) };
}
