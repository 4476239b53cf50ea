// TF.js' cpu backend: plain TypeScript, without a device. Slow; it runs everywhere.
import * as tf from "@tensorflow/tfjs";
import { registerMaxPool } from "./cpu_max_pool.ts";
import type { TfjsDevice } from "./device.ts";

/** The backend, with our max-pool in it. */
export function cpuDevice(): TfjsDevice {
  // Silences TF.js' banner.
  tf.enableProdMode();
  registerMaxPool();
  return CPU;
}

const CPU: TfjsDevice = {
  name: "tfjs-cpu",
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
