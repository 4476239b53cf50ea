// The fingerprint of an engine: on what its bits depend, as a hash. It holds the bits of a whole pass through the run's own
// engine, since versions and names do not tell how a driver compiles a kernel. Necessary for equal results, not sufficient:
// leaves that two workers both compute check it in passing. The same pass tells about how long a leaf takes.
import { sha256 } from "../shared/config.ts";
import { initialWeights } from "../shared/initial_weights.ts";
import type { ModelSpec } from "../shared/model.ts";
import { threefry, type Words } from "../shared/threefry.ts";
import type { EngineName, GradientEngine, Leaf, Sample } from "./engine.ts";

/** Kernels that are made for a micro-batch are tried on a whole one; TF.js, whose are not, takes up to a minute for an image. */
const MOST_SAMPLES: Readonly<Record<EngineName, number>> = {
  webgpu: Infinity,
  simd: Infinity,
  "tfjs-webgpu": 1,
  "tfjs-cpu": 1,
};

/** What a trial pass tells of an engine. */
export interface Probed {
  /** SHA-256 in hexadecimal of what its bits depend on. */
  readonly fingerprint: string;
  /** About how long a leaf takes, with all that the first one takes longer. */
  readonly leafMilliseconds: number;
}

/**
 * Tries an engine before its first order; it is left with weights that mean nothing. The fingerprint is SHA-256 in
 * hexadecimal of its name, kernels, adapter, the Deno version, its arithmetic, and its output on noise with augmentation and
 * dropout.
 * @param engine made for the network and the micro-batch
 * @param key 16 hexadecimal digits by which the noise is drawn: the coordinator chooses them anew for each run, so that nobody
 * knows a fingerprint who has not computed it in this run
 * @throws {HerdError} cluster, if the engine does not work here
 */
export async function probe(
  engine: GradientEngine,
  spec: ModelSpec,
  { microBatch, key }: { readonly microBatch: number; readonly key: string },
): Promise<Probed> {
  const samples = Math.min(microBatch, MOST_SAMPLES[engine.name]);
  const { hash, milliseconds } = await trialPass(engine, spec, { samples, key });
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
    leafMilliseconds: milliseconds * (microBatch / samples),
  };
}

/** The hash of an engine's output, and what the gradients took. */
async function trialPass(
  engine: GradientEngine,
  spec: ModelSpec,
  { samples, key }: { readonly samples: number; readonly key: string },
): Promise<{ readonly hash: string; readonly milliseconds: number }> {
  const words: Words = [Number.parseInt(key.slice(0, 8), 16), Number.parseInt(key.slice(8), 16)];
  engine.setWeights(initialWeights(spec, words[0]));
  const leaf = noiseLeaf(spec, { samples, words });
  const parts: Float32Array[] = [];
  const started = performance.now();
  for await (const { gradient, losses, logits } of engine.gradients(1, [leaf], [{ level: 0, index: 0 }])) {
    parts.push(gradient.slice(), losses.slice(), logits.slice());
  }
  const milliseconds = performance.now() - started;
  for await (const { losses, logits } of engine.evaluate([leaf])) parts.push(losses.slice(), logits.slice());
  const hash = await sha256(new Uint8Array(await new Blob(parts as Float32Array<ArrayBuffer>[]).arrayBuffer()));
  return { hash, milliseconds };
}

/** A leaf of random bytes, the same everywhere for the same key. All samples share one buffer, as those of a data set do. */
function noiseLeaf(
  { imageSize, classes }: ModelSpec,
  { samples: count, words }: { readonly samples: number; readonly words: Words },
): Leaf {
  const pixels = new Uint8Array(imageSize ** 2 * 3);
  const samples = Array.from({ length: count }, (_, id): Sample => ({
    id,
    label: id % Math.max(classes, 2),
    get pixels() {
      fillNoise(pixels, words, id);
      return pixels;
    },
  }));
  return { index: 0, seed: words[1], epoch: 1, samples };
}

/** Fills bytes with those of an image of noise, eight of each draw. */
export function fillNoise(pixels: Uint8Array, [k0, k1]: Words, id: number): void {
  const draws = new Uint32Array(2);
  const bytes = new Uint8Array(draws.buffer);
  for (let at = 0; at < pixels.length; at += 8) {
    draws.set(threefry(k0, k1, id, at));
    pixels.set(bytes.subarray(0, pixels.length - at), at);
  }
}
