// Where the coordinator's time goes: what one step after another is made of, in the order in which it happens. Knows no clock.
import type { StepSeconds } from "../events/mod.ts";

/** A stretch of time in which the coordinator did one thing; in milliseconds of one clock. */
export interface Stretch {
  /** `wait` is what lies between the others until all answers are in. */
  readonly name: keyof StepSeconds;
  readonly start: number;
  readonly end: number;
}

/** A step or evaluation that is over. */
export interface WorkTimes {
  readonly start: number;
  /** An evaluation's is when all answers are in, a step's when the weights that follow from it are on their way. */
  readonly end: number;
  /** One after the other, without gaps. */
  readonly stretches: readonly Stretch[];
}

/** Is told what begins and ends, when it does so. */
export class Timeline {
  #seconds: StepSeconds = { order: 0, wait: 0, sum: 0, update: 0, broadcast: 0 };
  /** Whether answers are waited for, or the update that follows from them. */
  #awaits: "answers" | "update" | "nothing" = "nothing";
  #start = 0;
  #stretches: Stretch[] = [];

  /** What the last training step was made of. */
  get seconds(): StepSeconds {
    return this.#seconds;
  }

  /** A step or evaluation begins. */
  begin(now: number): void {
    this.#awaits = "answers";
    this.#start = now;
    this.#stretches = [];
  }

  /** Something is done while answers are waited for. */
  did(name: "order" | "sum", start: number, end: number): void {
    if (this.#awaits !== "answers") return;
    this.#fill("wait", start);
    this.#stretches.push({ name, start, end });
  }

  /** All answers are in. @returns what an evaluation was made of; a step is not over yet */
  computed(task: "train" | "evaluate", now: number): WorkTimes | undefined {
    this.#fill("wait", now);
    this.#awaits = task === "train" ? "update" : "nothing";
    return task === "train" ? undefined : { start: this.#start, end: now, stretches: this.#stretches };
  }

  /** Weights have gone out. @returns what the step that they follow from was made of; undefined if there is none */
  sent(start: number, end: number): WorkTimes | undefined {
    if (this.#awaits !== "update") return undefined;
    this.#awaits = "nothing";
    this.#fill("update", start);
    this.#stretches.push({ name: "broadcast", start, end });
    const seconds = { order: 0, wait: 0, sum: 0, update: 0, broadcast: 0 };
    for (const stretch of this.#stretches) seconds[stretch.name] += (stretch.end - stretch.start) / 1000;
    this.#seconds = seconds;
    return { start: this.#start, end, stretches: this.#stretches };
  }

  #fill(name: "wait" | "update", now: number): void {
    const start = this.#stretches.at(-1)?.end ?? this.#start;
    if (now > start) this.#stretches.push({ name, start, end: now });
  }
}
