// A worker that collects its garbage all the time, so that what its memory grows by is what it keeps.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

const INTERVAL_MS = 20;

setFlagsFromString("--expose-gc");
setInterval(runInNewContext("gc") as () => void, INTERVAL_MS);
await import("../../worker/main.ts");
