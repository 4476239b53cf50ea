// The real network at 300 px against Keras, with the webgpu engine on any adapter, and with TF.js on a GPU: Mesa's software adapter
// does not bear its kernels at this size. Half a minute of a core.
// The golden file is too large for this repository: HERD_GOLDEN_DIR names its folder, else a shared folder beside the checkout
// is tried.
import { assertLess } from "@std/assert";
import { builtInModel, type LayerSpec, type ModelSpec, parameterCount, parameterTable } from "../../../shared/model.ts";
import { decodeSafetensors } from "../../../shared/safetensors.ts";
import type { EngineOptions, Sample } from "../../../worker/engine.ts";
import { createEngine } from "../../../worker/engines.ts";
import { HAS_GPU, leafSum, WEBGPU_ENGINES } from "../../fixtures/engines.ts";
import { float32 } from "../../fixtures/golden.ts";
import { granted } from "../../fixtures/permissions.ts";

const NAME = "model_300px.safetensors";
const IMAGES = 4;

async function readGolden(): Promise<Uint8Array | undefined> {
  if (!await granted("read", "env")) return undefined;
  const named = Deno.env.get("HERD_GOLDEN_DIR");
  const path = named ? `${named}/${NAME}` : new URL(`../../../../shared/golden/${NAME}`, import.meta.url);
  return await Deno.readFile(path).catch(() => undefined);
}

/** The model without dropout, as the golden gradient was taken. */
function withoutDropout(spec: ModelSpec): ModelSpec {
  const layers = spec.layers.map((layer): LayerSpec => {
    if (layer.kind === "conv") return { kind: "conv", filters: layer.filters };
    return { kind: "dense", units: layer.units, activation: layer.activation };
  });
  return { ...spec, layers };
}

/** The Euclidean length of the difference, relative to that of the first. */
function relativeDistance(expected: Float32Array, actual: Float32Array): number {
  let length = 0;
  let distance = 0;
  expected.forEach((value, i) => {
    length += value ** 2;
    distance += (value - actual[i]!) ** 2;
  });
  return Math.sqrt(distance / length);
}

const bytes = await readGolden();

const ENGINES = [
  ...WEBGPU_ENGINES,
  {
    name: "tfjs-webgpu",
    ignore: !HAS_GPU,
    create: (options: EngineOptions) => createEngine("tfjs-webgpu", options),
  },
];

for (const { name, ignore, create } of ENGINES) {
  Deno.test({
    name:
      `${name}: keras-example at 300 px agrees with Keras (skips without adapter, golden file or permission to read it)`,
    ignore: ignore || bytes === undefined,
    async fn() {
      const file = decodeSafetensors(bytes!);
      const spec = withoutDropout(builtInModel("keras-example", 300));
      const weights = new Float32Array(parameterCount(spec));
      for (const { name, offset } of parameterTable(spec)) weights.set(float32(file, `weights/${name}`), offset);
      const images = file.tensors.images!.data as Uint8Array;
      const labels = float32(file, "labels");
      const samples = Array.from({ length: IMAGES }, (_, id): Sample => ({
        id,
        label: labels[id]!,
        pixels: images.subarray(id * 270000, (id + 1) * 270000),
      }));
      await using engine = await create({ spec, microBatch: IMAGES, augment: false });
      engine.setWeights(weights);
      const { gradient, losses, logits } = await leafSum(engine, { index: 0, seed: 0, epoch: 1, samples });
      const probabilities = float32(file, "probabilities");
      logits.forEach((z, i) => assertLess(Math.abs(1 / (1 + Math.exp(-z)) - probabilities[i]!), 1e-5));
      const meanLoss = losses.reduce((a, b) => a + b, 0) / IMAGES;
      assertLess(Math.abs(meanLoss - Number(file.metadata.mean_loss)), 1e-5);
      for (const { name: parameter, offset, size } of parameterTable(spec)) {
        // Keras' gradient is that of the mean.
        const actual = gradient.subarray(offset, offset + size).map((value) => value / IMAGES);
        // Real images have flat regions, where rounding decides between maxima that are all but equal.
        assertLess(relativeDistance(float32(file, `gradients/${parameter}`), actual), 1e-3, parameter);
      }
    },
  });
}
