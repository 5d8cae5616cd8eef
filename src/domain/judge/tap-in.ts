import type { Printed } from '../outcome.js';
import { TapLevels } from './tap-levels.js';
import { pointOf, type TapCase } from './tap-point.js';

/** How what a test prints is read: TAP 13 and 14, or KTAP 1 and 2 with the prefixes of kernel logs and kselftest. */
export const TAP_FORMS = ['tap', 'ktap'] as const;
/** See above. */
export type TapForm = (typeof TAP_FORMS)[number];

/** Prefixes of the kernel's log: `<6>`, `[   12.345678]`, `[  T123]`. */
const LOG_PREFIX = /^(?:<[0-9]{1,3}>)?(?:\[ *[0-9]{1,10}\.[0-9]{1,9}\] ?)?(?:\[ *[TC][0-9]{1,10}\] ?)?/;
const VERSION = /^K?TAP version [0-9]{1,4}\s*$/;
const PLAN = /^1\.\.([0-9]{1,9})\s*(?:#\s*(.*))?$/;
const BAIL_OUT = /^Bail out!\s*(.*)$/i;
const SUBTEST = /^#\s*Subtest:?\s+(.*)$/i;
/** Deeper than anybody nests; what is further in is taken for something else that was printed. */
const DEEPEST = 20;

/**
 * Reads what a test prints, line by line, by the TAP 14 specification (testanything.org) and the kernel's
 * Documentation/dev-tools/ktap.rst. What is no line of TAP is passed over: a test prints other things too. Nothing
 * ever throws, and memory is bounded: only the cases of a subtest that is not over are held.
 */
export class TapReader {
  private readonly levels = new TapLevels();
  private bailedOut = false;
  /** Indentation of a YAML block that is being passed over. */
  private yaml: number | undefined;

  constructor(private readonly form: TapForm) {}

  /** Takes a line without its end; gives the cases that are known by it. */
  line(printed: string): readonly TapCase[] {
    if (this.bailedOut) return [];
    const { depth, text, indent } = this.placed(printed);
    if (this.isYaml(text, indent)) return [];
    if (depth > DEEPEST) return [];
    const bail = BAIL_OUT.exec(text);
    if (bail !== null) return this.bailOut(bail[1] ?? '');
    if (VERSION.test(text)) {
      this.levels.begin(depth);
      return [];
    }
    const plan = PLAN.exec(text);
    if (plan !== null) {
      this.levels.plan(depth, Number(plan[1]), plan[2]);
      return [];
    }
    const named = SUBTEST.exec(text);
    if (named !== null) {
      this.levels.name(depth, (named[1] ?? '').trim());
      return [];
    }
    const point = pointOf(text);
    return point === undefined ? [] : this.levels.point(depth, point);
  }

  /** Nothing more is printed: the cases that were held, and what is to be said of the whole. */
  end(): { readonly cases: readonly TapCase[]; readonly summary: Printed } {
    const cases = this.levels.end();
    return { cases, summary: this.levels.summary(this.bailedOut) };
  }

  /** How deep a line stands, and what it says. */
  private placed(line: string): { depth: number; indent: number; text: string } {
    if (this.form === 'tap') {
      const indent = spacesOf(line);
      return {
        indent,
        depth: Math.floor(indent / 4),
        text: indent % 4 === 0 ? line.slice(indent) : `#${line}`,
      };
    }
    const bare = line.replace(LOG_PREFIX, '');
    const indent = spacesOf(bare);
    let depth = Math.floor(indent / 2);
    let text = indent % 2 === 0 ? bare.slice(indent) : `#${bare}`;
    // The runner of kselftest prints what a test printed as comments; only where those are TAP are they a level.
    while (text.startsWith('# ') && this.isNested(text.slice(2), depth + 1)) {
      const inner = text.slice(2);
      const more = spacesOf(inner);
      depth += 1 + Math.floor(more / 2);
      text = inner.slice(more);
    }
    return { depth, indent, text };
  }

  /** A diagnostic may begin with `ok` too: it counts only below a version or a plan that was printed so. */
  private isNested(inner: string, depth: number): boolean {
    const text = inner.trimStart();
    if (VERSION.test(text) || PLAN.test(text)) return true;
    if (text.startsWith('# ')) return this.isNested(text.slice(2), depth + 1);
    const own = depth + Math.floor((inner.length - text.length) / 2);
    return /^(?:not )?ok [0-9]/.test(text) && this.levels.isBegun(own);
  }

  /** A block of YAML below a test point, from `---` to `...`: it ends as well where something stands further out. */
  private isYaml(text: string, indent: number): boolean {
    if (this.yaml !== undefined) {
      if (indent < this.yaml && text.trim() !== '') this.yaml = undefined;
      else {
        if (indent === this.yaml && /^#?\s*\.\.\.\s*$/.test(text)) this.yaml = undefined;
        return true;
      }
    }
    if (indent === 0 || !/^#?\s*---\s*$/.test(text)) return false;
    this.yaml = indent;
    return true;
  }

  private bailOut(why: string): readonly TapCase[] {
    this.bailedOut = true;
    const message = why.trim();
    return [...this.levels.end(), { name: 'Bail out!', result: 'fail', message }];
  }
}

function spacesOf(line: string): number {
  let count = 0;
  while (count < line.length && line[count] === ' ') count += 1;
  return count;
}
