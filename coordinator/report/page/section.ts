// A section of the page.
import { type Markup, markup } from "../markup.ts";

/** A section; its name is what links lead to. */
export interface Section {
  readonly id: string;
  readonly title: string;
  readonly content: Markup | readonly Markup[];
}

/** The section with its heading. */
export function sectionOf({ id, title, content }: Section): Markup {
  return markup`<section id="${id}" aria-labelledby="${id}-heading">
<h2 id="${id}-heading">${title}</h2>
${content}
</section>
`;
}

/** Pictures beside each other where there is room. */
export function grid(figures: readonly Markup[]): Markup {
  return markup`<div class="grid">
${figures}</div>
`;
}
