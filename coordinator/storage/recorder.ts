// What a run keeps of its trainings while it goes on: checkpoints and models. A disk that refuses is told and does not end the
// run: everything is still known, and is written when there is room again.
import { messageOf } from "../../shared/errors.ts";
import {
  allKeys,
  bestEpochOf,
  describePosition,
  type EpochRecord,
  isSameRun,
  type Position,
  type PrimaryMetric,
  type RunEvent,
  type RunKey,
  runName,
} from "../events/mod.ts";
import {
  confusionOf,
  type Experiment,
  isDispensable,
  type Listeners,
  positionOf,
  releaseWeights,
  standOf,
  type StepProgress,
  type Training,
} from "../experiment/mod.ts";
import { type Checkpoint, encodeCheckpoint } from "./checkpoint.ts";
import type { CheckpointStore } from "./checkpoint_store.ts";
import type { RunDirectory } from "./run_folder.ts";

/** What a recorder needs. */
export interface RecorderOptions {
  /** Where models are written. */
  readonly folder: Pick<RunDirectory, "writeModel" | "removeModel" | "modelHash">;
  /** Where checkpoints are written. */
  readonly store: CheckpointStore;
  /** What is trained. */
  readonly experiment: Experiment;
  /** Those that were read from checkpoints, at first; changed by the experiment while it goes on. */
  readonly trainings: readonly Training[];
  /** What the best epoch is chosen by, whose model is kept beside the last one's. */
  readonly primary: PrimaryMetric;
  /** Steps from one checkpoint to the next, besides one an epoch; null for no others. */
  readonly checkpointSteps: number | null;
  /** What a checkpoint holds besides the training. */
  surroundings(): Omit<Checkpoint, "training">;
  /** Hears of every step before it is kept. */
  onStep(progress: StepProgress): void;
  /** Hears of epochs whose models are written, of checkpoints that are safe, and notices. */
  emit(event: Extract<RunEvent, { type: "notice" | "epoch" | "diverged" | "checkpoint" }>): void;
}

/** Listens to an experiment and keeps its files. */
export class Recorder implements Listeners {
  readonly #options: RecorderOptions;
  /** How far each training is safely on the disk, by its name. */
  readonly #saved: Map<string, string>;
  /** The names of trainings whose models are those of their last epochs. */
  readonly #modelsWhole = new Set<string>();
  /** Whether the disk has refused the last epoch's model: that is told once. */
  #refused = false;
  #stepsSince = 0;
  /** How many taints the newest file knows of. */
  #savedTaints = 0;
  /** The training that went on last. */
  #last: Training | undefined;

