// The process of a worker that the coordinator has started, here or elsewhere: told by one JSON line on stdin where the
// coordinator is. stdin at its end means that the coordinator is gone, or the connection that started the worker. Ctrl-C
// reaches the whole process group, but ending the workers is the coordinator's business.
import { cacheDirectory } from "../data/mod.ts";
import { exitCodeOf, HerdError, messageOf } from "../shared/errors.ts";
import { parseWorkerOrder } from "../shared/worker_order.ts";
import { prepareEngine } from "./prepare.ts";
import { fetchDataset } from "./remote.ts";
import { runSession } from "./session.ts";

const cacheDir = () => cacheDirectory({ HERD_CACHE_DIR: Deno.env.get("HERD_CACHE_DIR") });
const write = (text: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));

Deno.addSignalListener("SIGINT", () => {});
const stdin = Deno.stdin.readable.pipeThrough(new TextDecoderStream()).getReader();
let line = "";
while (!line.includes("\n")) {
  const { done, value } = await stdin.read();
  if (done) Deno.exit(0);
  line += value;
}
stdin.read().then(() => Deno.exit(0), () => Deno.exit(0));

try {
  const { name, url, token, secret, authority, cachePath } = parseWorkerOrder(line);
  await runSession({
    url,
    token,
    secret,
    authority,
    name,
    hostName: cachePath === undefined ? Deno.hostname() : "",
    prepare: async (run) => await prepareEngine(run, cachePath ?? await fetchDataset(run, cacheDir(), write)),
    log: write,
  });
  Deno.exit(0);
} catch (error) {
  // The stack tells something only of a bug, and comes first: the coordinator shows the last lines.
  if (!(error instanceof HerdError) && error instanceof Error && error.stack) write(error.stack);
  write(`error: ${messageOf(error)}`);
  Deno.exit(exitCodeOf(error));
}
