// A small painter for the procedural data set. It uses + − × ÷ on float64 and whole numbers only, no sin, cos or sqrt,
// so that every machine paints the same bytes.

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** What can be painted: both kinds are convex and know their own bounds. */
export type Shape =
  | { readonly kind: "ellipse"; readonly centre: Point; readonly rx: number; readonly ry: number; readonly turn: Turn }
  /** A line from `from` to `to` with round ends, whose half-width goes from `r0` to `r1`. */
  | { readonly kind: "limb"; readonly from: Point; readonly to: Point; readonly r0: number; readonly r1: number };

/** A rotation as an exact (cos, sin) pair: cos² + sin² = 1 up to rounding. */
export interface Turn {
  readonly cos: number;
  readonly sin: number;
}

/** The rotation by 2·atan(t): for rational t the Pythagorean pair ((1 − t²)/(1 + t²), 2t/(1 + t²)). */
export function turn(t: number): Turn {
  const square = t * t;
  return { cos: (1 - square) / (1 + square), sin: 2 * t / (1 + square) };
}

export function rotate({ x, y }: Point, { cos, sin }: Turn): Point {
  return { x: x * cos - y * sin, y: x * sin + y * cos };
}

/** A shape after mirroring (if asked), rotation about the origin, scaling and shifting, in this order. */
export function place(shape: Shape, at: { mirror: boolean; turn: Turn; scale: number; shift: Point }): Shape {
  const side = at.mirror ? -1 : 1;
  const move = (point: Point): Point => {
    const { x, y } = rotate({ x: point.x * side, y: point.y }, at.turn);
    return { x: x * at.scale + at.shift.x, y: y * at.scale + at.shift.y };
  };
  if (shape.kind === "limb") {
    const { from, to, r0, r1 } = shape;
    return { kind: "limb", from: move(from), to: move(to), r0: r0 * at.scale, r1: r1 * at.scale };
  }
  const mirrored: Turn = { cos: shape.turn.cos, sin: shape.turn.sin * side };
  const axis = rotate({ x: mirrored.cos, y: mirrored.sin }, at.turn);
  return {
    kind: "ellipse",
    centre: move(shape.centre),
    rx: shape.rx * at.scale,
    ry: shape.ry * at.scale,
    turn: { cos: axis.x, sin: axis.y },
  };
}

export interface Bounds {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** A box around a shape; for a turned ellipse not the tightest one. */
export function boundsOf(shape: Shape): Bounds {
  if (shape.kind === "ellipse") {
    const { centre: { x, y }, rx, ry } = shape;
    const r = Math.max(rx, ry);
    return { left: x - r, top: y - r, right: x + r, bottom: y + r };
  }
  const { from, to, r0, r1 } = shape;
  return {
    left: Math.min(from.x - r0, to.x - r1),
    top: Math.min(from.y - r0, to.y - r1),
    right: Math.max(from.x + r0, to.x + r1),
    bottom: Math.max(from.y + r0, to.y + r1),
  };
}

/** Whether a shape covers a point. */
export function covers(shape: Shape, x: number, y: number): boolean {
  if (shape.kind === "ellipse") {
    const { centre, rx, ry, turn: { cos, sin } } = shape;
    const [dx, dy] = [x - centre.x, y - centre.y];
    const along = (dx * cos + dy * sin) / rx;
    const across = (dy * cos - dx * sin) / ry;
    return along * along + across * across <= 1;
  }
  const { from, to, r0, r1 } = shape;
  const [lx, ly, dx, dy] = [to.x - from.x, to.y - from.y, x - from.x, y - from.y];
  const length = lx * lx + ly * ly;
  const t = length === 0 ? 0 : Math.max(0, Math.min(1, (dx * lx + dy * ly) / length));
  const [ex, ey, r] = [dx - t * lx, dy - t * ly, r0 + t * (r1 - r0)];
  return ex * ex + ey * ey <= r * r;
}

/** Red, green, blue, 0 … 255. */
export type Colour = readonly [number, number, number];

/** A square RGB picture. */
export class Canvas {
  readonly side: number;
  readonly pixels: Uint8Array;

  constructor(side: number) {
    this.side = side;
    this.pixels = new Uint8Array(side * side * 3);
  }

  /** Paints a shape in one colour; the edge is blended by how many of four points in each pixel are covered. */
  paint(shape: Shape, colour: Colour): void {
    const { left, top, right, bottom } = boundsOf(shape);
    const lastX = Math.min(this.side - 1, Math.floor(right));
    const lastY = Math.min(this.side - 1, Math.floor(bottom));
    for (let y = Math.max(0, Math.floor(top)); y <= lastY; y++) {
      for (let x = Math.max(0, Math.floor(left)); x <= lastX; x++) {
        const hits = Number(covers(shape, x + 0.25, y + 0.25)) + Number(covers(shape, x + 0.75, y + 0.25)) +
          Number(covers(shape, x + 0.25, y + 0.75)) + Number(covers(shape, x + 0.75, y + 0.75));
        if (hits > 0) this.#blend((y * this.side + x) * 3, colour, hits);
      }
    }
  }

  /** Mixes `quarters` quarters of a colour into a pixel, rounding half up. */
  #blend(at: number, colour: Colour, quarters: number): void {
    for (let channel = 0; channel < 3; channel++) {
      const old = this.pixels[at + channel]!;
      this.pixels[at + channel] = (old * (4 - quarters) + colour[channel]! * quarters + 2) >> 2;
    }
  }
}
