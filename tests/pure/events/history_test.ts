import { assertEquals } from "@std/assert";
import { joinHistories, NO_FAULTS, type RunHistory, type WorkerInfo } from "../../../coordinator/events/mod.ts";

function worker(id: string, changes: Partial<WorkerInfo> = {}): WorkerInfo {
  const rest = { engine: "simd", adapter: "CPU", imagesPerSecond: 5, computeSeconds: 1 } as const;
  return { id, host: "", pid: 1, fingerprint: "ab", ...rest, ...changes };
}
const quiet: RunHistory = {
  herd: "1",
  workers: [worker("w1")],
  fingerprints: ["ab"],
  bitIdentical: true,
  faults: NO_FAULTS,
};

Deno.test("joinHistories(): all workers that took part, in the order of their coming", () => {
  const earlier = { ...quiet, workers: [worker("w1", { pid: 1 }), worker("r1", { host: "elsewhere", pid: 7 })] };
  const rejoined = worker("r1", { host: "elsewhere", pid: 7, computeSeconds: 2, imagesPerSecond: 0 });
  const { workers } = joinHistories(earlier, { ...quiet, workers: [worker("w1", { pid: 2 }), rejoined] });
  assertEquals(workers.map(({ id, pid }) => [id, pid]), [["w1", 1], ["r1", 7], ["w1", 2]]);
  // A worker that outlasted its coordinator is one worker; what is not measured yet is as it was.
  assertEquals([workers[1]!.computeSeconds, workers[1]!.imagesPerSecond], [3, 5]);
  assertEquals(joinHistories(undefined, earlier).workers, earlier.workers);
});

Deno.test("joinHistories(): counts add up, fingerprints are listed once", () => {
  const other = { ...quiet, fingerprints: ["cd", "ab"], faults: { ...NO_FAULTS, pauses: 1, pausedSeconds: 2 } };
  const { faults, fingerprints } = joinHistories({ ...quiet, faults: { ...NO_FAULTS, pauses: 2 } }, other);
  assertEquals([faults.pauses, faults.pausedSeconds, fingerprints], [3, 2, ["ab", "cd"]]);
});

Deno.test("joinHistories(): bit-identity is off, and stays off, for other versions, fingerprints and bits", () => {
  const identical = (earlier: RunHistory | undefined, now: RunHistory) => joinHistories(earlier, now).bitIdentical;
  assertEquals(identical(undefined, quiet), true);
  assertEquals(identical(quiet, quiet), true);
  assertEquals(identical({ ...quiet, herd: "2" }, quiet), false);
  assertEquals(identical(quiet, { ...quiet, fingerprints: ["cd"] }), false);
  assertEquals(identical(undefined, { ...quiet, fingerprints: ["ab", "cd"] }), false);
  assertEquals(identical({ ...quiet, bitIdentical: false }, quiet), false);
  assertEquals(identical(quiet, { ...quiet, bitIdentical: false }), false);
});
