export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Smallest, median and largest: with a handful of runs anything finer would pretend. */
export interface Spread {
  readonly low: number;
  readonly median: number;
  readonly high: number;
}

export function spread(values: readonly number[]): Spread {
  return { low: Math.min(...values), median: median(values), high: Math.max(...values) };
}

/** Ratio of runs that were made next to each other, pair by pair, so that slow drift of the machine cancels out. */
export function pairedRatio(own: readonly number[], peer: readonly number[]): Spread {
  return spread(own.slice(0, peer.length).map((value, i) => value / peer[i]!));
}
