// A machine's workers as one worker.
export { RelayWorkers } from "./relay_workers.ts";
