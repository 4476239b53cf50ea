import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import fc from "fast-check";
import { withWholeNames } from "../../../coordinator/report/page/arm_names.ts";
import { comparisonTable } from "../../../coordinator/report/page/sections/comparisons.ts";
import { differenceChart } from "../../../coordinator/report/page/charts/differences.ts";
import { metricNames } from "../../../coordinator/report/page_wording.ts";
import { exampleReport } from "../../fixtures/reports.ts";
import {
  between,
  count,
  listed,
  median,
  plain,
  probability,
  rate,
  signed,
} from "../../../coordinator/report/page/figures.ts";
import { apart, scaleOf, wholeScale } from "../../../coordinator/report/page/scale.ts";
import { spreadOf } from "../../../coordinator/report/page/spread.ts";
import { STYLE } from "../../../coordinator/report/page/style.css.ts";

Deno.test("figures have a true minus, a plus where they are differences, and a dash where they are not known", () => {
  assertEquals([0.12345, -0.5, -0.00001, null, Infinity].map((value) => plain(value, 3)), [
    "0.123",
    "−0.500",
    "0.000",
    "–",
    "not finite",
  ]);
  assertEquals([0.0123, -0.0123, 0.00001, 0, null].map((value) => signed(value, 3)), [
    "+0.012",
    "−0.012",
    "0.000",
    "0.000",
    "–",
  ]);
  assertEquals([between([-1, 2], 1), between([1, 2], 1, plain), between(null, 1)], ["−1.0 to +2.0", "1.0 to 2.0", "–"]);
  assertEquals([0.0004, 0.001, 0.03125, 1, null].map(probability), ["< 0.001", "0.001", "0.031", "1.000", "–"]);
  assertEquals([1e-4, 3e-5, 0.00015, 0].map(rate), ["1e-4", "3e-5", "1.5e-4", "not recorded"]);
  assertEquals([count(1, "pair"), count(1027, "image")], ["1 pair", "1,027 images"]);
  assertEquals([[], ["a"], ["a", "b"], ["a", "b", "c"]].map(listed), ["", "a", "a and b", "a, b and c"]);
  assertEquals([median([3, 1, 2]), median([4, 1, 2, 3])], [2, 2.5]);
});

Deno.test("a spread is the mean with Student's t interval; one value has none", () => {
  const { count, mean, ci95 } = spreadOf([1, 2, 3, 4, 5]);
  assertEquals([count, mean], [5, 3]);
  assertAlmostEquals(ci95![1] - 3, 2.776445 * Math.sqrt(2.5 / 5), 1e-6);
  assertEquals(spreadOf([7]), { count: 1, mean: 7, ci95: null });
});

const finite = fc.double({ min: -1e9, max: 1e9, noNaN: true });

Deno.test("an axis covers its values with a few round numbers, whatever they are", () => {
  assertEquals(scaleOf([0.743, 0.851]), { low: 0.7, high: 0.9, ticks: [0.7, 0.75, 0.8, 0.85, 0.9], format: ".2f" });
  assertEquals(scaleOf([]).ticks, [0, 0.2, 0.4, 0.6, 0.8, 1]);
  fc.assert(fc.property(fc.array(fc.oneof(finite, fc.constantFrom(NaN, Infinity)), { maxLength: 20 }), (values) => {
    const { low, high, ticks } = scaleOf(values);
    assert(low < high && ticks.length >= 2 && ticks.length <= 8, `${ticks}`);
    const slack = 1e-8 * (Math.abs(low) + Math.abs(high));
    for (const value of values.filter(Number.isFinite)) assert(value >= low - slack && value <= high + slack);
  }));
  assertEquals([1, 2, 6, 10, 50].map((last) => wholeScale(last).ticks), [
    [1],
    [1, 2],
    [1, 2, 3, 4, 5, 6],
    [1, 4, 6, 8, 10],
    [1, 10, 20, 30, 40, 50],
  ]);
  for (const last of [1e9, NaN, 1e300]) assert(wholeScale(last).ticks.length <= 8);
});

Deno.test("names are moved apart in their order, and not if they are apart already", () => {
  assertEquals(apart([3, 1, 2], 1), [3, 1, 2]);
  assertEquals(apart([1, 1], 1), [0.5, 1.5]);
  fc.assert(fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 }), (places) => {
    const moved = apart(places, 0.1);
    const order = places.map((_, i) => i).sort((a, b) => places[a]! - places[b]!);
    for (const [at, i] of order.entries()) {
      if (at > 0) assert(moved[i]! - moved[order[at - 1]!]! >= 0.1 - 1e-9);
    }
    const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
    assertAlmostEquals(sum(moved), sum(places), 1e-9);
  }));
});

/** Relative luminance of "#rgb" or "#rrggbb", by WCAG 2. */
function luminance(colour: string): number {
  const digits = colour.length === 4
    ? [...colour.slice(1)].map((digit) => digit + digit)
    : colour.slice(1).match(/../g)!;
  const [red, green, blue] = digits.map((pair) => {
    const part = parseInt(pair, 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}

function contrast(a: string, b: string): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (light! + 0.05) / (dark! + 0.05);
}

Deno.test("texts and lines stand out from the paper, in the light, in the dark and in print", () => {
  assertAlmostEquals(contrast("#000", "#ffffff"), 21, 1e-9);
  const schemes = [...STYLE.text.matchAll(/:root \{([^}]*)\}/g)].map(([, rules]) =>
    Object.fromEntries(
      [...rules!.matchAll(/--([a-z-]+):\s*(#[0-9a-f]{3,6})\b/g)].map(([, name, colour]) => [name, colour!]),
    )
  );
  assertEquals(schemes.length, 3);
  for (const scheme of schemes) {
    for (const text of ["ink", "soft", "link", "no-gc", "gc", "gc-update", "good", "bad", "warn"]) {
      const ratio = contrast(scheme[text]!, scheme["paper"]!);
      assert(ratio >= 4.5, `${text} ${scheme[text]} on ${scheme["paper"]}: ${ratio}`);
    }
    for (const behind of ["mark", "tint"]) assert(contrast(scheme["ink"]!, scheme[behind]!) >= 4.5, behind);
  }
});

Deno.test("names of arms are not broken at their hyphens, and what else is in a text is escaped", () => {
  assertEquals(
    withWholeNames("gc is better than no-gc, <b>gc-update</b> is not").text,
    'gc is better than <span class="arm">no-gc</span>, &#60;b&#62;<span class="arm">gc-update</span>&#60;/b&#62; is not',
  );
});

Deno.test("the line of no difference ends below each name, and is left out where a reason stands", () => {
  const { comparison } = exampleReport({ seeds: 6 });
  const rows = comparison.filter(({ metric }) => metric === "testAuc");
  assertEquals(rows.length, 2);
  const chart = differenceChart([rows[0]!, { ...rows[1]!, meanDifference: null, ci95: null }], {
    metric: "testAuc",
    name: "test AUC",
    id: "d",
    title: "D",
  });
  const [line] = chart.layers as { data: { values: { place: number; end: number }[] } }[];
  assertEquals(line!.data.values.map(({ place, end }) => [place, end]), [[18, 54]]);
});

Deno.test("a table of comparisons has cells of several lines and no sentences", () => {
  const report = exampleReport({ seeds: 6 });
  const { isNarrow, columns } = comparisonTable("C", report.comparison, metricNames(report));
  assertEquals([isNarrow, columns.some(({ head }) => head.includes("say"))], [true, false]);
});
