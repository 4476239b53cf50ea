// The engine on TF.js, the same code on both backends: WebGPU where there is a device, plain TypeScript where there is none.
import * as tf from "@tensorflow/tfjs";
import { type ModelSpec, type Parameter, parameterCount, parameterTable } from "../../shared/model.ts";
import { addInto, type NodeId } from "../../shared/tree.ts";
import type { PartialSum, Predictions } from "../../shared/sums.ts";
import type { EngineOptions, GradientEngine, Leaf } from "../engine.ts";
import { lossesOf } from "../loss.ts";
import { StepLeaves, treeSum } from "../tree_sum.ts";
import { augmentedImages, dropoutMasks, logitWeights, plainImages, targets } from "./batch.ts";
import type { TfjsDevice } from "./device.ts";
import { backward, forward, type LeafTensors } from "./network.ts";

/** A node's sums on the host. */
interface HostSums {
  readonly gradient: Float32Array;
  readonly logits: Float32Array;
}

/** Computes with TF.js on the device that it is given, and gives it back when disposed. */
export class TfjsEngine implements GradientEngine {
  readonly name: TfjsDevice["name"];
  readonly adapter: string;
  readonly kernels: string;
  readonly #device: TfjsDevice;
  readonly #spec: ModelSpec;
  readonly #classWeights: readonly number[] | undefined;
  readonly #augment: boolean;
  readonly #table: readonly Parameter[];
  readonly #onLeaf: (() => void) | undefined;
  #weights: tf.Tensor[] = [];
  /** Weights that are not on the device yet: they go there with the next call, when the backend is this engine's. */
  #pending: Float32Array | undefined;
  /** The leaf before the last is done when this resolves: two in flight keep the device busy and bound its memory. */
  #previous: Promise<void> = Promise.resolve();

  constructor(device: TfjsDevice, options: EngineOptions) {
    this.name = device.name;
    this.adapter = device.adapter;
    this.kernels = device.kernels;
    this.#device = device;
    this.#spec = options.spec;
    this.#classWeights = options.classWeights;
    this.#augment = options.augment;
    this.#table = parameterTable(options.spec);
    this.#onLeaf = options.onLeaf;
  }

  setWeights(flat: Float32Array): void {
    const expected = parameterCount(this.#spec);
    if (flat.length !== expected) throw new RangeError(`Expected ${expected} weights: got ${flat.length}`);
    this.#pending = flat.slice();
  }

  async *gradients(
    leafCount: number,
    leaves: readonly Leaf[],
    nodes: readonly NodeId[],
    signal?: AbortSignal,
  ): AsyncGenerator<PartialSum> {
    const step = new StepLeaves(leafCount, leaves, signal);
    for (const node of nodes) {
      const labels = step.labelsUnder(node);
      const { gradient, logits } = await this.#run(() => this.#sum(step, node));
      yield { node, gradient, logits, losses: lossesOf(logits, labels, this.#spec.classes, this.#classWeights) };
    }
  }

  async *evaluate(leaves: readonly Leaf[], signal?: AbortSignal): AsyncGenerator<Predictions> {
    for (const { samples } of leaves) {
      signal?.throwIfAborted();
      const logits = await this.#run(() =>
        read(tf.tidy(() => forward(this.#spec, this.#weights, { images: plainImages(this.#spec, samples), masks: [] })))
      );
      yield { logits, losses: lossesOf(logits, samples.map(({ label }) => label), this.#spec.classes) };
    }
  }

  /** The bits of a few operations in which devices differ, for the fingerprint. */
  probeArithmetic(): Promise<string> {
    return this.#device.run(() => this.#device.probeArithmetic());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    tf.dispose(this.#weights);
    this.#weights = [];
    await this.#device.release();
  }

  /** Runs work on the device, with the newest weights there. */
  #run<T>(work: () => Promise<T>): Promise<T> {
    return this.#device.run(async () => {
      this.#upload();
      try {
        return await work();
      } finally {
        await this.#previous;
      }
    });
  }

  #upload(): void {
    const flat = this.#pending;
    if (!flat && this.#weights.length === 0) throw new Error("The engine has no weights yet: call setWeights() first");
    if (!flat) return;
    this.#pending = undefined;
    tf.dispose(this.#weights);
    this.#weights = this.#table.map(({ shape, offset, size }) =>
      tf.tensor(flat.subarray(offset, offset + size), [...shape], "float32")
    );
  }

  /** A node's sums on the host: with one readback where the device adds as the host does, else with one for each leaf. */
  async #sum(step: StepLeaves, node: NodeId): Promise<HostSums> {
    const leaf = (index: number) => this.#leaf(step.at(index));
    if (this.#device.addsExactly) {
      return await this.#download(
        await treeSum<LeafTensors>(step.count, node, { leaf, add: addOnDevice, drop: tf.dispose }),
      );
    }
    const download = async (index: number) => await this.#download(await leaf(index));
    return await treeSum(step.count, node, { leaf: download, add: addOnHost });
  }

  async #leaf(leaf: Leaf): Promise<LeafTensors> {
    const result = tf.tidy(() =>
      backward(this.#spec, this.#weights, {
        images: this.#augment ? augmentedImages(this.#spec, leaf) : plainImages(this.#spec, leaf.samples),
        masks: dropoutMasks(this.#spec, leaf),
        targets: targets(this.#spec, leaf.samples),
        logitWeights: logitWeights(this.#spec, leaf.samples, this.#classWeights),
      })
    );
    const done = this.#device.flush().then(this.#onLeaf);
    // Awaited later: until then its failure is not an unhandled one.
    done.catch(() => {});
    await this.#previous;
    this.#previous = done;
    return result;
  }

  async #download({ gradient, logits }: LeafTensors): Promise<HostSums> {
    const count = gradient.size;
    const both = tf.tidy(() => tf.concat1d([gradient, logits]));
    tf.dispose([gradient, logits]);
    const data = await read(both);
    return { gradient: data.subarray(0, count), logits: data.subarray(count) };
  }
}

/** The values of a tensor, which is disposed. */
async function read(tensor: tf.Tensor): Promise<Float32Array> {
  try {
    return await tensor.data<"float32">();
  } finally {
    tensor.dispose();
  }
}

function addOnDevice(left: LeafTensors, right: LeafTensors): LeafTensors {
  try {
    return tf.tidy(() => ({
      gradient: tf.add<tf.Tensor1D>(left.gradient, right.gradient),
      logits: tf.concat1d([left.logits, right.logits]),
    }));
  } finally {
    tf.dispose([left, right]);
  }
}

function addOnHost(left: HostSums, right: HostSums): HostSums {
  addInto(left.gradient, right.gradient);
  const logits = new Float32Array(left.logits.length + right.logits.length);
  logits.set(left.logits);
  logits.set(right.logits, left.logits.length);
  return { gradient: left.gradient, logits };
}
