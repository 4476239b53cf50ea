// deno-lint-ignore-file no-console -- the table is what it is run for.
// How often the rule cries wolf, and what it finds: simulated. coordinator/statistics/README.md has the table.
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { log } from "../../../coordinator/statistics/elementary.ts";
import { bcaInterval, judge, LEAST_BCA } from "../../../coordinator/statistics/mod.ts";
import { normalQuantile } from "../../../coordinator/statistics/normal.ts";
import { pairedPower } from "../../../coordinator/statistics/power.ts";
import { tQuantile } from "../../../coordinator/statistics/student_t.ts";
import { randomOf } from "../../fixtures/random.ts";

const EXPERIMENTS = 10_000;
/** The first of them, for BCa costs more. */
const BCA_EXPERIMENTS = 2000;
const SIZES = [6, 10, 20];
/** In standard deviations; the first is none. */
const EFFECTS = [0, 0.5, 1, 1.5];

/** Differences of mean 0 and standard deviation 1, from a number between 0 and 1. */
const DISTRIBUTIONS: Readonly<Record<string, (u: number) => number>> = {
  "normal": normalQuantile,
  "skewed (exponential)": (u) => -log(u) - 1,
  "heavy-tailed (t, 3 degrees of freedom)": (u) => tQuantile(u, 3) / Math.sqrt(3),
};

interface Row {
  readonly name: string;
  readonly pairs: number;
  /** By effect: the part of the experiments in which the rule, and BCa's interval, saw one. */
  readonly rule: readonly number[];
  readonly bca: readonly number[] | null;
}

/** Whether a difference was seen: on the right side, or on any where there is none. */
const isSeen = (effect: number, isAbove: boolean, isBelow: boolean) => isAbove || (effect === 0 && isBelow);

function simulate(name: string, pairs: number): Row {
  const random = randomOf(pairs);
  const one = DISTRIBUTIONS[name]!;
  const rule = EFFECTS.map(() => 0);
  const bca = EFFECTS.map(() => 0);
  for (let i = 0; i < EXPERIMENTS; i++) {
    const noise = Array.from({ length: pairs }, () => one(random() + 2 ** -33));
    // The mean's interval moves with the differences.
    const [low, high] = i < BCA_EXPERIMENTS ? bcaInterval(noise) ?? [NaN, NaN] : [NaN, NaN];
    EFFECTS.forEach((effect, at) => {
      const { outcome } = judge({
        arm: "gc",
        baseline: "no-gc",
        metric: "test AUC",
        better: "higher",
        differences: noise.map((value) => value + effect),
        diverged: { arm: 0, baseline: 0 },
        holmP: null,
      });
      if (isSeen(effect, outcome === "better", outcome === "worse")) rule[at]!++;
      if (isSeen(effect, low + effect > 0, high + effect < 0)) bca[at]!++;
    });
  }
  const partsOf = (counts: readonly number[], all: number) => counts.map((count) => count / all);
  return {
    name,
    pairs,
    rule: partsOf(rule, EXPERIMENTS),
    bca: pairs < LEAST_BCA ? null : partsOf(bca, BCA_EXPERIMENTS),
  };
}

/** The cells of a line of a table; undefined for another line. */
function cellsOf(line: string): string[] | undefined {
  return line.startsWith("|") ? line.split("|").slice(1, -1).map((cell) => cell.trim()) : undefined;
}

const percent = (part: number) => `${(100 * part).toFixed(1)} %`;

Deno.test("the rule cries wolf in at most 5 % of the experiments with normal differences, and README tells the others", async () => {
  const rows = Object.keys(DISTRIBUTIONS).flatMap((name) => SIZES.map((pairs) => simulate(name, pairs)));
  const lines = rows.map(({ name, pairs, rule, bca }) => {
    const cells = [...rule, ...bca ?? EFFECTS.map(() => null)].map((part) => part === null ? "–" : percent(part));
    return [name, `${pairs}`, ...cells];
  });
  for (const cells of lines) console.log(`| ${cells.join(" | ")} |`);
  // Three of its own errors: twelve parts are looked at.
  const error = (part: number) => 3 * Math.sqrt(part * (1 - part) / EXPERIMENTS);
  for (const { pairs, rule } of rows.filter(({ name }) => name === "normal")) {
    assert(rule[0]! <= 0.05 + error(0.05), `${pairs} pairs: ${rule[0]}`);
    EFFECTS.forEach((effect, at) => {
      const power = pairedPower(pairs, effect);
      assertAlmostEquals(rule[at]!, power, error(power) + 1e-3, `${pairs} pairs, effect ${effect}`);
    });
  }
  const page = await Deno.readTextFile(new URL("../../../coordinator/statistics/README.md", import.meta.url));
  const told = page.split("\n").flatMap((line) => [cellsOf(line) ?? []]);
  for (const cells of lines) {
    assertEquals(
      told.find(([name, pairs]) => name === cells[0] && pairs === cells[1]),
      cells,
      "the page tells the same",
    );
  }
});
