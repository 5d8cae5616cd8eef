import { stepsAt } from '../baseline.js';
import type { Demand } from '../demand.js';
import type { Id } from '../id.js';
import { holds } from '../match/holds.js';
import { factsAfter } from '../provision/after.js';
import { type Chain, planChain, type Wish } from '../provision/chain.js';
import { withoutOutdated } from '../provision/outdated.js';
import { fromCanonical } from '../requirement.js';
import type { StepSpec } from '../step.js';
import type { Candidate, LaterCode, OpenIncident } from './candidate.js';
import { keptAway, outsideOf, shutSteps } from './kept-away.js';

/** Whether and how one host can serve a demand. Seats are not asked here: they change with every decision. */
export type Fit =
  | {
      readonly kind: 'yes';
      readonly host: Candidate;
      readonly chain: Extract<Chain, { ok: true }>;
      /** How many preferences hold there after the chain. */
      readonly preferred: number;
    }
  /** It could, but not now. `incident`: what forbids it. */
  | {
      readonly kind: 'later';
      readonly host: Candidate;
      readonly code: LaterCode;
      readonly why: string;
      readonly incident?: Id;
    }
  /** It never could, as the host is declared. */
  | { readonly kind: 'never'; readonly host: Candidate; readonly why: string };

/** How a host can serve a demand. */
export type Way = Extract<Fit, { kind: 'yes' }>;

/** What nothing can serve, or who can: the answer for one demand. */
export interface Answer {
  readonly fits: readonly Way[];
  readonly laters: readonly Extract<Fit, { kind: 'later' }>[];
  readonly nevers: readonly Extract<Fit, { kind: 'never' }>[];
}

/** Asks every host; permanent reasons are found before temporary ones. */
export function fitsOf(
  demand: Demand,
  hosts: readonly Candidate[],
  steps: readonly StepSpec[],
  incidents: readonly OpenIncident[],
): Answer {
  const all = hosts.map((host) => fitOf(demand, host, steps, incidents));
  return {
    fits: all.filter((f) => f.kind === 'yes').sort(byCost),
    laters: all.filter((f) => f.kind === 'later'),
    nevers: all.filter((f) => f.kind === 'never'),
  };
}

/**
 * Asks one host. `settled` is what `planChain` would say of it, where that is known without asking: that nothing need
 * be done there, or that no step of all helps.
 */
export function fitOf(
  demand: Demand,
  host: Candidate,
  declared: readonly StepSpec[],
  incidents: readonly OpenIncident[],
  settled?: Chain,
): Fit {
  const outside = outsideOf(demand, host);
  if (outside !== undefined) return { kind: 'never', host, why: outside };
  const wish = wishOf(demand);
  const steps = stepsAt(declared, demand.versions);
  const asCounted = withoutOutdated(host, steps, demand.versions);
  const ever = settled ?? planChain(wish, asCounted, steps);
  if (!ever.ok && ever.presence === 'absent') return withWhyOf(ever, { kind: 'never', host });

  const away = keptAway(demand, host, incidents);
  if (away !== undefined) return { kind: 'later', host, ...away };
  const shut = shutSteps(demand, host, incidents, steps);
  const open = steps.filter((step) => !shut.has(step.name));
  const isSame = settled !== undefined || open.length === steps.length;
  const now = isSame ? ever : planChain(wish, asCounted, open);
  if (now.ok)
    return { kind: 'yes', host, chain: now, preferred: preferencesMet(demand, asCounted, now.steps) };
  if (!ever.ok) return withWhyOf(ever, { kind: 'later', host, code: 'unknown_tags' });
  const held = [...shut].find(([name]) => ever.steps.some((step) => step.name === name))?.[1];
  const why = held?.title ?? now.why;
  return { kind: 'later', host, code: 'incident', why, ...(held === undefined ? {} : { incident: held.id }) };
}

/** What a demand asks of a chain. */
export function wishOf({ requirement, fresh, target }: Demand): Wish {
  return {
    requirement: fromCanonical(requirement),
    fresh,
    ...(target.step === undefined ? {} : { mustRun: target.step }),
  };
}

/** The reason is put into words when somebody reads it: of thousands of hosts few are. */
function withWhyOf<About extends object>(
  chain: { readonly why: string },
  about: About,
): About & { readonly why: string } {
  return Object.defineProperty(about, 'why', {
    get: () => chain.why,
    enumerable: true,
  }) as About & { readonly why: string };
}

function preferencesMet({ prefer = [] }: Demand, host: Candidate, steps: readonly StepSpec[]): number {
  if (prefer.length === 0) return 0;
  const facts = factsAfter(host, steps);
  return prefer.filter((text) => holds(fromCanonical(text), facts, host.catalogue) === 'yes').length;
}

/**
 * Cheap chains first; among equally dear ones a host that meets more preferences: they never make a run dearer. Then
 * one that is not fresh, so that fresh ones are kept for who needs them.
 */
export function byCost(a: Way, b: Way): number {
  return (
    a.chain.costS - b.chain.costS ||
    b.preferred - a.preferred ||
    Number(a.chain.fresh) - Number(b.chain.fresh) ||
    byId(a.host.id, b.host.id)
  );
}

/** Ids are numbers without leading zeros, too large for some arithmetic. */
function byId(a: Id, b: Id): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}

/** Hosts that are asked why they can never serve a demand: each answer is a search of its own. */
const MOST_ASKED_WHY = 100;

/** Why a demand waits, is held or can never be served; said to the person whose run it is. */
export type Why =
  | { readonly kind: 'never'; readonly reason: string }
  /** Every host that could serve is shut by an incident. */
  | { readonly kind: 'held'; readonly incident: Id; readonly reason: string }
  | { readonly kind: 'wait'; readonly code: LaterCode | 'busy' | 'no_executor'; readonly reason: string };

/** Puts the answer of all hosts into one reason; `busy` says why hosts that fit take nothing now. */
export function why(answer: Answer, hostCount: number, busy: 'busy' | 'no_executor'): Why {
  if (answer.fits.length > 0) {
    const names = listOf(answer.fits.map((f) => f.host.name));
    const reason =
      busy === 'busy' ? `waits for a free seat on ${names}` : `no executor is alive that reaches ${names}`;
    return { kind: 'wait', code: busy, reason };
  }
  if (answer.laters.length > 0) {
    const holding = answer.laters.every((l) => l.incident !== undefined && l.code === 'incident');
    const first = answer.laters[0];
    if (first === undefined) throw new Error('unreachable: there is a first');
    if (holding && first.incident !== undefined)
      return { kind: 'held', incident: first.incident, reason: first.why };
    return {
      kind: 'wait',
      code: first.code,
      reason: listOf(
        answer.laters.map((l) => l.why),
        3,
        '; ',
      ),
    };
  }
  if (hostCount === 0) return { kind: 'never', reason: 'the grid has no hosts' };
  const whys = [...new Set(answer.nevers.slice(0, MOST_ASKED_WHY).map((n) => n.why))];
  const others = answer.nevers.length - MOST_ASKED_WHY;
  const reason = `no host of this grid can serve it: ${listOf(whys, 3, '; ')}`;
  return { kind: 'never', reason: others > 0 ? `${reason}; nor can the other ${others} hosts` : reason };
}

function listOf(items: readonly string[], most = 3, separator = ', '): string {
  const more = items.length - most;
  return items.slice(0, most).join(separator) + (more > 0 ? `${separator}and ${more} more` : '');
}
