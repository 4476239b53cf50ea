import { assertEquals } from "@std/assert";
import { DeviceLost } from "../../../worker/device_lost.ts";
import { DeviceLosses } from "../../../worker/device_losses.ts";

const ERROR = new DeviceLost("The WebGPU device X was lost (destroyed)");

Deno.test("a device that is lost is replaced twice; then an engine that nobody named falls back, a named one ends", () => {
  for (const fallsBack of [true, false]) {
    const losses = new DeviceLosses();
    const after = [0, 7, 7].map((step) => losses.add(ERROR, { step, fallsBack }));
    assertEquals(after.map(({ text }) => text), [
      "The WebGPU device X was lost (destroyed) before the worker was ready; joining again with a new device (1 of 3)",
      "The WebGPU device X was lost (destroyed) in step 7; joining again with a new device (2 of 3)",
      `The WebGPU device X was lost (destroyed) in step 7, for the third time${
        fallsBack ? "; joining again with the simd engine" : ": look at the GPU's driver, or use another --backend"
      }`,
    ]);
    assertEquals(after.map(({ next }) => next), ["again", "again", fallsBack ? "simd" : "end"]);
  }
});
