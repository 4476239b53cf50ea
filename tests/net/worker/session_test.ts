// What a worker's session makes of a coordinator's welcome.
import { assertEquals, assertRejects } from "@std/assert";
import type { Backend } from "../../../shared/engine_names.ts";
import { HerdError } from "../../../shared/errors.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("net", "env", "sys"); // listens on the loopback; ws reads the environment
const { startCluster, TOKEN } = ignore
  ? {} as typeof import("../../fixtures/fake_worker.ts")
  : await import("../../fixtures/fake_worker.ts");
const { runSession } = ignore
  ? {} as typeof import("../../../worker/session.ts")
  : await import("../../../worker/session.ts");

Deno.test("a worker takes the coordinator's wish for an engine, unless it is told one or to choose itself", {
  ignore,
}, async () => {
  const cases: readonly (readonly [Backend | undefined, Backend, Backend])[] = [
    [undefined, "cpu", "cpu"],
    [undefined, "auto", "auto"],
    ["auto", "cpu", "auto"],
    ["simd", "auto", "simd"],
  ];
  for (const [told, wish, taken] of cases) {
    await using cluster = await startCluster({}, { backend: wish });
    let asked: Backend | undefined;
    const session = runSession({
      url: `ws://${cluster.address}`,
      token: TOKEN,
      name: "",
      hostName: "elsewhere",
      ...(told === undefined ? {} : { backend: told }),
      prepare({ backend }) {
        asked = backend;
        throw new HerdError("data", "no further");
      },
      log() {},
    });
    await assertRejects(() => session, HerdError, "no further");
    assertEquals(asked, taken, `told ${told}, wished ${wish}`);
  }
});
