// The colours by name, of the page and of pictures that stand alone: on light paper and on dark.
import { markup } from "../markup.ts";

/** Declarations of the colours on white. */
export const LIGHT = markup`--paper: #fff; --ink: #1c2126; --soft: #59616b; --rule: #b9c0c8; --grid: #e9ebee;
  --link: #0a5a9c; --tint: #f5f6f8; --no-gc: #59636e; --gc: #0a62ad; --gc-update: #a94a00;
  --good: #0b6a4f; --bad: #b3261e; --warn: #b3261e; --mark: #fff3d1; --mark-edge: #c98a00; --shade: #0002;`;

/** Declarations of the same on nearly black. */
export const DARK = markup`--paper: #14171a; --ink: #e7e9ec; --soft: #a3abb4; --rule: #4a525b; --grid: #292e34;
  --link: #7dbbff; --tint: #1d2125; --no-gc: #b1b9c2; --gc: #6db3f7; --gc-update: #f5a25d;
  --good: #5fd0ab; --bad: #ff9a91; --warn: #ff9a91; --mark: #3a2f10; --mark-edge: #d9a520; --shade: #fff3;`;

/** Both, as a style sheet: whoever prefers the dark gets it. */
export const SCHEMES = markup`:root {
  color-scheme: light dark;
  ${LIGHT}
}
@media (prefers-color-scheme: dark) {
  :root {
    ${DARK}
  }
}`;

/** The same as text, for another page. */
export const COLOURS: string = SCHEMES.text;
