// A relay with many workers behind it that compute nothing, in one process: `idle_relay.ts HOST:PORT COUNT PACE BATCH_SIZE`.
import { joinRelay } from "../fixtures/fake_relay.ts";
import { BENCH_MODEL, MICRO_BATCH } from "./scale.ts";

const [address = "", count = "1", pace = "", batchSize = ""] = Deno.args;
const config = { model: BENCH_MODEL, batchSize: Number(batchSize), microBatch: MICRO_BATCH };
const idle = Array.from({ length: Number(count) }, () => ({ idle: true, pace: Number(pace) }));
const { session } = await joinRelay({ address }, idle, { config });
await session;
Deno.exit();
