// The default network on large images. A minute and a half of a core.
import { assert, assertLess } from "@std/assert";
import { initialWeights } from "../../../shared/initial_weights.ts";
import { builtInModel } from "../../../shared/model.ts";
import { createEngine } from "../../../worker/engines.ts";
import { createSimdEngine } from "../../../worker/simd/mod.ts";
import { assertSameSum } from "../../fixtures/compare_engines.ts";
import {
  errorsByParameter,
  HAS_WEBGPU,
  leafSum,
  noiseLeaves,
  relativeError,
  WEBGPU_ENGINES,
} from "../../fixtures/engines.ts";

for (const { name, ignore, create } of WEBGPU_ENGINES) {
  Deno.test({
    name: `${name}: keras-example at 512 px has simd's gradient (skips without adapter)`,
    ignore,
    async fn() {
      const spec = builtInModel("keras-example", 512);
      // With noise, whose pixels differ so much, coordinates of float32 would decide some windows otherwise.
      const options = { spec, microBatch: 2, augment: false };
      const [leaf] = noiseLeaves(512, [2]);
      await using simd = await createSimdEngine(options);
      await using engine = await create(options);
      for (const each of [simd, engine]) each.setWeights(initialWeights(spec, 1));
      const [expected, actual] = [await leafSum(simd, leaf!), await leafSum(engine, leaf!)];
      assert(actual.gradient.every(Number.isFinite));
      assertLess(relativeError(expected.losses, actual.losses), 1e-5);
      for (const { name: parameter, error } of errorsByParameter(spec, expected.gradient, actual.gradient)) {
        assertLess(error, 1e-4, parameter);
      }
    },
  });
}

Deno.test({
  name: "webgpu: keras-example at 300 px has the same bits each time (skips without adapter)",
  ignore: !HAS_WEBGPU,
  async fn() {
    const spec = builtInModel("keras-example", 300);
    const [leaf] = noiseLeaves(300, [8]);
    await using engine = await createEngine("webgpu", { spec, microBatch: 8, augment: true });
    engine.setWeights(initialWeights(spec, 1));
    const first = await leafSum(engine, leaf!);
    for (let repeat = 1; repeat < 10; repeat++) assertSameSum(await leafSum(engine, leaf!), first);
  },
});
