// Runs images through the SIMD engine's network, with dropout or without, and keeps what each block puts out on average.
import type { ModelSpec } from "../../shared/model.ts";
import { Purpose, sampleKey } from "../../shared/threefry.ts";
import type { Sample } from "../../worker/engine.ts";
import { bestVariant, loadKernels } from "../../worker/simd/kernels.ts";
import { Network } from "../../worker/simd/network.ts";
import { type ConvPlan, type MemoryPlan, pagesOf, planMemory } from "../../worker/simd/plan.ts";

/** What came of a pass over all images. */
export interface Pass {
  /** By conv block: the mean of each channel of its pooled output over images and places. */
  readonly channels: readonly Float64Array[];
  /** One an image: the model is binary. */
  readonly logits: Float32Array;
}

/** So many images go through together; it changes no bit. */
const TOGETHER = 8;
/** Of the masks: they are no training's. */
const SEED = 0x5eed;

/** A network whose blocks are looked into. The model says which layers have dropout. */
export class BlockMeans {
  readonly #plan: MemoryPlan;
  readonly #memory: WebAssembly.Memory;
  readonly #network: Network;

  private constructor(plan: MemoryPlan, memory: WebAssembly.Memory, network: Network) {
    this.#plan = plan;
    this.#memory = memory;
    this.#network = network;
  }

  /** Lays out the memory and loads the kernels. */
  static async load(spec: ModelSpec): Promise<BlockMeans> {
    const plan = planMemory(spec, TOGETHER);
    const memory = new WebAssembly.Memory({ initial: pagesOf(plan, 0) });
    return new BlockMeans(plan, memory, new Network(await loadKernels(bestVariant(), memory), plan, memory));
  }

  /**
   * One forward pass over all images, without augmentation.
   * @param weights flat float32 weights
   * @param mask which dropout masks, from 1; none: dropout is off
   */
  pass(weights: Float32Array, samples: readonly Sample[], mask?: number): Pass {
    this.#network.setWeights(weights);
    const channels = this.#plan.convs.map(({ shape }) => new Float64Array(shape.filters));
    const logits = new Float32Array(samples.length);
    for (let first = 0; first < samples.length; first += TOGETHER) {
      const some = samples.slice(first, first + TOGETHER);
      const keys = mask === undefined ? undefined : some.map(({ id }) => sampleKey(SEED, Purpose.dropout, mask, id));
      this.#network.forward(some, keys);
      logits.set(this.#network.logits(some.length), first);
      this.#plan.convs.forEach((conv, block) => some.forEach((_, n) => this.#addMeans(conv, n, channels[block]!)));
    }
    for (const means of channels) means.forEach((sum, channel) => means[channel] = sum / samples.length);
    return { channels, logits };
  }

  /** Adds the mean of each channel of one image's output. */
  #addMeans({ shape, outputStride, outputs }: ConvPlan, n: number, sums: Float64Array): void {
    const places = shape.outputSize ** 2;
    const values = new Float32Array(this.#memory.buffer, outputs[n]!, places * outputStride);
    for (let place = 0; place < places; place++) {
      for (let channel = 0; channel < shape.filters; channel++) {
        sums[channel]! += values[place * outputStride + channel]! / places;
      }
    }
  }
}
