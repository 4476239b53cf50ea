// What a cluster is told.
import type { ServedDataset } from "../../data/mod.ts";
import type { ServerCertificate } from "../../shared/certificates.ts";
import type { ComputeConfig } from "../../shared/config.ts";
import type { Backend } from "../../shared/engine_names.ts";
import { largestAnswer } from "../../shared/frames.ts";
import type { DoorLimits } from "../door/mod.ts";
import type { ClusterEvent, WorkerInfo } from "../events/mod.ts";
import type { LeafLimits } from "./deadline.ts";
import type { PaceLimits } from "./pace.ts";

/** What a cluster is told, and who hears of what happens in it. */
export interface ClusterOptions {
  /** 16 hexadecimal digits. */
  readonly runId: string;
  /** What workers must prove that they know to be let in. */
  readonly token: string;
  /**
   * What workers' trial passes draw their noise by, 16 hexadecimal digits: the fingerprints of those that compute the same
   * must come from the same. By default the run's id, which is another in each run, and the same when one is resumed.
   */
  readonly probeKey?: string;
  /** Where to listen: a host name or an address of this machine. */
  readonly hostname: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Encrypts connections from outside; those of this machine have a door of their own then. */
  readonly tls?: ServerCertificate | undefined;
  /** Bounds on connections without the token; by default those of doorkeeper.ts. */
  readonly door?: DoorLimits;
  /** What workers compute with. */
  readonly config: ComputeConfig;
  /** SHA-256 of the config: workers must get the same. */
  readonly configHash: string;
  /** The engine that workers are to use, unless their user chose another. */
  readonly backend: Backend;
  /** Whether they may take another where its device is lost again and again; by default, where none is named. */
  readonly fallsBack?: boolean;
  /** From where workers on other machines fetch the packed data set; without it there are none of them. */
  readonly dataset?: Pick<ServedDataset, "manifest" | "readChunk">;
  /** Bounds on waiting for a worker; by default those of deadline.ts and pace.ts. */
  readonly limits?: { readonly leaf: LeafLimits; readonly pace: PaceLimits };
  /** What the queues of all connections may hold, in bytes; by default {@linkcode queueBytesOf}. */
  readonly queueBytes?: number;
  /** The share of the steps whose answers are computed again by a second worker, 0 to 1; 0 for none. */
  readonly verify?: number;
  /** Whether it tells what takes time, and asks the workers for it. */
  readonly traced?: boolean;
  /** How long a run waits without any worker before it gives up, in milliseconds. */
  readonly workerTimeout: number;
  /** Hears what happens. */
  emit?(event: ClusterEvent): void;
  /** Hears of each leaf that a member has done, while work is under way. */
  onLeaf?(): void;
  /** Hears of a member that is lost because it hangs; its process may still be there. */
  onSilent?(member: WorkerInfo): void;
}

/** Enough for all that is fetched and sent at once where answers are small. */
const LEAST_QUEUE_BYTES = 512 * 1024 * 1024;

/** What the queues of all connections may hold: all that a step's workers can have on its way, if that is more. */
export function queueBytesOf({ config, queueBytes }: Pick<ClusterOptions, "config" | "queueBytes">): number {
  // One answer is sent while the next is computed, and one more may wait here to be read.
  const answers = 2 * Math.ceil(config.batchSize / config.microBatch) * largestAnswer(config);
  return queueBytes ?? Math.max(LEAST_QUEUE_BYTES, answers);
}
