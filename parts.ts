// What the coordinator is handed of the workers' side: the two do not know each other.
import type { TrainParts } from "./coordinator/mod.ts";
import { chooseEngine, engineMemory, localWorkers } from "./worker/mod.ts";

/** For the command line and for programs. */
export const parts: TrainParts = {
  workerEntry: new URL("./worker/main.ts", import.meta.url),
  chooseEngine,
  localWorkers,
  engineMemory,
};
