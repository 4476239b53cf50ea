import { assert, assertEquals, assertRejects } from "@std/assert";
import { initialWeights } from "../../../shared/initial_weights.ts";
import { rootOf } from "../../../shared/tree.ts";
import { createEngine } from "../../../worker/engines.ts";
import { HAS_WEBGPU, leafSum, noiseLeaves, smallModel, TFJS_ENGINES } from "../../fixtures/engines.ts";

const ENGINES = [
  ...TFJS_ENGINES,
  { name: "simd", ignore: false },
  { name: "webgpu", ignore: !HAS_WEBGPU },
] as const;

for (const { name, ignore } of ENGINES) {
  Deno.test({
    name: `${name}: what nobody wants any more is broken off between two leaves, and the next order is computed`,
    ignore,
    async fn() {
      const spec = smallModel(37);
      const leaves = noiseLeaves(37, [1, 1, 1, 1]);
      const unwanted = new AbortController();
      let done = 0;
      const onLeaf = () => ++done === 2 && unwanted.abort(new Error("unwanted"));
      await using engine = await createEngine(name, { spec, microBatch: 5, augment: true, onLeaf });
      engine.setWeights(initialWeights(spec, 0));
      const { signal } = unwanted;
      const error = await assertRejects(() => Array.fromAsync(engine.gradients(4, leaves, [rootOf(4)], signal)));
      assertEquals(error, signal.reason);
      assert(done < 4, `${done} leaves were computed`);
      await assertRejects(() => Array.fromAsync(engine.evaluate(leaves, signal)));
      assertEquals((await leafSum(engine, leaves[0]!)).losses.length, 1);
    },
  });
}
