// What deciding costs: whole steps as the coordinator decides them, without sockets, over leaves and workers. All workers join,
// are given orders, answer each node, and the sum is done.
import type { Order } from "../../coordinator/cluster/order.ts";
import { answerFor, hand, nodesOf, smallStep, smallWork, type TestHand } from "../fixtures/small_step.ts";
import type { Findings } from "./support.ts";

const LEAVES = [125, 250, 500, 1_000, 2_000, 4_000];
const WORKERS = [16, 64, 256, 1_024];
/** What must hold for 1,000 leaves on 256 workers, in milliseconds. */
const MOST_MS = 5;
/** An answer may take so many times as long in the largest step as in one of a sixteenth of its leaves and workers. */
const MOST_GROWTH = 3;
const REPEATS = 60;
/** What the workers take for a step. */
const STEP_MS = 1_000;

interface Row {
  readonly leaves: number;
  readonly workers: number;
  /** To a later step. */
  readonly answers: number;
  /** Milliseconds, the best of many: of a step in which nobody has a history, and of one that is cut by speed. */
  readonly first: number;
  readonly later: number;
}

interface Spent {
  readonly milliseconds: number;
  readonly answers: number;
}

/** Milliseconds a step: the first, when nobody has a history, and a later one with workers of different speeds. */
export function schedule(): Promise<Findings> {
  const rows: Row[] = [];
  for (const leaves of LEAVES) {
    for (const workers of WORKERS) {
      const speeds = Array.from({ length: workers }, (_, i) => 50 + (i * 7919) % 100);
      const { milliseconds: later, answers } = best(leaves, speeds);
      const { milliseconds: first } = best(leaves, speeds.map(() => undefined));
      rows.push({ leaves, workers, answers, first, later });
    }
  }
  const at = (leaves: number, workers: number) => rows.find((row) => row.leaves === leaves && row.workers === workers)!;
  const anAnswer = ({ later, answers }: Row) => 1000 * later / answers;
  const { first, later } = at(1_000, 256);
  const most = Math.max(first, later);
  const growth = anAnswer(at(4_000, 1_024)) / anAnswer(at(250, 64));
  const note =
    `1,000 leaves on 256 workers take ${most.toFixed(2)} ms (at most ${MOST_MS}); an answer in a step of 16 times ` +
    `the leaves and workers takes ${
      growth.toFixed(2)
    } times as long (linear: 1, quadratic: 16; at most ${MOST_GROWTH}).`;
  return Promise.resolve({
    title: `Decisions of a whole step, in milliseconds: best of ${REPEATS}`,
    columns: ["leaves", "workers", "answers", "first step", "later step", "µs an answer"],
    rows: rows.map((row) => [
      row.leaves.toLocaleString("en"),
      row.workers.toLocaleString("en"),
      row.answers.toLocaleString("en"),
      row.first.toFixed(2),
      row.later.toFixed(2),
      anAnswer(row).toFixed(2),
    ]),
    notes: [note],
    data: { rows, growth },
    ...(most > MOST_MS || growth > MOST_GROWTH ? { failure: note } : {}),
  });
}

function best(leaves: number, speeds: readonly (number | undefined)[]): Spent {
  let least = stepOnce(leaves, speeds);
  for (let i = 1; i < REPEATS; i++) {
    const spent = stepOnce(leaves, speeds);
    if (spent.milliseconds < least.milliseconds) least = spent;
  }
  return least;
}

/** What one step's decisions take together; what workers compute is not counted. */
function stepOnce(leaves: number, speeds: readonly (number | undefined)[]): Spent {
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
  return { milliseconds: spent, answers: answers.length };
}

/** All answers to orders, every worker's first one before anybody's second. */
function answersTo(orders: readonly Order<TestHand>[], work: Parameters<typeof nodesOf>[0]) {
  const queues = orders.map(({ worker, range, attempt }) => ({ worker, attempt, nodes: nodesOf(work, range) }));
  const rounds = Math.max(...queues.map(({ nodes }) => nodes.length));
  return Array.from(
    { length: rounds },
    (_, round) =>
      queues.flatMap(({ worker, attempt, nodes }) => {
        const node = nodes[round];
        return node === undefined ? [] : [{ worker, frame: answerFor(work, node, attempt) }];
      }),
  ).flat();
}
