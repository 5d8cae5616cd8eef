import { filesBeside } from '../domain/handler.js';
import {
  DEFAULT_POOL,
  DEFAULT_TYPE,
  type HostSpec,
  type Inventory,
  type PoolSpec,
} from '../domain/inventory.js';
import type { Catalogue } from '../domain/tag.js';
import type { TestSpec } from '../domain/test.js';
import { HOST_KEYS, readHost, readType, TYPE_KEYS } from './inventory-hosts.js';
import { IMAGE_KEYS, readImages } from './inventory-images.js';
import { instrumentTags, withInstruments } from './inventory-instruments.js';
import { LAVA_KEYS, readMapping } from './inventory-lava.js';
import { checkNames } from './inventory-names.js';
import { type Kind, PARTS, type SortedFiles, sortFiles } from './inventory-parts.js';
import { secretsIn } from './inventory-secrets.js';
import { surroundingsOf } from './inventory-step-actions.js';
import { readStep, STEP_KEYS } from './inventory-steps.js';
import { ALIAS_KEYS, readTags, TAG_KEYS, TAG_OR_FAMILY } from './inventory-tags.js';
import { addressless } from './inventory-telling.js';
import type { InventoryFiles, InventoryProblem, Thing } from './inventory-thing.js';
import { GRID_KEYS, POOL_KEYS, RESOURCE_KEYS, readGrid, readPool, readResource } from './inventory-things.js';
import { unprovided } from './inventory-unprovided.js';
import { doubtfulVersions } from './inventory-versioned.js';
import { readWatch, WATCH_KEYS } from './inventory-watches.js';
import { Fields, NAME } from './source-fields.js';
import { MAX_TEST_FILE_BYTES, readTestFile } from './test-file.js';
import { decodeUtf8, type FileProblem, type Position, readYaml, type Source, shown } from './yaml-source.js';

/** What came of reading an inventory. Warnings do not stop anybody, but are for the admin to see. */
export type InventoryResult =
  | { readonly ok: true; readonly inventory: Inventory; readonly warnings: readonly InventoryProblem[] }
  | {
      readonly ok: false;
      readonly problems: readonly InventoryProblem[];
      readonly warnings: readonly InventoryProblem[];
    };

const KEYS: Readonly<Record<Kind, readonly string[]>> = {
  tag: TAG_KEYS,
  alias: ALIAS_KEYS,
  pool: POOL_KEYS,
  resource: RESOURCE_KEYS,
  image: IMAGE_KEYS,
  type: TYPE_KEYS,
  host: HOST_KEYS,
  step: STEP_KEYS,
  watch: WATCH_KEYS,
};
/** Says what words of LAVA metadata ask of a host; it may be left out. */
const LAVA_FILE = 'lava.yaml';
/** More is for nobody to read. */
const MAX_PROBLEMS = 500;

/** Where relative paths of key files begin; undefined: they are refused, as nobody knows where they would begin. */
export interface ReadingOptions {
  readonly base?: string;
}

