// What a worker's session makes of a coordinator's welcome.
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { Backend } from "../../../shared/engine_names.ts";
import { HerdError } from "../../../shared/errors.ts";
import { hasOpenssl, makeDatedCertificate } from "../../fixtures/certificates.ts";
import { temporaryDirectory } from "../../fixtures/data_files.ts";
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

Deno.test(
  "a worker calls a coordinator's certificate expired or not valid yet, with the date, and does not try again",
  {
    ignore: ignore || !await granted("run", "read", "write") || !await hasOpenssl(),
  },
  async () => {
    using folder = temporaryDirectory();
    const cases = [
      {
        name: "old",
        from: "20200101000000Z",
        to: "20210101000000Z",
        sentence: "has expired on Jan  1 00:00:00 2021 GMT",
      },
      {
        name: "new",
        from: "21000101000000Z",
        to: "21010101000000Z",
        sentence: "is not valid before Jan  1 00:00:00 2100",
      },
    ];
    for (const { sentence, ...dates } of cases) {
      const files = await makeDatedCertificate(folder.path, ["IP:127.0.0.1"], dates);
      const [cert, key] = [await Deno.readTextFile(files.cert), await Deno.readTextFile(files.key)];
      await using cluster = await startCluster({}, { tls: { cert, key } });
      const session = runSession({
        url: cluster.url,
        token: TOKEN,
        authority: cert,
        name: "",
        hostName: "elsewhere",
        prepare: () => Promise.reject(new Error("it must not come to this")),
        log() {},
      });
      const { code, message } = await assertRejects(() => session, HerdError);
      assertEquals(code, "cluster");
      assertStringIncludes(message, `its certificate ${sentence}`);
    }
  },
);
