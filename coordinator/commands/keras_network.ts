// A Sequential as Keras or TF.js writes it down, read as a network of Herd's family. What Herd would compute otherwise is refused by
// the layer's name: nothing of a network changes on the way.
import * as v from "valibot";
import { HerdError } from "../../shared/errors.ts";
import type { ModelDescription } from "../../shared/model.ts";
import { visible } from "../../shared/visible.ts";
import { differenceOf, initializerOf, type Layer, layersOf, shown } from "./keras_layers.ts";

/** A Sequential of the family. */
export interface KerasNetwork {
  /** As --model takes it. */
  readonly description: ModelDescription;
  /** Side of its images; undefined where it takes any. */
  readonly imageSize: number | undefined;
  /** Units of the last layer. */
  readonly logits: number;
  /** The layers with weights, in order. */
  readonly trained: readonly { readonly name: string; readonly kind: "conv" | "dense" }[];
  /** What changes nothing, but is done otherwise here; sentences. */
  readonly notes: readonly string[];
}

/**
 * Reads the topology of a model.
 * @param json what model.to_json() gives, a TF.js model.json or the config.json of a .keras file holds
 * @throws {HerdError} data, for what is no Sequential, or not of the family: naming the layer and what about it
 */
export function readKerasNetwork(json: unknown, source: string): KerasNetwork {
  return new Reader(source).read(layersOf(json, source));
}

/** Goes through the layers, and knows what may come next. */
class Reader {
  readonly #source: string;
  readonly #blocks: { filters: number; dropout?: number }[] = [];
  readonly #dense: { units: number; dropoutBefore?: number }[] = [];
  readonly #trained: { name: string; kind: "conv" | "dense" }[] = [];
  readonly #notes: string[] = [];
  readonly #initializers = new Set<string>();
  #isRescaled = false;
  #imageSize: number | undefined;
  /** What has come. */
  #stage: "images" | "convolution" | "pooling" | "flatten" | "dense" = "images";
  /** Of the dropout that the next dense layer has before it. */
  #dropout: number | undefined;
  #dropoutName = "";
  #layer: Layer | undefined;
  #before: string | undefined;

  constructor(source: string) {
    this.#source = source;
  }

