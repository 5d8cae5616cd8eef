import fc from 'fast-check';
import type { AttributeTest, Operator, Requirement } from '../../src/domain/requirement.js';
import type { Catalogue, Instance, Sighting, TagSpec } from '../../src/domain/tag.js';

const about = (name: string) => ({ name, meaning: name, source: { by: 'word' as const } });

const SPECS: readonly TagSpec[] = [
  { ...about('root'), kind: 'flag' },
  { ...about('virtual'), kind: 'flag' },
  { ...about('kernel'), kind: 'version', scheme: 'kernel' },
  { ...about('openssl'), kind: 'version', scheme: 'rpm' },
  { ...about('memory'), kind: 'quantity', unit: '' },
  { ...about('board'), kind: 'text' },
  {
    ...about('pci'),
    kind: 'device',
    attributes: { id: { kind: 'text' }, speed: { kind: 'quantity', unit: '' }, driver: { kind: 'text' } },
  },
  { ...about('real_root'), kind: 'flag', source: { by: 'formula', is: 'root & not virtual' } },
  { ...about('recent'), kind: 'flag', source: { by: 'formula', is: 'kernel >= 5.10 & real_root' } },
  { ...about('itself'), kind: 'flag', source: { by: 'formula', is: 'root | (virtual & not round)' } },
  { ...about('turns'), kind: 'flag', source: { by: 'formula', is: 'root & not turns' } },
  { ...about('round'), kind: 'flag', source: { by: 'formula', is: 'recent & itself' } },
];

/** Every tag of that catalogue that is not derived. */
export const TAGS = SPECS.filter((spec) => spec.source.by !== 'formula').map((spec) => spec.name);

/** A catalogue with a tag of every kind, two of them derived, and what is added. */
export function aCatalogue(...more: readonly TagSpec[]): Catalogue {
  const specs = new Map([...SPECS, ...more].map((spec) => [spec.name, spec]));
  return {
    find: (name) => specs.get(name),
    alias: () => undefined,
    names: [...specs.keys()],
  };
}

const VERSIONS = ['5.4', '5.9', '5.10', '5.10.0', '5.10.0-18-amd64', '6.1', '6.1-rc3', '6.1.0-18', 'what?'];
const PACKAGES = ['3.0', '3.0-1', '3.0-2.el9', '3.1-1', '1:2.0-1', '1:2.0'];
const NUMBERS = ['1', '2', '8', '8.0', '16', 'many'];
const BOARDS = ['r420', 'r430', 'R420', ''];
const IDS = ['10de:1b80', '10de:1c03', '8086:1572', ''];
const PLACES = ['0000:01:00.0', '0000:02:00.0', 'eth0', ''];
const DRIVERS = ['nouveau', 'i40e'];

const absentOrUnknown = fc.constantFrom<Sighting>({ presence: 'absent' }, { presence: 'unknown' });
const present = (instances: fc.Arbitrary<readonly Instance[]>): fc.Arbitrary<Sighting> =>
  fc.oneof(
    { arbitrary: instances.map((all): Sighting => ({ presence: 'present', instances: all })), weight: 3 },
    { arbitrary: absentOrUnknown, weight: 1 },
  );
const flag = present(fc.constant([{ place: '', raw: '' }]));
const values = (raws: readonly string[]) =>
  present(
    fc.array(
      fc.constantFrom(...raws).map((raw) => ({ place: '', raw })),
      { maxLength: 2 },
    ),
  );
const device: fc.Arbitrary<Instance> = fc
  .record({
    place: fc.constantFrom(...PLACES),
    id: fc.option(fc.constantFrom(...IDS), { nil: undefined }),
    speed: fc.option(fc.constantFrom(...NUMBERS), { nil: undefined }),
    driver: fc.option(fc.constantFrom(...DRIVERS), { nil: undefined }),
  })
  .map(({ place, ...seen }) => {
    const attributes = Object.entries(seen).filter((pair): pair is [string, string] => pair[1] !== undefined);
    return { place, raw: '', attributes: Object.fromEntries(attributes) };
  });

/** What is known of a random host, tag by tag. */
export const someFacts: fc.Arbitrary<Readonly<Record<string, Sighting>>> = fc.record(
  {
    root: flag,
    virtual: flag,
    kernel: values(VERSIONS),
    openssl: values(PACKAGES),
    memory: values(NUMBERS),
    board: values(BOARDS),
    pci: present(fc.array(device, { maxLength: 4 })),
  },
  { requiredKeys: [] },
);

const operator = fc.constantFrom<Operator>('=', '!=', '>', '>=', '<', '<=');
const ofOneValue = fc.constantFrom<Operator>('=', '>', '>=', '<', '<=');
const equality = fc.constantFrom<Operator>('=', '!=');
const compare = (name: string, raws: readonly string[], with_: fc.Arbitrary<Operator>) =>
  fc
    .tuple(with_, fc.constantFrom(...raws))
    .map(([op, value]): Requirement => ({ kind: 'compare', name, operator: op, value }));
/** Two tests that one and the same value must meet; that it is not some value is said of all values, by a clause. */
const range = (name: string, raws: readonly string[]) =>
  fc.array(fc.tuple(ofOneValue, fc.constantFrom(...raws)), { minLength: 2, maxLength: 2 }).map(
    (tests): Requirement => ({
      kind: 'device',
      name,
      where: tests.map(([op, value]) => ({ attribute: '', operator: op, value })),
      count: 1,
    }),
  );
const attributeTest: fc.Arbitrary<AttributeTest> = fc.oneof(
  fc
    .tuple(operator, fc.constantFrom(...NUMBERS))
    .map(([op, value]) => ({ attribute: 'speed', operator: op, value })),
  fc
    .tuple(equality, fc.constantFrom(...DRIVERS))
    .map(([op, value]) => ({ attribute: 'driver', operator: op, value })),
);
const devices: fc.Arbitrary<Requirement> = fc
  .record({
    id: fc.option(fc.constantFrom(...IDS, '10DE:1B80', '10de:*'), { nil: undefined }),
    place: fc.option(fc.constantFrom(...PLACES, '01:00.0'), { nil: undefined }),
    where: fc.array(attributeTest, { maxLength: 2 }),
    count: fc.integer({ min: 1, max: 3 }),
  })
  .map(({ id, place, where, count }) => ({
    kind: 'device',
    name: 'pci',
    ...(id === undefined ? {} : { id }),
    ...(place === undefined ? {} : { place }),
    where,
    count,
  }));
const leaf: fc.Arbitrary<Requirement> = fc.oneof(
  fc
    .constantFrom(...SPECS.map((spec) => spec.name), 'not-in-the-catalogue')
    .map((name): Requirement => ({ kind: 'tag', name })),
  compare('kernel', VERSIONS, operator),
  compare('openssl', PACKAGES, operator),
  range('kernel', VERSIONS),
  range('memory', NUMBERS),
  compare('memory', NUMBERS, operator),
  compare('board', BOARDS, equality),
  devices,
);

/** A random formula, of every kind and depth. */
export const someRequirement: fc.Arbitrary<Requirement> = fc.letrec<{ it: Requirement }>((tie) => ({
  it: fc.oneof(
    { depthSize: 'medium' },
    leaf,
    fc.array(tie('it'), { maxLength: 4 }).map((of): Requirement => ({ kind: 'all', of })),
    fc.array(tie('it'), { maxLength: 3 }).map((of): Requirement => ({ kind: 'any', of })),
    tie('it').map((of): Requirement => ({ kind: 'not', of })),
  ),
})).it;
