// The engine that runs everywhere: TF.js in plain TypeScript, without a device. Slow; the reference for the others.
import * as tf from "@tensorflow/tfjs";
import type { EngineOptions, GradientEngine } from "../engine.ts";
import type { TfjsDevice } from "../tfjs/device.ts";
import { TfjsEngine } from "../tfjs/engine.ts";
import { registerMaxPool } from "./max_pool.ts";

/** Makes the engine on TF.js' cpu backend. */
export function createCpuEngine(options: EngineOptions): Promise<GradientEngine> {
  // Silences TF.js' banner.
  tf.enableProdMode();
  registerMaxPool();
  return Promise.resolve(new TfjsEngine(CPU, options));
}

const CPU: TfjsDevice = {
  name: "cpu",
  adapter: "TF.js cpu",
  kernels: `tfjs-${tf.version.tfjs}`,
  // JavaScript adds in float64 and rounds to float32 when it stores, which is the correctly rounded float32 sum.
  addsExactly: true,
  async run(work) {
    await tf.setBackend("cpu");
    return await work();
  },
  // Lets the event loop turn between leaves.
  flush: () => new Promise((resolve) => setTimeout(resolve, 0)),
  // ECMAScript fixes every bit of its arithmetic.
  probeArithmetic: () => Promise.resolve("ecmascript"),
  release: () => Promise.resolve(),
};