  read(layers: readonly Layer[]): KerasNetwork {
    layers.forEach((layer, i) => {
      this.#layer = layer;
      this.#check(layer, i === 0);
    });
    layers.forEach((layer, i) => {
      this.#layer = layer;
      this.#take(layer, i === layers.length - 1);
      this.#before = this.#name;
    });
    if (!this.#isRescaled) this.#notes.push("Images: without a Rescaling layer too, Herd's have values from 0 to 1");
    if (this.#initializers.size > 0) {
      const others = [...this.#initializers].map(visible).join(", ");
      this.#notes.push(`Kernels: without --init-weights Herd begins with GlorotUniform, not ${others}`);
    }
    const last = this.#dense.pop();
    if (this.#stage !== "dense" || last === undefined) throw this.#refuse("is the last layer, and Herd's is Dense");
    const { units: logits, ...output } = last;
    return {
      description: {
        blocks: this.#blocks,
        dense: this.#dense,
        ...(output.dropoutBefore === undefined ? {} : { output }),
      },
      imageSize: this.#imageSize,
      logits,
      trained: this.#trained,
      notes: this.#notes,
    };
  }

  #take({ class_name: kind, config }: Layer, isLast: boolean): void {
    switch (kind) {
      case "InputLayer":
        if (this.#before !== undefined) throw this.#refuse("is not the first layer");
        return;
      case "Rescaling":
        return this.#rescaling(config["scale"]);
      case "Conv2D":
        if (this.#stage !== "images" && this.#stage !== "pooling") throw this.#misplaced("images or MaxPooling2D");
        this.#refusePending();
        this.#blocks.push({ filters: this.#count("filters") });
        this.#train("conv");
        this.#stage = "convolution";
        return;
      case "MaxPooling2D":
        if (this.#stage !== "convolution") throw this.#misplaced("Conv2D");
        this.#stage = "pooling";
        return;
      case "Dropout":
        return this.#drop();
      case "Flatten":
        if (this.#stage !== "pooling") throw this.#misplaced("MaxPooling2D");
        this.#stage = "flatten";
        return;
      case "Dense": {
        if (this.#stage !== "flatten" && this.#stage !== "dense") throw this.#misplaced("Flatten or Dense");
        const units = this.#count("units");
        this.#activation(units, isLast);
        const dropout = this.#dropout === undefined ? {} : { dropoutBefore: this.#dropout };
        this.#dense.push({ units, ...dropout });
        this.#dropout = undefined;
        this.#train("dense");
        this.#stage = "dense";
      }
    }
  }

  #rescaling(scale: unknown): void {
    if (this.#stage !== "images") throw this.#misplaced("the images");
    if (typeof scale !== "number" || Math.abs(scale * 255 - 1) > 1e-6) {
      throw this.#refuse(`has scale ${shown(scale)}, and Herd divides by 255`);
    }
    this.#notes.push(`${this.#name}: Herd divides by 255 itself`);
    this.#isRescaled = true;
  }

  /** Between ReLU and pooling; or before a dense layer, where it is the same before and behind Flatten. */
  #drop(): void {
    const rate = this.#number("rate", (rate) => rate >= 0 && rate <= 0.99, "a number from 0 to 0.99");
    if (rate === 0) return;
    if (this.#stage === "convolution") {
      const block = this.#blocks.at(-1)!;
      if (block.dropout !== undefined) throw this.#refuse("is a second Dropout at its place, and Herd has one");
      block.dropout = rate;
    } else if (this.#stage === "images") throw this.#refuse("drops parts of the images, which Herd does not");
    else {
      if (this.#dropout !== undefined) throw this.#refuse("is a second Dropout at its place, and Herd has one");
      this.#dropout = rate;
      this.#dropoutName = this.#name;
    }
  }
  /** A dropout behind a pooling that no Flatten follows. */
  #refusePending(): void {
    if (this.#dropout === undefined) return;
    const why = "stands behind MaxPooling2D, and Herd drops between ReLU and pooling";
    throw new HerdError(
      "data",
      `${this.#source}: ${this.#dropoutName} ${why}: move it before the pooling, or leave it out`,
    );
  }

  #activation(units: number, isLast: boolean): void {
    const { activation = "linear" } = this.#layer!.config;
    if (!isLast) {
      if (activation !== "relu") {
        throw this.#refuse(`has activation ${shown(activation)}, and Herd's hidden layers "relu"`);
      }
      return;
    }
    if (units === 2) {
      throw this.#refuse("is the last layer and has 2 units, and Herd has 1 for two classes: train it with Dense(1)");
    }
    const allowed = units === 1 ? "sigmoid" : "softmax";
    if (activation === allowed || activation === "linear") return;
    const what = `has activation ${shown(activation)} as the last layer of ${units} unit${units === 1 ? "" : "s"}`;
    throw this.#refuse(`${what}, and Herd has "${allowed}" there`);
  }

  #check(layer: Layer, isFirst: boolean): void {
    const difference = differenceOf(layer);
    if (difference !== undefined) throw this.#refuse(difference);
    const { config } = layer;
    const shape = config["batch_shape"] ?? config["batch_input_shape"];
    if (shape !== undefined && isFirst) this.#input(shape);
    const initializer = initializerOf(config);
    if (initializer !== undefined && !/^Glorot_?Uniform$/i.test(initializer)) this.#initializers.add(initializer);
  }

  #input(shape: unknown): void {
    const { success, output } = v.safeParse(v.tuple([v.unknown(), side, side, v.literal(3)]), shape);
    if (!success || output[1] !== output[2]) {
      throw this.#refuse(`takes images of shape ${shown(shape)}, and Herd's are square and have 3 channels`);
    }
    this.#imageSize = output[1] ?? undefined;
  }

  #train(kind: "conv" | "dense"): void {
    this.#trained.push({ name: String(this.#layer!.config["name"]), kind });
  }

  #count(key: string): number {
    return this.#number(key, (value) => Number.isSafeInteger(value) && value > 0, "a whole number of at least 1");
  }

  #number(key: string, holds: (value: number) => boolean, allowed: string): number {
    const value = this.#layer!.config[key];
    if (typeof value === "number" && holds(value)) return value;
    throw this.#refuse(`has ${key} ${shown(value)}, and it must be ${allowed}`);
  }

  #misplaced(where: string): HerdError {
    return this.#refuse(`stands behind ${this.#before ?? "nothing"}, and in Herd's networks only behind ${where}`);
  }

  get #name(): string {
    const { class_name: kind, config: { name } } = this.#layer!;
    return visible(typeof name === "string" ? `${name} (${kind})` : kind);
  }

  #refuse(what: string): HerdError {
    return new HerdError("data", `${this.#source}: ${this.#name} ${what}`);
  }
}

const side = v.nullable(v.pipe(v.number(), v.safeInteger(), v.minValue(1)));
