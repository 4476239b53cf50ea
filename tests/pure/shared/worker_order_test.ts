import { assert, assertEquals, assertThrows } from "@std/assert";
import { HerdError } from "../../../shared/errors.ts";
import { parseWorkerOrder, type WorkerOrder, workerOrderLine } from "../../../shared/worker_order.ts";

const ORDER: WorkerOrder = {
  name: "w1",
  url: "ws://127.0.0.1:7400",
  token: "a-secret-of-many-words",
  secret: "another",
};

Deno.test("a worker's order is read as it was written, with and without what may be missing", () => {
  const whole = { ...ORDER, authority: "-----BEGIN CERTIFICATE-----\n…\n", cachePath: "/cache/a b.herd" };
  const relay = { ...ORDER, backend: "auto", relay: { workers: 2, joinTimeout: 600, workerTimeout: 300 } } as const;
  const gpus = { count: 2, tags: ["pci-0000_41_00_0", "pci-0000_61_00_0"] };
  const onGpus = { ...ORDER, relay: { gpus, joinTimeout: 600, workerTimeout: 300 } };
  for (const order of [ORDER, whole, relay, onGpus]) {
    const line = workerOrderLine(order);
    assert(!line.includes("\n"), "it is one line");
    assertEquals(parseWorkerOrder(line), order);
  }
});

Deno.test("a worker's order that makes no sense is refused in a sentence that gives no secret away", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["a-secret-of-many-words", "got 22 characters that are not JSON"],
    ["[]", 'nothing that fits under "name"'],
    ["null", "no JSON object"],
    [JSON.stringify({ ...ORDER, url: undefined }), 'nothing that fits under "url"'],
    [JSON.stringify({ ...ORDER, cachePath: 3 }), 'nothing that fits under "cachePath"'],
    [JSON.stringify({ ...ORDER, backend: "gpu" }), 'nothing that fits under "backend"'],
    [JSON.stringify({ ...ORDER, relay: { joinTimeout: 1 } }), 'nothing that fits under "relay.workerTimeout"'],
  ];
  for (const [line, sentence] of cases) {
    const { code, message } = assertThrows(() => parseWorkerOrder(line), HerdError, sentence);
    assertEquals(code, "usage");
    assert(!message.includes(ORDER.token), message);
  }
});
