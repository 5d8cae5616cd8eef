import type { CoreClause, Counts, Explanation, Lack, NamedNear, NearHost } from './explain.js';
import { type Fix, fixesOf } from './fixes.js';
import type { HostState, Reach, TagNote } from './question.js';

/** An explanation as a person reads it, the answer first; each line says one thing. */
export function inWords(explanation: Explanation): readonly string[] {
  return [
    answerWords(explanation),
    ...coreWords(explanation),
    ...hostWords(explanation),
    ...fixes(explanation),
    ...placeWords(explanation),
  ];
}

/** Where a requirement stands, in one line. */
export function answerWords({ status, counts, nearest, stopped }: Explanation): string {
  const { ever, perhaps, barred, barredWhy } = counts;
  switch (status) {
    case 'no hosts':
      return 'the grid has no hosts';
    case 'never':
      if (counts.hosts === 0)
        return `this run may use no host: ${nearest[0]?.state.barred ?? 'none is allowed'}`;
      if (counts.hosts === 1) return `the only host can never serve it${cutOff(counts)}`;
      return `none of ${counts.hosts} hosts can ever serve it${cutOff(counts)}`;
    case 'barred':
      return `${hosts(barred)} could serve it, and this run may not use ${barred === 1 ? 'it' : 'them'}: ${barredWhy}`;
    case 'not known':
      return `no host is known to serve it; ${hosts(perhaps)} might, when more is known`;
    case 'stopped':
      return `${ever > 0 ? `${hosts(ever)} could serve it, and` : 'it waits:'} ${stopped ?? 'the grid starts nothing'}`;
    case 'down':
      return `${hosts(ever)} could serve it, and ${ever === 1 ? 'it is not up' : 'none is up'}${cutOff(counts)}`;
    case 'busy':
      return `waits for a free seat: ${hosts(ever)} could serve it, ${whoIsWhere(counts)}${cutOff(counts)}`;
    case 'ready':
      return `can start now: ${hosts(ever)} could serve it, ${whoIsWhere(counts)}${cutOff(counts)}`;
  }
}

function whoIsWhere({ free, busy, down }: Counts): string {
  const parts = Object.entries({ free, busy, down }).filter(([, count]) => count > 0);
  return listed(parts.map(([where, count]) => `${count} ${where}`));
}

/** What no host meets. */
export function coreWords({
  core: clauses,
  coreIsSmallest,
  status,
  nearest,
}: Explanation): readonly string[] {
  const [first, ...others] = clauses;
  if (first === undefined) {
    const reach = nearest[0]?.reach;
    return status === 'never' && reach?.ok === false && nearest[0]?.lacks.length !== 0
      ? [`each clause can be had, but not all at once: ${reach.why}`]
      : [];
  }
  const verb = status === 'not known' ? 'is known to meet' : 'meets';
  if (others.length === 0) return [`no host ${verb} '${first.clause}'${nearTo(first)}`];
  const each = clauses.map((clause) => `'${clause.clause}' (${metBy(clause)})`);
  const smallest = coreIsSmallest ? '' : '; fewer of them may do';
  return [`no host ${verb} ${listed(each)} together${smallest}`];
}

function metBy({ hosts: count, unknown }: CoreClause): string {
  const met = count === 0 ? 'no host' : hosts(count);
  return unknown === 0 ? met : `${met}, ${unknown} not known`;
}

function nearTo({ near, unknown }: CoreClause): string {
  const words = near.map(nearWords);
  const open = unknown > 0 ? [`of ${hosts(unknown)} it is not known`] : [];
  const all = [...words, ...open];
  return all.length === 0 ? '' : `: ${all.join('; ')}`;
}

/** What comes nearest to a clause that no host meets. */
export function nearWords(near: NamedNear): string {
  switch (near.kind) {
    case 'value':
      return `the nearest is ${near.raw}, on ${whichHosts(near)}`;
    case 'attribute':
      return `the nearest has ${near.attribute} ${near.raw}, on ${near.name}`;
    case 'without':
      return `without '${near.part}' ${whichHosts(near)} would do`;
  }
}

function whichHosts({ on, name }: NamedNear): string {
  return on.length === 1 ? name : `${hosts(on.length)} such as ${name}`;
}

/** The nearest hosts, a line for each that there is something to say of. */
export function hostWords(explanation: Explanation): readonly string[] {
  return explanation.nearest.flatMap((near) => hostLines(near, explanation));
}

