// The process that launchers start, when it is told something else than an order.
import { assertEquals, assertStringIncludes } from "@std/assert";
import { granted } from "../../fixtures/permissions.ts";

const ENTRY = new URL("../../../worker/main.ts", import.meta.url);
const ignore = !await granted("run", "read"); // starts a process

/** Starts a worker with these on its stdin. */
async function told(text: string): Promise<{ code: number; stdout: string; stderr: string }> {
  const args = ["run", "--ignore-env", "--no-prompt", "-q", ENTRY.href];
  const child = new Deno.Command(Deno.execPath(), { args, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  // Without a whole line it would wait for the rest.
  if (!text.includes("\n")) await writer.close();
  const { code, stdout, stderr } = await child.output();
  if (text.includes("\n")) await writer.close().catch(() => {});
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

Deno.test("a worker's process refuses a malformed order in one sentence, as a usage error", { ignore }, async () => {
  const { code, stdout, stderr } = await told("hello\n");
  assertEquals([code, stdout], [2, ""]);
  assertEquals(stderr.trim().split("\n").length, 1, stderr);
  assertStringIncludes(
    stderr,
    "error: A worker's process is told by one line of JSON on stdin where to connect: got 5",
  );
});

Deno.test("a worker's process whose parent is gone before it was told anything just ends", { ignore }, async () => {
  assertEquals(await told('{"name":'), { code: 0, stdout: "", stderr: "" });
});
