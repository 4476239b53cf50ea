// The data set's way to workers on other machines: hashed when the first of them asks, fetched in chunks, and left alone in
// a run that has local workers only.
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "node:path";
import { ServedDataset } from "../../../data/mod.ts";
import { CHUNK_BYTES, type DatasetManifest } from "../../../shared/dataset_manifest.ts";
import { HerdError } from "../../../shared/errors.ts";
import { builtInModel, parameterCount } from "../../../shared/model.ts";
import * as fixtures from "../../fixtures/data_files.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("read", "write", "net", "env", "sys");
// ws reads the environment as soon as it is loaded, so it is loaded only where that is allowed.
const { FakeWorker, startCluster, TOKEN } = ignore
  ? {} as typeof import("../../fixtures/fake_worker.ts")
  : await import("../../fixtures/fake_worker.ts");
const { runRemoteWorker } = ignore
  ? {} as typeof import("../../../worker/remote.ts")
  : await import("../../../worker/remote.ts");

type Cluster = Awaited<ReturnType<typeof startCluster>>;

const CONTENT = new Uint8Array(CHUNK_BYTES + 1000);
CONTENT.set(fixtures.noise(1000, 1));
CONTENT.set(fixtures.noise(1000, 2), CHUNK_BYTES);

/** A data set that counts what is asked of it. */
class Counted {
  manifests = 0;
  readonly chunks: number[] = [];
  readonly #served: ServedDataset;
  /** Awaited before the manifest is known. */
  readonly #before: Promise<void>;

  constructor(served: ServedDataset, before = Promise.resolve()) {
    this.#served = served;
    this.#before = before;
  }

  async manifest(): Promise<DatasetManifest> {
    this.manifests++;
    await this.#before;
    return await this.#served.manifest();
  }

  readChunk(index: number): Uint8Array<ArrayBuffer> {
    this.chunks.push(index);
    return this.#served.readChunk(index);
  }
}

/** A worker on another machine that notes the file it gets, and cannot do more. */
async function fetchAs({ address }: Cluster, cacheDir: string): Promise<Uint8Array> {
  let fetched: Uint8Array | undefined;
  const running = runRemoteWorker({
    url: `ws://${address}`,
    token: TOKEN,
    cacheDir,
    async prepare(_run, path) {
      fetched = Deno.readFileSync(await path);
      throw new HerdError("cluster", "it has what it came for");
    },
    log: () => {},
  });
  await assertRejects(() => running, HerdError, "it has what it came for");
  return fetched!;
}

function test(name: string, run: (scene: { path: string; served: ServedDataset }) => Promise<void>): void {
  Deno.test({
    name,
    ignore,
    fn: async () => {
      using directory = fixtures.temporaryDirectory();
      const path = join(directory.path, "x.herd");
      Deno.writeFileSync(path, CONTENT);
      using served = ServedDataset.open(path);
      await run({ path: directory.path, served });
    },
  });
}

test("a run with local workers never asks for the data set's hashes", async ({ served }) => {
  const dataset = new Counted(served);
  await using cluster = await startCluster({}, { dataset });
  const workers = await Promise.all([1, 2].map(() => FakeWorker.join(cluster)));
  await cluster.waitForMembers(2, 5_000);
  await cluster.setWeights(new Float32Array(parameterCount(builtInModel("tiny", 22))));
  await cluster.gradients({ seed: 0, epoch: 1, ids: [1, 2, 3] });
  cluster.stop();
  await Promise.all(workers.map(({ closed }) => closed));
  assertEquals([dataset.manifests, dataset.chunks], [0, []]);
  const welcome = workers[0]!.received.find(({ type }) => type === "welcome");
  assertEquals(Object.hasOwn(welcome!, "dataset"), false);
});

test("workers on other machines get manifest and chunks, and those that have a copy no chunk", async (scene) => {
  const dataset = new Counted(scene.served);
  await using cluster = await startCluster({}, { dataset });
  const caches = [join(scene.path, "one"), join(scene.path, "two")];
  for (const fetched of await Promise.all(caches.map((cacheDir) => fetchAs(cluster, cacheDir)))) {
    assertEquals(fixtures.sha256(fetched), fixtures.sha256(CONTENT));
  }
  assertEquals(dataset.chunks.sort(), [0, 0, 1, 1]);
  assertEquals((await fetchAs(cluster, caches[0]!)).length, CONTENT.length);
  assertEquals([dataset.manifests, dataset.chunks.length], [3, 4]);
});

test("a worker waits while a large data set is hashed; the others go on", async ({ path, served }) => {
  const { promise, resolve } = Promise.withResolvers<void>();
  await using cluster = await startCluster({}, { dataset: new Counted(served, promise) });
  const fetching = fetchAs(cluster, join(path, "cache"));
  const local = await FakeWorker.join(cluster);
  await cluster.waitForMembers(1, 5_000);
  await cluster.setWeights(new Float32Array(parameterCount(builtInModel("tiny", 22))));
  await cluster.gradients({ seed: 0, epoch: 1, ids: [1, 2, 3] });
  resolve();
  assertEquals((await fetching).length, CONTENT.length);
  cluster.stop();
  await local.closed;
});

test("a worker hears of a run that ends before it has its data", async ({ path, served }) => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const dataset = new Counted(served, promise);
  const cluster = await startCluster({}, { dataset });
  const running = runRemoteWorker({
    url: `ws://${cluster.address}`,
    token: TOKEN,
    cacheDir: path,
    prepare: async (_run, path) => {
      throw new Error(`there is no data to come: ${await path}`);
    },
    log: () => {},
  });
  while (dataset.manifests === 0) await new Promise((done) => setTimeout(done, 5));
  await cluster[Symbol.asyncDispose]();
  resolve();
  await running; // the run is over, and so is the worker's part in it
});
