// Tables and other parts of the document, made from data: text enters as text.
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />

/** A column of figures, or of words. */
export interface Column {
  readonly head: string;
  readonly isText?: boolean;
}

/** A row; its first cell names it. */
export interface Row {
  readonly cells: readonly (string | Node)[];
  readonly kind?: string;
}

/** An element. */
export function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Readonly<Record<string, string>> = {},
  ...content: readonly (string | Node)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  made.append(...content);
  return made;
}

/** The element of an id. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`There is no #${id}`);
  return found as T;
}

/** Shows text where another one stands. */
export function say(id: string, text: string): void {
  const where = byId(id);
  if (where.textContent !== text) where.textContent = text;
}

/** A table that is filled again and again. */
export class Table {
  readonly element: HTMLElement;
  readonly #columns: readonly Column[];
  readonly #body = element("tbody");
  #shown = "";

  /** @param caption names it */
  constructor(caption: string, columns: readonly Column[]) {
    this.#columns = columns;
    const heads = columns.map(({ head, isText }) =>
      element("th", { scope: "col", ...isText ? { class: "text" } : {} }, head)
    );
    const table = element(
      "table",
      {},
      element("caption", {}, caption),
      element("thead", {}, element("tr", {}, ...heads)),
    );
    table.append(this.#body);
    this.element = element("div", { class: "scroll", role: "region", "aria-label": caption, tabindex: "0" }, table);
  }

  /** Shows these rows. */
  fill(rows: readonly Row[]): void {
    const text = JSON.stringify(rows.map(({ cells, kind }) => [kind, ...cells.map(textOf)]));
    if (text === this.#shown) return; // whoever marks something in it goes on
    this.#shown = text;
    this.#body.replaceChildren(...rows.map(({ cells, kind }) =>
      element(
        "tr",
        kind === undefined ? {} : { class: kind },
        ...cells.map((cell, i) => {
          const look = this.#columns[i]?.isText ? { class: "text" } : {};
          return i === 0 ? element("th", { scope: "row", ...look }, cell) : element("td", look, cell);
        }),
      )
    ));
  }
}

function textOf(cell: string | Node): string {
  return typeof cell === "string" ? cell : cell.textContent ?? "";
}
