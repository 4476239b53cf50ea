// What of a run's events is worth a line in the log.
import { describePosition, type RunEvent, type Snapshot, type TimedEvent } from "../events/mod.ts";
import type { LogLine } from "./message.ts";

/** The line of an event; undefined for one that is shown elsewhere. */
export function lineOf(event: TimedEvent, { run }: Pick<Snapshot, "run">): LogLine | undefined {
  const said = wordsOf(event, run?.seeds ?? []);
  return said === undefined ? undefined : { time: event.time, ...said };
}

function wordsOf(event: RunEvent, seeds: readonly number[]): Omit<LogLine, "time"> | undefined {
  const plain = (text: string) => ({ text, isWarning: false });
  const warning = (text: string) => ({ text, isWarning: true });
  switch (event.type) {
    case "notice":
      return warning(event.text);
    case "fault":
      return event.text === undefined ? undefined : warning(event.text.replace(/ {2,}/g, " "));
    case "run":
      return plain(
        event.resumed === null ? "The run begins" : `Resumed at ${describePosition(event.resumed.at, seeds)}`,
      );
    case "worker": {
      const { what, worker: { id, host, engine, adapter }, reason } = event;
      const who = `Worker ${id}${host === "" ? "" : ` on ${host}`}`;
      if (what === "ready") return plain(`${who} is ready: ${engine} on ${adapter}`);
      if (what === "joined") return undefined;
      return what === "preparing" ? plain(`${who}: ${reason}`) : warning(`${who} is gone: ${reason}`);
    }
    case "diverged":
      return warning(`Ended: ${event.text}. It counts as a loss; the run goes on`);
    case "taint":
      return warning(`Wrong answers of worker ${event.worker} are in the weights`);
    case "end":
      return event.complete ? plain("The run is complete") : warning(event.error?.message ?? "The run was broken off");
    default:
      return undefined;
  }
}
