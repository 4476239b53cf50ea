// What deciding costs: whole steps as the coordinator decides them, without sockets, over leaves and workers. All workers join,
// are given orders, answer each node, and the sum is done.
import type { Order } from "../../coordinator/cluster/order.ts";
import { answerFor, hand, nodesOf, smallStep, smallWork, type TestHand } from "../fixtures/small_step.ts";
import type { Findings } from "./support.ts";

const LEAVES = [125, 250, 500, 1_000, 2_000, 4_000];
const WORKERS = [16, 64, 256, 1_024];
/** What must hold for 1,000 leaves on 256 workers, in milliseconds. */
const MOST_MS = 5;
/** A doubling of leaves and workers may take so many times as long. */
const MOST_GROWTH = 2.6;
const REPEATS = 60;
/** What the workers take for a step. */
const STEP_MS = 1_000;

interface Row {
  readonly leaves: number;
  readonly workers: number;
  /** The best of many, in milliseconds. */
  readonly first: number;
  readonly later: number;
}

/** Milliseconds a step: the first, when nobody has a history, and a later one with workers of different speeds. */
export function schedule(): Promise<Findings> {
  const rows: Row[] = [];
  for (const leaves of LEAVES) {
    for (const workers of WORKERS) {
      const speeds = Array.from({ length: workers }, (_, i) => 50 + (i * 7919) % 100);
      rows.push({
        leaves,
        workers,
        first: best(leaves, speeds.map(() => undefined)),
        later: best(leaves, speeds),
      });
    }
  }
  const at = (leaves: number, workers: number) => rows.find((row) => row.leaves === leaves && row.workers === workers)!;
  const slower = (row: Row) => Math.max(row.first, row.later);
  const most = slower(at(1_000, 256));
  const diagonal = [at(250, 64), at(1_000, 256), at(4_000, 1_024)].map(slower);
  const growth = diagonal.slice(1).map((time, i) => Math.sqrt(time / diagonal[i]!)); // leaves and workers have quadrupled
  const worst = Math.max(...growth);
  const note =
    `1,000 leaves on 256 workers take ${most.toFixed(2)} ms (at most ${MOST_MS}); twice the leaves on twice the ` +
    `workers take ${worst.toFixed(2)} times as long (linear: 2; at most ${MOST_GROWTH}).`;
  return Promise.resolve({
    title: `Decisions of a whole step, in milliseconds: best of ${REPEATS}`,
    columns: ["leaves", "workers", "first step", "later step", "µs an answer"],
    rows: rows.map((row) => [
      row.leaves.toLocaleString("en"),
      row.workers.toLocaleString("en"),
      row.first.toFixed(2),
      row.later.toFixed(2),
      (1000 * row.later / row.leaves).toFixed(2),
    ]),
    notes: [note],
    data: { rows, growth },
    ...(most > MOST_MS || worst > MOST_GROWTH ? { failure: note } : {}),
  });
}

function best(leaves: number, speeds: readonly (number | undefined)[]): number {
  let least = Infinity;
  for (let i = 0; i < REPEATS; i++) least = Math.min(least, stepOnce(leaves, speeds));
  return least;
}

/** The milliseconds that one step's decisions take together; what workers compute is not counted. */
function stepOnce(leaves: number, speeds: readonly (number | undefined)[]): number {
  const work = smallWork(Array<number>(leaves).fill(8), "train");
  const limits = { floor: 2_000, ceiling: 900_000 };
  const workers = speeds.map((speed, i) => hand(`w${i}`, { speed, limits }));
  const step = smallStep(work);
  let spent = 0;
  let now = 0;
  let isOver = false;
  const handle = (event: Parameters<typeof step.handle>[0]) => {
    const began = performance.now();
    const decisions = step.handle(event, now);
    spent += performance.now() - began;
    if (decisions.result !== undefined) isOver = true;
    return decisions;
  };
  const { orders } = handle({ type: "join", workers });
  const answers = answersTo(orders, work);
  for (const { worker, frame } of answers) {
    now += STEP_MS / answers.length;
    handle({ type: "answer", worker, frame });
  }
  if (!isOver) throw new Error("The step did not end");
  return spent;
}

/** All answers to orders, every worker's first one before anybody's second. */
function answersTo(orders: readonly Order<TestHand>[], work: Parameters<typeof nodesOf>[0]) {
  const queues = orders.map(({ worker, range }) => ({ worker, nodes: nodesOf(work, range) }));
  const rounds = Math.max(...queues.map(({ nodes }) => nodes.length));
  return Array.from(
    { length: rounds },
    (_, round) =>
      queues.flatMap(({ worker, nodes }) => {
        const node = nodes[round];
        return node === undefined ? [] : [{ worker, frame: answerFor(work, node) }];
      }),
  ).flat();
}
