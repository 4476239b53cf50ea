// What a step is over: samples, cut into leaves; and the part of them that is computed here.
import type { Range } from "../../shared/tree.ts";
import type { Position } from "../events/mod.ts";
import type { Work } from "./schedule.ts";

/** The samples of one unit of work, in order, and what their random draws are named by. */
export interface Samples {
  /** Of the run: with epoch and sample id it names every random draw. */
  readonly seed: number;
  /** From 1. */
  readonly epoch: number;
  /** Ids in the packed data set: of training images for a step, of test images for an evaluation. */
  readonly ids: ArrayLike<number>;
  /** The step of the run that this is, or that the test is after; a relay does not know it. */
  readonly position?: Position;
}

/** Leaves of a step or evaluation: what a worker is asked for, and a relay's workers together. */
export interface Share extends Omit<Samples, "ids"> {
  /** In the whole step: the shape of the tree. */
  readonly leafCount: number;
  /** The leaves that are meant, of all of them. */
  readonly range: Range;
  /** Sample ids of each leaf in the range. */
  readonly samples: readonly number[][];
}

/** All samples, in leaves of at most `microBatch`; the last one may be shorter. */
export function wholeShare({ ids, ...rest }: Samples, microBatch: number): Share {
  const all = Array.from(ids);
  const samples: number[][] = [];
  for (let start = 0; start < all.length; start += microBatch) samples.push(all.slice(start, start + microBatch));
  return { ...rest, leafCount: samples.length, range: { start: 0, end: samples.length }, samples };
}

/** A share as the step sees it: samples are counted from the first wanted one, and leaves that are not wanted have none. */
export function workOf({ leafCount, range, samples }: Share, task: Work["task"]): Work {
  const bounds = [0];
  for (let leaf = 0; leaf < leafCount; leaf++) bounds.push(bounds[leaf]! + (samples[leaf - range.start]?.length ?? 0));
  return { task, bounds, wanted: range };
}
