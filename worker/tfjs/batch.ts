// A leaf as tensors: images (augmented or not), dropout masks and targets. All random draws happen here, on the host, from
// the counter-based generator, so both backends compute on the same inputs.
import * as tf from "@tensorflow/tfjs";
import { fillDropoutMask } from "../../shared/dropout.ts";
import { type LayerShape, layerShapes, type ModelSpec } from "../../shared/model.ts";
import { Purpose, sampleKey } from "../../shared/threefry.ts";
import { augmentationMap, drawAugmentation, resample } from "../augmentation.ts";
import { type Leaf, pixelsOf, type Sample } from "../engine.ts";

const UNIT = Float32Array.from({ length: 256 }, (_, byte) => byte / 255);

/** The images as they are: float32 [samples, size, size, 3] in [0, 1]. */
export function plainImages(spec: ModelSpec, samples: readonly Sample[]): tf.Tensor4D {
  const length = spec.imageSize ** 2 * 3;
  const images = new Float32Array(samples.length * length);
  samples.forEach((sample, index) => {
    const pixels = pixelsOf(sample, length);
    const start = index * length;
    for (let i = 0; i < length; i++) images[start + i] = UNIT[pixels[i]!]!;
  });
  return imageTensor(images, spec, samples.length);
}

/** The images flipped, rotated and zoomed by each sample's own draws: float32 [samples, size, size, 3] in [0, 1]. */
export function augmentedImages(spec: ModelSpec, leaf: Leaf): tf.Tensor4D {
  const size = spec.imageSize;
  const length = size ** 2 * 3;
  const images = new Float32Array(leaf.samples.length * length);
  leaf.samples.forEach((sample, index) => {
    const pixels = pixelsOf(sample, length);
    const map = augmentationMap(drawAugmentation(leaf.seed, leaf.epoch, sample.id), size);
    resample(pixels, images.subarray(index * length, (index + 1) * length), { size, map, scale: 1 / 255 });
  });
  return imageTensor(images, spec, leaf.samples.length);
}

/**
 * The dropout masks of a leaf, one tensor for each layer with dropout and undefined for the others: over a conv block's
 * output before pooling, or over a dense layer's input.
 */
export function dropoutMasks(spec: ModelSpec, leaf: Leaf): readonly (tf.Tensor | undefined)[] {
  return layerShapes(spec).map((shape) => {
    const { rate, dimensions } = dropoutOf(shape);
    if (rate === 0) return undefined;
    const size = dimensions.reduce((a, b) => a * b, 1);
    const mask = new Float32Array(leaf.samples.length * size);
    leaf.samples.forEach((sample, index) => {
      const key = sampleKey(leaf.seed, Purpose.dropout, leaf.epoch, sample.id);
      fillDropoutMask(mask.subarray(index * size, (index + 1) * size), key, shape.layer, rate);
    });
    return tf.tensor(mask, [leaf.samples.length, ...dimensions], "float32");
  });
}

/** What the probabilities should be: float32 [samples, classes], the label itself for one class, else one-hot. */
export function targets(spec: ModelSpec, samples: readonly Sample[]): tf.Tensor2D {
  const values = new Float32Array(samples.length * spec.classes);
  samples.forEach(({ id, label }, index) => {
    if (!(label >= 0 && label < Math.max(spec.classes, 2))) {
      throw new RangeError(`Sample ${id} has class ${label}: the model has ${Math.max(spec.classes, 2)}`);
    }
    if (spec.classes === 1) values[index] = label;
    else values[index * spec.classes + label] = 1;
  });
  return tf.tensor2d(values, [samples.length, spec.classes]);
}

/** What the gradients by a batch's logits are multiplied by: float32 [samples, classes], 1 without class weights. */
export function logitWeights(
  { classes }: ModelSpec,
  samples: readonly Sample[],
  classWeights: readonly number[] = [],
): tf.Tensor2D {
  const values = samples.flatMap(({ label }) => new Array<number>(classes).fill(classWeights[label] ?? 1));
  return tf.tensor2d(values, [samples.length, classes], "float32");
}

function dropoutOf(shape: LayerShape): { rate: number; dimensions: readonly number[] } {
  return shape.kind === "conv"
    ? { rate: shape.dropout, dimensions: [shape.convSize, shape.convSize, shape.filters] }
    : { rate: shape.dropoutBefore, dimensions: [shape.inputs] };
}

function imageTensor(images: Float32Array, { imageSize }: ModelSpec, samples: number): tf.Tensor4D {
  return tf.tensor4d(images, [samples, imageSize, imageSize, 3]);
}
