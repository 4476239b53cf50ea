// A metric by epoch: the mean of each arm with its interval, and behind it a thin line a seed.
import type { Report } from "../../report.ts";
import { capital, metricNames } from "../../page_wording.ts";
import { chanceAccuracy } from "../../wording.ts";
import { across, DASHES, upward } from "../channels.ts";
import type { Chart } from "../draw.ts";
import { count, listed, plain } from "../figures.ts";
import { BY_ARM } from "../looks.ts";
import { apart, scaleOf, wholeScale } from "../scale.ts";
import { type Spread, spreadOf, withinBounds } from "../spread.ts";
import { type EpochMetric, epochValue, type Group, meant } from "../trainings.ts";

const HEIGHT = 190;
const GAP = 13;
/** A line that stands for knowing nothing is drawn if it is no farther away than this part of what the curves span. */
const NEAR = 0.5;
/** From so many points on, the lines of seeds are fainter. */
const MANY = 100;

/** The mean over seeds after an epoch. */
export interface EpochSpread extends Spread {
  readonly arm: Group["arm"];
  readonly epoch: number;
}

/** A value that helps to read a metric: what guessing would give. */
interface Reference {
  readonly value: number;
  readonly name: string;
  /** Whether it is drawn however far it is away. */
  readonly always: boolean;
}

/** Means over seeds by epoch, as long as all seeds are there. */
export function spreadsOf(groups: readonly Group[], metric: EpochMetric): EpochSpread[] {
  return groups.flatMap(({ arm, trainings }) => {
    const all = meant(trainings);
    const shortest = Math.min(...all.map(({ epochs }) => epochs.length));
    const first = all[0]?.epochs.slice(0, shortest) ?? [];
    return first.flatMap(({ epoch }, i) => {
      const values = all.map(({ epochs }) => epochValue(epochs[i]!, metric));
      return values.some((value) => value === null) ? [] : [{ arm, epoch, ...spreadOf(values as number[]) }];
    });
  });
}

/** Whether there is anything to draw. */
export function isKnown(groups: readonly Group[], metric: EpochMetric): boolean {
  return groups.some(({ trainings }) =>
    trainings.some(({ epochs }) => epochs.some((record) => epochValue(record, metric) !== null))
  );
}

