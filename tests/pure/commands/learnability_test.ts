import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { learnability } from "../../../coordinator/mod.ts";
import { EXIT_CODES, HerdError } from "../../../shared/errors.ts";
import { granted } from "../../fixtures/permissions.ts";

/** The trial does not come so far. */
const unused = () => {
  throw new Error("This is not to be called");
};

Deno.test({
  name: "learnability(): without a place for temporary files it ends with exit 3 and says what to set",
  ignore: !await granted("read", "write", "env"), // sets TMPDIR
  async fn() {
    const before = Deno.env.get("TMPDIR");
    const file = await Deno.makeTempFile({ prefix: "herd-test-" });
    try {
      for (const place of [file, `${file}/below`, `${file}-missing`]) {
        Deno.env.set("TMPDIR", place);
        const parts = { chooseEngine: unused, localWorkers: unused, workerEntry: new URL(import.meta.url) };
        const trial = {
          data: "procedural",
          environment: { cacheDir: file },
          version: "test",
          onData: () => {},
          onStep: unused,
          skipUnreadable: false,
        };
        const error = await assertRejects(
          () => learnability({ ...parts, ...trial }, new AbortController().signal),
          HerdError,
        );
        assertEquals(EXIT_CODES[error.code], 3);
        assertStringIncludes(error.message, "set TMPDIR to a directory that can be written");
      }
    } finally {
      if (before === undefined) Deno.env.delete("TMPDIR");
      else Deno.env.set("TMPDIR", before);
      await Deno.remove(file);
    }
  },
});
