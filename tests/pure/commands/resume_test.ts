// What --resume takes from a run's folder, what may be another now, and what is refused.
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { identityOf } from "../../../coordinator/commands/identity.ts";
import { finishedReport, refuseOther, resumedSettings } from "../../../coordinator/commands/resume.ts";
import type { RunData } from "../../../coordinator/commands/run_data.ts";
import { type Settings, trainFlags } from "../../../coordinator/commands/settings.ts";
import { afterEvent, EventBus, NOTHING_YET, type RunEvent, type RunFacts } from "../../../coordinator/events/mod.ts";
import { reportOf } from "../../../coordinator/report/mod.ts";
import { modelFiles } from "../../../coordinator/storage/model_files.ts";
import { parseFlags } from "../../../shared/cli/flags.ts";
import { storedFlags } from "../../../shared/cli/stored_flags.ts";
import { EXIT_CODES, HerdError } from "../../../shared/errors.ts";
import { builtInModel, parameterCount } from "../../../shared/model.ts";
import { DATASET, epochEvent, epochRecord, FACTS } from "../../fixtures/events.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("read", "write"); // writes folders
const DATA: RunData = {
  path: "",
  info: DATASET.info,
  ids: { train: new Uint32Array(), test: new Uint32Array() },
  labels: { train: new Uint8Array(), test: new Uint8Array() },
};
const SMALL = ["--model", "tiny", "--image-size", "22"];

