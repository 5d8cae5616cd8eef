import type { ChangeState } from './change.js';
import type { Health } from './host.js';

/** A legal move of a state machine, and what makes it. */
export interface Move<State extends string> {
  readonly from: State;
  readonly to: State;
  readonly by: string;
}

/** Where a run is; `accepted` is not in the queue, and `done` only while its last attempt is ending. */
export type RunState = 'accepted' | 'waiting' | 'held' | 'running' | 'done';

/** How runs move: docs/states/run.md. */
export const RUN_MOVES: readonly Move<RunState>[] = [
  { from: 'accepted', to: 'waiting', by: 'its submission is unfolded' },
  { from: 'accepted', to: 'done', by: 'not compatible' },
  { from: 'waiting', to: 'running', by: 'an executor and a seat are given' },
  { from: 'waiting', to: 'held', by: 'an incident shuts every way' },
  { from: 'waiting', to: 'done', by: 'cancelled, expired, not compatible, crashed twice' },
  { from: 'held', to: 'waiting', by: 'the incident is over, or the test has changed' },
  { from: 'held', to: 'done', by: 'cancelled, held too long' },
  { from: 'running', to: 'waiting', by: 'another attempt' },
  { from: 'running', to: 'held', by: 'the own setup is broken' },
  { from: 'running', to: 'done', by: 'a verdict, or none' },
];

/** How far the grid itself trusts a host, as long as no person took it out. */
export const HOST_MOVES_BY_GRID: readonly Move<Health>[] = [
  { from: 'good', to: 'suspect', by: 'an infrastructure failure' },
  { from: 'good', to: 'quarantined', by: 'two different pieces of work failed' },
  { from: 'suspect', to: 'quarantined', by: 'two different pieces of work failed' },
  { from: 'suspect', to: 'good', by: 'a canary works, or the blame moves' },
  { from: 'quarantined', to: 'good', by: 'a canary works, or the blame moves' },
];

/** What people do with a host; it comes back suspect, and a canary tells. */
export const HOST_MOVES_BY_PERSON: readonly Move<Health>[] = [
  { from: 'good', to: 'maintenance', by: 'a person' },
  { from: 'suspect', to: 'maintenance', by: 'a person' },
  { from: 'quarantined', to: 'maintenance', by: 'a person' },
  { from: 'good', to: 'quarantined', by: 'a person' },
  { from: 'suspect', to: 'quarantined', by: 'a person' },
  { from: 'maintenance', to: 'suspect', by: 'a person ends it' },
  { from: 'quarantined', to: 'suspect', by: 'a person ends it' },
  { from: 'good', to: 'suspect', by: 'a reservation ends' },
];

/** How far a host is trusted: docs/states/host.md. */
export const HOST_MOVES: readonly Move<Health>[] = [...HOST_MOVES_BY_GRID, ...HOST_MOVES_BY_PERSON];

/** What an incident is about, and its end. */
export type IncidentState =
  | 'opened'
  | 'host'
  | 'step'
  | 'step_on_host'
  | 'image'
  | 'change'
  | 'resource'
  | 'pool'
  | 'grid'
  | 'test'
  | 'closed';

/** How blame moves: docs/states/incident.md. */
export const INCIDENT_MOVES: readonly Move<IncidentState>[] = [
  { from: 'opened', to: 'host', by: 'work failed there; a canary will tell' },
  { from: 'opened', to: 'step', by: 'it fails on two hosts and works on none since' },
  { from: 'opened', to: 'image', by: 'what puts it onto hosts fails' },
  { from: 'opened', to: 'change', by: 'what puts it in fails' },
  { from: 'opened', to: 'resource', by: 'what needs it fails' },
  { from: 'opened', to: 'pool', by: 'its hosts fail' },
  { from: 'opened', to: 'grid', by: 'hosts of all pools fail' },
  { from: 'opened', to: 'test', by: 'its own setup failed twice' },
  { from: 'host', to: 'step', by: 'a canary works there, or it fails elsewhere too' },
  { from: 'host', to: 'step_on_host', by: 'a canary works there, and the step elsewhere' },
  { from: 'host', to: 'image', by: 'it fails elsewhere too' },
  { from: 'host', to: 'change', by: 'what puts it in fails elsewhere too' },
  { from: 'host', to: 'resource', by: 'what shares it fails' },
  { from: 'host', to: 'pool', by: 'its other hosts fail' },
  { from: 'host', to: 'grid', by: 'hosts of other pools fail' },
  { from: 'step_on_host', to: 'host', by: 'another step fails there' },
  { from: 'step_on_host', to: 'step', by: 'it fails elsewhere too' },
  { from: 'step_on_host', to: 'image', by: 'it fails elsewhere too' },
  { from: 'step_on_host', to: 'change', by: 'what puts it in fails elsewhere too' },
  { from: 'step_on_host', to: 'resource', by: 'what shares it fails' },
  { from: 'step_on_host', to: 'pool', by: 'its other hosts fail' },
  { from: 'step', to: 'step_on_host', by: 'it works elsewhere' },
  { from: 'step', to: 'host', by: 'it works elsewhere, and another fails there' },
  { from: 'step', to: 'image', by: 'another with this image fails' },
  { from: 'step', to: 'change', by: 'another that puts it in fails' },
  { from: 'step', to: 'resource', by: 'another that uses it fails' },
  { from: 'step', to: 'pool', by: 'its hosts fail at other work too' },
  { from: 'change', to: 'resource', by: 'what is without it fails too' },
  { from: 'change', to: 'step_on_host', by: 'it works elsewhere' },
  { from: 'change', to: 'pool', by: 'its hosts fail at other work too' },
  { from: 'image', to: 'resource', by: 'another image fails' },
  { from: 'image', to: 'step_on_host', by: 'it works elsewhere' },
  { from: 'image', to: 'host', by: 'it works elsewhere, and another fails there' },
  { from: 'image', to: 'change', by: 'another that puts it in fails' },
  { from: 'image', to: 'pool', by: 'its hosts fail at other work too' },
  { from: 'resource', to: 'pool', by: 'it works in other pools' },
  { from: 'resource', to: 'step_on_host', by: 'it works elsewhere' },
  { from: 'resource', to: 'grid', by: 'hosts without it fail too' },
  { from: 'pool', to: 'grid', by: 'hosts of other pools fail' },
  { from: 'host', to: 'closed', by: 'a canary works there again' },
  { from: 'step', to: 'closed', by: 'the step works again, or is no more' },
  { from: 'step_on_host', to: 'closed', by: 'the step works again, is no more, or is broken everywhere' },
  { from: 'image', to: 'closed', by: 'it can be put onto a host again' },
  { from: 'change', to: 'closed', by: 'it can be put in again' },
  { from: 'resource', to: 'closed', by: 'what needs it works again' },
  { from: 'pool', to: 'closed', by: 'a canary works on one of its hosts again' },
  { from: 'grid', to: 'closed', by: 'a canary works again' },
  { from: 'test', to: 'closed', by: 'the test has changed' },
];

