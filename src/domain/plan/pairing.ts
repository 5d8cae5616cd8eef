import type { Id } from '../id.js';
import type { Dirties } from '../layer.js';
import { destroyedBy, harmOf } from '../provision/left.js';
import type { Way } from './fit.js';

/** A run that waits and may begin, one of the first of its demand. */
export interface Head {
  readonly runId: Id;
  readonly demand: string;
  /** Its effective priority, up to something that all have in common. */
  readonly points: number;
  /** What its test says that it changes; undefined: nothing is said. */
  readonly dirties?: Dirties;
}

/** A point of effective priority outweighs so many seconds of provisioning: who waits long enough is served at any cost. */
export const POINT_S = 1000;
/** What is taken away on a host that somebody might have used costs this share of what it would cost to bring it there. */
const SPARED = 0.6;
/** Likewise what a test will take away: of two that may begin there the one that leaves more goes first. */
const HARM = 0.1;
/** Ways that are weighed for one run, cheap ones first. */
const MOST_WAYS = 64;

/** Runs that differ in nothing that matters here, in their order. */
interface Line {
  readonly heads: Head[];
  best?: { readonly way: Way; readonly score: number } | undefined;
}

/**
 * Which run begins next, and where: of all that wait and all hosts that are free the pair that costs least. What a pair
 * costs is its chain, what that takes away and what the test will, less what the run has in priority. So equal states
 * follow each other, rare ones are spared, and nobody waits for ever.
 */
export class Pairing {
  private readonly lines: Line[];

  /** `heads` in the order of their turns; `isOpen`: whether a way could be begun on just now, which only ever ends. */
  constructor(
    heads: readonly Head[],
    private readonly waysOf: (demand: string) => readonly Way[],
    private readonly isOpen: (way: Way, demand: string) => boolean,
  ) {
    const lines = new Map<string, Line>();
    for (const head of heads) {
      const key = `${head.dirties} ${head.demand}`;
      const line = lines.get(key) ?? { heads: [] };
      lines.set(key, line);
      line.heads.push(head);
    }
    this.lines = [...lines.values()];
  }

  /** The next pair; its run is not asked about again. Undefined: nothing more can begin. */
  next(): { readonly head: Head; readonly way: Way } | undefined {
    let chosen: { readonly line: Line; readonly way: Way; readonly score: number } | undefined;
    for (const line of this.lines) {
      const found = this.cheapestOf(line);
      const [head] = line.heads;
      if (found === undefined || head === undefined) continue;
      const score = found.score - head.points * POINT_S;
      if (chosen === undefined || score < chosen.score) chosen = { line, way: found.way, score };
    }
    const head = chosen?.line.heads.shift();
    return chosen === undefined || head === undefined ? undefined : { head, way: chosen.way };
  }

  private cheapestOf(line: Line): Line['best'] {
    const [head] = line.heads;
    if (head === undefined) return undefined;
    if (line.best !== undefined && this.isOpen(line.best.way, head.demand)) return line.best;
    line.best = undefined;
    let weighed = 0;
    for (const way of this.waysOf(head.demand)) {
      // They come by cost: what is dearer without what it takes away cannot be cheaper with it.
      if (weighed >= MOST_WAYS || (line.best !== undefined && way.chain.costS > line.best.score)) break;
      if (!this.isOpen(way, head.demand)) continue;
      weighed += 1;
      const score = scoreOf(way, head.dirties);
      if (line.best === undefined || score < line.best.score) line.best = { way, score };
    }
    if (line.best === undefined) line.heads.length = 0;
    return line.best;
  }
}

function scoreOf({ host, chain: { steps, costS } }: Way, dirties: Dirties | undefined): number {
  return costS + SPARED * destroyedBy(host, steps) + HARM * harmOf(host, steps, dirties);
}
