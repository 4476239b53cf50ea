import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "node:path";
import { readToken } from "../../../../shared/cli/token_file.ts";
import { HerdError } from "../../../../shared/errors.ts";
import { temporaryDirectory } from "../../../fixtures/data_files.ts";
import { granted } from "../../../fixtures/permissions.ts";

const ignore = !await granted("read", "write");
const TOKEN = "0123456789abcdefABCDEF0123456789";

Deno.test(
  "readToken() reads 128 bits or more, and says how to make them where there are fewer",
  { ignore },
  async () => {
    using folder = temporaryDirectory();
    const write = (name: string, text: string) => {
      const path = join(folder.path, name);
      Deno.writeTextFileSync(path, text, { mode: 0o600 });
      return path;
    };
    assertEquals(await readToken(write("good", `${TOKEN}\n`)), TOKEN);
    assertEquals(await readToken(write("long", "f".repeat(64))), "f".repeat(64));
    const weak = [
      TOKEN.slice(1),
      "",
      "a-token-that-nobody-may-guess-in-years",
      `${TOKEN}\n${TOKEN}`,
      "f".repeat(2_000),
    ];
    for (const text of weak) {
      const error = await assertRejects(() => readToken(write("weak", text)), HerdError, "openssl rand -hex 32 > ");
      assertEquals(error.code, "usage");
      assert(error.message.includes("umask 077") && (text === "" || !error.message.includes(text)), error.message);
    }
    const { code } = await assertRejects(() => readToken(join(folder.path, "none")), HerdError, "Cannot read");
    assertEquals(code, "usage");
  },
);

Deno.test(
  "readToken() refuses a file that others can read",
  { ignore: ignore || Deno.build.os === "windows" },
  async () => {
    using folder = temporaryDirectory();
    const path = join(folder.path, "token");
    Deno.writeTextFileSync(path, TOKEN);
    for (const mode of [0o644, 0o640, 0o604, 0o620, 0o601]) {
      Deno.chmodSync(path, mode);
      const error = await assertRejects(() => readToken(path), HerdError, `chmod 600 ${path}`);
      assertEquals(error.code, "usage");
      assert(error.message.includes(`mode 0${mode.toString(8)}`), error.message);
    }
    for (const mode of [0o600, 0o400]) {
      Deno.chmodSync(path, mode);
      assertEquals(await readToken(path), TOKEN);
    }
  },
);
