import type { LavaDefinition, LavaParse, LavaRepository } from '../domain/lava/definition.js';
import { type LavaMapping, type LavaWords, MAPPED, needsOf } from '../domain/lava/mapping.js';
import { readPattern } from '../domain/lava/pattern.js';
import { wrongPath, wrongRef, wrongUrl } from '../domain/submit/source.js';
import { TEST_DEFAULTS, type TestSpec } from '../domain/test.js';
import { entriesOf, isNothing, rendered, Unreadable } from './lava-values.js';
import { NAME } from './source-fields.js';
import { type FileProblem, type Position, type Source, type SourceEntry, shown } from './yaml-source.js';

/** What came of reading a LAVA test definition; notes are what it says and what is not done. */
export type LavaResult =
  | { readonly ok: true; readonly spec: TestSpec; readonly notes: readonly FileProblem[] }
  | { readonly ok: false; readonly problems: readonly FileProblem[] };

/** The one format that is read. */
export const LAVA_FORMAT = 'Lava-Test Test Definition 1.0';

const START: Position = { line: 1, column: 1 };
const TOP_KEYS = [
  'metadata',
  'params',
  'default_parameters',
  'parameters',
  'install',
  'run',
  'parse',
  'testyard',
];
const INSTALL_KEYS = ['deps', 'steps', 'git-repos'];
const PARAM_NAME = /^(?!TESTYARD_)[A-Za-z_][A-Za-z0-9_]{0,99}$/;
/** Debian's and other names of packages, with an architecture, a version or a release. */
const PACKAGE = /^[A-Za-z0-9@][A-Za-z0-9+._:@/=~*-]{0,199}$/;
const RESULTS = ['pass', 'fail', 'skip', 'unknown'];
const MOST_PROBLEMS = 50;

/** Whether what stands in a file is something of LAVA's. */
export function isLava(entries: readonly SourceEntry[]): boolean {
  const keys = new Set(entries.map(({ key }) => key));
  const own = entries.find(({ key }) => key === 'testyard');
  return (own === undefined || own.value.kind === 'map') && (keys.has('metadata') || isJob(keys));
}

/** Reads a LAVA test definition, without what is around it. Never throws. */
export function readLavaDefinition(
  root: Source & { readonly kind: 'map' },
  file: { readonly name: string; readonly bytes: Uint8Array },
  mapping: LavaMapping,
): LavaResult {
  const reading = new Reading(root);
  const spec = reading.spec(file, mapping);
  const { problems, notes } = reading;
  return problems.length === 0
    ? { ok: true, spec, notes: inPlace(notes) }
    : { ok: false, problems: inPlace(problems).slice(0, MOST_PROBLEMS) };
}

function inPlace(problems: readonly FileProblem[]): readonly FileProblem[] {
  return [...problems].sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
}

function isJob(keys: ReadonlySet<string>): boolean {
  return keys.has('actions') && (keys.has('job_name') || keys.has('timeouts'));
}

/** What is wrong is gathered, and the reading goes on. */
class Reading {
  readonly problems: FileProblem[] = [];
  readonly notes: FileProblem[] = [];
  private readonly top: ReadonlyMap<string, SourceEntry>;

  constructor(root: Source & { readonly kind: 'map' }) {
    this.top = new Map(entriesOf(root).map((entry) => [entry.key, entry]));
  }

  spec(file: { readonly name: string; readonly bytes: Uint8Array }, mapping: LavaMapping): TestSpec {
    const metadata = this.metadata();
    const lava = this.lava(this.name(metadata, file.name));
    const owner = this.owner(metadata);
    const words = Object.fromEntries(
      MAPPED.map((part) => [part, this.words(metadata.get(part), part)]),
    ) as LavaWords;
    const installs = lava.deps.length + lava.installSteps.length > 0;
    const { requirement, unknown } = needsOf(words, installs, mapping);
    for (const part of MAPPED) {
      const strange = unknown[part];
      if (strange !== undefined) this.note(metadata.get(part)?.at ?? START, notMapped(part, strange));
    }
    return {
      name: lava.name,
      ...(owner === undefined ? {} : { owner }),
      requirement,
      labels: [],
      run: Buffer.from(file.bytes).toString('base64'),
      environment: {},
      ...TEST_DEFAULTS,
      cases: [],
      commands: [],
      underTest: [],
      network: false,
      lava,
    };
  }

  private metadata(): ReadonlyMap<string, SourceEntry> {
    const keys = new Set(this.top.keys());
    if (isJob(keys)) {
      const at = this.top.get('actions')?.at ?? START;
      this.wrong(at, 'this is a LAVA job, not a test definition: name the definitions that its actions name');
      return new Map();
    }
    const metadata = this.section('metadata');
    const format = metadata.get('format');
    if (format === undefined || isNothing(format.value))
      this.wrong(
        format?.at ?? this.top.get('metadata')?.at ?? START,
        `the format is missing: below 'metadata' write 'format: ${LAVA_FORMAT}'`,
      );
    else {
      const text = this.rendered(format.value).trim();
      if (text !== LAVA_FORMAT)
        this.wrong(format.value.at, `the format '${shown(text)}' is not read here: only '${LAVA_FORMAT}' is`);
    }
    return metadata;
  }

