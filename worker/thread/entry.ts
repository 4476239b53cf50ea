// The module of a device's thread: makes the engine that it is told.
import { prepareHere } from "../prepare_here.ts";
import { serveThread, type ThreadPort } from "./serve.ts";

serveThread(self as unknown as ThreadPort, prepareHere);
