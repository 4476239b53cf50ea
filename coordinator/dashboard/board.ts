// What the dashboard shows of a run: adds up its events, and knows what of that pages have not been told yet. Knows no socket.
import { byId } from "../../shared/by_id.ts";
import { describeFaults, Eta, runName, type Snapshot, type TimedEvent } from "../events/mod.ts";
import { lineOf } from "./log.ts";
import type { Everything, LogLine, News, PartsTold, Progress, WorkerTold } from "./message.ts";
import { StepLosses } from "./step_losses.ts";
import { epochTold, runTold } from "./told.ts";

/** Seconds since the last sign of life of each worker that can compute, by id. */
export type Silences = () => Readonly<Record<string, number>>;

/** Lines of the log that are kept for pages that come later. */
const MOST_LINES = 200;
/** Steps over which a worker's share, and the parts of a step, are taken. */
const RECENT_STEPS = 20;
/** Workers whose losses are remembered: others may come and go under new names for as long as the run lasts. */
const MOST_LOST = 1_000;
/** Workers that are shown when they are gone: those that came last. */
const MOST_GONE = 20;

type Event<Type extends TimedEvent["type"]> = Extract<TimedEvent, { readonly type: Type }>;
type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] | undefined ? E[] : T[K] };

/** The present state of a run, and what is new in it. */
export class Board {
  readonly #silences: Silences;
  readonly #eta: Eta;
  #snapshot: Snapshot;
  #progress: Progress | undefined;
  readonly #losses = new StepLosses();
  #log: readonly LogLine[] = [];
  #recent: readonly Pick<Event<"step">, "stepSeconds" | "work">[] = [];
  readonly #lost = new Map<string, Pick<WorkerTold, "lost" | "isExcluded">>();
  /** What pages have not been told yet; undefined where they are to be told everything. */
  #news: Mutable<News> | undefined;

  /** @param snapshot what was before its first event */
  constructor(snapshot: Snapshot, silences: Silences, eta = new Eta()) {
    this.#snapshot = snapshot;
    this.#silences = silences;
    this.#eta = eta;
  }

