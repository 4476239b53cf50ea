// report.html: curves, figures and hashes of a run on one self-contained page, drawn as SVG.
import { describeSkipped } from "../../data/mod.ts";
import { figure } from "../../shared/cli/format.ts";
import { describeFaults, type EpochRecord } from "../events/mod.ts";
import { type Markup, markup } from "./markup.ts";
import type { Report } from "./report.ts";
import {
  chanceAccuracy,
  describeCompression,
  describeIdentity,
  describeTaints,
  describeTimes,
  describeVerification,
} from "./wording.ts";

const COLOURS = ["#0072b2", "#d55e00", "#009e73"];
const WIDTH = 460;
const HEIGHT = 280;
const MARGIN = { left: 52, right: 14, top: 34, bottom: 40 };

/** The page of a report. */
export function reportHtml(report: Report): string {
  const { dataset, model, engine, workers } = report;
  const tainted = describeTaints(report);
  const marks = [
    ...tainted === "" ? [] : [tainted],
    ...dataset.fallback ? ["PROCEDURAL DATA: THE REAL IMAGES COULD NOT BE FETCHED"] : [],
    ...dataset.skipped.count > 0 ? [describeSkipped(dataset.skipped)] : [],
    ...report.complete ? [] : ["This run was broken off: the figures are of the epochs that it finished."],
  ];
  return markup`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Herd: ${dataset.name}, ${model.name}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.mark { background: #fff1cc; border-left: 4px solid #d99a00; padding: .5rem .8rem; font-weight: 600; }
.plots { display: flex; flex-wrap: wrap; gap: 1rem; } svg { max-width: 100%; height: auto; font: 12px system-ui, sans-serif; }
table { border-collapse: collapse; } th, td { padding: .25rem .8rem; border-bottom: 1px solid #ddd; text-align: right; }
th:first-child, td:first-child, th.text, td.text { text-align: left; } code { font-size: .85em; overflow-wrap: anywhere; }
@media (prefers-color-scheme: dark) {
  body { background: #16181c; color: #ddd; } th, td { border-color: #444; } .mark { background: #4a3a00; } svg { background: #fff; }
}
</style>
<h1>Does gradient centralization help?</h1>
${marks.map((text) => markup`<p class="mark">${text}</p>`)}
<p>${dataset.name}: ${dataset.train} training and ${dataset.test} test images of
${dataset.imageShape.join("×")}${dataset.limit === null ? "" : ` (limited to ${dataset.limit})`};
${model.name}, ${model.parameters.toLocaleString("en")} parameters; ${workers.length} worker${
    workers.length === 1 ? "" : "s"
  } with ${engine.name} on ${engine.adapter}.</p>
<div class="plots">
${PLOTS.map((plot) => chart(report, plot))}
</div>
<h2>Last epoch</h2>
${figures(report)}
<h2>Comparison</h2>
${comparison(report)}
<h2>Identity</h2>
<p>Arms start from the same weights and see the same batches, augmentation and dropout masks; the optimizer starts fresh.
${describeIdentity(report) || "All workers computed with equal fingerprints."} ${describeCompression(report)}</p>
<p>${describeVerification(report)}</p>
<p>${describeTimes(report)}</p>
<p>Faults mended: ${describeFaults(report.faults) || "none"}.</p>
<ul>${
    report.arms.map((arm) =>
      markup`<li>${arm.arm}, seed ${arm.seed}: initial weights <code>${arm.initialWeightsSha256}</code>, final <code>${arm.weightsSha256}</code></li>`
    )
  }</ul>
<p>Data set <code>${dataset.sha256}</code>; fingerprint <code>${engine.fingerprint}</code></p>
</html>
`.text;
}

interface Plot {
  readonly title: string;
  readonly train: "loss" | "accuracy";
  readonly test: "testLoss" | "testAccuracy";
}

const PLOTS: readonly Plot[] = [
  { title: "Loss", train: "loss", test: "testLoss" },
  { title: "Accuracy", train: "accuracy", test: "testAccuracy" },
];

