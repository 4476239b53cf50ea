// Memory of 1,000 steps. Ten seconds of a core.
import { assertLess } from "@std/assert";
import { initialWeights } from "../../../shared/initial_weights.ts";
import { HAS_WEBGPU, noiseLeaves, smallModel } from "../../fixtures/engines.ts";
import { WebgpuEngine } from "../../../worker/webgpu/engine.ts";

const MIB = 2 ** 20;

Deno.test({
  name: "webgpu: memory of the process does not grow with the steps (skips without adapter)",
  ignore: !HAS_WEBGPU,
  async fn() {
    const spec = smallModel(37);
    const leaves = noiseLeaves(37, [5, 5, 3]);
    await using engine = await WebgpuEngine.create({ spec, microBatch: 5, augment: true, leaves: 3 });
    const steps = async (count: number) => {
      for (let i = 0; i < count; i++) {
        engine.setWeights(initialWeights(spec, 1));
        await Array.fromAsync(engine.gradients(3, leaves, [{ level: 1, index: 0 }, { level: 0, index: 2 }]));
        await Array.fromAsync(engine.evaluate(leaves));
      }
    };
    await steps(300);
    const before = Deno.memoryUsage().rss;
    await steps(700);
    assertLess((Deno.memoryUsage().rss - before) / MIB, 30, "MiB more");
  },
});
