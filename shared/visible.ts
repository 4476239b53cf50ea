// Texts from elsewhere (names of files, what workers print, files that others may have written) where people see them: what
// could steer a terminal, turn the direction of writing round or feign another line is shown instead of done.

const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

/** A text with every such character as \uXXXX, which JSON reads back; tabs stay. */
export function visible(text: string): string {
  return text.replace(UNSEEN, (one) => one === "\t" ? one : `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
