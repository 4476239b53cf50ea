import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { refuseContradictions } from "../../../coordinator/commands/contradictions.ts";
import { experimentOf, identityOf } from "../../../coordinator/commands/identity.ts";
import type { RunData } from "../../../coordinator/commands/run_data.ts";
import { DEFAULT_SETTINGS, type Settings, trainFlags } from "../../../coordinator/commands/settings.ts";
import { allKeys, runName } from "../../../coordinator/events/mod.ts";
import { camelCase, type Flag, parseFlags } from "../../../shared/cli/flags.ts";
import { HerdError } from "../../../shared/errors.ts";
import { DATASET } from "../../fixtures/events.ts";

const DATA: RunData = {
  path: "",
  info: DATASET.info,
  ids: { train: Uint32Array.of(0, 1, 2, 4), test: new Uint32Array() },
  labels: { train: Uint8Array.of(0, 1, 1, 0, 1), test: new Uint8Array() },
};

/** A value that is not the default. */
function otherValue(name: string, { value, fallback, parse }: Flag<unknown>): unknown {
  const names = (value ?? "").split("|").filter((name) => !name.startsWith("FILE"));
  const words = value === null ? ["true"] : ["200", "20", "0.25", "gc", ...names.reverse(), "elsewhere"];
  for (const word of words) {
    try {
      const parsed = parse(word, name);
      if (String(parsed) !== String(fallback)) return parsed;
    } catch {
      // It is of another kind.
    }
  }
  throw new Error(`No value for --${name}`);
}

async function identityWith(changes: Readonly<Record<string, unknown>>): Promise<unknown> {
  const { identity: { runId: _, ...identity } } = await identityOf({ ...DEFAULT_SETTINGS, ...changes }, DATA);
  return identity;
}

Deno.test("what a run is known by follows from the flags that are declared to change bits, each of them, and no others", async () => {
  const changing: string[] = [];
  // Images and first weights are known by their hashes, wherever they are; a run that is gone on with is known by its
  // folder's config.
  const others = ["data", "validation-split", "skip-unreadable", "init-weights", "resume"];
  // What a flag is of no use without.
  const besides: Readonly<Record<string, Partial<Settings>>> = { nesterov: { optimizer: "sgd", momentum: 0.5 } };
  const flags = Object.entries<Flag<unknown>>(trainFlags).filter(([name]) => !others.includes(name));
  for (const [name, flag] of flags) {
    const needed = besides[name] ?? {};
    const before = JSON.stringify(await identityWith(needed));
    const after = JSON.stringify(await identityWith({ ...needed, [camelCase(name)]: otherValue(name, flag) }));
    if (after !== before) changing.push(name);
  }
  assertEquals(changing, flags.filter(([, { kept }]) => kept === "bits").map(([name]) => name));
  const other = { ...DATA, info: { ...DATA.info, sha256: "d".repeat(64) } };
  assertEquals(JSON.stringify(await identityOf(DEFAULT_SETTINGS, other)).includes("d".repeat(64)), true);
});

/** The settings of a command line. */
function settingsOf(...args: string[]): Settings {
  return parseFlags(trainFlags, args).values;
}

Deno.test("the default rate comes first, however the rates are named: that of the Keras example, else the first", async () => {
  const rates = async (text: string) => {
    const { identity: { numeric, plan } } = await identityOf(settingsOf("--learning-rate", text), DATA);
    assertEquals(numeric.learningRate, plan.learningRates[0]);
    return plan.learningRates;
  };
  assertEquals(await rates("3e-5, 1e-4,3e-4"), [1e-4, 3e-5, 3e-4]);
  assertEquals(await rates("3e-4,1e-4"), [1e-4, 3e-4]);
  assertEquals(await rates("3e-4,3e-5"), [3e-4, 3e-5]);
  assertEquals(await rates("1e-3"), [1e-3]);
});

Deno.test("an experiment has the seeds from --seed on, and a run of several plans names each of its trainings once", async () => {
  const settings = settingsOf(
    "--seed",
    "7",
    "--seeds",
    "3",
    "--learning-rate",
    "3e-5,1e-4",
    "--control",
    "--model",
    "tiny",
    "--image-size",
    "22",
  );
  const experiment = experimentOf(await identityOf(settings, DATA), settings, DATA);
  assertEquals(experiment.seeds, [7, 8, 9]);
  assertEquals(allKeys(experiment).slice(0, 6).map(runName), [
    "no-gc-7",
    "gc-7",
    "no-gc-7-0.00003",
    "gc-7-0.00003",
    "no-gc-7-again",
    "no-gc-7-lose",
  ]);
  assertEquals(new Set(allKeys(experiment).map(runName)).size, 18);
  const first = (seed: number) => String(experiment.initialWeights(seed).slice(0, 9));
  assertEquals([first(7) === first(7), first(7) === first(8)], [true, false]);
});

const CONTRADICTIONS: readonly [args: string, sentence: string][] = [
  ["--optimizer adam --momentum 0.9", "--momentum 0.9 is of rmsprop and sgd, and adam has its own"],
  ["--nesterov", "--nesterov looks ahead along the momentum of sgd: give --optimizer sgd and a --momentum above 0"],
  ["--nesterov --momentum 0.9", "--nesterov looks ahead along the momentum of sgd"],
  ["--nesterov --optimizer sgd", "--nesterov looks ahead along the momentum of sgd"],
  ["--nesterov --optimizer adam", "--nesterov looks ahead along the momentum of sgd"],
  ["--arms no-gc --gc-scope conv", "--gc-scope and --gc-scale are of arms that centralize"],
  ["--arms no-gc --gc-scale 0.5", "--gc-scope and --gc-scale are of arms that centralize"],
  ["--seed 4294967295 --seeds 2", "--seed 4294967295 --seeds 2 goes beyond 4294967295"],
  ...["--seeds 2", "--learning-rate 1e-4,3e-4", "--arms gc", "--arms no-gc,gc,gc-update", "--control"].map((more) =>
    [
      `--protocol as-published ${more}`,
      "--protocol as-published has two arms, one seed, one rate and no controls",
    ] as const
  ).map(([args, sentence]): [string, string] => [args, sentence]),
];

Deno.test("settings that contradict each other are refused as usage, in one sentence with a way out", () => {
  for (const [args, sentence] of CONTRADICTIONS) {
    const error = assertThrows(() => refuseContradictions(settingsOf(...args.split(" "))), HerdError);
    assertEquals([error.code, error.message.includes("\n")], ["usage", false], args);
    assertStringIncludes(error.message, sentence);
    assert(/: (give|leave) /.test(error.message), error.message);
  }
});

Deno.test("settings at the edge of what contradicts itself are taken", () => {
  for (
    const args of [
      "--optimizer adam",
      "--optimizer sgd --momentum 0.9 --nesterov",
      "--seed 4294967294 --seeds 2",
      "--arms gc-update --gc-scope conv --gc-scale 0.5",
      "--protocol as-published",
      "--protocol as-published --learning-rate 1e-3 --arms gc,gc-update --seed 3",
    ]
  ) refuseContradictions(settingsOf(...args.split(" ")));
});
