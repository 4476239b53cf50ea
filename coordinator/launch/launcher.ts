// What starting workers means, wherever they are: a launcher turns a run into commands, and supervisor.ts keeps them running.
import type { WorkerOrder } from "../../shared/worker_order.ts";

/** What workers are told of a run. */
export interface LaunchedRun {
  /** worker/main.ts, as a URL: the coordinator never imports it. */
  readonly entry: URL;
  /** Where the coordinator is for processes of this machine, HOST:PORT. */
  readonly localAddress: string;
  /** Where it is for other machines, ws[s]://HOST:PORT; the host may be 0.0.0.0 or ::. */
  readonly url: string;
  /** What the coordinator lets workers in by. */
  readonly token: string;
  /** A secret for a worker's process that is about to be started. */
  secretFor(name: string): string;
  /** The certificate that other machines see, as PEM; undefined without TLS. */
  readonly certificate: string | undefined;
  /** The packed data set, on this machine. */
  readonly cachePath: string;
  /** Herd's cache folder. */
  readonly cacheDir: string;
}

/** A command that becomes a worker. Secrets are in the order only: command lines can be read by anyone. */
export interface WorkerCommand {
  /** Its name or path. */
  readonly program: string;
  /** The program's arguments. */
  readonly args: readonly string[];
  /** What is set in its environment besides what is there. */
  readonly env: Readonly<Record<string, string>>;
  /** Whether it lives in a session of its own, where Ctrl-C in the coordinator's terminal does not reach it. */
  readonly detached: boolean;
  /** What ends the process and the worker behind it, even if that hangs. */
  readonly killSignal: Deno.Signal;
  /** What it is told on stdin. */
  readonly order: WorkerOrder;
}

/** A worker to be. */
export interface PlannedWorker {
  /** The worker's id and the name of its log. */
  readonly name: string;
  /** What starts it; asked for anew before each start. */
  command(): WorkerCommand;
}

/** Where a run's workers are started. */
export interface Launcher {
  /** As --launcher says it. */
  readonly flag: string;
  /** How many workers it starts. */
  readonly count: number;
  /** Whether they connect from other machines: the coordinator must listen there. */
  readonly fromOutside: boolean;
  /** Whether they run on this machine. */
  readonly isOwn: boolean;
  /** Wait before a worker is started again for the first time, in milliseconds; doubled each time. */
  readonly firstWaitMs: number;
  /** What is to be started for a run. */
  plan(run: LaunchedRun): readonly PlannedWorker[];
}

/** Workers' ids and the names of their logs. */
export function workerName(index: number): string {
  return `w${index + 1}`;
}
