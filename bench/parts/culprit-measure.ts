/** A mean with half the width of its 95 % interval. */
export interface Mean {
  readonly mean: number;
  readonly half: number;
}

/** The mean of some numbers, by the normal approximation. */
export function meanOf(values: readonly number[]): Mean {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance =
    values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, values.length - 1);
  return { mean, half: 1.96 * Math.sqrt(variance / values.length) };
}

/** The lower end of the 95 % interval of a share (Wilson 1927). */
export function leastShare(right: number, of: number): number {
  const [z, share] = [1.96, right / of];
  const middle = share + z ** 2 / (2 * of);
  const half = z * Math.sqrt((share * (1 - share)) / of + z ** 2 / (4 * of ** 2));
  return (middle - half) / (1 + z ** 2 / of);
}
