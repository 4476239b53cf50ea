// report.html: what a run found, on one page that needs nothing else: no script, no network. First for those who want
// the answer, then for those who want to doubt it.
import { type Markup, markup } from "./markup.ts";
import { headerOf } from "./page/header.ts";
import { type Section, sectionOf } from "./page/section.ts";
import { bestEpochSection } from "./page/sections/best_epoch.ts";
import { classesSection } from "./page/sections/classes.ts";
import { comparisonsSection } from "./page/sections/comparisons.ts";
import { controlsSection } from "./page/sections/controls.ts";
import { costSection } from "./page/sections/cost.ts";
import { curvesSection } from "./page/sections/curves.ts";
import { diagnosticsSection } from "./page/sections/diagnostics.ts";
import { limitsSection } from "./page/sections/limits.ts";
import { pairsSection } from "./page/sections/pairs.ts";
import { provenanceSection } from "./page/sections/provenance.ts";
import { publishedSection } from "./page/sections/published.ts";
import { ratesSection } from "./page/sections/rates.ts";
import { STYLE } from "./page/style.css.ts";
import { labelOf } from "./page_wording.ts";
import type { Report } from "./report.ts";

/** In the order in which they are read; those that have nothing to say are left out. */
const SECTIONS: readonly ((report: Report) => Promise<Section | null> | Section | null)[] = [
  pairsSection,
  curvesSection,
  ratesSection,
  comparisonsSection,
  controlsSection,
  bestEpochSection,
  classesSection,
  diagnosticsSection,
  publishedSection,
  costSection,
  limitsSection,
  provenanceSection,
];

/** Nothing is fetched and nothing runs, whatever comes into the page. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/** The page of a report. */
export async function reportHtml(report: Report): Promise<string> {
  const { dataset, model, provenance } = report;
  const sections: Section[] = [];
  for (const make of SECTIONS) {
    const section = await make(report);
    if (section !== null) sections.push(section);
  }
  const label = labelOf(report);
  const page: Markup = markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${label === "" ? "" : `${label}: `}Herd, ${dataset.name}, ${model.name}</title>
${STYLE}
</head>
<body>
${headerOf(report, sections)}<main>
${sections.map(sectionOf)}</main>
<footer>Herd${
    provenance.herd === "" ? "" : ` ${provenance.herd}`
  }: distributed training, with and without gradient centralization.</footer>
</body>
</html>
`;
  return page.text;
}
