// One unit of work, a training step or an evaluation, as a pure function of events and a clock: who is asked for which leaves,
// again when a worker is lost, twice when one is late. It keeps one promise: whenever a worker is there, every missing leaf is
// on its way from a worker that is there, in an answer that can still be used. So nothing waits for ever.
import { type NodeId, nodeKey, nodeRange, type Range, subtreesIn } from "../../shared/tree.ts";
import { assignLeaves, completeSpeeds } from "./assign_leaves.ts";

/** A worker as the schedule sees it; the same object for the same worker. */
export interface Hand {
  /** Images a second, undefined until measured. */
  readonly speed: number | undefined;
  /** How long so many images may take before others are asked too, in milliseconds. */
  patience(images: number): number;
}

/** Leaves for a worker to compute. */
export interface Order<W> {
  readonly worker: W;
  readonly range: Range;
  /** Why it is given out. */
  readonly because: "first" | "lost" | "late" | "doubt";
}

/** How much longer than the slowest of the others a worker without a history may take. */
const NEWCOMER = 4;

/** An order that is not answered in full. */
interface Open<W> extends Order<W> {
  readonly images: number;
  /** Answers that can still be used, by node key. */
  readonly nodes: Map<string, Range>;
  /** When the worker took it up: orders of one worker are computed one after another. */
  started: number;
  duplicated: boolean;
}

/** What an answer is worth. */
export type Verdict = "used" | "duplicate";

/** What came of an answer. */
export interface Answered {
  readonly verdict: Verdict;
  /** Set when it was the last one of its order: what the order took. */
  readonly finished?: { readonly images: number; readonly milliseconds: number };
}

/** An order whose leaves came from others. */
export interface Overtaken<W> {
  readonly worker: W;
  readonly images: number;
  /** When the worker took it up. */
  readonly started: number;
}

/** Who computes what in one unit of work. Milliseconds are those of the caller's clock. */
export class StepSchedule<W extends Hand> {
  readonly #leaves: readonly Range[];
  readonly #nodesOf: (range: Range) => NodeId[];
  readonly #rangeOf: (node: NodeId) => Range;
  /** Leaves that are counted or not wanted. */
  readonly #covered: boolean[];
  /** In order of joining; open orders of each, oldest first. */
  readonly #workers = new Map<W, Open<W>[]>();
  /** Leaves that were on their way once and are not any more. */
  readonly #lost = new Set<number>();
  readonly #overtaken: Overtaken<W>[] = [];
  /** Leaves of which a worker's answer was not believed: others compute them, as long as there are others. */
  readonly #suspected = new Map<W, Set<number>>();

  /**
   * @param leaves samples of each leaf
   * @param task a training step is answered by subtree, an evaluation by leaf
   * @param wanted leaves to compute; all by default
   */
  constructor(
    leaves: readonly Range[],
    task: "train" | "evaluate",
    wanted: Range = { start: 0, end: leaves.length },
  ) {
    this.#leaves = leaves;
    this.#covered = leaves.map((_, leaf) => !within(wanted, leaf));
    const count = leaves.length;
    this.#nodesOf = task === "train" ? (range) => subtreesIn(count, range) : leafNodes;
    this.#rangeOf = (node) => nodeRange(count, node);
  }

  /** Whether every wanted leaf has been counted. */
  get complete(): boolean {
    return this.#covered.every((covered) => covered);
  }

