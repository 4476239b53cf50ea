// Many workers that compute nothing, in one process: `idle_workers.ts HOST:PORT COUNT`.
import { FakeWorker } from "../fixtures/fake_worker.ts";

const [address = "", count = "1"] = Deno.args;
const workers = Array.from({ length: Number(count) }, () => FakeWorker.join({ address }, { idle: true }));
await Promise.all((await Promise.all(workers)).map(({ closed }) => closed));
Deno.exit();
