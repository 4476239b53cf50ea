// One leaf through the network and back: the order in which kernels run over the planned memory.
import { dropoutScale, dropoutThreshold } from "../../shared/dropout.ts";
import type { PhaseListener } from "../../shared/spans.ts";
import type { Words } from "../../shared/threefry.ts";
import { augmentationMap, drawAugmentation } from "../augmentation.ts";
import { type EngineOptions, type Leaf, pixelsOf, type Sample } from "../engine.ts";
import type { Kernels } from "./kernels.ts";
import { writeLogitGradient } from "./logit_gradient.ts";
import type { ConvPlan, DensePlan, MemoryPlan } from "./plan.ts";

/** The network on one memory. Whoever calls it keeps leaves at or below the planned size. */
export class Network {
  readonly #kernels: Kernels;
  readonly #plan: MemoryPlan;
  readonly #memory: WebAssembly.Memory;
  readonly #classWeights: readonly number[];
  readonly #onPhase: PhaseListener | undefined;

  /**
   * @param classWeights by class, what a sample's gradient is multiplied by; empty for none
   * @param onPhase hears of each phase
   */
  constructor(
    kernels: Kernels,
    plan: MemoryPlan,
    memory: WebAssembly.Memory,
    { classWeights = [], onPhase }: Pick<EngineOptions, "classWeights" | "onPhase"> = {},
  ) {
    this.#classWeights = classWeights;
    this.#kernels = kernels;
    this.#plan = plan;
    this.#memory = memory;
    this.#onPhase = onPhase;
  }

  /** Takes the flat weights and packs them for the kernels. */
  setWeights(flat: Float32Array): void {
    const { plan, kernels } = { plan: this.#plan, kernels: this.#kernels };
    this.#floats(plan.weights, plan.parameters).set(flat);
    const at = (offset: number) => plan.weights + 4 * offset;
    for (const { shape, kernel, bias, inputStride, panels, groupRows, paddedBias, transposed } of plan.convs) {
      const { inputChannels, filters } = shape;
      if (groupRows === 0) kernels.packConvolution(at(kernel.offset), inputChannels, filters, inputStride, panels);
      else kernels.transformWeights(at(kernel.offset), inputChannels, filters, inputStride, panels, plan.scratch);
      kernels.packPanels(at(bias.offset), 1, filters, paddedBias);
      if (transposed) kernels.packTransposed(at(kernel.offset), inputChannels, filters, inputStride, transposed);
    }
    for (const { shape, kernel, bias, panels, paddedBias } of plan.denses) {
      kernels.packPanels(at(kernel.offset), shape.inputs, shape.units, panels);
      kernels.packPanels(at(bias.offset), 1, shape.units, paddedBias);
    }
  }

  /**
   * Forward pass over all samples. Dropout is on where `keys` are given, one a sample; images are augmented where a leaf names
   * their draws.
   */
  forward(samples: readonly Sample[], keys?: readonly Words[], draws?: Leaf): void {
    samples.forEach((sample, index) => {
      this.#loadImage(sample, index, draws);
      this.#onPhase?.("forward");
      for (const conv of this.#plan.convs) this.#convolve(conv, index, keys?.[index]);
    });
    this.#flatten(samples.length);
    for (const dense of this.#plan.denses) this.#dense(dense, samples.length, keys);
  }

  /** A copy of the logits of the last forward pass, sample by sample. */
  logits(samples: number): Float32Array {
    const { outputs, outputRow, shape } = this.#plan.denses.at(-1)!;
    const logits = new Float32Array(samples * shape.units);
    for (let n = 0; n < samples; n++) logits.set(this.#floats(outputs + n * outputRow, shape.units), n * shape.units);
    return logits;
  }

  /** Backward pass after a forward pass with the same keys; writes the flat gradient sum to `target`. */
  backward(samples: readonly Sample[], keys: readonly Words[], target: number): void {
    this.#onPhase?.("backward");
    this.#lossGradient(samples);
    for (const dense of this.#plan.denses.toReversed()) this.#denseInputGradient(dense, keys);
    // In this order: a row may spill into what is written after it.
    for (const dense of this.#plan.denses) this.#denseWeightGradient(dense, samples.length, target);
    for (const conv of this.#plan.convs) {
      this.#bytes(conv.sums, conv.sumsBytes).fill(0);
      this.#bytes(conv.biasSums, 4 * conv.outputStride).fill(0);
    }
    samples.forEach((_, index) => this.#convolutionsBackward(index));
    for (const { shape, kernel, bias, inputStride, rowFloats, sums, biasSums } of this.#plan.convs) {
      const at = target + 4 * kernel.offset;
      this.#kernels.unpackSums(sums, shape.inputChannels, shape.filters, inputStride, rowFloats, at);
      this.#floats(target + 4 * bias.offset, bias.size).set(this.#floats(biasSums, bias.size));
    }
  }

  /** Puts a sample's image into its place: augmented by the leaf's draws, or only scaled to [0, 1]. */
  #loadImage(sample: Sample, index: number, draws?: Leaf): void {
    const { spec, pixels, images } = this.#plan;
    const length = spec.imageSize ** 2 * 3;
    this.#onPhase?.("read");
    this.#bytes(pixels, length).set(pixelsOf(sample, length));
    if (!draws) return this.#kernels.scaleBytes(pixels, images[index]!, length, 1 / 255);
    this.#onPhase?.("augment");
    const map = augmentationMap(drawAugmentation(draws.seed, draws.epoch, sample.id), spec.imageSize);
    this.#kernels.resample(pixels, images[index]!, spec.imageSize, 1 / 255, ...map);
  }

  #convolve(conv: ConvPlan, index: number, key: Words | undefined): void {
    const { shape: { inputSize, layer, filters, dropout }, inputStride, outputStride } = conv;
    const drops = key !== undefined && dropout > 0;
    const { draws, rows, zeros, left, products, scratch } = this.#plan;
    const source = [conv.inputs[index]!, inputSize, inputStride, conv.panels, conv.paddedBias];
    const target = [conv.outputs[index]!, conv.origins[index]!];
    const random = drops
      ? [draws, key[0], key[1], layer, dropoutThreshold(dropout), dropoutScale(dropout)]
      : [0, 0, 0, layer, 0, 1];
    if (conv.groupRows === 0) {
      this.#kernels.convolve(...source, outputStride, filters, rows, ...target, ...random);
    } else {
      const buffers = [conv.groupRows, left, products, scratch];
      this.#kernels.convolveWinograd(...source, zeros, outputStride, filters, ...buffers, ...target, ...random);
    }
  }

  #convolutionsBackward(index: number): void {
    for (const conv of this.#plan.convs.toReversed()) {
      const last = conv === this.#plan.convs.at(-1);
      const { shape, inputStride, outputStride, inputGradient, outputGradient } = conv;
      if (last) {
        const { inputGradient: rows, inputRow } = this.#plan.denses[0]!;
        const row = rows + index * inputRow;
        this.#kernels.unflatten(row, shape.outputSize ** 2, outputStride, shape.filters, outputGradient);
      }
      this.#kernels.convolveBackward(
        conv.inputs[index]!,
        inputGradient,
        shape.inputSize,
        inputStride,
        outputGradient,
        conv.origins[index]!,
        outputStride,
        shape.filters,
        conv.transposed,
        conv.sums,
        conv.biasSums,
        shape.dropout > 0 ? dropoutScale(shape.dropout) : 1,
        conv.bandRows,
        this.#plan.lists,
        this.#plan.ends,
      );
    }
  }

  #flatten(samples: number): void {
    const last = this.#plan.convs.at(-1);
    const { inputs, inputRow } = this.#plan.denses[0]!;
    for (let n = 0; n < samples; n++) {
      const row = inputs + n * inputRow;
      if (!last) this.#bytes(row, inputRow).set(this.#bytes(this.#plan.images[n]!, inputRow));
      else {this.#kernels.flatten(
          last.outputs[n]!,
          last.shape.outputSize ** 2,
          last.outputStride,
          last.shape.filters,
          row,
        );}
    }
  }

  #dense(dense: DensePlan, samples: number, keys: readonly Words[] | undefined): void {
    const { shape, inputs, inputRow, outputs, outputRow } = dense;
    if (keys) this.#drop(dense, inputs, keys);
    const { panels, paddedBias } = dense;
    const panelBytes = 32 * shape.inputs;
    const product = [inputs, inputRow, shape.inputs, panels, panelBytes, paddedBias, 0, outputs, outputRow];
    this.#kernels.multiply(samples, outputRow >> 5, ...product);
    if (shape.relu) this.#kernels.rectify(outputs, samples * outputRow >> 2);
  }

