// What a span is in the trace event format, which Perfetto and chrome://tracing open: processes are the coordinator and its workers, and
// an arrow leads from the weights to each answer that was computed with them, and on to where it was added up.
import { type Position, type RunEvent, runName, type Snapshot, type TracedSpan } from "../../events/mod.ts";

/** One entry of a trace; `ts` and `dur` are in microseconds. */
export interface TraceEvent {
  /** X: a span. M: a name. s, t, f: an arrow's beginning, a place on its way, and its end. */
  readonly ph: "X" | "M" | "s" | "t" | "f";
  readonly name: string;
  readonly cat?: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly id?: number;
  /** An arrow ends at the span around that time, not at the next one. */
  readonly bp?: "e";
  readonly args?: Readonly<Record<string, string | number>>;
}

type Spans = Extract<RunEvent, { type: "spans" }>;

const COORDINATOR = 1;
/** Of each process; a worker computes the next answer while one is sent. */
const TRACKS = { computing: 1, network: 2 } as const;

/** Makes the entries of a trace, and names each process once. */
export class TraceEvents {
  readonly #pids = new Map<string | null, number>();
  #arrows = 0;

  /** The entries that spans bring. */
  of({ worker, task, position, spans, clockError, arrow }: Spans, snapshot: Snapshot): TraceEvent[] {
    const names = this.#pids.has(worker) ? [] : this.#nameProcess(worker, snapshot);
    const pid = this.#pids.get(worker)!;
    const where = argsOf(position);
    const cat = worker === null ? "coordinator" : "worker";
    const entries = spans.map(({ name, start, end, ...leaves }, i): TraceEvent => {
      const error: Record<string, number> = worker !== null && i === 0 ? { clock_error_us: clockError } : {};
      const args = { ...where, ...leaves, ...error };
      return { ph: "X", name, cat, pid, tid: trackOf(name), ts: start, dur: end - start, args };
    });
    return [...names, ...entries, ...this.#arrow(task, spans[0]!, pid, arrow)];
  }

  /** Viewers take an arrow by time: it never goes back, which clocks that are a little off may say. */
  #arrow(task: Spans["task"], { start, end }: TracedSpan, pid: number, arrow: Spans["arrow"]): TraceEvent[] {
    if (arrow === null) return [];
    const { from, to } = arrow;
    const [first, last] = [Math.max(start, from), Math.min(end, to)];
    if (first > last) return [];
    const one = { name: task === "train" ? "weights to gradients" : "weights to predictions", cat: "arrow" };
    const [id, tid] = [++this.#arrows, TRACKS.computing];
    return [
      { ...one, ph: "s", id, pid: COORDINATOR, tid, ts: from },
      // Soon after its beginning, where the answer is the innermost span: arrows bind to that.
      { ...one, ph: "t", id, pid, tid, ts: first + Math.min(1, last - first) / 2 },
      { ...one, ph: "f", bp: "e", id, pid: COORDINATOR, tid, ts: to },
    ];
  }

  #nameProcess(worker: string | null, { workers }: Snapshot): TraceEvent[] {
    const pid = worker === null
      ? COORDINATOR
      : COORDINATOR + 1 + [...this.#pids.keys()].filter((id) => id !== null).length;
    this.#pids.set(worker, pid);
    const name = (name: string, tid: number, args: { readonly name: string } | { readonly sort_index: number }) =>
      ({ ph: "M", name, pid, tid, args }) as const;
    const { engine = "", host = "" } = workers.findLast((one) => one.worker.id === worker)?.worker ?? {};
    const words = worker === null ? "coordinator" : `worker ${worker}: ${engine}${host === "" ? "" : ` on ${host}`}`;
    return [
      name("process_name", 0, { name: words }),
      name("process_sort_index", 0, { sort_index: pid }),
      name("thread_name", TRACKS.computing, { name: worker === null ? "steps" : "computing" }),
      ...(worker === null ? [] : [name("thread_name", TRACKS.network, { name: "network" })]),
    ];
  }
}

function trackOf(name: string): number {
  return name === "send" ? TRACKS.network : TRACKS.computing;
}

function argsOf(position: Position | null): Record<string, string | number> {
  if (position === null) return {};
  const { key, epoch, step } = position;
  return { training: runName(key), arm: key.arm, seed: key.seed, epoch, step };
}
