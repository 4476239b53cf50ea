// worker/webgpu/waiting.ts does not wait for promises on versions of Deno that have passed this trial, in a process of its own.
import { assert, assertEquals } from "@std/assert";
import { callWaits } from "../../../worker/webgpu/waiting.ts";
import { HAS_WEBGPU } from "../../fixtures/engines.ts";
import { granted } from "../../fixtures/permissions.ts";

const TRIAL = new URL("../../fixtures/waiting_trial.ts", import.meta.url);
const ignore = !HAS_WEBGPU || !await granted("run", "read");

/** Runs the trial: whether it came to its end, and what it printed. */
async function trial(...args: string[]): Promise<{ success: boolean; output: string }> {
  const command = new Deno.Command(Deno.execPath(), { args: ["run", "-q", "-A", "--no-check", TRIAL.href, ...args] });
  const { success, stdout, stderr } = await command.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { success, output: success ? text(stdout) : text(stderr) };
}

Deno.test({
  name:
    `the calls of Deno ${Deno.version.deno} wait for the device exactly if it is known for it (skips without adapter)`,
  ignore,
  async fn() {
    const { success, output } = await trial();
    const result = success ? JSON.parse(output) as { right: number; of: number; waited: boolean } : undefined;
    const passes = result !== undefined && result.right === result.of && result.waited;
    assertEquals(callWaits(), passes, `CALL_WAITS in worker/webgpu/waiting.ts is wrong: ${output}`);
  },
});

Deno.test({
  name:
    "a buffer's first mapping must be waited for: without that it ends the process (skips without adapter, or on other versions of Deno)",
  ignore: ignore || !callWaits(),
  async fn() {
    const { success, output } = await trial("first");
    assert(!success, "the first mapping need not be waited for any more");
    assert(output.includes("panicked"), output);
  },
});
