import { assertEquals } from "@std/assert";
import { EventBus, type RunEvent } from "../../../coordinator/events/mod.ts";

const notice = (text: string): RunEvent => ({ type: "notice", text });
const textOf = (event: RunEvent) => event.type === "notice" ? event.text : event.type;

Deno.test("EventBus: everybody hears everything in order, and a late subscriber begins with the snapshot", async () => {
  const bus = new EventBus();
  const early: string[] = [];
  using _early = bus.subscribe("Early", (event) => void early.push(textOf(event)));
  bus.emit({ type: "fault", fault: "badAnswers", count: 2 });
  const late: string[] = [];
  using _late = bus.subscribe("Late", (event) => void late.push(textOf(event)));
  assertEquals(bus.snapshot.faults.badAnswers, 2);
  bus.emit(notice("a"));
  bus.emit(notice("b"));
  await bus.settle(1_000);
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
  using _ = bus.subscribe("Slow", async (_event, { faults }) => {
    const before = heard.length;
    await Promise.resolve();
    assertEquals(heard.length, before, "no other event came meanwhile");
    heard.push(`${faults.pauses}`);
  });
  for (let i = 0; i < 5; i++) bus.emit({ type: "fault", fault: "pauses", count: 1 });
  assertEquals(heard, []);
  await bus.settle(1_000);
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
    using _bad = bus.subscribe("The printer", (event) => {
      calls.push(textOf(event));
      return fail();
    });
    const heard: string[] = [];
    using _good = bus.subscribe("Good", (event) => void heard.push(textOf(event)));
    bus.emit(notice("a"));
    bus.emit(notice("b"));
    await bus.settle(1_000);
    const told = "The printer failed (no paper): the run goes on";
    assertEquals(heard.toSorted(), ["a", "b", told].toSorted());
    assertEquals(calls.includes("b"), true);
  });
}

Deno.test("EventBus: a subscriber that hangs holds nobody up, and misses only how far the run is when too much waits", async () => {
  const bus = new EventBus();
  const first = Promise.withResolvers<void>();
  const got: string[] = [];
  using _ = bus.subscribe("Hung", async (event) => {
    got.push(textOf(event));
    await first.promise;
  });
  const heard: string[] = [];
  using _good = bus.subscribe("Good", (event) => void heard.push(event.type));
  const progress = { phase: "decode", done: 1, total: 2, unit: "images" } as const;
  bus.emit(notice("first"));
  for (let i = 0; i < 20_000; i++) bus.emit({ type: "data", progress });
  bus.emit(notice("last"));
  assertEquals(heard.length, 20_002);
  await bus.settle(10); // it hangs: this ends all the same
  assertEquals(got, ["first"]);
  first.resolve();
  await bus.settle(10_000);
  assertEquals(got.at(-1), "last");
  assertEquals(got.length, 1 + 10_000, "at most so many waited");
});

Deno.test("EventBus: a subscriber that emits does not turn the order round", async () => {
  const bus = new EventBus();
  const heard: string[] = [];
  using _echo = bus.subscribe("Echo", (event) => {
    if (event.type === "fault") bus.emit(notice("echo"));
  });
  using _ = bus.subscribe("Good", (event) => void heard.push(textOf(event)));
  bus.emit({ type: "fault", fault: "pauses", count: 1 });
  bus.emit(notice("b"));
  await bus.settle(1_000);
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
