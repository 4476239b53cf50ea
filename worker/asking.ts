// What a worker asks its coordinator for before it can compute, and how long it waits for the answers.
import type { Channel, Incoming } from "../shared/channel.ts";
import type { DatasetManifest } from "../shared/dataset_manifest.ts";
import { HerdError } from "../shared/errors.ts";
import { leastProgress, PROGRESS_LIMITS, type ProgressLimits, whileMoving } from "../shared/progress.ts";
import type { CoordinatorMessage, WorkerMessage } from "../shared/protocol.ts";
import { ConnectionLost } from "./join.ts";

/** A worker's connection. */
export type WorkerChannel = Channel<CoordinatorMessage, WorkerMessage>;

/** The coordinator may have to read the whole data set first, or to send others theirs, for an hour; that it is there still, its pings tell. */
const MANIFEST_LIMITS: ProgressLimits = { ...PROGRESS_LIMITS, looks: 720 };

/** The run is over before this worker had its data. */
export class RunOver extends HerdError {
  readonly mayGoOn: boolean;

  constructor(mayGoOn: boolean) {
    super("cluster", "The run ended before this worker had its data");
    this.mayGoOn = mayGoOn;
  }
}

/** Asks how the packed data set is cut. @throws {RunOver} if the run ends instead */
export async function fetchManifest(
  channel: WorkerChannel,
  incoming: AsyncGenerator<Incoming<CoordinatorMessage>>,
): Promise<DatasetManifest> {
  channel.send({ ...envelope(channel, 0), type: "manifest-request" });
  const event = await nextOf(channel, incoming, "the description of the data set", MANIFEST_LIMITS);
  if ("message" in event && event.message.type === "manifest") return event.message.dataset;
  throw withoutData(event, "the description of the data set");
}

/** Asks for a chunk of the packed data set. @throws {RunOver} if the run ends instead */
export async function fetchChunk(
  channel: WorkerChannel,
  incoming: AsyncGenerator<Incoming<CoordinatorMessage>>,
  index: number,
): Promise<Uint8Array> {
  channel.send({ ...envelope(channel, 0), type: "chunk-request", index });
  // It may be a while until it is this worker's turn.
  const event = await nextOf(channel, incoming, `chunk ${index} of the data set`, MANIFEST_LIMITS);
  if ("frame" in event && event.frame.kind === "chunk" && event.frame.index === index) return event.frame.bytes;
  throw withoutData(event, `chunk ${index} of the data set`);
}

function withoutData(event: Incoming<CoordinatorMessage>, what: string): HerdError {
  if ("message" in event && event.message.type === "stop") return new RunOver(event.message.mayGoOn);
  return new HerdError("cluster", `The coordinator sent something else than ${what}`);
}

/** What every message of a step begins with. */
export function envelope(channel: WorkerChannel, step: number): { runId: string; step: number } {
  return { runId: channel.runId, step };
}

/** What comes next, however long it takes while something comes. @throws {ConnectionLost} if nothing does */
export async function nextOf(
  channel: WorkerChannel,
  incoming: AsyncGenerator<Incoming<CoordinatorMessage>>,
  what: string,
  limits = PROGRESS_LIMITS,
): Promise<Incoming<CoordinatorMessage>> {
  const next = await whileMoving(incoming.next(), {
    bytes: () => channel.received,
    late: () => new ConnectionLost(`Waited for ${what} in vain: less than ${leastProgress(limits)} came in`),
    limits,
  });
  if (next.done) throw new ConnectionLost(`The coordinator closed the connection instead of sending ${what}`);
  if ("broken" in next.value) throw new ConnectionLost(next.value.broken.message);
  return next.value;
}
