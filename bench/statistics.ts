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

/** How many times `ours` goes into `theirs`, round by round. */
export function ratios(theirs: readonly number[], ours: readonly number[]): number[] {
  return theirs.map((time, round) => time / ours[round]);
}
