// Implementations of one definition: the random numbers are the same, so the same leaf must give the same gradient up
// to the order of additions.
import { assert } from "@std/assert";
import { initialWeights } from "../../../shared/initial_weights.ts";
import type { EngineOptions } from "../../../worker/engine.ts";
import { createEngine } from "../../../worker/engines.ts";
import {
  errorsByParameter,
  leafPredictions,
  leafSum,
  noiseLeaves,
  relativeError,
  smallModel,
  TFJS_ENGINES,
  WEBGPU_ENGINES,
} from "../../fixtures/engines.ts";

const spec = smallModel(37);

const OTHERS = [
  ...TFJS_ENGINES.map(({ name, ignore }) => ({
    name,
    ignore,
    create: (options: EngineOptions) => createEngine(name, options),
  })),
  ...WEBGPU_ENGINES,
];

for (const { name, ignore, create } of OTHERS) {
  Deno.test({
    name: `simd and ${name} agree on the same leaves with augmentation and dropout (skips without adapter)`,
    ignore,
    async fn() {
      const options = { spec, microBatch: 5, augment: true };
      await using simd = await createEngine("simd", options);
      await using other = await create(options);
      for (const engine of [simd, other]) engine.setWeights(initialWeights(spec, 1));
      for (const leaf of noiseLeaves(spec.imageSize, [5, 3, 1])) {
        const expected = await leafSum(other, leaf);
        const actual = await leafSum(simd, leaf);
        for (const { name: parameter, error } of errorsByParameter(spec, expected.gradient, actual.gradient)) {
          assert(error <= 1e-4, `${parameter} differs by ${error}`);
        }
        assert(relativeError(expected.losses, actual.losses) <= 1e-5);
        const [theirs, own] = [await leafPredictions(other, leaf), await leafPredictions(simd, leaf)];
        assert(relativeError(theirs.logits, own.logits) <= 1e-5);
      }
    },
  });
}
