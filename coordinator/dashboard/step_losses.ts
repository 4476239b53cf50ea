// The loss of each step's own images, in the newest epoch of each training: steps tell the mean over their epoch so far.
import { type RunKey, runName } from "../events/mod.ts";
import type { Point } from "./message.ts";

/** Points of a training's epoch that are kept for pages that come later; of more, every other one is left out. */
const MOST_POINTS = 2_000;

interface StepMeans {
  readonly key: RunKey;
  readonly epoch: number;
  readonly step: number;
  /** Mean over the epoch so far. */
  readonly loss: number;
  /** Of the epoch so far. */
  readonly images: number;
}

/** Takes steps in their order. */
export class StepLosses {
  readonly #points = new Map<string, Point[]>();
  #before: StepMeans | undefined;

  /** All that are kept. */
  get all(): Point[] {
    return [...this.#points.values()].flat();
  }

  /** A step is over. @returns its point; undefined where the step before it was not heard */
  add(step: StepMeans): Point | undefined {
    const training = runName(step.key);
    const before = this.#before;
    this.#before = step;
    const isFirst = step.step === 1;
    const isNext = before !== undefined && runName(before.key) === training && before.epoch === step.epoch &&
      before.step + 1 === step.step && before.images < step.images;
    if (!isFirst && !isNext) return undefined;
    const [images, sum] = isFirst ? [0, 0] : [before!.images, before!.images * before!.loss];
    const loss = (step.loss * step.images - sum) / (step.images - images);
    const point = { training, epoch: step.epoch, step: step.step, loss };
    const kept = this.#points.get(training);
    if (kept === undefined || kept[0]!.epoch !== step.epoch) this.#points.set(training, [point]);
    else if (kept.push(point) > MOST_POINTS) this.#points.set(training, kept.filter((_, i) => i % 2 === 1));
    return point;
  }
}