/** The curves of a metric in groups of one rate. */
export function curveChart(
  groups: readonly Group[],
  { metric, report, id, title = capital(metricNames(report)[metric]) }: {
    readonly metric: EpochMetric;
    readonly report: Report;
    readonly id: string;
    readonly title?: string;
  },
): Chart {
  const lines = groups.flatMap(({ arm, trainings }) =>
    trainings.flatMap(({ seed, epochs }) =>
      epochs.flatMap((record) => {
        const value = epochValue(record, metric);
        return value === null ? [] : [{ arm, run: `${arm} ${seed}`, epoch: record.epoch, value }];
      })
    )
  );
  const means = spreadsOf(groups, metric).map(({ ci95, mean, ...rest }) => ({
    ...rest,
    value: mean,
    low: withinBounds(metric, ci95?.[0] ?? mean),
    high: withinBounds(metric, ci95?.[1] ?? mean),
  }));
  const isOneSeed = groups.every(({ trainings }) => trainings.length < 2);
  const values = [...lines.map(({ value }) => value), ...means.flatMap(({ low, high }) => [low, high])];
  const reference = referenceOf(report, metric);
  const isDrawn = reference !== null && isNear(reference, values);
  const thin = { type: "line", strokeWidth: 0.8, opacity: lines.length > MANY ? 0.3 : 0.45 } as const;
  const scale = scaleOf(isDrawn ? [...values, reference.value] : values);
  const lastEpoch = lines.reduce((last, { epoch }) => Math.max(last, epoch), 1);
  const ends = groups.flatMap(({ arm }) => {
    const last = (isOneSeed ? lines : means).findLast((one) => one.arm === arm);
    return last === undefined ? [] : [last];
  });
  const places = apart(ends.map(({ value }) => value), GAP * (scale.high - scale.low) / HEIGHT);
  const names = ends.map(({ arm, epoch }, i) => ({ arm, epoch, value: places[i] }));
  const [x, y] = [across("epoch", wholeScale(lastEpoch), "epoch"), upward("value", scale)];
  const { color, strokeDash, shape } = BY_ARM;
  const bold = { type: "line", strokeWidth: 2.2, strokeCap: "butt" } as const;
  return {
    id,
    title,
    subtitle: isDrawn ? `dotted: ${reference.name}` : isOneSeed ? "one seed" : "mean and 95 % t interval",
    description: describe({ title, ends, groups, isOneSeed }),
    height: HEIGHT,
    layers: [
      ...!isDrawn ? [] : [{
        data: { values: [{ value: reference.value }] },
        mark: { type: "rule", color: "var(--soft)", strokeDash: DASHES.dotted, strokeWidth: 1.4 } as const,
        encoding: { y },
      }],
      ...isOneSeed ? [] : [{
        data: { values: means.filter(({ count }) => count > 1) },
        mark: { type: "area", opacity: 0.16 } as const,
        encoding: { x, y: { ...y, field: "low" }, y2: { field: "high" }, color },
      }],
      {
        data: { values: lines },
        mark: isOneSeed ? bold : thin,
        encoding: { x, y, color, detail: { field: "run" }, ...isOneSeed ? { strokeDash } : {} },
      },
      ...isOneSeed ? [] : [{ data: { values: means }, mark: bold, encoding: { x, y, color, strokeDash } }],
      {
        data: { values: ends },
        mark: { type: "point", filled: true, size: 34, opacity: 1 },
        encoding: { x, y, color, shape },
      },
      {
        data: { values: names },
        mark: { type: "text", align: "left", baseline: "middle", dx: 8, fontSize: 11, fontWeight: 600 },
        encoding: { x, y, color, text: { field: "arm" } },
      },
    ],
  };
}

/** What guessing gives; null for a metric of which that cannot be said. */
export function referenceOf({ dataset }: Report, metric: EpochMetric): Reference | null {
  const counts = dataset.classNames.map((name) => dataset.classes[name] ?? [0, 0]);
  if (counts.length < 2) return null;
  const test = counts.map(([, test]) => test);
  switch (metric) {
    case "testAuc":
      return { value: 0.5, name: "chance, 0.50", always: false };
    case "testMeanProbability": {
      const share = test[1]! / test.reduce((a, b) => a + b, 0);
      return { value: share, name: `share of positives, ${plain(share, 2)}`, always: true };
    }
    case "loss":
    case "testLoss": {
      const name = counts.length === 2 ? "ln 2" : `ln ${counts.length}`;
      return { value: Math.log(counts.length), name: `${name}, as if nothing were known`, always: false };
    }
    case "accuracy":
    case "testAccuracy": {
      const chance = chanceAccuracy(dataset.classes, metric === "accuracy" ? "train" : "test");
      return { value: chance, name: `chance, ${plain(chance, 2)}`, always: false };
    }
  }
}

function isNear({ value, always }: Reference, values: readonly number[]): boolean {
  if (!Number.isFinite(value)) return false;
  if (always) return true;
  const { low, high } = scaleOf(values);
  const room = NEAR * (high - low);
  return value >= low - room && value <= high + room;
}

function describe({ title, ends, groups, isOneSeed }: {
  readonly title: string;
  readonly ends: readonly { readonly arm: string; readonly epoch: number; readonly value: number }[];
  readonly groups: readonly Group[];
  readonly isOneSeed: boolean;
}): string {
  const told = ends.map(({ arm, epoch, value }) => `${arm} at ${plain(value, 4)} after epoch ${epoch}`);
  const seeds = count(Math.max(0, ...groups.map(({ trainings }) => trainings.length)), "seed");
  return `${title} by epoch, ${seeds}${isOneSeed ? "" : ", means over seeds"}: ${listed(told)}.`;
}