/** Reads the files that describe a lab, and tells all that is wrong with them at once. Never throws. */
export function readInventoryFiles(files: InventoryFiles, options: ReadingOptions = {}): InventoryResult {
  const reading = new Reading(files);
  const things = reading.things();
  // What stands in a file that cannot be read would be missed everywhere.
  if (reading.isBroken) return reading.refused();
  const resources = things.resource.map(readResource);
  const ofInstruments = instrumentTags(things.resource, resources, things.tag);
  const { tags, aliases, catalogue } = readTags(things.tag, things.alias, ofInstruments);
  const grid = reading.grid(catalogue);
  const types = things.type.map((thing) => readType(thing, catalogue, options.base));
  const typeOf = new Map(types.map((type) => [type.name, type]));
  const bare = things.host.map((thing) => readHost(thing, catalogue, options.base, typeOf));
  const hosts = withInstruments(things.host, bare, resources);
  const pools = things.pool.map(readPool);
  const images = readImages(things.image, catalogue);
  const around = surroundingsOf(grid, resources, images, reading.copied());
  const steps = things.step.map((thing) => readStep(thing, catalogue, around));
  const watches = things.watch.map(readWatch);
  checkNames(things, { pools, resources, types, hosts, steps });
  for (const kind of Object.keys(KEYS) as Kind[]) for (const thing of things[kind]) reading.finish(thing);
  const tests = reading.tests(catalogue);
  reading.ownerless(things);

  if (grid === undefined || reading.problems.length > 0) return reading.refused();
  const inventory: Inventory = {
    grid,
    tags: byName(tags),
    aliases: byName(aliases),
    pools: byName(withImplied(pools, hosts)),
    resources: byName(resources),
    ...(images.length === 0 ? {} : { images: byName(images) }),
    types: byName(types),
    hosts: byName(hosts),
    steps: byName(steps),
    tests: byName(tests),
    ...(watches.length === 0 ? {} : { watches: byName(watches) }),
  };
  const where = (kind: string, name: string) => reading.placeOf(kind, name);
  const warnings = [
    ...reading.warnings(grid.admin),
    ...unprovided(inventory, catalogue, where),
    ...doubtfulVersions(inventory, catalogue, where),
    ...addressless(inventory, where),
  ];
  return { ok: true, inventory, warnings: inPlace(warnings) };
}

function inPlace(problems: readonly InventoryProblem[]): InventoryProblem[] {
  const place = ({ line = 0, column = 0 }: InventoryProblem) => line * 1e6 + column;
  return [...problems].sort((a, b) => (a.file === b.file ? place(a) - place(b) : a.file < b.file ? -1 : 1));
}

