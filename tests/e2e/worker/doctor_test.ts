// `deno task doctor` as a process, on a machine with something wrong.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { temporaryDirectory } from "../../fixtures/data_files.ts";
import { granted } from "../../fixtures/permissions.ts";
import { tryLoopback } from "../../../worker/doctor/loopback.ts";

const MAIN = new URL("../../../main.ts", import.meta.url);

Deno.test({
  name: "doctor --json tells what is wrong and mends it, tells no secret, writes nothing, and ends with 3",
  ignore: !await granted("read", "write", "run", "net"),
  async fn() {
    using folder = temporaryDirectory();
    const file = join(folder.path, "file");
    Deno.writeTextFileSync(file, "");
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "-q", "--no-prompt", MAIN.href, "doctor", "--json"],
      cwd: folder.path,
      env: {
        HERD_CACHE_DIR: join(file, "cache"),
        HERD_DATA_DIR: join(folder.path, "nothing"),
        HERD_DATA_URL: "https://user:s3cret@mirror.test/",
        // No adapter: to compile kernels for a software one takes long.
        DENO_WEBGPU_BACKEND: "none",
      },
    }).output();
    const [out, err] = [new TextDecoder().decode(stdout), new TextDecoder().decode(stderr)];
    assertEquals(code, 3, err);
    assertStringIncludes(err, "cannot run here, for 2 problems");
    assert(!out.includes("s3cret"));
    const { engines, auto, findings, environment, loopback } = JSON.parse(out);
    assertEquals(engines.map(({ name }: { name: string }) => name), ["webgpu", "simd", "tfjs-webgpu", "tfjs-cpu"]);
    assertEquals([auto, environment.HERD_DATA_URL, loopback], ["simd", true, null]);
    const problems = findings.filter(({ kind }: { kind: string }) => kind === "problem");
    assertEquals(problems.map(({ mend }: { mend: string }) => mend.split("=")[0]), [
      "unset HERD_DATA_DIR",
      "export HERD_CACHE_DIR",
    ]);
    assertEquals([...Deno.readDirSync(folder.path)].map(({ name }) => name), ["file"]);
  },
});

Deno.test({
  name: "doctor: an address that this machine does not have is no loopback",
  ignore: !await granted("net"),
  async fn() {
    assertEquals(await tryLoopback(), null);
    assert(await tryLoopback("192.0.2.1") !== null);
  },
});
