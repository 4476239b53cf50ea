import { assert, assertEquals, assertRejects } from "@std/assert";
import { trainerOf } from "../../../coordinator/commands/library.ts";
import type { Settings } from "../../../coordinator/commands/settings.ts";
import type { TrainOptions } from "../../../coordinator/commands/train_options.ts";
import { HerdError } from "../../../shared/errors.ts";

/** The settings that say how the command prints. */
type Printing = "dashboard" | "noDashboard" | "quiet" | "json" | "verbose" | "version" | "help";
type Told = Omit<TrainOptions, "data" | "signal" | "onEvent">;
type Same<A, B> = [A, B] extends [B, A] ? true : false;
/** Does not compile when a flag is added, removed or changed and the options are not. */
const SAME_NAMES: Same<keyof Told, Exclude<keyof Settings, Printing | "data">> = true;
const SAME_VALUES: Same<Required<Told>, { [K in keyof Told]-?: NonNullable<Settings[K]> }> = true;

const nothing = () => Promise.reject(new Error("nothing is to be asked for"));
const trainer = (entry: string) =>
  trainerOf({
    workerEntry: new URL(entry),
    version: "0",
    chooseEngine: nothing,
    localWorkers: nothing,
    engineMemory: nothing,
  });

async function refusal(options: Record<string, unknown>, entry = "file:///herd/worker/main.ts"): Promise<string> {
  const error = await assertRejects(() => trainer(entry)(options as TrainOptions), HerdError);
  assertEquals(error.code, "usage");
  return error.message;
}

Deno.test("library: options are the settings of the command, with their types", () =>
  assert(SAME_NAMES && SAME_VALUES));

Deno.test("library: a bad option is refused in the command's sentence, before anything is begun", async () => {
  const cases: [Record<string, unknown>, string][] = [
    [{ epochs: 0 }, '--epochs must be a whole number of at least 1: got "0"'],
    [{ learningRate: [1e-4, 1e-4] }, '--learning-rate names one twice: got "0.0001,0.0001"'],
    [{ arms: ["no-gc", "cg"] }, '--arms cannot be "cg": did you mean gc?'],
    [{ arms: [] }, "--arms needs a value: give --arms LIST"],
    [{ limit: null }, '--limit must be a whole number of at least 2: got "null"'],
    [{ data: "" }, "--data needs a value: give --data SET"],
    [{ bakcend: "simd" }, "Unknown flag --bakcend: did you mean --backend?"],
    [{ batchsize: 4 }, "Unknown flag --batchsize: did you mean --batch-size?"],
    [{ control: "yes" }, '--control is there or not: give control true or false, not "yes"'],
    [{ json: true }, "train() prints nothing: it has no option json"],
    [{ noDashboard: true }, "train() prints nothing: it has no option noDashboard"],
  ];
  for (const [options, sentence] of cases) assertEquals(await refusal(options), sentence);
});

Deno.test("library: where Herd was not loaded from files, that is said before anything is begun", async () => {
  const sentence = await refusal({}, "https://jsr.io/@herd/herd/0.1.0/worker/main.ts");
  assert(sentence.startsWith("Workers are started from files, and Herd was loaded from https://jsr.io/"), sentence);
});

Deno.test("library: a signal that has aborted begins nothing", async () => {
  const run = trainer("file:///herd/worker/main.ts")({ signal: AbortSignal.abort(new Error("no")) });
  const error = await assertRejects(() => run, HerdError, "The run was ended");
  assertEquals([error.code, (error.cause as Error).message], ["interrupted", "no"]);
});
