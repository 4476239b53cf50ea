// The data set that Herd draws itself, for a machine that has no other: figures like horses and humans on varied
// backgrounds, as many and as large as in Horses or Humans. Image i is a pure function of (split, i).
import { setImmediate } from "node:timers/promises";
import { Purpose, sampleKey } from "../shared/threefry.ts";
import { Canvas, type Colour, place, turn } from "./canvas.ts";
import { type ImageSource, type RgbImage, type Split, SPLITS } from "./dataset_info.ts";
import { Draws } from "./draws.ts";
import { areaOf, boundsOfAll, horse, human, type Part } from "./figures.ts";
import { toSquare } from "./resize.ts";

export const PROCEDURAL_NAME = "procedural";

/** Images of each class: [horses, humans]. */
export type Counts = Readonly<Record<Split, readonly [number, number]>>;
const COUNTS: Counts = { train: [500, 527], test: [128, 128] };

/** Changes whenever a pixel may change: it is part of the packed file's key. */
const DRAWING_VERSION = 3;
const SIDE = 300;
/** The same pictures for everybody: no run's seed enters. */
const CONSTANT_SEED = 0;
/** The `epoch` of the key: keeps the splits apart. */
const SPLIT_DRAW: Readonly<Record<Split, number>> = { train: 1, test: 2 };
/** Area of a figure in pixels. Wide horses and tall humans fit in the picture at either end. */
const AREA = { least: 8000, most: 14000 } as const;
const MARGIN = 4;

/** The procedural data set; tests ask for fewer images than it has. */
export function proceduralSource(counts: Counts = COUNTS): ImageSource {
  const labelsOf = ([horses, humans]: readonly [number, number]) => new Uint8Array(horses + humans).fill(1, horses);
  const labels = { train: labelsOf(counts.train), test: labelsOf(counts.test) };
  return {
    name: PROCEDURAL_NAME,
    classes: ["horses", "humans"],
    labels,
    phase: "draw",
    identity: `drawing ${DRAWING_VERSION} ${counts.train} ${counts.test}`,
    describe: (split, id) => `${split} figure ${id}`,
    async *images({ imageSize, signal }) {
      for (const split of SPLITS) {
        for (const [id, label] of labels[split].entries()) {
          // Drawing never waits: let Ctrl-C and timers through between two images.
          await setImmediate();
          signal?.throwIfAborted();
          yield { pixels: toSquare(drawImage(split, id, label), imageSize) };
        }
      }
    },
    [Symbol.dispose]() {},
  };
}

/** Image `id` of a split. @param label 0 for a horse, 1 for a human */
export function drawImage(split: Split, id: number, label: number): RgbImage {
  return draw(
    new Draws(sampleKey(CONSTANT_SEED, Purpose.proceduralData, SPLIT_DRAW[split], id)),
    label === 0 ? horse : human,
  );
}

/** All that does not depend on the class is drawn from the same distributions for both. */
function draw(draws: Draws, figure: (draws: Draws) => Part[]): RgbImage {
  const canvas = new Canvas(SIDE);
  paintBackground(canvas, draws);
  paintClutter(canvas, draws);
  const colours = [darkColour(draws), darkColour(draws), darkColour(draws)] as const;
  for (const { shape, colour } of placed(figure(draws), draws)) canvas.paint(shape, colours[colour]);
  addGrain(canvas, draws);
  return { width: SIDE, height: SIDE, pixels: canvas.pixels };
}

/** Scales a figure to a random area, turns it a little, mirrors it or not, and puts it somewhere in the picture. */
export function placed(parts: readonly Part[], draws: Draws): Part[] {
  const mirror = draws.below(2) === 1;
  const tilt = turn(draws.between(-0.12, 0.12));
  const scale = scaleFor(areaOf(parts), draws.between(AREA.least, AREA.most));
  const put = (shift: { x: number; y: number }) =>
    parts.map(({ shape, colour }) => ({ shape: place(shape, { mirror, turn: tilt, scale, shift }), colour }));
  const { left, top, right, bottom } = boundsOfAll(put({ x: 0, y: 0 }));
  const room = (low: number, high: number) => {
    const [least, most] = [MARGIN - low, SIDE - MARGIN - high];
    // A figure too large for the picture is centred.
    return least < most ? draws.between(least, most) : (least + most) / 2;
  };
  return put({ x: room(left, right), y: room(top, bottom) });
}

/** The largest scale in eighths of a pixel a unit at which an area does not exceed a target: a root without sqrt. */
function scaleFor(area: number, target: number): number {
  let eighths = 8;
  while ((eighths + 1) ** 2 * area <= target * 64) eighths++;
  return eighths / 8;
}

/** A sky and a ground, each fading from one colour to another, meeting at a random height. */
function paintBackground({ side, pixels }: Canvas, draws: Draws): void {
  const horizon = Math.floor(draws.between(side * 0.3, side * 0.8));
  const bands = [[0, horizon], [horizon, side]] as const;
  for (const [from, to] of bands) {
    const [top, bottom] = [lightColour(draws), lightColour(draws)];
    for (let y = from; y < to; y++) {
      // A third of the way at most, so that a band keeps its own colour.
      const colour = top.map((value, i) => value + Math.floor((bottom[i]! - value) * (y - from) / (3 * (to - from))));
      const row = pixels.subarray(y * side * 3, (y + 1) * side * 3);
      for (let i = 0; i < row.length; i++) row[i] = colour[i % 3]!;
    }
  }
}

/** Up to three stones, bushes or poles that belong to no class. */
function paintClutter(canvas: Canvas, draws: Draws): void {
  const point = () => ({ x: draws.between(0, canvas.side), y: draws.between(0, canvas.side) });
  for (let left = draws.below(4); left > 0; left--) {
    const colour = lightColour(draws);
    if (draws.below(2) === 0) {
      const [rx, ry] = [draws.between(8, 35), draws.between(8, 35)];
      canvas.paint({ kind: "ellipse", centre: point(), rx, ry, turn: turn(draws.between(-1, 1)) }, colour);
      continue;
    }
    const from = point();
    const to = { x: from.x + draws.between(-60, 60), y: from.y + draws.between(-60, 60) };
    canvas.paint({ kind: "limb", from, to, r0: draws.between(3, 10), r1: draws.between(3, 10) }, colour);
  }
}

/** Noise of ±8 on every channel, four values from each word. */
function addGrain({ pixels }: Canvas, draws: Draws): void {
  for (let i = 0; i < pixels.length; i += 4) {
    const word = draws.word();
    for (let byte = 0; byte < 4; byte++) {
      const noise = (word >>> (8 * byte) & 0xff) % 17 - 8;
      pixels[i + byte] = Math.max(0, Math.min(255, pixels[i + byte]! + noise));
    }
  }
}

/** Surroundings are light and figures dark, whatever the class: what is left to learn is the shape. */
function lightColour(draws: Draws): Colour {
  const base = 130 + draws.below(80);
  return [base + draws.below(46), base + draws.below(46), base + draws.below(46)];
}

function darkColour(draws: Draws): Colour {
  return [draws.below(110), draws.below(110), draws.below(110)];
}