  private name(metadata: ReadonlyMap<string, SourceEntry>, file: string): string {
    const entry = metadata.get('name');
    const said = entry === undefined || isNothing(entry.value) ? '' : this.rendered(entry.value).trim();
    const base = file.slice(file.lastIndexOf('/') + 1).replace(/(?<=.)\.[^.]*$/, '');
    const name = (said === '' ? base : said)
      .replace(/[^A-Za-z0-9._-]+/g, '-')
      .replace(/^[._-]+|-+$/g, '')
      .slice(0, 100);
    if (!NAME.test(name)) {
      this.wrong(entry?.value.at ?? START, "it has no name: below 'metadata' write 'name: ...'");
      return 'unnamed';
    }
    if (name !== said)
      this.note(
        entry?.value.at ?? START,
        said === '' ? `it says no name: it is called '${name}'` : `it is called '${name}' here`,
      );
    return name;
  }

  private owner(metadata: ReadonlyMap<string, SourceEntry>): string | undefined {
    const all = this.words(metadata.get('maintainer'), 'maintainer');
    const owner = all.map((one) => one.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '')).join(', ');
    if (owner === '') return undefined;
    return owner.length <= 200 ? owner : owner.slice(0, 200).replace(/,[^,]*$/, '');
  }

  private lava(name: string): LavaDefinition {
    const params = this.params();
    const { deps, steps: installSteps, repositories } = this.install();
    const parse = this.parse();
    for (const [key, { at }] of this.top)
      if (!TOP_KEYS.includes(key) && !isJob(new Set(this.top.keys())))
        this.note(at, `'${shown(key)}' means nothing in a definition, here as in LAVA`);
    const steps = this.run();
    return {
      ...{ name, params, deps, installSteps, steps, folder: '' },
      ...(parse === undefined ? {} : { parse }),
      ...(repositories.length === 0 ? {} : { repositories }),
    };
  }

  /** Defaults in all the sections where they may stand; of twins the last counts. */
  private params(): Readonly<Record<string, string>> {
    const pairs: [string, string][] = [];
    for (const key of ['default_parameters', 'params'])
      for (const [name, { at, value }] of this.section(key)) {
        if (!PARAM_NAME.test(name))
          this.wrong(at, `'${shown(name)}' is no name for a variable of the shell: letters, digits and _`);
        else pairs.push([name, this.rendered(value)]);
      }
    const old = this.top.get('parameters');
    if (old !== undefined)
      this.note(
        old.at,
        "'parameters' means nothing in a definition, here as in LAVA: its section is 'params'",
      );
    return Object.fromEntries(pairs);
  }

  private install() {
    const install = this.section('install');
    for (const [key, { at, value }] of install) {
      if (INSTALL_KEYS.includes(key) || isNothing(value)) continue;
      if (['keys', 'sources'].includes(key))
        this.wrong(
          at,
          `'install.${key}' is not done here: a repository of packages belongs to the host; write it as a line of 'install.steps'`,
        );
      else this.note(at, `'install.${shown(key)}' means nothing in a definition, here as in LAVA`);
    }
    const deps = this.words(install.get('deps'), 'install.deps');
    for (const one of deps)
      if (!PACKAGE.test(one))
        this.wrong(install.get('deps')?.value.at ?? START, `'${shown(one)}' is no name of a package`);
    const repositories = this.repositories(install.get('git-repos'));
    return { deps, steps: this.steps(install.get('steps'), 'install.steps'), repositories };
  }

  private repositories(entry: SourceEntry | undefined): readonly LavaRepository[] {
    if (entry === undefined || isNothing(entry.value)) return [];
    const { value } = entry;
    if (value.kind !== 'list') {
      this.wrong(
        value.at,
        "'install.git-repos' is a list of addresses, or of 'url:', 'branch:' and 'destination:'",
      );
      return [];
    }
    const all = value.items.flatMap((item) => this.repository(item) ?? []);
    const twin = all.find(({ at }, index) => all.findIndex((one) => one.at === at) < index);
    if (twin !== undefined)
      this.wrong(value.at, `two repositories of 'install.git-repos' would lie at '${shown(twin.at)}'`);
    return all;
  }

  private repository(item: Source): LavaRepository | undefined {
    const keys =
      item.kind === 'map' ? new Map(entriesOf(item).map((one) => [one.key, one.value])) : undefined;
    if (keys?.has('skip_by_default') && this.rendered(keys.get('skip_by_default') ?? item) === 'True')
      return undefined;
    const said = (key: string) => {
      const value = keys?.get(key);
      return value === undefined || isNothing(value) ? undefined : this.rendered(value).trim();
    };
    const url = item.kind === 'text' ? this.rendered(item).trim() : (said('url') ?? '');
    const ref = said('revision') ?? said('branch');
    const at = (
      said('destination') ??
      url
        .replace(/\/+$/, '')
        .replace(/^.*\//, '')
        .replace(/\.git$/, '')
    ).replace(/^(?:\.\/+)+|\/+$/g, '');
    const flaw = url === '' ? "'install.git-repos' has an item without an address" : wrongUrl(url);
    if (flaw !== undefined) this.wrong(item.at, `${shown(url)}: ${flaw}`);
    else if (ref !== undefined && wrongRef(ref) !== undefined)
      this.wrong(item.at, `${shown(ref)}: ${wrongRef(ref)}`);
    else if (at === '.' || wrongPath(at) !== undefined)
      this.wrong(
        item.at,
        `'${shown(at)}' is no place in the tree: name a folder below it with 'destination:'`,
      );
    return { url, at, ...(ref === undefined ? {} : { ref }) };
  }

  private run(): readonly string[] {
    const run = this.top.get('run');
    if (run === undefined) {
      if (!isJob(new Set(this.top.keys())))
        this.wrong(START, "there is no section 'run': it would test nothing");
      return [];
    }
    const section = this.section('run');
    const entry = section.get('steps');
    const steps = this.steps(entry, 'run.steps');
    if (entry === undefined || isNothing(entry.value) || steps.every((step) => step.trim() === ''))
      if (this.problems.length === 0)
        this.wrong(entry?.at ?? run.at, "there are no steps below 'run': it would test nothing");
    return steps;
  }

  private steps(entry: SourceEntry | undefined, where: string): readonly string[] {
    if (entry === undefined || isNothing(entry.value)) return [];
    const { value } = entry;
    if (value.kind !== 'list') {
      this.wrong(value.at, `'${where}' is a list: begin each step with '- '`);
      return [];
    }
    return value.items.map((item) => {
      if (item.kind === 'text') return this.rendered(item);
      const hint = item.kind === 'map' ? " (a ': ' in it does that)" : '';
      this.wrong(item.at, `to YAML this step is a ${item.kind}${hint}: put it in quotes, or below '- |'`);
      return '';
    });
  }

  private parse(): LavaParse | undefined {
    const section = this.section('parse');
    const entry = section.get('pattern');
    if (entry === undefined || isNothing(entry.value)) {
      if (section.size > 0)
        this.note(this.top.get('parse')?.at ?? START, "'parse' has no pattern: nothing is parsed");
      return undefined;
    }
    const pattern = this.rendered(entry.value);
    const read = readPattern(pattern);
    if (!read.ok) this.wrong(entry.value.at, `parse.pattern: ${read.message}`);
    return { pattern, fixups: this.fixups(section.get('fixupdict')) };
  }

  private fixups(entry: SourceEntry | undefined): Readonly<Record<string, string>> {
    if (entry === undefined || isNothing(entry.value)) return {};
    if (entry.value.kind !== 'map') {
      this.wrong(entry.value.at, "'parse.fixupdict' has lines of 'PRINTED: result'");
      return {};
    }
    return Object.fromEntries(
      entriesOf(entry.value).map(({ key, value }): [string, string] => {
        const result = this.rendered(value).trim();
        if (!RESULTS.includes(result))
          this.wrong(value.at, `'${shown(result)}' is no result: pass, fail, skip or unknown`);
        return [key, result];
      }),
    );
  }

  /** A part with keys of its own; of one that is left out or empty there are none. */
  private section(key: string): ReadonlyMap<string, SourceEntry> {
    const entry = this.top.get(key);
    if (entry === undefined || isNothing(entry.value)) return new Map();
    if (entry.value.kind === 'map') return new Map(entriesOf(entry.value).map((one) => [one.key, one]));
    this.wrong(entry.value.at, `'${key}' has keys of its own below it, not a ${entry.value.kind}`);
    return new Map();
  }

  /** Words in a list; in a text they stand apart by commas or spaces. */
  private words(entry: SourceEntry | undefined, where: string): readonly string[] {
    if (entry === undefined || isNothing(entry.value)) return [];
    const { value } = entry;
    if (value.kind === 'map') {
      this.wrong(value.at, `'${where}' is a list of words`);
      return [];
    }
    const items = value.kind === 'list' ? value.items : [value];
    const words = items.flatMap((item) => {
      const text = isNothing(item) ? '' : this.rendered(item);
      return value.kind === 'list' && where !== 'install.deps' ? [text.trim()] : text.split(/[\s,]+/);
    });
    return [...new Set(words.filter((word) => word !== ''))];
  }

  private rendered(source: Source): string {
    try {
      return rendered(source);
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      this.wrong(error.at, shown(error.message));
      return '';
    }
  }

  private wrong(at: Position, message: string): void {
    this.problems.push({ message, line: at.line, column: at.column });
  }

  private note(at: Position, message: string): void {
    this.notes.push({ message, line: at.line, column: at.column });
  }
}

function notMapped(part: string, words: readonly string[]): string {
  const named = words.slice(0, 8).map(shown).join(', ') + (words.length > 8 ? ', ...' : '');
  return `${part} ${named}: asks nothing of a host, as no mapping says what it means (testyard lava mapping)`;
}
