// A whole step as a state machine, on a virtual clock: whatever happens, as long as a worker is there every missing leaf is on
// its way from one that is, nothing waits for ever, and the sum has the quiet bits.
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Decisions, StepEvent } from "../../../coordinator/cluster/decisions.ts";
import type { Work } from "../../../coordinator/cluster/schedule.ts";
import type { PartialSum, Predictions } from "../../../shared/sums.ts";
import { type NodeId, nodeRange, type Range } from "../../../shared/tree.ts";
import { answerFor, CHECKS, hand, nodesOf, smallStep, smallWork, type TestHand } from "../../fixtures/small_step.ts";

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
  checks: fc.constantFrom("none" as const, "all" as const),
}).map(({ leaves, short, task, share: [from, to], workers, checks }) => {
  const at = (tenths: number) => Math.round(leaves * tenths / 10);
  const samples = Array<number>(leaves).fill(2);
  if (short) samples[leaves - 1] = 1;
  return { work: smallWork(samples, task, { start: at(from), end: at(to) }), workers, checks };
});

/** A node that a worker has still to compute, and the order that asks for it. */
interface Asked {
  readonly node: NodeId;
  readonly attempt: number;
}

/** Workers that compute their orders one after another, node by node, and keep to the rules of a step. */
class World {
  readonly work: Work;
  readonly log: string[] = [];
  result: PartialSum[] | Predictions | undefined;
  readonly #step: ReturnType<typeof smallStep>;
  readonly #leaves: number;
  /** Nodes that each worker has still to compute; a worker that was overtaken or accused computes on. */
  readonly #queues = new Map<TestHand, Asked[]>();
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

