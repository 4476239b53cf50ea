// Tables: each has a name, heads its rows and columns, and scrolls in its own box where the page is narrower.
import { type Markup, markup } from "../markup.ts";
import { UNKNOWN } from "./figures.ts";

/** A column of figures, or of words. */
export interface Column {
  /** What stands above it. */
  readonly head: string;
  /** Whether it begins at the left. */
  readonly isText: boolean;
}

/** A table; its first cells name their rows. */
export interface Table {
  /** Its name. */
  readonly caption: string;
  /** From the left. */
  readonly columns: readonly Column[];
  /** As many cells as there are columns. */
  readonly rows: readonly (readonly (string | Markup)[])[];
  /** Whether cells have several lines rather than that the table is wider than its page. */
  readonly isNarrow?: boolean;
}

/** Columns of words. */
export function words(...heads: readonly string[]): Column[] {
  return heads.map((head) => ({ head, isText: true }));
}

/** Columns of figures. */
export function figures(...heads: readonly string[]): Column[] {
  return heads.map((head) => ({ head, isText: false }));
}

/** The table, or a sentence where it would be empty. */
export function tableOf({ caption, columns, rows, isNarrow = false }: Table): Markup {
  if (rows.length === 0) return markup`<p class="note">${caption}: there is nothing to show.</p>`;
  const kind = (at: number) => columns[at]?.isText ? markup` class="text"` : "";
  const cells = (row: Table["rows"][number]) =>
    row.map((cell, at) =>
      at === 0 ? markup`<th scope="row"${kind(0)}>${cell}</th>` : markup`<td${kind(at)}>${cell}</td>`
    );
  return markup`<div class="scroll" role="region" aria-label="${caption}" tabindex="0"><table${
    isNarrow ? markup` class="narrow"` : ""
  }>
<caption>${caption}</caption>
<thead><tr>${columns.map(({ head }, at) => markup`<th scope="col"${kind(at)}>${head}</th>`)}</tr></thead>
<tbody>${
    rows.map((row) =>
      markup`<tr>${cells(row)}</tr>
`
    )
  }</tbody></table></div>`;
}

/** A table without the columns of which nothing is known in any row. */
export function knownOnly({ columns, rows, ...rest }: Table): Table {
  const isKnown = columns.map((_, at) => at === 0 || rows.some((row) => row[at] !== UNKNOWN));
  const keep = <T>(all: readonly T[]) => all.filter((_, at) => isKnown[at]);
  return { ...rest, columns: keep(columns), rows: rows.map(keep) };
}

/** What only some want to see. On paper it is there if it was opened, or is printed in any case. */
export function folded(summary: string, content: Markup | readonly Markup[], { isPrinted = false } = {}): Markup {
  return markup`<details${isPrinted ? markup` class="printed"` : ""}><summary>${summary}</summary>${content}</details>
`;
}
