// Markup as a tagged template: the one place where text enters a page. What is put into a template is escaped, whatever it is
// and wherever it is from; only what another template has made stands as it is.
import { visible } from "../../shared/visible.ts";

/** A piece of a page. */
export class Markup {
  private constructor(readonly text: string) {}

  /** A piece from a template: what stands between its texts is escaped; lists are joined. */
  static of(texts: TemplateStringsArray, values: readonly unknown[]): Markup {
    return new Markup(texts.reduce((whole, text, i) => `${whole}${textOf(values[i - 1])}${text}`));
  }
}

/** The tag of such a template. */
export function markup(texts: TemplateStringsArray, ...values: readonly unknown[]): Markup {
  return Markup.of(texts, values);
}

function textOf(value: unknown): string {
  if (value instanceof Markup) return value.text;
  if (Array.isArray(value)) return value.map(textOf).join("");
  return visible(String(value)).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
