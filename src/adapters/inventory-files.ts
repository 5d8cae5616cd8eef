import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import type { HostSpec, Inventory } from '../domain/inventory.js';
import { nearest, TAG_NAME } from '../domain/requirement.js';
import type { StepSpec } from '../domain/step.js';
import type { TagSpec } from '../domain/tag.js';
import type { TestSpec } from '../domain/test.js';
import {
  GRID_KEYS,
  HOST_KEYS,
  readGrid,
  readHost,
  readStep,
  readTag,
  STEP_KEYS,
  TAG_KEYS,
} from './inventory-things.js';
import { Fields, NAME } from './source-fields.js';
import { MAX_TEST_FILE_BYTES, readTestFile } from './test-file.js';
import { decodeUtf8, type FileProblem, type Position, readYaml, type Source, shown } from './yaml-source.js';

/** A mistake in the inventory; `file` is relative to its folder. */
export interface InventoryProblem extends FileProblem {
  readonly file: string;
}

/** What came of reading an inventory. Warnings do not stop anybody, but are for the admin to see. */
export type InventoryResult =
  | { readonly ok: true; readonly inventory: Inventory; readonly warnings: readonly InventoryProblem[] }
  | {
      readonly ok: false;
      readonly problems: readonly InventoryProblem[];
      readonly warnings: readonly InventoryProblem[];
    };

const PARTS = ['grid.yaml', 'tags.yaml', 'hosts', 'steps', 'tests'];

/** Reads the folder that describes a lab, and tells all that is wrong with it at once. */
export async function readInventory(folder: string): Promise<InventoryResult> {
  const reading = new Reading(folder);
  const present = await reading.names('.');
  if (present === undefined)
    return { ok: false, problems: [{ file: folder, message: 'there is no such folder' }], warnings: [] };
  for (const name of present) if (!PARTS.includes(name)) reading.unread(name, PARTS);

  const tags = await reading.things('tags.yaml', 'tags', TAG_NAME, TAG_KEYS, (name, fields) =>
    readTag(name, fields),
  );
  const known = new Set(tags.map((tag) => tag.name));
  const grid = await reading.grid(known);
  const hosts: HostSpec[] = [];
  for (const file of await reading.yamlFiles('hosts'))
    hosts.push(
      ...(await reading.things(file, 'hosts', NAME, HOST_KEYS, (name, fields) =>
        readHost(name, fields, known, path.resolve(folder, 'hosts')),
      )),
    );
  const steps: StepSpec[] = [];
  for (const file of await reading.yamlFiles('steps'))
    steps.push(
      ...(await reading.things(file, 'steps', NAME, STEP_KEYS, (name, fields) =>
        readStep(name, fields, known),
      )),
    );
  const tests = await reading.tests(known);

  const { problems, warnings } = reading;
  if (grid === undefined || problems.length > 0) return { ok: false, problems, warnings };
  warnings.push(
    ...reading.ownerless.map((thing) => ({ ...thing, message: `${thing.message} ${grid.admin}` })),
  );
  return { ok: true, inventory: { grid, tags, hosts, steps, tests }, warnings };
}

/** The tag catalogue of a folder alone, as far as it can be read. */
export async function readTags(folder: string): Promise<readonly TagSpec[]> {
  return new Reading(folder).things('tags.yaml', 'tags', TAG_NAME, TAG_KEYS, readTag);
}

/** One reading of one folder: what is wrong is gathered, and the reading goes on. */
class Reading {
  readonly problems: InventoryProblem[] = [];
  readonly warnings: InventoryProblem[] = [];
  /** Things without an owner; who is told instead is known once `grid.yaml` is read. */
  readonly ownerless: InventoryProblem[] = [];
  private readonly places = new Map<string, string>();

  constructor(private readonly folder: string) {}

  async names(under: string): Promise<readonly string[] | undefined> {
    try {
      const names = await readdir(path.join(this.folder, under));
      return names.filter((name) => !/^\.|~$|^README/i.test(name)).sort();
    } catch (error) {
      if (under !== '.' && (error as NodeJS.ErrnoException).code !== 'ENOENT')
        this.problems.push({ file: under, message: `cannot be read: ${(error as Error).message}` });
      return undefined;
    }
  }

  unread(file: string, known: readonly string[]): void {
    const near = nearest(file, known);
    const hint = near === undefined ? '' : `: did you mean '${near}'?`;
    this.warnings.push({ file, message: `this is not read${hint}` });
  }

  async yamlFiles(under: string): Promise<readonly string[]> {
    const names = (await this.names(under)) ?? [];
    for (const name of names)
      if (!/\.ya?ml$/.test(name))
        this.warnings.push({ file: `${under}/${name}`, message: 'this is not read: it is no .yaml file' });
    return names.filter((name) => /\.ya?ml$/.test(name)).map((name) => `${under}/${name}`);
  }

