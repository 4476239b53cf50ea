import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { CheckpointStore } from "../../../coordinator/storage/checkpoint_store.ts";
import { newestRun, readReportText, writeReportPage } from "../../../coordinator/storage/finished_runs.ts";
import { diskFiles } from "../../../coordinator/storage/checkpoint_store.ts";
import { refuseLinks } from "../../../coordinator/storage/plain_folder.ts";
import { readRunConfig } from "../../../coordinator/storage/run_config.ts";
import { RunDirectory } from "../../../coordinator/storage/run_folder.ts";
import { type ErrorCode, HerdError } from "../../../shared/errors.ts";
import { builtInModel, parameterCount } from "../../../shared/model.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("read", "write"); // writes files

/** A folder for a test, and in it a file where a folder is wanted: nobody can write there, not even root. */
async function withFolder(test: (folder: string, blocked: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "herd-test-" });
  try {
    await Deno.writeTextFile(join(folder, "file"), "");
    await test(folder, join(folder, "file", "run"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function refuse(action: () => Promise<unknown>, code: ErrorCode, ...parts: string[]): Promise<void> {
  const error = await assertRejects(action, HerdError);
  assertEquals(error.code, code, error.message);
  for (const part of parts) assertStringIncludes(error.message, part);
  assertEquals(error.message.includes("\n"), false);
}

Deno.test("a run's folder that cannot be made, opened or locked is refused in a sentence", { ignore }, async () => {
  await withFolder(async (folder, blocked) => {
    await refuse(() => RunDirectory.create(blocked), "data", `Cannot make the run's folder ${blocked}`, "--out");
    const missing = join(folder, "missing");
    for (const path of [blocked, missing]) {
      await refuse(() => RunDirectory.reopen(path), "data", `Cannot write into the run's folder ${path}`, "writable");
    }
    // A folder that is there, but not to be written: its lock is a folder.
    const locked = join(folder, "locked");
    await Deno.mkdir(join(locked, "lock"), { recursive: true });
    await refuse(() => RunDirectory.create(locked), "data", `Cannot write into the run's folder ${locked}`);
    await refuse(() => RunDirectory.reopen(locked), "data", `Cannot write into the run's folder ${locked}`);
  });
});

Deno.test("checkpoints whose folder cannot be made or listed are refused in a sentence", { ignore }, async () => {
  await withFolder(async (folder, blocked) => {
    for (const path of [join(folder, "file"), join(blocked, "checkpoint")]) {
      const store = new CheckpointStore(path, () => {});
      const load = () => store.load([{ arm: "gc", seed: 0 }], () => 0, String);
      await refuse(load, "data", `Cannot read the checkpoints in ${path}`, "a folder that can be read and written");
    }
  });
});

Deno.test("a run's folder serves one process at a time, and holds one run", { ignore }, async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "run");
    const again = () => RunDirectory.reopen(path).then((run) => run[Symbol.dispose]());
    {
      using run = await RunDirectory.create(path);
      await refuse(again, "usage", `Another process is at work in ${path}`);
      await run.writeConfig({});
    }
    await again();
    await refuse(() => RunDirectory.create(path), "usage", `--out ${path} holds a run already`);
  });
});

/** Everything below a folder, and its mode. */
async function* modesBelow(folder: string): AsyncGenerator<readonly [path: string, mode: string]> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    yield [path, ((await Deno.lstat(path)).mode! & 0o7777).toString(8)];
    if (isDirectory) yield* modesBelow(path);
  }
}

Deno.test("a run's folder is its user's alone, under any umask; one that is there keeps its mode", {
  ignore: ignore || !await granted("sys"),
}, async () => {
  await withFolder(async (folder) => {
    const umask = Deno.umask(0);
    try {
      const there = join(folder, "there");
      await Deno.mkdir(there, { mode: 0o755 });
      for (const path of [join(folder, "new", "deep", "run"), there]) {
        using run = await RunDirectory.create(path);
        await run.writeConfig({});
        await run.appendMetrics({});
        await run.writeReport({}, { "epochs.csv": "" });
        await run.writePage("");
        const spec = builtInModel("tiny", 22);
        await run.writeModel("gc-0", spec, new Float32Array(parameterCount(spec)));
        await diskFiles.list(run.checkpoints);
        await diskFiles.write(join(run.checkpoints, "x"), new Uint8Array(1));
      }
      const seen = Object.fromEntries(await Array.fromAsync(modesBelow(folder)));
      assertEquals([seen[there], seen[join(folder, "file")]], ["755", "644"]);
      let count = 0;
      for (const [path, mode] of Object.entries(seen)) {
        if (path === there || path === join(folder, "file")) continue;
        assertEquals(mode, (await Deno.stat(path)).isDirectory ? "700" : "600", path);
        count++;
      }
      assert(count > 20, `${count}`);
    } finally {
      Deno.umask(umask);
    }
  });
});

