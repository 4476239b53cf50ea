// A value that is not a number must reach the loss from wherever it arises, or a run would go on with a part of its network dead.
import { assert, assertEquals } from "@std/assert";
import { type ModelSpec, parameterCount, parameterTable } from "../../../shared/model.ts";
import type { EngineOptions, GradientEngine, Leaf } from "../../../worker/engine.ts";
import { createEngine } from "../../../worker/engines.ts";
import { createSimdEngine } from "../../../worker/simd/mod.ts";
import { leafPredictions, leafSum, TFJS_ENGINES, WEBGPU_ENGINES } from "../../fixtures/engines.ts";

const SIZE = 10;
/** From 10 px to 4 and 1: the second block has one window, whose four positions see one corner of the image each. */
const SPEC: ModelSpec = {
  imageSize: SIZE,
  channels: 3,
  layers: [
    { kind: "conv", filters: 4 },
    { kind: "conv", filters: 4 },
    { kind: "dense", units: 1, activation: "none" },
  ],
  classes: 1,
};

const CORNERS = ["upper left", "upper right", "lower left", "lower right"] as const;

/** Black but for a corner, where the first block overflows: infinity there, times 0 in the second block, is no number. */
function leafOf(corner: number): Leaf {
  const pixels = new Uint8Array(SIZE * SIZE * 3);
  const [top, left] = [corner >> 1 ? SIZE - 2 : 0, corner & 1 ? SIZE - 2 : 0];
  for (const row of [top, top + 1]) {
    for (const column of [left, left + 1]) pixels.fill(255, 3 * (row * SIZE + column), 3 * (row * SIZE + column + 1));
  }
  return { index: 0, seed: 0, epoch: 1, samples: [{ id: 0, label: 0, pixels }] };
}

/** @param large whether the first block overflows where the image is white */
function weights(large: boolean): Float32Array {
  const flat = new Float32Array(parameterCount(SPEC));
  for (const { name, offset, size } of parameterTable(SPEC)) {
    if (name === "conv1.kernel") flat.fill(large ? 3e38 : 1, offset, offset + size);
    if (name === "dense1.kernel") flat.fill(1, offset, offset + size);
  }
  return flat;
}

const ENGINES: readonly {
  readonly name: string;
  readonly ignore: boolean;
  create(options: EngineOptions): Promise<GradientEngine>;
}[] = [
  ...(["relaxed", "plain"] as const).map((variant) => ({
    name: `simd, ${variant}`,
    ignore: false,
    create: (options: EngineOptions) => createSimdEngine(options, variant),
  })),
  ...TFJS_ENGINES.map(({ name, ignore }) => ({
    name,
    ignore,
    create: (options: EngineOptions) => createEngine(name, options),
  })),
  ...WEBGPU_ENGINES,
];

for (const { name, ignore, create } of ENGINES) {
  Deno.test({
    name: `${name}: a NaN at any place of a pooling window comes out as NaN, and so does the loss`,
    ignore,
    async fn() {
      await using engine = await create({ spec: SPEC, microBatch: 1, augment: false });
      for (const [corner, where] of CORNERS.entries()) {
        const leaf = leafOf(corner);
        engine.setWeights(weights(true));
        const { losses, logits } = await leafPredictions(engine, leaf);
        assertEquals([...logits, ...losses], [NaN, NaN], where);
        const sum = await leafSum(engine, leaf);
        assertEquals([...sum.logits, ...sum.losses], [NaN, NaN], `${where}, training`);
        engine.setWeights(weights(false));
        assert(
          (await leafPredictions(engine, leaf)).losses.every(Number.isFinite),
          `${where}: without the overflow all is well`,
        );
      }
    },
  });
}
