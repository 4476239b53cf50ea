// What dropout before max-pool makes of a trained network's test: the greatest of four survivors, each doubled, is on average
// greater in training than the greatest of all four at test time. Measured on the test images, then undone block by block.
import { join } from "node:path";
import { readInitWeights } from "../../coordinator/commands/init_weights.ts";
import { HerdError } from "../../shared/errors.ts";
import type { ModelSpec } from "../../shared/model.ts";
import type { Sample } from "../../worker/engine.ts";
import { BlockMeans } from "./block_means.ts";
import { dropoutLayers, withDropoutIn } from "./dropout_layers.ts";
import { blockRatio, channelRatios, scaleFilters } from "./scaled_filters.ts";
import { openRunData } from "./run_data.ts";
import { type Findings, median } from "./support.ts";
import { logistic, logitOf, type Quality, qualityOf } from "./test_quality.ts";

const MASKS = 16;
/** Training images that are evaluated beside the test images. */
const TRAINING_IMAGES = 256;

/** The mean of many passes with dropout. */
interface Expectation {
  /** As in a pass. */
  readonly channels: readonly Float64Array[];
  /** Of the mean probability of each image. */
  readonly logits: Float32Array;
}

/** One way to evaluate. */
interface Evaluation {
  readonly what: string;
  readonly quality: Quality;
}

/**
 * Evaluates a trained model as it is tested, with its blocks rescaled to what they put out in training, and with dropout on.
 * @param folder models/<key> of a run's folder
 * @throws {HerdError} usage, without a folder; data, if there is no binary model with dropout in conv blocks
 */
export async function dropoutShift(folder: string | undefined): Promise<Findings> {
  if (folder === undefined) throw new HerdError("usage", "dropout-shift needs --model FOLDER: models/KEY of a run");
  const { numeric, samples } = await openRunData(join(folder, "..", ".."));
  const spec = numeric.compute.model;
  const weights = await readInitWeights(join(folder, "weights.safetensors"), spec);
  const { conv } = dropoutLayers(spec);
  if (conv.length === 0 || spec.classes !== 1) {
    throw new HerdError(
      "data",
      `${folder} is no binary model with dropout in its conv blocks: there is nothing to measure`,
    );
  }
  const lab = new Laboratory(spec, weights, samples("test"));
  const found = await lab.evaluations(conv);
  const training = await new Laboratory(spec, weights, samples("train", TRAINING_IMAGES)).both();
  const blocks = await lab.blocks();
  return {
    title: `Test images, ${MASKS} dropout masks each: ${folder}`,
    columns: ["", "loss", "accuracy", "AUC", "mean p", "5 % to 95 %", "best accuracy", "at"],
    rows: [...found, ...training].map(({ what, quality }) => [what, ...figuresOf(quality)]),
    notes: [
      "",
      "mean output in training, with dropout, by that at test time, without:",
      ...blocks.map(({ block, test, training, ratio, least, middle, greatest }) =>
        `  block ${block}: ${training.toFixed(4)} / ${test.toFixed(4)} = ${ratio.toFixed(3)}; ` +
        `channels ${least.toFixed(2)} to ${greatest.toFixed(2)}, median ${middle.toFixed(2)}`
      ),
    ],
    data: { folder, masks: MASKS, evaluations: [...found, ...training], blocks },
  };
}

/** A model and images, and what is tried with them. */
class Laboratory {
  readonly #spec: ModelSpec;
  readonly #weights: Float32Array;
  readonly #samples: readonly Sample[];
  /** By the layers with dropout. */
  readonly #expectations = new Map<string, Promise<Expectation>>();

  constructor(spec: ModelSpec, weights: Float32Array, samples: readonly Sample[]) {
    this.#spec = spec;
    this.#weights = weights;
    this.#samples = samples;
  }

