// Which worker computes which leaves: contiguous ranges, proportional to measured speed, cut where few subtrees have to be
// sent. A pure function of its arguments.
import { type Range, subtreeCount } from "../../shared/tree.ts";

/** A cut may take this much longer than the fastest one if fewer partial sums travel. */
const SLACK = 1.05;
/** With more leaves or workers than this a wide search among such cuts costs more than it saves. */
const MANY = 512;
/** Places that are looked at then for each cut. */
const NARROW = 32;

/**
 * Cuts leaves into one contiguous range a worker, in the workers' order; a range may be empty. Among the cuts whose slowest
 * worker is within 5 % of the best possible time, takes the one with the fewest subtrees. Above 512 leaves or workers it is
 * within 0.01 %, and the search is narrow, so that the time is proportional to leaves and workers.
 * @param bounds where each leaf's samples begin, and the last one's end
 * @param speeds samples a second of each worker, all positive
 * @param range leaves to cut; all by default
 */
export function assignLeaves(
  bounds: readonly number[],
  speeds: readonly number[],
  range: Range = { start: 0, end: bounds.length - 1 },
): Range[] {
  const leaves = bounds.length - 1;
  const isLarge = Math.max(leaves, speeds.length) > MANY;
  const time = (isLarge ? 1 : SLACK) * leastTime(bounds, speeds, range);
  // Samples that each worker can do in this time: every cut within it is a cut to choose from, and there is one.
  const capacities = speeds.map((speed) => Math.floor(speed * time));
  const latest = latestCuts(bounds, capacities, range);
  const earliest = earliestCuts(bounds, capacities, range);
  if (isLarge) latest.forEach((cut, i) => earliest[i] = Math.max(earliest[i]!, cut - NARROW));

  // Dynamic programming from the last worker to the first: the fewest subtrees from each place where a cut can be.
  let fewest = [0];
  const choices: number[][] = [];
  for (let worker = speeds.length - 1; worker >= 0; worker--) {
    const [from, to] = [earliest[worker + 1]!, latest[worker + 1]!];
    const counts: number[] = [];
    const choice: number[] = [];
    for (let start = earliest[worker]!; start <= latest[worker]!; start++) {
      const most = bounds[start]! + capacities[worker]!;
      let [best, chosen] = [Infinity, start];
      for (let end = Math.max(start, from); end <= to && bounds[end]! <= most; end++) {
        const count = subtreeCount(leaves, start, end) + fewest[end - from]!;
        if (count <= best) [best, chosen] = [count, end];
      }
      counts.push(best);
      choice.push(chosen);
    }
    choices[worker] = choice;
    fewest = counts;
  }
  let start = range.start;
  return choices.map((choice, worker) => {
    const end = choice[start - earliest[worker]!]!;
    const cut = { start, end };
    start = end;
    return cut;
  });
}

/** A time, within 0.01 % of the least, in which the workers can do the leaves of a range, in seconds. */
function leastTime(bounds: readonly number[], speeds: readonly number[], range: Range): number {
  const samples = bounds[range.end]! - bounds[range.start]!;
  const canDo = (time: number) => {
    let cut = range.start;
    for (const speed of speeds) {
      const most = bounds[cut]! + Math.floor(speed * time);
      while (cut < range.end && bounds[cut + 1]! <= most) cut++;
    }
    return cut === range.end;
  };
  let enough = samples / Math.max(...speeds);
  // In this time the fastest does all of it alone, but for rounding.
  while (!canDo(enough)) enough *= 1 + Number.EPSILON;
  let tooLittle = 0;
  while (enough - tooLittle > 1e-4 * enough) {
    const time = (enough + tooLittle) / 2;
    if (canDo(time)) enough = time;
    else tooLittle = time;
  }
  return enough;
}

/** Where each worker's range begins, and the last one's ends, if every worker takes as many leaves as it can. */
function latestCuts(bounds: readonly number[], capacities: readonly number[], { start, end }: Range): number[] {
  let cut = start;
  const cuts = capacities.map((capacity) => {
    const most = bounds[cut]! + capacity;
    while (cut < end && bounds[cut + 1]! <= most) cut++;
    return cut;
  });
  return [start, ...cuts];
}

/** The same if the last workers take as many as they can. */
function earliestCuts(bounds: readonly number[], capacities: readonly number[], { start, end }: Range): number[] {
  const cuts = [end];
  let cut = end;
  for (let worker = capacities.length - 1; worker >= 0; worker--) {
    const least = bounds[cut]! - capacities[worker]!;
    while (cut > start && bounds[cut - 1]! >= least) cut--;
    cuts.push(cut);
  }
  return cuts.reverse();
}

/** Images a second of each worker; one that has not been measured counts as the mean of the others. */
export function completeSpeeds(speeds: readonly (number | undefined)[]): number[] {
  const known = speeds.filter((speed) => speed !== undefined);
  const mean = known.length === 0 ? 1 : known.reduce((a, b) => a + b, 0) / known.length;
  return speeds.map((speed) => speed ?? mean);
}
