// How the report came about, and what it takes to get the same bits again.
import { type Markup, markup } from "../../markup.ts";
import { ROLE_NAMES } from "../../page_wording.ts";
import type { Report } from "../../report.ts";
import { describeCompression, describeIdentity } from "../../wording.ts";
import { count, listed, rate } from "../figures.ts";
import type { Section } from "../section.ts";
import { figures, folded, tableOf, words } from "../table.ts";

/** The command, versions and hashes. */
export function provenanceSection(report: Report): Section {
  const { provenance, engine, dataset, arms, plan, formatVersion } = report;
  const hash = (text: string) => text === "" ? "not recorded" : markup`<code>${text}</code>`;
  const facts: readonly (readonly [string, string | Markup])[] = [
    ["Herd", provenance.herd || "not recorded"],
    ["Deno", provenance.deno || "not recorded"],
    ["Report format", String(formatVersion)],
    ["Engine", `${engine.name}, single precision`],
    ["Device", engine.adapter],
    ["Fingerprint", hash(engine.fingerprint)],
    ["Data set", markup`${dataset.name}, SHA-256 ${hash(dataset.sha256)}`],
    ["Optimizer", optimizerOf(plan)],
    ...plan.classWeights === null ? [] : [
      [
        "Class weights",
        plan.classWeights.map((weight, label) => `${dataset.classNames[label]}: ${weight.toFixed(3)}`).join(", "),
      ] as const,
    ],
    ...plan.initWeights === null
      ? []
      : [["Initial weights", markup`of a file, SHA-256 ${hash(plan.initWeights)}`] as const],
    [
      "Bits",
      [
        describeIdentity(report) ||
        "All workers computed with equal fingerprints: the same command with such workers, " +
          "however many, gives the same weights, bit for bit.",
        describeCompression(report),
      ].join(" "),
    ],
  ];
  return {
    id: "provenance",
    title: "Provenance",
    content: [
      provenance.command === ""
        ? markup`<p class="note">The command was not recorded.</p>`
        : markup`<p>This repeats it:</p>
<pre class="scroll" tabindex="0" role="region" aria-label="The command that repeats
it"><code>${provenance.command}</code></pre>
`,
      markup`<dl class="facts">${
        facts.map(([name, value]) =>
          markup`<div><dt>${name}</dt><dd>${value}</dd></div>
`
        )
      }</dl>`,
      folded(
        `Weights of ${count(arms.length, "training")}`,
        tableOf({
          caption: "SHA-256 of the weights: two runs with the same have the same bits",
          columns: [...words("Arm"), ...figures("Seed", "Rate"), ...words("For", "Initial weights", "Final weights")],
          rows: arms.map(({ arm, seed, learningRate, role, initialWeightsSha256, weightsSha256 }) => [
            arm,
            String(seed),
            role === "lose" ? "0" : rate(learningRate),
            role === null ? "comparison" : ROLE_NAMES[role],
            hash(initialWeightsSha256),
            hash(weightsSha256),
          ]),
        }),
      ),
      markup`<p class="note">Beside this page: <code>report.json</code> has all of it as data${
        formatVersion < 2 ? "" : markup`, <code>pairs.csv</code>,
<code>epochs.csv</code> and <code>predictions.csv</code> the figures behind every claim`
      }.</p>`,
    ],
  };
}

function optimizerOf(
  { optimizer, momentum, nesterov, gcScope, gcScale, batchSize, microBatch, learningRates }: Report["plan"],
): string {
  if (optimizer === "") return "not recorded";
  return [
    optimizer,
    `rate ${listed(learningRates.map(rate))}`,
    ...momentum === 0 ? [] : [`momentum ${momentum}${nesterov ? " (Nesterov)" : ""}`],
    `batch of ${batchSize} in micro-batches of ${microBatch}`,
    `centralization of ${gcScope === "all" ? "all kernels" : "the convolutions' kernels"}${
      gcScale === 1 ? "" : ` by ${gcScale} of the mean`
    }`,
  ].join(", ");
}
