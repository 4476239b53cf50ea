// --tensorboard: a folder of event files for each training, written while the run goes on. A process that goes on with a run begins
// a file of its own beside those from before, and takes back what these say of the steps that it computes again.
import { join as joinPath } from "node:path";
import { writeAll } from "../../../shared/atomic_file.ts";
import { messageOf } from "../../../shared/errors.ts";
import { PRIVATE_FILE, PRIVATE_FOLDER } from "../../../shared/private.ts";
import { type RunFacts, type RunKey, runName, type Snapshot, type TimedEvent } from "../../events/mod.ts";
import { type At, fileVersion, restart, scalars, sessionEnd, sessionStart, STATUS } from "./events.ts";
import { join } from "./protobuf.ts";

/** While the disk refuses, steps are not kept beyond that; epochs always are. */
const MOST_PENDING_BYTES = 1024 * 1024;

/** What of a training's events is in its file, and what still has to come there. */
interface TrainingFile {
  readonly folder: string;
  /** Undefined until it is made. */
  path: string | undefined;
  /** Bytes of the file that are whole records. */
  length: number;
  pending: Uint8Array[];
}

type Event<Type extends TimedEvent["type"]> = Extract<TimedEvent, { type: Type }>;

/** Keeps the event files of a run. */
export class EventFiles {
  readonly #folder: string;
  readonly #notice: (text: string) => void;
  readonly #files = new Map<string, TrainingFile>();
  #failing = false;

  /**
   * Nothing is written before the first step.
   * @param folder of the files; made when it is needed
   * @param onNotice hears that the disk refuses, once until it does not any more
   */
  constructor(folder: string, onNotice: (text: string) => void) {
    this.#folder = folder;
    this.#notice = onNotice;
  }

  /** Writes what an event brings. To be called with one event after another, each when the one before is done. */
  readonly handle = async (event: TimedEvent, { run }: Snapshot): Promise<void> => {
    if (run === null) return;
    if (event.type === "step") await this.#step(event, run);
    else if (event.type === "epoch") await this.#epoch(event, run);
    else if (event.type === "diverged") {
      const { position: { key, epoch, step, steps }, time } = event;
      const at = { time, step: (epoch - 1) * steps + step };
      await this.#add(key, run, after(at), sessionEnd(at, STATUS.failure));
    }
  };

  async #step({ time, key, epoch, step, steps, batch }: Event<"step">, run: RunFacts): Promise<void> {
    const at = { time, step: (epoch - 1) * steps + step };
    if (pendingBytes(this.#fileOf(key, run, at)) > MOST_PENDING_BYTES) return;
    await this.#add(key, run, at, scalars(at, { "step/loss": batch.loss, "step/accuracy": batch.accuracy }));
  }

  async #epoch({ time, key, record }: Event<"epoch">, run: RunFacts): Promise<void> {
    const at = { time, step: record.epoch * run.steps };
    const values = {
      "train/loss": record.loss,
      "train/accuracy": record.accuracy,
      "train/images_per_second": record.imagesPerSecond,
      "test/loss": record.testLoss,
      "test/accuracy": record.testAccuracy,
      "test/auc": record.testAuc,
    };
    const known = Object.entries(values).filter((entry): entry is [string, number] => entry[1] !== null);
    const end = record.epoch < run.epochs ? [] : [sessionEnd(at, STATUS.success)];
    await this.#add(key, run, after(at), scalars(at, Object.fromEntries(known)), ...end);
  }

  /** @param from if it is the training's first event in this process: the first step that is computed in it */
  async #add(key: RunKey, run: RunFacts, from: At, ...records: readonly Uint8Array[]): Promise<void> {
    const file = this.#fileOf(key, run, from);
    file.pending.push(...records);
    try {
      await write(file, from.time);
      this.#failing = false;
    } catch (error) {
      const what = `Cannot write into ${file.folder} (${messageOf(error)})`;
      if (!this.#failing) this.#notice(`${what}: the run goes on, and what is missing is written when there is room`);
      this.#failing = true;
    }
  }

  #fileOf(key: RunKey, run: RunFacts, from: At): TrainingFile {
    const name = runName(key);
    const known = this.#files.get(name);
    if (known !== undefined) return known;
    const first = { time: from.time, step: 0 };
    const pending = [fileVersion(first), restart(from), sessionStart(first, hparamsOf(key, run))];
    const file = { folder: joinPath(this.#folder, name), path: undefined, length: 0, pending };
    this.#files.set(name, file);
    return file;
  }
}

/** A test, and the end of a training that diverges, are told with the step before them, which stays. */
function after({ time, step }: At): At {
  return { time, step: step + 1 };
}

/** What tells a training from others, of its run and of other runs. */
function hparamsOf({ arm, seed, learningRate, role }: RunKey, run: RunFacts): Record<string, string | number> {
  const { learningRates, optimizer, batchSize, modelName } = run;
  const rate = role === "lose" ? 0 : learningRate ?? learningRates[0]!;
  const own = { arm, seed, learning_rate: rate, role: role ?? "compared" };
  return { ...own, optimizer, batch_size: batchSize, model: modelName };
}

function pendingBytes({ pending }: TrainingFile): number {
  return pending.reduce((sum, { length }) => sum + length, 0);
}

/** Writes what is pending. @throws whatever the disk says, with the file as it was or half a record more, which the next write takes away */
async function write(file: TrainingFile, time: number): Promise<void> {
  file.path ??= await newFile(file.folder, time);
  const bytes = join(file.pending);
  using open = await Deno.open(file.path, { write: true });
  await open.truncate(file.length);
  await open.seek(0, Deno.SeekMode.End);
  await writeAll(open, bytes);
  file.length += bytes.length;
  file.pending = [];
}

/** A file that readers take after those that are there: they go by names, which begin with a time in seconds. */
async function newFile(folder: string, time: number): Promise<string> {
  await Deno.mkdir(folder, { recursive: true, mode: PRIVATE_FOLDER });
  const others = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => Number(name.split(".")[3]));
  const stamp = Math.max(Math.floor(time / 1000), ...others.filter(Number.isSafeInteger).map((other) => other + 1));
  const path = joinPath(folder, `events.out.tfevents.${`${stamp}`.padStart(10, "0")}.herd`);
  (await Deno.open(path, { write: true, createNew: true, mode: PRIVATE_FILE })).close();
  return path;
}
