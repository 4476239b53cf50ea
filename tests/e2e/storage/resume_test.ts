// Runs that are broken off, by Ctrl-C and by SIGKILL, and go on in another process.
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import type { RealRunOptions } from "../../fixtures/real_run.ts";
import type { TimedEvent } from "../../../coordinator/events/mod.ts";
import { HerdError } from "../../../shared/errors.ts";
import { eventsOf, freeAddress, type Outcome, outcomeOf, Workspace } from "../../fixtures/herd.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("run", "read", "write", "net", "env"); // real processes
const { realRun } = ignore
  ? {} as typeof import("../../fixtures/real_run.ts")
  : await import("../../fixtures/real_run.ts");

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
    when(event: TimedEvent): boolean;
    meanwhile?: () => Promise<void>;
  },
): Promise<{ code: number; stderr: string }> {
  const child = workspace.spawn([...args, "--json"]);
  for await (const event of eventsOf(child)) {
    if (!when(event)) continue;
    await meanwhile?.();
    child.kill(signal);
    break;
  }
  const stderr = await new Response(child.stderr).text();
  return { code: (await child.status).code, stderr };
}

/** Goes on with a run, whose images are always to be named again. */
function resume(workspace: Workspace, out: string, ...more: string[]): string[] {
  return ["train", "--resume", join(workspace.path, out), "--data", join(workspace.path, "images"), ...more];
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
    const when = (arm: string) => (event: TimedEvent) =>
      event.type === "step" && event.key.arm === arm && event.epoch === 5;
    const interrupted = await breakOff(workspace, args, { signal: "SIGINT", when: when("no-gc") });
    assertEquals(interrupted.code, 130, interrupted.stderr);
    const wayOn = `Interrupted at arm (no-)?gc, epoch \\d+, step \\d of 2: go on with: deno task train --resume ${
      at("broken")
    } --data ${at("images")}\n`;
    assert(new RegExp(wayOn).test(interrupted.stderr), interrupted.stderr);
    assertEquals((await workspace.report("broken")).complete, false);

    const again = resume(workspace, "broken", "--workers", "1");
    const killed = await breakOff(workspace, again, { signal: "SIGKILL", when: when("gc") });
    assertEquals(killed.code, 137, killed.stderr);
    const { code, stdout, stderr } = await workspace.run(resume(workspace, "broken", "--workers", "3"));
    assertEquals(code, 0, stderr);
    assert(/Resumed at arm (no-)?gc, epoch /.test(stdout), stdout);
    await assertSame(workspace, "broken", "whole");
    const kept = (await Array.fromAsync(Deno.readDir(join(at("broken"), "models")))).map(({ name }) => name).sort();
    assertEquals(kept, ["gc-0", "gc-0-best", "no-gc-0", "no-gc-0-best"]);
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
      [["--compress", "fp16"], `--compress fp16 cannot change what ${at} began with: there it is none`],
      [["--checkpoint-steps", "0"], "--checkpoint-steps must be a whole number of at least 1"],
    ];
    for (const [flags, sentence] of refusals) {
      const { code, stderr } = await workspace.run(["train", "--resume", at, ...flags]);
      assertEquals(code, 2, stderr);
      assertStringIncludes(stderr, sentence);
    }

    const missing = await workspace.run(["train", "--resume", `${at}-not`]);
    assertEquals(missing.code, 3, missing.stderr);
    assertStringIncludes(missing.stderr, `--resume ${at}-not holds no run that can be read`);

    const longer = await workspace.run(resume(workspace, "short", "--epochs", "2", "--workers", "1"));
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
    // Its workers have not even started then.
    await breakOff(workspace, workspace.train("early", ...of(2)), {
      signal: "SIGKILL",
      when: ({ type }) => type === "run",
    });
    const { code, stdout, stderr } = await workspace.run(resume(workspace, "early"));
    assertEquals(code, 0, stderr);
    assertStringIncludes(stdout, "There is no checkpoint yet");
    assert((await workspace.report("early")).complete);

    await breakOff(workspace, workspace.train("busy", ...of(5000)), {
      signal: "SIGKILL",
      when: ({ type }) => type === "epoch",
      async meanwhile() {
        const { code, stderr } = await workspace.run(resume(workspace, "busy"));
        assertEquals(code, 2, stderr);
        assertStringIncludes(stderr, "Another process is at work in");
      },
    });
  },
});

