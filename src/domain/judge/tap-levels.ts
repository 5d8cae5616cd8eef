import type { Printed } from '../outcome.js';
import { LONGEST_NAME, type TapCase } from './tap-point.js';

/** Cases of subtests that are not over; more of them are told without the name of their subtest. */
const MOST_HELD = 10_000;

interface Level {
  planned?: number;
  /** What the plan `1..0` says for a reason. */
  why?: string;
  points: number;
  name?: string;
  begun: boolean;
}

/** The levels of nested output: a point closes what stands deeper, whose cases are named after it. */
export class TapLevels {
  private readonly levels: Level[] = [];
  private readonly held: { readonly depth: number; readonly one: TapCase }[] = [];
  private flaw: string | undefined;

  /** A version was printed there: a level begins. */
  begin(depth: number): void {
    this.at(depth).begun = true;
  }

  /** Whether a version or a plan was printed there. */
  isBegun(depth: number): boolean {
    return this.levels[depth]?.begun === true;
  }

  /** So many cases are to come there; `comment` says why none. */
  plan(depth: number, planned: number, comment: string | undefined): void {
    const level = this.at(depth);
    level.begun = true;
    if (level.planned !== undefined && level.planned !== planned)
      this.flaw ??= `planned ${level.planned} cases and then ${planned}`;
    level.planned ??= planned;
    level.why ??= (comment ?? '').replace(/^skip\S*\s*:?\s*/i, '').trim();
  }

  /** The subtest whose cases stand there is called so: said before it, at its own level or one further out. */
  name(depth: number, name: string): void {
    this.at(depth).name = name;
  }

  /** Takes a test point; gives the cases whose whole name is known by it. */
  point(depth: number, point: TapCase): readonly TapCase[] {
    this.close(depth + 1, point.name);
    this.at(depth).points += 1;
    delete this.at(depth).name;
    // What stands deeper is always last.
    let from = this.held.length;
    while (from > 0 && (this.held[from - 1]?.depth ?? 0) > depth) from -= 1;
    const inner = this.held.splice(from);
    const known = [...inner.map(({ one }) => below(point.name, one)), point];
    if (depth === 0) return known;
    for (const one of known) this.held.push({ depth, one });
    return this.held.length > MOST_HELD ? this.flush() : [];
  }

  /** What is held, since nothing more comes: subtests that were cut off, by the name they gave before. */
  end(): readonly TapCase[] {
    const cases = this.flush();
    this.close(1, undefined);
    return cases;
  }

  /** What is to be said of the whole, once it has ended. */
  summary(bailedOut: boolean): Printed {
    const [first] = this.levels;
    const cases = first?.points ?? 0;
    const own = first === undefined ? undefined : shortOf(first, undefined);
    // Who bails out has said why the rest is missing.
    const flaw = bailedOut ? undefined : (this.flaw ?? own);
    return {
      cases,
      ...(first?.planned === 0 && cases === 0 ? { skipped: (first.why ?? '').slice(0, LONGEST_NAME) } : {}),
      ...(flaw === undefined ? {} : { flaw }),
    };
  }

  private flush(): readonly TapCase[] {
    const all = this.held.map(({ depth, one }) => {
      const name = this.levels[depth]?.name ?? this.levels[depth - 1]?.name;
      return name === undefined ? one : below(name, one);
    });
    this.held.length = 0;
    return all;
  }

  private at(depth: number): Level {
    while (this.levels.length <= depth) this.levels.push({ points: 0, begun: false });
    return this.levels[depth] as Level;
  }

  /** Levels from there on are over: what they planned must have come. */
  private close(depth: number, name: string | undefined): void {
    for (const [index, level] of this.levels.slice(depth).entries()) {
      const said = level.name ?? this.levels[depth + index - 1]?.name;
      this.flaw ??= shortOf(level, name ?? said ?? 'a subtest');
    }
    this.levels.length = Math.min(this.levels.length, depth);
  }
}

function below(name: string, one: TapCase): TapCase {
  return { ...one, name: `${name} / ${one.name}`.slice(0, LONGEST_NAME) };
}

function shortOf({ planned, points }: Level, where: string | undefined): string | undefined {
  if (planned === undefined || planned === points) return undefined;
  const of = where === undefined ? '' : ` of '${where.slice(0, 100)}'`;
  return `planned ${planned} ${planned === 1 ? 'case' : 'cases'}${of} and printed ${points}`;
}
