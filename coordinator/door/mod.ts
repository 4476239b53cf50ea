// The coordinator's front door: who may come in.
export type { DoorLimits } from "./doorkeeper.ts";
export { listen, type Listener, type ListenOptions, type Visit } from "./listener.ts";
