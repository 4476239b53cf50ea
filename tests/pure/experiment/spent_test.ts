import { assertEquals } from "@std/assert";
import { Meter, NOTHING_SPENT, secondsOf } from "../../../coordinator/experiment/spent.ts";

/** A meter with a clock and traffic that are set by hand. */
function meterOf() {
  const traffic = { up: 0, down: 0 };
  let now = 0;
  const meter = new Meter({ traffic }, () => now);
  return { meter, traffic, pass: (seconds: number) => void (now += 1000 * seconds) };
}

Deno.test("Meter: the first step of a process is not timed, and counts as the others of its epoch did", () => {
  const { meter, pass } = meterOf();
  meter.begin(NOTHING_SPENT);
  pass(10); // everything warms up
  let spent = meter.step(8);
  assertEquals([spent.timedImages, secondsOf(8, spent)], [0, 10]); // all that is known so far
  pass(2);
  spent = meter.step(8);
  assertEquals([spent.timedImages, secondsOf(16, spent)], [8, 4]);
  pass(1);
  spent = meter.step(4);
  assertEquals([spent.timedImages, secondsOf(20, spent)], [12, 5]);
  // The next epoch is timed from its first step; what passes between epochs is in none.
  pass(100);
  meter.begin(NOTHING_SPENT);
  pass(2);
  assertEquals(secondsOf(8, meter.step(8)), 2);
});

Deno.test("Meter: an epoch that goes on in another process adds up, without that process's first step", () => {
  const first = meterOf();
  first.meter.begin(NOTHING_SPENT);
  first.pass(9);
  first.meter.step(8);
  first.pass(2);
  const before = first.meter.step(8);
  const { meter, pass } = meterOf();
  meter.begin(before);
  pass(9);
  assertEquals(secondsOf(24, meter.step(8)), 6);
  pass(4);
  const spent = meter.step(8);
  assertEquals([spent.timedImages, secondsOf(32, spent)], [16, 12]);
});

Deno.test("Meter: where every step of an epoch is the first of a process, their time counts after all", () => {
  let spent = NOTHING_SPENT;
  for (const seconds of [3, 4]) {
    const { meter, pass } = meterOf();
    meter.begin(spent);
    pass(seconds);
    spent = meter.step(8);
  }
  assertEquals([spent.timedImages, secondsOf(16, spent)], [0, 7]);
});

Deno.test("Meter: traffic is that of the epoch, in all processes, to the end of its test", () => {
  const { meter, traffic } = meterOf();
  Object.assign(traffic, { up: 100, down: 200 }); // of another epoch
  meter.begin({ ...NOTHING_SPENT, bytesUp: 5, bytesDown: 6 });
  Object.assign(traffic, { up: 110, down: 220 });
  const step = meter.step(8);
  assertEquals([step.bytesUp, step.bytesDown], [15, 26]);
  Object.assign(traffic, { up: 111, down: 222 });
  const { bytesUp, bytesDown } = meter.total();
  assertEquals([bytesUp, bytesDown], [16, 28]);
});
