// The top of the page, for those who read nothing else: what must not be missed, the verdict, and the figures behind
// it.
import { describeDuplicates, describeSkipped } from "../../../data/mod.ts";
import { type Markup, markup } from "../markup.ts";
import { artefactMark, capital, contrastOf, metricNames, olderFormat, sentenceOf, settingOf } from "../page_wording.ts";
import type { Comparison, Report } from "../report.ts";
import { describeTaints } from "../wording.ts";
import { withWholeNames } from "./arm_names.ts";
import { between, count, decimalsOf, plain, probability, signed } from "./figures.ts";
import type { Section } from "./section.ts";

/** Marks, verdict, figures, rule, and links to the sections. */
export function headerOf(report: Report, sections: readonly Pick<Section, "id" | "title">[]): Markup {
  const { verdict } = report;
  const main = mainComparison(report);
  return markup`<header>
${marksOf(report)}<h1>Does gradient centralization help?</h1>
<p class="verdict">${withWholeNames(sentenceOf(verdict.sentence))}</p>
<ul class="pills">${pillsOf(report)}</ul>
${main === undefined ? "" : numbersOf(main, metricNames(report)[main.metric])}
<p class="rule"><strong>The rule, which stood before the run.</strong> ${verdict.rule}</p>
<p class="rule">${withWholeNames(settingOf(report))}</p>
<nav aria-label="Sections"><ul>${
    sections.map(({ id, title }) =>
      markup`<li><a href="#${id}">${title}</a></li>
`
    )
  }</ul></nav>
</header>
`;
}

/** The confirmatory comparison, or else the first one by the primary metric. */
export function mainComparison({ comparison, verdict }: Report): Comparison | undefined {
  const compared = comparison.filter(({ role, metric }) => role === null && metric === verdict.primary);
  return compared.find(({ kind }) => kind === "confirmatory") ?? compared[0];
}

function marksOf(report: Report): Markup | "" {
  const { dataset, complete } = report;
  const tainted = describeTaints(report);
  const grave = [
    ...tainted === "" ? [] : [tainted],
    ...artefactMark(report) === "" ? [] : [artefactMark(report)],
    ...dataset.fallback ? ["PROCEDURAL DATA: THE REAL IMAGES COULD NOT BE FETCHED"] : [],
  ];
  const others = [
    ...complete ? [] : ["This run was broken off: the figures are of the epochs that it finished."],
    ...dataset.skipped.count > 0 ? [describeSkipped(dataset.skipped)] : [],
    ...describeDuplicates(dataset.duplicates),
    ...olderFormat(report) === "" ? [] : [olderFormat(report)],
  ];
  if (grave.length + others.length === 0) return "";
  return markup`<div class="marks">${
    grave.map((text) =>
      markup`<p class="mark grave">${text}</p>
`
    )
  }${
    others.map((text) =>
      markup`<p class="mark">${text}</p>
`
    )
  }</div>
`;
}

/** A sign before each outcome, so that no colour says it alone. */
const SIGNS: Readonly<Record<string, string>> = { better: "▲", worse: "▼", "no evidence": "○" };
const OUTCOMES: Readonly<Record<string, string>> = { "no evidence": "no evidence either way" };

function pillsOf({ verdict }: Report): Markup[] {
  const { outcome, confirmatory, exploratoryBecause } = verdict;
  const sign = SIGNS[outcome];
  const kind = confirmatory
    ? "confirmatory: the one comparison that was fixed before"
    : `exploratory${exploratoryBecause === "" ? "" : `: ${exploratoryBecause}`}`;
  return [
    markup`<li class="outcome ${outcome === "better" || outcome === "worse" ? outcome : ""}">${
      sign === undefined ? "" : markup`<span aria-hidden="true">${sign} </span>`
    }${OUTCOMES[outcome] ?? outcome}</li>
`,
    markup`<li>${kind}</li>
`,
  ];
}

function numbersOf(main: Comparison, name: string): Markup {
  const decimals = decimalsOf(main.metric);
  const { meanDifference, ci95, pairs, wins, signP, tP, leastDetectable } = main;
  const shown: readonly (readonly [string, string])[] = [
    ["mean difference", meanDifference === null ? "withheld" : signed(meanDifference, decimals)],
    ...ci95 === null ? [] : [["95 % interval", between(ci95, decimals)] as const],
    ["won", `${wins} of ${count(pairs, "pair")}`],
    ...signP === null ? [] : [["sign test", `p ${equals(signP)}`] as const],
    ...tP === null ? [] : [["paired t test", `p ${equals(tP)}`] as const],
    ...leastDetectable === null ? [] : [["would have shown", `from ${plain(leastDetectable, decimals)}`] as const],
  ];
  return markup`<p class="contrast">${capital(name)} of the last epoch, ${withWholeNames(contrastOf(main))}</p>
<dl class="numbers">${
    shown.map(([name, value]) =>
      markup`<div><dt>${name}</dt><dd>${value}</dd></div>
`
    )
  }</dl>
`;
}

function equals(p: number): string {
  const text = probability(p);
  return text.startsWith("<") ? text : `= ${text}`;
}
