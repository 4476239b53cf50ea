// The process of a worker that is started by another one: a coordinator's or a relay's, by a launcher or `deno task worker`.
// It has the permissions of shared/worker_process.ts.
import { prepareEngine } from "./prepare.ts";
import { serveOrder } from "./process.ts";
import { runRemoteWorker } from "./remote.ts";
import { runSession } from "./session.ts";

await serveOrder(async ({ cachePath, tilesFile, ...order }, { cacheDir, log }) => {
  if (cachePath === undefined) return await runRemoteWorker({ ...order, cacheDir: cacheDir(), log });
  const path = Promise.resolve(cachePath);
  await runSession({ ...order, hostName: "", prepare: (run) => prepareEngine({ ...run, tilesFile }, path), log });
});
