import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { draw } from "../../../coordinator/report/page/draw.ts";
import { curveChart } from "../../../coordinator/report/page/charts/curves.ts";
import { differenceChart } from "../../../coordinator/report/page/charts/differences.ts";
import { kernelChart } from "../../../coordinator/report/page/charts/kernels.ts";
import { publishedChart } from "../../../coordinator/report/page/charts/published.ts";
import { atRates, rateChart } from "../../../coordinator/report/page/charts/rates.ts";
import { slopeChart } from "../../../coordinator/report/page/charts/slopes.ts";
import { compared, groupsOf } from "../../../coordinator/report/page/trainings.ts";
import { parseReport } from "../../../coordinator/report/parse_report.ts";
import type { Report } from "../../../coordinator/report/report.ts";
import { reportHtml } from "../../../coordinator/report/report_html.ts";
import { NO_CHECKS, NO_FAULTS } from "../../../coordinator/events/mod.ts";
import { type ExampleOptions, exampleReport } from "../../fixtures/reports.ts";

const SMALL = { seeds: 2, epochs: 3, arms: ["no-gc", "gc"] } as const;
const WHOLE = { seeds: 6, epochs: 4, rates: [1e-4, 3e-4], control: true, diagnostics: true, published: true } as const;

const pages = new Map<string, Promise<string>>();

/** The page of a made-up report, drawn once. */
function pageOf(options: ExampleOptions): Promise<string> {
  const name = JSON.stringify(options);
  const page = pages.get(name) ?? reportHtml(exampleReport(options));
  pages.set(name, page);
  return page;
}

/** The headings of the sections. */
function headings(page: string): string[] {
  return [...page.matchAll(/<h2 [^>]*>([^<]*)<\/h2>/g)].map(([, text]) => text!);
}

