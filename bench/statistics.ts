/** The numbers that are reported: medians, because noise on a shared machine only ever adds, and how far the rounds lie apart. */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >>> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Half the distance from the least to the greatest, as a share of the median. */
export function spread(numbers: readonly number[]): number {
  return (Math.max(...numbers) - Math.min(...numbers)) / 2 / median(numbers);
}

/** How many times `over` goes into `of`, round by round: what slowed a whole round is in both, and cancels out. */
export function quotients(of: readonly number[], over: readonly number[]): number[] {
  return of.map((value, round) => value / over[round]);
}