  /** Listens from the run's beginning, or from where it goes on. */
  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#saved = new Map(options.trainings.map((training) => [runName(training.key), progressOf(training)]));
    for (const { key, weights } of options.trainings) if (weights.length === 0) this.#modelsWhole.add(runName(key));
  }

  /** Where the experiment stands. */
  get position(): Position {
    return positionOf(this.#options.experiment, this.#options.trainings);
  }

  /** What the newest checkpoint is of, for people; undefined while there is none. */
  get saved(): string | undefined {
    return this.#options.store.newest;
  }

  /** Whether a run that goes on from its checkpoints has every step that is finished now. */
  get isSafe(): boolean {
    return this.#unsaved().length === 0;
  }

  /**
   * Takes away the models that a run left where it was broken off, and if it has gone back those from after that point.
   * @throws {HerdError} data
   */
  async rewind({ wentBack }: { readonly wentBack: boolean }): Promise<void> {
    const { folder, experiment, trainings } = this.#options;
    for (const key of allKeys(experiment)) {
      const training = trainings.find((training) => isSameRun(training.key, key));
      if (training?.diverged === undefined) await folder.removeModel(partialName(key));
      const isLater = wentBack && await folder.modelHash(runName(key)) !== training?.weightsSha256;
      if (isLater) await folder.removeModel(runName(key));
      const hasBest = training !== undefined && bestEpochOf(training.epochs, this.#options.primary) !== null;
      if (isLater || !hasBest) await folder.removeModel(bestName(key));
    }
  }

  async onStep(progress: StepProgress): Promise<void> {
    const { checkpointSteps, onStep } = this.#options;
    onStep(progress);
    this.#last = this.#options.trainings.find(({ key }) => isSameRun(key, progress.key));
    const isDue = checkpointSteps !== null && ++this.#stepsSince >= checkpointSteps;
    // What taints a run must be known to whoever goes on with it.
    if (isDue || this.#taints > this.#savedTaints) await this.#checkpoint();
  }

  async onEpoch(training: Training, record: EpochRecord): Promise<void> {
    this.#last = training;
    const { emit } = this.#options;
    try {
      await this.#saveModel(training);
      this.#refused = false;
    } catch (error) {
      const text = `${messageOf(error)}: the run goes on, and what is missing is written when there is room`;
      if (!this.#refused) emit({ type: "notice", text });
      this.#refused = true;
    }
    await this.#checkpoint();
    const { key, weightsSha256, testLogits } = training;
    const { test } = this.#options.experiment;
    const testConfusion = confusionOf(testLogits, Array.from(test.ids, (id) => test.labels[id]!));
    emit({ type: "epoch", key, record, weightsSha256, testLogits: [...testLogits], testConfusion });
    this.#release();
  }

  async onDivergence(training: Training): Promise<void> {
    this.#last = training;
    const { store, experiment, emit } = this.#options;
    await this.#checkpoint();
    await store.idle();
    // The checkpoint has these weights too.
    await this.#savePartial(training).catch((error) =>
      emit({ type: "notice", text: `${messageOf(error)}: the run goes on` })
    );
    emit({ type: "diverged", position: standOf(experiment, training), text: training.diverged! });
    this.#release();
  }

  async onBreak(training: Training): Promise<void> {
    this.#last = training;
    await this.#checkpoint();
    await this.#options.store.idle();
    await this.#savePartial(training);
  }

  /**
   * Writes what the disk has refused so far.
   * @throws {HerdError} data, if it still does
   */
  async finish(): Promise<void> {
    const { store, trainings } = this.#options;
    await store.idle();
    for (const training of trainings) {
      if (training.diverged === undefined && !this.#modelsWhole.has(runName(training.key))) {
        await this.#saveModel(training);
      }
    }
  }

  /** Starts to write every training that is not on the disk as it stands: the one under way, and what the disk has refused. */
  async #checkpoint(): Promise<void> {
    const { store, experiment, surroundings, emit } = this.#options;
    this.#stepsSince = 0;
    await store.idle();
    for (const training of this.#unsaved()) {
      const position = standOf(experiment, training);
      const progress = progressOf(training);
      const taints = this.#taints;
      await store.write({
        key: training.key,
        description: describePosition(position, experiment.seeds),
        encode: () => encodeCheckpoint({ ...surroundings(), training }),
        onSafe: () => {
          this.#saved.set(runName(training.key), progress);
          this.#savedTaints = taints;
          emit({ type: "checkpoint", position });
        },
      });
    }
  }

  /** The trainings that are further than on the disk. */
  #unsaved(): Training[] {
    const isTold = this.#taints <= this.#savedTaints;
    const { trainings } = this.#options;
    // Before the first step: one that still has its weights.
    const newest = this.#last ?? trainings.findLast(({ weights }) => weights.length > 0);
    return trainings.filter((training) =>
      this.#saved.get(runName(training.key)) !== progressOf(training) || (!isTold && training === newest)
    );
  }

  get #taints(): number {
    return this.#options.surroundings().history.taints.length;
  }

  /** The model of the last epoch, and of the best one if that is the last. */
  async #saveModel({ key, weights, weightsSha256, epochs }: Training): Promise<void> {
    const { folder, primary, experiment: { config: { compute: { model } } } } = this.#options;
    const name = runName(key);
    this.#modelsWhole.delete(name);
    if (bestEpochOf(epochs, primary) === epochs.length) {
      // If it cannot be written, an older one must not stand in its place.
      await folder.removeModel(bestName(key));
      await folder.writeModel(bestName(key), model, weights, weightsSha256);
    }
    await folder.writeModel(name, model, weights, weightsSha256);
    this.#modelsWhole.add(name);
  }

  async #savePartial({ key, weights }: Training): Promise<void> {
    const { folder, experiment: { config } } = this.#options;
    await folder.writeModel(partialName(key), config.compute.model, weights);
  }

  /** Lets go of the weights of trainings that are over and on the disk. */
  #release(): void {
    const { trainings, experiment } = this.#options;
    for (const training of trainings) {
      const { key, diverged } = training;
      const name = runName(key);
      const isKept = this.#saved.get(name) === progressOf(training) &&
        (diverged !== undefined || this.#modelsWhole.has(name));
      // The newest one's file may have to be written once more: what taints a run is told by it.
      if (training !== this.#last && isKept && isDispensable(training, experiment)) releaseWeights(training);
    }
  }
}

/** How far a training has come: another text after every step, after the test, and when it diverges. */
function progressOf({ epochs, current, diverged }: Training): string {
  return `${epochs.length} ${current.steps}${diverged === undefined ? "" : " diverged"}`;
}

/** Where the weights of a training's best epoch go. */
function bestName(key: RunKey): string {
  return `${runName(key)}-best`;
}

/** Where a training's weights go when it is broken off in the middle of an epoch. */
function partialName(key: RunKey): string {
  return `${runName(key)}-partial`;
}
