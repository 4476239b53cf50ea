// Initial weights: Glorot uniform kernels and zero biases, as Keras starts Conv2D and Dense layers, from counter-based numbers.
import { type ModelSpec, parameterCount, parameterTable } from "./model.ts";
import { Purpose, sampleKey, threefry, toUnit } from "./threefry.ts";

/**
 * The flat initial weights of a model: uniform in ±sqrt(6 / (fanIn + fanOut)) for kernels (Glorot and Bengio, AISTATS 2010;
 * keras/src/initializers/random_initializers.py), 0 for biases. The fans of a conv kernel are 9·in and 9·out channels.
 * @returns float32 array of the model's parameter count
 */
export function initialWeights(spec: ModelSpec, seed: number): Float32Array {
  const weights = new Float32Array(parameterCount(spec));
  parameterTable(spec).forEach(({ shape, offset, size }, index) => {
    if (shape.length < 2) return;
    const receptiveField = shape.slice(0, -2).reduce((a, b) => a * b, 1);
    const limit = Math.sqrt(6 / (receptiveField * (shape.at(-2)! + shape.at(-1)!)));
    const [k0, k1] = sampleKey(seed, Purpose.initialWeights, 0, index);
    for (let i = 0; i < size; i++) {
      weights[offset + i] = (2 * toUnit(threefry(k0, k1, 0, i)[0]) - 1) * limit;
    }
  });
  return weights;
}