/** Where an attempt is. */
export type AttemptState =
  | 'assigned'
  | 'begun'
  | 'chain_done'
  | 'verified'
  | 'test_started'
  | 'decided'
  | 'ending'
  | 'ended'
  | 'judged';

/**
 * How an attempt goes: docs/states/attempt.md. An attempt may end from anywhere, and only once. One that is `ending`
 * has proven its run's verdict, and keeps its seat until it is over.
 */
export const ATTEMPT_MOVES: readonly Move<AttemptState>[] = [
  { from: 'assigned', to: 'begun', by: 'the executor starts on it' },
  { from: 'begun', to: 'chain_done', by: 'every step worked' },
  { from: 'chain_done', to: 'verified', by: 'the needed tags were seen' },
  { from: 'verified', to: 'test_started', by: "the test's own process runs" },
  { from: 'test_started', to: 'decided', by: 'the test ended, or its time was over' },
  { from: 'verified', to: 'decided', by: 'the test could not be started' },
  { from: 'decided', to: 'ending', by: 'the judge has a verdict' },
  { from: 'assigned', to: 'ended', by: 'its executor is gone' },
  { from: 'begun', to: 'ended', by: 'host or chain failed' },
  { from: 'chain_done', to: 'ended', by: 'a tag lied, or the host was lost' },
  { from: 'verified', to: 'ended', by: 'the own setup failed, or it never started' },
  { from: 'test_started', to: 'ended', by: 'whatever was seen' },
  { from: 'decided', to: 'ended', by: 'the host is tidied up, or its executor is gone' },
  { from: 'ending', to: 'judged', by: 'the host is tidied up, or its executor is gone' },
  { from: 'ended', to: 'judged', by: 'the judge' },
];

/** How changes move: docs/states/change.md. */
export const CHANGE_MOVES: readonly Move<ChangeState>[] = [
  { from: 'new', to: 'testing', by: 'a run with it is asked for' },
  { from: 'new', to: 'in_baseline', by: 'no test depends on it' },
  { from: 'new', to: 'blamed', by: 'a search names it' },
  { from: 'new', to: 'uninstallable', by: 'the package manager refuses it' },
  { from: 'new', to: 'superseded', by: 'a newer one has arrived' },
  { from: 'new', to: 'withdrawn', by: 'whoever made it took it back' },
  { from: 'new', to: 'refused', by: 'a person decides so' },
  { from: 'testing', to: 'new', by: 'it is to be tested again' },
  { from: 'testing', to: 'in_baseline', by: 'it held' },
  { from: 'testing', to: 'blamed', by: 'a search names it' },
  { from: 'testing', to: 'uninstallable', by: 'the package manager refuses it' },
  { from: 'testing', to: 'superseded', by: 'a newer one is in the baseline' },
  { from: 'testing', to: 'withdrawn', by: 'whoever made it took it back' },
  { from: 'testing', to: 'refused', by: 'a person decides so' },
  { from: 'in_baseline', to: 'blamed', by: 'a search names it' },
  { from: 'in_baseline', to: 'new', by: 'its place has gone back to it' },
  { from: 'blamed', to: 'new', by: 'the accusation is withdrawn' },
  { from: 'blamed', to: 'superseded', by: 'a newer one is in the baseline' },
  { from: 'uninstallable', to: 'new', by: 'what it needs has arrived' },
  { from: 'uninstallable', to: 'superseded', by: 'a newer one has arrived' },
  { from: 'uninstallable', to: 'withdrawn', by: 'whoever made it took it back' },
  { from: 'superseded', to: 'new', by: 'its place has gone back to it' },
  { from: 'superseded', to: 'blamed', by: 'a search names it' },
  { from: 'withdrawn', to: 'new', by: 'it is there again' },
  { from: 'refused', to: 'new', by: 'a person thinks again' },
];

/** The states from which a state may be reached: what a guarded update names in its `where`. */
export function sourcesOf<State extends string>(moves: readonly Move<State>[], to: State): readonly State[] {
  return moves.filter((move) => move.to === to).map((move) => move.from);
}
