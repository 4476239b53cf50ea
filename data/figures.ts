// The figures of the procedural data set: something like a horse and something like a human, built from ellipses and
// limbs in a random pose. Both are drawn in the same three colours and brought to the same area afterwards, so only the
// shape tells them apart.
import type { Draws } from "./draws.ts";
import { type Bounds, boundsOf, covers, type Point, rotate, type Shape, turn } from "./canvas.ts";

/** A part of a figure and which of the picture's three figure colours it has. */
export interface Part {
  readonly shape: Shape;
  readonly colour: 0 | 1 | 2;
}

/** Chest to rump along x, head to the right, y downwards, a body of about 2 × 1 around the origin. */
export function horse(draws: Draws): Part[] {
  const length = draws.between(0.9, 1.15);
  const depth = draws.between(0.5, 0.65);
  const neckEnd = { x: length * 0.8 + draws.between(0.35, 0.6), y: -draws.between(0.55, 1) };
  const head = add(neckEnd, { x: draws.between(0.4, 0.55), y: draws.between(-0.05, 0.35) });
  const tailStart = { x: -length * 0.92, y: -depth * 0.4 };
  const tail = add(tailStart, { x: -draws.between(0.25, 0.5), y: draws.between(0.2, 0.8) });
  const legs = [-0.75, -0.5, 0.5, 0.75].flatMap((x) => leg(draws, { x: x * length, y: depth * 0.55 }));
  return [
    part(limb(tailStart, tail, [0.09, 0.05]), 2),
    ...legs,
    part({ kind: "ellipse", centre: { x: 0, y: 0 }, rx: length, ry: depth, turn: turn(draws.between(-0.05, 0.05)) }, 0),
    part(limb({ x: length * 0.75, y: -depth * 0.2 }, neckEnd, [0.32, 0.2]), 0),
    part(limb(neckEnd, head, [0.2, 0.12]), 2),
    part(limb(neckEnd, add(neckEnd, { x: -0.02, y: -0.25 }), [0.08, 0.03]), 2),
  ];
}

/** Upright, y downwards, a torso of about 0.7 × 1.2 around the origin. */
export function human(draws: Draws): Part[] {
  const width = draws.between(0.22, 0.3);
  const height = draws.between(0.55, 0.68);
  const headRadius = draws.between(0.23, 0.3);
  const head = { x: draws.between(-0.06, 0.06), y: -height - headRadius * 1.25 };
  const sides = [-1, 1];
  const legs = sides.flatMap((side) => {
    const hip = { x: side * width * 0.5, y: height * 0.75 };
    const knee = add(hip, rotate({ x: 0, y: draws.between(0.6, 0.75) }, turn(draws.between(-0.2, 0.2))));
    const foot = add(knee, rotate({ x: 0, y: draws.between(0.6, 0.75) }, turn(draws.between(-0.2, 0.2))));
    return [part(limb(hip, knee, [0.13, 0.11]), 1), part(limb(knee, foot, [0.11, 0.08]), 1)];
  });
  const arms = sides.flatMap((side) => {
    const shoulder = { x: side * width * 0.9, y: -height * 0.72 };
    const elbow = add(shoulder, rotate({ x: 0, y: draws.between(0.45, 0.55) }, turn(-side * draws.between(0, 0.7))));
    const hand = add(elbow, rotate({ x: 0, y: draws.between(0.42, 0.52) }, turn(-side * draws.between(-0.1, 1))));
    return [part(limb(shoulder, elbow, [0.09, 0.08]), 2), part(limb(elbow, hand, [0.08, 0.07]), 2)];
  });
  const neck = limb({ x: 0, y: -height * 0.8 }, head, [0.12, 0.12]);
  return [
    ...legs,
    part(limb({ x: 0, y: -height * 0.6 }, { x: 0, y: height * 0.6 }, [width, width * 0.85]), 0),
    ...arms,
    part(neck, 2),
    part({ kind: "ellipse", centre: head, rx: headRadius * 0.85, ry: headRadius, turn: turn(0) }, 2),
  ];
}

/** The area that parts cover together, in units², counted on a grid of 1/16 unit. */
export function areaOf(parts: readonly Part[]): number {
  const cells = 16;
  const { left, top, right, bottom } = boundsOfAll(parts);
  let hits = 0;
  for (let y = Math.floor(top * cells); y <= bottom * cells; y++) {
    for (let x = Math.floor(left * cells); x <= right * cells; x++) {
      const [px, py] = [(x + 0.5) / cells, (y + 0.5) / cells];
      if (parts.some(({ shape }) => covers(shape, px, py))) hits++;
    }
  }
  return hits / cells ** 2;
}

/** A box around parts. */
export function boundsOfAll(parts: readonly Part[]): Bounds {
  const bounds = parts.map(({ shape }) => boundsOf(shape));
  return {
    left: Math.min(...bounds.map(({ left }) => left)),
    top: Math.min(...bounds.map(({ top }) => top)),
    right: Math.max(...bounds.map(({ right }) => right)),
    bottom: Math.max(...bounds.map(({ bottom }) => bottom)),
  };
}

/** A horse's leg in two pieces, ending in a hoof of the third colour. */
function leg(draws: Draws, hip: Point): Part[] {
  const knee = add(hip, rotate({ x: 0, y: draws.between(0.5, 0.6) }, turn(draws.between(-0.2, 0.2))));
  const hoof = add(knee, rotate({ x: 0, y: draws.between(0.45, 0.55) }, turn(draws.between(-0.15, 0.15))));
  return [part(limb(hip, knee, [0.17, 0.1]), 1), part(limb(knee, hoof, [0.1, 0.09]), 1)];
}

function part(shape: Shape, colour: Part["colour"]): Part {
  return { shape, colour };
}

function limb(from: Point, to: Point, [r0, r1]: readonly [number, number]): Shape {
  return { kind: "limb", from, to, r0, r1 };
}

function add(a: Point, b: Point): Point {
  return { x: a.x + b.x, y: a.y + b.y };
}
