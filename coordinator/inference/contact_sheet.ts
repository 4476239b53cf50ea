// The images that a network gets most wrong, as a page to look at: one file, which needs no other.
import { documentOf, figures, type Markup, markup, tableOf } from "../report/mod.ts";
import { type Evaluation, mostWrong } from "./evaluation.ts";

/** What the page says besides the figures. */
export interface SheetOptions {
  /** The model and where it is from. */
  readonly model: string;
  /** The images and where they are from. */
  readonly data: string;
  /** What the image at this index is called. */
  nameOf(index: number): string;
  /** A small picture of it, as a data URI. */
  pictureOf(index: number): string;
}

/** So many are shown at most: some 300 kB of pictures, and more than anyone looks at. */
const MOST = 48;

const STYLE = markup`<style>
h1 { font-size: 1.75rem; font-weight: 650; line-height: 1.25; color: var(--ink); }
header p { color: var(--soft); margin-top: .5rem; }
.sheet { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 10rem), 1fr)); gap: 1.75rem 1.25rem;
  list-style: none; padding: 0; margin: 1.5rem 0 0; }
.sheet figure { margin: 0; } .sheet li { max-width: none; min-width: 0; }
.sheet img { display: block; width: 100%; height: auto; aspect-ratio: 1; border: 1px solid var(--rule);
  border-radius: 3px; background: var(--tint); }
.sheet figcaption { color: var(--ink); margin-top: .5rem; line-height: 1.4; }
.sheet .file { display: block; color: var(--soft); font-size: .8125rem; }
.sheet strong { font-weight: 650; }
@media print { .sheet { grid-template-columns: repeat(5, 1fr); } .sheet li { break-inside: avoid; } }
</style>`;

/** The page: the most wrong images, the surest of it first, and the confusion matrix. */
export function contactSheet(evaluation: Evaluation, options: SheetOptions): string {
  const { classes, images, correct, confusion } = evaluation;
  const wrong = images - correct;
  const shown = mostWrong(evaluation, MOST);
  const which = wrong > shown.length ? `the ${shown.length} surest of them are shown` : "all of them are shown";
  const summary = wrong === 0
    ? `None of ${images} images is wrong.`
    : `${wrong} of ${images} images are wrong; ${which}, the surest first.`;
  const body = markup`<header>
<h1>Most wrong images</h1>
<p>${summary}</p>
<p>Model ${options.model}; ${options.data}</p>
</header>
<main>
<section id="images" aria-labelledby="images-heading">
<h2 id="images-heading">Images</h2>
${
    shown.length === 0 ? markup`<p class="note">There is nothing to show.</p>` : markup`<ol class="sheet">
${shown.map((answer) => itemOf(answer, classes, options))}</ol>`
  }
</section>
<section id="confusion" aria-labelledby="confusion-heading">
<h2 id="confusion-heading">Confusion</h2>
${
    tableOf({
      caption: "Images by their class (rows) and the class that was predicted (columns)",
      columns: [{ head: "class", isText: true }, ...figures(...classes)],
      rows: confusion.map((row, label) => [classes[label]!, ...row.map(String)]),
    })
  }
</section>
</main>
`;
  return documentOf({ title: "Herd: most wrong images", body, style: STYLE, hasPictures: true });
}

function itemOf(
  { index, label, predicted, probabilities }: Evaluation["answers"][number],
  classes: readonly string[],
  { nameOf, pictureOf }: SheetOptions,
): Markup {
  const [own, other] = [classes[label]!, classes[predicted]!];
  const percent = (p: number) => `${(100 * p).toFixed(1)}\u00a0%`;
  return markup`<li><figure>
<img src="${pictureOf(index)}" alt="${nameOf(index)}, of class ${own}">
<figcaption>Named <strong>${other}</strong> (${percent(probabilities[predicted]!)}), is <strong>${own}</strong> (${
    percent(probabilities[label]!)
  })<span class="file">${nameOf(index)}</span></figcaption>
</figure></li>
`;
}
