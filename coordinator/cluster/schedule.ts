// Who is asked for which leaves: at first, again when a worker is lost, twice when one is late. It keeps one promise: whenever
// a worker is there, every missing leaf is on its way from a worker that is there, in an answer that can still be used. So
// nothing waits for ever.
import { type NodeId, nodeRange, type Range } from "../../shared/tree.ts";
import { assignLeaves, completeSpeeds } from "./assign_leaves.ts";
import { Ledger, type OpenOrder } from "./ledger.ts";
import { type Attempts, type Hand, nodesIn, type Order } from "./order.ts";
import { Pace } from "./pace.ts";

/** One unit of work: a training step is answered by subtree, an evaluation by leaf. */
export interface Work {
  readonly task: "train" | "evaluate";
  /** Where each leaf's samples begin, and the last one's end. */
  readonly bounds: readonly number[];
  /** Leaves to compute. */
  readonly wanted: Range;
}

/** What an answer is worth. */
export type Verdict = "used" | "duplicate";

/** Who computes what in one unit of work. Milliseconds are those of the caller's clock. */
export class Schedule<W extends Hand> {
  readonly #work: Work;
  readonly #leaves: number;
  readonly #attempts: Attempts;
  readonly #ledger: Ledger<W>;
  readonly #overtaken: OpenOrder<W>[] = [];
  /** Leaves of which a worker's answer was not believed: others compute them, as long as there are others. */
  readonly #suspected = new Map<object, Set<number>>();
  /** When the orders have to be looked at for late ones, or before. */
  #lookAt = Infinity;
  /** Orders that are late and wait for an idle worker. */
  readonly #late = new Set<OpenOrder<W>>();
  readonly #lateChecks: OpenOrder<W>[] = [];
  /** The worker that takes longest, as of the last look; undefined as long as it is not known what any of them takes. */
  #slowest: Pace | undefined;

  /** @param attempts numbers the orders; the same for a step that begins anew */
  constructor(work: Work, attempts: Attempts) {
    this.#work = work;
    this.#attempts = attempts;
    this.#leaves = work.bounds.length - 1;
    this.#ledger = new Ledger(this.#leaves, work.wanted);
  }

  /** Whether every wanted leaf has been counted. */
  get isComplete(): boolean {
    return this.#ledger.isComplete;
  }

