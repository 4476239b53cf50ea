import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { NOTHING_YET, type RunEvent } from "../../../coordinator/events/mod.ts";
import { TraceFile } from "../../../coordinator/report/mod.ts";
import { type TraceEvent, TraceEvents } from "../../../coordinator/report/trace/trace_events.ts";
import { workerInfo } from "../../fixtures/events.ts";
import { granted } from "../../fixtures/permissions.ts";
import { faultsOf } from "../../fixtures/traces.ts";

const ignore = !await granted("read", "write"); // a folder

type Spans = Extract<RunEvent, { type: "spans" }>;

const SNAPSHOT = { ...NOTHING_YET, workers: [{ worker: workerInfo("w1", { host: "node7" }), isHere: true }] };
const position = { key: { arm: "gc", seed: 3 }, epoch: 2, step: 5, steps: 9 } as const;
const ofCoordinator = { type: "spans", worker: null, task: "train", clockError: 0, arrow: null } as const;

const WEIGHTS: Spans = { ...ofCoordinator, position: null, spans: [{ name: "broadcast", start: 100, end: 110 }] };
const STEP: Spans = {
  ...ofCoordinator,
  position,
  spans: [
    { name: "step", start: 200, end: 400 },
    { name: "order", start: 200, end: 210 },
    { name: "wait", start: 210, end: 380 },
    { name: "sum", start: 380, end: 390 },
    { name: "broadcast", start: 390, end: 400 },
  ],
};
const ANSWER: Spans = {
  type: "spans",
  worker: "w1",
  task: "train",
  position,
  spans: [
    { name: "gradients", start: 220, end: 360, leaf: 2, leaves: 2 },
    { name: "forward", start: 230, end: 300, leaf: 2 },
    { name: "send", start: 365, end: 370, leaf: 2, leaves: 2 },
  ],
  clockError: 4,
  arrow: { from: 105, to: 385 },
};

function traceOf(...events: readonly Spans[]): TraceEvent[] {
  const entries = new TraceEvents();
  return events.flatMap((event) => entries.of(event, SNAPSHOT));
}

Deno.test("TraceEvents: processes are named once, spans say which step they are of, and an arrow goes through the answer", () => {
  const trace = traceOf(WEIGHTS, STEP, ANSWER, ANSWER);
  const names = trace.filter(({ name }) => name === "process_name").map(({ pid, args }) => [pid, args!["name"]]);
  assertEquals(names, [[1, "coordinator"], [2, "worker w1: simd on node7"]]);
  const where = { training: "gc-3", arm: "gc", seed: 3, epoch: 2, step: 5, leaf: 2 };
  assertEquals(
    trace.find(({ name }) => name === "gradients"),
    {
      ph: "X",
      name: "gradients",
      cat: "worker",
      pid: 2,
      tid: 1,
      ts: 220,
      dur: 140,
      args: { ...where, leaves: 2, clock_error_us: 4 },
    },
  );
  assertEquals(trace.find(({ name }) => name === "forward")!.args, where);
  const arrows = trace.filter(({ id }) => id === 1).map(({ ph, pid, ts }) => [ph, pid, ts]);
  assertEquals(arrows, [["s", 1, 105], ["t", 2, 220.5], ["f", 1, 385]]);
});

Deno.test("TraceEvents: clocks that are a little off make no arrow go back in time", () => {
  const early = { ...ANSWER, arrow: { from: 105, to: 215 } };
  const trace = traceOf(WEIGHTS, STEP, early, { ...ANSWER, arrow: { from: 105, to: 240 } });
  assertEquals(trace.flatMap(({ id, ts }) => id === undefined ? [] : [ts]), [105, 220.5, 240]);
});

Deno.test("faultsOf() finds nothing in a sound trace, and what is wrong in others", () => {
  assertEquals(faultsOf(traceOf(WEIGHTS, STEP, ANSWER)), []);
  const change = (name: string, changes: Partial<TraceEvent>) =>
    traceOf(WEIGHTS, STEP, ANSWER).map((one) => one.name === name ? { ...one, ...changes } : one);
  const without = (name: string, ph: string) =>
    traceOf(WEIGHTS, STEP, ANSWER).filter((one) => one.name !== name || one.ph !== ph);
  const arrow = "weights to gradients";
  const wrong: Record<string, TraceEvent[]> = {
    "a negative time": change("wait", { dur: -1 }),
    "spans that overlap": change("forward", { dur: 1000 }),
    "a process without a name": without("process_name", "M"),
    "an arrow without its end": without(arrow, "f"),
    "an arrow from nowhere": without("broadcast", "X"),
    "an arrow to nowhere": without("sum", "X"),
    "an answer to nothing": without("step", "X"),
    "an answer after its step": change("gradients", { ts: 300, dur: 140 }),
  };
  for (const [what, trace] of Object.entries(wrong)) assertEquals(faultsOf(trace).length > 0, true, what);
});

