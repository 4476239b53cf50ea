import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import type { Report } from "../../../coordinator/mod.ts";
import { decodeSafetensors } from "../../../shared/safetensors.ts";
import { eventsOf, isAlive, outcomeOf, textOf, Workspace } from "../../fixtures/herd.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("run", "read", "write", "net", "env"); // real processes

Deno.test({
  name: "train: 1, 2, 3 and 5 workers give the same weights, and the folder holds what it should",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const reports: Report[] = [];
    for (const workers of [1, 2, 3, 5]) {
      const args = workspace.train(`w${workers}`, "--backend", "tfjs-cpu", "--workers", `${workers}`);
      const { code, stdout, stderr } = await workspace.run(args);
      assertEquals(code, 0, stderr);
      assertStringIncludes(stdout, "Not using Gradient Centralization");
      reports.push(await workspace.report(`w${workers}`));
    }
    const [alone, ...others] = reports;
    assert(alone!.complete && alone!.bitIdentical);
    assertEquals(alone!.arms.map(({ arm }) => arm), ["no-gc", "gc"]);
    assertEquals(new Set(alone!.arms.map(({ initialWeightsSha256 }) => initialWeightsSha256)).size, 1);
    assertEquals(new Set(alone!.arms.map(({ weightsSha256 }) => weightsSha256)).size, 2);
    const bits = ({ arms }: Report) =>
      arms.map(({ weightsSha256, epochs }) => [weightsSha256, ...epochs.map(({ loss, testLoss }) => [loss, testLoss])]);
    for (const [i, other] of others.entries()) {
      assertEquals(bits(other), bits(alone!));
      assertEquals(other.workers.length, [2, 3, 5][i]!);
    }
    await assertFolder(join(workspace.path, "w3"));
  },
});

async function assertFolder(folder: string): Promise<void> {
  const lines = (await Deno.readTextFile(join(folder, "metrics.jsonl"))).trimEnd().split("\n").map((line) =>
    JSON.parse(line)
  );
  assertEquals(lines.map(({ arm, epoch }) => [arm, epoch]), [["no-gc", 1], ["gc", 1]]);
  assertStringIncludes(await Deno.readTextFile(join(folder, "report.html")), "<svg");
  const config = JSON.parse(await Deno.readTextFile(join(folder, "config.json")));
  assertEquals(config.numeric.compute.batchSize, 16);
  assert(!JSON.stringify(config).includes('token":"'), "the token must not be written down");
  for (const worker of ["w1", "w2", "w3"]) {
    assertStringIncludes(await Deno.readTextFile(join(folder, "logs", `${worker}.log`)), "ready with tfjs-cpu");
  }
  const model = join(folder, "models", "gc-0");
  const { tensors } = decodeSafetensors(await Deno.readFile(join(model, "weights.safetensors")));
  assertEquals(tensors["conv1.kernel"]!.shape, [3, 3, 3, 4]);
  await tf.setBackend("cpu");
  const layers = await tf.loadLayersModel(tf.io.fromMemory(await artifacts(model)));
  assertEquals(layers.countParams(), Object.values(tensors).reduce((sum, { data }) => sum + data.length, 0));
  const kernel = layers.getLayer("dense2").getWeights()[0]!;
  assertEquals(new Float32Array(await kernel.data()), tensors["dense2.kernel"]!.data as Float32Array);
  layers.dispose();
}

async function artifacts(folder: string): Promise<tf.io.ModelArtifacts> {
  const { modelTopology, weightsManifest: [group] } = JSON.parse(await Deno.readTextFile(join(folder, "model.json")));
  const weightData = (await Deno.readFile(join(folder, "weights.bin"))).buffer;
  return { modelTopology, weightSpecs: group.weights, weightData };
}

Deno.test({
  name: "train: when no worker comes back in time, it ends with exit 4, a sentence and a partial report",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const tokenFile = join(workspace.path, "token");
    await Deno.writeTextFile(tokenFile, "0123456789abcdef0123456789abcdef\n", { mode: 0o600 });
    const remote = ["--backend", "tfjs-cpu", "--workers", "0", "--token-file", tokenFile, "--worker-timeout", "1"];
    const child = workspace.spawn(workspace.train("lost", ...remote, "--epochs", "500", "--json"));
    let worker: Deno.ChildProcess | undefined;
    const notices: string[] = [];
    for await (const event of eventsOf(child)) {
      if (event.type === "notice") notices.push(event.text);
      const address = /ws:\/\/\S+/.exec(notices.at(-1) ?? "")?.[0];
      if (address !== undefined) {
        worker ??= workspace.spawn(["worker", "--connect", address, "--token-file", tokenFile]);
      }
      if (event.type === "epoch") Deno.kill(worker!.pid, "SIGKILL");
      if (event.type === "epoch") break;
    }
    await outcomeOf(worker!);
    const stderr = await new Response(child.stderr).text();
    assertEquals((await child.status).code, 4, stderr);
    assertStringIncludes(stderr, "No worker came within 1 s (--worker-timeout)");
    assertEquals((await workspace.report("lost")).complete, false);
  },
});

Deno.test({
  name: "train: Ctrl-C ends with exit 130, a partial report and no orphan",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const child = workspace.spawn(
      workspace.train("broken", "--backend", "tfjs-cpu", "--workers", "2", "--epochs", "500", "--json"),
    );
    const pids: number[] = [];
    for await (const event of eventsOf(child)) {
      if (event.type === "worker" && event.what === "ready") pids.push(event.worker.pid);
      if (event.type === "epoch") {
        // As a terminal does: to everybody in the process group.
        for (const pid of [...pids, child.pid]) Deno.kill(pid, "SIGINT");
        break;
      }
    }
    const stderr = await new Response(child.stderr).text();
    assertEquals((await child.status).code, 130, stderr);
    for (const pid of pids) assertEquals(await isAlive(pid), false);
    const report = await workspace.report("broken");
    assertEquals(report.complete, false);
    assert(report.arms[0]!.epochs.length >= 1);
  },
});

