// The loss of each step's own images, in the newest epoch of each training: what pages that come later are told of it.
import type { Point } from "./message.ts";

/** Points of a training's epoch that are kept; of more, every other one is left out. */
const MOST_POINTS = 2_000;

/** Takes points in their order. */
export class StepLosses {
  readonly #points = new Map<string, Point[]>();

  /** All that are kept. */
  get all(): Point[] {
    return [...this.#points.values()].flat();
  }

  /** A step is over. */
  add(point: Point): void {
    const { training, epoch } = point;
    const kept = this.#points.get(training);
    if (kept === undefined || kept[0]!.epoch !== epoch) this.#points.set(training, [point]);
    else if (kept.push(point) > MOST_POINTS) this.#points.set(training, kept.filter((_, i) => i % 2 === 0));
  }
}
