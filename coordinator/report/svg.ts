// A drawing that another library made, made again from what a drawing may consist of: shapes and texts, without
// anything that acts, fetches or styles the page around it. What is not on the lists is left out if it is an attribute,
// and refused if it is an element, so that what enters a page is known without a look into that library.
import { visible } from "../../shared/visible.ts";

const ELEMENTS = new Set(["svg", "g", "path", "line", "rect", "circle", "text", "tspan"]);
const ATTRIBUTES = new Set([
  ...["width", "height", "viewBox", "transform", "d", "x", "y", "x1", "x2", "y1", "y2", "dx", "dy", "cx", "cy", "r"],
  ...["fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-dashoffset", "stroke-miterlimit", "stroke-linecap"],
  ...["stroke-linejoin", "stroke-opacity", "fill-opacity", "opacity"],
  ...["text-anchor", "font-family", "font-size", "font-weight", "font-style"],
]);
const PIECE = /<(\/?)([A-Za-z]+)((?:\s+[\w:-]+="[^"<>]*")*)\s*(\/?)>|([^<>]+)/gy;
const ATTRIBUTE = /([\w:-]+)="([^"]*)"/g;
/** Numbers, names, units, paths, `var(--name)`: no address, no text in quotes, no entity. */
const HARMLESS = /^(?!.*url\()[\w\s.,#%()+-]*$/i;
const LOOSE_AMPERSAND = /&(?!(?:amp|lt|gt|quot);)/;

/**
 * The elements of a drawing, made again; its numbers have two decimals.
 * @param svg a whole `<svg>` element
 * @returns the attributes of the outer element, and what stands in it
 * @throws {RangeError} if there is anything in it that no chart needs
 */
export function drawingOf(svg: string): { readonly attributes: string; readonly content: string } {
  const made: string[] = [];
  const open: string[] = [];
  let at = PIECE.lastIndex = 0;
  for (let piece = PIECE.exec(svg); piece !== null; piece = PIECE.exec(svg)) {
    at = PIECE.lastIndex;
    const [, closing, name, attributes, empty, text] = piece;
    if (name === undefined) made.push(textOf(text!));
    else if (!ELEMENTS.has(name)) refuse(`the element ${name}`);
    else if (closing) {
      if (open.pop() !== name) refuse(`an end of ${name} that has no beginning`);
      made.push(`</${name}>`);
    } else {
      if (!empty) open.push(name);
      if (!empty || isSeen(attributes!)) made.push(`<${name}${attributesOf(attributes!)}${empty}>`);
    }
  }
  const [first = "", last = ""] = [made[0], made.at(-1)];
  if (at !== svg.length || open.length > 0) refuse("what is no element");
  if (!first.startsWith("<svg") || last !== "</svg>" || made.lastIndexOf("</svg>") !== made.indexOf("</svg>")) {
    refuse("not one drawing");
  }
  return { attributes: first.slice("<svg".length, -1), content: made.slice(1, -1).join("") };
}

/** Shapes without an extent are of no use. */
function isSeen(attributes: string): boolean {
  return !/\s(?:display="none"|d=""|d="M0,0h0v0h0Z")/.test(attributes);
}

function attributesOf(attributes: string): string {
  return [...attributes.matchAll(ATTRIBUTE)].filter(([, name]) => ATTRIBUTES.has(name!)).map(([, name, value]) => {
    if (!HARMLESS.test(value!)) refuse(`the value ${JSON.stringify(value)}`);
    return ` ${name}="${
      value!.replace(/\d+\.\d{3,}(?:e-\d+)?/g, (number) => String(Number(Number(number).toFixed(2))))
    }"`;
  }).join("");
}

function textOf(text: string): string {
  if (LOOSE_AMPERSAND.test(text)) refuse("an ampersand that stands for nothing");
  return visible(text);
}

function refuse(what: string): never {
  throw new RangeError(`Cannot put a drawing into a page with ${what} in it`);
}
