// Where things stand in a chart: its size, round numbers on its axes, and names that do not cover each other.

/** Of every chart, in pixels: as wide as a phone, so that nothing is ever smaller than it was meant. */
export const SIZE = { width: 344, left: 44, right: 70, top: 48, bottom: 44 } as const;

/** An axis: what it covers, and its round numbers. */
export interface Scale {
  readonly low: number;
  readonly high: number;
  readonly ticks: readonly number[];
  /** As d3-format reads it: as many decimals as the round numbers have. */
  readonly format: string;
}

/** An axis around these values, in at most `steps` steps; others than finite ones are not looked at. */
export function scaleOf(values: readonly number[], steps = 5): Scale {
  const finite = values.filter(Number.isFinite);
  const least = finite.reduce((a, b) => Math.min(a, b), Infinity);
  const most = finite.reduce((a, b) => Math.max(a, b), -Infinity);
  const span = most - least;
  if (!Number.isFinite(span)) return scaleOf([0, 1], steps);
  const size = Math.max(Math.abs(least), Math.abs(most));
  if (span <= Math.max(1e-9 * size, 1e-12)) {
    const room = size > 1e-9 ? size / 10 : 1;
    return scaleOf([least - room, most + room], steps);
  }
  const power = 10 ** Math.floor(Math.log10(span / steps));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => span / one <= steps)!;
  const [first, last] = [Math.floor(least / step + 1e-9), Math.ceil(most / step - 1e-9)];
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
  const decimals = Math.min(12, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
  const format = decimals > 6 || Math.abs(most) >= 1e6 ? "~e" : `.${decimals}f`;
  return { low: ticks[0]!, high: ticks.at(-1)!, ticks, format };
}

/** An axis from 1 to `last`, with at most about six round whole numbers. */
export function wholeScale(last: number): Scale {
  const power = 10 ** Math.max(0, Math.floor(Math.log10(last)) - 1);
  const step = [1, 2, 5, 10, 20].map((factor) => factor * power).find((one) => last / one <= 6) ?? last;
  const ticks = Array.from({ length: Math.floor(last / step) }, (_, i) => (i + 1) * step);
  return {
    low: 1,
    high: Math.max(2, last),
    ticks: step === 1 ? ticks : [1, ...ticks.filter((tick) => tick > step || step > 4)],
    format: ".0f",
  };
}

/** Places for names that stand at these places, moved apart as little as it takes for each two to be `gap` apart. */
export function apart(places: readonly number[], gap: number): number[] {
  const order = places.map((_, i) => i).sort((a, b) => places[a]! - places[b]!);
  // Neighbours that are too close become one group around their middle, until none are.
  let groups = order.map((i) => ({ members: [i], middle: places[i]! }));
  for (let changed = true; changed;) {
    changed = false;
    const next: typeof groups = [];
    for (const group of groups) {
      const before = next.at(-1);
      const width = (one: { readonly members: readonly number[] }) => gap * (one.members.length - 1) / 2;
      if (before !== undefined && group.middle - width(group) - before.middle - width(before) < gap * (1 - 1e-9)) {
        const members = [...before.members, ...group.members];
        const weight = before.members.length;
        before.middle = (before.middle * weight + group.middle * group.members.length) / members.length;
        before.members = members;
        changed = true;
      } else next.push({ ...group });
    }
    groups = next;
  }
  const moved = [...places];
  for (const { members, middle } of groups) {
    members.forEach((i, at) => moved[i] = middle + gap * (at - (members.length - 1) / 2));
  }
  return moved;
}