Deno.test("the page needs nothing else: no script, no other address, and a policy that allows none", async () => {
  const page = await pageOf(WHOLE);
  assertEquals(page.match(/<(script|img|link|iframe|object|embed|image|use|base|form)\b/gi), null);
  assertEquals(page.match(/\ssrc=|url\(|@import|javascript:/gi), null);
  for (const [, address] of page.matchAll(/\shref="([^"]*)"/g)) assert(/^#[a-z-]+$/.test(address!), address);
  assertStringIncludes(page, "default-src &#39;none&#39;");
  for (const word of ["NaN", "undefined", "[object", "could not be drawn"]) assert(!page.includes(word), word);
});

Deno.test("the page begins with marks, verdict, figures and rule; then comes what a reviewer asks for", async () => {
  const page = await pageOf(WHOLE);
  const order = ["ARTEFACT", "<h1>", '<p class="verdict">', '<dl class="numbers">', "The rule", "<nav", "<main>"];
  const places = order.map((part) => page.indexOf(part));
  assertEquals(places, places.toSorted((a, b) => a - b));
  assert(places[0]! > 0);
  assertEquals(headings(page), [
    "Pairs",
    "Curves",
    "Learning rates",
    "Comparisons",
    "What the instrument saw",
    "Best epoch beside the last",
    "What centralizing does",
    "As published, beside the fair protocol",
    "Time and cost",
    "What was not tested",
    "Provenance",
  ]);
  const { comparison: [main], verdict } = exampleReport(WHOLE);
  const sentence = verdict.sentence.replace(/^n/, "N");
  for (const part of [`${sentence}.`, `${main!.wins} of 6 pairs`, "confirmatory"]) assertStringIncludes(page, part);
});

Deno.test("sections that have nothing to say are left out", async () => {
  const page = await pageOf(SMALL);
  const shown = [
    "Pairs",
    "Curves",
    "Comparisons",
    "Best epoch beside the last",
    "Time and cost",
    "What was not tested",
  ];
  assertEquals(headings(page), [...shown, "Provenance"]);
  assert(!page.includes("ARTEFACT"));
  assertEquals(headings(await reportHtml(exampleReport({ seeds: 0 }))), [
    "Pairs",
    "Time and cost",
    "What was not tested",
    "Provenance",
  ]);
});

Deno.test("each chart has a name, a description and a table; ids are unique and labels lead to them", async () => {
  const page = await pageOf(WHOLE);
  const charts = page.match(/<svg /g)!.length;
  assertEquals(page.match(/<svg [^>]*role="img" aria-labelledby=/g)!.length, charts);
  assertEquals(page.match(/<desc id="[^"]+">[^<]{30,}<\/desc>/g)!.length, charts);
  assertEquals((page.match(/These figures as a table|class="duo"/g) ?? []).length, charts);
  const ids = [...page.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id);
  assertEquals(new Set(ids).size, ids.length);
  const wanted = [...page.matchAll(/aria-labelledby="([^"]+)"|href="#([^"]+)"/g)].flatMap(([, a, b]) =>
    (a ?? b)!.split(" ")
  );
  assertEquals(wanted.filter((id) => !ids.includes(id)), []);
});

Deno.test("charts are drawn without a complaint of Vega-Lite, in colours of the page alone", async () => {
  const report = exampleReport(WHOLE);
  const groups = groupsOf(compared(report).filter(({ learningRate }) => learningRate === 1e-4));
  const of = (role: string) => report.arms.find((one) => one.role === role)!;
  const complaints: string[] = [];
  const pairs = report.pairs.filter(({ arm, role, learningRate }) =>
    arm === "gc" && role === null && learningRate === 1e-4
  );
  const rows = report.comparison.filter(({ metric }) => metric === "testAuc");
  const reference = { reference: 0, figure: "removedShare", title: "Removed", subtitle: "" } as const;
  const charts = [
    slopeChart(pairs, { metric: "testAuc", name: "test AUC", all: pairs, id: "a" }),
    curveChart(groups, { metric: "testLoss", report, id: "b" }),
    differenceChart(rows, { metric: "testAuc", name: "test AUC", id: "c", title: "Differences" }),
    rateChart(groupsOf(compared(report)), { metric: "testAuc", name: "test AUC", id: "d" }),
    kernelChart(report.diagnostics!.layers, { ...reference, id: "e" }),
    publishedChart({ first: report.arms[0]!, fair: report.arms[1], published: of("published") }, "f"),
  ];
  for (const chart of charts) {
    const { text } = await draw(chart, (complaint) => complaints.push(complaint));
    assertStringIncludes(text, chart.title);
    const colours = [...text.matchAll(/\s(?:fill|stroke)="([^"]*)"/g)].map(([, colour]) => colour!);
    assert(colours.length > 5);
    assertEquals(colours.filter((colour) => !/^(none|transparent|var\(--[a-z-]+\))$/.test(colour)), []);
  }
  assertEquals(complaints, []);
});

Deno.test("a chart that Vega-Lite cannot draw throws instead of being empty, and does not cost the page", async () => {
  const broken = {
    ...curveChart([], { metric: "loss", report: exampleReport(SMALL), id: "a" }),
    layers: [{ mark: "nothing" }],
  };
  await assertRejects(() => draw(broken as never));
  const [first, ...others] = exampleReport(SMALL).arms;
  const odd = { ...first!, epochs: first!.epochs.map((one) => ({ ...one, epoch: -1e308 })) };
  const page = await reportHtml(exampleReport({ ...SMALL, changes: { arms: [odd, ...others] } }));
  assertStringIncludes(page, "Provenance");
});

Deno.test("many seeds have a mean with a band and thin lines; one seed has a line an arm, and no band", async () => {
  const chartOf = async (seeds: number) => {
    const report = exampleReport({ ...SMALL, seeds });
    const chart = curveChart(groupsOf(compared(report)), { metric: "testAuc", report, id: "a" });
    return (await draw(chart)).text;
  };
  const [one, many] = [await chartOf(1), await chartOf(5)];
  const lines = (text: string) =>
    text.match(/<path [^>]*fill="none"[^>]*|<path [^>]*stroke="var\(--(no-)?gc\)"/g)!.length;
  assertEquals([lines(one), lines(many)], [2, 12]);
  const bands = (text: string) =>
    (text.match(/<path [^>]*fill="var\(--(no-)?gc\)"[^>]*opacity="0.16"|opacity="0.16"/g) ?? []).length;
  assertEquals([bands(one), bands(many)], [0, 2]);
  assertStringIncludes(
    await reportHtml(exampleReport({ ...SMALL, seeds: 1 })),
    "one seed does not tell how far seeds differ",
  );
});

Deno.test("a mean ends where a training diverged, and is not told of what is left", async () => {
  const report = exampleReport({ ...SMALL, seeds: 6, epochs: 4, diverged: { arm: "gc", seed: 3 } });
  const page = await reportHtml(report);
  for (
    const part of [
      "withheld",
      "gc, seed 3 at 1e-4: the loss was not finite in epoch 3, step 3",
      "better in 5 of 6 pairs, 1 diverged",
      "diverged: arm in 1",
    ]
  ) assertStringIncludes(page, part);
  const [lost] = atRates(groupsOf(compared(report)), "testAuc").filter(({ arm }) => arm === "gc");
  assertEquals([lost!.diverged, lost!.values.length, lost!.spread, lost!.isBest], [1, 5, null, false]);
  const table = page.slice(page.indexOf('id="curve-testAuc"'));
  assertStringIncludes(table, '<th scope="row" class="text">4</th>');
  assert(/<th scope="row" class="text">4<\/th><td>[\d.]+<\/td><td>[^<]+<\/td><td>6<\/td><td>–<\/td>/.test(table));
});

Deno.test("what must not be missed stands at the top and on every picture", async () => {
  const { dataset, plan } = exampleReport(SMALL);
  const since = { key: { arm: "gc", seed: 0 }, epoch: 2, step: 1, steps: 9 } as const;
  const page = await reportHtml(exampleReport({
    ...SMALL,
    changes: {
      complete: false,
      bitIdentical: false,
      compress: "bf16",
      compressGradients: true,
      taints: [{ worker: "r2", host: "<node7>", since }],
      dataset: { ...dataset, fallback: true, skipped: { count: 12, files: ["a.png", "<b>.png"] } },
      plan: { ...plan, protocol: "as-published" },
      faults: { ...NO_FAULTS, workersLost: 2, pausedSeconds: 1.26 },
      verification: { ...NO_CHECKS, share: 0.01, compared: 23, chanceToBeCaught: [] },
    },
  }));
  const top = page.slice(0, page.indexOf("<h1>"));
  for (
    const part of [
      "TAINTED: in this result there are wrong answers of r2 on &#60;node7&#62;",
      "ARTEFACT",
      "until mid-2025",
      "PROCEDURAL DATA: THE REAL IMAGES COULD NOT BE FETCHED",
      "broken off",
      "unreadable: 12 images (a.png, &#60;b&#62;.png and 10 more).",
    ]
  ) assertStringIncludes(top, part);
  const pictures = page.split("<svg ").slice(1);
  assert(pictures.length > 5);
  for (const picture of pictures) assertStringIncludes(picture.split("</svg>")[0]!, ">PROCEDURAL DATA · ARTEFACT");
  for (
    const part of [
      "Faults mended: workers lost 2, seconds paused 1.3.",
      "Bit-identity is off: gradients were compressed.",
      "Weights and gradients travelled as bf16.",
      "computed 23 answers again",
    ]
  ) assertStringIncludes(page, part);
  const quiet = await pageOf(SMALL);
  for (const part of ["TAINTED", "PROCEDURAL", "broken off", "Bit-identity is off", "travelled as", "Left out"]) {
    assert(!quiet.includes(part), part);
  }
});

Deno.test("an experiment that was extended, or whose verdict is exploratory, says so", async () => {
  const { plan, verdict } = exampleReport(SMALL);
  const page = await reportHtml(exampleReport({
    ...SMALL,
    changes: {
      plan: { ...plan, declaredSeeds: 1 },
      verdict: { ...verdict, confirmatory: false, exploratoryBecause: "extended after looking" },
    },
  }));
  assertStringIncludes(page, "exploratory: extended after looking");
  assertStringIncludes(page, "2 seeds (1 declared at the beginning)");
});

const ATTACK = `"'>]]><script>alert(1)</script><img src=x onerror=alert(1)>&#8238;\${x}\u202e\u2028\x1b[2J\x00`;

/** A report with a text in the place of every text that a parsed report may have there; `changed` counts them. */
function attacked(report: Report): { readonly report: Report; readonly changed: number } {
  let changed = 0;
  let current: unknown = JSON.parse(JSON.stringify(report));
  const attempt = (next: unknown) => {
    try {
      parseReport(JSON.stringify(next), "x");
    } catch {
      return; // a name that is one of a few
    }
    current = next;
    changed++;
  };
  const visit = (path: readonly (string | number)[]) => {
    const value = at(current, path);
    if (typeof value === "string") attempt(withAt(current, path, `${path.join("/")} ${ATTACK}`));
    else if (typeof value === "object" && value !== null) {
      for (const name of Object.keys(value)) visit([...path, Array.isArray(value) ? Number(name) : name]);
    }
  };
  visit([]);
  return { report: parseReport(JSON.stringify(current), "x"), changed };
}

function at(value: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce((inner, name) => (inner as Record<string | number, unknown>)[name], value);
}

function withAt(value: unknown, [name, ...rest]: readonly (string | number)[], what: unknown): unknown {
  if (name === undefined) return what;
  const changed = withAt((value as Record<string | number, unknown>)[name], rest, what);
  return Array.isArray(value) ? value.with(Number(name), changed) : { ...value as object, [name]: changed };
}

Deno.test("markup, quotes and control characters in every text of a report give a page without them", async () => {
  const small = exampleReport({
    seeds: 1,
    epochs: 2,
    arms: ["no-gc", "gc"],
    control: true,
    diagnostics: true,
    published: true,
  });
  const { classes } = small.dataset;
  const since = { key: { arm: "gc", seed: 0 }, epoch: 2, step: 1, steps: 9 } as const;
  const duplicates = { across: 1, files: [{ train: "a", test: "a" }], within: { train: 0, test: 0 } };
  const { report, changed } = attacked({
    ...small,
    taints: [{ worker: "r2", host: "node7", since }],
    comparison: small.comparison.map((one) => ({ ...one, withheld: "a" })),
    arms: small.arms.map((one, i) => i === 0 ? { ...one, diverged: "a" } : { ...one, confusion: [[1, 0], [0, 1]] }),
    dataset: {
      ...small.dataset,
      classes: { ...classes, [ATTACK]: [1, 1] },
      skipped: { count: 1, files: ["a"] },
      duplicates,
    },
    plan: { ...small.plan, initWeights: "a", classWeights: [1, 2] },
  });
  assert(changed > 80, `${changed}`);
  const page = await reportHtml(report);
  assertEquals(page.match(/<(script|img)|alert\(1\)<|"'>|\]\]>/g), null);
  assertEquals(page.match(/[\p{Bidi_Control}\p{Zl}\p{Zp}]|(?!\n)\p{Cc}/gu), null);
  assert(!page.includes("&#8238;") && !page.includes("could not be drawn"));
  for (
    const part of [
      "dataset/name",
      "dataset/classNames/1",
      "workers/0/adapter",
      "taints/0/worker",
      "diagnostics/layers/0/kernel",
      "erdict/sentence",
    ]
  ) {
    assertStringIncludes(page, `${part} &#34;&#39;&#62;]]&#62;&#60;script&#62;`);
  }
  // In a picture: the kernels' names. Vega escapes less than the page does, and enough.
  const kernels = page.split('id="kernels-removed"')[1]!.split("</svg>")[0]!;
  assertStringIncludes(kernels, "diagnostics/lay");
});

Deno.test("a report with markup where figures belong gives a page without it, or none", async () => {
  const report = exampleReport({ ...SMALL, seeds: 1, epochs: 1, diagnostics: true });
  const { pairs: [pair], comparison: [one], arms: [arm], diagnostics } = report;
  const changes: Partial<Report>[] = [
    { pairs: [{ ...pair!, values: { ...pair!.values, testAuc: [ATTACK, ATTACK] } as never }] },
    { comparison: [{ ...one!, meanDifference: ATTACK, ci95: [ATTACK, ATTACK] } as never] },
    { arms: [{ ...arm!, arm: ATTACK, epochs: [{ ...arm!.epochs[0]!, testAuc: ATTACK }] } as never] },
    { arms: [{ ...arm!, learningRate: ATTACK, seed: ATTACK } as never] },
    { diagnostics: { ...diagnostics!, layers: [{ ...diagnostics!.layers[0]!, removedShare: ATTACK } as never] } },
    { formatVersion: ATTACK as never, complete: ATTACK as never },
  ];
  for (const change of changes) {
    let page = "";
    try {
      page = await reportHtml({ ...report, ...change }); // without a look at it before
    } catch (error) {
      assert(error instanceof TypeError, `${error}`); // a text is no number
    }
    for (const part of ["<script", "<img", "\u202e", "\x1b"]) assert(!page.includes(part), part);
  }
});

Deno.test("a report of the first version has a page that says what was not recorded", async () => {
  const { arms, comparison, dataset, model, engine, workers } = exampleReport({
    seeds: 1,
    epochs: 2,
    arms: ["no-gc", "gc"],
  });
  const old = { complete: true, bitIdentical: true, arms, comparison: [], dataset, model, engine, workers };
  assert(comparison.length > 0);
  const page = await reportHtml(parseReport(JSON.stringify(old), "x"));
  for (
    const part of [
      "format version 1",
      "not recorded",
      "The command was not recorded",
      "Too few pairs: 1, and no rule stood before the run.",
    ]
  ) {
    assertStringIncludes(page, part);
  }
  assert(!/\bat 0(?!\.)/.test(page), "a rate of 0 is none");
});
