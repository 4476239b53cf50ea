// How a worker's session ends when its run does: a scheduler must be able to tell done from broken off.
import { assertRejects } from "@std/assert";
import { HerdError } from "../../../shared/errors.ts";
import type { OrderComputer } from "../../../shared/order_computer.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("net", "env", "sys"); // listens on the loopback; ws reads the environment
const { startCluster, TOKEN } = ignore
  ? {} as typeof import("../../fixtures/fake_worker.ts")
  : await import("../../fixtures/fake_worker.ts");
const { runSession } = ignore
  ? {} as typeof import("../../../worker/session.ts")
  : await import("../../../worker/session.ts");

const idle: OrderComputer = {
  engine: "tfjs-cpu",
  adapter: "none",
  fingerprint: "0".repeat(64),
  leafMilliseconds: 1,
  setWeights() {},
  async *gradients() {},
  async *evaluate() {},
  async [Symbol.asyncDispose]() {},
};

Deno.test(
  "a worker whose run is done ends well; one whose run may go on is to be started again",
  { ignore },
  async () => {
    for (const mayGoOn of [false, true]) {
      await using cluster = await startCluster();
      const session = runSession({
        url: `ws://${cluster.address}`,
        token: TOKEN,
        name: "",
        hostName: "elsewhere",
        prepare: () => Promise.resolve(idle),
        log() {},
      });
      await cluster.waitForMembers(1, 5_000);
      cluster.stop(mayGoOn);
      if (mayGoOn) await assertRejects(() => session, HerdError, "The run was broken off");
      else await session;
    }
  },
);