Deno.test("a folder that fills up or disappears while a run writes is named", { ignore }, async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "run");
    using run = await RunDirectory.create(path);
    await Deno.mkdir(join(path, "report.json"));
    await Deno.mkdir(join(path, "metrics.jsonl"));
    const sentence = `Cannot write into the run's folder ${path}`;
    await refuse(() => run.writeReport({}, { "epochs.csv": "" }), "data", sentence);
    await Deno.mkdir(join(path, "report.html"));
    await refuse(() => run.writePage(""), "data", sentence);
    await refuse(() => run.appendMetrics({}), "data", sentence);
    await refuse(() => run.writeMetrics([]), "data", sentence);
  });
});

Deno.test(
  "refuseLinks() names what would lead a run elsewhere, wherever it is, and leaves others alone",
  { ignore },
  async () => {
    await withFolder(async (folder, blocked) => {
      for (const missing of [join(folder, "missing"), blocked]) await refuseLinks(missing);
      const run = join(folder, "run");
      await Deno.mkdir(join(run, "logs"), { recursive: true });
      await Deno.writeTextFile(join(run, "logs", "w1.log"), "");
      await refuseLinks(run);
      for (const place of ["config.json", join("logs", "w2.log"), "models"]) {
        await Deno.symlink(folder, join(run, place));
        await refuse(() => refuseLinks(run), "data", `${join(run, place)} is neither a file nor a folder`);
        await Deno.remove(join(run, place));
      }
    });
  },
);

Deno.test(
  "readRunConfig() refuses a folder without a run, a damaged config, and a run of an older Herd",
  { ignore },
  async () => {
    await withFolder(async (folder, blocked) => {
      for (const path of [join(folder, "missing"), blocked, folder]) {
        await refuse(() => readRunConfig(path), "data", `--resume ${path} holds no run that can be read`);
      }
      await Deno.writeTextFile(join(folder, "config.json"), '{"runId": "0011223344556677", "told": {}, "numeric": {}}');
      await refuse(() => readRunConfig(folder), "data", "config.json is not the config of a run");
      await Deno.writeTextFile(join(folder, "config.json"), '{"numeric": {"rho": 0.9}}');
      await refuse(() => readRunConfig(folder), "data", "config.json is of a version of Herd that compared one pair");
      await Deno.writeTextFile(join(folder, "config.json"), '{"told": {}}');
      await Deno.mkdir(join(folder, "checkpoint"));
      await Deno.writeTextFile(join(folder, "checkpoint", "000012.safetensors"), "");
      const old = join(folder, "checkpoint", "000012.safetensors");
      await refuse(() => readRunConfig(folder), "data", `${old} is a checkpoint of the format herd-checkpoint-1`);
    });
  },
);

Deno.test("newestRun() goes by the time of writing, not by name, and takes only runs", { ignore }, async () => {
  await withFolder(async (folder) => {
    const runs = join(folder, "runs");
    await refuse(() => newestRun(runs), "usage", `There is no run in ${runs}`);
    const write = async (name: string, file: string, seconds: number) => {
      await Deno.mkdir(join(runs, name), { recursive: true });
      await Deno.writeTextFile(join(runs, name, file), "{}");
      await Deno.utime(join(runs, name, file), seconds, seconds);
    };
    await write("zzz-not-a-run", "notes.txt", 9000);
    await refuse(() => newestRun(runs), "usage", "There is no run");
    await write("slurm-99", "config.json", 1000);
    await write("slurm-100", "config.json", 2000);
    await write("2026-01-01T00-00-00", "config.json", 1500);
    assertEquals(await newestRun(runs), join(runs, "slurm-100"));
    // One that was resumed and ended later.
    await write("2026-01-01T00-00-00", "report.json", 3000);
    assertEquals(await newestRun(runs), join(runs, "2026-01-01T00-00-00"));
    await write("slurm-99", "config.json", 4000);
    assertEquals(await newestRun(runs), join(runs, "slurm-99"));
    await refuse(() => newestRun(join(folder, "file")), "data", "Cannot read");
  });
});

Deno.test("a report is read and its page written, or refused in a sentence", { ignore }, async () => {
  await withFolder(async (folder, blocked) => {
    await refuse(() => readReportText(folder), "data", `Cannot read ${join(folder, "report.json")}`, "folder of a run");
    await Deno.writeTextFile(join(folder, "report.json"), "{}");
    assertEquals(await readReportText(folder), "{}");
    const path = await writeReportPage(folder, "<html>");
    assertEquals([path, await Deno.readTextFile(path)], [join(folder, "report.html"), "<html>"]);
    await refuse(() => writeReportPage(blocked, ""), "data", `Cannot write ${join(blocked, "report.html")}`);
  });
});
