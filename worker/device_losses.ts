// How often a worker's device may be lost, and what the worker goes on with.
import type { DeviceLost } from "./device_lost.ts";

/** Losses after which a device of that kind is not tried again. */
const MOST_LOSSES = 3;

/** Where a device was lost. */
export interface LossPlace {
  /** 0 before the worker was ready. */
  readonly step: number;
  /** Whether another engine may take its place: nobody has named this one. */
  readonly fallsBack: boolean;
}

/** What comes after a loss. */
export interface AfterLoss {
  /** What was lost and what comes now, for people. */
  readonly text: string;
  /** Another device of the kind, the engine that needs none, or the worker's end. */
  readonly next: "again" | "simd" | "end";
}

/** Counts a worker's losses. */
export class DeviceLosses {
  #count = 0;

  add({ message }: DeviceLost, { step, fallsBack }: LossPlace): AfterLoss {
    const what = `${message} ${step === 0 ? "before the worker was ready" : `in step ${step}`}`;
    this.#count++;
    if (this.#count < MOST_LOSSES) {
      return { text: `${what}; joining again with a new device (${this.#count} of ${MOST_LOSSES})`, next: "again" };
    }
    const often = `${what}, for the third time`;
    return fallsBack
      ? { text: `${often}; joining again with the simd engine`, next: "simd" }
      : { text: `${often}: look at the GPU's driver, or use another --backend`, next: "end" };
  }
}
