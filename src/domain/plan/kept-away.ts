import type { Demand } from '../demand.js';
import type { Id } from '../id.js';
import { doesRestore, type StepSpec, versionsIn } from '../step.js';
import type { Candidate, LaterCode, OpenIncident } from './candidate.js';
import { shutByPool } from './pool.js';

/** Why a demand may never use a host, whatever is known of it; undefined where it may. */
export function outsideOf(demand: Demand, host: Candidate): string | undefined {
  const { target } = demand;
  if (target.host !== undefined && target.host !== host.name) return `the run is for host ${target.host}`;
  if (target.hostType !== undefined && target.hostType !== host.type)
    return `${host.name} is of type ${host.type}, the run is for ${target.hostType}`;
  return shutByPool(demand, host);
}

/** What keeps a demand from a host for now. `incident`: what forbids it. */
export interface KeptAway {
  readonly code: LaterCode;
  readonly why: string;
  readonly incident?: Id;
}

/** What keeps a demand from a host now, steps left aside; undefined where nothing does. */
export function keptAway(
  demand: Demand,
  host: Candidate,
  incidents: readonly OpenIncident[],
): KeptAway | undefined {
  const own = demand.purpose === 'canary' || demand.purpose === 'recovery';
  const checking = own && demand.target.host !== undefined;
  const later = (code: LaterCode, why: string, incident?: Id): KeptAway => ({
    code,
    why,
    ...(incident === undefined ? {} : { incident }),
  });
  const ofHost = () => incidents.find((i) => i.scope === 'host' && i.hostId === host.id)?.id;
  if (host.offline) return later('host_offline', `${host.name} is offline`);
  if (host.health === 'maintenance') return later('host_maintenance', `${host.name}: ${host.healthWhy}`);
  if (host.reserved !== undefined) {
    const { person, until } = host.reserved;
    return later('host_reserved', `${host.name} is reserved by ${person} until ${minuteOf(until)}`);
  }
  if (!checking) {
    const shut = incidents.find((incident) => doesShutHost(incident, host));
    if (shut !== undefined) return later('incident', shut.title, shut.id);
    if (host.poolHalted !== undefined) return later('pool_halted', `pool ${host.pool}: ${host.poolHalted}`);
    if (host.health === 'quarantined')
      return later('host_quarantined', `${host.name} is quarantined: ${host.healthWhy}`, ofHost());
    if (host.health === 'suspect')
      return later('host_suspect', `${host.name} is suspect: ${host.healthWhy}`, ofHost());
  }
  const avoided = demand.avoid.some((a) => a.host === host.id && BigInt(host.okAttempt) <= BigInt(a.attempt));
  if (avoided)
    return later(
      'avoided',
      `${host.name}: an attempt broke off there, and no other work has succeeded since`,
    );
  return undefined;
}

/** Whether an incident of something that hosts share keeps all work from a host. */
export function doesShutHost(
  { scope, pool, resource }: OpenIncident,
  host: Pick<Candidate, 'pool' | 'resources'>,
): boolean {
  if (scope === 'pool') return pool === host.pool;
  return scope === 'resource' && resource !== undefined && host.resources?.includes(resource) === true;
}

/** Steps that an open incident keeps from being carried out on a host, each with that incident. */
export function shutSteps(
  demand: Demand,
  host: Candidate,
  incidents: readonly OpenIncident[],
  steps: readonly StepSpec[],
): ReadonlyMap<string, OpenIncident> {
  const shut = new Map<string, OpenIncident>();
  if (demand.purpose === 'canary' || demand.purpose === 'recovery') return shut;
  for (const incident of incidents)
    for (const step of shutBy(incident, host.id, steps)) if (!shut.has(step)) shut.set(step, incident);
  return shut;
}

/** The names of the steps that an incident keeps from a host. */
function shutBy(incident: OpenIncident, host: Id, steps: readonly StepSpec[]): readonly string[] {
  const { scope, step, hostId, resource, image, change } = incident;
  const which = (isShut: (one: StepSpec) => boolean) => steps.filter(isShut).map(({ name }) => name);
  if (scope === 'step' && step !== undefined) return [step];
  if (scope === 'step_on_host' && step !== undefined) return hostId === host ? [step] : [];
  if (scope === 'resource' && resource !== undefined)
    return which(({ uses }) => uses?.includes(resource) === true);
  if (scope === 'change' && change !== undefined) return which((one) => versionsIn(one).includes(change));
  return scope === 'image' && image !== undefined ? which((one) => doesRestore(one, image)) : [];
}

/** `2026-01-31T14:00:00Z` as people read it. */
function minuteOf(time: string): string {
  return `${time.slice(0, 16).replace('T', ' ')} UTC`;
}
