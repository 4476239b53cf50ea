// Markup as a tagged template: the one place where text enters a page. What is put into a template is escaped, whatever
// it is and wherever it is from; only what another template has made stands as it is, and drawings, which are made
// again from what a drawing may consist of.
import { visible } from "../../shared/visible.ts";
import { drawingOf } from "./svg.ts";

/** A piece of a page. */
export class Markup {
  private constructor(
    /** As it stands in the page. */
    readonly text: string,
  ) {}

  /** A piece from a template: what stands between its texts is escaped; lists are joined. */
  static of(texts: TemplateStringsArray, values: readonly unknown[]): Markup {
    return new Markup(texts.reduce((whole, text, i) => `${whole}${textOf(values[i - 1])}${text}`));
  }

  /**
   * A chart that another library drew, as one picture with a name and a description.
   * @param id of the picture, unique in its page
   * @param style a `<style>` of its own, for one that stands alone
   * @throws {RangeError} if there is more in it than shapes and texts
   */
  static drawing(
    svg: string,
    { id, title, description, style }: {
      readonly id: string;
      readonly title: string;
      readonly description: string;
      readonly style?: Markup;
    },
  ): Markup {
    const { attributes, content } = drawingOf(svg);
    const names = `${id}-title ${id}-description`;
    return markup`<svg xmlns="http://www.w3.org/2000/svg" id="${id}" role="img" aria-labelledby="${names}"
${new Markup(attributes)}><title id="${id}-title">${title}</title><desc id="${id}-description">${description}</desc>
${style ?? ""}${new Markup(content)}</svg>`;
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
