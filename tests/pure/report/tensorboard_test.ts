import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { EventFiles } from "../../../coordinator/report/mod.ts";
import { restart, scalars, sessionEnd, STATUS } from "../../../coordinator/report/tensorboard/events.ts";
import { crc32c } from "../../../coordinator/report/tensorboard/record.ts";
import { NOTHING_YET, type RunEvent } from "../../../coordinator/events/mod.ts";
import { leaveEventFiles, readEventFiles } from "../../fixtures/event_files.ts";
import { epochEvent, epochRecord, FACTS, stepEvent } from "../../fixtures/events.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("read", "write"); // a folder

Deno.test("crc32c() is that of RFC 3720, B.4", () => {
  const ascending = Uint8Array.from({ length: 32 }, (_, i) => i);
  const vectors: readonly [bytes: Uint8Array, crc: number][] = [
    [new TextEncoder().encode("123456789"), 0xe3069283],
    [new Uint8Array(32), 0x8a9136aa],
    [new Uint8Array(32).fill(255), 0x62a8ab43],
    [ascending, 0x46dd794e],
    [ascending.toReversed(), 0x113fdb5c],
  ];
  for (const [bytes, crc] of vectors) assertEquals(crc32c(bytes), crc);
});

Deno.test("events are the bytes that TensorBoard's own writer makes of them", () => {
  const time = 1500;
  assertEquals(
    restart({ time: 1764033661250, step: 300 }).toHex(),
    "100000000000000095fbfe18090000501f4149da4110ac023a020801af1a2a42",
  );
  assertEquals(
    scalars({ time, step: 5_000_000_000 }, { "test/auc": 0.75 }).toHex(),
    "220000000000000078113dfd09000000000000f83f1080e497d0122a110a0f0a08746573742f617563150000403f9280ef80",
  );
  assertEquals(
    sessionEnd({ time, step: 18 }, STATUS.success).toHex(),
    "51000000000000009ca1d9bc09000000000000f83f10122a440a420a1a5f68706172616d735f2f73657373696f6e5f656e645f696e66" +
      "6f42060801120212004a1c0a180a0768706172616d73120d220b080111000000000000f83f200202166155",
  );
});

Deno.test({
  name: "EventFiles: a run that goes on begins a second file, which takes back the steps that are computed again",
  ignore,
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const notices: string[] = [];
      await leaveEventFiles(folder, notices);
      assertEquals(notices, []);
      const names = (await Array.fromAsync(Deno.readDir(join(folder, "gc-0")))).map(({ name }) => name).sort();
      assertEquals(names, ["events.out.tfevents.1764033660.herd", "events.out.tfevents.1764033661.herd"]);
      const seen = await readEventFiles(join(folder, "gc-0"));
      assertEquals(seen.filter(({ restarts }) => restarts).map(({ step }) => step), [1, 11]);
      const stepsWith = (tag: string) => seen.filter(({ scalars }) => tag in scalars).map(({ step }) => step);
      assertEquals(stepsWith("step/loss"), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 11, 12, 13, 14, 15, 16]);
      assertEquals(seen.flatMap(({ scalars }) => scalars["step/loss"] ?? []).slice(0, 2), [1, 0.5], "each step's own");
      assertEquals(stepsWith("test/loss"), [8, 16]);
      assertEquals(stepsWith("test/auc"), [8], "what is not known is left out");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test({
  name:
    "EventFiles: a disk that refuses is told once, and what it has refused is written whole when there is room again",
  ignore,
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const notices: string[] = [];
      const files = new EventFiles(join(folder, "events"), (text) => notices.push(text));
      const hear = (step: number) =>
        files.handle({ ...stepEvent({ arm: "gc", seed: 0 }, 1, step, 1), time: 1764033660000 }, {
          ...NOTHING_YET,
          run: FACTS,
        });
      await Deno.writeTextFile(join(folder, "events"), "in the way");
      await hear(1);
      await hear(2);
      assertEquals(notices.length, 1);
      await Deno.remove(join(folder, "events"));
      await hear(3);
      // Half a record, as a full disk leaves it.
      const file = join(folder, "events/gc-0/events.out.tfevents.1764033660.herd");
      await Deno.writeFile(file, new Uint8Array([1, 2, 3]), { append: true });
      await hear(4);
      const seen = await readEventFiles(join(folder, "events/gc-0"));
      assertEquals(seen.filter(({ scalars }) => "step/loss" in scalars).map(({ step }) => step), [1, 2, 3, 4]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test({
  name:
    "EventFiles: a run that goes on with a test takes no step back, and one that diverges at once takes none either",
  ignore,
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const key = { arm: "gc", seed: 0 } as const;
      const process = async (...events: readonly RunEvent[]) => {
        const files = new EventFiles(folder, () => {});
        for (const event of events) {
          await files.handle({ ...event, time: 1764033660000 }, { ...NOTHING_YET, run: FACTS });
        }
      };
      await process(...[1, 2, 3, 4, 5, 6, 7, 8].map((step) => stepEvent(key, 1, step, 1)));
      await process(epochEvent(key, epochRecord(1)), stepEvent(key, 2, 1, 1));
      await process({ type: "diverged", position: { key, epoch: 2, step: 1, steps: 8 }, text: "" });
      const restarts = (await readEventFiles(join(folder, "gc-0"))).filter(({ restarts }) => restarts);
      assertEquals(restarts.map(({ step }) => step), [1, 9, 10]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
