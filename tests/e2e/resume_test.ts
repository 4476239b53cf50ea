// Runs that are broken off, by Ctrl-C and by SIGKILL, and go on in another process.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { eventsOf, Workspace } from "../fixtures/herd.ts";
import { granted } from "../fixtures/permissions.ts";

const ignore = !await granted("run", "read", "write", "net", "env"); // real processes

/** A run of so many epochs of two steps an arm. */
const of = (epochs: number) => ["--backend", "simd", "--workers", "2", "--momentum", "0.5", "--epochs", `${epochs}`];
/** Enough of them that a signal comes before the end. */
const MANY = 40;

/** Starts a run and ends it by a signal when an event has come. @returns its exit code and what it said on stderr */
async function breakOff(
  workspace: Workspace,
  args: readonly string[],
  { signal, when, meanwhile }: {
    signal: Deno.Signal;
    when: Readonly<Record<string, unknown>>;
    meanwhile?: () => Promise<void>;
  },
): Promise<{ code: number; stderr: string }> {
  const child = workspace.spawn([...args, "--json"]);
  for await (const event of eventsOf(child)) {
    if (!Object.entries(when).every(([name, value]) => event[name] === value)) continue;
    await meanwhile?.();
    child.kill(signal);
    break;
  }
  const stderr = await new Response(child.stderr).text();
  return { code: (await child.status).code, stderr };
}

async function metricsOf(workspace: Workspace, out: string): Promise<unknown[]> {
  const text = await Deno.readTextFile(join(workspace.path, out, "metrics.jsonl"));
  return text.trimEnd().split("\n").map((line) => {
    const { arm, epoch, loss, accuracy, testLoss, testAccuracy } = JSON.parse(line);
    return { arm, epoch, loss, accuracy, testLoss, testAccuracy };
  });
}

async function assertSame(workspace: Workspace, out: string, reference: string): Promise<void> {
  const [here, there] = [await workspace.report(out), await workspace.report(reference)];
  assert(here.complete && here.bitIdentical);
  const hashes = ({ arms }: typeof here) => arms.map(({ arm, weightsSha256 }) => [arm, weightsSha256]);
  assertEquals(hashes(here), hashes(there));
  assertEquals(await metricsOf(workspace, out), await metricsOf(workspace, reference));
}

Deno.test({
  name: "resume: Ctrl-C and SIGKILL, then other workers: the weights and metrics of the uninterrupted run",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const at = (out: string) => join(workspace.path, out);
    assertEquals((await workspace.run(workspace.train("whole", ...of(MANY)))).code, 0);

    const args = workspace.train("broken", ...of(MANY), "--checkpoint-steps", "1");
    const when = (arm: string) => ({ event: "step", arm, epoch: 5 });
    const interrupted = await breakOff(workspace, args, { signal: "SIGINT", when: when("no-gc") });
    assertEquals(interrupted.code, 130, interrupted.stderr);
    const wayOn = `Interrupted at arm no-gc, epoch \\d, step \\d of 2: go on with: deno task train --resume ${
      at("broken")
    }`;
    assert(new RegExp(wayOn).test(interrupted.stderr), interrupted.stderr);
    assertEquals((await workspace.report("broken")).complete, false);

    const resume = ["train", "--resume", at("broken")];
    const killed = await breakOff(workspace, [...resume, "--workers", "1"], { signal: "SIGKILL", when: when("gc") });
    assertEquals(killed.code, 137, killed.stderr);
    const { code, stdout, stderr } = await workspace.run([...resume, "--workers", "3"]);
    assertEquals(code, 0, stderr);
    assertStringIncludes(stdout, "Resumed at arm gc, epoch ");
    await assertSame(workspace, "broken", "whole");
    const kept = (await Array.fromAsync(Deno.readDir(join(at("broken"), "models")))).map(({ name }) => name).sort();
    assertEquals(kept, ["gc-0", "no-gc-0"]);
  },
});

Deno.test({
  name: "resume: a finished run says so; a larger --epochs goes on; what cannot change is refused by name",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const at = join(workspace.path, "short");
    assertEquals((await workspace.run(workspace.train("short", ...of(1)))).code, 0);
    const before = await Deno.readTextFile(join(at, "report.json"));

    const finished = await workspace.run(["train", "--resume", at]);
    assertEquals(finished.code, 0, finished.stderr);
    assertStringIncludes(finished.stdout, `The run in ${at} is finished: see ${at}/report.html`);
    assertEquals(await Deno.readTextFile(join(at, "report.json")), before);

    const refusals: [string[], string][] = [
      [["--seed", "7"], `--seed 7 cannot change what ${at} began with: there it is 0`],
      [["--arms", "gc"], "--arms gc cannot change"],
      [["--checkpoint-steps", "0"], "--checkpoint-steps must be a whole number of at least 1"],
    ];
    for (const [flags, sentence] of refusals) {
      const { code, stderr } = await workspace.run(["train", "--resume", at, ...flags]);
      assertEquals(code, 2, stderr);
      assertStringIncludes(stderr, sentence);
    }

    const longer = await workspace.run(["train", "--resume", at, "--epochs", "2", "--workers", "1"]);
    assertEquals(longer.code, 0, longer.stderr);
    const shorter = await workspace.run(["train", "--resume", at, "--epochs", "1"]);
    assertEquals(shorter.code, 2, shorter.stderr);
    assertEquals((await workspace.run(workspace.train("long", ...of(2)))).code, 0);
    const [here, there] = [await workspace.report("short"), await workspace.report("long")];
    const hashes = ({ arms }: typeof here) => arms.map(({ weightsSha256, epochs }) => [weightsSha256, epochs.length]);
    assertEquals(hashes(here), hashes(there));
  },
});

Deno.test({
  name: "resume: killed before its first checkpoint a run starts again; while a process is at work others keep out",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const resume = (out: string) => ["train", "--resume", join(workspace.path, out)];
    // Its workers have not even started then.
    await breakOff(workspace, workspace.train("early", ...of(2)), { signal: "SIGKILL", when: { event: "started" } });
    const { code, stdout, stderr } = await workspace.run(resume("early"));
    assertEquals(code, 0, stderr);
    assertStringIncludes(stdout, "There is no checkpoint yet");
    assert((await workspace.report("early")).complete);

    await breakOff(workspace, workspace.train("busy", ...of(5000)), {
      signal: "SIGKILL",
      when: { event: "epoch" },
      async meanwhile() {
        const { code, stderr } = await workspace.run(resume("busy"));
        assertEquals(code, 2, stderr);
        assertStringIncludes(stderr, "Another process is at work in");
      },
    });
  },
});
