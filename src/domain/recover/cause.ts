import type { Id } from '../id.js';
import { doesRestore, type StepSpec, versionsIn } from '../step.js';

/** What a failure can be due to, and so what an incident can be about. */
export type Cause =
  | { readonly kind: 'host'; readonly host: Id }
  | { readonly kind: 'step'; readonly step: string }
  /** The step on this host: it works elsewhere, and the host works otherwise. */
  | { readonly kind: 'step_on_host'; readonly step: string; readonly host: Id }
  /** What several hosts or steps share: a mirror, an image server, a network of BMCs. */
  | { readonly kind: 'resource'; readonly resource: string }
  /** The hosts that are run together: their switch, their power. */
  | { readonly kind: 'pool'; readonly pool: string }
  /** What steps put onto a host as its root file system. */
  | { readonly kind: 'image'; readonly image: string }
  /** A version of a package that more steps than one put in: `name version`. */
  | { readonly kind: 'change'; readonly change: string }
  /** The test that ran there takes its hosts down with it. */
  | { readonly kind: 'test'; readonly on: Id }
  /** What every host shares: the network of the grid. */
  | { readonly kind: 'grid' }
  /** Nothing that lasts: it happened once. */
  | ({ readonly kind: 'chance' } & Work);

/** A piece of work on a host, as `WorkRecord` names it. */
export interface Work {
  readonly host: Id;
  readonly work: string;
}

/** What a host does in the time that others take: tests ran out of time there and not elsewhere. */
export const PACE = 'pace';

/** Pieces of work that say something of their host alone. */
const OF_ITS_HOST: readonly string[] = ['clean', PACE];

/** What is where, as far as causes go by it. */
export interface Lab {
  readonly byId: ReadonlyMap<Id, { readonly pool: string; readonly resources?: readonly string[] }>;
  readonly steps: readonly StepSpec[];
}

/** Whether two causes are one. */
export function isSameCause(a: Cause, b: Cause): boolean {
  return key(a) === key(b);
}

function key(cause: Cause): string {
  return Object.entries(cause).sort().flat().join(' ');
}

/** The name of the step that a piece of work was; undefined where it was none. */
export function stepOf(work: string): string | undefined {
  return work.startsWith('step:') ? work.slice('step:'.length) : undefined;
}

/** All that the failure of a piece of work can be due to; a test is known only to who saw it run. */
export function causesOf({ host, work }: Work, lab: Lab): readonly Cause[] {
  const there = lab.byId.get(host);
  const name = stepOf(work);
  const causes: Cause[] = [
    { kind: 'host', host },
    { kind: 'chance', host, work },
  ];
  const isOfItsHost = OF_ITS_HOST.includes(work);
  if (there !== undefined && !isOfItsHost) {
    causes.push({ kind: 'pool', pool: there.pool });
    for (const resource of there.resources ?? []) causes.push({ kind: 'resource', resource });
  }
  if (name === undefined) return isOfItsHost ? causes : [...causes, { kind: 'grid' }];
  const step = lab.steps.find((one) => one.name === name);
  causes.push({ kind: 'step_on_host', step: name, host });
  // What a restore does is all in its image.
  if (step?.action.kind === 'restore') causes.push({ kind: 'image', image: step.action.image });
  else causes.push({ kind: 'step', step: name });
  if (step === undefined) return causes;
  for (const change of versionsIn(step))
    if (lab.steps.filter((one) => versionsIn(one).includes(change)).length > 1)
      causes.push({ kind: 'change', change });
  for (const resource of step.uses ?? [])
    if (!there?.resources?.includes(resource)) causes.push({ kind: 'resource', resource });
  return causes;
}

/** Whether a cause would make a piece of work fail. */
export function doesCover(cause: Cause, work: Work, lab: Lab): boolean {
  const name = stepOf(work.work);
  switch (cause.kind) {
    case 'host':
      return work.host === cause.host;
    case 'chance':
      return work.host === cause.host && work.work === cause.work;
    case 'step':
      return name === cause.step;
    case 'step_on_host':
      return name === cause.step && work.host === cause.host;
    case 'test':
      // What it took down is down for whatever comes next.
      return work.host === cause.on;
    case 'grid':
      return name === undefined && !OF_ITS_HOST.includes(work.work);
    case 'pool':
      return !OF_ITS_HOST.includes(work.work) && lab.byId.get(work.host)?.pool === cause.pool;
    case 'resource':
      return (
        !OF_ITS_HOST.includes(work.work) &&
        (lab.byId.get(work.host)?.resources?.includes(cause.resource) === true ||
          lab.steps.some((step) => step.name === name && step.uses?.includes(cause.resource) === true))
      );
    case 'change':
      return lab.steps.some((step) => step.name === name && versionsIn(step).includes(cause.change));
    case 'image':
      return lab.steps.some((step) => step.name === name && doesRestore(step, cause.image));
  }
}
