import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { allKeys, NOTHING_YET, type RunFacts, type RunKey, runName } from "../../../coordinator/events/mod.ts";
import { tablesOf } from "../../../coordinator/report/csv.ts";
import { reportOf } from "../../../coordinator/report/report_of.ts";
import { METRICS } from "../../../coordinator/report/report.ts";
import { DATASET, epochRecord, FACTS } from "../../fixtures/events.ts";
import { type Told, toldReport, toldSnapshot } from "../../fixtures/told_run.ts";

const PLAN: Partial<RunFacts> = {
  seeds: [0, 1],
  declared: { seeds: 2, epochs: 4 },
  learningRates: [1e-4, 3e-4],
  control: true,
};
const KEYS = allKeys({ ...FACTS, ...PLAN });

/** Figures with all their bits. */
function tell({ arm, seed, learningRate }: RunKey): Told {
  const value = Math.sqrt(2 + seed) / (3 + arm.length + (learningRate ?? 0));
  const testLogits = DATASET.test.ids.map((id) => Math.fround(Math.sin(id * value)));
  return { epochs: [{ loss: value }, { loss: value / 3, testLoss: 1e-7 / 3 }], testLogits };
}

/** A table as rows of values by column; "" where a cell is empty. */
function parse(text: string): Record<string, string>[] {
  assert(text.endsWith("\n"));
  const [head, ...rows] = text.trimEnd().split("\n").map((line) => line.split(","));
  assertEquals(new Set(head).size, head!.length);
  for (const row of rows) assertEquals(row.length, head!.length);
  return rows.map((row) => Object.fromEntries(row.map((cell, i) => [head![i]!, cell])));
}

const snapshot = toldSnapshot(PLAN, tell);
const report = reportOf(snapshot, true);
const tables = tablesOf(report, snapshot);

Deno.test("the tables of a run are three, and of plain cells: nothing needs quotes", () => {
  assertEquals(Object.keys(tables), ["pairs.csv", "epochs.csv", "predictions.csv"]);
  for (const text of Object.values(tables)) assertEquals(/["';\s]/.test(text.replaceAll("\n", "")), false);
});

Deno.test("pairs.csv has a row a pair, with both values of each metric as the report has them, and DeLong's test", () => {
  const rows = parse(tables["pairs.csv"]);
  // Of each seed: gc at two rates, and two controls.
  assertEquals([rows.length, report.pairs.length], [2 * 4, 2 * 4]);
  for (const [i, row] of rows.entries()) {
    const pair = report.pairs[i]!;
    assertEquals([row["seed"], row["learning_rate"], row["role"]], [
      String(pair.seed),
      String(pair.learningRate),
      pair.role ?? "",
    ]);
    assertEquals([row["baseline"], row["arm"], row["diverged"]], ["no-gc", pair.arm, ""]);
    for (const metric of METRICS) {
      const name = metric.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
      assertEquals([Number(row[`${name}_baseline`]), Number(row[`${name}_arm`])], [...pair.values[metric]] as number[]);
    }
    assertEquals(Number(row["delong_difference"]), pair.delong!.difference);
    assertEquals([Number(row["delong_standard_error"]), Number(row["delong_p"])], [
      pair.delong!.standardError,
      pair.delong!.p,
    ]);
  }
});

Deno.test("epochs.csv has a row an epoch of each training, with every figure as the report has it", () => {
  const rows = parse(tables["epochs.csv"]);
  assertEquals(rows.length, KEYS.length * 2);
  const wanted = report.arms.flatMap(({ arm, seed, learningRate, role, epochs }) =>
    epochs.map((record) => [[arm, seed, learningRate, role ?? ""].join(), record] as const)
  );
  for (const [i, { arm, seed, learning_rate, role, ...figures }] of rows.entries()) {
    const [names, record] = wanted[i]!;
    assertEquals([arm, seed, learning_rate, role].join(), names);
    assertEquals(
      Object.values(figures).map(Number),
      Object.keys(figures).map((name) => {
        const field = name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
        return record[field as "loss"];
      }),
    );
    assertEquals(Object.keys(figures).length, Object.keys(epochRecord(1)).length);
  }
});

Deno.test("predictions.csv has a row a test image, with its class and the last logit of every training", () => {
  const rows = parse(tables["predictions.csv"]);
  assertEquals(
    rows.map((row) => [row["test_image"], row["class"]].map(Number)),
    DATASET.test.ids.map((id, i) => [
      id,
      DATASET.test.labels[i]!,
    ]),
  );
  assertEquals(Object.keys(rows[0]!).slice(2), KEYS.map(runName));
  for (const key of KEYS) assertEquals(rows.map((row) => Number(row[runName(key)])), [...tell(key).testLogits!]);
});

Deno.test("predictions.csv has a probability a class for more than two, and none of a training that has finished no epoch", () => {
  const images = DATASET.test.ids.length;
  // Odds of 1 : 2 : i + 1.
  const logits = Array.from({ length: images }, (_, i) => [1, 2, i + 1].map(Math.log)).flat();
  const told = toldSnapshot(
    {},
    ({ arm }) => arm === "gc" ? { epochs: [], diverged: "!" } : { epochs: [{ testAuc: null }], testLogits: logits },
  );
  const named = (classes: string[]) => {
    const snapshot = { ...told, dataset: { ...DATASET, info: { ...DATASET.info, classes } } };
    return tablesOf(reportOf(snapshot, true), snapshot)["predictions.csv"];
  };
  const rows = parse(named(["cats", "dogs", "owls"]));
  assertEquals(Object.keys(rows[0]!).slice(2), ["no-gc-0/cats", "no-gc-0/dogs", "no-gc-0/owls"]);
  for (const [i, row] of rows.entries()) {
    for (const [name, odds] of [["cats", 1], ["dogs", 2], ["owls", i + 1]] as const) {
      assertAlmostEquals(Number(row[`no-gc-0/${name}`]), odds / (i + 4), 1e-6);
    }
  }
  const head = named(["a,b", 'an "owl"', "two\nlines"]).split("\n0,")[0];
  assertEquals(head, 'test_image,class,"no-gc-0/a,b","no-gc-0/an ""owl""","no-gc-0/two\nlines"');
});

Deno.test("what is not known is an empty cell, and a pair of which one diverged says which", () => {
  const odd = toldSnapshot(
    {},
    ({ arm }) => arm === "gc" ? { epochs: [{}], diverged: "!" } : { epochs: [{ testAuc: null, seconds: null }] },
  );
  const { "pairs.csv": pairs, "epochs.csv": epochs } = tablesOf(reportOf(odd, true), odd);
  const [pair] = parse(pairs);
  assertEquals([pair!["diverged"], pair!["test_loss_arm"], pair!["test_loss_baseline"]], ["arm", "", "0.6"]);
  assertEquals([pair!["test_auc_baseline"], pair!["delong_p"]], ["", ""]);
  const [noGc, gc] = parse(epochs);
  assertEquals([noGc!["test_auc"], noGc!["seconds"], gc!["test_auc"]], ["", "", "0.9"]);
});

Deno.test("a run that has begun and finished nothing has tables without rows but the images; another one has none", () => {
  const begun = toldSnapshot({}, () => undefined);
  const empty = tablesOf(reportOf(begun, false), begun);
  assertEquals([parse(empty["pairs.csv"]).length, parse(empty["epochs.csv"]).length], [0, 0]);
  assertEquals(parse(empty["predictions.csv"]).length, DATASET.test.ids.length);
  assertThrows(() => tablesOf(toldReport({}, () => undefined), NOTHING_YET), RangeError, "has not begun");
});
