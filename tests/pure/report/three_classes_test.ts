// What a report says of more than two classes.
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { referenceOf } from "../../../coordinator/report/page/charts/curves.ts";
import { finalBlock } from "../../../coordinator/report/final_block.ts";
import { parseReport } from "../../../coordinator/report/parse_report.ts";
import { reportHtml } from "../../../coordinator/report/report_html.ts";
import { reportOf } from "../../../coordinator/report/report_of.ts";
import { exampleReport } from "../../fixtures/reports.ts";
import { NAMES, threeClasses } from "../../fixtures/three_classes.ts";

const report = reportOf(threeClasses(), true);
const MATRIX = [[3, 0, 1], [0, 2, 0], [0, 0, 2]];

Deno.test("a report names its classes by label, has the matrix of the last epoch, and is read back as it was", () => {
  assertEquals(report.dataset.classNames, NAMES);
  assert(Object.keys(report.dataset.classes).join() !== NAMES.join(), "an object has another order");
  for (const { confusion } of report.arms) assertEquals(confusion, MATRIX);
  assertEquals(report.plan.classWeights, [1.05, 1, 0.95]);
  assertEquals(parseReport(JSON.stringify(report), "x"), report);
});

Deno.test("the share of positives is the second class's by label, whatever the order of the counts' keys", () => {
  const dataset = { ...report.dataset, classNames: ["10", "2"], classes: { "10": [9, 6], "2": [9, 2] } as const };
  assertEquals(referenceOf({ ...report, dataset }, "testMeanProbability")?.value, 2 / 8);
});

Deno.test("a report from before classes were named has those of its counts, no matrix and no class weights", () => {
  const now = exampleReport({ seeds: 1, epochs: 1 });
  const { classNames: _, ...dataset } = now.dataset;
  const { classWeights: __, ...plan } = now.plan;
  const arms = now.arms.map(({ confusion: _, ...one }) => one);
  assertEquals(parseReport(JSON.stringify({ ...now, dataset, plan, arms }), "x"), now);
});

Deno.test("DeLong's test and the crossed interval are of two classes: of three there are none, and both texts say so", async () => {
  const six = reportOf(threeClasses([0, 1, 2, 3, 4, 5]), true);
  assertEquals(six.pairs.map(({ delong }) => delong), six.pairs.map(() => null));
  assertEquals(six.comparison.map(({ crossed95 }) => crossed95), six.comparison.map(() => null));
  const [first] = six.comparison;
  assertEquals([first!.metric, first!.kind, first!.pairs], ["testAuc", "confirmatory", 6]);
  const sentence = "DeLong's test and the crossed interval are of two classes: with more there are none";
  assertStringIncludes(finalBlock(six).join("\n"), sentence);
  assertStringIncludes((await reportHtml(six)).replaceAll("&#39;", "'"), sentence);
});

Deno.test("finalBlock() has the matrix with the classes' names, chance by the largest class, and the macro area", () => {
  const lines = finalBlock(report);
  const start = lines.indexOf("  Test images by class, and what they were taken for:");
  const rows = lines.slice(start + 1, start + 5).map((line) => line.trim().split(/\s{2,}/));
  assertEquals(rows, [
    ["as 1", "as 10", "as 2"],
    ...NAMES.map((name, label) => [name, ...MATRIX[label]!.map(String)]),
  ]);
  const text = lines.join("\n");
  assertStringIncludes(text, "Test accuracy: 0.800000 (chance 0.5000)");
  assertMatch(text, /\n {2}Macro test AUC: [01]\.\d+ \(chance 0\.5\)\n/);
  assertStringIncludes(text, "Verdict (macro test AUC)");
  assert(!/(?<!macro )test AUC/i.test(text), "it is never called otherwise");
});

Deno.test("finalBlock() of many classes points to the page, which says what each is most often taken for", async () => {
  const names = Array.from({ length: 30 }, (_, i) => `class ${i}`);
  const confusion = names.map((_, label) => names.map((_, other) => label === other ? 5 : other === 7 ? 2 : 0));
  const many = {
    ...report,
    dataset: { ...report.dataset, classNames: names },
    arms: report.arms.map((one) => ({ ...one, confusion })),
  };
  assertStringIncludes(finalBlock(many).join("\n"), "Confusion of 30 classes: see the report's page");
  const page = await reportHtml(many);
  assertStringIncludes(page, '<th scope="row" class="text">class 3</th><td>7</td><td>0.7143</td>');
  assertStringIncludes(page, '<td class="text">class 7 (2)</td>');
  assert(!page.includes("as class"));
});

Deno.test("the page has a matrix an arm, summed over the seeds, and never calls the macro area otherwise", async () => {
  const page = await reportHtml(reportOf(threeClasses([0, 1, 2]), true));
  const table = page.slice(page.indexOf('id="classes-heading"'));
  assertStringIncludes(table, "<caption>no-gc at 1e-4, sums over 3 seeds</caption>");
  const row = (name: string, ...cells: string[]) =>
    `<th scope="row" class="text">${name}</th>${cells.map((cell) => `<td>${cell}</td>`).join("")}`;
  assertStringIncludes(table, row("1", "12", "0.9167", "11", "0", "1"));
  assertStringIncludes(table, row("2", "6", "0.6667", "0", "2", "4"));
  assertStringIncludes(page, "<dt>Class weights</dt><dd>1: 1.050, 10: 1.000, 2: 0.950</dd>");
  assert(!/(?<!macro )test AUC/i.test(page));
  assert(!(await reportHtml(exampleReport({ seeds: 1, epochs: 1 }))).includes('id="classes"'), "nothing was recorded");
});
