// How often a worker whose processes end is started again.
import { assertEquals } from "@std/assert";
import type { HerdError } from "../../../shared/errors.ts";
import { WorkerProcesses } from "../../../coordinator/launch/mod.ts";
import { localLauncher } from "../../../coordinator/launch/mod.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("read", "write", "run");

/** Supervises a process that ends at once. @param isForgiven asked at each end, from 1 on @returns how often it was started again */
async function restartsOf(isForgiven: (restarts: number) => boolean, most: number): Promise<number> {
  const logDir = await Deno.makeTempDir();
  try {
    const [planned] = localLauncher(1).plan({
      entry: new URL("file:///none.ts"),
      localAddress: "127.0.0.1:1",
      url: "ws://127.0.0.1:1",
      cachePath: "none",
      cacheDir: "none",
      secretFor: () => "s",
      token: "t",
      certificate: undefined,
    });
    const command = () => ({ ...planned!.command(), program: "true", args: [] });
    let restarts = 0;
    const { promise: over, resolve } = Promise.withResolvers<HerdError | undefined>();
    await using processes = WorkerProcesses.start({
      workers: [{ ...planned!, command }],
      firstWaitMs: 0,
      logDir,
      onNotice() {},
      onRestart() {
        if (++restarts >= most) resolve(undefined);
        if (isForgiven(restarts)) processes.forgive(planned!.name);
      },
      onGivenUp: resolve,
    });
    await over;
    return restarts;
  } finally {
    await Deno.remove(logDir, { recursive: true });
  }
}

Deno.test("a worker whose processes end at once is started again five times", { ignore }, async () => {
  assertEquals(await restartsOf(() => false, 30), 5);
});

Deno.test("a worker that has computed something is started again however often it is killed", { ignore }, async () => {
  assertEquals(await restartsOf(() => true, 30), 30);
  assertEquals(await restartsOf((restarts) => restarts === 4, 30), 9);
});
