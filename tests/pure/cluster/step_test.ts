// A whole step as a state machine, on a virtual clock: whatever happens, as long as a worker is there every missing leaf is on
// its way from one that is, nothing waits for ever, and the sum has the quiet bits.
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Decisions, StepEvent } from "../../../coordinator/cluster/decisions.ts";
import type { Work } from "../../../coordinator/cluster/schedule.ts";
import type { PartialSum, Predictions } from "../../../shared/sums.ts";
import { type NodeId, nodeRange, type Range } from "../../../shared/tree.ts";
import { answerFor, hand, nodesOf, smallStep, smallWork, type TestHand } from "../../fixtures/small_step.ts";

/** What a random environment does next. */
type Happening =
  | {
    readonly kind: "answer" | "leave" | "accuse" | "bad" | "NaN" | "lie" | "twice" | "stall";
    readonly worker: number;
  }
  | { readonly kind: "join" }
  | { readonly kind: "wait"; readonly milliseconds: number };

const FAULTS = ["leave", "accuse", "bad", "NaN", "twice", "stall"] as const;

function happenings(kinds: readonly (typeof FAULTS[number] | "lie")[]): fc.Arbitrary<Happening[]> {
  const worker = fc.nat(7);
  return fc.array(
    fc.oneof(
      { weight: 6, arbitrary: fc.record({ kind: fc.constant("answer" as const), worker }) },
      ...kinds.map((kind) => ({ weight: 1, arbitrary: fc.record({ kind: fc.constant(kind), worker }) })),
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("join" as const) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant("wait" as const), milliseconds: fc.nat(150) }) },
    ),
    { maxLength: 80 },
  );
}

/** A step to run: leaves of 2 samples, and how many workers are there at first. */
const steps = fc.record({
  leaves: fc.integer({ min: 1, max: 35 }),
  short: fc.boolean(),
  task: fc.constantFrom("train" as const, "evaluate" as const),
  share: fc.oneof(
    fc.constant([0, 10] as const),
    fc.tuple(fc.nat(10), fc.nat(10)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const),
  ),
  workers: fc.integer({ min: 0, max: 5 }),
}).map(({ leaves, short, task, share: [from, to], workers }) => {
  const at = (tenths: number) => Math.round(leaves * tenths / 10);
  const samples = Array<number>(leaves).fill(2);
  if (short) samples[leaves - 1] = 1;
  return { work: smallWork(samples, task, { start: at(from), end: at(to) }), workers };
});

/** Workers that compute their orders one after another, node by node, and keep to the rules of a step. */
class World {
  readonly work: Work;
  readonly log: string[] = [];
  result: PartialSum[] | Predictions | undefined;
  readonly #step: ReturnType<typeof smallStep>;
  readonly #leaves: number;
  /** Nodes that each worker has still to compute; a worker that was overtaken or accused computes on. */
  readonly #queues = new Map<TestHand, NodeId[]>();
  /** Workers that take part. */
  readonly #enlisted = new Set<TestHand>();
  /** They do not answer any more. */
  readonly #stalled = new Set<TestHand>();
  #counted: boolean[] = [];
  #now = 0;
  #wakeAt: number | undefined;
  #names = 0;
  /** Whether somebody has sent a gradient that is not finite. */
  #sick = false;

