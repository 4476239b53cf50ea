// Many workers that compute nothing, in one process: `idle_workers.ts HOST:PORT COUNT PACE`, PACE in milliseconds an image.
import { FakeWorker } from "../fixtures/fake_worker.ts";

const [address = "", count = "1", pace = ""] = Deno.args;
const idle = { idle: true, pace: Number(pace) };
const workers = Array.from({ length: Number(count) }, () => FakeWorker.join({ address }, idle));
await Promise.all((await Promise.all(workers)).map(({ closed }) => closed));
Deno.exit();