Deno.test({
  name: "TraceFile: the file is whole after every event, has no more than it may, and never replaces another",
  ignore,
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const read = async (name: string) => JSON.parse(await Deno.readTextFile(join(folder, name)));
      const hear = (file: TraceFile, event: Spans) => file.handle({ ...event, time: 0 }, SNAPSHOT);
      const notices: string[] = [];
      const file = new TraceFile(folder, (text) => notices.push(text), 4096);
      for (const events of [[WEIGHTS], [WEIGHTS, STEP], [WEIGHTS, STEP, ANSWER]]) {
        await hear(file, events.at(-1)!);
        assertEquals(await read("trace.json"), traceOf(...events));
      }
      for (let i = 0; i < 10; i++) await hear(file, STEP);
      assertEquals(faultsOf(await read("trace.json")).filter((fault) => !fault.includes("leaves")), []);
      assertEquals((await Deno.stat(join(folder, "trace.json"))).size <= 4096, true);
      assertEquals(notices, [`${join(folder, "trace.json")} has 0 MiB: later steps are not in it`]);
      await hear(new TraceFile(folder, () => {}), WEIGHTS);
      assertEquals(await read("trace-2.json"), traceOf(WEIGHTS));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test({
  name: "TraceFile: a disk that refuses is told once, and half of what it took is taken away when there is room again",
  ignore,
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const notices: string[] = [];
      const there = join(folder, "there");
      const file = new TraceFile(there, (text) => notices.push(text));
      const hear = (event: Spans) => file.handle({ ...event, time: 0 }, SNAPSHOT);
      await hear(WEIGHTS);
      await hear(STEP);
      assertEquals(notices.length, 1);
      await Deno.mkdir(there);
      await Deno.writeTextFile(join(there, "trace.json"), "");
      await hear(STEP);
      assertEquals(JSON.parse(await Deno.readTextFile(join(there, "trace-2.json"))).length > 0, true);
      await Deno.rename(join(there, "trace-2.json"), join(there, "away"));
      await hear(STEP);
      await Deno.rename(join(there, "away"), join(there, "trace-2.json"));
      await Deno.writeTextFile(join(there, "trace-2.json"), "half an entry".repeat(1000), { append: true });
      await hear(ANSWER);
      const names = JSON.parse(await Deno.readTextFile(join(there, "trace-2.json"))).map(({ name }: TraceEvent) =>
        name
      );
      assertEquals(names.filter((name: string) => name === "step" || name === "gradients"), ["step", "gradients"]);
      assertEquals(notices.length, 2, "once more, since it could write in between");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** A disk that takes ten bytes of what is written, and then is full. */
function fullDisk(): Disposable {
  const { open } = Deno;
  Deno.open = async (...args) => {
    const file = await open(...args);
    const write = file.write.bind(file);
    let room = 10;
    file.write = async (bytes) => {
      if (room === 0) throw new Error("No space left");
      const taken = await write(bytes.subarray(0, room));
      room -= taken;
      return taken;
    };
    return file;
  };
  return { [Symbol.dispose]: () => void (Deno.open = open) };
}

Deno.test({
  name:
    "TraceFile: a disk that becomes full leaves the array whole, and processes that came meanwhile have their names",
  ignore,
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const read = async (): Promise<TraceEvent[]> => JSON.parse(await Deno.readTextFile(join(folder, "trace.json")));
      const notices: string[] = [];
      const file = new TraceFile(folder, (text) => notices.push(text));
      const hear = (event: Spans) => file.handle({ ...event, time: 0 }, SNAPSHOT);
      for (const event of [WEIGHTS, STEP]) await hear(event);
      {
        using _full = fullDisk();
        for (let i = 0; i < 2; i++) await hear(ANSWER);
        assertEquals(await read(), traceOf(WEIGHTS, STEP));
      }
      assertEquals(notices, [`Cannot write ${join(folder, "trace.json")} (No space left): the run goes on`]);
      await hear(ANSWER);
      assertEquals(faultsOf(await read()), []);
      assertEquals((await read()).filter(({ name }) => name === "gradients").length, 1);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
