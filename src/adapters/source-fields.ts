import { nearest } from '../domain/language/nearest.js';
import { readRequirement } from '../domain/language/read.js';
import { LAYERS, type Layer } from '../domain/layer.js';
import { canonical } from '../domain/requirement.js';
import type { Catalogue } from '../domain/tag.js';
import { formulaItems } from './formula-source.js';
import {
  type FileProblem,
  type Position,
  type Source,
  type SourceEntry,
  shown,
  unusable,
} from './yaml-source.js';

/** What a requirement and the preferences beside it came to, in canonical spelling. */
export interface Formula {
  readonly requirement: string;
  readonly prefer: readonly string[];
}

/** A name of a test, step, host, pool or label. */
export const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const NAME_RULE = 'letters, digits, dot, dash and underscore, beginning with a letter or digit; at most 100';
const UNITS = { s: 1000, m: 60_000, h: 3_600_000 } as const;
/** Every unknown name is compared with the whole catalogue, so a list has an end. */
const MAX_ITEMS = 500;
const WEEK_MS = 7 * 24 * 3_600_000;

/**
 * The fields of one thing that somebody wrote down. Every reader notes what is wrong with its field and goes
 * on, so that all mistakes are told at once; what it returns then does not matter.
 */
export class Fields {
  private readonly entries: ReadonlyMap<string, SourceEntry>;

  /** `spelled` says how the file spells a key, where that differs; `problems` is where mistakes are noted. */
  constructor(
    entries: readonly SourceEntry[],
    known: readonly string[],
    readonly start: Position,
    private readonly spelled: (key: string) => string = (key) => key,
    readonly problems: FileProblem[] = [],
  ) {
    this.entries = new Map(entries.map((entry) => [entry.key, entry]));
    for (const entry of entries.slice(0, MAX_ITEMS)) {
      if (known.includes(entry.key)) continue;
      this.wrong(entry.at, unknownKey(spelled(entry.key), known.map(spelled)));
    }
  }

  wrong(at: Position, message: string): void {
    this.problems.push({ message, line: at.line, column: at.column });
  }

  has(key: string): boolean {
    return this.entries.has(key);
  }

  /** Where a field stands, or where the whole begins. */
  at(key: string): Position {
    return this.entries.get(key)?.value.at ?? this.start;
  }

  source(key: string): Source | undefined {
    return this.entries.get(key)?.value;
  }

  /** Where an item of a list stands, or else the list. */
  itemAt(key: string, text: string): Position {
    const source = this.source(key);
    const items = source?.kind === 'list' ? source.items : [];
    return items.find((item) => item.kind === 'text' && item.text.trim() === text)?.at ?? this.at(key);
  }

  /** A text as it stands, of which nothing is said. */
  plain(key: string): string | undefined {
    const source = this.source(key);
    return source?.kind === 'text' ? source.text : undefined;
  }

  /** Says that a field is missing, where it is. */
  required(key: string, text: string | undefined, what: string): string {
    if (text === undefined) this.wrong(this.start, `'${this.spelled(key)}' is missing: ${what}`);
    return text ?? '';
  }

  /** A text of a form, of which `what` is the name. */
  matching(key: string, rule: RegExp, what: string): string | undefined {
    const text = this.text(key);
    if (text !== undefined && text.trim() !== '' && !rule.test(text))
      this.wrong(this.at(key), `'${shown(text)}' is not ${what}`);
    return text;
  }

  /** A text that is not empty; undefined where the field is left out. */
  text(key: string): string | undefined {
    const source = this.source(key);
    return source === undefined ? undefined : this.textOf(source, this.spelled(key));
  }

