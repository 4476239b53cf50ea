// Whether the order in which --arms names the arms moves their difference in seconds: the same run in both orders, by turns.
import { type Findings, trainReport } from "./support.ts";

const ORDERS = ["no-gc,gc", "gc,no-gc"] as const;
const REPEATS = 10;
/** 97.5 % of Student's distribution with 9 degrees of freedom lie below it: for 95 % intervals of a mean of ten. */
const QUANTILE = 2.262;
/** An odd number of epochs, in which turns cannot cancel out what the order does. */
const ARGS = ["--data", "procedural", "--backend", "simd", "--limit", "384", "--epochs", "3"];

/** Seconds of gc minus those of no-gc, in ten runs of each order. @param args of each run, besides the order */
export async function armsOrder(args: readonly string[] = ARGS): Promise<Findings> {
  const differences: number[][] = ORDERS.map(() => []);
  const baseline: number[] = [];
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    for (const [i, order] of ORDERS.entries()) {
      const { arms } = await trainReport([...args, "--arms", order]);
      const secondsOf = (name: string) => arms.find(({ arm }) => arm === name)!.trainSeconds!;
      differences[i]!.push(secondsOf("gc") - secondsOf("no-gc"));
      baseline.push(secondsOf("no-gc"));
    }
  }
  const [first, second] = differences as [number[], number[]];
  const whole = meanOf(baseline);
  const found = [
    { what: `--arms ${ORDERS[0]}`, ...intervalOf(first) },
    { what: `--arms ${ORDERS[1]}`, ...intervalOf(second) },
    { what: "what the order makes of it", ...intervalOf(first.map((one, i) => one - second[i]!)) },
  ];
  const { low, high } = found[2]!;
  return {
    title: `Seconds of gc minus no-gc, which takes ${whole.toFixed(2)} s; means of ${REPEATS} runs by turns`,
    columns: ["", "difference", "95 % interval", "of no-gc's"],
    rows: found.map(({ what, mean, low, high }) => [
      what,
      `${mean.toFixed(3)} s`,
      `${low.toFixed(3)} to ${high.toFixed(3)} s`,
      `${(100 * mean / whole).toFixed(2)} %`,
    ]),
    notes: [`The order moves the difference ${low <= 0 && high >= 0 ? "by no more than noise" : "beyond noise"}.`],
    data: { baseline, orders: ORDERS, differences, found },
  };
}

function meanOf(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

/** The mean of ten values and its 95 % interval. */
function intervalOf(values: readonly number[]): { mean: number; low: number; high: number } {
  const mean = meanOf(values);
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  const half = QUANTILE * Math.sqrt(variance / values.length);
  return { mean, low: mean - half, high: mean + half };
}
