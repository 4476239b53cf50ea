import { assertEquals } from "@std/assert";
import { NOTHING_SPENT, secondsOf, Stopwatch } from "../../../coordinator/experiment/spent.ts";

/** A stopwatch with a clock and traffic that are set by hand. */
function stopwatchOf() {
  const traffic = { up: 0, down: 0 };
  let now = 0;
  const stopwatch = new Stopwatch({ traffic }, () => now);
  return { stopwatch, traffic, pass: (seconds: number) => void (now += 1000 * seconds) };
}

Deno.test("Stopwatch: the first step of a process is not timed, and counts as the others of its epoch did", () => {
  const { stopwatch, pass } = stopwatchOf();
  stopwatch.begin(NOTHING_SPENT);
  pass(10); // everything warms up
  let spent = stopwatch.step(8);
  assertEquals(secondsOf(spent), null);
  pass(2);
  spent = stopwatch.step(8);
  assertEquals(secondsOf(spent), 4);
  pass(1);
  spent = stopwatch.step(4);
  assertEquals(secondsOf(spent), 5);
  // The next epoch is timed from its first step; what passes between epochs is in none.
  pass(100);
  stopwatch.begin(NOTHING_SPENT);
  pass(2);
  assertEquals(secondsOf(stopwatch.step(8)), 2);
});

Deno.test("Stopwatch: an epoch that goes on in another process adds up, without that process's first step", () => {
  const first = stopwatchOf();
  first.stopwatch.begin(NOTHING_SPENT);
  first.pass(9);
  first.stopwatch.step(8);
  first.pass(2);
  const before = first.stopwatch.step(8);
  const { stopwatch, pass } = stopwatchOf();
  stopwatch.begin(before);
  pass(9);
  assertEquals(secondsOf(stopwatch.step(8)), 6);
  pass(4);
  const spent = stopwatch.step(8);
  assertEquals(secondsOf(spent), 12);
});

Deno.test("Stopwatch: a step that was not timed counts as equally large ones did, never as smaller ones", () => {
  const { stopwatch, pass } = stopwatchOf();
  stopwatch.begin(NOTHING_SPENT);
  pass(10);
  stopwatch.step(16);
  pass(0.5);
  // By the images it would be 0.5 · 19 / 3: more than six times what a small step takes, and nothing that was seen.
  assertEquals(secondsOf(stopwatch.step(3)), null);
  stopwatch.begin(NOTHING_SPENT);
  pass(1);
  stopwatch.step(16);
  pass(0.5);
  assertEquals(secondsOf(stopwatch.step(3)), 1.5);
});

Deno.test("Stopwatch: where every step of an epoch is the first of a process, nothing is known of their time", () => {
  let spent = NOTHING_SPENT;
  for (const seconds of [3, 4]) {
    const { stopwatch, pass } = stopwatchOf();
    stopwatch.begin(spent);
    pass(seconds);
    spent = stopwatch.step(8);
  }
  assertEquals(secondsOf(spent), null);
});

Deno.test("Stopwatch: traffic is that of the epoch, in all processes, to the end of its test", () => {
  const { stopwatch, traffic } = stopwatchOf();
  Object.assign(traffic, { up: 100, down: 200 }); // of another epoch
  stopwatch.begin({ ...NOTHING_SPENT, bytesUp: 5, bytesDown: 6 });
  Object.assign(traffic, { up: 110, down: 220 });
  const step = stopwatch.step(8);
  assertEquals([step.bytesUp, step.bytesDown], [15, 26]);
  Object.assign(traffic, { up: 111, down: 222 });
  const { bytesUp, bytesDown } = stopwatch.total();
  assertEquals([bytesUp, bytesDown], [16, 28]);
});
