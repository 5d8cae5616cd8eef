import { countBits, hostsOf } from '../match/bits.js';
import { fromCanonical, tagsOf } from '../requirement.js';
import { givenBy } from '../step.js';
import type { TagSpec } from '../tag.js';
import type { PlacedTest } from './compatible.js';
import type { Ground } from './ground.js';
import { tagsUnder } from './standing.js';

/** A requirement that runs wait or run with, and how many they are. */
export interface AskedNow {
  readonly requirement: string;
  readonly runs: number;
}

/** A tag or alias with who provides it and who needs it, in few words. */
export interface TagLine {
  name: string;
  kind: TagSpec['kind'] | 'alias';
  /** How it comes to be known. */
  by: 'declared' | 'seen' | 'derived' | 'alias';
  meaning: string;
  owner?: string;
  /** Hosts that have it, and of which nobody knows. */
  hosts: number;
  unknown: number;
  /** Steps that give it. */
  steps: string[];
  tests: number;
  runs: number;
  /** Somebody needs it, and nothing here provides it. */
  unprovided: boolean;
}

/** All that there is to say of one tag. */
export interface TagTold extends TagLine {
  /** Of a derived tag or an alias: the formula. */
  is?: string;
  /** How values are ordered, or their unit. */
  scheme?: string;
  unit?: string;
  decays?: string;
  hostNames: string[];
  /** The values that hosts have, in order. */
  values: string[];
  neededBySteps: string[];
  testNames: string[];
  /** Derived tags and aliases that speak of it. */
  usedBy: string[];
}

/** Names and values that are told at most. */
const MOST_TOLD = 100;

/** Who provides and who needs what, over all tags of the catalogue. */
export class TagUse {
  private readonly tests = new Map<string, string[]>();
  private readonly runs = new Map<string, number>();
  private readonly given = new Map<string, string[]>();
  private readonly stepNeeds = new Map<string, string[]>();

  constructor(
    private readonly ground: Ground,
    tests: readonly PlacedTest[],
    asked: readonly AskedNow[],
  ) {
    const under = (formula: string) => tagsUnder(fromCanonical(formula), ground.catalogue);
    for (const { name, requirement } of tests)
      for (const tag of under(requirement)) add(this.tests, tag, name);
    for (const { requirement, runs } of asked)
      for (const tag of under(requirement)) this.runs.set(tag, (this.runs.get(tag) ?? 0) + runs);
    for (const step of ground.steps) {
      for (const item of step.gives) add(this.given, givenBy(item).tag, step.name);
      for (const tag of under(step.needs)) add(this.stepNeeds, tag, step.name);
    }
  }

  /** Every tag with an entry of its own, and members of families that somebody has or asks for; then aliases. */
  lines(): TagLine[] {
    const { catalogue, hosts } = this.ground;
    const named = new Set(catalogue.names.filter((name) => !name.endsWith(':*')));
    for (const name of [...this.tests.keys(), ...this.runs.keys(), ...this.given.keys()]) named.add(name);
    for (const { record } of hosts.values())
      for (const { tag, source } of record.tags) if (source === 'declared') named.add(tag);
    return [...named].sort().flatMap((name) => this.line(name) ?? []);
  }

  /** Every name that there is something to say of, for suggestions. */
  get names(): readonly string[] {
    return [...this.ground.catalogue.names, ...this.tests.keys(), ...this.given.keys()];
  }

  line(name: string): TagLine | undefined {
    const { catalogue, index } = this.ground;
    const alias = catalogue.alias(name);
    const spec = catalogue.find(name);
    if (alias === undefined && spec === undefined) return undefined;
    const formula = alias === undefined ? ({ kind: 'tag', name } as const) : fromCanonical(alias.is);
    const { yes, maybe } = index.match(index.compile(formula));
    const hosts = countBits(yes);
    const unknown = countBits(maybe) - hosts;
    const steps = [...new Set(this.given.get(name))];
    const [tests, runs] = [new Set(this.tests.get(name)).size, this.runs.get(name) ?? 0];
    const { owner } = spec ?? {};
    return {
      name,
      kind: alias === undefined ? (spec?.kind ?? 'flag') : 'alias',
      by: spec === undefined ? 'alias' : wordOf(spec),
      meaning: alias?.meaning ?? spec?.meaning ?? '',
      ...(owner === undefined ? {} : { owner }),
      hosts,
      unknown,
      steps,
      tests,
      runs,
      unprovided: tests + runs > 0 && hosts + unknown + steps.length === 0 && alias === undefined,
    };
  }

  told(name: string): TagTold | undefined {
    const line = this.line(name);
    if (line === undefined) return undefined;
    const { catalogue, index, hosts } = this.ground;
    const alias = catalogue.alias(name);
    const spec = catalogue.find(name);
    const is = alias?.is ?? (spec?.source.by === 'formula' ? spec.source.is : undefined);
    const formula = alias === undefined ? ({ kind: 'tag', name } as const) : fromCanonical(alias.is);
    const having = hostsOf(index.match(index.compile(formula)).yes);
    const names = having.flatMap((host) => hosts.get(host)?.name ?? []).sort();
    return {
      ...line,
      ...(is === undefined ? {} : { is }),
      ...(spec?.kind === 'version' ? { scheme: spec.scheme } : {}),
      ...(spec?.kind === 'quantity' ? { unit: spec.unit } : {}),
      ...(spec?.decays === undefined ? {} : { decays: spec.decays }),
      hostNames: names.slice(0, MOST_TOLD),
      values:
        spec === undefined
          ? []
          : index
              .valuesOf(name)
              .slice(0, MOST_TOLD)
              .map(({ raw }) => raw),
      neededBySteps: [...new Set(this.stepNeeds.get(name))],
      testNames: [...new Set(this.tests.get(name))].sort().slice(0, MOST_TOLD),
      usedBy: this.speaking(name),
    };
  }

  /** Derived tags and aliases whose formula names it. */
  private speaking(name: string): string[] {
    const { catalogue } = this.ground;
    return catalogue.names.filter((other) => {
      const source = catalogue.find(other)?.source;
      const is = catalogue.alias(other)?.is ?? (source?.by === 'formula' ? source.is : undefined);
      return other !== name && is !== undefined && tagsOf(fromCanonical(is)).includes(name);
    });
  }
}

function wordOf({ source }: TagSpec): TagLine['by'] {
  return source.by === 'word' ? 'declared' : source.by === 'formula' ? 'derived' : 'seen';
}

function add(to: Map<string, string[]>, key: string, name: string): void {
  const names = to.get(key);
  if (names === undefined) to.set(key, [name]);
  else names.push(name);
}
