// Whether tiles change bits on this adapter. Every sum has the same order whatever the tile, but a driver that fuses a multiply and an
// add in one kernel and not in another, or that reorders, gives other bits: so this is tried, and never promised.
import { initialWeights } from "../../shared/initial_weights.ts";
import type { ModelSpec } from "../../shared/model.ts";
import { fillNoise } from "../probe.ts";
import type { Sample } from "../engine.ts";
import { WebgpuEngine } from "./engine.ts";
import type { ConvTile, FilterTile } from "./kernels/conv_tile.ts";
import { type Preset, presetOf } from "./presets.ts";

/** Two vectors of channels everywhere, so that every form has its loops, and an odd side. */
const SPEC: ModelSpec = {
  imageSize: 15,
  channels: 3,
  layers: [
    { kind: "conv", filters: 8 },
    { kind: "conv", filters: 8 },
    { kind: "dense", units: 1, activation: "none" },
  ],
  classes: 1,
};
const IMAGES = 3;

/** Every form and source that the presets have, in two tiles each, and small, so that they are soon compiled. */
const VARIANTS: readonly Preset[] = [
  tiled({
    first: { form: "straight", weights: "storage", width: 1, height: 1, outputs: 4, threads: 64 },
    second: { form: "loop", weights: "texture", width: 1, height: 1, outputs: 4, threads: 8 },
    back: { form: "loop", weights: "texture", width: 1, height: 1, outputs: 4, threads: 8 },
    filter: { inputs: 4, outputs: 4, threads: 8 },
  }),
  tiled({
    first: { form: "loop", weights: "storage", width: 2, height: 1, outputs: 4, threads: 8 },
    second: { form: "staged", weights: "storage", width: 1, height: 1, outputs: 4, threads: 64 },
    back: { form: "staged", weights: "storage", width: 1, height: 1, outputs: 4, threads: 64 },
    filter: { inputs: 1, outputs: 4, threads: 64 },
  }),
];

/** A preset of the given tiles for both blocks. What fixes the order of sums is the same in all. */
export function tiled({ first, second, back, filter }: {
  readonly first: ConvTile;
  readonly second: ConvTile;
  readonly back: ConvTile;
  readonly filter: Omit<FilterTile, "bandRows">;
}): Preset {
  return {
    ...presetOf("software"),
    forward: ({ name }) => name === "conv1" ? first : second,
    inputGradient: () => back,
    filterGradient: () => ({ ...filter, bandRows: 2 }),
    dense: () => ({ images: IMAGES, splits: 2, threads: 64 }),
  };
}

/**
 * Whether a small network has the same bits in every form of the kernels, with other tiles and workgroups.
 * @param presets of the same order of sums
 * @throws {HerdError} cluster, if the adapter does not compute
 */
export async function sameBitsOverTiles(presets = VARIANTS): Promise<boolean> {
  let first: string | undefined;
  for (const preset of presets) {
    const bits = await bitsWith(preset);
    if (bits !== (first ??= bits)) return false;
  }
  return true;
}

/** All bits of a training pass, as text. */
async function bitsWith(preset: Preset): Promise<string> {
  await using engine = await WebgpuEngine.create({ spec: SPEC, microBatch: IMAGES, augment: true }, preset);
  engine.setWeights(initialWeights(SPEC, 1));
  const samples = Array.from({ length: IMAGES }, (_, id): Sample => {
    const pixels = new Uint8Array(SPEC.imageSize ** 2 * 3);
    fillNoise(pixels, [1, 2], id);
    return { id, label: id % 2, pixels };
  });
  const parts: string[] = [];
  for await (const sum of engine.gradients(1, [{ index: 0, seed: 0, epoch: 1, samples }], [{ level: 0, index: 0 }])) {
    for (const { buffer } of [sum.logits, sum.gradient]) parts.push(new Uint32Array(buffer).join(" "));
  }
  return parts.join(" ");
}
