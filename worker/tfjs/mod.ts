// The public face of the engines on stock TensorFlow.js, one on each of its two backends that need no browser: the reference
// that a new layer of the other engines is held against.
import { HerdError } from "../../shared/errors.ts";
import { layerShapes } from "../../shared/model.ts";
import type { EngineOptions, GradientEngine } from "../engine.ts";

/** Turns that Mesa's software adapter lets the loops of one thread take together, after which it goes on without a word. */
const MESA_TURNS = 65535;

/** Makes the engine that runs everywhere, in plain TypeScript and slowly. */
export async function createTfjsCpuEngine(options: EngineOptions): Promise<GradientEngine> {
  const [{ cpuDevice }, { TfjsEngine }] = await Promise.all([import("./cpu_device.ts"), import("./engine.ts")]);
  return new TfjsEngine(cpuDevice(), options);
}

/**
 * Makes the engine on the process's GPU device.
 * @throws {HerdError} cluster, if there is no adapter, or it gives no device, or it would compute wrong gradients
 */
export async function createTfjsWebgpuEngine(options: EngineOptions): Promise<GradientEngine> {
  const [{ acquireDevice }, { TfjsEngine }] = await Promise.all([import("./webgpu_device.ts"), import("./engine.ts")]);
  const device = await acquireDevice();
  try {
    assertWithinLoops(device.adapter, options);
    return new TfjsEngine(device, options);
  } catch (error) {
    await device.release();
    throw error;
  }
}

/**
 * TF.js' gradient of a kernel walks over the whole batch in one thread, of which Mesa's software adapter leaves out the end.
 * @throws {HerdError} cluster, if that happens to a leaf of this model
 */
export function assertWithinLoops(adapter: string, { spec, microBatch }: EngineOptions): void {
  if (!/llvmpipe|lavapipe/i.test(adapter)) return;
  for (const shape of layerShapes(spec)) {
    if (shape.kind !== "conv" || kernelGradientTurns(microBatch, shape.convSize) <= MESA_TURNS) continue;
    const what =
      `A micro-batch of ${microBatch} at ${spec.imageSize} px would get wrong gradients of TF.js on ${adapter}`;
    const why = `which ends a thread's loops after ${MESA_TURNS} turns`;
    throw new HerdError(
      "cluster",
      `${what}, ${why}: use another --backend, or a smaller --micro-batch or --image-size`,
    );
  }
}

/** Turns of the loops over images, rows and columns; each loop takes one more to see that it is over. */
function kernelGradientTurns(samples: number, size: number): number {
  return samples * ((size + 1) ** 2 + 1) + 1;
}
