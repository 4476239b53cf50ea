// The engine on a GPU: TF.js on WebGPU, on any adapter that Deno finds.
import type { EngineOptions, GradientEngine } from "../engine.ts";
import { TfjsEngine } from "../tfjs/engine.ts";
import { acquireDevice } from "./device.ts";

/**
 * Makes the engine on the process's GPU device.
 * @throws {HerdError} cluster, if there is no adapter or it gives no device
 */
export async function createWebgpuEngine(options: EngineOptions): Promise<GradientEngine> {
  return new TfjsEngine(await acquireDevice(), options);
}
