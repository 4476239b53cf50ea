// Where the SIMD engine's time goes, kernel by kernel. Times are the least over the repeats, so that other work on the machine
// disturbs little; operations are those of the plain dense algorithm, whatever the kernel saves.
import { initialWeights } from "../../shared/initial_weights.ts";
import { builtInModel, type ConvShape, layerShapes, type ModelSpec } from "../../shared/model.ts";
import { Purpose, sampleKey, threefry } from "../../shared/threefry.ts";
import { bestVariant, type Kernels, loadKernels, type Variant } from "../../worker/simd/kernels.ts";
import { Network } from "../../worker/simd/network.ts";
import { pagesOf, planMemory } from "../../worker/simd/plan.ts";
import type { Findings } from "./support.ts";

interface Row {
  readonly kernel: string;
  readonly msPerImage: number;
  /** Effective 10⁹ operations a second, and their share of the measured peak; null for what does no arithmetic to speak of. */
  readonly gflops: number | null;
  readonly shareOfPeak: number | null;
}

const LEAF = 8;
const REPEATS = 20;
const SPEC = builtInModel("keras-example", 300);

/** Times of one step's kernels, the least over the repeats. */
export async function kernels(variant: Variant = bestVariant()): Promise<Findings> {
  const report = await measure(variant);
  return {
    title: `SIMD kernels (${variant}): keras-example at ${SPEC.imageSize} px, leaf of ${LEAF}, one core`,
    columns: ["kernel", "ms/image", "GFLOP/s", "of peak"],
    rows: report.kernels.map(({ kernel, msPerImage, gflops, shareOfPeak }) => [
      kernel,
      msPerImage.toFixed(3),
      `${gflops ?? ""}`,
      shareOfPeak === null ? "" : `${Math.round(100 * shareOfPeak)} %`,
    ]),
    notes: [
      `peak of this core, 128-bit: ${report.peakGflops} GFLOP/s`,
      `whole step: ${report.stepMsPerImage} ms/image, ${report.imagesPerSecond} images/s`,
      `memory: ${report.memoryMegabytes} MB of WebAssembly`,
    ],
    data: report,
  };
}

async function measure(variant: Variant) {
  const plan = planMemory(SPEC, LEAF);
  const memory = new WebAssembly.Memory({ initial: pagesOf(plan, 2) });
  const kernels = await loadKernels(variant, memory);
  const clock = new Clock(kernels, SPEC);
  const network = new Network(clock.kernels, plan, memory);
  network.setWeights(initialWeights(SPEC, 0));
  const samples = Array.from(
    { length: LEAF },
    (_, id) => ({ id, label: id & 1, pixels: picture(SPEC.imageSize, id) }),
  );
  const leaf = { index: 0, seed: 0, epoch: 1, samples };
  let best = Infinity;
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    clock.calls.clear();
    const start = performance.now();
    const keys = samples.map(({ id }) => sampleKey(leaf.seed, Purpose.dropout, leaf.epoch, id));
    network.forward(samples, keys, leaf);
    network.backward(samples, keys, plan.gradients);
    clock.kernels.addInto(plan.gradients + plan.gradientBytes, plan.gradients, plan.parameters);
    best = Math.min(best, performance.now() - start);
  }
  const peak = peakOf(kernels, plan.scratch);
  return {
    variant,
    imageSize: SPEC.imageSize,
    leaf: LEAF,
    peakGflops: round(peak),
    kernels: clock.rows(LEAF, peak),
    stepMsPerImage: round(best / LEAF),
    imagesPerSecond: round(1000 * LEAF / best),
    memoryMegabytes: round(memory.buffer.byteLength / 1e6),
  };
}

/** Wraps kernels: keeps the least time of every kernel and layer, and how often it was called in the last step. */
class Clock {
  readonly kernels: Kernels;
  readonly calls = new Map<string, number>();
  readonly #least = new Map<string, number>();
  readonly #operations: ReadonlyMap<string, number>;

  constructor(kernels: Kernels, spec: ModelSpec) {
    this.#operations = operationsOf(spec);
    this.kernels = Object.fromEntries(
      Object.entries(kernels).filter(([, kernel]) => typeof kernel === "function").map(([name, kernel]) => [
        name,
        (...values: number[]) => {
          const start = performance.now();
          kernel(...values);
          this.#note(labelOf(name, values), performance.now() - start);
        },
      ]),
    ) as Kernels;
  }

  rows(leafSize: number, peak: number): Row[] {
    return [...this.calls].map(([kernel, calls]) => {
      const msPerImage = this.#least.get(kernel)! * calls / leafSize;
      const operations = this.#operations.get(kernel);
      const gflops = operations === undefined ? null : round(operations / msPerImage / 1e6);
      return {
        kernel,
        msPerImage: round(msPerImage),
        gflops,
        shareOfPeak: gflops === null ? null : round(gflops / peak),
      };
    });
  }

  #note(label: string, elapsed: number): void {
    this.calls.set(label, (this.calls.get(label) ?? 0) + 1);
    this.#least.set(label, Math.min(this.#least.get(label) ?? Infinity, elapsed));
  }
}

/** A kernel's name and the side or length of its input, which tells layers apart. */
function labelOf(name: string, values: readonly number[]): string {
  if (name.startsWith("convolve")) {
    return name === "convolveBackward" ? `${name} ${values[2]}` : `convolve ${values[1]}`;
  }
  if (name.startsWith("dense")) return `${name} ${values[1]}`;
  return name === "multiply" ? `${name} ${values[4]}` : name;
}

/** Operations an image of the dense algorithm, by label: two for a multiply-add. */
function operationsOf(spec: ModelSpec): Map<string, number> {
  const operations = new Map<string, number>();
  for (const shape of layerShapes(spec)) {
    if (shape.kind === "dense") {
      const product = 2 * shape.inputs * shape.units;
      operations.set(`multiply ${shape.inputs}`, product);
      operations.set(`denseInputGradient ${shape.inputs}`, product);
      operations.set(`denseWeightGradient ${shape.inputs}`, product);
    } else {
      const product = 2 * 9 * shape.inputChannels * shape.filters * shape.convSize ** 2;
      operations.set(`convolve ${shape.inputSize}`, product);
      operations.set(`convolveBackward ${shape.inputSize}`, product * (isFirst(shape) ? 1 : 2));
    }
  }
  return operations;
}

function isFirst(shape: ConvShape): boolean {
  return shape.layer === 0;
}

/** The most 10⁹ operations a second that this core does on 128-bit vectors. */
function peakOf(kernels: Kernels, scratch: number): number {
  const rounds = 1e6;
  let least = Infinity;
  for (let repeat = 0; repeat < 20; repeat++) {
    const start = performance.now();
    kernels.chains(rounds, scratch);
    least = Math.min(least, performance.now() - start);
  }
  return 96 * rounds / least / 1e6;
}

/** A picture with structure and noise, so that ReLU and pooling decide as they do on photographs. */
function picture(size: number, seed: number): Uint8Array {
  return Uint8Array.from({ length: size * size * 3 }, (_, i) => {
    const pixel = Math.floor(i / 3);
    const [x, y] = [pixel % size, Math.floor(pixel / size)];
    const wave = Math.sin((x + 3 * seed) / 17) * Math.cos((y - seed) / 23 + i % 3);
    return 128 + 90 * wave + (threefry(seed, 1, 0, i)[0] >>> 27);
  });
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}
