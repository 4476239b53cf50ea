// A network as buffers and dispatches: everything that the device will hold and run, computed before anything of it is made. One pass
// takes a few images; a leaf of more is as many passes, added up in their order.
import type { ModelSpec } from "../../shared/model.ts";
import { dropoutScale } from "../../shared/dropout.ts";
import { networkLayers } from "../network_layers.ts";
import { addInto } from "./kernels/add.ts";
import { augment, imageWords } from "./kernels/augment.ts";
import { convBiasGradient } from "./kernels/conv_bias_gradient.ts";
import { bandsOf, convFilterGradient, filterVectors } from "./kernels/conv_filter_gradient.ts";
import { convForward } from "./kernels/conv_forward.ts";
import { convInputGradient } from "./kernels/conv_input_gradient.ts";
import { type ConvBlock, convBlock } from "./kernels/conv_shape.ts";
import type { ConvTile, FilterTile } from "./kernels/conv_tile.ts";
import { packedWeights } from "./kernels/conv_weights.ts";
import { denseForward, densePartialBytes } from "./kernels/dense_forward.ts";
import { denseBiasGradient, denseInputGradient, denseWeightGradient } from "./kernels/dense_gradients.ts";
import { type DenseLayer, denseLayer, type DenseTile } from "./kernels/dense_shape.ts";
import {
  deviceBytes,
  type Dispatch,
  mirrored,
  type PlannedBuffer,
  roundUp,
  rowBytes,
  type Slice,
  type Texel,
  whole,
} from "./kernels/dispatch.ts";
import { dropInputs, dropoutMasks } from "./kernels/dropout.ts";
import { lossGradient } from "./kernels/loss_gradient.ts";
import { SAMPLE_BYTES } from "./kernels/samples.ts";
import { sumPartials } from "./kernels/sum_partials.ts";
import { type ConvForms, Layout, type Place } from "./layout.ts";
import type { Preset } from "./presets.ts";

/** A block of the plan. */
export interface PlannedConv extends ConvForms {
  readonly forwardTile: ConvTile;
  readonly backwardTile: ConvTile | undefined;
  readonly filterTile: FilterTile;
}

/** The plan of a network on an adapter. */
export class Plan {
  /** Images of a pass. */
  readonly images: number;
  readonly layout: Layout;
  readonly convs: readonly PlannedConv[];
  readonly denses: readonly { readonly layer: DenseLayer; readonly tile: DenseTile }[];
  /** Bytes of images, imageWords() words each; written before a pass. */
  readonly pixels: PlannedBuffer;
  /** Sample records; written before a pass. */
  readonly samples: PlannedBuffer;
  /** Written once a step. */
  readonly weights: PlannedBuffer;
  /** [images][outputQuads] vec4. */
  readonly logits: PlannedBuffer;
  /** Must hold four bytes of NO_GRADIENT in every word before the first pass. */
  readonly origins: readonly PlannedBuffer[];
  /** Whether kernels read through textures. */
  readonly readsTextures: boolean;
  /** Augmentation and all layers, up to the logits. */
  readonly forward: readonly Dispatch[];
  readonly #preset: Preset;
  readonly #buffers: PlannedBuffer[] = [];
  readonly #images: PlannedBuffer;
  readonly #outputs: readonly PlannedBuffer[];
  readonly #gradients: readonly PlannedBuffer[];
  readonly #denseOutputs: readonly PlannedBuffer[];
  readonly #denseGradients: readonly PlannedBuffer[];
  readonly #partials: PlannedBuffer;

