import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { afterEvent, NOTHING_YET, type TimedEvent } from "../../../coordinator/events/mod.ts";
import { type Report, reportOf } from "../../../coordinator/report/mod.ts";
import { within } from "../../../shared/within.ts";
import { eventsOf, Workspace } from "../../fixtures/herd.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("run", "read", "write", "net", "env"); // real processes

/** The events of a run to its end. */
async function listen(workspace: Workspace, args: readonly string[]): Promise<TimedEvent[]> {
  const child = workspace.spawn([...args, "--json"]);
  const events = await Array.fromAsync(eventsOf(child));
  assertEquals((await child.status).code, 0, await new Response(child.stderr).text());
  return events;
}

/** What a stored stream says of the run. */
function replay(events: readonly TimedEvent[]): Report {
  return reportOf(events.reduce(afterEvent, NOTHING_YET), true);
}

Deno.test({
  name: "--json: the stream of a run gives its report when it is replayed, also of a run that was resumed",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const settings = ["--backend", "simd", "--workers", "2", "--epochs", "2"];
    const events = await listen(workspace, workspace.train("told", ...settings));
    assertEquals(replay(events), await workspace.report("told"));

    const kinds = events.map(({ type }) => type);
    assertEquals(
      new Set(kinds).isSupersetOf(new Set(["dataset", "run", "worker", "step", "epoch", "checkpoint"])),
      true,
    );
    assertEquals([kinds.at(-1), kinds.filter((kind) => kind === "end").length], ["end", 1]);
    assert(events.every(({ time }, i) => i === 0 || time >= events[i - 1]!.time), "times rise");
    // The arms take turns, and their order is reversed each epoch.
    const turns = events.flatMap((event) => event.type === "epoch" ? [`${event.key.arm} ${event.record.epoch}`] : []);
    assertEquals(turns, ["no-gc 1", "gc 1", "gc 2", "no-gc 2"]);

    const told = ["--data", join(workspace.path, "images"), "--epochs", "3", "--workers", "1"];
    const resume = ["train", "--resume", join(workspace.path, "told"), ...told];
    const more = await listen(workspace, resume);
    const report = await workspace.report("told");
    assertEquals(replay(more), report);
    assertEquals(report.arms.map(({ epochs }) => epochs.length), [3, 3]);
    assertEquals(report.workers.map(({ id }) => id), ["w1", "w2"], "those of the first process took part too");
  },
});

/** A wait for a subscriber that hangs, had it one for as long as before, would last a minute at least. */
const DEADLINE_MS = 30_000;

Deno.test({
  name: "--json: a reader that goes away does not stop the run",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const child = workspace.spawn(workspace.train("unread", "--backend", "simd", "--workers", "1", "--json"));
    await child.stdout.cancel();
    assertEquals((await child.status).code, 0, await new Response(child.stderr).text());
    assert((await workspace.report("unread")).complete);
  },
});

for (const [how, epochs, code] of [["its end", 20, 0], ["Ctrl-C", 100_000, 130]] as const) {
  Deno.test({
    name: `--json: a reader that does not read does not hold up ${how}`,
    ignore,
    async fn() {
      await using workspace = await Workspace.create();
      const args = ["--backend", "simd", "--workers", "1", "--batch-size", "1", "--epochs", `${epochs}`, "--json"];
      const child = workspace.spawn(workspace.train("unread", ...args));
      const metrics = join(workspace.path, "unread", "metrics.jsonl");
      // So many epochs are 760 steps and 250 kB.
      const late = () => new Error("It does not end");
      const lines = async () => (await Deno.readTextFile(metrics).catch(() => "")).split("\n").length - 1;
      while (await lines() < 2 * 20) await new Promise((resolve) => setTimeout(resolve, 100));
      if (code === 130) child.kill("SIGINT");
      try {
        assertEquals((await within(DEADLINE_MS, child.status, late)).code, code);
      } finally {
        await child.stdout.cancel();
        const stderr = await new Response(child.stderr).text();
        assertEquals(stderr === "", code === 0, stderr);
      }
      assertEquals(await lines() >= 2 * 20, true);
      assertEquals((await workspace.report("unread")).complete, code === 0);
    },
  });
}
