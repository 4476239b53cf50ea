// `deno task predict`: what a saved model says of image files, as many as there are.
import { join } from "node:path";
import { dataEnvironment, decodeFiles, imageFile, imageFilesIn, ImageSlots } from "../../data/mod.ts";
import { type Command, command, commonFlags, type Surroundings } from "../../shared/cli/command.ts";
import { about, toggle, type Values } from "../../shared/cli/flags.ts";
import { interruptible } from "../../shared/cli/interruptible.ts";
import { linesOf } from "../../shared/cli/lines.ts";
import { HerdError } from "../../shared/errors.ts";
import { answersTo, jsonOf, readSavedModel, textOf } from "../inference/mod.ts";
import { withLocalWorkers } from "./computing.ts";
import { computingFlags, modelFlags } from "./model_flags.ts";
import type { TrainParts } from "./run_options.ts";
import { withTemporaryFolder } from "./temporary_folder.ts";

const flags = {
  ...modelFlags,
  ...about("tells", { json: toggle("a JSON object a line: file, class, probabilities") }),
  ...computingFlags,
  ...commonFlags,
};

/** Names of files on stdin. */
const STDIN = "-";
/** What the images that are held at once may take on the disk, and how many they are at most. */
const MOST_BYTES = 256e6;
const MOST_IMAGES = 256;

/** The command that says what images show. */
export function predictCommand(parts: TrainParts): Command {
  return command({
    summary: "Say of which class images are",
    usage: "IMAGE…|DIR…|- [flags]",
    examples: [
      ["predict photo.jpg photos", "what the best model of the newest run says of a file and a folder"],
      ["predict - --json --run runs/A", "of the files that stdin names, one a line"],
    ],
    flags,
    most: Infinity,
    async run({ rest, values }, surroundings) {
      if (rest.length === 0) {
        throw new HerdError(
          "usage",
          "There is nothing to predict: give image files, a folder, or - for names on stdin",
        );
      }
      await interruptible((signal) => predict(parts, { files: filesOf(rest), values, surroundings, signal }));
    },
  });
}

async function predict(
  parts: TrainParts,
  { files, values, surroundings: { print, complain, environment }, signal }: {
    readonly files: AsyncIterable<string>;
    readonly values: Values<typeof flags>;
    readonly surroundings: Surroundings;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const model = await readSavedModel(values);
  const { model: { imageSize }, microBatch } = model.numeric.compute;
  const most = Math.max(1, Math.min(MOST_IMAGES, Math.floor(MOST_BYTES / (2 * 3 * imageSize ** 2))));
  let [said, unusable] = [0, 0];
  await withTemporaryFolder(async (folder) => {
    using slots = ImageSlots.create(join(folder, "images.herd"), {
      imageSize,
      classes: model.classes,
      slots: 2 * most,
    });
    const config = { ...model.numeric.compute, dataset: slots.info.sha256 };
    const computing = {
      parts,
      ...values,
      busy: Math.ceil(most / microBatch),
      environment: dataEnvironment(environment),
    };
    await withLocalWorkers(
      { ...computing, config, path: slots.path, logDir: folder, onNotice: complain },
      signal,
      async (cluster) => {
        await cluster.setWeights(model.weights);
        const answers = answersTo(files, {
          most,
          load: (names) => decodeFiles(names.map(imageFile), { imageSize, signal }),
          write: (slot, pixels) => slots.write(slot, pixels),
          evaluate: (ids) => cluster.evaluate({ seed: 0, epoch: 1, ids }),
          onUnusable(error) {
            unusable++;
            complain(`error: ${error.message}`);
          },
          signal,
        });
        for await (const answer of answers) {
          said++;
          print(values.json ? jsonOf(answer, model.classes) : textOf(answer, model.classes));
        }
      },
    );
  });
  if (unusable === 0) return;
  throw new HerdError("data", `${unusable} of ${said + unusable} files could not be used: they are named above`);
}

async function* filesOf(args: readonly string[]): AsyncGenerator<string> {
  for (const arg of args) {
    if (arg !== STDIN) yield* imageFilesIn(arg);
    else for await (const line of linesOf(Deno.stdin.readable)) if (line !== "") yield* imageFilesIn(line);
  }
}
