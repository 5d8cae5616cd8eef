import type { Demand } from '../demand.js';
import type { Id } from '../id.js';
import { holds } from '../match/holds.js';
import { factsAfter } from '../provision/after.js';
import { type Chain, planChain } from '../provision/chain.js';
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

/** What nothing can serve, or who can: the answer for one demand. */
export interface Answer {
  readonly fits: readonly Extract<Fit, { kind: 'yes' }>[];
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

/** Asks one host. */
export function fitOf(
  demand: Demand,
  host: Candidate,
  steps: readonly StepSpec[],
  incidents: readonly OpenIncident[],
): Fit {
  const { target } = demand;
  const outside = outsideOf(demand, host);
  if (outside !== undefined) return { kind: 'never', host, why: outside };
  const wish = {
    requirement: fromCanonical(demand.requirement),
    fresh: demand.fresh,
    ...(target.step === undefined ? {} : { mustRun: target.step }),
  };
  const ever = planChain(wish, host, steps);
  if (!ever.ok && ever.presence === 'absent') return { kind: 'never', host, why: ever.why };

  const away = keptAway(demand, host, incidents);
  if (away !== undefined) return { kind: 'later', host, ...away };
  const shut = shutSteps(demand, host, incidents);
  const open = steps.filter((step) => !shut.has(step.name));
  const now = open.length === steps.length ? ever : planChain(wish, host, open);
  if (now.ok) return { kind: 'yes', host, chain: now, preferred: preferencesMet(demand, host, now.steps) };
  if (!ever.ok) return { kind: 'later', host, code: 'unknown_tags', why: ever.why };
  const held = [...shut].find(([name]) => ever.steps.some((step) => step.name === name))?.[1];
  const why = held?.title ?? now.why;
  return { kind: 'later', host, code: 'incident', why, ...(held === undefined ? {} : { incident: held.id }) };
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
function byCost(a: Extract<Fit, { kind: 'yes' }>, b: Extract<Fit, { kind: 'yes' }>): number {
  return (
    a.chain.costS - b.chain.costS ||
    b.preferred - a.preferred ||
    Number(a.chain.fresh) - Number(b.chain.fresh) ||
    (BigInt(a.host.id) < BigInt(b.host.id) ? -1 : 1)
  );
}

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
  const whys = [...new Set(answer.nevers.map((n) => n.why))];
  return { kind: 'never', reason: `no host of this grid can serve it: ${listOf(whys, 3, '; ')}` };
}

function listOf(items: readonly string[], most = 3, separator = ', '): string {
  const more = items.length - most;
  return items.slice(0, most).join(separator) + (more > 0 ? `${separator}and ${more} more` : '');
}