Deno.test({
  name: "resume: a worker on another machine outlasts its killed coordinator and joins the resumed run",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const tokenFile = join(workspace.path, "token");
    await Deno.writeTextFile(tokenFile, "0123456789abcdef0123456789abcdef\n", { mode: 0o600 });
    const address = freeAddress();
    const alone = [...of(MANY), "--workers", "0", "--min-workers", "1", "--listen", address, "--token-file", tokenFile];
    const child = workspace.spawn([...workspace.train("remote", ...alone), "--json"]);
    let worker: Promise<Outcome> | undefined;
    for await (const event of eventsOf(child)) {
      if (event.type === "run") {
        worker = outcomeOf(workspace.spawn(["worker", "--connect", `ws://${address}`, "--token-file", tokenFile]));
      }
      if (event.type !== "epoch" || event.record.epoch !== 3) continue; // the checkpoints of the first ones are safe
      child.kill("SIGKILL");
      break;
    }
    assertEquals((await child.status).code, 137, await new Response(child.stderr).text());
    const told = ["--listen", address, "--token-file", tokenFile];
    const { code, stdout, stderr } = await workspace.run(resume(workspace, "remote", ...told));
    assertEquals(code, 0, stderr);
    assertStringIncludes(stdout, "Resumed at arm");
    const { code: workerCode, stdout: log } = await worker!;
    assertEquals(workerCode, 0, log);
    assertStringIncludes(log, "connecting again");
    assertEquals((await workspace.run(workspace.train("whole", ...of(MANY)))).code, 0);
    await assertSame(workspace, "remote", "whole");
  },
});

Deno.test({
  name: "resume: somebody else's folder starts no program, opens no path and lets nobody in; what it wants is told",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const at = (name: string) => join(workspace.path, name);
    const killed = { signal: "SIGKILL", when: ({ type }: TimedEvent) => type === "run" } as const;
    await breakOff(workspace, workspace.train("theirs", ...of(1)), killed);
    // Their ssh, and a hosts file in which they name it, a path that no-one is to open, and every door open.
    await Deno.mkdir(at("bin"));
    await Deno.writeTextFile(at("bin/ssh"), `#!/bin/sh\ntouch ${at("started")}\n`, { mode: 0o755 });
    await Deno.writeTextFile(at("hosts"), "evil.example\n");
    await new Deno.Command("mkfifo", { args: [at("pipe")] }).output(); // whoever opens it waits for ever
    const config = JSON.parse(await Deno.readTextFile(at("theirs/config.json")));
    const evil = { launcher: `ssh:${at("hosts")}`, data: at("pipe"), tokenFile: at("pipe"), tlsCert: at("pipe") };
    const open = { listen: "0.0.0.0:0\u001b[2J", tlsKey: at("pipe"), insecure: true };
    Object.assign(config.told, evil, open);
    await Deno.writeTextFile(at("theirs/config.json"), JSON.stringify(config));

    const place = { env: { PATH: `${at("bin")}:${Deno.env.get("PATH")}` } };
    const { code, stdout, stderr } = await outcomeOf(workspace.spawn(resume(workspace, "theirs"), place));
    assertEquals(code, 0, stderr);
    assertStringIncludes(
      stdout,
      `The run in ${at("theirs")} was begun with --launcher ssh:${at("hosts")} --listen '0.0.`,
    );
    assertStringIncludes(stdout, `--token-file ${at("pipe")}`);
    assert(!stdout.includes("\x1b") && !stdout.includes(`--data ${at("pipe")}`), "what is given need not be told");
    const { address } = JSON.parse(await Deno.readTextFile(at("theirs/config.json")));
    assert(address.startsWith("127.0.0.1:"), address);
    await assertRejects(() => Deno.stat(at("started")), Deno.errors.NotFound);
    assertEquals((await workspace.report("theirs")).complete, true);

    // A log that leads elsewhere.
    await Deno.writeTextFile(at("precious"), "precious");
    await Deno.symlink(at("precious"), at("theirs/logs/w3.log"));
    const led = await workspace.run(resume(workspace, "theirs", "--epochs", "2", "--workers", "3"));
    assertEquals([led.code, await Deno.readTextFile(at("precious"))], [3, "precious"], led.stderr);
    assertStringIncludes(led.stderr, `${at("theirs/logs/w3.log")} is neither a file nor a folder`);
    await Deno.remove(at("theirs/logs/w3.log"));
    // A report that nobody ever ends to write.
    await Deno.rename(at("pipe"), at("theirs/report.json"));
    const shown = await workspace.run(["report", at("theirs")]);
    assertEquals(shown.code, 3, shown.stdout);
    assertStringIncludes(shown.stderr, `${at("theirs/report.json")} is neither a file nor a folder`);
  },
});

