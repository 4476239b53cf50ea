// What a process is told that is to become a worker: one line of JSON on its stdin, so that no secret stands in a command
// line. Launchers and `deno task worker` write it; worker/main.ts and the process of a relay read it.
import * as v from "valibot";
import { type Backend, BACKENDS } from "./engine_names.ts";
import { HerdError } from "./errors.ts";

/** What the user of a relay decides. */
export interface RelayOrder {
  /** How many workers it starts; without it, as many as the machine has room for. */
  readonly workers?: number;
  /** The GPUs of its machine, and DRI_PRIME for each that can be told apart; without it they were not looked for. */
  readonly gpus?: { readonly count: number; readonly tags: readonly string[] };
  /** How long it waits for them to be ready at first, in seconds. */
  readonly joinTimeout: number;
  /** How long it waits when none of them is left, in seconds. */
  readonly workerTimeout: number;
}

/** What a worker is told. */
export interface WorkerOrder {
  /** The worker's id and the name of its log; "" lets the coordinator choose. */
  readonly name: string;
  /** Where the coordinator is: ws[s]://HOST:PORT. */
  readonly url: string;
  /** What the coordinator lets workers in by. */
  readonly token: string;
  /** Of this process, where a launcher starts it: by it the coordinator knows that it is the one of that name. */
  readonly secret?: string;
  /** Certificates to trust instead of the public ones, as PEM. */
  readonly authority?: string;
  /** The packed data set; a worker without it is on another machine and fetches its copy from the coordinator. */
  readonly cachePath?: string;
  /** Where tiles may be that were tuned for the GPU; beside {@linkcode cachePath}, for workers elsewhere have a cache of their own. */
  readonly tilesFile?: string;
  /** The engine, "auto" for the best one there; without it the coordinator's wish is taken. */
  readonly backend?: Backend;
  /** Makes it a relay: the workers of a machine as one. */
  readonly relay?: RelayOrder;
}

const count = v.pipe(v.number(), v.integer(), v.minValue(1));
const schema: v.GenericSchema<unknown, WorkerOrder> = v.object({
  name: v.string(),
  url: v.string(),
  token: v.string(),
  secret: v.exactOptional(v.string()),
  authority: v.exactOptional(v.string()),
  cachePath: v.exactOptional(v.string()),
  tilesFile: v.exactOptional(v.string()),
  backend: v.exactOptional(v.picklist(BACKENDS)),
  relay: v.exactOptional(
    v.object({
      workers: v.exactOptional(count),
      gpus: v.exactOptional(v.object({ count, tags: v.array(v.string()) })),
      joinTimeout: count,
      workerTimeout: count,
    }),
  ),
});

/** The line that tells a worker its order, without the line's end. */
export function workerOrderLine(order: WorkerOrder): string {
  return JSON.stringify(order);
}

/**
 * Reads such a line.
 * @throws {HerdError} usage, naming what is wrong without quoting the line: it may hold the token
 */
export function parseWorkerOrder(line: string): WorkerOrder {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    throw refusal(`${line.trim().length} characters that are not JSON`);
  }
  const result = v.safeParse(schema, json);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const field = v.getDotPath(issue);
  throw refusal(field === null ? "no JSON object" : `nothing that fits under "${field}"`);
}

function refusal(got: string): HerdError {
  const remedy = 'launchers start workers; by hand, use "deno task worker --connect URL --token-file FILE"';
  return new HerdError(
    "usage",
    `A worker's process is told by one line of JSON on stdin where to connect: got ${got}; ${remedy}`,
  );
}
