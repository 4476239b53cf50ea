// Three implementations of one definition: the random numbers are the same, so the same leaf must give the same gradient up
// to the order of additions.
import { assert } from "@std/assert";
import { initialWeights } from "../../../shared/initial_weights.ts";
import { createEngine } from "../../../worker/engines.ts";
import {
  errorsByParameter,
  HAS_WEBGPU,
  leafSum,
  noiseLeaves,
  relativeError,
  smallModel,
} from "../../fixtures/engines.ts";

const spec = smallModel(37);

for (const name of ["tfjs-cpu", ...HAS_WEBGPU ? ["tfjs-webgpu" as const] : []] as const) {
  Deno.test(`simd and ${name} agree on the same leaves with augmentation and dropout`, async () => {
    const options = { spec, microBatch: 5, augment: true };
    await using simd = await createEngine("simd", options);
    await using other = await createEngine(name, options);
    for (const engine of [simd, other]) engine.setWeights(initialWeights(spec, 1));
    for (const leaf of noiseLeaves(spec.imageSize, [5, 3, 1])) {
      const expected = await leafSum(other, leaf);
      const actual = await leafSum(simd, leaf);
      for (const { name: parameter, error } of errorsByParameter(spec, expected.gradient, actual.gradient)) {
        assert(error <= 1e-4, `${parameter} differs by ${error}`);
      }
      assert(relativeError(expected.losses, actual.losses) <= 1e-5);
    }
  });
}
