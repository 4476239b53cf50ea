// The public face of the SIMD engine: trains on one CPU core in WebAssembly, without native code.
import type { EngineOptions, GradientEngine } from "../engine.ts";
import { adapterName, SimdEngine } from "./engine.ts";
import { bestVariant, type Variant } from "./kernels.ts";

export type { Variant } from "./kernels.ts";

/** The device that the engine would run on, in words. */
export function describeSimd(): string {
  return adapterName(bestVariant());
}

/**
 * Makes the engine, on the best kernels that this machine can run.
 * @param variant another build of the kernels, for tests
 */
export function createSimdEngine(options: EngineOptions, variant: Variant = bestVariant()): Promise<GradientEngine> {
  return SimdEngine.create(options, variant);
}
