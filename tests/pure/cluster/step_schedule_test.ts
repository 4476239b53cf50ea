// The schedule on a virtual clock, under random events: every leaf counted exactly once, and no deadlock.
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { leafRanges } from "../../../coordinator/cluster/assign_leaves.ts";
import { type Hand, type Order, StepSchedule } from "../../../coordinator/cluster/step_schedule.ts";
import { type NodeId, nodeKey, nodeRange, type Range, subtreesIn } from "../../../shared/tree.ts";

interface Worker extends Hand {
  readonly name: number;
}

function worker(name: number, speed?: number): Worker {
  return { name, speed, patience: () => 100 };
}

const leavesIn = (orders: readonly Order<Worker>[]) => orders.flatMap(({ range: { start, end } }) => [start, end]);

Deno.test("StepSchedule gives a lost worker's leaves to the others at once", () => {
  const schedule = new StepSchedule<Worker>(leafRanges(64, 8), "train");
  const [a, b] = [worker(1), worker(2)];
  schedule.join(a);
  schedule.join(b);
  assertEquals(leavesIn(schedule.orders(0)), [0, 4, 4, 8]);
  assertEquals(schedule.leave(b), [4, 5, 6, 7]);
  const [again] = schedule.orders(10);
  assertEquals(again, { worker: a, range: { start: 4, end: 8 }, because: "lost" });
});

Deno.test("StepSchedule asks an idle worker for a late one's leaves, once, and takes the first answer", () => {
  const schedule = new StepSchedule<Worker>(leafRanges(64, 8), "train");
  const [a, b] = [worker(1), worker(2)];
  schedule.join(a);
  schedule.join(b);
  schedule.orders(0);
  const answer = (by: Worker, node: NodeId, now: number) => schedule.answer(by, node, now).verdict;
  assertEquals(answer(a, { level: 2, index: 0 }, 50), "used");
  assertEquals(schedule.orders(99), []);
  assertEquals(schedule.wakeAt(99), 100);
  const orders = schedule.orders(100);
  assertEquals(orders, [{ worker: a, range: { start: 4, end: 8 }, because: "late" }]);
  assertEquals(schedule.wakeAt(100), 200);
  assertEquals(schedule.orders(150), []);
  assertEquals(answer(a, { level: 2, index: 1 }, 180), "used");
  assert(schedule.complete);
  assertEquals(schedule.takeOvertaken(), [{ worker: b, images: 32, started: 0 }]);
  assertEquals(answer(b, { level: 2, index: 1 }, 190), "duplicate");
});

/** What a random environment does next. */
type Event =
  | { readonly kind: "answer" | "leave" | "lose-answer" | "doubt" | "stall"; readonly worker: number }
  | { readonly kind: "join" }
  | { readonly kind: "wait"; readonly milliseconds: number };

const events: fc.Arbitrary<Event[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant("answer" as const), worker: fc.nat(7) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("leave" as const), worker: fc.nat(7) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("lose-answer" as const), worker: fc.nat(7) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("doubt" as const), worker: fc.nat(7) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("stall" as const), worker: fc.nat(7) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("join" as const) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("wait" as const), milliseconds: fc.nat(150) }) },
  ),
  { maxLength: 80 },
);

/** Workers that compute their orders one after another, subtree by subtree. */
class World {
  readonly schedule: StepSchedule<Worker>;
  readonly counts: number[];
  /** 1 for each leaf that is to be counted. */
  readonly wanted: number[];
  readonly #leaves: number;
  readonly #task: "train" | "evaluate";
  readonly #queues = new Map<Worker, NodeId[]>();
  /** They do not answer any more. */
  readonly #stalled = new Set<Worker>();
  #now = 0;
  #names = 0;

  /** @param share which part of the leaves is wanted, in tenths */
  constructor(samples: number, task: "train" | "evaluate", share: Range = { start: 0, end: 10 }) {
    const leaves = leafRanges(samples, 2);
    const at = (tenths: number) => Math.round(leaves.length * tenths / 10);
    const wanted = { start: at(share.start), end: at(share.end) };
    this.#leaves = leaves.length;
    this.#task = task;
    this.wanted = leaves.map((_, leaf) => wanted.start <= leaf && leaf < wanted.end ? 1 : 0);
    this.counts = leaves.map(() => 0);
    this.schedule = new StepSchedule(leaves, task, wanted);
  }

