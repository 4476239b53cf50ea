// Which worker computes which leaves: contiguous ranges, proportional to measured speed, cut where few subtrees have to be
// sent. A pure function of its arguments.
import { type Range, subtreesIn } from "../shared/tree.ts";

/** A cut may take this much longer than the fastest one if fewer partial sums travel. */
const SLACK = 1.05;

/** From here on the search, quadratic in the leaves, costs more than a slightly uneven cut. */
const MANY_LEAVES = 128;

/** A leaf's cost and its position: the samples of a batch in micro-batches of at most `microBatch`. */
export function leafRanges(samples: number, microBatch: number): Range[] {
  const leaves: Range[] = [];
  for (let start = 0; start < samples; start += microBatch) {
    leaves.push({ start, end: Math.min(start + microBatch, samples) });
  }
  return leaves;
}

/**
 * Cuts the leaves into one contiguous range a worker, in the workers' order; a range may be empty. Among the cuts whose
 * slowest worker is within 5 % of the best possible time, takes the one with the fewest subtrees.
 * @param leafSizes samples in each leaf
 * @param speeds samples a second of each worker, all positive
 */
export function assignLeaves(leafSizes: readonly number[], speeds: readonly number[]): Range[] {
  const leaves = leafSizes.length;
  const before = [0];
  for (const size of leafSizes) before.push(before.at(-1)! + size);
  const seconds = (worker: number, start: number, end: number) => (before[end]! - before[start]!) / speeds[worker]!;

  if (leaves > MANY_LEAVES) return proportional(before, speeds);
  const best = cut(leaves, speeds.length, (worker, start, end, rest) => Math.max(seconds(worker, start, end), rest));
  const limit = best.cost * SLACK;
  const sent = subtreeCounts(leaves);
  return cut(leaves, speeds.length, (worker, start, end, rest) => {
    return seconds(worker, start, end) > limit ? Infinity : rest + sent[start]![end]!;
  }).ranges;
}

/** Cuts at the leaf nearest to each worker's share. */
function proportional(before: readonly number[], speeds: readonly number[]): Range[] {
  const all = before.at(-1)! / speeds.reduce((a, b) => a + b, 0);
  let [share, start] = [0, 0];
  return speeds.map((speed, i) => {
    share += speed * all;
    let end = start;
    while (end < before.length - 1 && (i === speeds.length - 1 || (before[end]! + before[end + 1]!) / 2 <= share)) {
      end++;
    }
    const range = { start, end };
    start = end;
    return range;
  });
}

/** Dynamic programming over (worker, first leaf): the cheapest way to give the rest of the leaves to the rest of the workers. */
function cut(
  leaves: number,
  workers: number,
  cost: (worker: number, start: number, end: number, rest: number) => number,
): { cost: number; ranges: Range[] } {
  let rest = Array.from({ length: leaves + 1 }, (_, start) => start === leaves ? 0 : Infinity);
  const choices: number[][] = [];
  for (let worker = workers - 1; worker >= 0; worker--) {
    const choice: number[] = [];
    rest = rest.map((_, start) => {
      let least = Infinity;
      for (let end = leaves; end >= start; end--) {
        const total = rest[end] === Infinity ? Infinity : cost(worker, start, end, rest[end]!);
        if (total < least || choice[start] === undefined) [least, choice[start]] = [total, end];
      }
      return least;
    });
    choices[worker] = choice;
  }
  const ranges: Range[] = [];
  for (let worker = 0, start = 0; worker < workers; worker++) {
    const end = choices[worker]![start]!;
    ranges.push({ start, end });
    start = end;
  }
  return { cost: rest[0]!, ranges };
}

/** Number of maximal subtrees of every range [start, end). */
function subtreeCounts(leaves: number): number[][] {
  return Array.from(
    { length: leaves + 1 },
    (_, start) => Array.from({ length: leaves + 1 }, (_, end) => subtreesIn(leaves, { start, end }).length),
  );
}

/** Images a second of each worker; one that has not been measured counts as the mean of the others. */
export function completeSpeeds(speeds: readonly (number | undefined)[]): number[] {
  const known = speeds.filter((speed) => speed !== undefined);
  const mean = known.length === 0 ? 1 : known.reduce((a, b) => a + b, 0) / known.length;
  return speeds.map((speed) => speed ?? mean);
}
