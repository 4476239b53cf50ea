// Checkpoints whose hash is right and whose content is not: whoever can write the file can make the hash. They are refused by
// name and the older one is taken; nothing that stands in one ends the run as a bug.
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { join } from "node:path";
import { NO_CHECKS, NO_FAULTS } from "../../../coordinator/events/mod.ts";
import { beginTraining, runExperiment, type Training } from "../../../coordinator/experiment/mod.ts";
import { encodeCheckpoint } from "../../../coordinator/storage/checkpoint.ts";
import { CheckpointStore } from "../../../coordinator/storage/checkpoint_store.ts";
import { loadCheckpoints } from "../../../coordinator/storage/resume.ts";
import { HerdError } from "../../../shared/errors.ts";
import { ArithmeticComputer, identityOf, noListeners, smallExperiment } from "../../fixtures/experiment.ts";
import { MemoryFiles } from "../../fixtures/memory_files.ts";

const experiment = smallExperiment({ arms: ["gc"], epochs: 2 });
const { config: numeric } = experiment;
const identity = identityOf(experiment);
const worker = { id: "w1", host: "", pid: 7, engine: "simd", adapter: "CPU", fingerprint: "ab" } as const;
const history = {
  herd: "1",
  workers: [{ ...worker, imagesPerSecond: 1, computeSeconds: 1 }],
  fingerprints: ["ab"],
  bitIdentical: true,
  faults: NO_FAULTS,
  checks: NO_CHECKS,
  taints: [],
};
const KEY = { arm: "gc", seed: 5 } as const;
const trainings: Training[] = [];
await runExperiment(new ArithmeticComputer(), smallExperiment({ arms: ["gc"], epochs: 1 }), trainings, noListeners);
const NEW = encodeCheckpoint({ identity, history, training: trainings[0]! });
const OLD = encodeCheckpoint({
  identity,
  history,
  training: beginTraining(KEY, numeric, experiment.initialWeights(5)),
});

type Json = Record<string, unknown>;
/** The parts of a file. */
interface Parts {
  header: unknown;
  readonly content: Json;
  data: Uint8Array;
}

function partsOf(bytes: Uint8Array): Parts {
  const start = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start)));
  return { header, content: JSON.parse(header.__metadata__.content), data: bytes.slice(start) };
}

/** A file made of such parts, with the hash that is right for it. */
async function sealed({ header, data }: Pick<Parts, "header" | "data">): Promise<Uint8Array> {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  bytes.set(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes.slice(0, -32))), bytes.length - 32);
  return bytes;
}

/** Loads a run whose newest checkpoint is `bytes`. */
async function load(bytes: Uint8Array, { older }: { readonly older: boolean }) {
  const notices: string[] = [];
  const files = new MemoryFiles([[join("c", "gc-5.000002.safetensors"), bytes]]);
  if (older) files.content.set(join("c", "gc-5.000001.safetensors"), OLD);
  const resumed = await loadCheckpoints(
    new CheckpointStore("c", (text) => notices.push(text), files),
    { identity, experiment, folder: { modelHash: () => Promise.resolve(undefined) } },
  );
  return { epochs: resumed?.trainings[0]?.epochs.length, notices };
}

/** The file with a change; a changed content goes to its place in the metadata, unless something else stands there now. */
function changed(change: (parts: Parts & { header: Record<string, Json> }) => void): Promise<Uint8Array> {
  const parts = partsOf(NEW) as Parts & { header: Record<string, Json> };
  const { content } = parts.header["__metadata__"]!;
  change(parts);
  const metadata = parts.header?.["__metadata__"];
  if (typeof metadata === "object" && metadata["content"] === content) {
    metadata["content"] = JSON.stringify(parts.content);
  }
  return sealed(parts);
}

