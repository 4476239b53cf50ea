// What the page shows, as data: what it has been told adds up to a story, and a story to curves and rows. Knows no document.
import type { EpochTold, Everything, News, Point, RunTold, TrainingTold } from "../message.ts";

/** All that the page has been told. */
export interface Story extends Everything {
  readonly points: readonly Point[];
  readonly epochs: readonly EpochTold[];
  readonly diverged: Exclude<News["diverged"], undefined>;
  readonly workers: Exclude<News["workers"], undefined>;
  readonly log: Exclude<News["log"], undefined>;
}

/** Before anything was told. */
export const NOTHING: Story = { run: null, points: [], epochs: [], diverged: [], workers: [], log: [] };

/** Lines of the log that are kept. */
const MOST_LINES = 200;

/** The story with what is new. Of each training the points of its newest epoch stay. */
export function afterNews(story: Story, news: News): Story {
  const points = [...story.points, ...news.points ?? []];
  const newest = new Map(points.map(({ training, epoch }) => [training, epoch]));
  return {
    ...story,
    ...news,
    points: points.filter(({ training, epoch }) => newest.get(training) === epoch),
    epochs: [...story.epochs, ...news.epochs ?? []],
    diverged: [...story.diverged, ...news.diverged ?? []],
    workers: news.workers ?? story.workers,
    log: [...story.log, ...news.log ?? []].slice(-MOST_LINES),
  };
}

/** A figure of an epoch. */
export type Metric = "loss" | "accuracy" | "testLoss" | "testAccuracy" | "testAuc";

/** An arm's curve: a value at each place, null where there is none. */
export interface Curve {
  readonly arm: string;
  /** "mean" of the arm's trainings, or the name of one of them. */
  readonly of: string;
  readonly values: readonly (number | null)[];
}

/** Curves over the same places. */
export interface Curves {
  readonly places: readonly number[];
  /** The means last: they are drawn over the others. */
  readonly curves: readonly Curve[];
  /** How many trainings of each arm a mean is of, by place. */
  readonly counts: Readonly<Record<string, readonly number[]>>;
}

/** The groups of trainings that are drawn together, in their order. */
export function groupsOf(run: RunTold): string[] {
  return [...new Set(run.trainings.map(({ group }) => group))];
}

/** A metric over the epochs, of a group's trainings. A mean ends where one of them has diverged: what is left would be too good. */
export function epochCurves({ run, epochs, diverged }: Story, metric: Metric, group: string): Curves {
  const trainings = run?.trainings.filter((one) => one.group === group) ?? [];
  const records = Map.groupBy(epochs, ({ training }) => training);
  const last = trainings.reduce((most, { name }) => Math.max(most, records.get(name)?.length ?? 0), 0);
  const places = Array.from({ length: last }, (_, i) => i + 1);
  const valuesOf = ({ name }: TrainingTold) => places.map((_, i) => records.get(name)?.[i]?.[metric] ?? null);
  const singles = trainings.filter(({ name }) => records.has(name)).map((training) => ({
    arm: training.arm,
    of: training.name,
    values: valuesOf(training),
  }));
  const ends = Map.groupBy(
    trainings.filter(({ name }) => diverged.some(({ training }) => training === name)),
    ({ arm }) => arm,
  );
  const endOf = (arm: string) => Math.min(...(ends.get(arm) ?? []).map(({ name }) => records.get(name)?.length ?? 0));
  const { curves, counts } = withMeans(places, singles);
  const cut = ({ arm, of, values }: Curve) => values.map((value, i) => of === "mean" && i >= endOf(arm) ? null : value);
  return { places, counts, curves: curves.map((curve) => ({ ...curve, values: cut(curve) })) };
}

/** The loss of each step, of the trainings that are compared with the one under way. */
export function stepCurves({ run, points, progress }: Story): Curves {
  const now = run?.trainings.find(({ name }) => name === progress?.training);
  const trainings = run?.trainings.filter(({ seed, group }) => seed === now?.seed && group === now?.group) ?? [];
  const own = new Map(trainings.map(({ name }) => [name, points.filter(({ training }) => training === name)]));
  const places = [...new Set([...own.values()].flat().map(({ step }) => step))].sort((a, b) => a - b);
  const singles = trainings.filter(({ name }) => own.get(name)!.length > 0).map(({ name, arm }) => {
    const losses = new Map(own.get(name)!.map(({ step, loss }) => [step, loss]));
    return { arm, of: name, values: places.map((step) => losses.get(step) ?? null) };
  });
  return withMeans(places, singles);
}

/** With each arm's mean; of a single training that is the curve itself. */
function withMeans(places: readonly number[], singles: readonly Curve[]): Curves {
  const byArm = Map.groupBy(singles, ({ arm }) => arm);
  const at = (curves: readonly Curve[], i: number) => curves.map(({ values }) => values[i]!).filter((v) => v !== null);
  const means = [...byArm].map(([arm, curves]) => ({
    arm,
    of: "mean",
    values: places.map((_, i) => {
      const values = at(curves, i);
      return values.length === 0 ? null : values.reduce((sum, one) => sum + one, 0) / values.length;
    }),
  }));
  const counts = Object.fromEntries([...byArm].map(([arm, own]) => [arm, places.map((_, i) => at(own, i).length)]));
  const several = [...byArm.values()].some(({ length }) => length > 1);
  return { places, curves: [...several ? singles : [], ...means], counts };
}

/** A pair of trainings, at the last epoch that both have finished. */
export interface Pair {
  readonly seed: number;
  readonly arm: string;
  readonly epoch: number;
  readonly first: EpochTold;
  readonly second: EpochTold;
  /** The arms that have diverged: they go no further. */
  readonly diverged: readonly string[];
}

/** The pairs of a group: each other arm with the first one. */
export function pairsOf({ run, epochs, diverged }: Story, group: string): Pair[] {
  const records = Map.groupBy(epochs, ({ training }) => training);
  const trainings = run?.trainings.filter((one) => one.group === group) ?? [];
  return trainings.filter(({ arm }) => arm !== run!.arms[0]).flatMap(({ name, arm, seed }) => {
    const base = trainings.find((one) => one.arm === run!.arms[0] && one.seed === seed);
    const [own, others] = [records.get(name) ?? [], records.get(base?.name ?? "") ?? []];
    const epoch = Math.min(own.length, others.length);
    if (epoch === 0) return [];
    const ended = [base!, { name, arm }].filter((one) => diverged.some(({ training }) => training === one.name));
    const arms = ended.map(({ arm }) => arm);
    return [{ seed, arm, epoch, first: others[epoch - 1]!, second: own[epoch - 1]!, diverged: arms }];
  });
}

/** At most so many of the places, evenly, with the last one. */
export function someOf(places: readonly number[], most: number): number[] {
  const step = Math.max(1, Math.ceil(places.length / most));
  return places.map((_, i) => i).filter((i) => (places.length - 1 - i) % step === 0);
}

/** "3 s ago", "2 min ago"; "now" for a moment ago. */
export function ago(seconds: number): string {
  if (seconds < 2) return "now";
  return seconds < 120 ? `${Math.round(seconds)} s ago` : `${Math.round(seconds / 60)} min ago`;
}
