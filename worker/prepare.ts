// Makes what a worker computes with: the engine that a run asks for, in the thread in which it is to live.
import type { OrderComputer } from "../shared/order_computer.ts";
import { chooseEngine, livesInThread } from "./engines.ts";
import { prepareHere } from "./prepare_here.ts";
import type { JoinedRun } from "./session.ts";
import { type PreparedRun, ThreadComputer } from "./thread/mod.ts";

/**
 * Computes with an engine of this process.
 * @param path the packed data set, once it is there
 * @throws {HerdError} cluster, if the engine does not work here; data, if the data set cannot be read or is another; what the
 * path is rejected with
 */
export async function prepareEngine(
  run: PreparedRun & Pick<JoinedRun, "backend">,
  path: Promise<string>,
): Promise<OrderComputer> {
  const { name } = await chooseEngine(run.backend);
  return livesInThread(name)
    ? await ThreadComputer.open({ engine: name, run, path })
    : await prepareHere(name, run, path);
}
