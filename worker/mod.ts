// The worker's public face: serving a coordinator from another machine, and what `doctor` asks about engines.
export { type RemoteWorkerOptions, runRemoteWorker } from "./remote.ts";
export { doctorCommand } from "./commands/doctor.ts";
export { type Relay, type RelaySettings, workerCommand } from "./commands/worker.ts";
export { availableEngines, chooseEngine, type EngineReport, localWorkers } from "./engines.ts";
export { type TriedEngine, tryEngines } from "./trial.ts";
export type { JoinedRun } from "./session.ts";
// The words in which these speak.
export type { ComputeConfig } from "../shared/config.ts";
export type { Backend, EngineName } from "../shared/engine_names.ts";
export type { Compression } from "../shared/half.ts";
export type { LayerSpec, ModelSpec } from "../shared/model.ts";
export type { LeafOrder, OrderComputer } from "../shared/order_computer.ts";
export type { PartialSum, Predictions } from "../shared/sums.ts";
export type { NodeId, Range } from "../shared/tree.ts";
