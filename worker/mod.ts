// The worker's public face: serving a coordinator from another machine, and what `doctor` asks about engines.
export { type RemoteWorkerOptions, runRemoteWorker } from "./remote.ts";
export { doctorCommand } from "./commands/doctor.ts";
export { workerCommand } from "./commands/worker.ts";
export { availableEngines, chooseEngine, type EngineReport, localWorkers } from "./engines.ts";
export { type TriedEngine, tryEngines } from "./trial.ts";