  /** Applies the layer's dropout to rows as long as its inputs: the inputs, or their gradient. */
  #drop({ shape, inputRow }: DensePlan, rows: number, keys: readonly Words[]): void {
    const { layer, inputs, dropoutBefore } = shape;
    if (dropoutBefore === 0) return;
    const { draws } = this.#plan;
    keys.forEach((key, n) => {
      this.#kernels.draw(draws, key[0], key[1], layer, 0, (inputs + 3) >> 2);
      const [threshold, scale] = [dropoutThreshold(dropoutBefore), dropoutScale(dropoutBefore)];
      this.#kernels.dropValues(rows + n * inputRow, draws, inputs, threshold, scale);
    });
  }

  #lossGradient(samples: readonly Sample[]): void {
    const { outputs, outputGradient, outputRow, shape } = this.#plan.denses.at(-1)!;
    samples.forEach(({ label }, n) => {
      const logits = this.#floats(outputs + n * outputRow, shape.units);
      const gradient = this.#floats(outputGradient + n * outputRow, shape.units);
      writeLogitGradient(logits, label, gradient, this.#classWeights[label]);
    });
  }

  /** The gradient of a dense layer's inputs, through dropout and the ReLU before it. */
  #denseInputGradient(dense: DensePlan, keys: readonly Words[]): void {
    const { shape, kernel, inputs, inputRow, inputGradient, outputRow, outputGradient } = dense;
    const before = this.#plan.denses[this.#plan.denses.indexOf(dense) - 1];
    if (!before && this.#plan.convs.length === 0) return;
    this.#kernels.denseInputGradient(
      keys.length,
      shape.inputs,
      shape.units,
      outputGradient,
      outputRow,
      this.#plan.weights + 4 * kernel.offset,
      inputGradient,
      inputRow,
    );
    this.#drop(dense, inputGradient, keys);
    if (before?.shape.relu) this.#kernels.rectifyGradient(inputGradient, inputs, keys.length * inputRow >> 2);
  }

  #denseWeightGradient(dense: DensePlan, samples: number, target: number): void {
    const { shape, kernel, bias, inputs, inputRow, outputRow, outputGradient } = dense;
    this.#kernels.denseWeightGradient(
      samples,
      shape.inputs,
      shape.units,
      inputs,
      inputRow,
      outputGradient,
      outputRow,
      target + 4 * kernel.offset,
      this.#plan.lists,
    );
    this.#kernels.sumRows(samples, outputGradient, outputRow, shape.units, target + 4 * bias.offset);
  }

  #floats(offset: number, length: number): Float32Array {
    return new Float32Array(this.#memory.buffer, offset, length);
  }

  #bytes(offset: number, length: number): Uint8Array {
    return new Uint8Array(this.#memory.buffer, offset, length);
  }
}