  constructor(work: Work, checks: keyof typeof CHECKS = "none") {
    this.work = work;
    this.#leaves = work.bounds.length - 1;
    this.#step = smallStep(work, {
      checks: CHECKS[checks],
      onBegin: () => {
        this.#counted = Array.from(
          { length: this.#leaves },
          (_, leaf) => leaf < work.wanted.start || leaf >= work.wanted.end,
        );
      },
    });
  }

  /** A worker of the coordinator's own comes. */
  joinOwn(): void {
    const own = hand("own", { speed: 1, isOwn: true });
    this.#queues.set(own, []);
    this.#enlist([own]);
  }

  /** Workers come at once. */
  join(count: number): void {
    if (this.result !== undefined) return;
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
    if (who.isOwn) return this.#answer(who); // it does nothing wrong
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
        if (this.#sick) return;
        this.#sick = this.#queues.get(who)!.length > 0 && !this.#stalled.has(who);
        return this.#answer(who, (numbers) => numbers.fill(NaN, 0, 1));
      case "lie":
        return this.#answer(who, (numbers) => numbers.map((value) => value + 1));
      case "bad":
        return this.#answer(who, (numbers) => numbers.subarray(1));
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
    const asked = this.#queues.get(who)!.shift();
    if (asked === undefined) return;
    const { node, attempt } = asked;
    if (!this.#enlisted.has(who)) this.#enlist([who]); // it was overtaken: this is the sign of life
    for (let i = 0; i < times && this.result === undefined; i++) {
      this.#tell({ type: "answer", worker: who, frame: answerFor(this.work, node, attempt, change) }, node);
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
    for (const { worker, range, attempt } of decisions.orders) {
      // Whoever is dismissed in the same breath may have been asked just before.
      this.#queues.get(worker)?.push(...nodesOf(this.work, range).map((node) => ({ node, attempt })));
    }
    this.#wakeAt = decisions.wakeAt;
    assert(this.#wakeAt === undefined || this.#wakeAt > this.#now, "a wake-up in the past would spin");
    this.result = decisions.result;
    if (this.result !== undefined) return;
    this.#assertPromise();
    for (const { worker, isJudged } of decisions.blames) {
      if (isJudged) this.#queues.delete(worker);
      else if (this.#queues.has(worker)) this.#enlist([worker]);
    }
  }

  /** Every missing leaf is on its way, from a worker that is there, in an answer that can still be used. */
  #assertPromise(): void {
    if (this.#enlisted.size === 0) return;
    const onItsWay = new Set<number>();
    for (const worker of this.#enlisted) {
      for (const { node } of this.#queues.get(worker) ?? []) {
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
    fc.property(steps, happenings(FAULTS), ({ work, workers, checks }, happening) => {
      const world = new World(work, checks);
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
    fc.property(steps, happenings([...FAULTS, "lie", "lie", "lie"]), ({ work, workers, checks }, happening) => {
      const world = new World(work, checks);
      world.join(workers);
      for (const one of happening) world.happen(one);
      if (world.result === undefined) world.join(1);
      assert(world.finish(), "deadlock");
    }),
    { seed: 12, numRuns: 2_000 },
  );
});

Deno.test("Step: where all is checked and one worker is the coordinator's own, no lie gets into the result", () => {
  const kinds = ["accuse", "bad", "twice", "lie", "lie", "lie"] as const;
  fc.assert(
    fc.property(steps, happenings(kinds), ({ work, workers }, happening) => {
      const world = new World(work, "all");
      world.joinOwn();
      world.join(workers);
      // Nobody waits: where an own one is late others are asked, who may be accomplices.
      for (const one of happening) if (one.kind !== "wait") world.happen(one);
      assert(world.finish(), "deadlock");
      assertEquals(world.result, quiet(work));
    }),
    { seed: 14, numRuns: 2_000 },
  );
});

Deno.test("Step: its decisions follow from the events alone", () => {
  fc.assert(
    fc.property(steps, happenings([...FAULTS, "lie"]), ({ work, workers, checks }, happening) => {
      const logs = [1, 2].map(() => {
        const world = new World(work, checks);
        world.join(workers);
        for (const one of happening) world.happen(one);
        return world.log;
      });
      assertEquals(logs[0], logs[1]);
    }),
    { seed: 13, numRuns: 300 },
  );
});

/** A step, its answers to whatever the workers were last asked, and what it decides, as text. */
function stepOf(
  samples: readonly number[],
  workers: readonly TestHand[],
  { task = "train", range, checks = "none" }: {
    readonly task?: Work["task"];
    readonly range?: Range;
    readonly checks?: keyof typeof CHECKS;
  } = {},
) {
  const work = smallWork(samples, task, range);
  const step = smallStep(work, { checks: CHECKS[checks] });
  const asked: (Asked & { readonly worker: TestHand })[] = [];
  const tell = (event: StepEvent<TestHand>, now = 1) => {
    const decisions = step.handle(event, now);
    for (const { worker, range, attempt } of decisions.orders) {
      for (const node of nodesOf(work, range)) asked.push({ worker, node, attempt });
    }
    return decisions;
  };
  /** The attempt under which a worker was asked for a node, by default the last one. */
  const attemptOf = (worker: TestHand, node: NodeId) =>
    asked.findLast((one) => one.worker === worker && one.node.level === node.level && one.node.index === node.index)
      ?.attempt ?? 0;
  return {
    work,
    step,
    begun: tell({ type: "join", workers }, 0),
    tell,
    attemptOf,
    frame: (worker: TestHand, node: NodeId, bits?: number) =>
      answerFor(work, node, attemptOf(worker, node), bits === undefined ? undefined : (all) => all.slice().fill(bits)),
    answer(worker: TestHand, node: NodeId, { bits, now = 1 }: { readonly bits?: number; readonly now?: number } = {}) {
      return tell({ type: "answer", worker, frame: this.frame(worker, node, bits) }, now);
    },
  };
}

/** Decisions as sentences. */
function said(decisions: Decisions<TestHand, unknown>): string[] {
  const { checked: { compared, impossible, differing } } = decisions;
  return [
    ...decisions.orders.map(({ worker, range, because }) =>
      `${worker.name} is asked for ${range.start} to ${range.end}: ${because}`
    ),
    ...decisions.blames.map(({ worker, isJudged }) => `${worker.name} is ${isJudged ? "judged" : "wrong"}`),
    ...decisions.undecided.map(([a, b]) => `${a.name} and ${b.name} differ`),
    ...(compared + impossible > 0 ? [`${compared} compared, ${impossible} impossible, ${differing} differ`] : []),
    ...(decisions.result === undefined ? [] : ["done"]),
  ];
}

const root = { level: 0, index: 0 };
const eight = Array<number>(8).fill(8);

Deno.test("Step gives a lost worker's leaves to the others at once", () => {
  const [a, b] = [hand("a"), hand("b")];
  const { step, begun, tell } = stepOf(eight, [a, b]);
  assertEquals(said(begun), ["a is asked for 0 to 4: first", "b is asked for 4 to 8: first"]);
  assertEquals(step.owed(b), [4, 5, 6, 7]);
  const decisions = tell({ type: "leave", worker: b });
  assertEquals(said(decisions), ["a is asked for 4 to 8: lost"]);
  assertEquals(decisions.faults, [{ fault: "leavesReissued", count: 4 }]);
});

Deno.test("Step asks an idle worker for a late one's leaves, once, and takes the first answer", () => {
  const [a, b] = [hand("a"), hand("b")];
  const { answer, tell, ...step } = stepOf(eight, [a, b]);
  const half = (index: number) => ({ level: 2, index });
  const used = answer.call(step, a, half(0), { now: 50 });
  assertEquals([used.isCounted, said(used), used.wakeAt], [true, [], 100]);
  assertEquals(said(tell({ type: "tick" }, 99)), []);
  const late = tell({ type: "tick" }, 100);
  assertEquals([said(late), late.wakeAt], [["a is asked for 4 to 8: late"], 200]);
  assertEquals(late.faults, [{ fault: "leavesDuplicated", count: 4 }]);
  assertEquals(said(tell({ type: "tick" }, 150)), []);
  const last = answer.call(step, a, half(1), { now: 180 });
  assertEquals(last.overtaken.map(({ worker, images, started }) => [worker.name, images, started]), [["b", 32, 0]]);
  assert(last.result !== undefined);
  assertEquals(last.contributors, new Map([[a, 8]]));
  assertEquals(answer.call(step, b, half(1), { now: 190 }).isCounted, false);
});

Deno.test("Step: in the first step the first pace that is known says how long the others may take", () => {
  const limits = { floor: 10, ceiling: 100_000 };
  const [a, b] = [hand("a", { limits }), hand("b", { limits })];
  const step = stepOf(eight, [a, b]);
  assertEquals(step.begun.wakeAt, 100_000);
  const { wakeAt } = step.answer(a, { level: 2, index: 0 }, { now: 50 });
  assertEquals(wakeAt, 4 * 2 * 50); // four times what is the most to be expected of the other
});

Deno.test("Step: what is no measure of a training step is not recorded as one", () => {
  const [a, b] = [hand("a", { speed: 1 }), hand("b", { speed: 1 })];
  const work = smallWork([1, 1], "evaluate");
  const step = smallStep(work);
  // Both are asked for one leaf each; the other one's is given to the idle one, who overtakes it.
  const orders = [...step.handle({ type: "join", workers: [a, b] }, 0).orders];
  const frame = (index: number) => {
    const { attempt } = orders.find(({ worker, range }) => worker === a && range.start === index)!;
    return answerFor(work, { level: 0, index }, attempt);
  };
  step.handle({ type: "answer", worker: a, frame: frame(0) }, 5);
  orders.push(...step.handle({ type: "tick" }, 200).orders);
  const { overtaken } = step.handle({ type: "answer", worker: a, frame: frame(1) }, 206);
  assertEquals(overtaken.map(({ images }) => images), [0]);
  assertEquals([a.pace.speed, b.pace.speed], [1, 1]);
});

Deno.test("Step refuses answers that are not of the kind, the node, the size or the weights that they should be", () => {
  const first = { level: 0, index: 1 };
  const cases: [Work["task"], (work: Work, attempt: number) => ReturnType<typeof answerFor>, string][] = [
    ["train", (work, n) => answerFor({ ...work, task: "evaluate" }, root, n), "a predictions frame in"],
    ["evaluate", (work, n) => answerFor({ ...work, task: "train" }, first, n), "a partial frame in"],
    ["train", (work, n) => ({ ...answerFor(work, first, n), index: 2 ** 31 }), "a sum for node 0:2147483648"],
    ["train", (work, n) => ({ ...answerFor(work, first, n), level: 1024 }), "a sum for node 1024:1"],
    ["train", (work, n) => answerFor(work, root, n), "a sum for node 0:0 of 3 leaves"], // not wanted
    ["evaluate", (work, n) => answerFor(work, root, n), "predictions for leaf 0"],
    ["train", (work, n) => ({ ...answerFor(work, first, n), losses: new Float32Array(1) }), "1 losses for 2"],
    ["train", (work, n) => ({ ...answerFor(work, first, n), logits: new Float32Array(1) }), "1 logits for 2"],
    ["train", (work, n) => answerFor(work, first, n, (all) => all.subarray(1)), "3 gradient values"],
    ["train", (work, n) => ({ ...answerFor(work, first, n), weights: 8 }), "other weights"],
    ["train", (work, n) => answerFor(work, first, n + 1), "which it was not given"],
    ["evaluate", (work) => answerFor(work, first, 0), "which it was not given"],
  ];
  for (const [task, frame, reason] of cases) {
    const worker = hand("a");
    const { work, begun, tell } = stepOf([2, 2, 2], [worker], { task, range: { start: 1, end: 3 } });
    const { blames: [blame] } = tell({ type: "answer", worker, frame: frame(work, begun.orders[0]!.attempt) });
    assert(blame?.reason.includes(reason), `${blame?.reason} for ${reason}`);
    assertEquals([blame?.fault, blame?.owed], ["badAnswers", [1, 2]]);
  }
});

Deno.test("Step: a node counts from whom it was ordered, under the order's number, once", () => {
  for (const task of ["train", "evaluate"] as const) {
    const [a, b] = [hand("a"), hand("b")];
    const { work, tell, attemptOf, frame } = stepOf([2, 2], [a, b], { task });
    const [mine, other] = [{ level: 0, index: 0 }, { level: 0, index: 1 }];
    const send = (worker: TestHand, sent: ReturnType<typeof answerFor>) =>
      tell({ type: "answer", worker, frame: sent });
    // Of another's leaf, under its own order and under the other's.
    for (const attempt of [attemptOf(b, other), attemptOf(a, mine)]) {
      const { blames, isCounted } = send(b, answerFor(work, mine, attempt));
      assertEquals([blames.map(({ worker }) => worker), isCounted], [[b], false]);
      tell({ type: "join", workers: [b] });
    }
    assertEquals(send(a, frame(a, mine)).isCounted, true);
    const again = send(a, frame(a, mine));
    assertEquals([again.isCounted, again.blames, again.faults], [false, [], [{ fault: "duplicateAnswers", count: 1 }]]);
  }
});

Deno.test("Step: nobody vouches for more than was asked of it: the root of the tree and all predictions are refused", () => {
  const [liar, b] = [hand("liar"), hand("b")];
  const training = stepOf(eight, [liar, b]);
  const { attempt } = training.begun.orders[0]!;
  const zero = answerFor(training.work, { level: 3, index: 0 }, attempt, (all) => all.fill(0));
  const refused = training.tell({ type: "answer", worker: liar, frame: zero });
  assertEquals([refused.isCounted, said(refused)], [false, ["b is asked for 0 to 4: lost", "liar is wrong"]]);
  const test = stepOf([2, 2, 2, 2], [liar, b], { task: "evaluate" });
  const own = test.begun.orders.find(({ worker }) => worker === liar)!;
  for (let index = 0; index < 4; index++) {
    const { isCounted } = test.tell({
      type: "answer",
      worker: liar,
      frame: answerFor(test.work, { level: 0, index }, own.attempt),
    });
    assertEquals(isCounted, index < own.range.end && index >= own.range.start);
  }
});

Deno.test("Step: an answer to a withdrawn order is dropped, and nobody is blamed for it", () => {
  const [a, b] = [hand("a"), hand("b")];
  const { tell, answer, frame, ...step } = stepOf([2, 2], [a, b]);
  const mine = { level: 0, index: 0 };
  const old = frame(a, mine);
  tell({ type: "accuse", worker: a, reason: "its frame is damaged", fault: "badAnswers" });
  tell({ type: "join", workers: [a] });
  const { isCounted, blames, faults } = tell({ type: "answer", worker: a, frame: old });
  assertEquals([isCounted, blames, faults], [false, [], [{ fault: "staleAnswers", count: 1 }]]);
  assertEquals(answer.call({ ...step, frame }, b, mine).isCounted, true);
});

/** A step of one leaf that everybody is asked for: the first is late, the next ones join when that is known. */
function oneLeaf(workers: readonly TestHand[], task: Work["task"] = "train") {
  const [first, ...others] = workers;
  const { tell, frame, ...step } = stepOf([1], [first!], { task });
  let now = 0;
  for (const other of others) tell({ type: "join", workers: [other] }, now += 300);
  return {
    tell: (event: StepEvent<TestHand>) => said(tell(event, now)),
    answer: (worker: TestHand, bits: number) =>
      said(tell({ type: "answer", worker, frame: frame.call(step, worker, root, bits) }, now)),
  };
}

Deno.test("Step: a worker with other bits is judged by one of the coordinator's own", () => {
  const [first, stranger, second, own] = [
    hand("a"),
    hand("b", { fingerprint: "y" }),
    hand("c"),
    hand("own", { isOwn: true }),
  ];
  const { begun, tell, answer, ...step } = stepOf([1, 1], [first, second, stranger, own], { checks: "all" });
  assertEquals(said(begun), ["a is asked for 0 to 1: first", "c is asked for 1 to 2: first"]);
  const send = (worker: TestHand, index: number, bits?: number) =>
    said(answer.call(step, worker, { level: 0, index }, bits === undefined ? {} : { bits }));
  assertEquals(send(first, 0, 1), []);
  // All answers are in: another one of the same fingerprint computes each again, an own one first.
  assertEquals(send(second, 1), ["own is asked for 0 to 1: check", "own is asked for 1 to 2: check"]);
  // The second word of the only own one has to confirm the first.
  assertEquals(send(own, 0), ["own is asked for 0 to 1: check", "1 compared, 0 impossible, 1 differ"]);
  const judged = answer.call(step, own, root);
  assertEquals(judged.blames.map(({ worker, isJudged }) => [worker.name, isJudged]), [["a", true]]);
  assertEquals(judged.faults[0], { fault: "leavesReissued", count: 2 }, "the wrong sum is thrown away");
  assert(judged.orders.length > 0 && judged.orders.every(({ worker }) => worker !== first));
  assertEquals(tell({ type: "tick" }).result, undefined);
});

Deno.test("Step: without an own worker three strangers judge, and two colluders among five are outvoted", () => {
  const [liar, accomplice, ...honest] = ["a", "b", "c", "d", "e"].map((name) => hand(name));
  const step = stepOf([1], [honest[0]!, liar!, accomplice!, honest[1]!, honest[2]!], { checks: "all" });
  // The first has the leaf; the liar is asked to check it.
  assertEquals(said(step.answer(honest[0]!, root)), ["a is asked for 0 to 1: check"]);
  assertEquals(said(step.answer(liar!, root, { bits: 7 })), [
    "b is asked for 0 to 1: check",
    "d is asked for 0 to 1: check",
    "e is asked for 0 to 1: check",
    "1 compared, 0 impossible, 1 differ",
  ]);
  assertEquals(said(step.answer(accomplice!, root, { bits: 7 })), []);
  assertEquals(said(step.answer(honest[1]!, root)), []);
  assertEquals(said(step.answer(honest[2]!, root)), ["a is judged", "b is judged", "done"]);
});

Deno.test("Step: fewer than three strangers judge nobody: the dispute is undecided, and nobody is punished", () => {
  // With two workers the honest one was excluded once: whoever is suspected must not judge itself.
  for (const others of [0, 1, 2]) {
    const [honest, liar] = [hand("a"), hand("b")];
    const more = Array.from({ length: others }, (_, i) => hand(`c${i}`));
    const step = stepOf([1], [honest, liar, ...more], { checks: "all" });
    step.answer(honest, root);
    assertEquals(said(step.answer(liar, root, { bits: 7 })), [
      "a and b differ",
      "1 compared, 0 impossible, 1 differ",
      "done",
    ]);
  }
});

Deno.test("Step: of four with an own one two colluders are found out, whatever they check", () => {
  for (const task of ["train", "evaluate"] as const) {
    const [own, honest, ...liars] = [hand("own", { isOwn: true }), hand("a"), hand("b"), hand("c")];
    const step = stepOf(Array(8).fill(1), [own, honest, ...liars], { task, checks: "all" });
    const excluded = new Set<TestHand>();
    let todo = step.begun.orders;
    let result: unknown;
    for (let turn = 0; turn < 100 && result === undefined; turn++) {
      const [order, ...rest] = todo;
      const { worker, range } = order!;
      todo = rest;
      if (excluded.has(worker)) continue;
      for (const node of nodesOf(step.work, range)) {
        const decisions = step.answer(worker, node, liars.includes(worker) ? { bits: 7 } : {});
        for (const { worker, isJudged } of decisions.blames) if (isJudged) excluded.add(worker);
        todo = [...todo, ...decisions.orders];
        result ??= decisions.result;
      }
    }
    assert(result !== undefined);
    assertEquals(excluded, new Set(liars));
  }
});

Deno.test("Step: what nobody else can compute is told, and the step ends", () => {
  const [a, b] = [hand("a"), hand("b", { fingerprint: "y" })];
  const step = stepOf([1, 1], [a, b], { checks: "all" });
  step.answer(a, root);
  assertEquals(said(step.answer(b, { level: 0, index: 1 })), ["0 compared, 2 impossible, 0 differ", "done"]);
});

Deno.test("Step: whoever checks and goes away or is late is replaced, and not for ever", () => {
  const [a, b, c] = [hand("a"), hand("b"), hand("c")];
  const gone = stepOf([1], [a, b], { checks: "all" });
  assertEquals(said(gone.answer(a, root)), ["b is asked for 0 to 1: check"]);
  assertEquals(said(gone.tell({ type: "leave", worker: b })), ["0 compared, 1 impossible, 0 differ", "done"]);
  const late = stepOf([1], [a, b, c], { checks: "all" });
  assertEquals(said(late.answer(a, root)), ["b is asked for 0 to 1: check"]);
  assertEquals(said(late.tell({ type: "tick" }, 10_000)), ["c is asked for 0 to 1: check"]);
  assertEquals(said(late.answer(b, root)), [], "nobody waits for it any more");
  assertEquals(said(late.answer(c, root)), ["1 compared, 0 impossible, 0 differ", "done"]);
  // Somebody who comes under a new name, takes the question and goes, again and again.
  const dawdling = stepOf([1], [a, b], { checks: "all" });
  let asked = dawdling.answer(a, root).orders[0]?.worker;
  for (let turn = 1; asked !== undefined; turn++) {
    assert(turn < 20, "for ever");
    dawdling.tell({ type: "join", workers: [hand(`${turn}`)] });
    asked = dawdling.tell({ type: "leave", worker: asked }).orders[0]?.worker;
  }
});

Deno.test("Step: what is not finite is believed once two get it, in training and in a test", () => {
  for (const task of ["train", "evaluate"] as const) {
    const [a, b] = [hand("a"), hand("b")];
    const two = stepOf([1], [a, b], { task });
    assertEquals(said(two.answer(a, root, { bits: NaN })), ["b is asked for 0 to 1: doubt"]);
    assertEquals(said(two.answer(b, root, { bits: NaN })), ["done"]);
    const alone = stepOf([1], [a], { task });
    assertEquals(said(alone.answer(a, root, { bits: NaN })), ["a is asked for 0 to 1: doubt"]);
    assertEquals(said(alone.answer(a, root, { bits: NaN })), ["done"]);
  }
});

Deno.test("Step: against one that says that a node is not finite, an own worker is believed or two others", () => {
  const [a, b, c, own] = [hand("a"), hand("b"), hand("c"), hand("own", { isOwn: true })];
  const judged = stepOf([1], [a, own]);
  assertEquals(said(judged.answer(a, root, { bits: NaN })), ["own is asked for 0 to 1: doubt"]);
  assertEquals(said(judged.answer(a, root, { bits: NaN })), [], "sent a second time, it is no second opinion");
  assertEquals(said(judged.answer(own, root, { bits: 1 })), ["a is wrong", "done"]);

  const three = stepOf([1], [a, b, c]);
  assertEquals(said(three.answer(a, root, { bits: NaN })), ["b is asked for 0 to 1: doubt"]);
  assertEquals(said(three.answer(b, root, { bits: 1 })), ["c is asked for 0 to 1: doubt"], "one stranger's word");
  assertEquals(said(three.answer(c, root, { bits: 1 })), ["a is wrong", "done"]);

  const diverged = stepOf([1], [a, b, c]);
  diverged.answer(a, root, { bits: NaN });
  diverged.answer(b, root, { bits: 0 });
  assertEquals(said(diverged.answer(c, root, { bits: NaN })), ["done"], "two get it: it is not hidden by a zero");

  const two = stepOf([1], [a, b]);
  two.answer(a, root, { bits: NaN });
  assertEquals(said(two.answer(b, root, { bits: 1 })), ["done"], "there is nobody else, and nobody is punished");
});

Deno.test("Step: a worker on a new connection is the same one: it neither checks itself nor judges itself", () => {
  const [a, b] = [hand("a"), hand("b")];
  const again = hand("a again", { standing: a.standing });
  const step = stepOf([1], [a], { checks: "all" });
  const frame = step.frame(a, root, 7);
  step.tell({ type: "join", workers: [b] });
  step.tell({ type: "answer", worker: a, frame });
  const left = stepOf([1, 1], [a, b], { checks: "all" });
  left.answer(a, root, { bits: 7 });
  left.tell({ type: "leave", worker: a });
  left.tell({ type: "join", workers: [again] });
  const { orders } = left.answer(b, { level: 0, index: 1 });
  assertEquals(
    orders.map(({ worker, range }) => [worker.name, range.start]),
    [["b", 0], ["a again", 1]],
  );
  const nan = stepOf([1], [a, b]);
  nan.answer(a, root, { bits: NaN });
  nan.tell({ type: "leave", worker: a });
  nan.tell({ type: "join", workers: [again] });
  assertEquals(said(nan.answer(again, root, { bits: NaN })).includes("done"), false, "no second opinion of its own");
});

Deno.test("Step: a step that nobody wants any more gives no orders, and its answers are compared only", () => {
  const [a, b] = [hand("a"), hand("b")];
  const step = stepOf([1, 1], [a, b]);
  step.step.abandon();
  assertEquals(said(step.answer(a, root)), []);
  assertEquals(step.step.owes(b), false);
});

Deno.test("Step: what comes when it is over is compared, and used for nothing", () => {
  const [a, b, stranger] = [hand("a"), hand("b"), hand("c", { fingerprint: "y" })];
  const cases = [
    [b, 1, ""],
    [b, 2, "a and b differ"],
    [b, NaN, "a and b differ"],
    [stranger, 2, ""],
  ] as const;
  for (const [late, bits, expected] of cases) {
    const { answer, tell } = oneLeaf([late, a]);
    assertEquals(answer(a, 1), ["done"]);
    assertEquals(answer(late, bits).join(), expected);
    assertEquals(answer(late, 3), [], "once");
    assertEquals(tell({ type: "leave", worker: a }), []);
  }
  const over = stepOf([1], [a]);
  over.answer(a, root);
  assertEquals(said(over.answer(b, root)), ["b is wrong"], "it was never asked");
});

Deno.test("Step: where the one who stood in for a late worker is not believed, a third is asked", () => {
  const [late, doubted, third] = [hand("a"), hand("b"), hand("c")];
  const step = stepOf([1], [late]);
  assertEquals(said(step.tell({ type: "join", workers: [doubted] }, 100)), ["b is asked for 0 to 1: late"]);
  const { orders, wakeAt } = step.answer(doubted, root, { bits: NaN, now: 110 });
  assertEquals([orders, wakeAt], [[], undefined]); // the late one owes it still, and nobody else is there
  assertEquals(said(step.tell({ type: "join", workers: [third] }, 120)), ["c is asked for 0 to 1: late"]);
});

Deno.test("Step: a worker that has done one order may be late with the next, which counts from then on", () => {
  const fast = { speed: 1000, limits: { floor: 1, ceiling: 1e6 } };
  const [a, b] = [hand("a", fast), hand("b", fast)];
  const step = stepOf([32, 8], [a, b]);
  step.tell({ type: "leave", worker: b }, 0); // a has both leaves now
  step.tell({ type: "join", workers: [b] }, 1);
  assertEquals(step.tell({ type: "tick" }, 2 * 8).wakeAt, 2 * 32);
  const { wakeAt } = step.answer(a, root, { now: 20 });
  assert(wakeAt !== undefined && 20 < wakeAt && wakeAt < 2 * 32, `${wakeAt}`);
  assertEquals(said(step.tell({ type: "tick" }, wakeAt)), ["b is asked for 1 to 2: late"]);
});
