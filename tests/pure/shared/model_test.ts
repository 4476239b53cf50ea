import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { HerdError } from "../../../shared/errors.ts";
import { initialWeights } from "../../../shared/initial_weights.ts";
import {
  builtInModel,
  kerasLayers,
  layerShapes,
  leastImageSize,
  parameterCount,
  parameterTable,
} from "../../../shared/model.ts";
import { dropoutScale, fillDropoutMask } from "../../../shared/dropout.ts";
import { Purpose, sampleKey } from "../../../shared/threefry.ts";

Deno.test("keras-example has the parameters of the original, layer by layer", () => {
  const spec = builtInModel("keras-example", 300);
  assertEquals(parameterCount(spec), 1_704_097);
  const counts = kerasLayers(spec).map(({ parameters }) => parameters).filter((count) => count > 0);
  assertEquals(counts, [448, 4_640, 18_496, 36_928, 36_928, 1_606_144, 513]);
  const names = kerasLayers(spec).map(({ name }) => name);
  assertEquals(names.slice(0, 5), ["conv1", "pool1", "conv2", "dropout1", "pool2"]);
  assertEquals(names.slice(-4), ["flatten", "dropout3", "dense1", "dense2"]);
  const saved = parameterTable(spec).map(({ name }) => name);
  assertEquals(saved.slice(0, 3), ["conv1.kernel", "conv1.bias", "conv2.kernel"]);
  assertEquals(saved.slice(-2), ["dense2.kernel", "dense2.bias"]);
  const dense = layerShapes(spec).at(-2)!;
  assert(dense.kind === "dense" && dense.inputs === 3136);
});

Deno.test("the flat layout has no gaps and ends at the parameter count", () => {
  let end = 0;
  for (const { offset, size } of parameterTable(builtInModel("tiny", 32))) {
    assertEquals(offset, end);
    end += size;
  }
  assertEquals(end, parameterCount(builtInModel("tiny", 32)));
});

Deno.test("builtInModel() refuses images that are too small and names the least size", () => {
  assertEquals([leastImageSize(5), leastImageSize(3)], [94, 22]);
  assertEquals(layerShapes(builtInModel("keras-example", 94)).at(-2), {
    kind: "dense",
    layer: 5,
    inputs: 64,
    units: 512,
    dropoutBefore: 0.5,
    relu: true,
  });
  assertThrows(() => builtInModel("keras-example", 93), HerdError, "use 94 or more");
});

Deno.test("initialWeights() stays in Glorot's bounds, fills them, and starts biases at 0", () => {
  const spec = builtInModel("keras-example", 300);
  const weights = initialWeights(spec, 0);
  for (const { name, shape, offset, size } of parameterTable(spec)) {
    const values = weights.subarray(offset, offset + size);
    if (name.endsWith(".bias")) {
      assert(values.every((value) => value === 0));
      continue;
    }
    const field = shape.length === 4 ? 9 : 1;
    const limit = Math.sqrt(6 / (field * (shape.at(-2)! + shape.at(-1)!)));
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    assert(largest <= limit && largest > 0.95 * limit, `${name}: ${largest} of ${limit}`);
    const variance = values.reduce((sum, value) => sum + value * value, 0) / size;
    assertAlmostEquals(variance / (limit * limit / 3), 1, 6 / Math.sqrt(size));
  }
  assertEquals(initialWeights(spec, 0), weights);
  assert(initialWeights(spec, 1).some((value, i) => value !== weights[i]));
});

Deno.test("fillDropoutMask() drops at its rate, scales what it keeps, and depends on sample and layer", () => {
  const mask = new Float32Array(100_003);
  const fill = (sample: number, layer: number, rate: number) => {
    fillDropoutMask(mask, sampleKey(0, Purpose.dropout, 1, sample), layer, rate);
    return mask.slice();
  };
  for (const rate of [0.25, 0.5]) {
    const values = fill(0, 1, rate);
    assertAlmostEquals(values.filter((value) => value === 0).length / values.length, rate, 0.01);
    assert(values.every((value) => value === 0 || value === dropoutScale(rate)));
  }
  const base = fill(0, 1, 0.5);
  for (const other of [fill(1, 1, 0.5), fill(0, 2, 0.5)]) {
    const equal = other.filter((value, i) => value === base[i]).length / other.length;
    assertAlmostEquals(equal, 0.5, 0.01);
  }
});