function hostLines(
  { name, lacks, reach, state, available }: NearHost,
  { counts }: Explanation,
): readonly string[] {
  const away = whyNotNow(state, reach);
  if (reach?.ok === true) {
    const how =
      reach.steps.length === 0
        ? 'has all of it'
        : `is brought there by ${listed(reach.steps)} (${span(reach.costS)})`;
    if (away !== undefined) return [`${name} ${how}, but ${away}`];
    return [`${name} ${how}, and is ${available}`];
  }
  // Where some host could serve it, what others lack is not the point.
  if (counts.ever > 0) return [];
  const also = away === undefined ? '' : `; besides, ${away}`;
  if (reach?.ok === false && lacks.length === 0) return [`nearest: ${name}: ${reach.why}${also}`];
  const steps = stepsWords(reach, lacks);
  return [`nearest: ${name}: ${lacks.map(lackWords).join('; ')}${steps}${also}`];
}

/** What steps could do about what a host is known to lack. */
function stepsWords(reach: Reach | undefined, lacks: readonly Lack[]): string {
  if (reach?.ok !== false) return '';
  if (!reach.maybe) return `; steps do not help: ${reach.why}`;
  return lacks.some(({ truth }) => truth === 'no') ? `; a step may help, but ${reach.why}` : '';
}

/** Why a host does not meet a clause, with what is on record. */
export function lackWords({ why, notes }: Lack): string {
  const said = notes.map(({ tag, note }) => noteWords(tag, note));
  return said.length === 0 ? why : `${why} (${said.join('; ')})`;
}

function noteWords(tag: string, note: TagNote): string {
  switch (note.kind) {
    case 'look failed':
      return `the look at ${tag} did not work${note.why === '' ? '' : `: ${note.why}`}`;
    case 'not looked yet':
      return `nobody has looked at ${tag} there yet`;
    case 'drift':
      return `${tag} is declared there, and was not seen so`;
  }
}

function fixes(explanation: Explanation): readonly string[] {
  const words = fixesOf(explanation).map(fixWords);
  return words.length === 0 ? [] : [`what would do: ${words.join('; ')}`];
}

/** Something that somebody can do. */
export function fixWords(fix: Fix): string {
  switch (fix.kind) {
    case 'bring back':
      return `bring ${fix.host} back`;
    case 'steps':
      return `${listed(fix.steps)} on ${fix.host}`;
    case 'look':
      return `find out about ${listed(fix.clauses.map((clause) => `'${clause}'`))} on ${fix.host}`;
    case 'mend':
      return `mend ${fix.tag} on ${fix.host}, or its declaration`;
    case 'allow':
      return 'have the run allowed there';
    case 'loosen':
      return fix.clauses.length === 1
        ? `add a host that meets '${fix.clauses[0]}', or leave it out`
        : `add a host that meets ${listed(fix.clauses.map((clause) => `'${clause}'`))}, or leave one of them out`;
  }
}

/** Why a host takes nothing now, or not this. */
export function whyNotNow(state: HostState, reach: Reach | undefined): string | undefined {
  return whyAway(state) ?? (reach?.ok === true ? reach.shut : undefined);
}

function whyAway({ offline, health, healthWhy, shut, barred }: HostState): string | undefined {
  if (barred !== undefined) return `this run may not use it: ${barred}`;
  if (health === 'maintenance') return `it is in maintenance: ${healthWhy}`;
  if (health !== 'good') return `it is ${health}: ${healthWhy}`;
  if (shut !== undefined) return shut;
  return offline ? 'it is offline' : undefined;
}

/** The place in the order. */
export function placeWords({ queue }: Explanation): readonly string[] {
  if (queue === undefined) return [];
  const at = queue.place === 1 ? 'next in the queue' : `number ${queue.place} of ${queue.of} in the queue`;
  const { start } = queue;
  if ('unknown' in start) return [`${at}; when it starts cannot be said: ${start.unknown}`];
  return [`${at}, likely to start ${start.inS === 0 ? 'at once' : `in ${span(start.inS)}`}`];
}

function span(seconds: number): string {
  if (seconds < 90) return `about ${Math.round(seconds)} s`;
  if (seconds < 5400) return `about ${Math.round(seconds / 60)} min`;
  return `about ${Math.round(seconds / 3600)} h`;
}

function hosts(count: number): string {
  return count === 1 ? '1 host' : `${count} hosts`;
}

function cutOff({ isCutOff }: Counts): string {
  return isCutOff ? ' (not every host could be asked what steps can do there)' : '';
}

function listed(items: readonly string[]): string {
  return items.length < 2
    ? items.join('')
    : `${items.slice(0, -1).join(', ')} and ${items[items.length - 1]}`;
}
