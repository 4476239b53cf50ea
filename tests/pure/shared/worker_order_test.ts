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
  for (const order of [ORDER, whole]) {
    const line = workerOrderLine(order);
    assert(!line.includes("\n"), "it is one line");
    assertEquals(parseWorkerOrder(line), order);
  }
});

Deno.test("a worker's order that makes no sense is refused in a sentence that gives no secret away", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["a-secret-of-many-words", "got 22 characters that are not JSON"],
    ["[]", 'no text under "name"'],
    ["null", "no JSON object"],
    [JSON.stringify({ ...ORDER, url: undefined }), 'no text under "url"'],
    [JSON.stringify({ ...ORDER, cachePath: 3 }), 'no text under "cachePath"'],
  ];
  for (const [line, sentence] of cases) {
    const { code, message } = assertThrows(() => parseWorkerOrder(line), HerdError, sentence);
    assertEquals(code, "usage");
    assert(!message.includes(ORDER.token), message);
  }
});
