import type { Drift } from '../match/known.js';
import { instanceTexts } from '../tag.js';

/** What was declared of a host and what is there instead, for the person who declared it. */
export function driftText({ declared, seen }: Drift): string {
  const said = instanceTexts(declared)[0] ?? declared.tag;
  const there = seen.flatMap(instanceTexts);
  if (seen.length === 0) return `declared (${said}), and not there`;
  return `declared (${said}), and not seen so: ${there.slice(0, 3).join('; ') || 'otherwise'}`;
}
