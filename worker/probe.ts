// The fingerprint of an engine: on what its bits depend, as a hash. It holds the bits of a whole pass of a small model with
// the same layers, since versions and names do not tell how a driver compiles a kernel. Necessary for equal results, not
// sufficient: leaves that two workers both compute check it in passing.
import { sha256 } from "../shared/config.ts";
import { initialWeights } from "../shared/initial_weights.ts";
import { leastImageSize, type ModelSpec } from "../shared/model.ts";
import { threefry } from "../shared/threefry.ts";
import type { EngineName, GradientEngine, Leaf, Sample } from "./engine.ts";
import { createEngine } from "./engines.ts";

/** Enough for every conv block to have a border to drop, and little enough for the slowest engine. */
const EXTRA_PIXELS = 4;
const MOST_SAMPLES: Readonly<Record<EngineName, number>> = { webgpu: 8, simd: 8, cpu: 1 };
/** The arms' seeds, epochs and images are others: the probe's draws are a stream of their own. */
const NOISE_KEY = [0x48657264, 0x50726f62] as const;

/**
 * The fingerprint of an engine for a model: SHA-256 in hexadecimal of its name, kernels, adapter, the Deno version, its
 * arithmetic, and its output on fixed noise with augmentation and dropout.
 * @throws {HerdError} cluster, if the engine does not work here
 */
export async function fingerprintOf(name: EngineName, spec: ModelSpec, microBatch: number): Promise<string> {
  const small = probeModel(spec);
  const samples = Math.min(microBatch, MOST_SAMPLES[name]);
  await using engine = await createEngine(name, { spec: small, microBatch: samples, augment: true });
  const text = [
    engine.name,
    engine.kernels,
    engine.adapter,
    Deno.version.deno,
    await engine.probeArithmetic?.() ?? "",
    await outputHash(engine, small, samples),
  ].join("\n");
  return await sha256(new TextEncoder().encode(text));
}

/** The same layers on the smallest images that they take. */
export function probeModel(spec: ModelSpec): ModelSpec {
  const blocks = spec.layers.filter((layer) => layer.kind === "conv").length;
  return { ...spec, imageSize: Math.min(leastImageSize(blocks) + EXTRA_PIXELS, spec.imageSize) };
}

async function outputHash(engine: GradientEngine, spec: ModelSpec, samples: number): Promise<string> {
  engine.setWeights(initialWeights(spec, 0));
  const leaf = noise(spec, samples);
  const parts: Float32Array[] = [];
  for await (const { gradient, losses, logits } of engine.gradients(1, [leaf], [{ level: 0, index: 0 }])) {
    parts.push(gradient.slice(), losses.slice(), logits.slice());
  }
  const { losses, logits } = await engine.evaluate(leaf);
  parts.push(losses, logits);
  return await sha256(new Uint8Array(await new Blob(parts as Float32Array<ArrayBuffer>[]).arrayBuffer()));
}

/** A leaf of random bytes, the same everywhere. */
function noise({ imageSize, classes }: ModelSpec, count: number): Leaf {
  const samples = Array.from({ length: count }, (_, id): Sample => {
    const pixels = new Uint8Array(imageSize ** 2 * 3);
    for (let i = 0; i < pixels.length; i++) pixels[i] = threefry(...NOISE_KEY, id, i)[0] >>> 24;
    return { id, label: id % Math.max(classes, 2), pixels };
  });
  return { index: 0, seed: 0, epoch: 1, samples };
}
