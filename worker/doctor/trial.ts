// Tries the engines in a thread, as long as there is time.
import type { TriedEngine } from "../trial.ts";
import type { AdapterFacts } from "./facts.ts";
import type { FromTrial } from "./trial_thread.ts";

/** What came of it. */
export interface Trial {
  /** Those that have been tried. */
  readonly engines: readonly TriedEngine[];
  readonly adapter: AdapterFacts | null;
  /** Whether all were, in time. */
  readonly isWhole: boolean;
}

/**
 * Tries the engines. What is known when one takes longer than its time, or when the thread dies, is what comes of it.
 * @param milliseconds for each
 * @param options the thread's module, and what hears of each engine
 */
export function tryInThread(
  milliseconds: number,
  { entry = new URL("./trial_thread.ts", import.meta.url), onEngine }: {
    readonly entry?: URL;
    onEngine(engine: TriedEngine): void;
  },
): Promise<Trial> {
  const engines: TriedEngine[] = [];
  let adapter: AdapterFacts | null = null;
  const thread = new Worker(entry, { type: "module", name: "trial" });
  return new Promise((resolve) => {
    const end = (isWhole: boolean) => {
      clearTimeout(timer);
      thread.terminate();
      resolve({ engines, adapter, isWhole });
    };
    let timer = setTimeout(() => end(false), milliseconds);
    thread.addEventListener("message", ({ data }: MessageEvent<FromTrial>) => {
      if (data.type === "done") return end(true);
      if (data.type === "adapter") return void (adapter = data.adapter);
      engines.push(data.engine);
      clearTimeout(timer);
      timer = setTimeout(() => end(false), milliseconds);
      onEngine(data.engine);
    });
    thread.addEventListener("error", (event) => {
      event.preventDefault();
      end(false);
    });
  });
}
