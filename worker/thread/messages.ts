// What a worker's session and the thread of its device say to each other. Both are of one process: nothing is validated.
import type { EngineName } from "../../shared/engine_names.ts";
import { type ErrorCode, HerdError, messageOf } from "../../shared/errors.ts";
import type { LeafOrder, OrderComputer } from "../../shared/order_computer.ts";
import type { PartialSum, Predictions } from "../../shared/sums.ts";
import { DeviceLost } from "../device_lost.ts";
import type { JoinedRun } from "../session.ts";

/** What of a run an engine is made from. */
export interface PreparedRun extends Pick<JoinedRun, "config" | "probeKey" | "onLeaf" | "onProgress" | "onPhase"> {
  /** Where tuned tiles may be. */
  readonly tilesFile?: string | undefined;
}

/** What of it travels: all but its functions. */
export type ThreadRun = Pick<PreparedRun, "config" | "probeKey" | "tilesFile">;

/** What a computer says of itself. */
export type Introduction = Pick<OrderComputer, "engine" | "adapter" | "fingerprint" | "leafMilliseconds">;

/** Session → thread. */
export type ToThread =
  /** The first one: make the engine and try it. */
  | { readonly type: "prepare"; readonly engine: EngineName; readonly run: ThreadRun }
  /** The packed data set is there. */
  | { readonly type: "data"; readonly path: string }
  | { readonly type: "weights"; readonly flat: Float32Array }
  | { readonly type: "order"; readonly task: "train" | "evaluate"; readonly order: LeafOrder }
  /** One answer more is asked for. The memory of the last one's gradient serves again. */
  | { readonly type: "next"; readonly used: Float32Array | undefined }
  /** Nobody wants the rest of the order. */
  | { readonly type: "abort" }
  /** Give the device back. */
  | { readonly type: "end" };

/** Thread → session. */
export type FromThread =
  /** For people: what is being done. */
  | { readonly type: "progress"; readonly text: string }
  | { readonly type: "ready"; readonly introduction: Introduction }
  /** A leaf of a training pass is done. */
  | { readonly type: "leaf" }
  | { readonly type: "answer"; readonly answer: PartialSum | Predictions }
  /** The order is over: all its answers have been sent, or nobody wants the rest, or there is an error. */
  | { readonly type: "done"; readonly error: SentError | undefined }
  /** The thread is of no use. */
  | { readonly type: "failed"; readonly error: SentError }
  | { readonly type: "ended" };

/** An error on its way, where classes are lost. */
export interface SentError {
  /** Undefined for a bug. */
  readonly code: ErrorCode | undefined;
  readonly isDeviceLost: boolean;
  readonly message: string;
  readonly stack: string | undefined;
}

/** Takes an error apart. */
export function packError(error: unknown): SentError {
  return {
    code: error instanceof HerdError ? error.code : undefined,
    isDeviceLost: error instanceof DeviceLost,
    message: messageOf(error),
    stack: error instanceof Error ? error.stack : undefined,
  };
}

/** Puts an error together again. */
export function unpackError({ code, isDeviceLost, message, stack }: SentError): Error {
  if (isDeviceLost) return new DeviceLost(message);
  if (code !== undefined) return new HerdError(code, message);
  const bug = new Error(message);
  if (stack !== undefined) bug.stack = stack;
  return bug;
}