  /** Takes an event, with what all until it add up to. */
  readonly hear = (event: TimedEvent, snapshot: Snapshot): void => {
    this.#snapshot = snapshot;
    const line = lineOf(event, snapshot);
    if (line !== undefined) {
      this.#log = [...this.#log, line].slice(-MOST_LINES);
      (this.#draft.log ??= []).push(line);
    }
    switch (event.type) {
      case "run":
        this.#eta.begin(event);
        return this.forget();
      case "worker":
        return this.#worker(event);
      case "fault":
        this.#draft.faults = describeFaults(snapshot.faults);
        return;
      case "step":
        return this.#step(event);
      case "epoch":
        (this.#draft.epochs ??= []).push(epochTold(event.key, event.record));
        if (this.#progress !== undefined) this.#moved({ ...this.#progress, ...this.#estimate(0) });
        return;
      case "diverged":
        (this.#draft.diverged ??= []).push({ training: runName(event.position.key), text: event.text });
        return;
      case "end":
        this.#draft.end = endTold(event);
        return;
    }
  };

  /** Nobody listens who has been told anything: whoever comes is told everything. */
  forget(): void {
    this.#news = undefined;
  }

  /** What is new since this was last asked, with how the workers are now; undefined where everything is. */
  takeNews(): News | undefined {
    const news = this.#news;
    this.#news = {};
    if (news === undefined) return undefined;
    const parts = news.progress === undefined ? undefined : this.#parts();
    return { ...news, ...parts === undefined ? {} : { parts }, workers: this.#workers() };
  }

  /** All that there is to know. */
  everything(): Everything {
    const { run, trainings, faults, end } = this.#snapshot;
    const progress = this.#progress;
    const parts = this.#parts();
    return {
      run: run === null ? null : runTold(run, this.#snapshot),
      ...progress === undefined ? {} : { progress },
      ...parts === undefined ? {} : { parts },
      points: this.#losses.all,
      epochs: trainings.flatMap(({ key, epochs }) => epochs.map((record) => epochTold(key, record))),
      diverged: trainings.flatMap(({ key, diverged }) =>
        diverged === null ? [] : [{ training: runName(key), text: diverged }]
      ),
      workers: this.#workers(),
      faults: describeFaults(faults),
      log: this.#log,
      ...end === null ? {} : { end: endTold(end) },
    };
  }

  /** Where what is new goes; nowhere while everything is to be told. */
  get #draft(): Mutable<News> {
    return this.#news ?? {};
  }

  #step(event: Event<"step">): void {
    const { key, epoch, step, steps, loss, accuracy, batch, images, seconds, stepSeconds, work } = event;
    const training = runName(key);
    this.#recent = [...this.#recent, { stepSeconds, work }].slice(-RECENT_STEPS);
    const point = { training, epoch, step, loss: batch.loss };
    this.#losses.add(point);
    (this.#draft.points ??= []).push(point);
    const imagesPerSecond = seconds ? images / seconds : null;
    const at = { training, epoch, step, steps, loss, accuracy, imagesPerSecond };
    this.#moved({ ...at, ...this.#estimate(step / steps) });
  }

  #moved(progress: Progress): void {
    this.#progress = progress;
    this.#draft.progress = progress;
  }

  #estimate(part: number): Pick<Progress, "done" | "secondsLeft"> {
    const { done, secondsLeft } = this.#eta.estimate(this.#snapshot, part);
    return { done: Math.min(1, done), secondsLeft: Number.isFinite(secondsLeft) ? secondsLeft : null };
  }

  #worker({ what, worker: { id } }: Event<"worker">): void {
    if (what !== "lost" && what !== "excluded") return;
    const { lost = 0 } = this.#lost.get(id) ?? {};
    this.#lost.delete(id);
    this.#lost.set(id, { lost: lost + 1, isExcluded: what === "excluded" });
    const [longestAgo] = this.#lost.keys();
    if (this.#lost.size > MOST_LOST) this.#lost.delete(longestAgo!);
  }

  #workers(): WorkerTold[] {
    const silences = this.#silences();
    const totalOf = (of: (work: Event<"step">["work"]) => number) =>
      this.#recent.reduce((sum, { work }) => sum + of(work), 0);
    const all = totalOf((work) => Object.values(work).reduce((sum, { leaves }) => sum + leaves, 0));
    let surplus = this.#snapshot.workers.filter(({ isHere }) => !isHere).length - MOST_GONE;
    const shown = this.#snapshot.workers.filter(({ isHere }) => isHere || --surplus < 0)
      .toSorted((a, b) => byId(a.worker, b.worker));
    return shown.map(({ worker, isHere }) => {
      const { id, host, pid, engine, adapter, imagesPerSecond } = worker;
      const { lost = 0, isExcluded = false } = this.#lost.get(id) ?? {};
      const share = all === 0 ? null : totalOf((work) => work[id]?.leaves ?? 0) / all;
      const silentSeconds = isHere ? silences[id] ?? null : null;
      return { id, host, pid, engine, adapter, isHere, imagesPerSecond, share, silentSeconds, lost, isExcluded };
    });
  }

  #parts(): PartsTold | undefined {
    const steps = this.#recent.length;
    if (steps === 0) return undefined;
    const all = this.#recent.map(({ stepSeconds: { order, wait, sum, update, broadcast }, work }) => {
      const longest = Math.max(0, ...Object.values(work).map(({ seconds }) => seconds));
      const compute = Math.min(wait, longest);
      return { compute, wait: wait - compute, sum, update, send: order + broadcast };
    });
    const mean = (name: keyof typeof all[number]) => all.reduce((sum, one) => sum + one[name], 0) / steps;
    return {
      steps,
      compute: mean("compute"),
      wait: mean("wait"),
      sum: mean("sum"),
      update: mean("update"),
      send: mean("send"),
    };
  }
}

function endTold({ complete, error }: Omit<Event<"end">, "type" | "time">): Exclude<News["end"], undefined> {
  return { complete, message: error?.message ?? "" };
}