const CHANGES: Readonly<Record<string, Parameters<typeof changed>[0]>> = {
  "a header that is null": (parts) => parts.header = null as never,
  "a header that is a list": (parts) => parts.header = [] as never,
  "a header that is a number": (parts) => parts.header = 3 as never,
  "a tensor that is null": ({ header }) => header["weights"] = null as never,
  "a tensor that is a text": ({ header }) => header["weights"] = "F32" as never,
  "no offsets": ({ header }) => delete header["weights"]!["data_offsets"],
  "offsets that are texts": ({ header }) => header["weights"]!["data_offsets"] = ["0", "4"],
  "offsets below zero": ({ header }) => header["weights"]!["data_offsets"] = [-4, 0],
  "offsets that are no multiple of four": ({ header }) => header["weights"]!["data_offsets"] = [0, 7],
  "offsets beyond the end": ({ header }) => header["weights"]!["data_offsets"] = [0, 1e15],
  "a hundred tensors of the same bytes": ({ header }) => {
    for (let i = 0; i < 100; i++) header[`copy${i}`] = header["weights"]!;
  },
  "a type that is a number": ({ header }) => header["weights"]!["dtype"] = 32,
  "a type that every object has": ({ header }) => header["weights"]!["dtype"] = "constructor",
  "whole numbers for weights": ({ header }) => header["weights"]!["dtype"] = "I32",
  "a shape that is a text": ({ header }) => header["weights"]!["shape"] = "all",
  "a shape that does not fit": ({ header }) => header["weights"]!["shape"] = [3],
  "a shape of an infinite size": ({ header }) => header["weights"]!["shape"] = [1e300, 1e300],
  "no weights": ({ header }) => delete header["weights"],
  "a list of tensors cut short, and the data with it": (parts) => {
    const weights = parts.header["weights"] as { data_offsets: [number, number] };
    const cut = { dtype: "F32", shape: [2], data_offsets: [0, 8] };
    parts.header = { __metadata__: parts.header["__metadata__"]!, weights: cut, digest: digest(8) } as never;
    parts.data = parts.data.slice(weights.data_offsets[1] - 8, weights.data_offsets[1] + 32);
  },
  "data that belong to no tensor": (parts) => parts.data = Uint8Array.from([...parts.data, 0, 0, 0, 0]),
  "metadata that is a text": ({ header }) => header["__metadata__"] = "herd" as never,
  "metadata of numbers": ({ header }) => header["__metadata__"]!["format"] = 2,
  "content that is a number": ({ header }) => header["__metadata__"]!["content"] = 5,
  "content that is null": ({ header }) => header["__metadata__"]!["content"] = "null",
  "no content": ({ header }) => delete header["__metadata__"]!["content"],
  "no training": ({ content }) => delete content["progress"],
  "epochs that are a number": ({ content }) => progress(content)["epochs"] = 1,
  "an epoch too many": ({ content }) =>
    epochsOf(content).push({ ...epochsOf(content)[0]!, epoch: 2 }, epochsOf(content)[0]!),
  "an epoch with another number": ({ content }) => epochsOf(content)[0]!["epoch"] = 2,
  "steps beyond the epoch": ({ content }) => current(content)["steps"] = 1_000_000,
  "samples that were not seen": ({ content }) => current(content)["metrics"] = { loss: 0, correct: 0, samples: 3 },
  "a hash with markup": ({ content }) => progress(content)["weightsSha256"] = "<script>alert(1)</script>",
  "a logit of a test image too few": (parts) => {
    const logits = parts.header["testLogits"] as { shape: [number]; data_offsets: [number, number] };
    const [, end] = logits.data_offsets;
    logits.shape[0]--;
    logits.data_offsets[1] -= 4;
    for (const tensor of Object.values(parts.header) as { data_offsets?: [number, number] }[]) {
      const [start, last] = tensor.data_offsets ?? [0, 0];
      if (start >= end) tensor.data_offsets = [start - 4, last - 4];
    }
    parts.data = Uint8Array.from([...parts.data.subarray(0, end - 4), ...parts.data.subarray(end)]);
  },
  "a divergence that is a number": ({ content }) => progress(content)["diverged"] = 3,
  "a role that there is not": ({ content }) => (progress(content)["key"] as Json)["role"] = "best",
  "another rate than its name says": ({ content }) => (progress(content)["key"] as Json)["learningRate"] = 3,
  "no hash for a finished epoch": ({ content }) => progress(content)["weightsSha256"] = "",
};

const progress = (content: Json) => content["progress"] as Json;
const epochsOf = (content: Json) => progress(content)["epochs"] as Json[];
const current = (content: Json) => progress(content)["current"] as Json;
const digest = (start: number) => ({ dtype: "U8", shape: [32], data_offsets: [start, start + 32] });

Deno.test("a checkpoint that is what it says is taken, whoever sealed it", async () => {
  assertEquals(await load(await changed(() => {}), { older: true }), { epochs: 1, notices: [] });
});

Deno.test("a checkpoint with the right hash and a wrong content: the older one is taken, or it is refused by name", async () => {
  for (const [name, change] of Object.entries(CHANGES)) {
    const bytes = await changed(change);
    const { epochs, notices } = await load(bytes, { older: true });
    assertEquals([epochs, notices.length], [0, 1], name);
    assertStringIncludes(notices[0]!, "gc-5.000002.safetensors cannot be used: ", name);
    assertStringIncludes(notices[0]!, "; gc-5.000001.safetensors is taken", name);
    assert(!notices[0]!.includes("its SHA-256"), `${name}: it is not the hash that gives it away`);
    const error = await assertRejects(() => load(bytes, { older: false }), HerdError);
    assertEquals(error.code, "data", name);
    assertStringIncludes(error.message, "gc-5.000002.safetensors cannot be used: ", name);
  }
});

/** All places in a JSON value, as the names that lead to them. */
function placesIn(value: unknown): string[][] {
  if (typeof value !== "object" || value === null) return [[]];
  return [[], ...Object.entries(value).flatMap(([name, one]) => placesIn(one).map((rest) => [name, ...rest]))];
}

function put(value: unknown, [name, ...rest]: readonly string[], what: unknown): unknown {
  if (name === undefined) return what;
  const copy = Array.isArray(value) ? [...value] : { ...(value as Json) };
  (copy as Json)[name] = put((value as Json)[name], rest, what);
  return copy;
}

Deno.test("a checkpoint with the right hash and anything anywhere is taken or refused, and never a bug", async () => {
  const whole = partsOf(NEW);
  const places = [
    ...placesIn(whole.header).map((place) => ({ within: "header", place })),
    ...placesIn(whole.content).map((place) => ({ within: "content", place })),
  ];
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...places), fc.jsonValue(), async ({ within, place }, what) => {
      const { header, content, data } = partsOf(NEW);
      const wrong = within === "header"
        ? put(header, place, what)
        : put(header, ["__metadata__", "content"], JSON.stringify(put(content, place, what)));
      await load(await sealed({ header: wrong, data }), { older: false }).catch((error) => {
        assert(error instanceof HerdError && error.code === "data", `${error?.stack}`);
      });
    }),
    { numRuns: 500 },
  );
});
