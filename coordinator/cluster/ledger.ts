// Who owes what: the leaves of one unit of work, which of them are counted, and by which orders the others are on their way.
// Indexed by leaf and by worker, so that an answer costs what it covers, however many workers and orders there are.
import { type NodeId, nodeRange, type Range } from "../../shared/tree.ts";
import type { Order } from "./order.ts";

/** An order that is not answered in full. */
export interface OpenOrder<W> extends Order<W> {
  readonly images: number;
  /** When the worker took it up: orders of one worker are computed one after another. */
  started: number;
  /** Whether somebody else was asked for its leaves because it is late. */
  duplicated: boolean;
  /** How many answers to it can still be used. */
  due: number;
}

/** A node that an order can still bring. */
interface Due<W> {
  readonly order: OpenOrder<W>;
  readonly node: NodeId;
  readonly leaves: Range;
}

/** The leaves of one unit of work and the orders for them. */
export class Ledger<W> {
  readonly #leaves: number;
  /** Open orders of each worker, oldest first; in order of joining. */
  readonly #workers = new Map<W, OpenOrder<W>[]>();
  readonly #idleWorkers = new Set<W>();
  /** By leaf. */
  readonly #due: Due<W>[][];
  /** Leaves that are counted or not wanted. */
  readonly #counted: Uint8Array;
  #missing: number;
  /** Missing leaves that no open order will bring. */
  readonly #idle = new Set<number>();
  /** Leaves that somebody left behind. */
  readonly #lost = new Set<number>();

  /** @param wanted leaves to count, of so many */
  constructor(leaves: number, wanted: Range) {
    this.#leaves = leaves;
    this.#due = Array.from({ length: leaves }, () => []);
    this.#counted = new Uint8Array(leaves).fill(1).fill(0, wanted.start, wanted.end);
    this.#missing = wanted.end - wanted.start;
    for (let leaf = wanted.start; leaf < wanted.end; leaf++) this.#idle.add(leaf);
  }

  /** Whether every wanted leaf is counted. */
  get isComplete(): boolean {
    return this.#missing === 0;
  }

  /** In order of joining, with the open orders of each, oldest first. */
  get workers(): ReadonlyMap<W, readonly OpenOrder<W>[]> {
    return this.#workers;
  }

  /** Those that have nothing to do. */
  get idleWorkers(): ReadonlySet<W> {
    return this.#idleWorkers;
  }

