// A worker that prints for ever fills no disk, and its last words are known whatever becomes of the file.
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { join } from "node:path";
import { LOG_LIMIT, WorkerLog } from "../../../coordinator/launch/worker_log.ts";
import * as fixtures from "../../fixtures/data_files.ts";

/** A disk in memory that takes a few bytes at a time, and so many in all. */
class Disk {
  bytes: number[] = [];
  room = Infinity;

  writeSync(bytes: Uint8Array): number {
    if (this.bytes.length >= this.room) throw new Error("No space left on device (os error 28)");
    const some = bytes.subarray(0, 7);
    this.bytes.push(...some);
    return some.length;
  }

  close(): void {}

  get text(): string {
    return new TextDecoder().decode(Uint8Array.from(this.bytes));
  }
}

const bytes = (text: string) => new TextEncoder().encode(text);
const END = "\nThe log ends here: it has 0.1 kB, and what the worker prints from now on is lost\n";

Deno.test("a log ends at its limit and says so once, over all processes of its worker", () => {
  const disk = new Disk();
  const log = new WorkerLog(disk, 0, 100);
  for (let i = 0; i < 1000; i++) log.write(bytes(`line ${i}\n`));
  assertEquals(disk.text.length, 100 + END.length);
  assert(disk.text.startsWith("line 0\nline 1\n") && disk.text.endsWith(END));
  // The process is started again.
  const next = new WorkerLog(disk, disk.bytes.length, 100);
  next.write(bytes("again\n"));
  assertEquals(disk.text.length, 100 + END.length);
  assertEquals(next.tail, "        again");
  // One write beyond, and one that fits to the byte.
  for (const text of ["x".repeat(5000), "x".repeat(100)]) {
    const whole = new Disk();
    new WorkerLog(whole, 0, 100).write(bytes(text));
    assertEquals(whole.text, `${"x".repeat(100)}${END}`);
  }
});

Deno.test("a log's tail is the process's last lines, of bounded length, also of what the file did not take", () => {
  const disk = new Disk();
  const log = new WorkerLog(disk, 0, 10);
  assertEquals(log.tail, "        ");
  for (let i = 0; i < 1000; i++) log.write(bytes(`${i}\n`));
  assertEquals(log.tail, ["995", "996", "997", "998", "999"].map((line) => `        ${line}`).join("\n"));
  log.write(bytes("y".repeat(1_000_000)));
  assert(log.tail.length < 5000, `${log.tail.length}`);
  disk.room = 0;
  const full = new WorkerLog(disk, 0);
  assertThrows(() => full.write(bytes("its last words")), Error, "No space left");
  assertStringIncludes(full.tail, "its last words");
});

Deno.test(
  "a log's file is its user's alone, and goes on where it was",
  { ignore: fixtures.WITHOUT_FILES },
  async () => {
    using folder = fixtures.temporaryDirectory();
    const path = join(folder.path, "w1.log");
    for (const text of ["one\n", "two\n"]) {
      using log = await WorkerLog.open(path);
      log.write(bytes(text));
    }
    assertEquals(await Deno.readTextFile(path), "one\ntwo\n");
    assertEquals((await Deno.stat(path)).mode! & 0o777, 0o600);
    await Deno.truncate(path, LOG_LIMIT + 100);
    using log = await WorkerLog.open(path);
    log.write(bytes("three\n"));
    assertEquals((await Deno.stat(path)).size, LOG_LIMIT + 100);
  },
);