Deno.test({
  name: "train: SIGTERM twice, as from a scheduler and a shell, ends in order: exit 130 and a checkpoint",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const args = workspace.train("term", "--backend", "tfjs-cpu", "--workers", "1", "--epochs", "500", "--json");
    const child = workspace.spawn(args);
    for await (const event of eventsOf(child)) {
      if (event.type !== "epoch") continue;
      child.kill("SIGTERM");
      await new Promise((resolve) => setTimeout(resolve, 20)); // at once they would count as one
      child.kill("SIGTERM");
      break;
    }
    const stderr = await new Response(child.stderr).text();
    assertEquals((await child.status).code, 130, stderr);
    assertStringIncludes(stderr, "go on with: deno task train --resume");
    assertEquals((await workspace.report("term")).complete, false);
  },
});

Deno.test({
  name: "train: Ctrl-C before the workers are ready ends with exit 130 too",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const child = workspace.spawn(workspace.train("early", "--backend", "tfjs-cpu", "--workers", "2", "--json"));
    for await (const event of eventsOf(child)) {
      if (event.type !== "run") continue;
      child.kill("SIGINT");
      break;
    }
    const stderr = await new Response(child.stderr).text();
    assertEquals((await child.status).code, 130, stderr);
    assertEquals((await workspace.report("early")).complete, false);
  },
});

Deno.test({
  name: "worker: one from outside fetches the data and gives the same weights; a wrong token is refused",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const tokenFile = join(workspace.path, "token");
    const wrongFile = join(workspace.path, "wrong");
    await Deno.writeTextFile(tokenFile, "0123456789abcdef0123456789abcdef\n", { mode: 0o600 });
    await Deno.writeTextFile(wrongFile, "fedcba9876543210fedcba9876543210\n", { mode: 0o600 });
    const remote = [
      "--backend",
      "tfjs-cpu",
      "--workers",
      "0",
      "--min-workers",
      "1",
      "--token-file",
      tokenFile,
      "--json",
    ];
    const child = workspace.spawn(workspace.train("remote", ...remote));
    let worker: Promise<{ code: number; stdout: string; stderr: string }> | undefined;
    for await (const event of eventsOf(child)) {
      const address = /ws:\/\/\S+/.exec(textOf(event))?.[0];
      if (event.type === "notice" && address !== undefined) {
        const refused = await workspace.run(["worker", "--connect", address, "--token-file", wrongFile]);
        assertEquals(refused.code, 4);
        assertStringIncludes(refused.stderr, "token is wrong");
        worker = outcomeOf(workspace.spawn(["worker", "--connect", address, "--token-file", tokenFile]));
      }
    }
    assertEquals((await child.status).code, 0, await new Response(child.stderr).text());
    const { code, stdout } = await worker!;
    assertEquals(code, 0, stdout);
    assertStringIncludes(stdout, "fetching 1 of 1 chunks");
    const local = await workspace.run(workspace.train("local", "--backend", "tfjs-cpu", "--workers", "1"));
    assertEquals(local.code, 0);
    const [here, there] = [await workspace.report("local"), await workspace.report("remote")];
    assertEquals(here.arms[1]!.weightsSha256, there.arms[1]!.weightsSha256);
    assertEquals(
      [here.verification.share, there.verification.share],
      [0, 0.01],
      "whoever comes from outside is looked at",
    );
  },
});

Deno.test({
  name: "train: bad input gets a sentence and its exit code",
  ignore,
  async fn() {
    await using workspace = await Workspace.create();
    const tokenFile = join(workspace.path, "token");
    await Deno.writeTextFile(tokenFile, "0123456789abcdef0123456789abcdef\n", { mode: 0o600 });
    const nobody = ["--workers", "0", "--token-file", tokenFile, "--join-timeout", "1"];
    const joinless = workspace.train("joinless", ...nobody);
    const cases: [string[], number, string][] = [
      [["train", "--epochs", "0"], 2, '--epochs must be a whole number of at least 1: got "0"'],
      [["train", "--bakcend", "tfjs-cpu"], 2, "did you mean --backend?"],
      [["train", "--image-size", "50"], 2, "use 94 or more"],
      [["train", "--data", join(workspace.path, "nothing")], 3, "nothing"],
      [["train", "--verify", "2"], 2, "--verify must be"],
      [
        ["train", "--verify", "0.5", "--compress", "fp16", "--compress-gradients"],
        2,
        "--verify 0.5 cannot work with --compress-gradients",
      ],
      [["train", "--compress-gradients"], 2, "--compress-gradients is given without --compress: give --compress fp16"],
      [["train", "--json", "--quiet"], 2, "--quiet is for text, and --json prints none: give one of them"],
      [["train", "--launcher", "slurm", "--workers", "2"], 2, "--workers 2 counts local workers"],
      [joinless, 4, "Only 0 of 1 workers were ready after 1 s (--join-timeout)"],
      [["train", "--compress", "fp32"], 2, "did you mean fp16?"],
      [["trian"], 2, "did you mean train?"],
      [["worker", "--workers", "2"], 2, "--workers 2 is for a relay: give --relay too"],
    ];
    for (const [args, expected, sentence] of cases) {
      const { code, stderr } = await workspace.run(args);
      assertEquals(code, expected, stderr);
      assertStringIncludes(stderr, sentence);
      assertEquals(stderr.includes("    at "), false, "no stack trace");
    }
  },
});
