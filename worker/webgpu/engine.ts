// The WebGPU engine: leaves in order through the plan's dispatches, their gradients added along the reduction tree on the device, one
// readback a node. Everything is made once; a step uploads its weights once, and each pass its images as bytes.
import { messageOf } from "../../shared/errors.ts";
import { parameterCount } from "../../shared/model.ts";
import type { PartialSum, Predictions } from "../../shared/sums.ts";
import { addInto, type NodeId, rootOf } from "../../shared/tree.ts";
import type { EngineOptions, GradientEngine, Leaf, Sample } from "../engine.ts";
import { assertFits } from "../leaf_check.ts";
import { lossesOf } from "../loss.ts";
import { StepLeaves, treeSum } from "../tree_sum.ts";
import { type Arithmetic, probeArithmetic } from "./arithmetic.ts";
import { GpuDevice } from "./device.ts";
import { GradientSlots } from "./gradient_slots.ts";
import { PassInputs, type PassKind } from "./inputs.ts";
import type { Dispatch } from "./kernels/dispatch.ts";
import { NO_GRADIENT } from "./kernels/conv_shape.ts";
import { Pace } from "./pace.ts";
import type { Plan } from "./plan.ts";
import { type Preset, presetOf } from "./presets.ts";
import { type HostSums, Results, type Target } from "./results.ts";
import { planOf } from "./tuned_plan.ts";

/** Raised with every change of the kernels that changes bits. */
export const VERSION = 1;
/** Leaves of an evaluation whose logits are read together. */
const EVALUATED_TOGETHER = 16;

const INFERENCE: PassKind = { drops: false, augments: false };

/** Computes on a GPU, or on a software adapter. */
export class WebgpuEngine implements GradientEngine {
  readonly name = "webgpu";
  readonly adapter: string;
  readonly kernels: string;
  /** The device, for tests that break it and benches that time it. */
  readonly device: GpuDevice;
  /** What runs on it. */
  readonly plan: Plan;
  readonly #options: EngineOptions;
  readonly #inputs: PassInputs;
  readonly #weights: Float32Array;
  readonly #slots: GradientSlots;
  readonly #results: Results;
  readonly #pace: Pace;
  #arithmetic: Arithmetic = { addsExactly: false, multiplyAdd: "" };
  #hasWeights = false;

  private constructor(options: EngineOptions, device: GpuDevice, plan: Plan, preset: Preset) {
    this.adapter = device.adapter;
    this.kernels = `webgpu-${VERSION} ${preset.name} ${plan.images} images ${plan.tiles}`;
    this.device = device;
    this.plan = plan;
    this.#options = options;
    this.#slots = new GradientSlots(device, plan);
    this.#results = new Results(device, plan, options.spec);
    this.#inputs = new PassInputs(plan.images, options.spec.imageSize, options.classWeights);
    this.#weights = new Float32Array(plan.layout.weightBytes / 4);
    this.#pace = new Pace(() => device.done(), options.onLeaf ?? (() => {}));
  }

  /**
   * Opens the device, lays everything out, and compiles.
   * @throws {HerdError} cluster, if there is no adapter, or no memory, or it rejects a kernel; usage, if the network does not fit
   */
  static async create(options: EngineOptions, given?: Preset): Promise<WebgpuEngine> {
    const device = await GpuDevice.open();
    let hasTunedTiles = false;
    try {
      const preset = given ?? presetOf(device.isSoftware ? "software" : "discrete");
      const { plan, isTuned } = await planOf(options, preset, {
        adapter: device.adapter,
        limits: device.gpu.limits,
        version: VERSION,
      });
      hasTunedTiles = isTuned;
      const engine = new WebgpuEngine(options, device, plan, preset);
      await engine.#prepare();
      return engine;
    } catch (error) {
      await device[Symbol.asyncDispose]();
      if (!hasTunedTiles) throw error;
      // A driver may have changed since: tiles never stop a run.
      options.onProgress?.(`${device.adapter}: without tuned tiles, since with them: ${messageOf(error)}`);
      const { tilesFile: _, ...withoutTiles } = options;
      return await WebgpuEngine.create(withoutTiles, given);
    }
  }