  /** A worker can take orders. */
  join(worker: W): void {
    if (!this.#workers.has(worker)) this.#workers.set(worker, []);
  }

  /**
   * A worker is gone, or what it owes is not believed any more (it may join again).
   * @returns the leaves that it owed
   */
  leave(worker: W): number[] {
    const owed = new Set(this.owed(worker));
    this.#workers.delete(worker);
    for (const leaf of owed) this.#lost.add(leaf);
    this.#reopen(owed);
    return [...owed];
  }

  /** An answer has come, from whomever: counts its leaves, unless one of them is counted already. */
  answer(worker: W, node: NodeId, now: number): Answered {
    const range = this.#rangeOf(node);
    const finished = this.#settle(worker, node, now);
    if (leavesOf(range).some((leaf) => this.#covered[leaf])) return { verdict: "duplicate", ...finished };
    for (const leaf of leavesOf(range)) this.#covered[leaf] = true;
    // What overlaps it cannot be used any more, and is not waited for.
    for (const [other, orders] of this.#workers) {
      for (const { nodes } of orders) {
        for (const [key, its] of nodes) if (overlap(range, its)) nodes.delete(key);
      }
      for (const { nodes, images, started } of orders) {
        if (nodes.size === 0) this.#overtaken.push({ worker: other, images, started });
      }
      keep(orders, ({ nodes }) => nodes.size > 0);
    }
    return { verdict: "used", ...finished };
  }

  /** An answer has come that is not counted for now: its worker does not owe it any more, nor is it to be asked again. */
  release(worker: W, node: NodeId, now: number): void {
    this.#settle(worker, node, now);
    const leaves = leavesOf(this.#rangeOf(node));
    this.#suspected.set(worker, new Set([...this.#suspected.get(worker) ?? [], ...leaves]));
    this.#reopen(new Set(leaves));
  }

  /**
   * An answer is not believed: another worker is to compute it too, the least busy one; a suspect itself if there is no other.
   * @param isFit who can judge; anybody by default
   * @returns undefined if there is nobody at all
   */
  recheck(
    suspects: readonly W[],
    node: NodeId,
    now: number,
    isFit: (worker: W) => boolean = () => true,
  ): Order<W> | undefined {
    const others = [...this.#workers].filter(([worker]) => !suspects.includes(worker) && isFit(worker));
    const [worker] = others.toSorted(([, a], [, b]) => a.length - b.length)[0] ??
      suspects.filter((suspect) => this.#workers.has(suspect));
    if (worker === undefined) return undefined;
    const order = { worker, range: this.#rangeOf(node), because: "doubt" } as const;
    this.#open(order, now);
    return order;
  }

  /** The orders that were overtaken since this was last asked. */
  takeOvertaken(): Overtaken<W>[] {
    return this.#overtaken.splice(0);
  }

  /** What to send now: missing leaves that nobody is computing, then leaves of late workers to idle ones. */
  orders(now: number): Order<W>[] {
    if (this.#workers.size === 0) return [];
    const workers = [...this.#workers.keys()];
    const idle = this.#idleLeaves();
    const orders = (["lost", "first"] as const).flatMap((because) => {
      const ranges = rangesWhere(idle, (is, leaf) => is && this.#lost.has(leaf) === (because === "lost"));
      return ranges.flatMap((range) => {
        const trusted = this.#trusted(workers, leavesOf(range));
        return this.#cut(range, trusted.length > 0 ? trusted : workers, because);
      });
    });
    for (const order of orders) this.#open(order, now);
    return [...orders, ...this.#duplicates(now)];
  }

  /** When to ask for orders again although nothing has happened; undefined if there is no such time. */
  wakeAt(now: number): number | undefined {
    if (this.#workers.size < 2) return undefined;
    const deadlines = [...this.#workers.entries()].flatMap(([worker, [order]]) =>
      order === undefined || order.duplicated ? [] : [order.started + this.#patience(worker, order.images)]
    ).filter((deadline) => deadline > now); // whoever is late already waits for an idle worker, not for the clock
    return deadlines.length === 0 ? undefined : Math.min(...deadlines);
  }

  /** Leaves that a worker still owes. */
  owed(worker: W): number[] {
    return [...new Set((this.#workers.get(worker) ?? []).flatMap(leavesIn))].sort((a, b) => a - b);
  }

  /** Whether anybody but these workers still owes a node. */
  isOwed(node: NodeId, except: readonly W[]): boolean {
    const key = nodeKey(node);
    return [...this.#workers].some(([worker, orders]) =>
      !except.includes(worker) && orders.some(({ nodes }) => nodes.has(key))
    );
  }

  /** Whether there is anybody but these workers. */
  hasOthers(workers: readonly W[]): boolean {
    return [...this.#workers.keys()].some((worker) => !workers.includes(worker));
  }

  /** Whoever was asked for these leaves in place of a late worker does not bring them: somebody else may be asked. */
  #reopen(leaves: ReadonlySet<number>): void {
    for (const order of this.#orders()) if (leavesIn(order).some((leaf) => leaves.has(leaf))) order.duplicated = false;
  }

  /** Those of whom no answer for these leaves was doubted. */
  #trusted(workers: readonly W[], leaves: readonly number[]): W[] {
    return workers.filter((worker) => !leaves.some((leaf) => this.#suspected.get(worker)?.has(leaf)));
  }

  #orders(): Open<W>[] {
    return [...this.#workers.values()].flat();
  }

  /** Takes an answer off its order, and tells what the order took if it was its last. */
  #settle(worker: W, node: NodeId, now: number): { finished?: Answered["finished"] & object } {
    const orders = this.#workers.get(worker) ?? [];
    const order = orders.find(({ nodes }) => nodes.delete(nodeKey(node)));
    if (order === undefined || order.nodes.size > 0) return {};
    keep(orders, (other) => other !== order);
    const [next] = orders;
    if (next !== undefined) next.started = now;
    return { finished: { images: order.images, milliseconds: now - order.started } };
  }

  /** For each leaf, whether it is missing and no open order will bring it. */
  #idleLeaves(): boolean[] {
    const idle = this.#covered.map((covered) => !covered);
    for (const leaf of this.#orders().flatMap(leavesIn)) idle[leaf] = false;
    return idle;
  }

  /** The unfinished leaves of late workers, once for each order, cut over the workers that have nothing to do. */
  #duplicates(now: number): Order<W>[] {
    const given: Order<W>[] = [];
    for (const [worker, [order]] of this.#workers) {
      if (order === undefined || order.duplicated || now < order.started + this.#patience(worker, order.images)) {
        continue;
      }
      const idle = [...this.#workers].filter(([, orders]) => orders.length === 0).map(([other]) => other);
      const trusted = this.#trusted(idle, leavesIn(order));
      if (trusted.length === 0) continue;
      order.duplicated = true;
      const missing = this.#leaves.map((_, leaf) => [...order.nodes.values()].some((range) => within(range, leaf)));
      for (const range of rangesWhere(missing, (is) => is)) {
        for (const duplicate of this.#cut(range, trusted, "late")) {
          this.#open(duplicate, now);
          given.push(duplicate);
        }
      }
    }
    return given;
  }

  /** How long an order may take; for a worker without a history, what the others' histories suggest. */
  #patience(worker: W, images: number): number {
    const own = worker.patience(images);
    if (worker.speed !== undefined) return own;
    const others = [...this.#workers.keys()].filter(({ speed }) => speed !== undefined);
    if (others.length === 0) return own;
    return Math.min(own, NEWCOMER * Math.max(...others.map((other) => other.patience(images))));
  }

  #cut(range: Range, workers: readonly W[], because: Order<W>["because"]): Order<W>[] {
    const bounds = [0, ...this.#leaves.map(({ end }) => end)];
    const ranges = assignLeaves(bounds, completeSpeeds(workers.map(({ speed }) => speed)), range);
    return workers.flatMap((worker, i) => {
      const share = ranges[i]!;
      return share.start === share.end ? [] : [{ worker, range: share, because }];
    });
  }

  #open(order: Order<W>, now: number): void {
    const { start, end } = order.range;
    const images = this.#leaves[end - 1]!.end - this.#leaves[start]!.start;
    const nodes = new Map(this.#nodesOf(order.range).map((node) => [nodeKey(node), this.#rangeOf(node)]));
    this.#workers.get(order.worker)!.push({ ...order, images, nodes, started: now, duplicated: false });
  }
}

function leafNodes({ start, end }: Range): NodeId[] {
  return Array.from({ length: end - start }, (_, i) => ({ level: 0, index: start + i }));
}

/** The leaves that an order can still bring. */
function leavesIn({ nodes }: { readonly nodes: ReadonlyMap<string, Range> }): number[] {
  return [...nodes.values()].flatMap(leavesOf);
}

function leavesOf({ start, end }: Range): number[] {
  return Array.from({ length: end - start }, (_, i) => start + i);
}

function within({ start, end }: Range, leaf: number): boolean {
  return start <= leaf && leaf < end;
}

function overlap(a: Range, b: Range): boolean {
  return a.start < b.end && b.start < a.end;
}

function rangesWhere(flags: readonly boolean[], wanted: (flag: boolean, leaf: number) => boolean): Range[] {
  const ranges: Range[] = [];
  for (let start = 0; start < flags.length; start++) {
    if (!wanted(flags[start]!, start)) continue;
    let end = start;
    while (end < flags.length && wanted(flags[end]!, end)) end++;
    ranges.push({ start, end });
    start = end;
  }
  return ranges;
}

/** Keeps the entries that satisfy a condition, in place. */
function keep<T>(array: T[], condition: (entry: T) => boolean): void {
  for (let i = array.length - 1; i >= 0; i--) if (!condition(array[i]!)) array.splice(i, 1);
}
