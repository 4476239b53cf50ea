// The real network on real images against Keras: takes seconds, and needs the 15 MB of golden values that are not kept here.
// They are looked for in HERD_GOLDEN_DIR, else in ../shared/golden beside the repository; without them the test skips.
import { assert, assertLess } from "@std/assert";
import { builtInModel, type LayerSpec, type ModelSpec, parameterCount, parameterTable } from "../../../shared/model.ts";
import { decodeSafetensors, type TensorFile } from "../../../shared/safetensors.ts";
import { createSimdEngine } from "../../../worker/simd/mod.ts";
import { float32 } from "../../fixtures/golden.ts";
import { granted } from "../../fixtures/permissions.ts";

const FILE = await readGolden();

async function readGolden(): Promise<TensorFile | undefined> {
  if (!await granted("read", "env")) return undefined;
  const folder = Deno.env.get("HERD_GOLDEN_DIR");
  const path = folder
    ? `${folder}/model_300px.safetensors`
    : new URL("../../../../shared/golden/model_300px.safetensors", import.meta.url);
  return await Deno.readFile(path).then(decodeSafetensors, () => undefined);
}

/** The golden gradient was taken without dropout. */
function withoutDropout({ layers, ...rest }: ModelSpec): ModelSpec {
  return {
    ...rest,
    layers: layers.map((layer): LayerSpec =>
      layer.kind === "conv"
        ? { kind: "conv", filters: layer.filters }
        : { kind: "dense", units: layer.units, activation: layer.activation }
    ),
  };
}

for (const variant of ["relaxed", "plain"] as const) {
  Deno.test(`simd (${variant}): loss and gradient at 300 px are Keras's (skips without golden values)`, {
    ignore: !FILE,
  }, async () => {
    const spec = withoutDropout(builtInModel("keras-example", 300));
    const weights = new Float32Array(parameterCount(spec));
    for (const { name, offset } of parameterTable(spec)) weights.set(float32(FILE!, `weights/${name}`), offset);
    const labels = FILE!.tensors["labels"]!.data;
    const images = FILE!.tensors["images"]!.data as Uint8Array;
    const pixels = images.length / labels.length;
    const samples = Array.from(labels, (label, id) => ({
      id,
      label,
      pixels: images.subarray(id * pixels, (id + 1) * pixels),
    }));
    await using engine = await createSimdEngine({ spec, microBatch: samples.length, augment: false }, variant);
    engine.setWeights(weights);
    const leaf = { index: 0, seed: 0, epoch: 1, samples };
    for await (const { gradient, losses } of engine.gradients(1, [leaf], [{ level: 0, index: 0 }])) {
      const meanLoss = losses.reduce((a, b) => a + b, 0) / samples.length;
      assertLess(Math.abs(meanLoss - Number(FILE!.metadata.mean_loss)), 1e-6);
      for (const { name, offset, size } of parameterTable(spec)) {
        const error = relativeL2(
          float32(FILE!, `gradients/${name}`),
          gradient.subarray(offset, offset + size),
          samples.length,
        );
        // Flat regions tie in pooling, so single windows may choose another position: hence not closer.
        assert(error < 1e-3, `${name} differs by ${error}`);
      }
    }
  });
}

/** ‖sum / count − mean‖ / ‖mean‖. */
function relativeL2(mean: Float32Array, sum: Float32Array, count: number): number {
  let difference = 0;
  let norm = 0;
  mean.forEach((value, i) => {
    difference += (sum[i]! / count - value) ** 2;
    norm += value ** 2;
  });
  return Math.sqrt(difference / norm);
}
