// What comes down from the device: a node's gradient sum and the logits of its samples, together in one of two buffers that take turns.
import { release } from "../../shared/memory.ts";
import { type ModelSpec, parameterCount } from "../../shared/model.ts";
import type { GpuDevice } from "./device.ts";
import type { PlannedBuffer } from "./kernels/dispatch.ts";
import type { Plan } from "./plan.ts";
import { readBack } from "./waiting.ts";

/** Where a node's gradient sum and the logits of its samples go, and how many samples there are so far. */
export interface Target {
  readonly buffer: GPUBuffer;
  /** What comes before the logits. */
  readonly gradientBytes: number;
  samples: number;
}

/** A gradient sum and logits on the host. */
export interface HostSums {
  /** Flat, as the parameter table has it; empty if there was none. */
  readonly gradient: Float32Array;
  /** float32 [samples][classes]. */
  readonly logits: Float32Array;
}

/** The two buffers. */
export class Results {
  readonly #device: GpuDevice;
  readonly #plan: Plan;
  readonly #spec: ModelSpec;
  readonly #ring: GPUBuffer[] = [];

  constructor(device: GpuDevice, plan: Plan, spec: ModelSpec) {
    this.#device = device;
    this.#plan = plan;
    this.#spec = spec;
  }

  /** One of the two, large enough. @throws {HerdError} cluster, if there is no memory for it */
  async target(turn: 0 | 1, samples: number, { withGradient }: { readonly withGradient: boolean }): Promise<Target> {
    const gradientBytes = withGradient ? this.#plan.layout.gradientBytes : 0;
    const bytes = gradientBytes + this.#rowBytes * samples;
    let buffer = this.#ring[turn];
    if (!buffer || buffer.size < bytes) {
      buffer?.destroy();
      buffer = await this.#device.readback(bytes);
      this.#ring[turn] = buffer;
    }
    return { buffer, gradientBytes, samples: 0 };
  }

  /** Adds the logits of a pass to a target. */
  copyLogits(encoder: GPUCommandEncoder, target: Target, samples: number): void {
    const logits = this.#device.bufferOf(this.#plan.logits);
    const at = target.gradientBytes + this.#rowBytes * target.samples;
    encoder.copyBufferToBuffer(logits, 0, target.buffer, at, this.#rowBytes * samples);
    target.samples += samples;
  }

  /** Puts a node's gradient sum into a target. */
  copySum(encoder: GPUCommandEncoder, { buffer, gradientBytes }: Target, sum: PlannedBuffer): void {
    encoder.copyBufferToBuffer(this.#device.bufferOf(sum), 0, buffer, 0, gradientBytes);
  }

  /** What a target holds, when the device is done with all that was submitted. */
  async read({ buffer, gradientBytes, samples }: Target): Promise<HostSums> {
    const data = await readBack(buffer, gradientBytes + this.#rowBytes * samples);
    const { classes } = this.#spec;
    const gradient = new Float32Array(gradientBytes === 0 ? 0 : parameterCount(this.#spec));
    if (gradientBytes > 0) this.#plan.layout.unpackGradients(new Float32Array(data, 0, gradientBytes / 4), gradient);
    const rows = new Float32Array(data, gradientBytes);
    const logits = new Float32Array(samples * classes);
    for (let n = 0; n < samples; n++) {
      const start = n * this.#rowBytes / 4;
      logits.set(rows.subarray(start, start + classes), n * classes);
    }
    release(rows);
    return { gradient, logits };
  }

  /** Bytes of a sample's logits on the device. */
  get #rowBytes(): number {
    return this.#plan.logits.bytes / this.#plan.images;
  }
}
