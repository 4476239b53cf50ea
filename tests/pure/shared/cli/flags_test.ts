import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { HerdError } from "../../../../shared/errors.ts";
import { describeFlags } from "../../../../shared/cli/help.ts";
import { choice, choices, nearest, number, numbers, parseFlags, text, toggle } from "../../../../shared/cli/flags.ts";

const flags = {
  workers: number({ help: "processes", min: 0, max: 64 }, undefined),
  "learning-rate": number({ help: "step size", min: 1e-12, whole: false }, 1e-4),
  model: choice(["keras-example", "tiny"], "network", "keras-example"),
  arms: choices(["no-gc", "gc"], "what to compare", ["no-gc", "gc"]),
  out: text("DIR", "folder", undefined),
  quiet: toggle("less"),
  rates: numbers({ help: "step sizes", min: 1e-12 }, [1e-4]),
};

Deno.test("parseFlags() gives defaults and typed values", () => {
  const { values, rest } = parseFlags(flags, [
    "--workers",
    "4",
    "--learning-rate=1e-3",
    "--quiet",
    "--arms",
    "gc",
    "here",
  ]);
  assertEquals(values, {
    workers: 4,
    learningRate: 1e-3,
    model: "keras-example",
    arms: ["gc"],
    out: undefined,
    quiet: true,
    rates: [1e-4],
  });
  assertEquals(rest, ["here"]);
});

const BAD: readonly [string[], string][] = [
  [["--wrokers", "4"], "Unknown flag --wrokers: did you mean --workers?"],
  [["--nonsense-entirely"], "see --help"],
  [["--workers", "four"], '--workers must be a whole number from 0 to 64: got "four"'],
  [["--workers", "1.5"], 'got "1.5"'],
  [["--workers", "65"], 'got "65"'],
  [["--workers="], "--workers needs a value"],
  [["--out", "--quiet"], "--out needs a value"],
  [["--learning-rate", "0"], "--learning-rate must be a number of at least"],
  [["--model", "tyni"], 'cannot be "tyni": did you mean tiny?'],
  [["--arms", "gc,gc"], "names one twice"],
  [["--rates", "1e-4,x"], '--rates must be numbers of at least 1e-12, separated by commas: got "1e-4,x"'],
  [["--rates", "1e-4,"], 'separated by commas: got "1e-4,"'],
  [["--rates", "1e-4,0"], 'got "1e-4,0"'],
  [["--rates", "-1"], 'got "-1"'],
  [["--rates", "1e-4,NaN"], 'got "1e-4,NaN"'],
  [["--rates", "Infinity"], 'got "Infinity"'],
  [["--rates", "1e-4,0.0001"], '--rates names one twice: got "1e-4,0.0001"'],
];

for (const [args, sentence] of BAD) {
  Deno.test(`parseFlags() refuses ${args.join(" ")}`, () => {
    const error = assertThrows(() => parseFlags(flags, args), HerdError, sentence);
    assertEquals(error.code, "usage");
  });
}

Deno.test("numbers() takes one or more, with or without spaces, and shows its default", () => {
  const of = (text: string) => parseFlags(flags, ["--rates", text]).values.rates;
  assertEquals([of("3e-5"), of("3e-5, 1e-4 ,0.3")], [[3e-5], [3e-5, 1e-4, 0.3]]);
  assertStringIncludes(describeFlags(flags), "step sizes [0.0001]");
});

Deno.test("describeFlags() shows every flag with its default", () => {
  const help = describeFlags(flags);
  for (const name of Object.keys(flags)) assertStringIncludes(help, `--${name}`);
  assertStringIncludes(help, "step size [0.0001]");
  assertStringIncludes(help, "of no-gc, gc [no-gc,gc]");
});

Deno.test("nearest() finds slips and leaves strangers alone", () => {
  assertEquals(nearest("tran", ["train", "worker"]), "train");
  assertEquals(nearest("elephant", ["train", "worker"]), undefined);
});
