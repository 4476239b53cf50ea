// What goes up before a pass: the bytes of its images, and a record of each sample. On the device everything else is made of them.
import { Purpose, sampleKey } from "../../shared/threefry.ts";
import { type Affine, augmentationMap, drawAugmentation } from "../augmentation.ts";
import { type Leaf, pixelsOf, type Sample } from "../engine.ts";
import { imageWords } from "./kernels/augment.ts";
import { SAMPLE_BYTES, writeSample } from "./kernels/samples.ts";

const IDENTITY: Affine = [1, 0, 0, 0, 1, 0];

/** How a pass treats its samples. */
export interface PassKind {
  readonly drops: boolean;
  readonly augments: boolean;
}

/** Host memory for a pass, used again for each. */
export class PassInputs {
  /** u32 words of bytes, imageWords() an image. */
  readonly pixels: Uint8Array;
  readonly samples: Uint8Array;
  readonly #view: DataView;
  readonly #size: number;
  readonly #images: number;
  readonly #classWeights: readonly number[];

  /** @param classWeights by class, what a sample's gradient is multiplied by; empty for none */
  constructor(images: number, size: number, classWeights: readonly number[] = []) {
    this.#classWeights = classWeights;
    this.pixels = new Uint8Array(4 * (images * imageWords(size) + 1));
    this.samples = new Uint8Array(images * SAMPLE_BYTES);
    this.#view = new DataView(this.samples.buffer);
    this.#size = size;
    this.#images = images;
  }

  /** Fills in a leaf's samples; places that are left over have weight 0, and nothing of what lay there before. */
  fill({ seed, epoch }: Leaf, samples: readonly Sample[], { drops, augments }: PassKind): void {
    const size = this.#size;
    for (let i = 0; i < this.#images; i++) {
      const sample = samples[i];
      if (!sample) {
        // A map of zeros looks at the first pixel alone.
        const first = 4 * i * imageWords(size);
        this.pixels.fill(0, first, first + 3);
        writeSample(this.#view, i, undefined);
        continue;
      }
      this.pixels.set(pixelsOf(sample, size ** 2 * 3), 4 * i * imageWords(size));
      writeSample(this.#view, i, {
        key: drops ? sampleKey(seed, Purpose.dropout, epoch, sample.id) : undefined,
        label: sample.label,
        weight: this.#classWeights[sample.label] ?? 1,
        map: augments ? augmentationMap(drawAugmentation(seed, epoch, sample.id), size) : IDENTITY,
      });
    }
  }
}
