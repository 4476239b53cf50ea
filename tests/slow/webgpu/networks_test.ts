// Any network that simd can do, on both kernel versions: 30 random ones. Three minutes of a core.
import fc from "fast-check";
import { anyCase, assertAgreesWithSimd, assertSameLastLeaf, engineFor } from "../../fixtures/compare_engines.ts";
import { WEBGPU_ENGINES } from "../../fixtures/engines.ts";

/** The software preset's kernels are large, and take longest to compile. */
const NETWORKS = { software: 10, discrete: 20 } as const;

for (const { name, preset, ignore, create } of WEBGPU_ENGINES) {
  Deno.test({
    name:
      `${name}: random networks agree with simd, and a last leaf of 3 has the bits of an engine for 3 (skips without adapter)`,
    ignore,
    async fn() {
      await fc.assert(
        fc.asyncProperty(anyCase, async (given) => {
          await using engine = await engineFor(create, given);
          await assertAgreesWithSimd(engine, given);
          await assertSameLastLeaf(create, engine, given);
        }),
        { seed: 12, numRuns: NETWORKS[preset], endOnFailure: true },
      );
    },
  });
}
