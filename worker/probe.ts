// The fingerprint of an engine: on what its bits depend, as a hash. It holds the bits of a whole pass of a small model with
// the same layers, since versions and names do not tell how a driver compiles a kernel. Necessary for equal results, not
// sufficient: leaves that two workers both compute check it in passing. The same pass tells about how long a leaf takes.
import { sha256 } from "../shared/config.ts";
import { initialWeights } from "../shared/initial_weights.ts";
import { layerShapes, leastImageSize, type ModelSpec } from "../shared/model.ts";
import { threefry } from "../shared/threefry.ts";
import type { EngineName, GradientEngine, Leaf, Sample } from "./engine.ts";
import { createEngine } from "./engines.ts";

/** Enough for every conv block to have a border to drop, and little enough for the slowest engine. */
const EXTRA_PIXELS = 4;
const MOST_SAMPLES: Readonly<Record<EngineName, number>> = { webgpu: 8, simd: 8, "tfjs-webgpu": 4, "tfjs-cpu": 1 };

/** What a trial pass tells of an engine. */
export interface Probed {
  /** SHA-256 in hexadecimal of what its bits depend on. */
  readonly fingerprint: string;
  /** About how long a leaf takes, with all that the first one takes longer. */
  readonly leafMilliseconds: number;
}

/**
 * Tries an engine for a model. The fingerprint is SHA-256 in hexadecimal of its name, kernels, adapter, the Deno version, its
 * arithmetic, and its output on noise with augmentation and dropout.
 * @param microBatch samples of a leaf
 * @param key 16 hexadecimal digits by which the noise is drawn: the coordinator chooses them anew for each run, so that nobody
 * knows a fingerprint who has not computed it in this run
 * @throws {HerdError} cluster, if the engine does not work here
 */
export async function probe(
  name: EngineName,
  spec: ModelSpec,
  { microBatch, key }: { readonly microBatch: number; readonly key: string },
): Promise<Probed> {
  const small = probeModel(spec);
  const samples = Math.min(microBatch, MOST_SAMPLES[name]);
  await using engine = await createEngine(name, { spec: small, microBatch: samples, augment: true });
  const { hash, milliseconds } = await trialPass(engine, small, { samples, key });
  const text = [
    engine.name,
    engine.kernels,
    engine.adapter,
    Deno.version.deno,
    await engine.probeArithmetic?.() ?? "",
    hash,
  ].join("\n");
  return {
    fingerprint: await sha256(new TextEncoder().encode(text)),
    leafMilliseconds: milliseconds * (microBatch / samples) * (multiplyAdds(spec) / multiplyAdds(small)),
  };
}

/** The same layers on the smallest images that they take. */
export function probeModel(spec: ModelSpec): ModelSpec {
  const blocks = spec.layers.filter((layer) => layer.kind === "conv").length;
  return { ...spec, imageSize: Math.min(leastImageSize(blocks) + EXTRA_PIXELS, spec.imageSize) };
}

/** Multiplications of a sample's way forward: by how much more work an image of another size is. */
function multiplyAdds(spec: ModelSpec): number {
  return layerShapes(spec).reduce(
    (sum, shape) =>
      sum +
      (shape.kind === "dense"
        ? shape.inputs * shape.units
        : 9 * shape.convSize ** 2 * shape.inputChannels * shape.filters),
    0,
  );
}

/** The hash of an engine's output, and what the gradients took. */
async function trialPass(
  engine: GradientEngine,
  spec: ModelSpec,
  { samples, key }: { readonly samples: number; readonly key: string },
): Promise<{ readonly hash: string; readonly milliseconds: number }> {
  const words = [Number.parseInt(key.slice(0, 8), 16), Number.parseInt(key.slice(8), 16)] as const;
  engine.setWeights(initialWeights(spec, words[0]));
  const leaf = noise(spec, { samples, words });
  const parts: Float32Array[] = [];
  const started = performance.now();
  for await (const { gradient, losses, logits } of engine.gradients(1, [leaf], [{ level: 0, index: 0 }])) {
    parts.push(gradient.slice(), losses.slice(), logits.slice());
  }
  const milliseconds = performance.now() - started;
  const { losses, logits } = await engine.evaluate(leaf);
  parts.push(losses, logits);
  const hash = await sha256(new Uint8Array(await new Blob(parts as Float32Array<ArrayBuffer>[]).arrayBuffer()));
  return { hash, milliseconds };
}

/** A leaf of random bytes, the same everywhere for the same key. */
function noise(
  { imageSize, classes }: ModelSpec,
  { samples: count, words }: { readonly samples: number; readonly words: readonly [number, number] },
): Leaf {
  const samples = Array.from({ length: count }, (_, id): Sample => {
    const pixels = new Uint8Array(imageSize ** 2 * 3);
    for (let i = 0; i < pixels.length; i++) pixels[i] = threefry(...words, id, i)[0] >>> 24;
    return { id, label: id % Math.max(classes, 2), pixels };
  });
  return { index: 0, seed: words[1], epoch: 1, samples };
}
