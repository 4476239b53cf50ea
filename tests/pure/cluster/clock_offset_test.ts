import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { ClockOffset } from "../../../coordinator/cluster/clock_offset.ts";

Deno.test("ClockOffset: the middle of the shortest round trip, and half of it is how far that may be off", () => {
  const clock = new ClockOffset();
  assertEquals([clock.offset, clock.errorAt(0)], [undefined, Infinity]);
  clock.add({ asked: 1000, told: 500, heard: 1100 });
  assertEquals([clock.offset, clock.errorAt(1100)], [550, 50]);
  clock.add({ asked: 2000, told: 1490, heard: 2040 });
  assertEquals([clock.offset, clock.errorAt(2040)], [530, 20]);
  clock.add({ asked: 3000, told: 2800, heard: 3400 });
  assertEquals(clock.offset, 530, "a long one says less");
});

Deno.test("ClockOffset: what was measured long ago is worth less and less, as clocks drift", () => {
  const clock = new ClockOffset();
  clock.add({ asked: 0, told: 0, heard: 20 });
  const later = 20 + 10e6;
  assertEquals(clock.errorAt(later), 10 + 1000);
  clock.add({ asked: later - 1800, told: later - 900, heard: later });
  assertEquals(clock.errorAt(later), 900);
});

/** The ways there and back of a round trip, and the time before it; in microseconds. */
const trips = fc.array(
  fc.record({ pause: fc.nat(60e6), out: fc.nat(100_000), back: fc.nat(100_000) }),
  { minLength: 1, maxLength: 30 },
);

Deno.test("ClockOffset: whatever the ways take, and however clocks drift within their bounds, it is off by no more than it says", () => {
  const rates = fc.double({ min: -100e-6, max: 100e-6, noNaN: true });
  fc.assert(fc.property(trips, fc.integer({ min: -1e9, max: 1e9 }), rates, (trips, begin, rate) => {
    const worker = (now: number) => begin + now * (1 + rate);
    const clock = new ClockOffset();
    let now = 0;
    for (const { pause, out, back } of trips) {
      now += pause;
      clock.add({ asked: now, told: worker(now + out), heard: now + out + back });
      now += out + back;
      assert(Math.abs(now - worker(now) - clock.offset!) <= clock.errorAt(now) + 100e-6 * 100_000 + 1e-3);
    }
  }));
});
