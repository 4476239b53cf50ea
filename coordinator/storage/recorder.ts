// What a run writes down while it goes on: metrics, models, checkpoints. A disk that refuses is told and does not end the run:
// everything is still known, and is written when there is room again.
import { messageOf } from "../../shared/errors.ts";
import type { ArmName, EpochRecord } from "../events/mod.ts";
import { type Checkpoint, encodeCheckpoint } from "./checkpoint.ts";
import type { CheckpointStore } from "./checkpoint_store.ts";
import { describePosition, type Position, positionOf } from "../experiment/position.ts";
import type { Reporter } from "../report/reporter.ts";
import type { RunDirectory } from "./run_folder.ts";
import type { ArmState, Experiment, Listeners, StepProgress } from "../experiment/experiment.ts";

/** What a recorder needs. */
export interface RecorderOptions {
  readonly folder: Pick<RunDirectory, "writeMetrics" | "appendMetrics" | "writeModel" | "removeModel">;
  readonly store: CheckpointStore;
  readonly reporter: Pick<Reporter, "notice" | "step" | "epoch">;
  readonly experiment: Experiment;
  /** Changed by the experiment while it goes on. */
  readonly states: ArmState[];
  /** Steps from one checkpoint to the next; null for one an epoch. */
  readonly checkpointSteps: number | null;
  /** What a checkpoint holds besides the arms' states. */
  surroundings(): Omit<Checkpoint, "states">;
}

/** Listens to an experiment and keeps its files. */
export class Recorder implements Listeners {
  readonly #options: RecorderOptions;
  /** Whether metrics.jsonl holds every finished epoch, and no more. */
  #metricsWhole = true;
  /** The arms whose models are those of their last epochs. */
  readonly #modelsWhole = new Set<ArmName>();
  /** Whether the disk has refused the last epoch's files: that is told once. */
  #refused = false;
  #stepsSince = 0;

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  /** Where the experiment stands. */
  get position(): Position {
    return positionOf(this.#options.experiment, this.#options.states);
  }

  /** What the last checkpoint is of; undefined while there is none. */
  get saved(): string | undefined {
    return this.#options.store.stands;
  }

  /** Whether a checkpoint is of where the experiment stands. */
  get isSafe(): boolean {
    return this.#options.store.stands === describePosition(this.position);
  }

  /**
   * Takes away what was written after the checkpoint that a resumed run goes on from.
   * @throws {HerdError} data
   */
  async rewind(): Promise<void> {
    const { folder, experiment } = this.#options;
    await folder.writeMetrics(this.#metrics());
    for (const arm of experiment.arms) await folder.removeModel(this.#partialName(arm));
  }

  async onStep(progress: StepProgress): Promise<void> {
    const { reporter, checkpointSteps } = this.#options;
    reporter.step(progress);
    if (checkpointSteps !== null && ++this.#stepsSince >= checkpointSteps) await this.#checkpoint();
  }

  async onEpoch(state: ArmState, record: EpochRecord): Promise<void> {
    try {
      await this.#saveMetrics({ arm: state.arm, record });
      await this.#saveModel(state);
      this.#refused = false;
    } catch (error) {
      const what = `${messageOf(error)}: the run goes on, and what is missing is written when there is room`;
      if (!this.#refused) this.#options.reporter.notice(what);
      this.#refused = true;
    }
    await this.#checkpoint();
    this.#options.reporter.epoch(state.arm, record);
  }

  async onBreak({ arm, weights }: ArmState): Promise<void> {
    const { folder, store, experiment: { config } } = this.#options;
    await store.idle();
    if (!this.isSafe) await this.#checkpoint();
    await store.idle();
    await folder.writeModel(this.#partialName(arm), config.model, weights);
  }

  /**
   * Writes what the disk has refused so far.
   * @throws {HerdError} data, if it still does
   */
  async finish(): Promise<void> {
    await this.#options.store.idle();
    if (!this.#metricsWhole) await this.#saveMetrics();
    for (const state of this.#options.states) {
      if (!this.#modelsWhole.has(state.arm)) await this.#saveModel(state);
    }
  }

  async #checkpoint(): Promise<void> {
    const { store, states, surroundings } = this.#options;
    const description = describePosition(this.position);
    this.#stepsSince = 0;
    await store.write(() => encodeCheckpoint({ ...surroundings(), states }), description);
  }

  /** Adds a line, or writes all of them where that could not be done before. */
  async #saveMetrics(newest?: { readonly arm: ArmName; readonly record: EpochRecord }): Promise<void> {
    const { folder, experiment: { config: { seed } } } = this.#options;
    const whole = this.#metricsWhole;
    this.#metricsWhole = false;
    if (whole && newest !== undefined) await folder.appendMetrics({ arm: newest.arm, seed, ...newest.record });
    else await folder.writeMetrics(this.#metrics());
    this.#metricsWhole = true;
  }

  async #saveModel({ arm, weights }: ArmState): Promise<void> {
    const { folder, experiment: { config } } = this.#options;
    this.#modelsWhole.delete(arm);
    await folder.writeModel(`${arm}-${config.seed}`, config.model, weights);
    this.#modelsWhole.add(arm);
  }

  /** The lines of metrics.jsonl. */
  #metrics(): object[] {
    const { experiment: { config: { seed } }, states } = this.#options;
    return states.flatMap(({ arm, epochs }) => epochs.map((record) => ({ arm, seed, ...record })));
  }

  #partialName(arm: ArmName): string {
    return `${arm}-${this.#options.experiment.config.seed}-partial`;
  }
}
