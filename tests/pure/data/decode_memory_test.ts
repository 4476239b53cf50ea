// How many images are decoded at once follows from what their headers say that they take.
import { assert, assertEquals } from "@std/assert";
import { decodeFiles, type ImageInput } from "../../../data/mod.ts";
import { pngHeader, pngOf } from "../../fixtures/bombs.ts";

/** A thread that answers after a while, and counts. */
class StandIn extends EventTarget {
  static busy = new Set<string>();
  static seen: string[] = [];

  postMessage({ name }: { readonly name: string }): void {
    StandIn.busy.add(name);
    StandIn.seen.push([...StandIn.busy].join("+"));
    setTimeout(() => {
      StandIn.busy.delete(name);
      this.dispatchEvent(new MessageEvent("message", { data: { unreadable: "made up" } }));
    }, 30);
  }

  terminate(): void {}
}

const inputOf = (name: string, side: number): ImageInput => {
  const bytes = pngOf(pngHeader({ width: side, height: side }));
  return { name, read: () => Promise.resolve(bytes) };
};

Deno.test("images that together take more memory than is allowed are decoded one after the other, others at once", async () => {
  const inputs = [inputOf("A", 6500), inputOf("B", 6500), ...["c", "d", "e", "f"].map((name) => inputOf(name, 50))];
  const { Worker } = globalThis;
  Object.assign(globalThis, { Worker: StandIn });
  try {
    const decoded = await Array.fromAsync(decodeFiles(inputs, { imageSize: 8, threads: 2 }));
    assertEquals(decoded.map(({ name }) => name), ["A", "B", "c", "d", "e", "f"]);
  } finally {
    Object.assign(globalThis, { Worker });
  }
  // Small ones go along with a large one, and with each other once it is done.
  assertEquals(StandIn.seen.filter((busy) => busy.includes("A")), ["A"]);
  assert(StandIn.seen.some((busy) => /[c-f]\+[c-f]/.test(busy)), `${StandIn.seen}`);
});
