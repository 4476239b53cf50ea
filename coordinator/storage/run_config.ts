// config.json: what a run was told and what follows from it, written at its start and read when it is resumed.
import { join } from "node:path";
import * as v from "valibot";
import { HerdError, messageOf } from "../../shared/errors.ts";
import { NumericConfigSchema } from "../../shared/protocol.ts";

const schema = v.object({
  runId: v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/)),
  /** As main.ts was told, resolved, under the flags' names in camel case. */
  told: v.record(v.string(), v.unknown()),
  numeric: NumericConfigSchema,
});

/** What a resumed run needs of config.json. */
export type RunConfig = v.InferOutput<typeof schema>;

/**
 * Reads the config.json of a run's folder.
 * @throws {HerdError} usage, if there is none; data, if it is damaged
 */
export async function readRunConfig(folder: string): Promise<RunConfig> {
  const path = join(folder, "config.json");
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (cause) {
    throw new HerdError("usage", `--resume ${folder} holds no run (${messageOf(cause)}): give the folder of one`, {
      cause,
    });
  }
  try {
    return v.parse(schema, JSON.parse(text));
  } catch (cause) {
    throw new HerdError("data", `${path} is not the config of a run: ${messageOf(cause)}`, { cause });
  }
}
