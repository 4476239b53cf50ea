// config.json: what a run was told and what follows from it, written at its start and read when it is resumed.
import { join } from "node:path";
import * as v from "valibot";
import { HerdError, messageOf } from "../../shared/errors.ts";
import { ComputeConfigSchema } from "../../shared/protocol.ts";
import { GC_SCOPES, type NumericConfig, OPTIMIZERS } from "../experiment/mod.ts";
import { readBoundedText } from "./bounded_text.ts";
import { refuseOldCheckpoints } from "./checkpoint_names.ts";

/** The numeric config, as a run keeps it. */
export const NumericConfigSchema: v.GenericSchema<unknown, NumericConfig> = v.object({
  compute: ComputeConfigSchema,
  limit: v.nullable(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
  learningRate: v.number(),
  optimizer: v.picklist(OPTIMIZERS),
  momentum: v.number(),
  nesterov: v.boolean(),
  gcScope: v.picklist(GC_SCOPES),
  gcScale: v.number(),
  initWeights: v.nullable(v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))),
});

/** What a resumed run needs of config.json. */
export interface RunConfig {
  /** 16 hexadecimal digits. */
  readonly runId: string;
  /** The flags that the run was given, resolved, under their names in camel case. */
  readonly told: Readonly<Record<string, unknown>>;
  /** Everything besides a training's key that changes bits. */
  readonly numeric: NumericConfig;
  /** Seeds and epochs as the run was begun with. */
  readonly declared: { readonly seeds: number; readonly epochs: number };
}

const count = v.pipe(v.number(), v.integer(), v.minValue(1));
const schema: v.GenericSchema<unknown, RunConfig> = v.object({
  runId: v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/)),
  told: v.record(v.string(), v.unknown()),
  numeric: NumericConfigSchema,
  declared: v.object({ seeds: count, epochs: count }),
});

/**
 * Reads the config.json of a run's folder, to go on with the run.
 * @throws {HerdError} data, if it is missing, cannot be read or is damaged, or if the run has checkpoints of another format
 */
export async function readRunConfig(folder: string): Promise<RunConfig> {
  const path = join(folder, "config.json");
  let text: string;
  try {
    text = await readBoundedText(path, "a config");
  } catch (cause) {
    const what = `--resume ${folder} holds no run that can be read (${messageOf(cause)}): give the folder of one`;
    throw new HerdError("data", what, { cause });
  }
  try {
    return v.parse(schema, JSON.parse(text));
  } catch (cause) {
    refuseEarlier(text, path);
    // The config of a run from before is another one too; its checkpoints say best what it is.
    const checkpoints = join(folder, "checkpoint");
    refuseOldCheckpoints(checkpoints, await namesIn(checkpoints));
    throw new HerdError("data", `${path} is not the config of a run: ${messageOf(cause)}`, { cause });
  }
}

/** Refuses a config from before experiments of many trainings; another one is refused by others. */
function refuseEarlier(text: string, path: string): void {
  const earlier = v.safeParse(v.object({ numeric: v.object({ rho: v.number() }) }), parseJson(text));
  if (!earlier.success) return;
  const what = `${path} is of a version of Herd that compared one pair of trainings`;
  throw new HerdError("data", `${what}: go on with that version, or begin the run anew with another --out`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** None, if there is no such folder. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
  } catch {
    return [];
  }
}
