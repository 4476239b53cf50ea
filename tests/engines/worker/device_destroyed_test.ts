// A real device that is destroyed in the middle of a leaf, under a real session: the worker makes another one, and the sum has
// the bits of an undisturbed one. Skips where there is no WebGPU adapter.
import { assert, assertStringIncludes } from "@std/assert";
import { initialWeights } from "../../../shared/initial_weights.ts";
import { acquireDevice } from "../../../worker/tfjs/webgpu_device.ts";
import { createEngine } from "../../../worker/engines.ts";
import { engineComputer } from "../../../worker/prepare_here.ts";
import { probe } from "../../../worker/probe.ts";
import { WebgpuEngine } from "../../../worker/webgpu/engine.ts";
import { HAS_WEBGPU, noiseSample, sameBits, smallModel } from "../../fixtures/engines.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !HAS_WEBGPU || !await granted("net", "env", "sys"); // listens on the loopback; ws reads the environment
const { startCluster, TOKEN } = ignore
  ? {} as typeof import("../../fixtures/fake_worker.ts")
  : await import("../../fixtures/fake_worker.ts");
const { runSession } = ignore
  ? {} as typeof import("../../../worker/session.ts")
  : await import("../../../worker/session.ts");

const SIZE = 22;
const CONFIG = { model: smallModel(SIZE), batchSize: 8, microBatch: 2 };

/** The device of an engine. */
async function deviceOf(engine: unknown): Promise<GPUDevice> {
  if (engine instanceof WebgpuEngine) return engine.device.gpu;
  const device = await acquireDevice();
  await device.release();
  return device.gpu;
}

/** The gradient of a step. @param fatal images that are read before the device is destroyed */
async function stepOf(name: "webgpu" | "tfjs-webgpu", fatal: number): Promise<{ gradient: Float32Array; log: string }> {
  await using cluster = await startCluster(CONFIG, { backend: name, workerTimeout: 60_000 });
  const log: string[] = [];
  let read = 0;
  const session = runSession({
    url: `ws://${cluster.address}`,
    token: TOKEN,
    name: "",
    hostName: "elsewhere",
    async prepare({ config: { model, microBatch }, probeKey: key, onLeaf }) {
      const engine = await createEngine(name, { spec: model, microBatch, leaves: 4, augment: true, onLeaf });
      const probed = await probe(engine, model, { microBatch, key });
      const gpu = await deviceOf(engine);
      const source = {
        sample(_split: unknown, id: number) {
          const { label, pixels } = noiseSample(SIZE, id);
          return {
            id,
            label,
            get pixels() {
              if (++read === fatal) gpu.destroy();
              return pixels;
            },
          };
        },
        sha256: "",
        [Symbol.dispose]() {},
      };
      return engineComputer(engine, source, probed);
    },
    log: (text) => log.push(text),
  });
  await cluster.waitForMembers(1, 60_000);
  await cluster.setWeights(initialWeights(CONFIG.model, 1));
  const { gradient } = await cluster.gradients({ seed: 2, epoch: 3, ids: [0, 1, 2, 3, 4, 5, 6, 7] });
  cluster.stop();
  await session;
  return { gradient, log: log.join("\n") };
}

for (const name of ["webgpu", "tfjs-webgpu"] as const) {
  Deno.test(`${name}: a device that is destroyed in the middle of a leaf is replaced, and the bits are the same`, {
    ignore,
  }, async () => {
    const quiet = await stepOf(name, Infinity);
    assert(quiet.gradient.some((value) => value !== 0));
    assert(!quiet.log.includes("lost"));
    const disturbed = await stepOf(name, 4);
    assertStringIncludes(disturbed.log, " in step 1; joining again with a new device (1 of 3)");
    assert(sameBits(disturbed.gradient, quiet.gradient));
  });
}
