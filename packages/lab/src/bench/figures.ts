/** The arithmetic of measurements: medians with their spread, percentiles, and ratios of what ran side by side. Pure. */

export interface Spread {
  median: number;
  min: number;
  max: number;
}

/** Median, least and most. Of an even number of values the median is the mean of the two in the middle. */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) throw new RangeError('there is no median of nothing');
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[sorted.length >> 1]!;
  const lower = sorted[(sorted.length - 1) >> 1]!;
  return { median: (lower + upper) / 2, min: sorted[0]!, max: sorted.at(-1)! };
}

/** The least value that at least this share (over 0, up to 1) of all values does not exceed (nearest rank). */
export function percentile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new RangeError('there is no percentile of nothing');
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
}

/**
 * Ours against theirs, pair by pair: what disturbed one round disturbed both of its halves, so ratios of a round spread less
 * than ratios of medians.
 */
export function pairRatios(ours: readonly number[], theirs: readonly number[]): number[] {
  if (ours.length !== theirs.length) throw new RangeError('pairs need as many of one as of the other');
  return ours.map((value, at) => value / theirs[at]!);
}
