import type { Order } from './order.js';
import { compareParts, partsOf } from './parts.js';

/** Any text, in the parts that `sort -V` compares. */
interface NaturalVersion {
  /** 0: `.`, 1: `..`, 2: begins with a dot, 3: anything else. */
  readonly rank: number;
  readonly stem: readonly string[];
  readonly whole: readonly string[];
}

const SUFFIX = /^[A-Za-z~][A-Za-z0-9~]*$/;

/**
 * The order of GNU `sort -V` ("Version sort ordering" in the manual of GNU coreutils; 9.1, that of Debian 12): as Debian's upstream
 * versions, but hidden names first, and what looks like the suffix of a file (`.tar.gz`) counts only where all else
 * is equal. What it leaves equal (1.01 and 1.1) is equal here, too.
 */
export const natural: Order<NaturalVersion> = {
  name: 'version',
  read: (text) => ({
    ok: true,
    version: { rank: rankOf(text), stem: partsOf(withoutSuffix(text)), whole: partsOf(text) },
  }),
  compare: (a, b) => a.rank - b.rank || compareParts(a.stem, b.stem) || compareParts(a.whole, b.whole),
};

function rankOf(text: string): number {
  if (text === '.' || text === '..') return text.length - 1;
  return text.startsWith('.') ? 2 : 3;
}

/** The longest end of dotted words is left out, even where that is all of the text (`.a.b`). */
function withoutSuffix(text: string): string {
  let end = text.length;
  for (;;) {
    const dot = text.lastIndexOf('.', end - 1);
    if (dot < 0 || !SUFFIX.test(text.slice(dot + 1, end))) return text.slice(0, end);
    end = dot;
  }
}
