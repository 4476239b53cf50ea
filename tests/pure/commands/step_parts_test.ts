import { assertEquals } from "@std/assert";
import { stepParts } from "../../../coordinator/commands/step_parts.ts";
import { laps } from "../../../coordinator/experiment/spent.ts";
import { workerInfo } from "../../fixtures/events.ts";

const of = (seconds: Readonly<Record<string, number>>, sumSeconds: number) => ({
  members: Object.entries(seconds).map(([id, computeSeconds]) => workerInfo(id, { computeSeconds })),
  account: { leaves: {}, sumSeconds },
});

Deno.test("stepParts() takes the worker that computed longest in this step, and leaves the rest to waiting", () => {
  const cluster = of({ w1: 10, w2: 3 }, 0);
  const partsOf = stepParts(cluster);
  partsOf({ gradients: 20, update: 0, send: 0 });
  Object.assign(cluster, of({ w1: 11, w2: 5 }, 0.5));
  const parts = { compute: 2, wait: 0.5, sum: 0.5, update: 0.25, send: 0.125 };
  assertEquals(partsOf({ gradients: 3, update: 0.25, send: 0.125 }), parts);
  // w2 has begun anew; and nobody computes longer than has passed.
  Object.assign(cluster, of({ w1: 11.5, w2: 1 }, 0.5));
  assertEquals(partsOf({ gradients: 4, update: 0, send: 0 }).compute, 0.5);
  Object.assign(cluster, of({ w1: 99 }, 0.5));
  assertEquals(partsOf({ gradients: 1, update: 0, send: 0 }), { compute: 0.5, wait: 0, sum: 0.5, update: 0, send: 0 });
  Object.assign(cluster, of({}, 0));
  assertEquals(partsOf({ gradients: 1, update: 0, send: 0 }).compute, 0);
});

Deno.test("laps() tells what has passed since it was asked last", () => {
  const times = [1000, 1500, 1500, 4500];
  const lap = laps(() => times.shift()!);
  assertEquals([lap(), lap(), lap()], [0.5, 0, 3]);
});
