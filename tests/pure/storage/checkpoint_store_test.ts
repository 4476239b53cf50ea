import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { CheckpointStore, diskFiles } from "../../../coordinator/storage/checkpoint_store.ts";
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

function storeOf(files: MemoryFiles): { store: CheckpointStore; notices: string[] } {
  const notices: string[] = [];
  return { store: new CheckpointStore("c", (text) => notices.push(text), files), notices };
}

async function writeAll(store: CheckpointStore, ...numbers: number[]): Promise<void> {
  for (const number of numbers) await store.write(encode(number), describe(number));
  await store.idle();
}

Deno.test("CheckpointStore keeps the last two and clears what is left over", async () => {
  const files = new MemoryFiles([["c/000007.safetensors.part", Uint8Array.of(1)], ["c/notes.txt", Uint8Array.of(2)]]);
  const { store, notices } = storeOf(files);
  assertEquals(await store.load(decode, describe), undefined);
  await writeAll(store, 1, 2, 3);
  assertEquals(files.names, ["000002.safetensors", "000003.safetensors", "notes.txt"]);
  assertEquals(store.stands, "number 3");
  const next = storeOf(files).store;
  assertEquals(await next.load(decode, describe), 3);
  await writeAll(next, 4);
  assertEquals(files.names, ["000003.safetensors", "000004.safetensors", "notes.txt"]);
  assertEquals(notices, []);
});

Deno.test("CheckpointStore takes the older one when the newest is damaged, says why, and never counts it as good", async () => {
  const files = new MemoryFiles();
  await writeAll(storeOf(files).store, 1, 2);
  files.content.set("c/000002.safetensors", new TextEncoder().encode("2 is"));
  const { store, notices } = storeOf(files);
  assertEquals(await store.load(decode, describe), 1);
  assertEquals(notices, [
    'Checkpoint 000002.safetensors cannot be used: it is damaged: "2 is"; 000001.safetensors is taken',
  ]);
  await writeAll(store, 3);
  assertEquals(files.names, ["000001.safetensors", "000003.safetensors"]);
  for (const name of files.names) files.content.set(join("c", name), Uint8Array.of());
  const error = await assertRejects(() => storeOf(files).store.load(decode, describe), HerdError);
  assertEquals(error.code, "data");
  assertStringIncludes(error.message, "000003.safetensors cannot be used");
  assertStringIncludes(error.message, "000001.safetensors cannot be used");
});

Deno.test("CheckpointStore: killed at any file operation, half a write included, it leaves the last checkpoint or the one before", async () => {
  let operations = 0;
  const count = new MemoryFiles();
  count.onOperation = () => operations++;
  await writeAll(storeOf(count).store, 1, 2, 3, 4);
  for (let killedAt = 0; killedAt < operations; killedAt++) {
    const files = new MemoryFiles();
    const { store } = storeOf(files);
    let done = 0;
    files.onOperation = () => {
      if (done++ >= killedAt) throw new Error("killed");
    };
    let written = 0;
    for (const number of [1, 2, 3, 4]) {
      await writeAll(store, number);
      if (store.stands === describe(number)) written = number;
    }
    const left = new MemoryFiles(files.content);
    assertEquals(await storeOf(left).store.load(decode, describe), written === 0 ? undefined : written);
  }
});

Deno.test("CheckpointStore: a full disk is told once, the old checkpoint stays, and writing begins again", async () => {
  const files = new MemoryFiles();
  const { store, notices } = storeOf(files);
  await writeAll(store, 1);
  files.onOperation = (operation) => {
    if (operation === "write") throw new Error("No space left on device (os error 28)");
  };
  await writeAll(store, 2, 3);
  assertEquals(files.names, ["000001.safetensors"]);
  assertEquals(await storeOf(files).store.load(decode, describe), 1);
  files.onOperation = () => {};
  await writeAll(store, 4, 5);
  assertEquals(notices, [
    "Cannot write a checkpoint (No space left on device (os error 28)): the run goes on, and the one of number 1 stays",
    "Checkpoints can be written again: the newest is of number 4",
  ]);
  assertEquals(await storeOf(files).store.load(decode, describe), 5);
});

Deno.test("CheckpointStore never has two writes under way", async () => {
  const files = new MemoryFiles();
  const { store } = storeOf(files);
  const operations: string[] = [];
  files.onOperation = (operation) => operations.push(operation);
  await Promise.all([1, 2].map(async (number) => await writeAll(store, number)));
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
      await writeAll(store, 1, 2, 3);
      const names = (await Array.fromAsync(Deno.readDir(path))).map(({ name }) => name).sort();
      assertEquals(names, ["000002.safetensors", "000003.safetensors"]);
      assertEquals(await new CheckpointStore(path, () => {}).load(decode, describe), 3);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