Deno.test({
  name: "resume: a run whose last worker is gone ends with exit 4 and the way to go on, which works",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const tokenFile = join(workspace.path, "token");
    await Deno.writeTextFile(tokenFile, "0123456789abcdef0123456789abcdef\n", { mode: 0o600 });
    const address = freeAddress();
    const alone = ["--workers", "0", "--min-workers", "1", "--listen", address, "--token-file", tokenFile];
    const child = workspace.spawn(
      workspace.train("alone", ...of(MANY), ...alone, "--worker-timeout", "1", "--json"),
    );
    let worker: Deno.ChildProcess | undefined;
    for await (const event of eventsOf(child)) {
      if (event.type === "run") {
        worker = workspace.spawn(["worker", "--connect", `ws://${address}`, "--token-file", tokenFile]);
      }
      if (event.type === "epoch" && event.record.epoch === 3 && event.key.arm === "no-gc") worker!.kill("SIGKILL");
    }
    await outcomeOf(worker!);
    const stderr = await new Response(child.stderr).text();
    assertEquals((await child.status).code, 4, stderr);
    const wayOn =
      /No worker came within 1 s .*; the run ended at arm (?:no-)?gc, epoch \d+, step \d of 2: go on with: (.*)\n/;
    const [, command] = wayOn.exec(stderr) ?? [];
    assert(command?.startsWith("deno task train --resume "), stderr);
    const resumed = await workspace.run([...command!.split(" ").slice(2), "--workers", "1"]);
    assertEquals(resumed.code, 0, resumed.stderr);
    assertEquals((await workspace.run(workspace.train("whole", ...of(MANY)))).code, 0);
    await assertSame(workspace, "alone", "whole");
  },
});

Deno.test({
  name: "resume: another version of Herd or another engine is told, and turns bit-identity off",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const notices: string[] = [];
    const hear = { notice: (text: string) => void notices.push(text) };
    const first = await realRun(workspace, "mixed", { epochs: 1, workers: 1, minWorkers: 1 });
    assert(first.bitIdentical);
    const resume = join(workspace.path, "mixed");
    const second = await realRun(workspace, "mixed", { resume, epochs: 2, workers: 1, minWorkers: 1, hear });
    assert(second.bitIdentical);
    assertEquals(notices, []);
    const next = { resume, epochs: 3, workers: 1, minWorkers: 1, hear, backend: "tfjs-cpu", version: "0.0.0" } as const;
    const { bitIdentical, arms, workers } = await realRun(workspace, "mixed", next);
    assertEquals([bitIdentical, arms[0]!.epochs.length], [false, 3]);
    // All that took part; the same worker in another process is one.
    assertEquals(workers.map(({ engine }) => engine), ["simd", "tfjs-cpu"]);
    assertEquals(notices.length, 2, notices.join("\n"));
    assertStringIncludes(notices[0]!, "The checkpoint is of Herd version test, this is 0.0.0: bit-identity with");
    assertStringIncludes(notices[1]!, "The fingerprint of w1 is not that of the checkpoint");
    // It stays off.
    assertEquals((await realRun(workspace, "mixed", { ...next, epochs: 4 })).bitIdentical, false);
  },
});

Deno.test({
  name: "resume: another data set, an edited config.json and damaged checkpoints are refused with what differs",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const resume = join(workspace.path, "edited");
    const settings = { workers: 1, minWorkers: 1 };
    await realRun(workspace, "edited", { ...settings, epochs: 2 });
    const refuse = async (changes: RealRunOptions) => {
      const attempt = () => realRun(workspace, "edited", { ...settings, resume, epochs: 3, ...changes });
      const error = await assertRejects(attempt, HerdError);
      assertEquals(error.code, "data");
      return error.message;
    };
    assertStringIncludes(await refuse({ learningRate: [0.5] }), "learningRate is 0.001 there and 0.5 here");
    for await (const { name } of Deno.readDir(join(resume, "checkpoint"))) {
      const path = join(resume, "checkpoint", name);
      await Deno.truncate(path, (await Deno.stat(path)).size - 1);
    }
    assertStringIncludes(await refuse({}), "gc-0.000002.safetensors cannot be used: it is damaged");
    const dark = join(workspace.path, "images", "train", "dark");
    await Deno.copyFile(join(dark, "1.png"), join(dark, "0.png"));
    assertStringIncludes(await refuse({}), "is another data set than before");
    await Deno.writeTextFile(join(resume, "config.json"), "{");
    assertStringIncludes(await refuse({}), "config.json is not the config of a run");
    await Deno.rename(join(resume, "checkpoint"), join(resume, "checkpoint-2"));
    await Deno.mkdir(join(resume, "checkpoint"));
    await Deno.writeTextFile(join(resume, "checkpoint", "000012.safetensors"), "");
    assertStringIncludes(await refuse({}), "000012.safetensors is a checkpoint of the format herd-checkpoint-1");
  },
});
