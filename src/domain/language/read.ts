import { normal, type Requirement } from '../requirement.js';
import type { Catalogue } from '../tag.js';
import { resolve } from './resolve.js';
import { parse, type Syntax } from './syntax.js';
import { Refused } from './tokens.js';

/** A place in somebody's file, both counted from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** An item of a requirement list, as it was written; `at` is where it begins, of a text its first character. */
export type Item =
  | { readonly kind: 'text'; readonly text: string; readonly at: Position }
  /** One of these; all of these; these rank, at the top of a list only. */
  | { readonly kind: 'any' | 'all' | 'prefer'; readonly of: readonly Item[]; readonly at: Position }
  /** Not this; of several: not all of them. */
  | { readonly kind: 'not'; readonly of: readonly Item[]; readonly at: Position };

/** Something that is wrong with a requirement, and where. */
export interface RequirementProblem {
  readonly at: Position;
  readonly message: string;
}

/** What a requirement list says. */
export interface RequirementRead {
  /** In normal form; with any problem one that never holds. */
  readonly requirement: Requirement;
  /** What ranks hosts and excludes none, each in normal form. */
  readonly prefer: readonly Requirement[];
  readonly problems: readonly RequirementProblem[];
}

/** Characters of one item. */
const MOST_TEXT = 10_000;
/** Levels of parentheses, `not` and nested items. */
const MOST_DEPTH = 50;
/** Tags, comparisons, attributes and what joins them, over a whole list. */
const MOST_NODES = 500;
const MOST_PROBLEMS = 20;

/**
 * Reads the items of a requirement list, all of which must hold, against the catalogue; without one every name is a
 * flag. No requirement is ever ignored: what is not understood is a problem. Takes bounded time, whatever is written.
 */
export function readRequirement(items: readonly Item[], catalogue: Catalogue | undefined): RequirementRead {
  const reader = new Reader(catalogue);
  try {
    const of = reader.list(items, MOST_DEPTH, true);
    if (reader.problems.length === 0)
      return { requirement: normal({ kind: 'all', of }), prefer: reader.prefer.map(normal), problems: [] };
  } catch (error) {
    if (!(error instanceof Enough)) throw error;
  }
  return { requirement: { kind: 'any', of: [] }, prefer: [], problems: reader.problems };
}

/** Thrown where reading on would serve nobody. */
class Enough extends Error {}

class Reader {
  readonly problems: RequirementProblem[] = [];
  readonly prefer: Requirement[] = [];
  private left = MOST_NODES;

  constructor(private readonly catalogue: Catalogue | undefined) {}

  list(items: readonly Item[], depth: number, top: boolean): readonly Requirement[] {
    const of: Requirement[] = [];
    for (const item of items) of.push(...this.item(item, depth, top));
    return of;
  }

  private item(item: Item, depth: number, top: boolean): readonly Requirement[] {
    if (depth <= 0) this.enough(item.at, `nested too deeply: at most ${MOST_DEPTH} levels are taken`);
    this.count(1, item.at);
    if (item.kind === 'text') return this.text(item.text, item.at, depth);
    if (item.of.length === 0) {
      this.wrong(item.at, `'${item.kind}' has no items: write some, or leave it out`);
      return [];
    }
    if (item.kind === 'prefer' && !top) {
      this.wrong(item.at, "'prefer' only ranks, so it stands at the top of a list and in nothing else");
      return [];
    }
    const of = this.list(item.of, depth - 1, false);
    switch (item.kind) {
      case 'prefer':
        this.prefer.push(...of);
        return [];
      case 'not':
        return [{ kind: 'not', of: { kind: 'all', of } }];
      case 'all':
      case 'any':
        return [{ kind: item.kind, of }];
    }
  }

  private text(text: string, at: Position, depth: number): readonly Requirement[] {
    if (text.length > MOST_TEXT) {
      this.wrong(at, `this item has ${text.length} characters; at most ${MOST_TEXT} are taken`);
      return [];
    }
    if (text.trim() === '') {
      this.wrong(at, 'empty item: write a tag, or leave the line out');
      return [];
    }
    try {
      return [this.meaning(parse(text, depth), at)];
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.wrong(within(text, error.at, at), error.message);
      return [];
    }
  }

  private meaning(tree: Syntax, at: Position): Requirement {
    switch (tree.kind) {
      case 'item': {
        const requirement = resolve(tree, this.catalogue);
        this.count(sizeOf(requirement), at);
        return requirement;
      }
      case 'not':
        return { kind: 'not', of: this.meaning(tree.of, at) };
      case 'all':
      case 'any':
        if (tree.of.length === 0) throw new Refused(tree.at, 'there is nothing between these parentheses');
        return { kind: tree.kind, of: tree.of.map((part) => this.meaning(part, at)) };
    }
  }

  private count(nodes: number, at: Position): void {
    this.left -= nodes;
    if (this.left < 0)
      this.enough(
        at,
        `this requirement has more than ${MOST_NODES} parts, what its names stand for included`,
      );
  }

  private wrong(at: Position, message: string): void {
    this.problems.push({ at, message });
    if (this.problems.length >= MOST_PROBLEMS) throw new Enough();
  }

  private enough(at: Position, message: string): never {
    this.problems.push({ at, message });
    throw new Enough();
  }
}

function sizeOf(requirement: Requirement): number {
  switch (requirement.kind) {
    case 'tag':
    case 'compare':
      return 1;
    case 'device':
      return 1 + requirement.where.length;
    case 'not':
      return 1 + sizeOf(requirement.of);
    case 'all':
    case 'any':
      return requirement.of.reduce((sum, part) => sum + sizeOf(part), 1);
  }
}

/** Where the character at `offset` of a text stands that begins at `at`. */
function within(text: string, offset: number, at: Position): Position {
  const before = text.slice(0, offset).split('\n');
  const last = before.at(-1) ?? '';
  if (before.length === 1) return { line: at.line, column: at.column + last.length };
  return { line: at.line + before.length - 1, column: last.length + 1 };
}
