import { hostsOf } from '../match/bits.js';
import { instanceTruth } from '../match/holds.js';
import type { HostIndex } from '../match/host-index.js';
import { canonical, nearest, type Operator, type Requirement } from '../requirement.js';
import type { Catalogue, TagSpec, Value } from '../tag.js';
import { compareValues, matches } from '../value.js';

/** What comes nearest to a clause that no host meets, and the hosts on which it does. */
export type Near = { readonly on: readonly number[] } & (
  | { readonly kind: 'value'; readonly raw: string }
  /** Devices that are right otherwise have this at best. */
  | { readonly kind: 'attribute'; readonly attribute: string; readonly raw: string }
  /** Without this part of it they would do. */
  | { readonly kind: 'without'; readonly part: string }
);

type DeviceForm = Extract<Requirement, { kind: 'device' }>;
type Leaf = Extract<Requirement, { kind: 'compare' | 'device' }>;
type Test = { readonly operator: Operator; readonly value: string };

/** What is nearest to a comparison or a device form that no host meets, best first; nothing where nothing is near. */
export function nearestTo(clause: Requirement, index: HostIndex, catalogue: Catalogue): readonly Near[] {
  if (clause.kind !== 'compare' && clause.kind !== 'device') return [];
  const spec = catalogue.find(clause.name);
  if (spec === undefined || spec.kind === 'flag') return [];
  if (spec.kind === 'device')
    return clause.kind === 'device'
      ? [...bestAttributes(clause, spec, index), ...withLess(clause, index)]
      : [];
  const seen = index.valuesOf(clause.name).map((value) => value.raw);
  const raws = testsOf(clause).flatMap((test) => neighbours(spec, test, seen));
  return [...new Set(raws)].flatMap((raw): readonly Near[] => {
    const on = meeting({ kind: 'compare', name: clause.name, operator: '=', value: raw }, index);
    return on.length === 0 ? [] : [{ kind: 'value', raw, on }];
  });
}

function testsOf(clause: Leaf): readonly Test[] {
  return clause.kind === 'compare' ? [clause] : clause.where.filter((test) => test.attribute === '');
}

/** The values in order that miss a test by the least. */
function neighbours(
  value: Value,
  { operator, value: wanted }: Test,
  seen: readonly string[],
): readonly string[] {
  if (value.kind === 'text') {
    const near = operator === '=' ? nearest(wanted, seen) : undefined;
    return near === undefined ? [] : [near];
  }
  const fits = (op: Operator) => (raw: string) => matches(value, op, raw, wanted) === 'yes';
  const under = (op: Operator) =>
    seen
      .slice(
        0,
        firstWhere(seen, (raw) => !fits(op)(raw)),
      )
      .slice(-1);
  const over = (op: Operator) => seen.slice(firstWhere(seen, fits(op))).slice(0, 1);
  switch (operator) {
    case '>=':
      return under('<');
    case '>':
      return under('<=');
    case '<':
      return over('>=');
    case '<=':
      return over('>');
    case '=':
      return [...under('<'), ...over('>')];
    case '!=':
      return [];
  }
}

/** The first place from which on it is true. */
function firstWhere(seen: readonly string[], isTrue: (raw: string) => boolean): number {
  let [low, high] = [0, seen.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isTrue(seen[middle] ?? '')) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Hosts whose devices are looked through for the best attribute. */
const MOST_LOOKED_AT = 500;

/** Of each ordered attribute: the best that devices have which are right otherwise. */
function bestAttributes(clause: DeviceForm, spec: TagSpec, index: HostIndex): readonly Near[] {
  return clause.where.flatMap((test): readonly Near[] => {
    const value = spec.kind === 'device' ? spec.attributes[test.attribute] : undefined;
    if (value === undefined || value.kind === 'text' || test.operator === '!=') return [];
    const asked = { ...clause, where: clause.where.filter((other) => other !== test), count: 1 };
    const hostWith = new Map<string, number>();
    for (const host of meeting(asked, index).slice(0, MOST_LOOKED_AT)) {
      const sighting = index.factsOf(host)?.(clause.name);
      if (sighting?.presence !== 'present') continue;
      for (const instance of sighting.instances) {
        const raw = instance.attributes?.[test.attribute];
        if (raw === undefined || hostWith.has(raw) || instanceTruth(asked, instance, spec) !== 'yes')
          continue;
        hostWith.set(raw, host);
      }
    }
    const seen = [...hostWith.keys()]
      .filter((raw) => compareValues(value, raw, raw) === 0)
      .sort((a, b) => compareValues(value, a, b) ?? 0);
    return neighbours(value, test, seen).map((raw) => {
      return { kind: 'attribute', attribute: test.attribute, raw, on: [hostWith.get(raw) ?? 0] };
    });
  });
}

/** Each part of a device form in turn left out, as far as hosts do then. */
function withLess(clause: DeviceForm, index: HostIndex): readonly Near[] {
  const { id, place, where, count, ...rest } = clause;
  const whole = { ...(id === undefined ? {} : { id }), ...(place === undefined ? {} : { place }) };
  const fewer: { readonly part: string; readonly asked: Requirement }[] = [];
  if (count > 1) fewer.push({ part: `x ${count}`, asked: { ...clause, count: 1 } });
  if (place !== undefined)
    fewer.push({ part: `@ ${place}`, asked: { ...rest, ...(id === undefined ? {} : { id }), where, count } });
  for (const test of where) {
    const others = where.filter((other) => other !== test);
    const part = `${test.attribute} ${test.operator} ${test.value}`.trim();
    fewer.push({ part, asked: { ...rest, ...whole, where: others, count } });
  }
  if (id !== undefined)
    fewer.push({ part: id, asked: { ...rest, ...(place === undefined ? {} : { place }), where, count } });
  return fewer.flatMap(({ part, asked }): readonly Near[] => {
    // That some device is there at all says nothing.
    const on = canonical(asked) === clause.name ? [] : meeting(asked, index);
    return on.length === 0 ? [] : [{ kind: 'without', part, on }];
  });
}

function meeting(requirement: Requirement, index: HostIndex): readonly number[] {
  return hostsOf(index.match(index.compile(requirement)).yes);
}