  /** Missing leaves that nobody computes, as maximal ranges; those that were lost are apart from those never given out. */
  idleRanges(): { readonly range: Range; readonly lost: boolean }[] {
    const ranges: { range: Range; lost: boolean }[] = [];
    for (const leaf of [...this.#idle].sort((a, b) => a - b)) {
      const last = ranges.at(-1);
      const lost = this.#lost.has(leaf);
      if (last?.range.end === leaf && last.lost === lost) last.range = { start: last.range.start, end: leaf + 1 };
      else ranges.push({ range: { start: leaf, end: leaf + 1 }, lost });
    }
    return ranges;
  }

  join(worker: W): void {
    if (this.#workers.has(worker)) return;
    this.#workers.set(worker, []);
    this.#idleWorkers.add(worker);
  }

  /** A worker brings nothing more. @returns the leaves that it owed */
  leave(worker: W): number[] {
    const orders = this.#workers.get(worker);
    if (orders === undefined) return [];
    const owed = this.owed(worker);
    for (const order of orders) this.#withdraw(order);
    this.#workers.delete(worker);
    this.#idleWorkers.delete(worker);
    for (const leaf of owed) this.#lost.add(leaf);
    return owed;
  }

  /** An order is given out, to be answered by these nodes. */
  open(order: Order<W>, { nodes, images, now }: { nodes: readonly NodeId[]; images: number; now: number }): void {
    const orders = this.#workers.get(order.worker)!;
    const open = { ...order, images, started: now, duplicated: false, due: nodes.length };
    this.#idleWorkers.delete(order.worker);
    orders.push(open);
    for (const node of nodes) {
      const leaves = nodeRange(this.#leaves, node);
      const due = { order: open, node, leaves };
      for (let leaf = leaves.start; leaf < leaves.end; leaf++) {
        this.#due[leaf]!.push(due);
        this.#idle.delete(leaf);
      }
    }
  }

  /** A node of an order is answered. @returns the order, if that was the last answer to it */
  settle({ worker, attempt }: Order<W>, { level, index }: NodeId, now: number): OpenOrder<W> | undefined {
    const { start } = nodeRange(this.#leaves, { level, index });
    const due = this.#due[start]!.find(({ order, node }) =>
      order.attempt === attempt && node.level === level && node.index === index
    );
    if (due === undefined) return undefined;
    this.#cancel(due);
    if (due.order.due > 0) return undefined;
    this.#close(due.order);
    const [next] = this.#workers.get(worker)!;
    if (next !== undefined) next.started = now;
    return due.order;
  }

  /**
   * Counts leaves, unless one of them is counted already; what overlaps them cannot be used any more, and is not waited for.
   * @returns undefined if they are not counted now; else the orders of which nothing is left
   */
  count({ start, end }: Range): OpenOrder<W>[] | undefined {
    for (let leaf = start; leaf < end; leaf++) if (this.#counted[leaf] === 1) return undefined;
    this.#counted.fill(1, start, end);
    this.#missing -= end - start;
    const overtaken: OpenOrder<W>[] = [];
    for (let leaf = start; leaf < end; leaf++) {
      this.#idle.delete(leaf);
      for (const due of [...this.#due[leaf]!]) {
        this.#cancel(due);
        if (due.order.due > 0) continue;
        this.#close(due.order);
        overtaken.push(due.order);
      }
    }
    return overtaken;
  }

  /** Whether a worker owes anything. */
  owes(worker: W): boolean {
    return (this.#workers.get(worker)?.length ?? 0) > 0;
  }

  /** The leaves that a worker owes, in order. */
  owed(worker: W): number[] {
    const owed = new Set<number>();
    for (const order of this.#workers.get(worker) ?? []) for (const leaf of this.leavesDue(order)) owed.add(leaf);
    return [...owed].sort((a, b) => a - b);
  }

  /** The leaves that an order can still bring, in order. */
  leavesDue(order: OpenOrder<W>): number[] {
    const leaves: number[] = [];
    for (let leaf = order.range.start; leaf < order.range.end; leaf++) {
      if (this.#due[leaf]!.some((due) => due.order === order)) leaves.push(leaf);
    }
    return leaves;
  }

  /** The orders that can still bring one of these leaves. */
  ordersFor(leaves: Iterable<number>): Set<OpenOrder<W>> {
    const orders = new Set<OpenOrder<W>>();
    for (const leaf of leaves) for (const { order } of this.#due[leaf]!) orders.add(order);
    return orders;
  }

  /** Whether anybody but this worker still owes a node. */
  isOwedByOthers(worker: W, { level, index }: NodeId): boolean {
    const { start } = nodeRange(this.#leaves, { level, index });
    return this.#due[start]!.some(({ order, node }) =>
      node.level === level && node.index === index && order.worker !== worker
    );
  }

  /** Nothing of an order is waited for any more. */
  #withdraw(order: OpenOrder<W>): void {
    for (let leaf = order.range.start; leaf < order.range.end; leaf++) {
      for (const due of [...this.#due[leaf]!]) if (due.order === order) this.#cancel(due);
    }
  }

  #cancel(due: Due<W>): void {
    due.order.due--;
    for (let leaf = due.leaves.start; leaf < due.leaves.end; leaf++) {
      const others = this.#due[leaf]!;
      others.splice(others.indexOf(due), 1);
      if (others.length === 0 && this.#counted[leaf] === 0) this.#idle.add(leaf);
    }
  }

  #close(order: OpenOrder<W>): void {
    const orders = this.#workers.get(order.worker)!;
    orders.splice(orders.indexOf(order), 1);
    if (orders.length === 0) this.#idleWorkers.add(order.worker);
  }
}
