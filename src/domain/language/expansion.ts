import { canonical, fromCanonical, normal, type Requirement } from '../requirement.js';
import type { Alias, Catalogue } from '../tag.js';
import { nearest } from './nearest.js';

/** Something wrong with an entry of the catalogue, by its name. */
export interface CatalogueProblem {
  readonly name: string;
  readonly message: string;
}

/** Aliases that stand for aliases. */
const MOST_DEPTH = 40;
/** Tags, comparisons and what joins them: no more than a requirement may have altogether. */
const MOST_PARTS = 500;

interface Written {
  readonly is: Requirement;
  readonly parts: number;
}

/** What is refused has no meaning: it never holds. */
const REFUSED: Written = { is: { kind: 'any', of: [] }, parts: 1 };

/** Aliases with the aliases in them written out, and what is wrong with them. */
export class Expansion {
  readonly problems: CatalogueProblem[] = [];
  readonly aliases: ReadonlyMap<string, Alias>;
  private readonly done = new Map<string, Written>();
  /** The aliases that are being written out. */
  private readonly open: string[] = [];

  constructor(
    private readonly given: ReadonlyMap<string, Alias>,
    private readonly find: Catalogue['find'],
    private readonly names: readonly string[],
  ) {
    const written = [...given.values()].map((alias) => ({ ...alias, is: canonical(this.written(alias).is) }));
    this.aliases = new Map(written.map((alias) => [alias.name, alias]));
  }

  private written(alias: Alias): Written {
    const { name } = alias;
    const known = this.done.get(name);
    if (known !== undefined) return known;
    if (this.open.includes(name)) {
      const circle = [...this.open.slice(this.open.indexOf(name)), name].join(' -> ');
      return this.refused(name, `'${name}' stands for itself: ${circle}`);
    }
    if (this.open.length >= MOST_DEPTH)
      return this.refused(name, `'${name}' is named by aliases more than ${MOST_DEPTH} deep`);
    this.open.push(name);
    const { is, parts } = this.replaced(fromCanonical(alias.is), name);
    this.open.pop();
    const result =
      parts > MOST_PARTS
        ? this.refused(name, `'${name}' has more than ${MOST_PARTS} parts when written out`)
        : { is: normal(is), parts };
    this.done.set(name, result);
    return result;
  }

  /** A formula with the aliases in it replaced; `of` is whose it is. */
  private replaced(part: Requirement, of: string): Written {
    switch (part.kind) {
      case 'not': {
        const inner = this.replaced(part.of, of);
        return { is: { kind: 'not', of: inner.is }, parts: inner.parts + 1 };
      }
      case 'all':
      case 'any': {
        const inner = part.of.map((one) => this.replaced(one, of));
        const parts = inner.reduce((sum, one) => sum + one.parts, 1);
        return { is: { kind: part.kind, of: inner.map((one) => one.is) }, parts };
      }
      default: {
        const alias = part.kind === 'tag' ? this.given.get(part.name) : undefined;
        if (alias !== undefined) return this.written(alias);
        if (this.find(part.name) === undefined)
          this.refused(of, `'${of}' stands for an unknown tag: ${unknownTag(part.name, this.names)}`);
        return { is: part, parts: 1 };
      }
    }
  }

  private refused(name: string, message: string): Written {
    this.problems.push({ name, message });
    return REFUSED;
  }
}

/** A name that is no tag, with the nearest one that is. */
export function unknownTag(name: string, names: readonly string[]): string {
  const near = nearest(name, names);
  return near === undefined ? `'${name}'` : `'${name}'; did you mean '${near}'?`;
}
