// Any network that simd can do, on both kernel versions: 20 random ones each. 4 minutes of a core.
import fc from "fast-check";
import { anyCase, assertAgreesWithSimd, assertSameLastLeaf, engineFor } from "../../fixtures/compare_engines.ts";
import { WEBGPU_ENGINES } from "../../fixtures/engines.ts";

for (const { name, ignore, create } of WEBGPU_ENGINES) {
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
        { seed: 12, numRuns: 20, endOnFailure: true },
      );
    },
  });
}
