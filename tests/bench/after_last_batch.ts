// Tests of a binary model by what the last batch before them had.

/** A test, and the batch before it. */
export interface Tested {
  /** Of class 1 in the batch. */
  readonly share: number;
  readonly accuracy: number;
  readonly auc: number;
  readonly meanProbability: number;
}

/** Tests after batches with like shares: means, the range of mean probabilities, and how many were at chance. */
export interface Group {
  readonly share: string;
  readonly tests: number;
  readonly meanProbability: number;
  readonly least: number;
  readonly greatest: number;
  readonly accuracy: number;
  readonly atChance: number;
  readonly auc: number;
}

/** A test of balanced classes is at chance up to here: 5 more of 256 images than half of them. */
const AT_CHANCE = 0.52;
/** More different shares than these are told apart at one half alone. */
const MOST_SHARES = 8;

/** The tests by share, the least first. */
export function groupByShare(tests: readonly Tested[]): Group[] {
  const shares = [...new Set(tests.map(({ share }) => share))].sort((a, b) => a - b);
  const groups = shares.length <= MOST_SHARES
    ? shares.map((share) => ({ name: share.toFixed(2), some: tests.filter((test) => test.share === share) }))
    : [
      { name: "below half", some: tests.filter(({ share }) => share < 0.5) },
      { name: "half or more", some: tests.filter(({ share }) => share >= 0.5) },
    ];
  return groups.filter(({ some }) => some.length > 0).map(({ name, some }) => {
    const probabilities = some.map(({ meanProbability }) => meanProbability);
    return {
      share: name,
      tests: some.length,
      meanProbability: meanOf(probabilities),
      least: Math.min(...probabilities),
      greatest: Math.max(...probabilities),
      accuracy: meanOf(some.map(({ accuracy }) => accuracy)),
      atChance: some.filter(({ accuracy }) => accuracy <= AT_CHANCE).length,
      auc: meanOf(some.map(({ auc }) => auc)),
    };
  });
}

/** Pearson's; NaN where one of the two does not vary. */
export function correlation(xs: readonly number[], ys: readonly number[]): number {
  const [x, y] = [meanOf(xs), meanOf(ys)];
  const sum = (of: (i: number) => number) => xs.reduce((total, _, i) => total + of(i), 0);
  return sum((i) => (xs[i]! - x) * (ys[i]! - y)) /
    Math.sqrt(sum((i) => (xs[i]! - x) ** 2) * sum((i) => (ys[i]! - y) ** 2));
}

function meanOf(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}