  async grid(known: ReadonlySet<string>) {
    const root = await this.yaml('grid.yaml');
    if (root === undefined) return undefined;
    const fields = this.fields('grid.yaml', root, GRID_KEYS);
    if (fields === undefined) return undefined;
    const grid = readGrid(fields, known);
    this.note('grid.yaml', fields.problems);
    return grid;
  }

  /** The things of one file, which has the one key `heading` with a thing under each name. */
  async things<Thing extends { readonly owner?: string }>(
    file: string,
    heading: 'tags' | 'hosts' | 'steps',
    rule: RegExp,
    keys: readonly string[],
    read: (name: string, fields: Fields) => Thing,
  ): Promise<readonly Thing[]> {
    const root = await this.yaml(file);
    const top = root && this.fields(file, root, [heading]);
    if (top === undefined) return [];
    const source = top.source(heading);
    if (source?.kind !== 'map')
      top.wrong(
        top.at(heading),
        `'${heading}' is missing: write '${heading}:' and below it each by its name`,
      );
    this.note(file, top.problems);
    if (source?.kind !== 'map') return [];
    return source.entries.flatMap(({ key, at, value }) => {
      const kind = heading.slice(0, -1);
      if (!rule.test(key))
        this.note(file, [{ ...at, message: `'${shown(key)}' cannot be the name of a ${kind}` }]);
      this.once(kind, key, file, at);
      const fields = this.fields(file, value, keys);
      if (fields === undefined) return [];
      const thing = read(key, fields);
      this.note(file, fields.problems);
      // A tag without one is plain knowledge; nobody need be told of it until its probe fails.
      if (thing.owner === undefined && heading !== 'tags') this.ownedByAdmin(kind, key, file, at);
      return [thing];
    });
  }

  async tests(known: ReadonlySet<string>): Promise<readonly TestSpec[]> {
    const tests: TestSpec[] = [];
    for (const name of (await this.names('tests')) ?? []) {
      const file = `tests/${name}`;
      const bytes = await this.bytes(file);
      if (bytes === undefined) continue;
      const result = readTestFile({ name, bytes }, known);
      if (!result.ok) {
        this.note(file, result.problems);
        continue;
      }
      const start = { line: 1, column: 1 };
      this.once('test', result.spec.name, file, start);
      if (result.spec.owner === undefined) this.ownedByAdmin('test', result.spec.name, file, start);
      tests.push(result.spec);
    }
    return tests;
  }

  private ownedByAdmin(kind: string, name: string, file: string, at: Position): void {
    this.ownerless.push({ file, ...at, message: `${kind} '${name}' has no owner: what concerns it goes to` });
  }

  private once(kind: string, name: string, file: string, at: Position): void {
    const first = this.places.get(`${kind} ${name}`);
    if (first === undefined) this.places.set(`${kind} ${name}`, `${file}:${at.line}`);
    else this.note(file, [{ ...at, message: `there is a ${kind} '${shown(name)}' already, in ${first}` }]);
  }

  private note(file: string, problems: readonly FileProblem[]): void {
    const inOrder = [...problems].sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
    this.problems.push(...inOrder.map((problem) => ({ file, ...problem })));
  }

  private fields(file: string, source: Source, keys: readonly string[]): Fields | undefined {
    if (source.kind === 'map') return new Fields(source.entries, keys, source.at);
    this.note(file, [{ ...source.at, message: `here stand fields: ${keys.join(', ')}` }]);
    return undefined;
  }

  private async yaml(file: string): Promise<Source | undefined> {
    const bytes = await this.bytes(file);
    if (bytes === undefined) return undefined;
    const decoded = decodeUtf8(bytes);
    if ('problem' in decoded) {
      this.note(file, [decoded.problem]);
      return undefined;
    }
    const yaml = readYaml(decoded.text);
    if (yaml.ok) return yaml.root;
    this.note(file, yaml.problems);
    return undefined;
  }

  private async bytes(file: string): Promise<Uint8Array | undefined> {
    const full = path.join(this.folder, file);
    try {
      const about = await stat(full);
      // Reading a pipe would wait for ever.
      if (!about.isFile()) throw new Error('it is no file');
      if (about.size > MAX_TEST_FILE_BYTES) throw new Error(`it has more than ${MAX_TEST_FILE_BYTES} bytes`);
      return await readFile(full);
    } catch (error) {
      const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
      if (missing && file === 'tags.yaml') return undefined;
      const message = missing ? 'the file is missing' : `cannot be read: ${(error as Error).message}`;
      this.problems.push({
        file,
        message: missing && file === 'grid.yaml' ? `${message}: it says 'name:' and 'admin:'` : message,
      });
      return undefined;
    }
  }
}