function byName<Of extends { readonly name: string }>(things: readonly Of[]): readonly Of[] {
  return [...things].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

/** Pools that are there because hosts name them. */
function withImplied(pools: readonly PoolSpec[], hosts: readonly HostSpec[]): readonly PoolSpec[] {
  const declared = new Map(pools.map((pool) => [pool.name, pool]));
  const names = new Set([DEFAULT_POOL, ...declared.keys(), ...hosts.map((host) => host.pool)]);
  return [...names].map((name) => declared.get(name) ?? { name });
}

/** One reading of one inventory: what is wrong is gathered, and the reading goes on. */
class Reading {
  readonly problems: InventoryProblem[] = [];
  /** True where a file is no YAML. */
  isBroken = false;
  private readonly said: InventoryProblem[] = [];
  /** Things without an owner; who is told instead is known once `grid.yaml` is read. */
  private readonly unowned: InventoryProblem[] = [];
  private readonly places = new Map<string, { readonly file: string } & Position>();
  private readonly sorted: SortedFiles;

  constructor(private readonly files: InventoryFiles) {
    this.sorted = sortFiles([...files.keys()]);
    this.said.push(...this.sorted.unread);
  }

  /** Everything that stands below a name, by what it is. */
  things(): Readonly<Record<Kind, readonly Thing[]>> {
    const found: Record<Kind, Thing[]> = {
      ...{ tag: [], alias: [], pool: [], resource: [], image: [], type: [], host: [], step: [], watch: [] },
    };
    for (const [part, headings] of Object.entries(PARTS))
      for (const file of this.sorted.parts.get(part) ?? [])
        for (const [kind, thing] of this.thingsIn(file, headings)) found[kind].push(thing);
    return found;
  }

  private thingsIn(file: string, headings: Readonly<Record<string, Kind>>): (readonly [Kind, Thing])[] {
    const root = this.yaml(file);
    const top = root && this.fields(file, root, Object.keys(headings));
    if (top === undefined) return [];
    const first = Object.keys(headings)[0] ?? '';
    if (!Object.keys(headings).some((heading) => top.has(heading)))
      top.wrong(top.start, `'${first}' is missing: write '${first}:' and below it each by its name`);
    this.note(file, top.problems);
    return Object.entries(headings).flatMap(([heading, kind]) => {
      const source = top.source(heading);
      if (source === undefined) return [];
      if (source.kind !== 'map') {
        this.note(file, [
          { ...source.at, message: `below '${heading}:' stands each by its name: NAME: {...}` },
        ]);
        return [];
      }
      return source.entries.flatMap(({ key, at, value }) => {
        const thing = this.thing(kind, key, file, at, value);
        return thing === undefined ? [] : [[kind, thing] as const];
      });
    });
  }

  private thing(kind: Kind, name: string, file: string, at: Position, value: Source): Thing | undefined {
    const rule = kind === 'tag' || kind === 'alias' ? TAG_OR_FAMILY : NAME;
    if (!rule.test(name) || (kind === 'alias' && name.endsWith(':*'))) {
      const hint =
        kind === 'tag' || kind === 'alias'
          ? ': it begins with a letter, then letters, digits, . _ : + -'
          : '';
      this.note(file, [{ ...at, message: `'${shown(name)}' cannot be the name of a ${kind}${hint}` }]);
      return undefined;
    }
    if (!this.once(kind, name, file, at)) return undefined;
    // An alias may be said in one line: `GPU: pci 10de:1b80`.
    const source: Source =
      kind === 'alias' && value.kind !== 'map'
        ? { kind: 'map', entries: [{ key: 'is', at, value }], at }
        : value;
    const nothing = source.kind === 'text' && source.text === '' && ['pool', 'type'].includes(kind);
    const fields = this.fields(file, nothing ? { kind: 'map', entries: [], at } : source, KEYS[kind]);
    return fields === undefined ? undefined : { name, fields, file, at };
  }

  /** Takes down what was wrong with a thing, now that it has been read. */
  finish({ file, fields }: Thing): void {
    this.note(file, fields.problems);
  }

  grid(catalogue: Catalogue) {
    const root = this.yaml('grid.yaml');
    const fields = root && this.fields('grid.yaml', root, GRID_KEYS);
    if (fields === undefined) return undefined;
    const grid = readGrid(fields, catalogue);
    this.note('grid.yaml', fields.problems);
    const lava = this.files.has(LAVA_FILE) ? this.mapping(catalogue) : undefined;
    return lava === undefined ? grid : { ...grid, lava };
  }

  private mapping(catalogue: Catalogue) {
    const root = this.yaml(LAVA_FILE);
    const fields = root && this.fields(LAVA_FILE, root, LAVA_KEYS);
    if (fields === undefined) return undefined;
    const mapping = readMapping(fields, catalogue);
    this.note(LAVA_FILE, fields.problems);
    return mapping;
  }

  /** What is in `files/`, by the path from there on. */
  copied(): ReadonlyMap<string, Uint8Array> {
    return new Map(
      this.sorted.copied.flatMap((file): [string, Uint8Array][] => {
        const bytes = this.files.get(file) ?? new Uint8Array();
        if (bytes.length <= MAX_TEST_FILE_BYTES) return [[file.slice('files/'.length), bytes]];
        const message = `the file has ${bytes.length} bytes; at most ${MAX_TEST_FILE_BYTES} are taken`;
        this.note(file, [{ message, line: 1, column: 1 }]);
        return [];
      }),
    );
  }

  tests(catalogue: Catalogue): readonly TestSpec[] {
    return this.sorted.tests.flatMap((file) => {
      const bytes = this.files.get(file) ?? new Uint8Array();
      const result = readTestFile({ name: file, bytes }, catalogue);
      if (!result.ok) {
        this.note(file, result.problems);
        return [];
      }
      const start = { line: 1, column: 1 };
      if (result.spec.lava !== undefined) {
        const message = 'a LAVA definition is submitted with what lies around it: testyard submit';
        this.note(file, [{ ...start, message }]);
        return [];
      }
      const [own] = filesBeside(result.spec.handlers);
      if (own !== undefined) {
        const message = `'./${own}' is for tests that are submitted: list it in grid.yaml below 'handlers', and name it here`;
        this.note(file, [{ ...start, message }]);
        return [];
      }
      if (!this.once('test', result.spec.name, file, start)) return [];
      if (result.spec.owner === undefined) this.unownedIs('test', result.spec.name, file, start);
      return [result.spec];
    });
  }

  /** Hosts, steps and resources; a tag without one is plain knowledge, and a type's hosts may have their own. */
  ownerless(things: Readonly<Record<Kind, readonly Thing[]>>): void {
    const types = new Set(things.type.flatMap(({ name, fields }) => (fields.has('owner') ? [name] : [])));
    for (const kind of ['host', 'step', 'resource', 'image'] as const)
      for (const { name, fields, file, at } of things[kind])
        if (!fields.has('owner') && !(kind === 'host' && types.has(fields.plain('type') ?? DEFAULT_TYPE)))
          this.unownedIs(kind, name, file, at);
  }

  warnings(admin: string): readonly InventoryProblem[] {
    const unowned = this.unowned.map((thing) => ({ ...thing, message: `${thing.message} ${admin}` }));
    return [...this.said, ...unowned];
  }

  refused(): InventoryResult {
    const over = this.problems.length - MAX_PROBLEMS;
    const problems = inPlace(this.problems).slice(0, MAX_PROBLEMS);
    if (over > 0) problems.push({ file: problems.at(-1)?.file ?? '', message: `and ${over} more mistakes` });
    return { ok: false, problems, warnings: this.said };
  }

  /** Where the thing of this name stands. */
  placeOf(kind: string, name: string): { readonly file: string } & Position {
    return this.places.get(`${kind} ${name}`) ?? { file: '', line: 1, column: 1 };
  }

  private unownedIs(kind: string, name: string, file: string, at: Position): void {
    this.unowned.push({ file, ...at, message: `${kind} '${name}' has no owner: what concerns it goes to` });
  }

  private once(kind: string, name: string, file: string, at: Position): boolean {
    const first = this.places.get(`${kind} ${name}`);
    if (first === undefined) this.places.set(`${kind} ${name}`, { file, ...at });
    else
      this.note(file, [
        { ...at, message: `there is a ${kind} '${shown(name)}' already, in ${first.file}:${first.line}` },
      ]);
    return first === undefined;
  }

  private note(file: string, problems: readonly FileProblem[]): void {
    this.problems.push(...problems.map((problem) => ({ file, ...problem })));
  }

  private fields(file: string, source: Source, keys: readonly string[]): Fields | undefined {
    if (source.kind === 'map') return new Fields(source.entries, keys, source.at);
    this.note(file, [{ ...source.at, message: `here stand fields: ${keys.join(', ')}` }]);
    return undefined;
  }

  private yaml(file: string): Source | undefined {
    const bytes = this.files.get(file);
    if (bytes === undefined) {
      this.note(file, [{ message: "the file is missing: it says 'name:' and 'admin:'", line: 1, column: 1 }]);
      return undefined;
    }
    if (bytes.length > MAX_TEST_FILE_BYTES) {
      const message = `the file has ${bytes.length} bytes; at most ${MAX_TEST_FILE_BYTES} are taken`;
      this.note(file, [{ message, line: 1, column: 1 }]);
      return undefined;
    }
    const decoded = decodeUtf8(bytes);
    const yaml =
      'problem' in decoded ? ({ ok: false, problems: [decoded.problem] } as const) : readYaml(decoded.text);
    if (!yaml.ok) {
      this.isBroken = true;
      this.note(file, yaml.problems);
      return undefined;
    }
    const secrets = secretsIn(yaml.root);
    this.note(file, secrets);
    return yaml.root;
  }
}
