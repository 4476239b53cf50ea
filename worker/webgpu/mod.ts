// The engine on a GPU: fused kernels of our own in WGSL, on any adapter that Deno finds.
import type { EngineOptions, GradientEngine } from "../engine.ts";
import { WebgpuEngine } from "./engine.ts";

export { sameBitsOverTiles } from "./same_bits.ts";

/**
 * Makes the engine on a device of its own.
 * @throws {HerdError} cluster, if there is no adapter or it gives no device; usage, if the network does not fit on it
 */
export function createWebgpuEngine(options: EngineOptions): Promise<GradientEngine> {
  return WebgpuEngine.create(options);
}
