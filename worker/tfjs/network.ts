// The network as TF.js operations: the forward pass, and the gradient of the summed loss by TF.js' own tape.
import * as tf from "@tensorflow/tfjs";
import { layerShapes, type ModelSpec } from "../../shared/model.ts";

/** What one leaf's pass gives. */
// A type and not an interface: tf.tidy() takes only what has an index signature.
export type LeafTensors = {
  /** Flat float32 gradient of the sum of the losses, as laid out by the parameter table. */
  readonly gradient: tf.Tensor1D;
  /** The logits, sample by sample. */
  readonly logits: tf.Tensor1D;
};

/**
 * The logits of a batch.
 * @param weights one tensor for each row of the parameter table
 * @param images float32 [samples, size, size, 3]
 * @param masks a dropout mask or undefined for each layer; empty for inference
 * @returns float32 [samples, classes]
 */
export function forward(
  spec: ModelSpec,
  weights: readonly tf.Tensor[],
  { images, masks }: { readonly images: tf.Tensor4D; readonly masks: readonly (tf.Tensor | undefined)[] },
): tf.Tensor2D {
  let x: tf.Tensor = images;
  for (const shape of layerShapes(spec)) {
    const kernel = weights[2 * shape.layer]!;
    const bias = weights[2 * shape.layer + 1]!;
    const mask = masks[shape.layer];
    if (shape.kind === "conv") {
      x = tf.relu(convolve(x as tf.Tensor4D, kernel as tf.Tensor4D, bias, shape.layer === 0));
      if (mask) x = tf.mul(x, mask);
      x = tf.maxPool(x as tf.Tensor4D, 2, 2, "valid");
    } else {
      x = tf.reshape(x, [images.shape[0], shape.inputs]);
      if (mask) x = tf.mul(x, mask);
      x = tf.fused.matMul({ a: x, b: kernel, bias });
      if (shape.relu) x = tf.relu(x);
    }
  }
  return x as tf.Tensor2D;
}

/**
 * 3×3 convolution and bias. The fused operation saves a pass over the output, but it always computes the gradient of its
 * input as well: for the images, which have no use for one, that costs more.
 */
function convolve(x: tf.Tensor4D, filter: tf.Tensor4D, bias: tf.Tensor, onImages: boolean): tf.Tensor4D {
  return onImages
    ? tf.add(tf.conv2d(x, filter, 1, "valid"), bias)
    : tf.fused.conv2d({ x, filter, strides: 1, pad: "valid", bias });
}

/** The gradient of the summed loss and the logits of a batch; to be called inside tf.tidy(). */
export function backward(
  spec: ModelSpec,
  weights: readonly tf.Tensor[],
  inputs: {
    readonly images: tf.Tensor4D;
    readonly masks: readonly (tf.Tensor | undefined)[];
    readonly targets: tf.Tensor2D;
    /** What the gradients by the logits are multiplied by. */
    readonly logitWeights: tf.Tensor2D;
  },
): LeafTensors {
  const lossGradient = withLossGradient(inputs.targets);
  const pass = tf.valueAndGrads((...parameters: tf.Tensor[]) => lossGradient(forward(spec, parameters, inputs)));
  const { value, grads } = pass([...weights], inputs.logitWeights);
  return {
    gradient: tf.concat1d(grads.map((gradient) => tf.reshape(gradient, [gradient.size]))),
    logits: tf.reshape(value, [value.size]),
  };
}

/**
 * The identity on logits, whose derivative is the cross entropy's: sigmoid(z) − y or softmax(z) − y. So the pass yields the
 * logits as its value, and no kernel is spent on losses.
 */
function withLossGradient(targets: tf.Tensor2D): (logits: tf.Tensor) => tf.Tensor {
  return tf.customGrad((logits: tf.Tensor | tf.GradSaveFunc, save?: tf.Tensor | tf.GradSaveFunc) => {
    const z = logits as tf.Tensor2D;
    (save as tf.GradSaveFunc)([z]);
    return {
      value: tf.clone(z),
      gradFunc: (upstream: tf.Tensor, saved: tf.Tensor[]) => {
        const probabilities = targets.shape[1] === 1 ? tf.sigmoid(saved[0]!) : tf.softmax(saved[0]!);
        return tf.mul(upstream, tf.sub(probabilities, targets));
      },
    };
  });
}
