// The coordinator's front door: who may come in.
export { DOOR_LIMITS, type DoorLimits, type Visitor } from "./doorkeeper.ts";
export { type Guard, guard } from "./guard.ts";
export { listen, type Listener, type ListenOptions, type Visit } from "./listener.ts";
export { isForeignPage, isOwnName, type PageHeaders } from "./origin.ts";
export { listening, localName, makeServer } from "./server.ts";
