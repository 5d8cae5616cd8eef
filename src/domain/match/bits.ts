/** A set of hosts by number: bit `n & 31` of word `n >> 5`. */
export type Bits = Uint32Array;

/** An empty set with room for hosts 0 to `hosts - 1` at least; its words are a multiple of 4. */
export function noBits(hosts: number): Bits {
  return new Uint32Array(((hosts + 127) >>> 7) << 2);
}

/** The same set with room for more. */
export function widened(bits: Bits, hosts: number): Bits {
  const wider = noBits(hosts);
  wider.set(bits);
  return wider;
}

/** Whether a host is in the set. */
export function hasBit(bits: Bits, host: number): boolean {
  return (((bits[host >>> 5] ?? 0) >>> (host & 31)) & 1) === 1;
}

/** Puts a host in or takes it out. */
export function putBit(bits: Bits, host: number, on: boolean): void {
  const word = host >>> 5;
  const bit = 1 << (host & 31);
  bits[word] = on ? (bits[word] as number) | bit : (bits[word] as number) & ~bit;
}

/** How many hosts are in the set. */
export function countBits(bits: Bits): number {
  let count = 0;
  for (let word = 0; word < bits.length; word++) {
    // Population count by halves (Warren, Hacker's Delight, figure 5-2).
    let v = bits[word] as number;
    v -= (v >>> 1) & 0x55555555;
    v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
    count += Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
  }
  return count;
}

/** The hosts of the set, lowest number first. */
export function hostsOf(bits: Bits): number[] {
  const hosts: number[] = [];
  for (let word = 0; word < bits.length; word++) {
    for (let left = bits[word] as number; left !== 0; left &= left - 1) {
      hosts.push((word << 5) + lowestBit(left));
    }
  }
  return hosts;
}

/**
 * Writes what all four sets have in their first `length` words, a multiple of 4, and into `words` which words of that are not 0; how many these are. That is written
 * down for every word and counted or not, as nobody can foresee which it will be, a processor neither.
 */
export function meet(
  a: Bits,
  b: Bits,
  c: Bits,
  d: Bits,
  into: Bits,
  words: Int32Array,
  length: number,
): number {
  let count = 0;
  // Four words a turn: the loop itself costs as much as one of them.
  for (let n = 0; n < length; n += 4) {
    const one = (a[n] as number) & (b[n] as number) & (c[n] as number) & (d[n] as number);
    const two = (a[n + 1] as number) & (b[n + 1] as number) & (c[n + 1] as number) & (d[n + 1] as number);
    const three = (a[n + 2] as number) & (b[n + 2] as number) & (c[n + 2] as number) & (d[n + 2] as number);
    const four = (a[n + 3] as number) & (b[n + 3] as number) & (c[n + 3] as number) & (d[n + 3] as number);
    into[n] = one;
    into[n + 1] = two;
    into[n + 2] = three;
    into[n + 3] = four;
    words[count] = n;
    count += (one | -one) >>> 31;
    words[count] = n + 1;
    count += (two | -two) >>> 31;
    words[count] = n + 2;
    count += (three | -three) >>> 31;
    words[count] = n + 3;
    count += (four | -four) >>> 31;
  }
  return count;
}

/** The number of the lowest bit of a word that is not 0. */
export function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}