  /** All of the test images. @param conv the blocks with dropout */
  async evaluations(conv: readonly number[]): Promise<Evaluation[]> {
    const { dense } = dropoutLayers(this.#spec);
    const all = this.#spec.layers.flatMap(({ kind }, layer) => kind === "conv" && layer >= conv[0]! ? [layer] : []);
    const sets = conv.length > 1 ? [...conv.map((layer) => [layer]), conv] : [conv];
    const found: Evaluation[] = [this.#evaluation("as tested: no dropout", (await this.#plain()).logits)];
    const rescaled = async (layers: readonly number[], drops: readonly number[], byChannel: boolean) => {
      const weights = await this.#rescaled(layers, await this.#expected(drops), byChannel);
      const blocks = layers.map((layer) => layer + 1).join(", ");
      const what = `output of block ${blocks} rescaled${byChannel ? " by channel" : ""}`;
      found.push(this.#evaluation(what, (await this.#plain(weights)).logits));
    };
    // Later dropout does not change what an earlier block puts out.
    for (const layers of sets) await rescaled(layers, layers[0] === conv[0] ? conv : layers, false);
    await rescaled(conv, conv, true);
    if (all.length > conv.length) await rescaled(all, conv, true);
    const places = { everywhere: [...conv, ...dense], "in blocks": conv, "before dense": dense };
    for (const [where, drops] of Object.entries(places)) {
      found.push(this.#evaluation(`dropout ${where}`, (await this.#expected(drops)).logits));
    }
    return found;
  }

  /** As tested, and with dropout everywhere. */
  async both(): Promise<Evaluation[]> {
    const { conv, dense } = dropoutLayers(this.#spec);
    return [
      this.#evaluation(`${this.#samples.length} training images, no dropout`, (await this.#plain()).logits),
      this.#evaluation("the same, dropout everywhere", (await this.#expected([...conv, ...dense])).logits),
    ];
  }

  /** What each block puts out in training and at test time. */
  async blocks() {
    const { conv } = dropoutLayers(this.#spec);
    const [test, training] = [await this.#plain(), await this.#expected(conv)];
    return test.channels.map((means, block) => {
      const ratios = [...channelRatios(training.channels[block]!, means)];
      const mean = (values: Float64Array) => values.reduce((a, b) => a + b, 0) / values.length;
      return {
        block: block + 1,
        test: mean(means),
        training: mean(training.channels[block]!),
        ratio: blockRatio(training.channels[block]!, means),
        least: Math.min(...ratios),
        middle: median(ratios),
        greatest: Math.max(...ratios),
      };
    });
  }

  #evaluation(what: string, logits: Float32Array): Evaluation {
    return { what, quality: qualityOf(logits, this.#samples.map(({ label }) => label)) };
  }

  async #plain(weights = this.#weights) {
    return (await BlockMeans.load(this.#spec)).pass(weights, this.#samples);
  }

  /** Over masks, with the dropout of these layers alone; measured once. */
  #expected(layers: readonly number[]): Promise<Expectation> {
    const name = layers.join();
    const expectation = this.#expectations.get(name) ?? this.#expect(layers);
    this.#expectations.set(name, expectation);
    return expectation;
  }

  async #expect(layers: readonly number[]): Promise<Expectation> {
    const network = await BlockMeans.load(withDropoutIn(this.#spec, layers));
    const passes = Array.from({ length: MASKS }, (_, i) => network.pass(this.#weights, this.#samples, i + 1));
    return {
      channels: passes[0]!.channels.map((means, block) =>
        means.map((_, channel) => passes.reduce((sum, pass) => sum + pass.channels[block]![channel]!, 0) / MASKS)
      ),
      logits: passes[0]!.logits.map((_, i) =>
        logitOf(passes.reduce((sum, { logits }) => sum + logistic(logits[i]!), 0) / MASKS)
      ),
    };
  }

  /** Weights whose blocks put out without dropout, on average, what they are expected to: from the first to the last. */
  async #rescaled(layers: readonly number[], { channels }: Expectation, byChannel: boolean): Promise<Float32Array> {
    let weights = this.#weights;
    for (const layer of layers) {
      const [wanted, is] = [channels[layer]!, (await this.#plain(weights)).channels[layer]!];
      const factors = byChannel ? channelRatios(wanted, is) : is.map(() => blockRatio(wanted, is));
      weights = scaleFilters(this.#spec, weights, layer, factors);
    }
    return weights;
  }
}

function figuresOf(quality: Quality): string[] {
  const { loss, accuracy, auc, meanProbability, low, high, bestAccuracy, bestThreshold } = quality;
  const range = `${low.toFixed(3)} to ${high.toFixed(3)}`;
  return [loss, accuracy, auc, meanProbability].map((value) => value.toFixed(4)).concat(
    range,
    bestAccuracy.toFixed(4),
    bestThreshold.toFixed(3),
  );
}