/** One chart: training dashed, test solid, a colour an arm. */
function chart({ arms, dataset }: Report, plot: Plot): Markup {
  const chance = chanceAccuracy(dataset.classes, "test");
  const values = arms.flatMap((arm) => arm.epochs.flatMap((epoch) => [epoch[plot.train], epoch[plot.test]]));
  if (plot.train === "accuracy") values.push(chance);
  const epochs = Math.max(2, ...arms.map((arm) => arm.epochs.length));
  const { low, high, step } = niceScale(values.filter(Number.isFinite));
  const x = (epoch: number) => MARGIN.left + (epoch - 1) / (epochs - 1) * (WIDTH - MARGIN.left - MARGIN.right);
  const y = (value: number) =>
    HEIGHT - MARGIN.bottom - (value - low) / (high - low) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const line = (records: readonly EpochRecord[], key: Plot["train"] | Plot["test"], colour: string) => {
    const points = records.map((record) => `${x(record.epoch).toFixed(1)},${y(record[key]).toFixed(1)}`);
    const dash = key === plot.train ? "5 4" : "none";
    const dots = points.map((point) =>
      markup`<circle cx="${point.split(",")[0]}" cy="${point.split(",")[1]}" r="2.5" fill="${colour}"/>`
    );
    const stroke = markup`stroke="${colour}" stroke-width="2" stroke-dasharray="${dash}"`;
    return markup`<polyline points="${points.join(" ")}" fill="none" ${stroke}/>${dots}`;
  };
  const ticks: Markup[] = [];
  for (let i = 0; low + i * step <= high + step / 1000; i++) {
    const value = low + i * step;
    ticks.push(
      markup`<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${y(value)}" y2="${
        y(value)
      }" stroke="#e4e4e4"/>`,
      markup`<text x="${MARGIN.left - 6}" y="${y(value) + 4}" text-anchor="end">${Number(value.toPrecision(3))}</text>`,
    );
  }
  const every = Math.ceil(epochs / 10);
  for (let epoch = 1; epoch <= epochs; epoch += every) {
    ticks.push(markup`<text x="${x(epoch)}" y="${HEIGHT - MARGIN.bottom + 16}" text-anchor="middle">${epoch}</text>`);
  }
  const legend = arms.map((arm, i) => {
    const behind = arms.slice(i + 1).reduce((width, { arm }) => width + 8 * arm.length + 16, 0);
    const x = WIDTH - MARGIN.right - behind;
    const fill = COLOURS[i % COLOURS.length];
    return markup`<text x="${x}" y="20" text-anchor="end" fill="${fill}" font-weight="600">${arm.arm}</text>`;
  });
  const chanceLine = plot.train !== "accuracy" ? "" : markup`
<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${y(chance)}" y2="${y(chance)}" stroke="#999"
 stroke-dasharray="2 3"/><text x="${WIDTH - MARGIN.right}" y="${
    y(chance) - 4
  }" text-anchor="end" fill="#777">chance</text>`;
  const name = dataset.fallback ? `${plot.title} (PROCEDURAL DATA)` : plot.title;
  return markup`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" role="img" aria-label="${name} by epoch">
<text x="${MARGIN.left}" y="20" font-weight="600">${name} <tspan fill="#777" font-weight="400">test solid, training dashed</tspan></text>
${ticks}${chanceLine}
${arms.map((arm, i) => [plot.train, plot.test].map((key) => line(arm.epochs, key, COLOURS[i % 3]!)))}
${legend}<text x="${(WIDTH + MARGIN.left) / 2}" y="${HEIGHT - 6}" text-anchor="middle">epoch</text>
</svg>
`;
}

function figures({ arms, dataset }: Report): Markup {
  const rows = arms.map((arm) => {
    const last = arm.epochs.at(-1);
    const cells = last === undefined
      ? Array(4).fill("–")
      : [last.loss, last.accuracy, last.testLoss, last.testAccuracy].map((value) => value.toFixed(4));
    const figures = [...cells, figure(arm.trainSeconds, 1)].map((cell) => markup`<td>${cell}</td>`);
    return markup`<tr><td>${arm.arm}</td>${figures}</tr>
`;
  });
  const [train, test] = [chanceAccuracy(dataset.classes, "train"), chanceAccuracy(dataset.classes, "test")];
  return markup`<table><tr><th>arm</th><th>loss</th><th>accuracy</th><th>test loss</th><th>test accuracy</th><th>training s</th></tr>
${rows}<tr><td>chance</td><td></td><td>${train.toFixed(4)}</td><td></td><td>${
    test.toFixed(4)
  }</td><td></td></tr></table>`;
}

function comparison({ comparison }: Report): Markup {
  if (comparison.length === 0) return markup`<p>There is no second arm with as many epochs to compare with.</p>`;
  const rows = comparison.map(({ metric, baseline, arm, pairs, meanDifference, verdict }) => {
    const figures = markup`<td>${meanDifference.toFixed(4)}</td><td>${pairs}</td>`;
    return markup`<tr><td>${metric}</td><td>${arm} − ${baseline}</td>${figures}<td class="text">${verdict}</td></tr>
`;
  });
  const head = markup`<tr><th>metric</th><th></th><th>difference</th><th>pairs</th><th class="text">verdict</th></tr>`;
  return markup`<table>${head}
${rows}</table>`;
}

/** Round tick marks around the values. */
function niceScale(values: readonly number[]): { low: number; high: number; step: number } {
  const [least, most] = values.length === 0
    ? [0, 1]
    : values.reduce(([least, most], value) => [Math.min(least, value), Math.max(most, value)], [Infinity, -Infinity]);
  const span = most - least || Math.abs(most) || 1;
  const power = 10 ** Math.floor(Math.log10(span / 4));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => span / candidate <= 5)!;
  const low = Math.floor(least / step) * step;
  const high = Math.ceil(most / step) * step;
  return { low, high: high > low ? high : low + step, step };
}
