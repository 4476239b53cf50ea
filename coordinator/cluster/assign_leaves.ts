// Which worker computes which leaves: contiguous ranges, proportional to measured speed, cut where few subtrees have to be
// sent. A pure function of its arguments.
import { type Range, subtreeCount } from "../../shared/tree.ts";

/** A cut may take this much longer than the fastest one if fewer partial sums travel. */
const SLACK = 1.05;
/** From here on the search among such cuts costs more than it saves. */
const MANY_LEAVES = 512;

/** A leaf's cost and its position: the samples of a batch in micro-batches of at most `microBatch`. */
export function leafRanges(samples: number, microBatch: number): Range[] {
  const leaves: Range[] = [];
  for (let start = 0; start < samples; start += microBatch) {
    leaves.push({ start, end: Math.min(start + microBatch, samples) });
  }
  return leaves;
}

/**
 * Cuts leaves into one contiguous range a worker, in the workers' order; a range may be empty. Among the cuts whose slowest
 * worker is within 5 % of the best possible time (0.01 % above 512 leaves), takes the one with the fewest subtrees.
 * @param leafSizes samples in each leaf of the step
 * @param speeds samples a second of each worker, all positive
 * @param range leaves to cut; all by default
 */
export function assignLeaves(
  leafSizes: readonly number[],
  speeds: readonly number[],
  range: Range = { start: 0, end: leafSizes.length },
): Range[] {
  const before = [0];
  for (const size of leafSizes) before.push(before.at(-1)! + size);
  const limit = (leafSizes.length > MANY_LEAVES ? 1 : SLACK) * leastTime(before, speeds, range);
  const fits = (worker: number, start: number, end: number) => before[end]! - before[start]! <= speeds[worker]! * limit;
  const latest = latestCuts(before, speeds, range, limit);
  const earliest = [range.end];
  for (let worker = speeds.length - 1; worker >= 0; worker--) {
    let cut = earliest[0]!;
    while (cut > range.start && fits(worker, cut - 1, earliest[0]!)) cut--;
    earliest.unshift(cut);
  }

  // Dynamic programming from the last worker to the first: the fewest subtrees from each place where a cut can be.
  let fewest = new Map([[range.end, 0]]);
  const ends: Map<number, number>[] = [];
  for (let worker = speeds.length - 1; worker >= 0; worker--) {
    const choice = new Map<number, number>();
    const counts = new Map<number, number>();
    for (let start = earliest[worker]!; start <= latest[worker]!; start++) {
      for (let end = Math.max(start, earliest[worker + 1]!); end <= latest[worker + 1]!; end++) {
        if (!fits(worker, start, end)) break;
        const count = subtreeCount(leafSizes.length, start, end) + fewest.get(end)!;
        if (count > (counts.get(start) ?? Infinity)) continue;
        counts.set(start, count);
        choice.set(start, end);
      }
    }
    ends[worker] = choice;
    fewest = counts;
  }
  let start = range.start;
  return ends.map((choice) => {
    const end = choice.get(start)!;
    const cut = { start, end };
    start = end;
    return cut;
  });
}

/** The least time, to 0.01 %, in which the workers can do the leaves of a range, in seconds. */
function leastTime(before: readonly number[], speeds: readonly number[], range: Range): number {
  const samples = before[range.end]! - before[range.start]!;
  let enough = samples / Math.max(...speeds);
  let tooLittle = 0;
  while (enough - tooLittle > 1e-4 * enough) {
    const time = (enough + tooLittle) / 2;
    if (latestCuts(before, speeds, range, time).at(-1) === range.end) enough = time;
    else tooLittle = time;
  }
  return enough;
}

/** Where each worker's range begins, and the last one's ends, if every worker takes as many leaves as it can do in a time. */
function latestCuts(before: readonly number[], speeds: readonly number[], range: Range, time: number): number[] {
  let cut = range.start;
  return [
    cut,
    ...speeds.map((speed) => {
      const start = cut;
      while (cut < range.end && before[cut + 1]! - before[start]! <= speed * time) cut++;
      return cut;
    }),
  ];
}

/** Images a second of each worker; one that has not been measured counts as the mean of the others. */
export function completeSpeeds(speeds: readonly (number | undefined)[]): number[] {
  const known = speeds.filter((speed) => speed !== undefined);
  const mean = known.length === 0 ? 1 : known.reduce((a, b) => a + b, 0) / known.length;
  return speeds.map((speed) => speed ?? mean);
}
