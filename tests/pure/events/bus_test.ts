import { assertEquals } from "@std/assert";
import { EventBus, type RunEvent } from "../../../coordinator/events/mod.ts";
import { FACTS } from "../../fixtures/events.ts";

const notice = (text: string): RunEvent => ({ type: "notice", text });
const textOf = (event: RunEvent) => event.type === "notice" ? event.text : event.type;

Deno.test("EventBus: everybody hears everything in order, and a late subscriber begins with the snapshot", () => {
  const bus = new EventBus();
  const early: string[] = [];
  using _early = bus.subscribe("Early", (event) => void early.push(textOf(event)));
  bus.emit({ type: "fault", fault: "badAnswers", count: 2 });
  const late: string[] = [];
  using _late = bus.subscribe("Late", (event) => void late.push(textOf(event)));
  assertEquals(bus.snapshot.faults.badAnswers, 2);
  bus.emit(notice("a"));
  bus.emit(notice("b"));
  assertEquals(early, ["fault", "a", "b"]);
  assertEquals(late, ["a", "b"]);
});

Deno.test("EventBus: a subscriber that answers at once has heard an event before emit() returns", () => {
  const bus = new EventBus();
  const heard: string[] = [];
  using _ = bus.subscribe("Quick", (event) => void heard.push(textOf(event)));
  bus.emit(notice("a"));
  assertEquals(heard, ["a"]);
});

Deno.test("EventBus: events come one at a time, also to a subscriber that takes its time, with their own snapshots", async () => {
  const bus = new EventBus();
  const heard: string[] = [];
  using slow = bus.subscribe("Slow", async (_event, { faults }) => {
    const before = heard.length;
    await Promise.resolve();
    assertEquals(heard.length, before, "no other event came meanwhile");
    heard.push(`${faults.pauses}`);
  });
  for (let i = 0; i < 5; i++) bus.emit({ type: "fault", fault: "pauses", count: 1 });
  assertEquals(heard, []);
  await slow.settle(1_000);
  assertEquals(heard, ["1", "2", "3", "4", "5"]);
});

for (
  const [how, fail] of [["throws", () => {
    throw new Error("no paper");
  }], ["rejects", () => Promise.reject(new Error("no paper"))]] as const
) {
  Deno.test(`EventBus: a subscriber that ${how} harms nobody, goes on hearing, and is told once`, async () => {
    const bus = new EventBus();
    const calls: string[] = [];
    using bad = bus.subscribe("The printer", (event) => {
      calls.push(textOf(event));
      return fail();
    });
    const heard: string[] = [];
    using _good = bus.subscribe("Good", (event) => void heard.push(textOf(event)));
    bus.emit(notice("a"));
    bus.emit(notice("b"));
    await bad.settle(1_000);
    const told = "The printer failed (no paper): the run goes on";
    assertEquals(heard.toSorted(), ["a", "b", told].toSorted());
    assertEquals(calls.includes("b"), true);
  });
}

Deno.test("EventBus: a subscriber that hangs holds nobody up, and misses nothing but the oldest of how far the run is", async () => {
  const bus = new EventBus();
  const first = Promise.withResolvers<void>();
  const got: string[] = [];
  using hung = bus.subscribe("Hung", async (event) => {
    got.push(event.type === "data" ? `${event.progress.done}` : textOf(event));
    await first.promise;
  });
  const heard: string[] = [];
  using _good = bus.subscribe("Good", (event) => void heard.push(event.type));
  const data = (done: number) =>
    bus.emit({ type: "data", progress: { phase: "decode", done, total: 40_000, unit: "images" } });
  bus.emit(notice("first"));
  bus.emit({ type: "run", ...FACTS });
  for (let i = 0; i < 15_000; i++) data(i);
  // More than may wait, and none of them may be lost.
  for (let i = 0; i < 15_000; i++) bus.emit(notice(`notice ${i}`));
  for (let i = 15_000; i < 20_000; i++) data(i);
  bus.emit(notice("last"));
  assertEquals(heard.length, 35_003);
  await hung.settle(10); // it hangs: this ends all the same
  assertEquals(got, ["first"]);
  first.resolve();
  await hung.settle(10_000);
  const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `${from + i}`);
  const notices = numbers(0, 15_000).map((i) => `notice ${i}`);
  assertEquals(got, ["first", "run", ...numbers(10_000, 15_000), ...notices, ...numbers(15_000, 20_000), "last"]);
});

Deno.test("EventBus: who waits for one subscriber does not wait for another that hangs", async () => {
  const bus = new EventBus();
  using _hung = bus.subscribe("Hung", () => new Promise(() => {}));
  const heard: string[] = [];
  using slow = bus.subscribe("Slow", async (event) => {
    await Promise.resolve();
    heard.push(textOf(event));
  });
  bus.emit(notice("a"));
  await slow.settle(2 ** 30); // for ever, should it wait for both
  assertEquals(heard, ["a"]);
});

Deno.test("EventBus: a subscriber that emits does not turn the order round", () => {
  const bus = new EventBus();
  const heard: string[] = [];
  using _echo = bus.subscribe("Echo", (event) => {
    if (event.type === "fault") bus.emit(notice("echo"));
  });
  using _ = bus.subscribe("Good", (event) => void heard.push(textOf(event)));
  bus.emit({ type: "fault", fault: "pauses", count: 1 });
  bus.emit(notice("b"));
  assertEquals(heard.filter((text) => text !== "fault"), ["echo", "b"]);
});

Deno.test("EventBus: who has unsubscribed hears nothing more", () => {
  const bus = new EventBus();
  const heard: string[] = [];
  {
    using _ = bus.subscribe("Guest", (event) => void heard.push(textOf(event)));
    bus.emit(notice("a"));
  }
  bus.emit(notice("b"));
  assertEquals(heard, ["a"]);
});
