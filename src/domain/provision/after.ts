import type { HostFacts, StackEntry } from '../host.js';
import { reaches } from '../layer.js';
import { clearsItsLayer, destroyedLayers, doesGive, givenBy, isRestore, type StepSpec } from '../step.js';
import type { Decay, Sighting, TagFacts } from '../tag.js';

const ABSENT: Sighting = { presence: 'absent' };
const UNKNOWN: Sighting = { presence: 'unknown' };

/**
 * What is known of a host once these steps `ran` in this order, and `others` at some time before. What a step gives is
 * there, the last one's value counting, unless it decays by a step that ran later. What the stack gave and a step has
 * voided is gone where that was a restore, and else not known. Everything besides stays as it is known now.
 */
export function factsAfter(
  host: HostFacts,
  ran: readonly StepSpec[],
  others: readonly StepSpec[] = [],
): TagFacts {
  if (host.stack.length === 0 && ran.length === 0) return host.facts;
  const given = new Map<string, Sighting>();
  ran.forEach((step, index) => {
    const later = ran.slice(index + 1);
    for (const { tag, value = '' } of step.gives.map(givenBy)) {
      const decays = host.catalogue.find(tag)?.decays;
      const isVoid = later.some((one) => makesDecay(one, decays));
      given.set(tag, isVoid ? UNKNOWN : { presence: 'present', instances: [{ place: '', raw: value }] });
    }
  });
  return (tag) => given.get(tag) ?? leftOf(tag, host, others.length === 0 ? ran : [...ran, ...others]);
}

/** What is left of a tag that no step gives, after these. */
function leftOf(tag: string, host: HostFacts, steps: readonly StepSpec[]): Sighting {
  const now = host.facts(tag);
  if (now.presence !== 'present') return now;
  const entries = host.stack.filter((entry) => doesGive(entry, tag));
  if (entries.length === 0) return now;
  const decays = host.catalogue.find(tag)?.decays;
  if (hasDecayed(host, decays)) return ABSENT;
  const isGone = (entry: StackEntry) => steps.some((step) => isRestore(step) && voids(step, entry));
  const isVoid = (entry: StackEntry) => steps.some((step) => voids(step, entry) || makesDecay(step, decays));
  const rest = entries.filter((entry) => !isGone(entry));
  const last = rest.at(-1);
  if (last === undefined) return ABSENT;
  const standing = rest.filter((entry) => !isVoid(entry));
  if (standing.length === 0) return UNKNOWN;
  if (last === entries.at(-1) && standing.includes(last)) return now;
  // Of several values the last one counts; where that is in doubt only one that says the same still stands for it.
  const value = valueOfTag(tag, last);
  const isSure = standing.some((entry) => valueOfTag(tag, entry) === value);
  return { presence: 'present', instances: [{ place: '', raw: isSure ? value : '' }] };
}

function valueOfTag(tag: string, { gives }: StackEntry): string {
  return gives.map(givenBy).find((given) => given.tag === tag)?.value ?? '';
}

/** Whether something has happened since that makes what a step gave there no longer true. */
function hasDecayed({ used, isolated, dirtyFrom }: HostFacts, decays: Decay | undefined): boolean {
  if (decays === undefined) return false;
  // What ran in a throw-away root has changed nothing.
  if (decays === 'test') return used && !isolated;
  return dirtyFrom !== undefined && reaches(dirtyFrom, decays);
}

/** Provisioning is no test: only what decays by a layer decays by a step, of that layer or one below. */
function makesDecay(step: StepSpec, decays: Decay | undefined): boolean {
  return decays !== undefined && decays !== 'test' && reaches(step.layer, decays);
}

/** Whether something that a step gives decays where another runs after it. */
export function isUndoneBy(step: StepSpec, later: StepSpec, { catalogue }: HostFacts): boolean {
  return step.gives.some((item) => makesDecay(later, catalogue.find(givenBy(item).tag)?.decays));
}

/** What a host carries once these steps have run, by layer and step: the keys. */
export function stackAfter(
  stack: readonly StackEntry[],
  steps: readonly (StepSpec & { readonly key: string })[],
): Readonly<Record<string, string>> {
  const kept = stack.filter((entry) => !steps.some((step) => voids(step, entry)));
  const named = (layer: string, step: string, key: string): [string, string] => [`${layer} ${step}`, key];
  return Object.fromEntries([
    ...kept.map(({ layer, step, key }) => named(layer, step, key)),
    ...steps.map(({ layer, name, key }) => named(layer, name, key)),
  ]);
}

/**
 * Whether what a step gives lies on a host already, and a chain that ends with the step leaves it there: it would then be seen
 * after the chain though the step left nothing.
 */
export function isThereAlready(
  step: StepSpec,
  { stack, facts }: Pick<HostFacts, 'stack' | 'facts'>,
  chain: readonly StepSpec[],
): boolean {
  const isSeen = ({ tag }: { readonly tag: string }) => facts(tag).presence === 'present';
  if (!step.gives.map(givenBy).some(isSeen)) return false;
  const isSame = (entry: StackEntry) =>
    entry.step === step.name || entry.gives.some((item) => doesGive(step, givenBy(item).tag));
  const takesAway = (one: StepSpec, { layer }: StackEntry) =>
    (clearsItsLayer(one) && one.layer === layer) || destroyedLayers(one).includes(layer);
  return stack.some((entry) => isSame(entry) && !chain.some((one) => takesAway(one, entry)));
}

/** Whether carrying out a step takes an entry off the stack. */
export function voids(step: StepSpec, entry: StackEntry): boolean {
  if (step.layer === entry.layer) return clearsItsLayer(step) || step.name === entry.step;
  return destroyedLayers(step).includes(entry.layer);
}
