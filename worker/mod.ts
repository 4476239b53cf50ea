// The worker's public face: its commands, and the choice of an engine.
export { doctorCommand } from "./commands/doctor.ts";
export { type Relay, type RelaySettings, workerCommand } from "./commands/worker.ts";
export { availableEngines, chooseEngine, type EngineReport, localWorkers } from "./engines.ts";
export type { JoinedRun } from "./session.ts";
