// A machine's workers as one worker.
export { type RelayedRun, type RelayOptions, RelayWorkers } from "./relay_workers.ts";
