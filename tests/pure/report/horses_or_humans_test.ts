// The results that Herd's pages tell: the committed tables say what the reports say, and the pages what both do.
import { assert, assertEquals } from "@std/assert";
import { runName } from "../../../coordinator/events/mod.ts";
import { judgeAll } from "../../../coordinator/report/comparisons.ts";
import { tablesOf } from "../../../coordinator/report/csv.ts";
import { pairReport, pairsOf } from "../../../coordinator/report/pairs.ts";
import { parseReport } from "../../../coordinator/report/parse_report.ts";
import { pairsPicture } from "../../../coordinator/report/picture.ts";
import { auc } from "../../../coordinator/statistics/mod.ts";
import { granted } from "../../fixtures/permissions.ts";
import { asidesOf, faultsOf, figuresOf, flat, headlineOf, tableOf } from "../../fixtures/results.ts";
import { toldSnapshot } from "../../fixtures/told_run.ts";

const FOLDER = new URL("../../../coordinator/report/horses-or-humans/", import.meta.url);
const ignore = !await granted("read");
const read = (name: string) => Deno.readTextFile(new URL(name, FOLDER));
const openReport = async (run: string) => parseReport(await read(`${run}/report.json`), run);

const runs = ignore ? [] : (await Array.fromAsync(Deno.readDir(FOLDER)))
  .filter((entry) => entry.isDirectory).map(({ name }) => name).toSorted();

Deno.test({
  name: "results: at least one is there, and each is whole",
  ignore,
  async fn() {
    assert(runs.includes("arms"));
    for (const run of runs) {
      const { complete, plan, arms } = await openReport(run);
      assert(complete, run);
      assertEquals(arms.length, plan.seeds.length * plan.arms.length * plan.learningRates.length);
    }
  },
});

/** Rows of cells by column. */
function rowsOf(text: string): Record<string, string>[] {
  const [head, ...rows] = text.trimEnd().split("\n").map((line) => line.split(","));
  return rows.map((row) => Object.fromEntries(row.map((cell, i) => [head![i]!, cell])));
}

for (const run of runs) {
  const [text, predictions] = await Promise.all(
    ["report.json", "predictions.csv"].map((file) => read(`${run}/${file}`)),
  );
  const report = parseReport(text!, run);
  const images = rowsOf(predictions!);
  const labels = images.map((row) => Number(row["class"]));
  const trained = report.arms.map((arm) => {
    const { role, learningRate, ...key } = arm;
    const isNamed = role === null && learningRate !== report.plan.learningRates[0];
    const name = runName({ ...key, ...role === null ? {} : { role }, ...isNamed ? { learningRate } : {} });
    return { report: arm, logits: images.map((row) => Number(row[name])) };
  });

  Deno.test(`results of ${run}: the tables of pairs and epochs are those of the report, byte for byte`, async () => {
    const tables = tablesOf(report, toldSnapshot({}, () => undefined));
    for (const table of ["pairs.csv", "epochs.csv"] as const) {
      assertEquals(await read(`${run}/${table}`), tables[table]);
    }
  });

  Deno.test(`results of ${run}: the last epochs' test AUC and accuracy follow from the predictions`, () => {
    assertEquals(images.length, report.dataset.test);
    for (const { report: { arm, seed, epochs }, logits } of trained) {
      const { testAuc, testAccuracy } = epochs.at(-1)!;
      const right = logits.filter((logit, i) => (logit > 0 ? 1 : 0) === labels[i]).length;
      assertEquals([auc(logits, labels), right / labels.length], [testAuc, testAccuracy], `${arm}, seed ${seed}`);
    }
  });

  Deno.test(`results of ${run}: pairs, comparisons and verdict follow from epochs and predictions`, () => {
    const { plan, verdict: { primary, exploratoryBecause } } = report;
    assert(primary !== "seconds");
    const pairs = pairsOf(trained, { arms: plan.arms, defaultRate: plan.learningRates[0]! });
    assertEquals(pairs.map((pair) => pairReport(pair, labels)), report.pairs);
    const { comparison, verdict } = judgeAll(pairs, { plan, primary, labels, classes: 2, exploratoryBecause });
    assertEquals(comparison, report.comparison);
    assertEquals(verdict, report.verdict);
  });

  Deno.test(`results of ${run}: the trainings of a seed begin with the same weights, and no two end with the same`, () => {
    for (const some of Map.groupBy(report.arms, ({ seed }) => seed).values()) {
      assertEquals(new Set(some.map(({ initialWeightsSha256 }) => initialWeightsSha256)).size, 1);
    }
    assertEquals(new Set(report.arms.map(({ weightsSha256 }) => weightsSha256)).size, report.arms.length);
  });

  Deno.test(`results of ${run}: the report stands as it was written, and tells no machine's name or path`, () => {
    assertEquals(text, `${JSON.stringify(JSON.parse(text!), null, 2)}\n`);
    assertEquals(/(?:^|["\s=])\/\w|[A-Z]:\\|:\/\/|\d+\.\d+\.\d+\.\d+/m.exec(text!)?.[0], undefined);
    assertEquals(report.workers.filter(({ host }) => host !== ""), []);
  });

  Deno.test(`results of ${run}: a picture of it is what the report draws`, async () => {
    const picture = await read(`${run}/pairs.svg`).catch(() => undefined);
    if (picture !== undefined) assertEquals(picture, await pairsPicture(report));
  });
}

const openAll = () => Promise.all(runs.map(openReport));

/** What stands below a heading, up to the next one. */
function sectionOf(page: string, heading: string): string {
  const [, section] = `\n${page}`.split(`\n## ${heading}\n`);
  assert(section !== undefined, `there is a heading "${heading}"`);
  return section.split("\n## ")[0]!;
}

/** What README says of the results, and what it is held against. */
async function readmeSection() {
  const text = sectionOf(await read("../../../README.md"), "What it found");
  const arms = await openReport("arms");
  const may = (await openAll()).flatMap((report) => [...headlineOf(report), ...asidesOf(report)]);
  return { text, claims: { must: [...headlineOf(arms), ...figuresOf(arms)], may } };
}

Deno.test({
  name: "results: README tells the verdict and the figures behind it, and every figure is a report's",
  ignore,
  async fn() {
    const { text, claims } = await readmeSection();
    assertEquals(faultsOf(text, claims), []);
  },
});

Deno.test({
  name: "results: each run has a section of their page, with verdict, command and a table, and every figure is its own",
  ignore,
  async fn() {
    const page = await read("README.md");
    for (const run of runs) {
      const report = await openReport(run);
      const must = [...headlineOf(report), ...tableOf(report)];
      const may = [...figuresOf(report), ...asidesOf(report)];
      assertEquals(faultsOf(sectionOf(page, `\`${run}\``), { must, may }), [], run);
    }
  },
});

Deno.test({
  name: "results: any digit of README's section that is another one is noticed",
  ignore,
  async fn() {
    const { text, claims } = await readmeSection();
    const said = flat(text);
    const digits = [...said.matchAll(/\d/g)].map(({ index }) => index);
    assert(digits.length > 50);
    for (const at of digits) {
      const other = `${said.slice(0, at)}${(Number(said[at]) + 1) % 10}${said.slice(at + 1)}`;
      assert(faultsOf(other, claims).length > 0, other.slice(Math.max(0, at - 30), at + 30));
    }
  },
});
