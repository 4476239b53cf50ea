// The events that TensorBoard reads, as records; the field numbers are those of event.proto, summary.proto, and of plugin_data.proto
// and struct.proto for what its HPARAMS tab lists.
import { double, float, join, message, text, whole } from "./protobuf.ts";
import { record } from "./record.ts";

/** When and where an event is told. */
export interface At {
  /** Milliseconds since 1970. */
  readonly time: number;
  /** Of its training. */
  readonly step: number;
}

/** How a training ended, as the HPARAMS tab says it. */
export const STATUS = { success: 1, failure: 2 } as const;

const SESSION_START = 1;
const TENSOR_DATA = 2;
const FLOAT_TENSOR = 1;

/** What a file begins with. */
export function fileVersion(at: At): Uint8Array {
  return event(at, text(3, "brain.Event:2"));
}

/** From this step on, what files before said of the training does not hold any more. */
export function restart(at: At): Uint8Array {
  return event(at, message(7, whole(1, SESSION_START)));
}

/** Values by tag. */
export function scalars(at: At, values: Readonly<Record<string, number>>): Uint8Array {
  const fields = Object.entries(values).map(([tag, value]) => message(1, text(1, tag), float(2, value)));
  return event(at, message(5, ...fields));
}

/** What a training is told. */
export function sessionStart(at: At, hparams: Readonly<Record<string, string | number>>): Uint8Array {
  const entries = Object.entries(hparams).map(([name, value]) =>
    message(1, text(1, name), message(2, typeof value === "number" ? double(2, value) : text(3, value)))
  );
  return session(at, "_hparams_/session_start_info", message(3, ...entries, double(5, at.time / 1000)));
}

/** How a training ended. */
export function sessionEnd(at: At, status: number): Uint8Array {
  return session(at, "_hparams_/session_end_info", message(4, whole(1, status), double(2, at.time / 1000)));
}

/** The HPARAMS tab reads what stands beside a tensor without numbers. */
function session(at: At, tag: string, content: Uint8Array): Uint8Array {
  const metadata = message(9, message(1, text(1, "hparams"), message(2, content)), whole(4, TENSOR_DATA));
  const tensor = message(8, whole(1, FLOAT_TENSOR), message(2, message(2)));
  return event(at, message(5, message(1, text(1, tag), tensor, metadata)));
}

function event({ time, step }: At, what: Uint8Array): Uint8Array {
  return record(join([double(1, time / 1000), whole(2, step), what]));
}
