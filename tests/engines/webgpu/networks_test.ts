// Any network that simd can do: random ones, on both kernel versions. Each is compiled, so that there are few of them here and more
// in tests/slow/webgpu.
import fc from "fast-check";
import { anyCase, assertAgreesWithSimd, engineFor } from "../../fixtures/compare_engines.ts";
import { WEBGPU_ENGINES } from "../../fixtures/engines.ts";

/** Of networks that are soon compiled. */
const SEEDS = { software: 10, discrete: 20 } as const;

for (const { name, preset, ignore, create } of WEBGPU_ENGINES) {
  Deno.test({
    name: `${name}: random networks have simd's gradients, losses and logits (skips without adapter)`,
    ignore,
    async fn() {
      await fc.assert(
        fc.asyncProperty(anyCase, async (given) => {
          await using engine = await engineFor(create, given);
          await assertAgreesWithSimd(engine, given);
        }),
        // Each smaller network would be compiled: the first that fails is shown as it is.
        { seed: SEEDS[preset], numRuns: 3, endOnFailure: true },
      );
    },
  });
}
