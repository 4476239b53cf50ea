// --json: what happens as one JSON object a line, for programs.
import type { Reporter } from "./reporter.ts";

/** Writes events to the given sink, a line each. */
export class JsonLinesReporter implements Reporter {
  readonly #write: (line: string) => void;

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  notice: Reporter["notice"] = (text) => this.#say("notice", { text });
  detail: Reporter["detail"] = () => {};
  dataProgress: Reporter["dataProgress"] = () => {};
  dataset: Reporter["dataset"] = (info, used) => this.#say("dataset", { ...info, ...used });
  started: Reporter["started"] = ({ model: _model, ...facts }) => this.#say("started", facts);
  member: Reporter["member"] = (what, member, reason) => this.#say("worker", { what, ...member, reason });
  step: Reporter["step"] = ({ metrics, ...progress }) => this.#say("step", { ...progress, ...metrics });
  epoch: Reporter["epoch"] = (arm, record) => this.#say("epoch", { arm, ...record });
  finished: Reporter["finished"] = (report, folder) => this.#say("finished", { folder, report });

  #say(event: string, facts: object): void {
    this.#write(JSON.stringify({ event, ...facts }));
  }
}
