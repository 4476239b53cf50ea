import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { CheckpointStore, diskFiles } from "../../../coordinator/storage/checkpoint_store.ts";
import type { RunKey } from "../../../coordinator/events/mod.ts";
import { HerdError } from "../../../shared/errors.ts";
import { MemoryFiles } from "../../fixtures/memory_files.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("read", "write"); // writes files

/** A stand-in for a checkpoint: whole if it starts with a number and ends with "!". */
const encode = (number: number) => () => new TextEncoder().encode(`${number} is whole!`);
function decode(bytes: Uint8Array): number {
  const text = new TextDecoder().decode(bytes);
  if (!/^\d+ is whole!$/.test(text)) throw new HerdError("data", `it is damaged: "${text}"`);
  return parseInt(text);
}
const describe = (number: number) => `number ${number}`;
const GC = { arm: "gc", seed: 0 } as const;
const NO_GC = { arm: "no-gc", seed: 0 } as const;

function storeOf(files: MemoryFiles): { store: CheckpointStore; notices: string[] } {
  const notices: string[] = [];
  return { store: new CheckpointStore("c", (text) => notices.push(text), files), notices };
}

/** Writes checkpoints of a training. @returns those that were said to be safe */
async function writeAll(store: CheckpointStore, numbers: readonly number[], key: RunKey = GC): Promise<number[]> {
  const safe: number[] = [];
  for (const number of numbers) {
    const onSafe = () => void safe.push(number);
    await store.write({ key, description: describe(number), encode: encode(number), onSafe });
  }
  await store.idle();
  return safe;
}

/** The newest good checkpoint of gc. */
async function load(store: CheckpointStore): Promise<number | undefined> {
  return (await store.load([GC], decode, describe))[0];
}

Deno.test("CheckpointStore keeps the last two of a training and clears what is left over", async () => {
  const files = new MemoryFiles([["c/gc-0.000007.safetensors.part", Uint8Array.of(1)], [
    "c/notes.txt",
    Uint8Array.of(2),
  ]]);
  const { store, notices } = storeOf(files);
  assertEquals(await load(store), undefined);
  assertEquals(await writeAll(store, [1, 2, 3]), [1, 2, 3]);
  assertEquals(files.names, ["gc-0.000002.safetensors", "gc-0.000003.safetensors", "notes.txt"]);
  assertEquals(store.newest, "number 3");
  const next = storeOf(files).store;
  assertEquals(await load(next), 3);
  assertEquals(next.newest, "number 3");
  await writeAll(next, [4]);
  assertEquals(files.names, ["gc-0.000003.safetensors", "gc-0.000004.safetensors", "notes.txt"]);
  assertEquals(notices, []);
});

Deno.test("CheckpointStore: trainings do not touch each other's files, numbers rise over all, the newest of all comes last", async () => {
  const files = new MemoryFiles();
  const { store } = storeOf(files);
  await writeAll(store, [1, 2, 3], NO_GC);
  await writeAll(store, [4], GC);
  await writeAll(store, [5], { arm: "gc-update", seed: 0 });
  await writeAll(store, [6], { arm: "gc", seed: 10 });
  await writeAll(store, [7, 8, 9], { arm: "gc", seed: 1 });
  const left = ["gc-0.000004", "gc-1.000008", "gc-1.000009", "gc-10.000006", "gc-update-0.000005"];
  assertEquals(files.names, [...left, "no-gc-0.000002", "no-gc-0.000003"].map((name) => `${name}.safetensors`));
  const next = storeOf(files).store;
  assertEquals(await next.load([GC, NO_GC], decode, describe), [3, 4]);
  assertEquals(next.newest, "number 4");
  assertEquals(await next.load([{ arm: "gc", seed: 1 }, { arm: "gc", seed: 10 }], decode, describe), [6, 9]);
});

Deno.test("CheckpointStore takes the older one when the newest is damaged, says why, and never counts it as good", async () => {
  const files = new MemoryFiles();
  await writeAll(storeOf(files).store, [1, 2]);
  await writeAll(storeOf(files).store, [3, 4], NO_GC);
  files.content.set("c/gc-0.000002.safetensors", new TextEncoder().encode("2 is"));
  const { store, notices } = storeOf(files);
  assertEquals(await store.load([GC, NO_GC], decode, describe), [1, 4]);
  assertEquals(notices, [
    'Checkpoint gc-0.000002.safetensors cannot be used: it is damaged: "2 is"; gc-0.000001.safetensors is taken',
  ]);
  await writeAll(store, [5]);
  const others = ["no-gc-0.000003.safetensors", "no-gc-0.000004.safetensors"];
  assertEquals(files.names, ["gc-0.000001.safetensors", "gc-0.000005.safetensors", ...others]);
  for (const number of [1, 5]) files.content.set(`c/gc-0.00000${number}.safetensors`, Uint8Array.of());
  const error = await assertRejects(() => storeOf(files).store.load([NO_GC, GC], decode, describe), HerdError);
  assertEquals(error.code, "data");
  assertStringIncludes(error.message, "No checkpoint of gc-0 in c can be used");
  assertStringIncludes(error.message, "gc-0.000005.safetensors cannot be used");
  assertStringIncludes(error.message, "gc-0.000001.safetensors cannot be used");
  assertStringIncludes(error.message, "remove them to begin gc-0 anew");
});

