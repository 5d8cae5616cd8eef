import type { Target } from '../domain/demand.js';
import type { Id } from '../domain/id.js';
import { fitOf } from '../domain/plan/fit.js';
import { isThereAlready } from '../domain/provision/after.js';
import { doesCover, stepOf, type Work } from '../domain/recover/cause.js';
import { isLater, type WorkRecord } from '../domain/recover/infer.js';
import type { StepSpec } from '../domain/step.js';
import type { Incident } from '../store/blaming.js';
import type { Transaction } from '../store/store.js';
import { submitOwnWork } from '../store/unfolding.js';
import type { World } from '../store/world.js';
import { causeOf } from './about.js';
import { canarySince } from './blame.js';

/** Until a check that was asked for has come back; asked for again after this where it got lost. */
export const ASKED_S = 60;

/** Whether what failed on a host has not worked there since. */
export function isFailing(records: readonly WorkRecord[], { host, work }: Work): boolean {
  const here = records.find((one) => one.host === host && one.work === work);
  return here?.bad !== undefined && (here.ok === undefined || isLater(here.bad, here.ok));
}

/** Asks for a check of an incident. */
export function ask(tx: Transaction, { id }: Incident, target: Target, why: string): Promise<void> {
  return submitOwnWork(tx, { purpose: 'recovery', incident: id, target, why });
}

/** Whether a check could be made on a host. */
export function canDo(target: Target, host: string, world: World): boolean {
  return chainFor(target, host, world) !== undefined;
}

/** Whether a check could be made whose chain does not break before it: where a host is to be put back first, and cannot be. */
export function canTell(target: Target, host: string, records: readonly WorkRecord[], world: World): boolean {
  const chain = chainFor(target, host, world);
  return (
    chain?.every(
      ({ name }) => name === target.step || !isFailing(records, { host, work: `step:${name}` }),
    ) === true
  );
}

/**
 * Where a step has done its work before it is seen that it has though it does nothing any more: those where that would show
 * come first.
 */
export function showFirst<One extends { readonly target: Target; readonly host: Id }>(
  wanted: readonly One[],
  world: World,
): readonly One[] {
  const isHidden = ({ target, host }: One) => {
    const step = world.steps.find(({ name }) => name === target.step);
    const there = world.byId.get(host);
    if (step === undefined || there === undefined) return false;
    if (!isThereAlready(step, there, [])) return false;
    return isThereAlready(step, there, chainFor(target, host, world) ?? []);
  };
  const hidden = new Set(wanted.filter(isHidden));
  return [...wanted.filter((one) => !hidden.has(one)), ...hidden];
}

function chainFor(target: Target, host: string, world: World): readonly StepSpec[] | undefined {
  const there = world.byId.get(host);
  if (there === undefined) return undefined;
  const demand = { requirement: '', target, purpose: 'recovery' as const, fresh: false, avoid: [] };
  const fit = fitOf(demand, there, world.steps, world.incidents);
  return fit.kind === 'yes' ? fit.chain.steps : undefined;
}

/** Where the next check of an incident is to be made; undefined: nowhere just now. */
export function checkTarget(
  incident: Incident,
  records: readonly WorkRecord[],
  busy: ReadonlyMap<string, unknown>,
  world: World,
): Target | undefined {
  const host = world.byId.get(incident.hostId ?? '');
  if (incident.scope === 'host') {
    if (host === undefined || host.offline || host.health === 'maintenance' || host.reserved !== undefined)
      return undefined;
    // Where canaries work and the steps do not, only a step tells.
    const step = canarySince(incident, records) === 'ok' ? stepOf(incident.work) : undefined;
    return { host: host.name, ...(step === undefined ? {} : { step }) };
  }
  const cause = causeOf(incident);
  const targets = world.hosts
    .filter((one) => (host === undefined ? one.health === 'good' : one.id === host.id))
    .flatMap((one) => [
      { host: one.id, work: 'canary', target: { host: one.name } as Target },
      ...world.steps.map(({ name }) => ({
        host: one.id,
        work: `step:${name}`,
        target: { host: one.name, step: name } as Target,
      })),
    ])
    .filter((one) => doesCover(cause, one, world))
    .filter(({ work }) => cause.kind !== 'pool' || work === 'canary');
  // Another host than the one that showed the failure tells more; after that they take turns.
  const turn = [
    ...targets.filter((t) => t.host !== incident.failedOn),
    ...targets.filter((t) => t.host === incident.failedOn),
  ];
  const from = incident.checks % Math.max(turn.length, 1);
  const able = [...turn.slice(from), ...turn.slice(0, from)];
  const idleFirst = [...able.filter((t) => !busy.has(t.host)), ...able.filter((t) => busy.has(t.host))];
  return showFirst(idleFirst, world).find(({ target, host }) => canDo(target, host, world))?.target;
}