  setWeights(flat: Float32Array): void {
    const expected = parameterCount(this.#options.spec);
    if (flat.length !== expected) throw new RangeError(`Expected ${expected} weights: got ${flat.length}`);
    this.plan.layout.packWeights(flat, this.#weights);
    this.device.write(this.plan.weights, this.#weights);
    this.#hasWeights = true;
  }

  gradients(
    leafCount: number,
    leaves: readonly Leaf[],
    nodes: readonly NodeId[],
    signal?: AbortSignal,
  ): AsyncGenerator<PartialSum> {
    return this.device.guard(this.#gradients(new StepLeaves(leafCount, leaves), leaves, nodes, signal));
  }

  evaluate(leaves: readonly Leaf[], signal?: AbortSignal): AsyncGenerator<Predictions> {
    return this.device.guard(this.#evaluate(leaves, signal));
  }

  async *#gradients(
    step: StepLeaves,
    leaves: readonly Leaf[],
    nodes: readonly NodeId[],
    signal?: AbortSignal,
  ): AsyncGenerator<PartialSum> {
    this.#assertReady(leaves);
    if (!this.#arithmetic.addsExactly) {
      for (const node of nodes) yield this.#answer(step, node, await this.#sumOnHost(step, node, signal));
      return;
    }
    let last: { readonly node: NodeId; readonly target: Target } | undefined;
    for (const [i, node] of nodes.entries()) {
      // Its first leaves are submitted before the sums of the node before it are read.
      const submitted = this.#sumOnDevice(step, node, i % 2 === 0 ? 0 : 1, signal);
      submitted.catch(() => {}); // thrown where it is awaited
      try {
        if (last) yield this.#answer(step, last.node, await this.#collect(last.target));
      } finally {
        await submitted.catch(() => {});
      }
      last = { node, target: await submitted };
    }
    if (last) yield this.#answer(step, last.node, await this.#collect(last.target));
  }

  async *#evaluate(leaves: readonly Leaf[], signal?: AbortSignal): AsyncGenerator<Predictions> {
    this.#assertReady(leaves);
    const { classes } = this.#options.spec;
    for (let first = 0; first < leaves.length; first += EVALUATED_TOGETHER) {
      signal?.throwIfAborted();
      const together = leaves.slice(first, first + EVALUATED_TOGETHER);
      const target = await this.#results.target(0, samplesOf(together), { withGradient: false });
      for (const leaf of together) {
        for (const samples of this.#passesOf(leaf)) this.#pass(leaf, samples, INFERENCE, this.plan.forward, target);
      }
      const { logits } = await this.#collect(target);
      let row = 0;
      for (const { samples } of together) {
        const own = logits.slice(row * classes, (row + samples.length) * classes);
        row += samples.length;
        yield { logits: own, losses: lossesOf(own, samples.map(({ label }) => label), classes) };
      }
    }
  }

  probeArithmetic(): Promise<string> {
    return Promise.resolve(this.#arithmetic.multiplyAdd);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.device[Symbol.asyncDispose]();
  }

  async #prepare(): Promise<void> {
    const { device, plan } = this;
    const say = this.#options.onProgress ?? (() => {});
    const bytes = plan.bytes + this.#depth * plan.layout.gradientBytes;
    say(`${device.adapter}: ${Math.ceil(bytes / 2 ** 20)} MiB planned`);
    for (const buffer of plan.buffers) await device.allocate(buffer);
    for (const origins of plan.origins) device.write(origins, new Uint8Array(origins.bytes).fill(NO_GRADIENT));
    const started = performance.now();
    const kernels = new Set([...plan.forward, ...plan.backward(plan.weights)].map(({ code }) => code)).size;
    say(`${device.adapter}: compiling ${kernels} kernels`);
    for (const dispatch of plan.forward) await device.prepare(dispatch);
    for (let depth = 0; depth < this.#depth; depth++) await this.#slots.make(depth);
    this.#arithmetic = await probeArithmetic(device);
    // A driver may compile when a kernel first runs: once over nothing but zeros.
    device.submit([...plan.forward, ...this.#slots.at(0).backward]);
    await device.done();
    await device.settle();
    say(`${device.adapter}: compiled in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  }

  /** Slots that a step of the expected size needs; one more where a leaf is several passes. */
  get #depth(): number {
    const { leaves = 1, microBatch } = this.#options;
    return rootOf(leaves).level + (microBatch > this.plan.images ? 2 : 1);
  }

  #assertReady(leaves: readonly Leaf[]): void {
    if (!this.#hasWeights) throw new Error("The engine has no weights yet: call setWeights() first");
    for (const leaf of leaves) assertFits(leaf, this.#options);
    this.device.check();
  }

  /** Submits all of a node, to the copy of its sums for the host. */
  async #sumOnDevice(step: StepLeaves, node: NodeId, turn: 0 | 1, signal?: AbortSignal): Promise<Target> {
    const target = await this.#results.target(turn, step.labelsUnder(node).length, { withGradient: true });
    await treeSum<number>(step.count, node, {
      leaf: async (index, depth) => {
        signal?.throwIfAborted();
        await this.#leaf(step.at(index), depth, target);
        return depth;
      },
      add: (left) => {
        this.device.submit([this.#slots.at(left).add!]);
        return left;
      },
    });
    this.#copySum(target);
    return target;
  }

  /** The same sums where the device does not add as the host does: with a readback for each leaf. */
  async #sumOnHost(step: StepLeaves, node: NodeId, signal?: AbortSignal): Promise<HostSums> {
    return await treeSum<HostSums>(step.count, node, {
      leaf: async (index) => {
        signal?.throwIfAborted();
        const leaf = step.at(index);
        const target = await this.#results.target(0, leaf.samples.length, { withGradient: true });
        await this.#leaf(leaf, 0, target);
        this.#copySum(target);
        return await this.#collect(target);
      },
      add: (left, right) => {
        addInto(left.gradient, right.gradient);
        const logits = new Float32Array([...left.logits, ...right.logits]);
        return { gradient: left.gradient, logits };
      },
    });
  }

  /** Submits a leaf, whose sum comes into the slot of a depth. */
  async #leaf(leaf: Leaf, depth: number, target: Target): Promise<void> {
    const kind = { drops: true, augments: this.#options.augment };
    for (const [i, samples] of this.#passesOf(leaf).entries()) {
      const slot = await this.#slots.make(depth + (i === 0 ? 0 : 1));
      const add = i === 0 ? [] : [this.#slots.at(depth).add!];
      this.#pass(leaf, samples, kind, [...this.plan.forward, ...slot.backward, ...add], target);
    }
    await this.#pace.submitted();
  }

  /** Uploads samples and submits what is to be done with them. */
  #pass(leaf: Leaf, samples: readonly Sample[], kind: PassKind, dispatches: readonly Dispatch[], target: Target): void {
    const { device, plan } = this;
    this.#inputs.fill(leaf, samples, kind);
    device.write(plan.pixels, this.#inputs.pixels);
    device.write(plan.samples, this.#inputs.samples);
    device.submit(dispatches, (encoder) => this.#results.copyLogits(encoder, target, samples.length));
  }

  #copySum(target: Target): void {
    this.device.submit([], (encoder) => this.#results.copySum(encoder, target, this.#slots.at(0).buffer));
  }

  async #collect(target: Target): Promise<HostSums> {
    const sums = await this.#results.read(target);
    this.#pace.finished();
    await this.device.settle();
    return sums;
  }

  #answer(step: StepLeaves, node: NodeId, sums: HostSums): PartialSum {
    const { spec: { classes }, classWeights } = this.#options;
    return { node, ...sums, losses: lossesOf(sums.logits, step.labelsUnder(node), classes, classWeights) };
  }

  #passesOf({ samples }: Leaf): Sample[][] {
    const { images } = this.plan;
    const passes = Math.ceil(samples.length / images);
    return Array.from({ length: passes }, (_, i) => samples.slice(i * images, (i + 1) * images));
  }
}

function samplesOf(leaves: readonly Leaf[]): number {
  return leaves.reduce((sum, { samples }) => sum + samples.length, 0);
}