/** The folder of a run that was begun with these flags. */
async function withRun(args: readonly string[], test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "herd-test-" });
  try {
    const { values } = parseFlags(trainFlags, [...SMALL, ...args]);
    const { identity: { runId, numeric } } = await identityOf(values, DATA);
    const { seeds, epochs } = values;
    const config = { runId, told: storedFlags(trainFlags, values), numeric, declared: { seeds, epochs } };
    await Deno.writeTextFile(join(folder, "config.json"), JSON.stringify(config));
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function given(...args: string[]) {
  return parseFlags(trainFlags, args);
}

async function usage(folder: string, ...args: string[]): Promise<string> {
  const { code, message } = await assertRejects(() => resumedSettings(folder, given(...args)), HerdError);
  assertEquals(EXIT_CODES[code], 2, message);
  assert(!message.includes("\n"));
  return message;
}

Deno.test("--resume takes rates, arms, seeds and the optimizer as they were", { ignore }, async () => {
  const plan = ["--learning-rate", "3e-4,1e-4", "--arms", "gc,no-gc", "--seeds", "3", "--seed", "7", "--control"];
  const chain = ["--optimizer", "sgd", "--momentum", "0.9", "--nesterov", "--gc-scope", "conv", "--gc-scale", "0.5"];
  await withRun([...plan, ...chain, "--primary", "testLoss", "--diagnostics"], async (folder) => {
    const { settings, notTaken } = await resumedSettings(folder, given());
    const { learningRate, arms, seeds, seed, control, optimizer, momentum, nesterov, gcScope, gcScale } = settings;
    assertEquals([learningRate, arms, seeds, seed, control], [[3e-4, 1e-4], ["gc", "no-gc"], 3, 7, true]);
    assertEquals([optimizer, momentum, nesterov, gcScope, gcScale], ["sgd", 0.9, true, "conv", 0.5]);
    assertEquals([settings.primary, settings.diagnostics, notTaken], ["testLoss", true, ""]);
    const { settings: same } = await resumedSettings(
      folder,
      given("--learning-rate", "3e-4,1e-4", "--primary", "testLoss"),
    );
    assertEquals(same, settings);
    assertStringIncludes(
      await usage(folder, "--learning-rate", "1e-4"),
      `--learning-rate 0.0001 cannot change what ${folder} began with: there it is 0.0003,0.0001`,
    );
    for (
      const [name, value] of [["arms", "gc"], ["optimizer", "adam"], ["gc-scale", "1"], ["primary", "loss"]] as const
    ) {
      assertStringIncludes(await usage(folder, `--${name}`, value), `--${name} ${value} cannot change`);
    }
  });
});

Deno.test(
  "--resume of a run whose engine has another name by now takes auto and says so, or what is given",
  { ignore },
  async () => {
    await withRun([], async (folder) => {
      const path = join(folder, "config.json");
      const { told, ...config } = JSON.parse(await Deno.readTextFile(path));
      await Deno.writeTextFile(path, JSON.stringify({ ...config, told: { ...told, backend: "cpu" } }));
      const { settings: { backend }, notTaken } = await resumedSettings(folder, given());
      assertEquals(backend, "auto");
      const sentence =
        `The run in ${folder} was begun with --backend cpu, which is no engine of this version: it takes auto`;
      assertEquals(notTaken, sentence);
      const named = await resumedSettings(folder, given("--backend", "tfjs-cpu"));
      assertEquals([named.settings.backend, named.notTaken], ["tfjs-cpu", ""]);
    });
  },
);

Deno.test("--resume takes more seeds and epochs, and refuses fewer as usage", { ignore }, async () => {
  await withRun(["--seeds", "3", "--epochs", "5"], async (folder) => {
    const { settings: { seeds, epochs } } = await resumedSettings(folder, given("--seeds", "4", "--epochs", "6"));
    assertEquals([seeds, epochs], [4, 6]);
    assertEquals(
      await usage(folder, "--seeds", "2"),
      `--seeds 2 is less than the 3 of ${folder}: give as many or more`,
    );
    assertEquals(
      await usage(folder, "--epochs", "4"),
      `--epochs 4 is less than the 5 of ${folder}: give as many or more`,
    );
  });
});

Deno.test(
  "--resume refuses more epochs of a run in which an arm has gone on from another's end",
  { ignore },
  async () => {
    await withRun(["--protocol", "as-published", "--epochs", "5"], async (folder) => {
      assertEquals((await resumedSettings(folder, given("--epochs", "5"))).settings.epochs, 5);
      const message = await usage(folder, "--epochs", "6");
      assertStringIncludes(message, `--epochs cannot prolong the as-published run of ${folder}`);
      assertStringIncludes(message, "begin another run");
    });
  },
);

Deno.test("the weights that a run began with must be named again, and be the same", { ignore }, async () => {
  const folder = await Deno.makeTempDir({ prefix: "herd-test-" });
  const model = builtInModel("tiny", 22);
  const write = async (name: string, value: number) => {
    const weights = new Float32Array(parameterCount(model)).fill(value);
    await Deno.writeFile(join(folder, name), modelFiles(model, weights, {})["weights.safetensors"]);
    return join(folder, name);
  };
  try {
    const [first, same, other] = [await write("first", 1), await write("same", 1), await write("other", 2)];
    await withRun(["--init-weights", first], async (run) => {
      const { settings, notTaken } = await resumedSettings(run, given());
      assertEquals(settings.initWeights, undefined);
      assertStringIncludes(notTaken, `was begun with --init-weights ${first}: give again what it still needs`);
      const attempt = async (...args: string[]) => {
        const { settings } = await resumedSettings(run, given("--resume", run, ...args));
        await refuseOther((await identityOf(settings, DATA)).identity, settings);
      };
      await attempt("--init-weights", same);
      for (const args of [[], ["--init-weights", other]]) {
        const { code, message } = await assertRejects(() => attempt(...args), HerdError);
        assertEquals(code, "data");
        assertStringIncludes(message, `The trainings of ${run} began with weights of SHA-256 `);
        assertStringIncludes(message, "give the same --init-weights again");
      }
    });
    await withRun([], async (run) => {
      const { settings } = await resumedSettings(run, given("--resume", run, "--init-weights", first));
      const attempt = async () => await refuseOther((await identityOf(settings, DATA)).identity, settings);
      const { message } = await assertRejects(attempt, HerdError);
      assertStringIncludes(message, `The trainings of ${run} began with weights of their own, now they would with`);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a network from a file is the run's own: it goes on without the file, with it elsewhere, and with no other", {
  ignore,
}, async () => {
  const folder = await Deno.makeTempDir({ prefix: "herd-test-" });
  const write = async (name: string, filters: number) => {
    const path = join(folder, name);
    await Deno.writeTextFile(path, JSON.stringify({ blocks: [{ filters, dropout: 0 }], dense: [{ units: 3 }] }));
    return path;
  };
  try {
    const first = await write("first.json", 5);
    await withRun(["--model", first], async (run) => {
      await Deno.remove(first);
      const attempt = async (...args: string[]) => {
        const { settings } = await resumedSettings(run, given("--resume", run, ...args));
        const { identity } = await identityOf(settings, DATA);
        await refuseOther(identity, settings);
        return [settings.model, JSON.stringify(identity.numeric.compute.model.layers[0])];
      };
      const kept = [first, '{"kind":"conv","filters":5}'];
      assertEquals(await attempt(), kept);
      assertEquals(await attempt("--model", await write("moved.json", 5)), kept);
      const other = await write("other.json", 6);
      const sentence = `--model ${other} does not describe the network that ${run} began with: leave it out`;
      assertStringIncludes(await usage(run, "--model", other), sentence);
      assertStringIncludes(await usage(run, "--model", "tiny"), `--model tiny cannot change what ${run} began with`);
      assertStringIncludes(await usage(run, "--image-size", "30"), "--image-size 30 cannot change");
      // A folder may name any path: none is opened.
      const path = join(run, "config.json");
      const config = JSON.parse(await Deno.readTextFile(path));
      await Deno.writeTextFile(path, JSON.stringify({ ...config, told: { ...config.told, model: other } }));
      assertEquals(await attempt(), [other, kept[1]!]);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** The report of a run of these facts, all of whose trainings are over; if so said, gc with seed 1 by its second epoch. */
function reportText(
  facts: Partial<RunFacts>,
  { diverged = false, complete = true }: { readonly diverged?: boolean; readonly complete?: boolean } = {},
): string {
  const run = { ...FACTS, ...facts };
  const epochs = run.seeds.flatMap((seed) =>
    run.arms.flatMap((arm) =>
      Array.from(
        { length: diverged && arm === "gc" && seed === 1 ? 2 : run.epochs },
        (_, i) => epochEvent({ arm, seed }, epochRecord(i + 1)),
      )
    )
  );
  const position = { key: { arm: "gc", seed: 1 }, epoch: 3, step: 1, steps: 8 } as const;
  const lost: RunEvent[] = diverged ? [{ type: "diverged", position, text: "It is lost" }] : [];
  const events: RunEvent[] = [{ type: "dataset", ...DATASET }, { type: "run", ...run }, ...epochs, ...lost];
  return JSON.stringify(reportOf(events.reduce(afterEvent, NOTHING_YET), complete));
}

Deno.test(
  "a run that has done all that it was to do is finished; with more seeds or epochs it is not",
  { ignore },
  async () => {
    await withRun(["--seeds", "2", "--epochs", "4"], async (folder) => {
      const isFinished = async (text: string, ...args: string[]) => {
        await Deno.writeTextFile(join(folder, "report.json"), text);
        const { settings } = await resumedSettings(folder, given("--resume", folder, ...args));
        const heard: string[] = [];
        const bus = new EventBus();
        using _ = bus.subscribe("The test", (event) => void (event.type === "notice" && heard.push(event.text)));
        const report = await finishedReport(settings as Settings, bus);
        if (report !== undefined) {
          assertStringIncludes(heard[0]!, `The run in ${folder} is finished: see ${folder}/report.html`);
          assertStringIncludes(heard[0]!, "a larger --epochs or --seeds goes on with it");
        }
        return report !== undefined;
      };
      const whole = reportText({ seeds: [0, 1] });
      assertEquals(await isFinished(whole), true);
      assertEquals(await isFinished(whole, "--seeds", "3"), false);
      assertEquals(await isFinished(whole, "--epochs", "5"), false);
      assertEquals(await isFinished(reportText({ seeds: [0] })), false);
      assertEquals(await isFinished(reportText({ seeds: [0, 1] }, { complete: false })), false);
      // One that has diverged has nothing left to do, however many epochs are wanted.
      const diverged = reportText({ seeds: [0, 1] }, { diverged: true });
      assertEquals([await isFinished(diverged), await isFinished(diverged, "--epochs", "5")], [true, false]);
    });
  },
);
