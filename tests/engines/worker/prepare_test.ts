import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { resolveDataset } from "../../../data/mod.ts";
import type { ComputeConfig } from "../../../shared/config.ts";
import { HerdError } from "../../../shared/errors.ts";
import { initialWeights } from "../../../shared/initial_weights.ts";
import type { OrderComputer } from "../../../shared/order_computer.ts";
import { chooseEngine } from "../../../worker/engines.ts";
import { prepareEngine } from "../../../worker/prepare.ts";
import { prepareHere } from "../../../worker/prepare_here.ts";
import { ThreadComputer } from "../../../worker/thread/mod.ts";
import { type Files, png, temporaryDirectory, WITHOUT_FILES, writeFiles } from "../../fixtures/data_files.ts";
import { HAS_WEBGPU, smallModel } from "../../fixtures/engines.ts";

const SIZE = 24;

const config = (dataset: string): ComputeConfig => ({
  dataset,
  model: smallModel(SIZE),
  batchSize: 4,
  microBatch: 2,
  compress: "none",
  compressGradients: false,
});

const KEY = "0123456789abcdef";

/** Packs two images of each class. @param seed draws them */
async function packed(root: string, seed: number): Promise<{ path: string; sha256: string }> {
  const files: Files = {};
  for (const [i, name] of ["train/a", "train/b", "test/a", "test/b"].entries()) {
    for (const k of [0, 1]) files[`${name}/${k}.png`] = png(100 * seed + 10 * i + k, { width: SIZE, height: SIZE });
  }
  const data = writeFiles(join(root, `images-${seed}`), files);
  const environment = { dataDir: undefined, dataUrl: undefined, cacheDir: join(root, "cache") };
  const { path, info } = await resolveDataset({ data, imageSize: SIZE, environment });
  return { path, sha256: info.sha256 };
}

Deno.test({
  name: "a worker computes on the run's data set only: another one is refused by its hash",
  ignore: WITHOUT_FILES,
  async fn() {
    using root = temporaryDirectory();
    const [own, other] = [await packed(root.path, 1), await packed(root.path, 2)];
    let leaves = 0;
    const run = (dataset: string) => ({
      config: config(dataset),
      probeKey: KEY,
      backend: "simd" as const,
      onLeaf: () => leaves++,
      onProgress() {},
    });
    {
      await using computer = await prepareEngine(run(own.sha256), Promise.resolve(own.path));
      assertEquals([computer.engine, leaves], ["simd", 0], "the trial's leaf is none of the run's");
      const order = { seed: 0, epoch: 1, leafCount: 2, range: { start: 0, end: 2 }, samples: [[0, 1], [2]] };
      await Array.fromAsync(computer.gradients(order, new AbortController().signal));
      assertEquals(leaves, 2);
    }
    const { code, message } = await assertRejects(
      () => prepareEngine(run(own.sha256), Promise.resolve(other.path)),
      HerdError,
    );
    assertEquals(code, "data");
    for (const part of [other.path, other.sha256.slice(0, 16), own.sha256.slice(0, 16)]) {
      assertStringIncludes(message, part);
    }
    assert(own.sha256 !== other.sha256);
  },
});

Deno.test({
  name: 'a worker that is told "auto" chooses among its own engines, one that is told a name takes that',
  ignore: WITHOUT_FILES,
  async fn() {
    using root = temporaryDirectory();
    const { path, sha256 } = await packed(root.path, 1);
    for (const [backend, engine] of [["auto", (await chooseEngine("auto")).name], ["simd", "simd"]] as const) {
      const run = { config: config(sha256), probeKey: KEY, backend, onLeaf() {}, onProgress() {} };
      await using computer = await prepareEngine(run, Promise.resolve(path));
      assertEquals(computer.engine, engine);
    }
  },
});

for (const [engine, hasEngine] of [["simd", true], ["webgpu", HAS_WEBGPU]] as const) {
  Deno.test({
    name: `${engine} gives the same bits in a thread of its own, fingerprint and all (skips without files or adapter)`,
    ignore: WITHOUT_FILES || !hasEngine,
    async fn() {
      using root = temporaryDirectory();
      const { path, sha256 } = await packed(root.path, 1);
      const run = { config: config(sha256), probeKey: KEY, onLeaf() {}, onProgress() {} };
      const order = { seed: 3, epoch: 2, leafCount: 2, range: { start: 0, end: 2 }, samples: [[0, 1], [2]] };
      const { signal } = new AbortController();
      const results = [];
      const ways: readonly (() => Promise<OrderComputer>)[] = [
        () => prepareHere(engine, run, Promise.resolve(path)),
        () => ThreadComputer.open({ engine, run, path: Promise.resolve(path) }),
      ];
      for (const open of ways) {
        await using computer = await open();
        computer.setWeights(initialWeights(run.config.model, 1));
        const sums = [];
        for await (const sum of computer.gradients(order, signal)) {
          sums.push({ ...sum, gradient: sum.gradient.slice() });
        }
        const predictions = await Array.fromAsync(computer.evaluate(order, signal));
        results.push({ sums, predictions, fingerprint: computer.fingerprint, adapter: computer.adapter });
      }
      assertEquals(results[1], results[0]);
    },
  });
}
