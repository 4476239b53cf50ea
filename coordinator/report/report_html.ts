// report.html: what a run found, on one page that needs nothing else: no script, no network. First for those who want
// the answer, then for those who want to doubt it.
import { markup } from "./markup.ts";
import { documentOf } from "./page/document.ts";
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

/** The page of a report. */
export async function reportHtml(report: Report): Promise<string> {
  const { dataset, model, provenance } = report;
  const sections: Section[] = [];
  for (const make of SECTIONS) {
    const section = await make(report);
    if (section !== null) sections.push(section);
  }
  const label = labelOf(report);
  const title = `${label === "" ? "" : `${label}: `}Herd, ${dataset.name}, ${model.name}`;
  const body = markup`${headerOf(report, sections)}<main>
${sections.map(sectionOf)}</main>
<footer>Herd${
    provenance.herd === "" ? "" : ` ${provenance.herd}`
  }: distributed training, with and without gradient centralization.</footer>
`;
  return documentOf({ title, body });
}
