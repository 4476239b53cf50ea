import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { modelCommand } from "../../../coordinator/commands/model.ts";
import { consoleOf } from "../../../shared/cli/console.ts";
import { EXIT_CODES, HerdError } from "../../../shared/errors.ts";
import { engineMemory } from "../../../worker/memory.ts";

/** What `deno task model` prints. */
async function shown(...args: string[]): Promise<string[]> {
  const lines: string[] = [];
  const { print, ...rest } = consoleOf({
    out: (line) => lines.push(line),
    error: (line) => lines.push(line),
    outLater: (bytes) => Promise.resolve(bytes.length),
    live: undefined,
    colour: false,
  });
  const command = modelCommand({ chooseEngine: () => Promise.resolve({ name: "simd" }), engineMemory });
  await command.run(args, { print, ...rest, version: "0", environment: {} });
  return lines;
}

Deno.test("the table of keras-example is the one that Keras prints, with what it costs", async () => {
  const lines = await shown();
  assertEquals(lines.slice(0, 4), [
    "Model   keras-example",
    "  Layer     Output shape            Param #        FLOPs",
    "  ──────────────────────────────────────────────────────",
    "  conv1     (None, 298, 298, 16)        448   76.7 MFLOP",
  ]);
  assertEquals(lines.slice(-5, -1), [
    "  dense2    (None, 1)                   513    1.0 kFLOP",
    "  ──────────────────────────────────────────────────────",
    "  Total params: 1,704,097",
    "  Operations an image: 559.7 MFLOP forward, 1.6 GFLOP in a training step",
  ]);
  assertStringIncludes(lines.at(-1)!, "Memory of a worker of simd: ");
});

Deno.test("the last layer follows from the classes: one unit for two, else one each", async () => {
  for (const [classes, units] of [["2", 1], ["3", 3], ["12", 12]] as const) {
    const lines = await shown("tiny", "--image-size", "22", "--classes", classes);
    assertStringIncludes(lines.find((line) => line.includes("dense2"))!, `(None, ${units}) `);
  }
});

Deno.test("what no run could begin with is refused in a sentence, as usage", async () => {
  const cases: readonly [args: string, sentence: string][] = [
    ["tiny --image-size 21", "--image-size 21 is too small for tiny: use 22 or more"],
    ["tinny", '--model cannot be "tinny": did you mean tiny?'],
    ["resnet", '--model cannot be "resnet": use keras-example, tiny, FILE.json'],
    ["--image-size 4000", "--model keras-example has 495,845,537 parameters of 1892 MiB, and the most is 512"],
    ["--image-size 2000 --micro-batch 64", "Micro-batches of 64 at 2000 px need 14.5 GB of memory"],
    ["tiny tiny", 'Unexpected argument "tiny"'],
    ["--to a.json", "--to is for what --from-keras reads: give both"],
    ["--weights a", "--weights is for what --from-keras reads: give both"],
    ["tiny --from-keras model.json", "--from-keras and the model tiny: give one of them"],
    ["--from-keras model.json", "--to must be the name of a .json file: got none"],
  ];
  for (const [args, sentence] of cases) {
    const { code, message } = await assertRejects(() => shown(...args.split(" ")), HerdError);
    assertEquals([EXIT_CODES[code], message.includes("\n")], [2, false], message);
    assertStringIncludes(message, sentence);
  }
});