Deno.test("CheckpointStore: a file under another training's name is not taken", async () => {
  const files = new MemoryFiles();
  await writeAll(storeOf(files).store, [1]);
  files.content.set("c/gc-0.000002.safetensors", encode(2)());
  const { store, notices } = storeOf(files);
  const decodeOwn = (bytes: Uint8Array, { arm }: RunKey) => {
    const number = decode(bytes);
    if (arm === "gc" && number === 2) throw new HerdError("data", "it is of no-gc-0, not of gc-0");
    return number;
  };
  assertEquals(await store.load([GC], decodeOwn, describe), [1]);
  assertStringIncludes(notices[0]!, "it is of no-gc-0, not of gc-0; gc-0.000001.safetensors is taken");
});

Deno.test("CheckpointStore refuses the checkpoints of an older Herd by name, with their format and what to do", async () => {
  for (const more of [[], [["c/gc-0.000001.safetensors", encode(1)()]]] as [string, Uint8Array][][]) {
    const old = ["c/000011.safetensors", "c/000012.safetensors"].map((name) => [name, Uint8Array.of(1)] as const);
    const error = await assertRejects(() => load(storeOf(new MemoryFiles([...old, ...more])).store), HerdError);
    assertEquals(error.code, "data");
    assertEquals(
      error.message,
      "c/000012.safetensors is a checkpoint of the format herd-checkpoint-1, and this version of Herd reads " +
        "herd-checkpoint-4: go on with the version that wrote it, or begin the run anew with another --out",
    );
  }
});

Deno.test("CheckpointStore: killed at any file operation, half a write included, it leaves the last checkpoint or the one before", async () => {
  let operations = 0;
  const count = new MemoryFiles();
  count.onOperation = () => operations++;
  await writeAll(storeOf(count).store, [1, 2, 3, 4]);
  for (let killedAt = 0; killedAt < operations; killedAt++) {
    const files = new MemoryFiles();
    const { store } = storeOf(files);
    let done = 0;
    files.onOperation = () => {
      if (done++ >= killedAt) throw new Error("killed");
    };
    const [written] = (await writeAll(store, [1, 2, 3, 4])).slice(-1);
    const left = new MemoryFiles(files.content);
    assertEquals(await load(storeOf(left).store), written);
  }
});

Deno.test("CheckpointStore: a full disk is told once, the old checkpoint stays, and writing begins again", async () => {
  const files = new MemoryFiles();
  const { store, notices } = storeOf(files);
  await writeAll(store, [1]);
  files.onOperation = (operation) => {
    if (operation === "write") throw new Error("No space left on device (os error 28)");
  };
  assertEquals(await writeAll(store, [2, 3]), []);
  assertEquals(files.names, ["gc-0.000001.safetensors"]);
  assertEquals(await load(storeOf(files).store), 1);
  files.onOperation = () => {};
  await writeAll(store, [4, 5]);
  assertEquals(notices, [
    "Cannot write a checkpoint (No space left on device (os error 28)): the run goes on, and the one of number 1 stays",
    "Checkpoints can be written again: the newest is of number 4",
  ]);
  assertEquals(await load(storeOf(files).store), 5);
});

Deno.test("CheckpointStore never has two writes under way", async () => {
  const files = new MemoryFiles();
  const { store } = storeOf(files);
  const operations: string[] = [];
  files.onOperation = (operation) => operations.push(operation);
  await Promise.all([1, 2].map(async (number) => await writeAll(store, [number])));
  await store.idle();
  assertEquals(operations, ["list", "write", "rename", "list", "list", "write", "rename", "list"]);
});

Deno.test({
  name: "CheckpointStore writes real files",
  ignore,
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "herd-test-" });
    try {
      const path = join(folder, "checkpoint");
      const store = new CheckpointStore(path, () => {}, diskFiles);
      await writeAll(store, [1, 2, 3]);
      const names = (await Array.fromAsync(Deno.readDir(path))).map(({ name }) => name).sort();
      assertEquals(names, ["gc-0.000002.safetensors", "gc-0.000003.safetensors"]);
      assertEquals(await load(new CheckpointStore(path, () => {})), 3);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
