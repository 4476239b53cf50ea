// What this run cannot speak of.
import { markup } from "../../markup.ts";
import { notTested } from "../../page_wording.ts";
import type { Report } from "../../report.ts";
import type { Section } from "../section.ts";

/** A list. */
export function limitsSection(report: Report): Section {
  return {
    id: "not-tested",
    title: "What was not tested",
    content: markup`<ul class="limits">${
      notTested(report).map((line) =>
        markup`<li>${line}</li>
`
      )
    }</ul>`,
  };
}
