// The worker's public face: its commands, the choice of an engine, and what a relay's process is made of.
export { type RemoteWorkerOptions, runRemoteWorker } from "./remote.ts";
export { type Serve, serveOrder } from "./process.ts";
export { doctorCommand } from "./commands/doctor.ts";
export { workerCommand, type WorkerEntries, type WorkerEntry } from "./commands/worker.ts";
export { availableEngines, chooseEngine, type EngineReport } from "./engines.ts";
export { type FoundGpus } from "./gpus/find.ts";
export { engineMemory } from "./memory.ts";
export { type LocalEngine, type LocalWorkers, localWorkers } from "./gpus/local_workers.ts";
export type { JoinedRun } from "./session.ts";