  join(): void {
    this.#names++;
    const joined = worker(this.#names, this.#names % 3 === 0 ? undefined : this.#names);
    this.#queues.set(joined, []);
    this.schedule.join(joined);
    this.#send();
  }

  handle(event: Event): void {
    const workers = [...this.#queues.keys()];
    const who = "worker" in event ? workers[event.worker % Math.max(1, workers.length)] : undefined;
    if (event.kind === "join") return this.join();
    if (event.kind === "wait") this.#now += event.milliseconds;
    else if (who === undefined) return;
    else if (event.kind === "answer") this.#answer(who);
    else if (event.kind === "stall") this.#stalled.add(who);
    else if (event.kind === "doubt") this.#doubt(who);
    else {
      this.schedule.leave(who);
      if (event.kind === "leave") this.#queues.delete(who);
      else this.schedule.join(who); // a bad answer: the worker stays, what it computes is not waited for
    }
    this.#send();
  }

  /** Lets everybody work who still does until all is done; false if that never happens. */
  finish(): boolean {
    while (!this.schedule.complete) {
      const busy = [...this.#queues].find(([one, nodes]) => nodes.length > 0 && !this.#stalled.has(one));
      const wakeAt = this.schedule.wakeAt(this.#now);
      if (busy !== undefined) this.#answer(busy[0]);
      else if (wakeAt !== undefined) this.#now = wakeAt;
      else return false;
      this.#send();
    }
    return true;
  }

  /** An answer comes that is not believed. */
  #doubt(who: Worker): void {
    if (this.#stalled.has(who)) return;
    const node = this.#queues.get(who)!.shift();
    if (node === undefined) return;
    this.schedule.release(who, node, this.#now);
    const order = this.schedule.isOwed(node, [who]) ? undefined : this.schedule.recheck([who], node, this.#now);
    if (order !== undefined) this.#queues.get(order.worker)!.push(node);
  }

  #answer(who: Worker): void {
    if (this.#stalled.has(who)) return;
    this.schedule.join(who); // if it was late
    const node = this.#queues.get(who)!.shift();
    if (node === undefined) return;
    if (this.schedule.answer(who, node, this.#now).verdict === "duplicate") return;
    const { start, end } = nodeRange(this.#leaves, node);
    for (let leaf = start; leaf < end; leaf++) this.counts[leaf]!++;
  }

  #send(): void {
    for (const { worker } of this.schedule.takeOvertaken()) this.schedule.leave(worker);
    for (const { worker, range } of this.schedule.orders(this.#now)) {
      const nodes = this.#task === "train"
        ? subtreesIn(this.#leaves, range)
        : Array.from({ length: range.end - range.start }, (_, i) => ({ level: 0, index: range.start + i }));
      assertEquals(new Set(nodes.map(nodeKey)).size, nodes.length);
      this.#queues.get(worker)!.push(...nodes);
    }
    const wakeAt = this.schedule.wakeAt(this.#now);
    assert(wakeAt === undefined || wakeAt > this.#now, "a wake-up in the past would spin");
  }
}

Deno.test("StepSchedule counts every wanted leaf exactly once, no other, and never deadlocks, whatever happens", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 70 }),
      fc.constantFrom("train" as const, "evaluate" as const),
      fc.oneof(
        fc.constant({ start: 0, end: 10 }),
        fc.tuple(fc.nat(10), fc.nat(10)).map(([a, b]) => ({ start: Math.min(a, b), end: Math.max(a, b) })),
      ),
      fc.integer({ min: 0, max: 5 }),
      events,
      (samples, task, share, workers, happening) => {
        const world = new World(samples, task, share);
        for (let i = 0; i < workers; i++) world.join();
        for (const event of happening) world.handle(event);
        if (!world.schedule.complete) world.join(); // with nobody there it rightly waits
        assert(world.finish(), "deadlock");
        assertEquals(world.counts, world.wanted);
      },
    ),
    { seed: 11, numRuns: 2_000 },
  );
});