  constructor(work: Work) {
    this.work = work;
    this.#leaves = work.bounds.length - 1;
    this.#step = smallStep(work, () => {
      this.#counted = Array.from(
        { length: this.#leaves },
        (_, leaf) => leaf < work.wanted.start || leaf >= work.wanted.end,
      );
    });
  }

  /** Workers come at once. */
  join(count: number): void {
    const workers = Array.from({ length: count }, () => {
      const name = ++this.#names;
      return hand(`w${name}`, { speed: name % 3 === 0 ? undefined : name });
    });
    for (const worker of workers) this.#queues.set(worker, []);
    this.#enlist(workers);
  }

  happen(happening: Happening): void {
    if (this.result !== undefined) return;
    const workers = [...this.#queues.keys()];
    const who = "worker" in happening ? workers[happening.worker % Math.max(1, workers.length)] : undefined;
    if (happening.kind === "join") return this.join(1);
    if (happening.kind === "wait") return this.#wait(this.#now + happening.milliseconds);
    if (who === undefined) return;
    switch (happening.kind) {
      case "leave":
        this.#queues.delete(who);
        this.#enlisted.delete(who);
        return this.#tell({ type: "leave", worker: who });
      case "accuse":
        return this.#tell({ type: "accuse", worker: who, reason: "its frame is damaged", fault: "badAnswers" });
      case "stall":
        return void this.#stalled.add(who);
      case "NaN":
        // Two that are not finite are believed: there is only one.
        if (this.#sick || this.work.task === "evaluate") return;
        this.#sick = this.#queues.get(who)!.length > 0 && !this.#stalled.has(who);
        return this.#answer(who, (gradient) => gradient.fill(NaN, 0, 1));
      case "lie":
        return this.#answer(who, (gradient) => gradient.map((value) => value + 1));
      case "bad":
        return this.#answer(who, (gradient) => gradient.subarray(1));
      case "twice":
        return this.#answer(who, undefined, 2);
      case "answer":
        return this.#answer(who);
    }
  }

  /** Lets everybody work who still does until all is done; false if that never happens. */
  finish(): boolean {
    for (let turns = 0; turns < 10_000 && this.result === undefined; turns++) {
      const busy = [...this.#queues].find(([one, nodes]) => nodes.length > 0 && !this.#stalled.has(one));
      if (busy !== undefined) this.#answer(busy[0]);
      else if (this.#wakeAt !== undefined) this.#wait(this.#wakeAt);
      else return false;
    }
    return this.result !== undefined;
  }

  #wait(until: number): void {
    this.#now = until;
    if (this.#wakeAt !== undefined && this.#wakeAt <= until) this.#tell({ type: "tick" });
  }

  #answer(who: TestHand, change?: (gradient: Float32Array) => Float32Array, times = 1): void {
    if (this.#stalled.has(who)) return;
    const node = this.#queues.get(who)!.shift();
    if (node === undefined) return;
    if (!this.#enlisted.has(who)) this.#enlist([who]); // it was overtaken: this is the sign of life
    for (let i = 0; i < times && this.result === undefined; i++) {
      this.#tell({ type: "answer", worker: who, frame: answerFor(this.work, node, change) }, node);
    }
  }

  #enlist(workers: readonly TestHand[]): void {
    for (const worker of workers) this.#enlisted.add(worker);
    this.#tell({ type: "join", workers });
  }

  #tell(event: StepEvent<TestHand>, node?: NodeId): void {
    const decisions = this.#step.handle(event, this.#now);
    this.log.push(describe(event.type, decisions));
    if (decisions.isCounted) {
      const { start, end } = nodeRange(this.#leaves, node!);
      for (let leaf = start; leaf < end; leaf++) {
        assert(!this.#counted[leaf], `leaf ${leaf} is counted twice`);
        this.#counted[leaf] = true;
      }
    }
    for (const { worker } of [...decisions.overtaken, ...decisions.blames]) this.#enlisted.delete(worker);
    for (const { worker, range } of decisions.orders) {
      // Whoever is dismissed in the same breath may have been asked just before.
      this.#queues.get(worker)?.push(...nodesOf(this.work, range));
    }
    this.#wakeAt = decisions.wakeAt;
    assert(this.#wakeAt === undefined || this.#wakeAt > this.#now, "a wake-up in the past would spin");
    this.result = decisions.result;
    if (this.result !== undefined) return;
    this.#assertPromise();
    for (const { worker } of decisions.blames) if (this.#queues.has(worker)) this.#enlist([worker]);
  }

  /** Every missing leaf is on its way, from a worker that is there, in an answer that can still be used. */
  #assertPromise(): void {
    if (this.#enlisted.size === 0) return;
    const onItsWay = new Set<number>();
    for (const worker of this.#enlisted) {
      for (const node of this.#queues.get(worker)!) {
        const { start, end } = nodeRange(this.#leaves, node);
        const leaves = Array.from({ length: end - start }, (_, i) => start + i);
        if (!leaves.some((leaf) => this.#counted[leaf])) { for (const leaf of leaves) onItsWay.add(leaf); }
      }
    }
    const forgotten = this.#counted.flatMap((counted, leaf) => counted || onItsWay.has(leaf) ? [] : [leaf]);
    assertEquals(forgotten, [], this.log.slice(-5).join("\n"));
  }
}

/** Decisions as text, with names for workers. */
function describe(event: string, decisions: Decisions<TestHand, unknown>): string {
  return JSON.stringify([event, decisions], (key, value) => key === "result" ? "…" : (value?.name ?? value));
}

/** What one worker alone gets. */
function quiet(work: Work): PartialSum[] | Predictions {
  const world = new World(work);
  world.join(1);
  assert(world.finish());
  return world.result!;
}

Deno.test("Step: whatever happens, every leaf is counted once, nothing waits for ever, and the bits are the quiet ones", () => {
  fc.assert(
    fc.property(steps, happenings(FAULTS), ({ work, workers }, happening) => {
      const world = new World(work);
      world.join(workers);
      for (const one of happening) world.happen(one);
      if (world.result === undefined) world.join(1); // with nobody there it rightly waits
      assert(world.finish(), "deadlock");
      assertEquals(world.result, quiet(work));
    }),
    { seed: 11, numRuns: 2_000 },
  );
});

Deno.test("Step: with lies among the answers too, nothing is forgotten and nothing waits for ever", () => {
  fc.assert(
    fc.property(steps, happenings([...FAULTS, "lie", "lie", "lie"]), ({ work, workers }, happening) => {
      const world = new World(work);
      world.join(workers);
      for (const one of happening) world.happen(one);
      if (world.result === undefined) world.join(1);
      assert(world.finish(), "deadlock");
    }),
    { seed: 12, numRuns: 2_000 },
  );
});

Deno.test("Step: its decisions follow from the events alone", () => {
  fc.assert(
    fc.property(steps, happenings([...FAULTS, "lie"]), ({ work, workers }, happening) => {
      const logs = [1, 2].map(() => {
        const world = new World(work);
        world.join(workers);
        for (const one of happening) world.happen(one);
        return world.log;
      });
      assertEquals(logs[0], logs[1]);
    }),
    { seed: 13, numRuns: 300 },
  );
});

/** A step of 8 leaves of 8 samples, and what it decides. */
function eight(workers: readonly TestHand[]) {
  const work = smallWork(Array(8).fill(8), "train");
  const step = smallStep(work);
  const ordered = ({ orders }: Decisions<TestHand, unknown>) =>
    orders.map(({ worker, range, because }) => [worker.name, range.start, range.end, because]);
  return {
    step,
    ordered,
    begun: step.handle({ type: "join", workers }, 0),
    answer: (worker: TestHand, node: NodeId, now: number) =>
      step.handle({ type: "answer", worker, frame: answerFor(work, node) }, now),
  };
}

Deno.test("Step gives a lost worker's leaves to the others at once", () => {
  const [a, b] = [hand("a"), hand("b")];
  const { step, ordered, begun } = eight([a, b]);
  assertEquals(ordered(begun), [["a", 0, 4, "first"], ["b", 4, 8, "first"]]);
  assertEquals(step.owed(b), [4, 5, 6, 7]);
  const decisions = step.handle({ type: "leave", worker: b }, 10);
  assertEquals(ordered(decisions), [["a", 4, 8, "lost"]]);
  assertEquals(decisions.faults, [{ fault: "leavesReissued", count: 4 }]);
});

Deno.test("Step asks an idle worker for a late one's leaves, once, and takes the first answer", () => {
  const [a, b] = [hand("a"), hand("b")];
  const { step, ordered, answer } = eight([a, b]);
  const used = answer(a, { level: 2, index: 0 }, 50);
  assertEquals([used.isCounted, ordered(used), used.wakeAt], [true, [], 100]);
  assertEquals(ordered(step.handle({ type: "tick" }, 99)), []);
  const late = step.handle({ type: "tick" }, 100);
  assertEquals([ordered(late), late.wakeAt], [[["a", 4, 8, "late"]], 200]);
  assertEquals(late.faults, [{ fault: "leavesDuplicated", count: 4 }]);
  assertEquals(ordered(step.handle({ type: "tick" }, 150)), []);
  const last = answer(a, { level: 2, index: 1 }, 180);
  assertEquals(last.overtaken.map(({ worker, images, started }) => [worker.name, images, started]), [["b", 32, 0]]);
  assert(last.result !== undefined);
  assertEquals(answer(b, { level: 2, index: 1 }, 190).isCounted, false);
});

Deno.test("Step: in the first step the first pace that is known says how long the others may take", () => {
  const limits = { floor: 10, ceiling: 100_000 };
  const [a, b] = [hand("a", { limits }), hand("b", { limits })];
  const { begun, answer } = eight([a, b]);
  assertEquals(begun.wakeAt, 100_000);
  const { wakeAt } = answer(a, { level: 2, index: 0 }, 50);
  assertEquals(wakeAt, 4 * 2 * 50); // four times what is the most to be expected of the other
});

Deno.test("Step: what is no measure of a training step is not recorded as one", () => {
  const work = smallWork([1, 1], "evaluate");
  const step = smallStep(work);
  const [a, b] = [hand("a", { speed: 1 }), hand("b", { speed: 1 })];
  step.handle({ type: "join", workers: [a, b] }, 0);
  const frame = (index: number) => answerFor(work, { level: 0, index });
  step.handle({ type: "answer", worker: a, frame: frame(0) }, 5);
  const { overtaken } = step.handle({ type: "answer", worker: a, frame: frame(1) }, 6);
  assertEquals(overtaken.map(({ images }) => images), [0]);
  assertEquals([a.pace.speed, b.pace.speed], [1, 1]);
});

Deno.test("Step refuses answers that are not of the kind, the node, the size or the weights that they should be", () => {
  const cases: [Work["task"], (work: Work) => ReturnType<typeof answerFor>, string][] = [
    ["train", (work) => answerFor({ ...work, task: "evaluate" }, { level: 0, index: 0 }), "a predictions frame in"],
    ["evaluate", (work) => answerFor({ ...work, task: "train" }, { level: 0, index: 1 }), "a partial frame in"],
    [
      "train",
      (work) => ({ ...answerFor(work, { level: 0, index: 1 }), index: 2 ** 31 }),
      "a sum for node 0:2147483648",
    ],
    ["train", (work) => ({ ...answerFor(work, { level: 0, index: 1 }), level: 1024 }), "a sum for node 1024:1"],
    ["train", (work) => answerFor(work, { level: 0, index: 0 }), "a sum for node 0:0 of 3 leaves"], // not wanted
    ["evaluate", (work) => answerFor(work, { level: 0, index: 0 }), "predictions for leaf 0"],
    [
      "train",
      (work) => ({ ...answerFor(work, { level: 0, index: 1 }), losses: new Float32Array(1) }),
      "1 losses for 2",
    ],
    [
      "train",
      (work) => ({ ...answerFor(work, { level: 0, index: 1 }), logits: new Float32Array(1) }),
      "1 logits for 2",
    ],
    ["train", (work) => answerFor(work, { level: 0, index: 1 }, (all) => all.subarray(1)), "3 gradient values"],
    ["train", (work) => ({ ...answerFor(work, { level: 0, index: 1 }), weights: 8 }), "other weights"],
  ];
  for (const [task, frame, reason] of cases) {
    const work = smallWork([2, 2, 2], task, { start: 1, end: 3 });
    const step = smallStep(work);
    const worker = hand("a");
    step.handle({ type: "join", workers: [worker] }, 0);
    const { blames: [blame] } = step.handle({ type: "answer", worker, frame: frame(work) }, 1);
    assert(blame?.reason.includes(reason), `${blame?.reason} for ${reason}`);
    assertEquals([blame?.fault, blame?.owed], ["badAnswers", [1, 2]]);
  }
});

/** A range of leaves, for tests of what is asked of whom. */
const all: Range = { start: 0, end: 1 };

/** A step of one leaf that everybody is asked for, and what comes of it, as text. */
function oneLeaf(workers: readonly TestHand[]) {
  const work = smallWork([1], "train", all);
  const step = smallStep(work);
  const tell = (decisions: Decisions<TestHand, unknown>): string[] => [
    ...decisions.orders.map(({ worker, because }) => `${worker.name} is asked: ${because}`),
    ...decisions.blames.map(({ worker }) => `${worker.name} is wrong`),
    ...decisions.undecided.map(([a, b]) => `${a.name} and ${b.name} differ`),
    ...(decisions.result === undefined ? [] : ["done"]),
  ];
  tell(step.handle({ type: "join", workers }, 0));
  return {
    leave: (worker: TestHand) => tell(step.handle({ type: "leave", worker }, 1)),
    answer: (worker: TestHand, bits: number) => {
      const frame = answerFor(work, { level: 0, index: 0 }, (gradient) => gradient.fill(bits));
      return tell(step.handle({ type: "answer", worker, frame }, 1));
    },
  };
}

Deno.test("Step: a worker with other bits is asked about by a third that ought to get the same", () => {
  // Two leaves keep the step from ending while the first one is disputed.
  const work = smallWork([1, 1], "train");
  const step = smallStep(work);
  const [first, stranger, second, third] = [
    hand("a", { fingerprint: "x" }),
    hand("b", { fingerprint: "y" }),
    hand("c", { fingerprint: "x" }),
    hand("d", { fingerprint: "x" }),
  ];
  step.handle({ type: "join", workers: [first, stranger, second, third] }, 0);
  const answer = (worker: TestHand, bits: number, index = 0) => {
    const frame = answerFor(work, { level: 0, index }, (gradient) => gradient.fill(bits));
    return step.handle({ type: "answer", worker, frame }, 1);
  };
  assert(answer(first, 1).isCounted);
  const strange = answer(stranger, 9); // another device: its bits say nothing
  assertEquals([strange.orders, strange.blames, strange.undecided], [[], [], []]);
  const [order] = answer(second, 2).orders;
  assertEquals([order?.worker, order?.because], [third, "doubt"]);
  assertEquals(answer(stranger, 9).blames, []);
  const judged = answer(third, 2);
  assertEquals(judged.blames.map(({ worker }) => worker), [first]);
  assertEquals(judged.faults[0], { fault: "leavesReissued", count: 2 }, "the wrong sum is thrown away");
  assert(judged.orders.length > 0 && judged.orders.every(({ worker }) => worker !== first));
});

Deno.test("Step: it does not end while a sum in it is disputed; without a third worker one of the two is asked again", () => {
  const [first, second] = [hand("a"), hand("c")];
  const { work, step } = twoLeaves([first, second]);
  step.handle({ type: "answer", worker: first, frame: answerFor(work, { level: 0, index: 0 }, fill(1)) }, 1);
  const [order] = step.handle({
    type: "answer",
    worker: second,
    frame: answerFor(work, { level: 0, index: 0 }, fill(2)),
  }, 1).orders;
  assertEquals(order?.worker, first);
  const last = { type: "answer", worker: second, frame: answerFor(work, { level: 0, index: 1 }) } as const;
  assertEquals(step.handle(last, 2).result, undefined);
  const judged = step.handle({
    type: "answer",
    worker: first,
    frame: answerFor(work, { level: 0, index: 0 }, fill(1)),
  }, 3);
  assertEquals(judged.blames.map(({ worker }) => worker), [second]);
  assert(judged.result !== undefined);
});

const fill = (value: number) => (gradient: Float32Array) => gradient.fill(value);

function twoLeaves(workers: readonly TestHand[]) {
  const work = smallWork([1, 1], "train");
  const step = smallStep(work);
  step.handle({ type: "join", workers }, 0);
  return { work, step };
}

Deno.test("Step: a judge that is gone is replaced, and one that agrees with nobody decides nothing", () => {
  const [first, second, judge, last] = [hand("a"), hand("b"), hand("c"), hand("d")];
  const { work, step } = twoLeaves([first, second, judge, last]);
  const answer = (worker: TestHand, bits: number) =>
    step.handle({ type: "answer", worker, frame: answerFor(work, { level: 0, index: 0 }, fill(bits)) }, 1);
  answer(first, 1);
  const [asked] = answer(second, 2).orders;
  assertEquals(asked?.worker, judge);
  const [instead] = step.handle({ type: "leave", worker: judge }, 1).orders;
  assertEquals(instead?.worker, last);
  assertEquals(answer(last, 3).undecided, [[first, second]]);
});

Deno.test("Step: what is not finite is believed once two get it", () => {
  const [a, b] = [hand("a"), hand("b")];
  const { answer } = oneLeaf([a, b]);
  assertEquals(answer(a, NaN), ["b is asked: doubt"]);
  assertEquals(answer(b, NaN), ["done"]);
  const alone = oneLeaf([a]);
  assertEquals(alone.answer(a, NaN), ["a is asked: doubt"]);
  assertEquals(alone.answer(a, NaN), ["done"]);
});

Deno.test("Step: whoever alone gets what is not finite is wrong", () => {
  const [a, b] = [hand("a"), hand("b")];
  const { answer } = oneLeaf([a, b]);
  assertEquals(answer(a, NaN), ["b is asked: doubt"]);
  assertEquals(answer(b, 1), ["a is wrong", "done"]);
});

Deno.test("Step: what comes when it is over is compared, and used for nothing", () => {
  const [a, b, stranger] = [hand("a"), hand("b"), hand("c", { fingerprint: "y" })];
  const { answer, leave } = oneLeaf([a, b, stranger]);
  assertEquals(answer(a, 1), ["done"]);
  assertEquals(answer(b, 1), []);
  assertEquals(answer(stranger, 2), []);
  assertEquals(answer(b, 2), ["a and b differ"]);
  assertEquals(answer(b, NaN), ["b is wrong"]);
  assertEquals(leave(a), []);
});

Deno.test("Step: a worker that sends what is not finite again is never its own second opinion", () => {
  const [a, b] = [hand("a"), hand("b")];
  const { answer } = oneLeaf([a, b]);
  assertEquals(answer(a, NaN), ["b is asked: doubt"]);
  assertEquals(answer(a, NaN), []); // b is asked already
  assertEquals(answer(b, 1), ["a is wrong", "done"]);
});

Deno.test("Step: whoever ought to get the same bits judges, though another was asked", () => {
  const [first, second, judge, third] = [hand("a"), hand("b"), hand("c"), hand("d")];
  const { work, step } = twoLeaves([first, second, judge, third]);
  const answer = (worker: TestHand, bits: number) =>
    step.handle({ type: "answer", worker, frame: answerFor(work, { level: 0, index: 0 }, fill(bits)) }, 1);
  answer(first, 1);
  assertEquals(answer(second, 2).orders.map(({ worker }) => worker), [judge]);
  assertEquals(answer(third, 1).blames.map(({ worker }) => worker), [second]);
});

Deno.test("Step: where the one who stood in for a late worker is not believed, a third is asked", () => {
  const [late, doubted, third] = [hand("a"), hand("b"), hand("c")];
  const work = smallWork([1], "train");
  const step = smallStep(work);
  step.handle({ type: "join", workers: [late] }, 0);
  assertEquals(step.handle({ type: "join", workers: [doubted] }, 100).orders.map(({ worker }) => worker), [doubted]);
  const frame = answerFor(work, { level: 0, index: 0 }, fill(NaN));
  const { orders, wakeAt } = step.handle({ type: "answer", worker: doubted, frame }, 110);
  assertEquals([orders, wakeAt], [[], undefined]); // the late one owes it still, and nobody else is there
  const { orders: [order] } = step.handle({ type: "join", workers: [third] }, 120);
  assertEquals([order?.worker, order?.because], [third, "late"]);
});

Deno.test("Step: a worker that has done one order may be late with the next, which counts from then on", () => {
  const fast = { speed: 1000, limits: { floor: 1, ceiling: 1e6 } };
  const [a, b] = [hand("a", fast), hand("b", fast)];
  const work = smallWork([32, 8], "train");
  const step = smallStep(work);
  step.handle({ type: "join", workers: [a, b] }, 0);
  step.handle({ type: "leave", worker: b }, 0); // a has both leaves now
  step.handle({ type: "join", workers: [b] }, 1);
  assertEquals(step.handle({ type: "tick" }, 2 * 8).wakeAt, 2 * 32);
  const frame = answerFor(work, { level: 0, index: 0 });
  const { wakeAt } = step.handle({ type: "answer", worker: a, frame }, 20);
  assert(wakeAt !== undefined && 20 < wakeAt && wakeAt < 2 * 32, `${wakeAt}`);
  const { orders: [order] } = step.handle({ type: "tick" }, wakeAt);
  assertEquals([order?.worker, order?.because], [b, "late"]);
});
