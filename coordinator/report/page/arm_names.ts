// Names of arms in a sentence: a line may not end within one, at its hyphen.
import { ARM_NAMES } from "../../events/mod.ts";
import { type Markup, markup } from "../markup.ts";

const NAMES = ARM_NAMES.filter((name) => name.includes("-"));
const AROUND_NAMES = new RegExp(`\\b(${NAMES.join("|")})\\b`);

/** A text in which no name of an arm is broken. */
export function withWholeNames(text: string): Markup {
  const parts = text.split(AROUND_NAMES).map((part, i) =>
    i % 2 === 1 ? markup`<span class="arm">${part}</span>` : part
  );
  return markup`${parts}`;
}
