// Every comparison, with every figure that a reviewer may ask for.
import { type Markup, markup } from "../../markup.ts";
import { contrastOf, type MetricNames, metricNames, sentenceOf } from "../../page_wording.ts";
import type { Comparison, Report } from "../../report.ts";
import { describeMacro } from "../../wording.ts";
import { withWholeNames } from "../arm_names.ts";
import { between, decimalsOf, plain, probability, signed } from "../figures.ts";
import type { Section } from "../section.ts";
import { figures, folded, knownOnly, type Table, tableOf, words } from "../table.ts";

/** The primary metric first; null if nothing is compared. */
export function comparisonsSection(report: Report): Section | null {
  const { comparison, verdict } = report;
  const names = metricNames(report);
  const macro = describeMacro(report);
  const all = comparison.filter(({ role }) => role === null);
  if (all.length === 0) return null;
  const [primary, others] = [true, false].map((is) => all.filter(({ metric }) => is === (metric === verdict.primary)));
  return {
    id: "comparisons",
    title: "Comparisons",
    content: [
      markup`<p>One comparison was fixed before the run: it is called confirmatory, and the verdict is of it.
All others are
exploratory, and their p is corrected for how many they are.</p>`,
      ...macro === "" ? [] : [markup`<p>${macro}</p>`],
      tableOf(comparisonTable(`Comparisons by ${names[verdict.primary]}`, primary!, names)),
      sentencesOf(primary!, names),
      ...others!.length === 0 ? [] : [
        folded(
          "Comparisons by the other metrics",
          [tableOf(comparisonTable("Comparisons by the other metrics", others!, names)), sentencesOf(others!, names)],
        ),
      ],
      folded("What these figures are", HOW_TO_READ, { isPrinted: true }),
    ],
  };
}

/** A row a comparison. */
export function comparisonTable(caption: string, rows: readonly Comparison[], names: MetricNames): Table {
  const hasMetrics = new Set(rows.map(({ metric }) => metric)).size > 1;
  return knownOnly({
    caption,
    isNarrow: true,
    columns: [
      ...words("Arm − baseline", ...hasMetrics ? ["Metric"] : [], "Kind"),
      ...figures("Pairs", "Mean difference", "95 % t", "95 % BCa", "95 % crossed", "d_z", "Won, lost, equal"),
      ...figures("Sign p", "t p", "Holm p", "Least detectable"),
    ],
    rows: rows.map((row) => {
      const decimals = decimalsOf(row.metric);
      const { arm, baseline } = row.diverged;
      const diverged = [...arm > 0 ? [`arm in ${arm}`] : [], ...baseline > 0 ? [`baseline in ${baseline}`] : []];
      return [
        withWholeNames(contrastOf(row)),
        ...hasMetrics ? [names[row.metric]] : [],
        row.kind,
        diverged.length === 0 ? String(row.pairs) : `${row.pairs} (diverged: ${diverged.join(", ")})`,
        signed(row.meanDifference, decimals),
        between(row.ci95, decimals),
        between(row.bca95, decimals),
        between(row.crossed95, decimals),
        signed(row.effectSize, 2),
        `${row.wins}, ${row.losses}, ${row.ties}`,
        probability(row.signP),
        probability(row.tP),
        probability(row.holmP),
        plain(row.leastDetectable, decimals),
      ];
    }),
  });
}

/** What each comparison allows to say. */
function sentencesOf(rows: readonly Comparison[], names: MetricNames): Markup {
  return markup`<ul class="said-of">${
    rows.map((row) =>
      markup`<li><strong>${withWholeNames(contrastOf(row))}, ${names[row.metric]}:</strong> ${
        withWholeNames(sentenceOf(row.verdict))
      }</li>
`
    )
  }</ul>`;
}

const HOW_TO_READ = markup`<dl class="terms">
<dt>Mean difference</dt><dd>Arm minus baseline of the last epoch, mean over pairs.</dd>
<dt>95 % t</dt><dd>Student's interval of that mean: the seeds' error, if differences are about normal.</dd>
<dt>95 % BCa</dt><dd>Bias-corrected and accelerated bootstrap over the seeds, from ten pairs on. It asks for no
normal differences, but with few pairs it is too narrow: it stands beside the t interval and decides nothing.</dd>
<dt>95 % crossed</dt><dd>Bootstrap over seeds and test images at once. All seeds share the images, so that
these add an error that more seeds do not make smaller.</dd>
<dt>d_z</dt><dd>Mean difference by the standard deviation of the differences (Cohen).</dd>
<dt>Sign p</dt><dd>Exact two-sided sign test of won against lost pairs. Five pairs cannot get below 0.0625, six
can reach 0.031.</dd>
<dt>t p</dt><dd>Paired t test, two-sided.</dd>
<dt>Holm p</dt><dd>The same, corrected for the number of exploratory comparisons (Holm 1979).</dd>
<dt>Least detectable</dt><dd>The mean difference that so many pairs with this spread find with a power of 80 %
at 5 %.</dd>
<dt>DeLong</dt><dd>Test of two areas under the curve on the same images: the test set's error in one pair
(DeLong et al. 1988).</dd>
</dl>`;
