// Tries tiles on a device: on what a real leaf has left in an engine's buffers, with weights packed as the tile reads them, and results
// that go elsewhere. A tile is of use only if its bits are those of the preset's.
import { sha256 } from "../../shared/config.ts";
import { HerdError } from "../../shared/errors.ts";
import type { ModelSpec } from "../../shared/model.ts";
import type { WebgpuEngine } from "../../worker/webgpu/engine.ts";
import type { Dispatch, PlannedBuffer } from "../../worker/webgpu/kernels/dispatch.ts";
import { Plan } from "../../worker/webgpu/plan.ts";
import type { Preset } from "../../worker/webgpu/presets.ts";
import { checkTiles } from "../../worker/webgpu/tile_check.ts";
import { type TunedPass, tunedPreset } from "../../worker/webgpu/tuned.ts";
import { readBack } from "../../worker/webgpu/waiting.ts";
import { runsFor, submissionMs } from "./gpu_clock.ts";
import { median } from "./support.ts";
import { asLayerTiles, type PassTile, type Tile } from "./tile_candidates.ts";

/** Labels of a pass's kernels behind the layer's name. */
const LABELS: Readonly<Record<TunedPass, readonly string[]>> = {
  forward: ["forward"],
  inputGradient: ["input gradient"],
  filterGradient: ["filter gradient"],
  dense: ["forward", "forward sum", "input gradient"],
};

/** A tile that runs. */
export interface Trial {
  readonly tile: Tile;
  readonly dispatches: readonly Dispatch[];
  /** SHA-256 of all that it has written. */
  readonly bits: string;
  /** Runs that make a submission long enough. */
  readonly runs: number;
}

/** Where tiles are tried. */
export class TileTrials {
  readonly #engine: WebgpuEngine;
  readonly #spec: ModelSpec;
  readonly #preset: Preset;
  readonly #flat: Float32Array;
  readonly #weights: PlannedBuffer;
  readonly #read: ReadonlyMap<string, PlannedBuffer>;
  readonly #written = new Map<string, PlannedBuffer>();

  /**
   * @param engine with the preset's own tiles, after a training pass
   * @param flat its weights
   */
  constructor(engine: WebgpuEngine, spec: ModelSpec, preset: Preset, flat: Float32Array) {
    this.#engine = engine;
    this.#spec = spec;
    this.#preset = preset;
    this.#flat = flat;
    // Groups begin at round offsets: with others it is a little more.
    const { weights } = engine.plan;
    this.#weights = { ...weights, name: "weights of a trial", bytes: 2 * weights.bytes };
    this.#read = new Map(engine.plan.buffers.map((buffer) => [buffer.name, buffer]));
  }

  /** Makes what the trials share. */
  async prepare(): Promise<void> {
    const { device } = this.#engine;
    await device.allocate(this.#weights);
  }

  /** Whether a tile fits the kernels and the adapter. */
  fits(layer: string, candidate: PassTile): boolean {
    const { plan, device } = this.#engine;
    return checkTiles({ [layer]: asLayerTiles(candidate) }, plan, device.gpu.limits).refused.length === 0;
  }

  /** Compiles a tile and runs it once for its bits; a sentence if the device does not take it. */
  async start(layer: string, { pass, tile }: PassTile): Promise<Trial | string> {
    const { device, plan: own } = this.#engine;
    const plan = new Plan(this.#spec, tunedPreset(this.#preset, { [layer]: asLayerTiles({ pass, tile }) }), own.images);
    const weights = new Float32Array(plan.layout.weightBytes / 4);
    plan.layout.packWeights(this.#flat, weights);
    const labels = LABELS[pass].map((label) => `${layer} ${label}`);
    const all = [...plan.forward, ...plan.backward(plan.gradientBuffer("unused"))];
    const dispatches = await this.#moved(all.filter(({ label }) => labels.includes(label)));
    try {
      for (const dispatch of dispatches) await device.prepare(dispatch);
    } catch (error) {
      if (!(error instanceof HerdError)) throw error;
      return error.message;
    }
    device.write(this.#weights, weights);
    const bits = await this.#bits(dispatches);
    return { tile, dispatches, bits, runs: await runsFor(device, dispatches) };
  }

  /** Milliseconds of a run, the median; what takes twice as long as the best is measured once. */
  async measure({ dispatches, runs }: Trial, { repeats, best }: { readonly repeats: number; readonly best: number }) {
    const { device } = this.#engine;
    const times = [await submissionMs(device, dispatches, runs) / runs];
    while (times.length < repeats && times[0]! < 2 * best) {
      times.push(await submissionMs(device, dispatches, runs) / runs);
    }
    return median(times);
  }

  /** By turns: medians of both. */
  async duel(one: Trial, other: Trial, repeats: number): Promise<readonly [number, number]> {
    const { device } = this.#engine;
    const times: [number[], number[]] = [[], []];
    for (let i = 0; i < repeats; i++) {
      for (const [k, { dispatches, runs }] of [one, other].entries()) {
        times[k]!.push(await submissionMs(device, dispatches, runs) / runs);
      }
    }
    return [median(times[0]), median(times[1])];
  }

  /** The same dispatches on the engine's buffers, but for what they write and what depends on tiles. */
  async #moved(dispatches: readonly Dispatch[]): Promise<Dispatch[]> {
    const written = new Set(
      dispatches.flatMap(({ written, slices }) => written.map((binding) => slices[binding]!.buffer.name)),
    );
    for (const name of written) await this.#scratch(name);
    const place = ({ name }: PlannedBuffer) => {
      if (name === this.#engine.plan.weights.name) return this.#weights;
      return (written.has(name) ? this.#written : this.#read).get(name)!;
    };
    return dispatches.map((dispatch) => ({
      ...dispatch,
      slices: dispatch.slices.map((slice) => ({ ...slice, buffer: place(slice.buffer) })),
    }));
  }

  async #scratch(name: string): Promise<void> {
    if (this.#written.has(name)) return;
    const buffer = { ...this.#read.get(name)!, name: `${name} of a trial` };
    await this.#engine.device.allocate(buffer);
    this.#written.set(name, buffer);
  }

  async #bits(dispatches: readonly Dispatch[]): Promise<string> {
    const { device } = this.#engine;
    const targets = [...this.#written.values()].filter((buffer) =>
      dispatches.some(({ slices }) => slices.some((slice) => slice.buffer === buffer))
    );
    device.submit([], (encoder) => targets.forEach((target) => encoder.clearBuffer(device.bufferOf(target))));
    device.submit(dispatches);
    let hashes = "";
    for (const target of targets) {
      const readback = device.gpu.createBuffer({
        size: target.bytes,
        usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
      });
      await readback.mapAsync(GPUMapMode.READ);
      readback.unmap();
      device.submit(
        [],
        (encoder) => encoder.copyBufferToBuffer(device.bufferOf(target), 0, readback, 0, target.bytes),
      );
      hashes += await sha256(new Uint8Array(await readBack(readback, target.bytes)));
      readback.destroy();
    }
    await device.settle();
    return hashes;
  }
}
