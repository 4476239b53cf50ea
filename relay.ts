// The process of a relay, which `deno task worker --relay` starts with the permissions of shared/worker_process.ts: one
// worker of a coordinator, and the workers of this machine behind it. Like main.ts it only wires: a session of the worker's
// side, and a cluster of the coordinator's.
import { RelayWorkers } from "./coordinator/mod.ts";
import { HerdError } from "./shared/errors.ts";
import { chooseEngine, localWorkers, runRemoteWorker, serveOrder } from "./worker/mod.ts";

const workerEntry = new URL("./worker/main.ts", import.meta.url);

await serveOrder(async ({ relay: told, ...order }, { cacheDir, log }) => {
  if (told === undefined) throw new HerdError("usage", "A relay's order must say how long it waits for its workers");
  const { workers, joinTimeout, workerTimeout } = told;
  await using relay = new RelayWorkers({ joinTimeout, workerTimeout, cacheDir: cacheDir(), workerEntry, log });
  await runRemoteWorker({
    ...order,
    cacheDir: cacheDir(),
    log,
    async prepare(run, cachePath) {
      const { name: backend } = await chooseEngine(run.backend);
      return await relay.prepare({ ...run, cachePath, backend, workers: workers ?? localWorkers(backend) });
    },
  });
});