  /** In order of joining. */
  get workers(): W[] {
    return [...this.#ledger.workers.keys()];
  }

  /** How many orders a worker has still to do. */
  loadOf(worker: W): number {
    return this.#ledger.workers.get(worker)?.length ?? 0;
  }

  /** A worker can take orders. */
  join(worker: W): void {
    this.#ledger.join(worker);
    this.#learn(worker);
  }

  /**
   * A worker is gone, or what it owes is not believed any more (it may join again).
   * @returns the leaves that it owed
   */
  leave(worker: W): number[] {
    const owed = this.#ledger.leave(worker);
    this.#reopen(owed);
    return owed;
  }

  /** An answer to an order has come: counts its leaves, unless one of them is counted already. */
  answer(order: Order<W>, node: NodeId, now: number): Verdict {
    this.settle(order, node, now);
    const overtaken = this.#ledger.count(nodeRange(this.#leaves, node));
    if (overtaken === undefined) return "duplicate";
    this.#overtaken.push(...overtaken);
    return "used";
  }

  /** An answer has come that is not counted for now: its worker does not owe it any more, nor is it to be asked again. */
  release(order: Order<W>, node: NodeId, now: number): void {
    const { worker } = order;
    this.settle(order, node, now);
    const leaves = leavesUnder(this.#leaves, node);
    const suspected = this.#suspected.get(worker.standing) ?? new Set();
    for (const leaf of leaves) suspected.add(leaf);
    this.#suspected.set(worker.standing, suspected);
    this.#reopen(leaves);
  }

  /** A worker is to compute a node that others have computed. */
  ask(worker: W, node: NodeId, because: "doubt" | "check", now: number): Order<W> {
    const order = { worker, range: nodeRange(this.#leaves, node), because, attempt: this.#attempts.next() };
    this.#open(order, now);
    return order;
  }

  /** Takes an answer off its order; what an order took is what its worker's pace is known by. */
  settle(order: Order<W>, node: NodeId, now: number): void {
    const { worker } = order;
    const done = this.#ledger.settle(order, node, now);
    if (done === undefined) return;
    if (this.#work.task === "train") {
      worker.pace.record(done.images, now - done.started);
      this.#learn(worker);
    }
    this.#watch(this.#ledger.workers.get(worker)?.[0]);
  }

  /** Those of whom no answer for a node was doubted. */
  trustedWith(node: NodeId): readonly W[] {
    return this.#trusted(this.workers, leavesUnder(this.#leaves, node));
  }

  /** Whether {@linkcode takeLateChecks} has something. */
  get hasLateChecks(): boolean {
    return this.#lateChecks.length > 0;
  }

  /** The checks that have become late since this was last asked: somebody else may be asked. */
  takeLateChecks(now: number): OpenOrder<W>[] {
    if (now >= this.#lookAt) this.#look(now);
    return this.#lateChecks.splice(0);
  }

  /** The orders that others have answered since this was last asked. */
  takeOvertaken(): OpenOrder<W>[] {
    return this.#overtaken.splice(0);
  }

  /** What to send now: missing leaves that nobody is computing, then leaves of late workers to idle ones. */
  orders(now: number): Order<W>[] {
    if (this.#ledger.workers.size === 0) return [];
    const orders: Order<W>[] = [];
    const idle = this.#ledger.idleRanges();
    for (const because of ["lost", "first"] as const) {
      for (const { range, lost } of idle) {
        if (lost !== (because === "lost")) continue;
        const trusted = this.#trusted(this.workers, leavesOf(range));
        orders.push(...this.#cut(range, trusted.length > 0 ? trusted : this.workers, because));
      }
    }
    for (const order of orders) this.#open(order, now);
    return [...orders, ...this.#duplicates(now)];
  }

  /** When to ask for orders again although nothing has happened; undefined if there is no such time. */
  wakeAt(now: number): number | undefined {
    return now < this.#lookAt && this.#lookAt < Infinity ? this.#lookAt : undefined;
  }

  /** Whether a worker still owes anything. */
  owes(worker: W): boolean {
    return this.#ledger.owes(worker);
  }

  /** Leaves that a worker still owes. */
  owed(worker: W): number[] {
    return this.#ledger.owed(worker);
  }

  /** What the answers to an order are for. */
  nodesOf({ range }: Pick<Order<W>, "range">): NodeId[] {
    return nodesIn(range, this.#work.task, this.#leaves);
  }

  /** Whether anybody but this worker still owes a node. */
  isOwedByOthers(worker: W, node: NodeId): boolean {
    return this.#ledger.isOwedByOthers(worker, node);
  }

  /** Whether there is anybody but this worker of whom an answer for a node is to be expected: who has none yet, and is not late. */
  hasOthers({ standing }: W, node: NodeId): boolean {
    const isLate = (one: W) => this.#ledger.workers.get(one)?.[0]?.duplicated ?? false;
    return this.trustedWith(node).some((one) => one.standing !== standing && !isLate(one));
  }

  /** The first pace that is known says how long workers without a history may take. */
  #learn({ pace }: W): void {
    if (this.#slowest === undefined && pace.speed !== undefined) this.#lookAt = -Infinity;
  }

  /** Whoever was asked for these leaves in place of a late worker does not bring them: somebody else may be asked. */
  #reopen(leaves: readonly number[]): void {
    for (const order of this.#ledger.ordersFor(leaves)) {
      order.duplicated = false;
      if (this.#ledger.workers.get(order.worker)![0] === order) this.#watch(order);
    }
  }

  /** Those of whom no answer for these leaves was doubted. */
  #trusted(workers: readonly W[], leaves: readonly number[]): readonly W[] {
    if (this.#suspected.size === 0) return workers;
    return workers.filter((worker) => {
      const suspected = this.#suspected.get(worker.standing);
      return suspected === undefined || !leaves.some((leaf) => suspected.has(leaf));
    });
  }

  /** The unfinished leaves of late workers, once for each order, cut over the workers that have nothing to do. */
  #duplicates(now: number): Order<W>[] {
    if (now >= this.#lookAt) this.#look(now);
    const given: Order<W>[] = [];
    for (const order of this.#late) {
      if (this.#ledger.idleWorkers.size === 0) break;
      const missing = this.#ledger.leavesDue(order);
      const trusted = this.#trusted([...this.#ledger.idleWorkers], missing);
      if (missing.length > 0 && trusted.length === 0) continue;
      this.#late.delete(order);
      order.duplicated = true;
      for (const range of rangesOf(missing)) {
        const orders = this.#cut(range, trusted, "late");
        for (const one of orders) this.#open(one, now);
        given.push(...orders);
      }
    }
    return given;
  }

  /** Finds the orders that are late now, and when the next one will be. */
  #look(now: number): void {
    this.#slowest = Pace.slowest(this.workers.map(({ pace }) => pace));
    this.#lookAt = Infinity;
    this.#late.clear();
    for (const [worker, [order]] of this.#ledger.workers) {
      if (order === undefined || order.duplicated) continue;
      const deadline = order.started + worker.pace.patience(order.images, this.#slowest);
      if (now < deadline) this.#lookAt = Math.min(this.#lookAt, deadline);
      else if (order.because === "check") {
        order.duplicated = true;
        this.#lateChecks.push(order);
      } else this.#late.add(order);
    }
  }

  #cut(range: Range, workers: readonly W[], because: Order<W>["because"]): Order<W>[] {
    const speeds = completeSpeeds(workers.map(({ pace }) => pace.speed));
    const ranges = assignLeaves(this.#work.bounds, speeds, range);
    const orders: Order<W>[] = [];
    for (const [i, worker] of workers.entries()) {
      const share = ranges[i]!;
      if (share.start < share.end) orders.push({ worker, range: share, because, attempt: this.#attempts.next() });
    }
    return orders;
  }

  #open(order: Order<W>, now: number): void {
    const { worker, range } = order;
    const images = this.#work.bounds[range.end]! - this.#work.bounds[range.start]!;
    this.#ledger.open(order, { nodes: this.nodesOf(order), images, now });
    const orders = this.#ledger.workers.get(worker)!;
    if (orders.length === 1) this.#watch(orders[0]);
  }

  /** An order is taken up: it may be late one day. */
  #watch(order: OpenOrder<W> | undefined): void {
    if (order === undefined || order.duplicated) return;
    const { worker: { pace }, images, started } = order;
    this.#lookAt = Math.min(this.#lookAt, started + pace.patience(images, this.#slowest));
  }
}

function leavesUnder(leaves: number, node: NodeId): number[] {
  return leavesOf(nodeRange(leaves, node));
}

function leavesOf({ start, end }: Range): number[] {
  return Array.from({ length: end - start }, (_, i) => start + i);
}

/** Ascending leaves as maximal ranges. */
function rangesOf(leaves: readonly number[]): Range[] {
  const ranges: Range[] = [];
  for (const leaf of leaves) {
    const last = ranges.at(-1);
    if (last?.end === leaf) ranges[ranges.length - 1] = { start: last.start, end: leaf + 1 };
    else ranges.push({ start: leaf, end: leaf + 1 });
  }
  return ranges;
}