  constructor(spec: ModelSpec, preset: Preset, images: number) {
    this.images = images;
    this.#preset = preset;
    this.readsTextures = preset.readsTextures;
    const layers = networkLayers(spec);
    this.convs = layers.convs.map(({ name, shape }, i) => planConv(convBlock(name, images, shape), preset, i === 0));
    const channels = this.convs.at(-1)?.block.filters ?? spec.channels;
    this.denses = layers.denses.map(({ name, shape }, i) => {
      const layer = denseLayer(name, images, shape, i === 0 ? channels : shape.inputs);
      return { layer, tile: preset.dense(layer) };
    });
    this.layout = new Layout(spec, this.convs, this.denses.map(({ layer }) => layer));
    this.pixels = this.#buffer("images as bytes", 4 * (images * imageWords(spec.imageSize) + 1), "r32uint");
    this.samples = this.#buffer("samples", images * SAMPLE_BYTES);
    this.weights = this.#buffer("weights", this.layout.weightBytes, "rgba32float");
    this.#images = this.#buffer("images", 16 * images * spec.imageSize ** 2, "rgba32float");
    const each = (what: string, texel: Texel, bytes: (block: ConvBlock) => number) =>
      this.convs.map(({ block }) => this.#buffer(`${block.name} ${what}`, images * bytes(block), texel));
    this.#outputs = each("outputs", "rgba32float", ({ pooled, quads }) => 16 * pooled ** 2 * quads);
    this.origins = each("origins", "r32uint", ({ pitch, quads }) => 4 * pitch ** 2 * quads);
    this.#gradients = each("gradients", "rgba32float", ({ pitch, quads }) => 16 * pitch ** 2 * quads);
    const rows = (what: string) =>
      this.denses.map(({ layer }) => this.#buffer(`${layer.name} ${what}`, 16 * images * layer.outputQuads));
    this.#denseOutputs = rows("outputs");
    this.#denseGradients = rows("gradients");
    this.logits = this.#denseOutputs.at(-1)!;
    this.#partials = this.#buffer(
      "partial sums",
      Math.max(
        ...this.convs.map(({ block, filterTile }) =>
          16 * images * bandsOf(block, filterTile.bandRows) * filterVectors(block)
        ),
        ...this.convs.map(({ block }) => 16 * images * block.pooled * block.quads),
        ...this.denses.map(({ layer, tile }) => densePartialBytes(layer, tile)),
      ),
    );
    this.forward = [this.#augment(spec.imageSize), ...this.#convsForward(), ...this.#densesForward()];
  }

  /** What the device must hold, without the gradients that wait to be added. */
  get buffers(): readonly PlannedBuffer[] {
    return this.#buffers;
  }

  /** What these take on the device. */
  get bytes(): number {
    return this.#buffers.reduce((sum, buffer) => sum + deviceBytes(buffer), 0);
  }

  /** A buffer for a pass's flat gradient sum. */
  gradientBuffer(name: string): PlannedBuffer {
    return { name, bytes: this.layout.gradientBytes };
  }

  /** All tiles in words, for the fingerprint. */
  get tiles(): string {
    const convs = this.convs.map((
      { forwardTile, backwardTile, filterTile },
    ) => [forwardTile, backwardTile, filterTile]);
    return JSON.stringify([convs, this.denses.map(({ tile }) => tile)]);
  }

  /** From the logits back to the gradient sums of a pass. */
  backward(target: PlannedBuffer): Dispatch[] {
    return [...this.#densesBackward(target), ...this.#convsBackward(target)];
  }

  /** left += right, of two gradient buffers. */
  add(left: PlannedBuffer, right: PlannedBuffer): Dispatch {
    return addInto(whole(left), whole(right), left.bytes / 16, this.#preset.threads);
  }

  /** @param texel what kernels read it as, where they read textures */
  #buffer(name: string, bytes: number, texel?: Texel): PlannedBuffer {
    const mirror = this.#preset.readsTextures ? texel : undefined;
    const buffer = { name, bytes: roundUp(bytes, mirror === undefined ? 16 : rowBytes(mirror)), mirror };
    this.#buffers.push(buffer);
    return buffer;
  }

  #augment(size: number): Dispatch {
    const { images, pixels, samples } = this;
    const target = whole(this.#images);
    const { threads } = this.#preset;
    return augment({ images, size, pixels: mirrored(whole(pixels)), samples: whole(samples), target, threads });
  }

  #convsForward(): Dispatch[] {
    const { threads } = this.#preset;
    const masks = this.convs.map(({ block: { name, pooled, quads, shape } }) =>
      shape.dropout > 0 ? this.#buffer(`${name} masks`, 4 * this.images * pooled ** 2 * quads, "r32uint") : undefined
    );
    return this.convs.flatMap(({ block, forward, forwardTile }, i) => [
      ...masks[i] ? [dropoutMasks(block, { samples: whole(this.samples), masks: whole(masks[i]), threads })] : [],
      ...convForward(block, forwardTile, forward, {
        inputs: readBy(forwardTile, this.#inputsOf(i)),
        weights: this.#weights(this.layout.convWeights[i]!.kernel),
        masks: masks[i] && readBy(forwardTile, whole(masks[i])),
        outputs: whole(this.#outputs[i]!),
        origins: whole(this.origins[i]!),
      }),
    ]);
  }

  #densesForward(): Dispatch[] {
    const { threads } = this.#preset;
    return this.denses.flatMap(({ layer, tile }, i) => {
      const { name, images, pixels, channels, quads, shape: { layer: index, dropoutBefore: rate } } = layer;
      const { kernel, second } = this.layout.denseWeights[i]!;
      const inputs = this.#rowsOf(i);
      const rows = { name, images, pixels, channels, quads, layer: index, rate };
      return [
        ...rate > 0 ? [dropInputs(rows, { samples: whole(this.samples), values: inputs, threads })] : [],
        ...denseForward(layer, tile, {
          inputs: mirrored(inputs),
          weights: mirrored(this.#weights(kernel)),
          bias: this.#weights(second!),
          partials: whole(this.#partials),
          outputs: whole(this.#denseOutputs[i]!),
        }),
      ];
    });
  }

  #densesBackward(target: PlannedBuffer): Dispatch[] {
    const { threads } = this.#preset;
    const last = this.denses.at(-1)!.layer;
    const loss = { logits: whole(this.logits), samples: whole(this.samples), threads };
    const first = lossGradient(last, { ...loss, target: whole(this.#denseGradients.at(-1)!) });
    const rest = this.denses.toReversed().flatMap(({ layer, tile }, back) => {
      const i = this.denses.length - 1 - back;
      const places = this.layout.denseGradients[i]!;
      const gradients = whole(this.#denseGradients[i]!);
      const inputs = this.#rowsOf(i);
      const below = i > 0 ? this.#denseGradients[i - 1] : this.#gradients.at(-1);
      return [
        denseWeightGradient(layer, { inputs: mirrored(inputs), gradients, target: at(target, places.kernel), threads }),
        denseBiasGradient(layer, { gradients, target: at(target, places.bias), threads }),
        ...below
          ? [denseInputGradient(layer, tile, {
            inputs,
            gradients,
            weights: mirrored(this.#weights(this.layout.denseWeights[i]!.kernel)),
            samples: whole(this.samples),
            target: whole(below),
            pitch: i > 0 ? undefined : this.convs.at(-1)!.block.pitch,
            rectified: i > 0 ? this.denses[i - 1]!.layer.shape.relu : true,
          })]
          : [],
      ];
    });
    return [first, ...rest];
  }

  #convsBackward(target: PlannedBuffer): Dispatch[] {
    const { threads } = this.#preset;
    return this.convs.toReversed().flatMap(({ block, backward, backwardTile, filterTile }, back) => {
      const i = this.convs.length - 1 - back;
      const places = this.layout.convGradients[i]!;
      const gradients = whole(this.#gradients[i]!);
      const origins = whole(this.origins[i]!);
      const read = { gradients: mirrored(gradients), origins: mirrored(origins) };
      const partials = whole(this.#partials);
      const scale = block.shape.dropout > 0 ? dropoutScale(block.shape.dropout) : 1;
      const sum = (what: string, vectors: number, count: number, place: Place) =>
        sumPartials(`${block.name} ${what}`, { vectors, count, scale, partials, target: at(target, place), threads });
      return [
        convFilterGradient(block, filterTile, {
          inputs: filterTile.inputs === 4 ? mirrored(this.#inputsOf(i)) : this.#inputsOf(i),
          ...read,
          partials,
        }),
        sum("filter gradient", filterVectors(block), this.images * bandsOf(block, filterTile.bandRows), places.kernel),
        convBiasGradient(block, { ...read, partials, threads }),
        sum("bias gradient", block.quads, this.images * block.pooled, places.bias),
        ...backward && backwardTile
          ? convInputGradient(block, backwardTile, backward, {
            gradients: readBy(backwardTile, gradients),
            origins: readBy(backwardTile, origins),
            weights: this.#weights(this.layout.convWeights[i]!.second!),
            target: whole(this.#gradients[i - 1]!),
            targetPitch: this.convs[i - 1]!.block.pitch,
          })
          : [],
      ];
    });
  }

  /** What a block reads. */
  #inputsOf(conv: number): Slice {
    return whole(conv === 0 ? this.#images : this.#outputs[conv - 1]!);
  }

  /** What a dense layer reads. */
  #rowsOf(dense: number): Slice {
    return whole(dense > 0 ? this.#denseOutputs[dense - 1]! : this.#outputs.at(-1) ?? this.#images);
  }

  #weights(place: Place): Slice {
    return at(this.weights, place);
  }
}

function planConv(block: ConvBlock, preset: Preset, isFirst: boolean): PlannedConv {
  const { inputQuads, quads } = block;
  const forwardTile = preset.forward(block);
  const forward = packedWeights(inputQuads, quads, forwardTile.outputs);
  const backwardTile = isFirst ? undefined : preset.inputGradient(block);
  const backward = backwardTile && packedWeights(quads, inputQuads, backwardTile.outputs);
  return {
    block,
    forwardTile,
    forward,
    backwardTile,
    backward,
    filterTile: preset.filterGradient(block),
  };
}

/** What goes through workgroup memory is read from buffers. */
function readBy({ form }: ConvTile, slice: Slice): Slice {
  return form === "staged" ? slice : mirrored(slice);
}

function at(buffer: PlannedBuffer, { offset, bytes }: Place): Slice {
  return { buffer, offset, bytes };
}
