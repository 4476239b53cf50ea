// Where gradient sums wait to be added: one slot for each depth of the reduction tree, made when it is first needed.
import type { GpuDevice } from "./device.ts";
import type { Dispatch, PlannedBuffer } from "./kernels/dispatch.ts";
import type { Plan } from "./plan.ts";

/** A place for a gradient sum, with what writes it. */
export interface Slot {
  readonly buffer: PlannedBuffer;
  readonly backward: readonly Dispatch[];
  /** Adds the slot behind it, once there is one. */
  add: Dispatch | undefined;
}

/** The slots of an engine. */
export class GradientSlots {
  readonly #device: GpuDevice;
  readonly #plan: Plan;
  readonly #slots: Slot[] = [];

  constructor(device: GpuDevice, plan: Plan) {
    this.#device = device;
    this.#plan = plan;
  }

  /** The slot of a depth, which has been made. */
  at(depth: number): Slot {
    return this.#slots[depth]!;
  }

  /** The slot of a depth; it is made, and before it all above, if it is not there. */
  async make(depth: number): Promise<Slot> {
    while (this.#slots.length <= depth) {
      const buffer = this.#plan.gradientBuffer(`gradient sums of depth ${this.#slots.length}`);
      await this.#device.allocate(buffer);
      const slot: Slot = { buffer, backward: this.#plan.backward(buffer), add: undefined };
      for (const dispatch of slot.backward) await this.#device.prepare(dispatch);
      const above = this.#slots.at(-1);
      if (above) {
        above.add = this.#plan.add(above.buffer, buffer);
        await this.#device.prepare(above.add);
      }
      this.#slots.push(slot);
    }
    return this.at(depth);
  }
}
