// The bits of the default network's own kernels, on the smallest images that its blocks take, and over more tiles. A minute and a half of a core.
import { assert } from "@std/assert";
import { initialWeights } from "../../../shared/initial_weights.ts";
import { builtInModel } from "../../../shared/model.ts";
import { describeAdapter, findAdapter } from "../../../worker/webgpu/adapter.ts";
import type { ConvTile } from "../../../worker/webgpu/kernels/conv_tile.ts";
import { sameBitsOverTiles, tiled } from "../../../worker/webgpu/same_bits.ts";
import { assertSameSum } from "../../fixtures/compare_engines.ts";
import { leafPredictions, leafSum, noiseLeaves, sameBits, WEBGPU_ENGINES } from "../../fixtures/engines.ts";

for (const { name, ignore, create } of WEBGPU_ENGINES) {
  Deno.test({
    name: `${name}: 20 repeats have the same bits at the shapes of keras-example's blocks (skips without adapter)`,
    ignore,
    async fn() {
      const spec = builtInModel("keras-example", 94);
      const [leaf, last] = noiseLeaves(94, [8, 3]);
      await using engine = await create({ spec, microBatch: 8, augment: true });
      engine.setWeights(initialWeights(spec, 1));
      const sums = [await leafSum(engine, leaf!), await leafSum(engine, last!)] as const;
      const predicted = await leafPredictions(engine, leaf!);
      for (let repeat = 1; repeat < 20; repeat++) {
        assertSameSum(await leafSum(engine, leaf!), sums[0]);
        assertSameSum(await leafSum(engine, last!), sums[1]);
        assert(sameBits((await leafPredictions(engine, leaf!)).logits, predicted.logits));
      }
    },
  });
}

const loop = (width: number, height: number, outputs: number, weights: "texture" | "storage"): ConvTile => ({
  form: "loop",
  width,
  height,
  outputs,
  threads: 8 * outputs,
  weights,
});
const other = (form: "straight" | "staged", outputs: number): ConvTile => ({
  form,
  width: 1,
  height: 1,
  outputs,
  threads: 64,
  weights: "storage",
});

const TILES: readonly Parameters<typeof tiled>[0][] = [
  {
    first: other("straight", 8),
    second: loop(2, 2, 8, "texture"),
    back: loop(2, 2, 8, "texture"),
    filter: { inputs: 4, outputs: 8, threads: 8 },
  },
  {
    first: other("staged", 8),
    second: other("staged", 8),
    back: other("staged", 8),
    filter: { inputs: 1, outputs: 8, threads: 64 },
  },
  {
    first: loop(1, 2, 8, "texture"),
    second: other("straight", 4),
    back: loop(1, 2, 4, "storage"),
    filter: { inputs: 1, outputs: 4, threads: 256 },
  },
  {
    first: loop(2, 2, 4, "storage"),
    second: loop(2, 1, 4, "storage"),
    back: loop(2, 1, 8, "texture"),
    filter: { inputs: 4, outputs: 4, threads: 64 },
  },
];

const adapter = await findAdapter();
const inWords = adapter ? describeAdapter(adapter) : "no adapter";

Deno.test({
  name:
    `webgpu: on ${inWords} large and small tiles of every form give the same bits (skips on adapters where it is not known)`,
  ignore: !/llvmpipe/.test(inWords),
  async fn() {
    assert(await sameBitsOverTiles(TILES.map(tiled)));
  },
});
