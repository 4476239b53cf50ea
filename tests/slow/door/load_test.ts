// A run under attack: strangers that never show the token, and a worker with the token that sends garbage. The run goes on,
// its weights are those of a quiet one, and the coordinator's memory stays flat. Some 20 seconds.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { within } from "../../../shared/within.ts";
import type { Report } from "../../../coordinator/mod.ts";
import { encodeFrame } from "../../../shared/frames.ts";
import { threefry } from "../../../shared/threefry.ts";
import { eventsOf, textOf, Workspace } from "../../fixtures/herd.ts";
import { Fault } from "../../fixtures/faults.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("run", "read", "write", "net", "env"); // real processes
const { FakeWorker, TOKEN, announceMessage } = ignore
  ? {} as typeof import("../../fixtures/fake_worker.ts")
  : await import("../../fixtures/fake_worker.ts");

const STRANGERS = 200;
/** As many may wait at the door; see doorkeeper.ts. */
const MOST_STRANGERS = 64;
const GARBAGE_FRAMES = 10_000;
const MOST_GROWTH_BYTES = 64e6;

Deno.test({
  name:
    "load: 200 silent connections, 10,000 garbage frames and an announced 2 GB: the run goes on, in the same memory",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const settings = ["--backend", "tfjs-cpu", "--workers", "1", "--epochs", "3"];
    const tokenFile = join(workspace.path, "token");
    await Deno.writeTextFile(tokenFile, TOKEN, { mode: 0o600 });
    const awaited = ["--min-workers", "2", "--token-file", tokenFile, "--json"];
    const child = workspace.spawn(workspace.train("attacked", ...settings, ...awaited));
    const stderr = new Response(child.stderr).text();
    const strangers: Deno.Conn[] = [];
    const notices: string[] = [];
    let attacked = false;
    let memory = { before: 0, most: 0 };
    let attackers: Promise<unknown> | undefined;
    try {
      for await (const event of eventsOf(child)) {
        // After the last step it draws the report's page, which takes memory of its own.
        const now = event.type === "step" ? await memoryOf(child.pid) : 0; // the attack may begin meanwhile
        memory = { ...memory, most: now || memory.most };
        if (textOf(event) !== "") notices.push(textOf(event));
        const address = /ws:\/\/(\S+)/.exec(textOf(event))?.[1];
        if (event.type === "notice" && address !== undefined) {
          // It gets leaves of the first step, which cannot end before they are taken from it again.
          const worker = FakeWorker.join({ address }, {
            fault: Fault.Stall,
            async before() {
              const before = await memoryOf(child.pid);
              memory = { before, most: before };
              await silence(address, strangers);
              await announce(address);
              await sendGarbage((await worker).channel);
              attacked = true;
            },
          });
          attackers = worker.then(({ closed }) => closed);
        }
      }
      assertEquals((await child.status).code, 0, await stderr);
    } finally {
      for (const stranger of strangers) stranger.close();
    }
    await attackers;
    assert(attacked);
    const report = await workspace.report("attacked");
    const { badAnswers, workersExcluded } = report.faults;
    assertEquals([badAnswers, workersExcluded], [3, 1]);
    assertStringIncludes(notices.join("\n"), "malformed frame");
    const growth = memory.most - memory.before;
    assert(growth < MOST_GROWTH_BYTES, `the coordinator grew by ${growth} bytes`);

    const quiet = await workspace.run(workspace.train("quiet", ...settings));
    assertEquals(quiet.code, 0, quiet.stderr);
    const bits = ({ arms }: Report) => arms.map(({ weightsSha256 }) => weightsSha256);
    assertEquals(bits(report), bits(await workspace.report("quiet")));
  },
});

/** Connections that say nothing, or half a request; returns when those too many have been dropped. */
async function silence(address: string, strangers: Deno.Conn[]): Promise<void> {
  const port = Number(address.split(":").at(-1));
  let dropped = 0;
  const enough = Promise.withResolvers<void>();
  for (let i = 0; i < STRANGERS; i++) {
    const stranger = await Deno.connect({ hostname: "127.0.0.1", port });
    strangers.push(stranger);
    if (i % 2 === 0) await stranger.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: h\r\n")).catch(() => 0);
    void stranger.read(new Uint8Array(1)).catch(() => null).then(() => {
      if (++dropped >= STRANGERS - MOST_STRANGERS) enough.resolve();
    });
  }
  await within(30_000, enough.promise, () => new Error(`only ${dropped} strangers were dropped`));
}

/** A worker with the token that announces 2 GB: as a WebSocket message, and as a frame of Herd. */
async function announce(address: string): Promise<void> {
  assertEquals(await announceMessage({ address }, 2 ** 31), 1009);
}

/** Frames of noise, and sound ones but for a length of gigabytes. */
async function sendGarbage(channel: Awaited<ReturnType<typeof FakeWorker.join>>["channel"]): Promise<void> {
  const huge = encodeFrame(channel.runId, { kind: "weights", step: 1, weights: new Float32Array(50) });
  new DataView(huge.buffer).setUint32(36, 2 ** 29, true); // its length field, in float32 values
  const frames = Array.from({ length: GARBAGE_FRAMES }, (_, i) => {
    return i % 2 === 0 ? huge : Uint8Array.from({ length: 48 + i % 400 }, (_, at) => threefry(7, i, 0, at)[0] & 255);
  });
  // All at once: they are on their way before the connection is closed, and what cannot leave any more fails.
  await Promise.allSettled(frames.map((frame) => channel.sendBytes(frame)));
}

/** The most resident bytes that a process has had; 0 where there is no /proc. */
async function memoryOf(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`).catch(() => "");
  return 1024 * Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0);
}
