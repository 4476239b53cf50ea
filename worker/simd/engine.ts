// The SIMD engine: leaves in order through the network, their gradients added along the reduction tree, all in one memory.
import { type NodeId, rootOf } from "../../shared/tree.ts";
import { Purpose, sampleKey } from "../../shared/threefry.ts";
import type { PartialSum, Predictions } from "../../shared/sums.ts";
import type { EngineOptions, GradientEngine, Leaf } from "../engine.ts";
import { assertFits } from "../leaf_check.ts";
import { lossesOf } from "../loss.ts";
import { StepLeaves, treeSum } from "../tree_sum.ts";
import { type Kernels, loadKernels, MOST_PAGES, PAGE_BYTES, type Variant } from "./kernels.ts";
import { Network } from "./network.ts";
import { type MemoryPlan, pagesOf, planMemory } from "./plan.ts";

/** Raised with every change of the kernels that changes bits. */
const VERSION = 1;

/** The device in words. */
export function adapterName(variant: Variant): string {
  return `CPU, WebAssembly SIMD (${variant})`;
}

/** Computes on one core with 128-bit vectors. */
export class SimdEngine implements GradientEngine {
  readonly name = "simd";
  readonly adapter: string;
  readonly kernels: string;
  readonly #options: EngineOptions;
  readonly #kernels: Kernels;
  readonly #memory: WebAssembly.Memory;
  readonly #plan: MemoryPlan;
  readonly #network: Network;

  private constructor(
    options: EngineOptions,
    variant: Variant,
    plan: MemoryPlan,
    memory: WebAssembly.Memory,
    kernels: Kernels,
  ) {
    this.adapter = adapterName(variant);
    this.kernels = `simd-${VERSION}-${variant}`;
    this.#options = options;
    this.#kernels = kernels;
    this.#memory = memory;
    this.#plan = plan;
    this.#network = new Network(kernels, plan, memory, options);
  }

  /** Lays out the memory and loads the kernels. */
  static async create(options: EngineOptions, variant: Variant): Promise<SimdEngine> {
    const plan = planMemory(options.spec, options.microBatch);
    const sums = rootOf(options.leaves ?? 1).level + 1;
    const memory = new WebAssembly.Memory({ initial: pagesOf(plan, sums), maximum: MOST_PAGES });
    // Writing to it makes the system provide it: from now on a worker holds what it will ever hold.
    new Uint8Array(memory.buffer, plan.gradients, sums * plan.gradientBytes).fill(0);
    return new SimdEngine(options, variant, plan, memory, await loadKernels(variant, memory));
  }

  setWeights(flat: Float32Array): void {
    this.#network.setWeights(flat);
  }

  async *gradients(
    leafCount: number,
    leaves: readonly Leaf[],
    nodes: readonly NodeId[],
    signal?: AbortSignal,
  ): AsyncGenerator<PartialSum> {
    const step = new StepLeaves(leafCount, leaves, signal);
    const { gradients, parameters } = this.#plan;
    const { spec: { classes }, classWeights } = this.#options;
    for (const node of nodes) {
      const labels = step.labelsUnder(node);
      const parts: Float32Array[] = [];
      await treeSum(leafCount, node, {
        leaf: async (index, depth) => {
          const slot = this.#slot(depth);
          parts.push(this.#leaf(step.at(index), slot));
          this.#options.onPhase?.(null);
          this.#options.onLeaf?.();
          // Lets the event loop turn: sockets are answered between leaves.
          await new Promise((resolve) => setTimeout(resolve, 0));
          return slot;
        },
        add: (left, right) => {
          this.#kernels.addInto(left, right, parameters);
          return left;
        },
      });
      const gradient = new Float32Array(this.#memory.buffer, gradients, parameters);
      const logits = concatenate(parts);
      yield { node, gradient, logits, losses: lossesOf(logits, labels, classes, classWeights) };
    }
  }

  async *evaluate(leaves: readonly Leaf[], signal?: AbortSignal): AsyncGenerator<Predictions> {
    for (const leaf of leaves) {
      signal?.throwIfAborted();
      assertFits(leaf, this.#options);
      const { samples } = leaf;
      this.#network.forward(samples);
      this.#options.onPhase?.(null);
      const logits = this.#network.logits(samples.length);
      const labels = samples.map(({ label }) => label);
      yield { logits, losses: lossesOf(logits, labels, this.#options.spec.classes) };
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  /** Leaves a leaf's gradient sum at `target`. @returns its logits */
  #leaf(leaf: Leaf, target: number): Float32Array {
    const { samples, seed, epoch } = leaf;
    assertFits(leaf, this.#options);
    const keys = samples.map(({ id }) => sampleKey(seed, Purpose.dropout, epoch, id));
    this.#network.forward(samples, keys, this.#options.augment ? leaf : undefined);
    this.#network.backward(samples, keys, target);
    return this.#network.logits(samples.length);
  }

  /** Where the sum of a depth is kept: the node's own at the beginning, and behind it those that wait to be added. */
  #slot(depth: number): number {
    const missing = pagesOf(this.#plan, depth + 1) - this.#memory.buffer.byteLength / PAGE_BYTES;
    if (missing > 0) this.#memory.grow(missing);
    return this.#plan.gradients + depth * this.#plan.gradientBytes;
  }
}

function concatenate(arrays: readonly Float32Array[]): Float32Array {
  const joined = new Float32Array(arrays.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const array of arrays) {
    joined.set(array, offset);
    offset += array.length;
  }
  return joined;
}