  /** A text of one line, such as an owner. */
  line(key: string): string | undefined {
    const text = this.text(key);
    if (text !== undefined && (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text) || text.length > 200))
      this.wrong(this.at(key), `'${this.spelled(key)}' is one line of at most 200 characters`);
    return text;
  }

  name(key: string): string | undefined {
    const text = this.text(key);
    if (text !== undefined && !NAME.test(text))
      this.wrong(this.at(key), `'${shown(text)}' cannot be a name: ${NAME_RULE}`);
    return text;
  }

  /** A list of one-line texts; a single one may stand alone. */
  list(key: string): readonly (Source & { readonly kind: 'text' })[] {
    const source = this.source(key);
    if (source === undefined) return [];
    const all = source.kind === 'list' ? source.items : [source];
    if (all.length > MAX_ITEMS)
      this.wrong(source.at, `'${this.spelled(key)}' has ${all.length} items; at most ${MAX_ITEMS} are taken`);
    return all.slice(0, MAX_ITEMS).flatMap((item) => {
      if (item.kind !== 'text') {
        this.wrong(item.at, `'${this.spelled(key)}' is a list of single lines`);
        return [];
      }
      return [{ ...item, text: item.text.trim() }];
    });
  }

  /** A list of words without twins, each of which `rule` accepts. */
  words(key: string, rule: RegExp, what: string): readonly string[] {
    const words = new Set<string>();
    for (const { text, at } of this.list(key)) {
      if (text === '') this.wrong(at, `empty item in '${this.spelled(key)}': write ${what}, or leave it out`);
      else if (!rule.test(text)) this.wrong(at, `'${shown(text)}' is not ${what}`);
      else if (words.has(text)) this.wrong(at, `'${shown(text)}' stands twice in '${this.spelled(key)}'`);
      else words.add(text);
    }
    return [...words];
  }

  oneOf<Word extends string>(key: string, words: readonly Word[]): Word | undefined {
    const text = this.text(key);
    if (text === undefined) return undefined;
    const word = words.find((candidate) => candidate === text);
    if (word === undefined)
      this.wrong(this.at(key), `'${shown(text)}' is none of ${words.join(', ')} (${this.spelled(key)})`);
    return word;
  }

  flag(key: string): boolean | undefined {
    const word = this.oneOf(key, ['true', 'false', 'yes', 'no'] as const);
    return word === undefined ? undefined : word === 'true' || word === 'yes';
  }

  /** `90s`, `5m` or `2h`, in milliseconds. */
  duration(key: string): number | undefined {
    const text = this.text(key);
    if (text === undefined) return undefined;
    const match = /^([0-9]{1,9})([smh])$/.exec(text);
    const ms = match === null ? 0 : Number(match[1]) * UNITS[match[2] as keyof typeof UNITS];
    if (match === null) {
      const hint = /^[0-9]+$/.test(text) ? `say the unit, for example ${text}s` : 'write 90s, 5m or 2h';
      this.wrong(this.at(key), `'${shown(text)}' is no duration: ${hint}`);
    } else if (ms === 0 || ms > WEEK_MS)
      this.wrong(this.at(key), `'${text}' is out of range: a duration is from 1s to 168h`);
    return ms;
  }

  integer(key: string, min: number, max: number): number | undefined {
    const text = this.text(key);
    if (text === undefined) return undefined;
    const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max))
      this.wrong(
        this.at(key),
        `'${shown(text)}' is not a whole number from ${min} to ${max} (${this.spelled(key)})`,
      );
    return value;
  }

  /**
   * A requirement list with the preferences in it, and those below the key `preferences` where one is named.
   * Without a catalogue any well-formed name is taken.
   */
  formula(key: string, catalogue: Catalogue | undefined, preferences?: string): Formula {
    const wrong = (at: Position, message: string) => this.wrong(at, message);
    const items = [...formulaItems(this.source(key), this.spelled(key), wrong)];
    if (preferences !== undefined && this.has(preferences)) {
      const of = formulaItems(this.source(preferences), this.spelled(preferences), wrong);
      items.push({ kind: 'prefer', of, at: this.at(preferences) });
    }
    const { requirement, prefer, problems } = readRequirement(items, catalogue);
    for (const { at, message } of problems) this.wrong(at, message);
    return { requirement: canonical(requirement), prefer: prefer.map(canonical) };
  }

  /** A formula in which preferences have no place. */
  requirement(key: string, catalogue: Catalogue | undefined): string {
    const { requirement, prefer } = this.formula(key, catalogue);
    if (prefer.length > 0) this.wrong(this.at(key), `'prefer' has no place in '${this.spelled(key)}'`);
    return requirement;
  }

  layers(key: string): readonly Layer[] {
    const words = this.words(key, new RegExp(`^(${LAYERS.join('|')})$`), `one of ${LAYERS.join(', ')}`);
    return LAYERS.filter((layer) => words.includes(layer));
  }

  /** Texts by name; `rule` says which names there can be. */
  texts(key: string, rule: RegExp, what: string): Readonly<Record<string, string>> {
    const source = this.source(key);
    if (source === undefined) return {};
    if (source.kind !== 'map') {
      this.wrong(source.at, `'${this.spelled(key)}' is a list of NAME: value lines`);
      return {};
    }
    const pairs = source.entries.flatMap(({ key: name, at, value }): [string, string][] => {
      if (!rule.test(name)) this.wrong(at, `'${shown(name)}' is not ${what}`);
      else if (value.kind !== 'text') this.wrong(value.at, `'${shown(name)}' is a single text`);
      else if (unusable(value.text) !== undefined) this.wrong(value.at, unusable(value.text) ?? '');
      else if (value.text.length > 10_000) this.wrong(value.at, `'${name}' is longer than 10000 characters`);
      else return [[name, value.text]];
      return [];
    });
    return Object.fromEntries(pairs);
  }

  /** Reads the fields below a key, which is a map. */
  below(key: string, known: readonly string[]): Fields | undefined {
    const source = this.source(key);
    if (source === undefined) return undefined;
    if (source.kind === 'map') return new Fields(source.entries, known, source.at, undefined, this.problems);
    this.wrong(source.at, `'${this.spelled(key)}' has fields of its own: ${known.join(', ')}`);
    return undefined;
  }

  private textOf(source: Source, key: string): string {
    if (source.kind !== 'text') {
      this.wrong(source.at, `'${key}' is a single text, not a ${source.kind}`);
      return '';
    }
    const flaw = unusable(source.text);
    if (flaw !== undefined) this.wrong(source.at, flaw);
    if (source.text.trim() === '') this.wrong(source.at, `'${key}' is empty: write a value, or leave it out`);
    return source.text;
  }
}

/** What to say of a key that does not exist. */
export function unknownKey(key: string, known: readonly string[]): string {
  const near = key.length > 100 ? undefined : nearest(key, known);
  const hint = near === undefined ? `known are ${known.join(', ')}` : `did you mean '${near}'?`;
  return `unknown key '${shown(key)}': ${hint}`;
}
