import { assert, assertEquals } from "@std/assert";
import { Doorkeeper, type DoorLimits, type Visitor } from "../../../coordinator/door/doorkeeper.ts";

const LIMITS: DoorLimits = {
  connections: 6,
  strangers: 3,
  strangerMs: 1_000,
  failures: 4,
  forgetMs: 100,
  addresses: 50,
  countLoopback: false,
};

interface Guest extends Visitor {
  dropped: boolean;
}

function guest(address = "10.0.0.1"): Guest {
  const it = { address, dropped: false, drop: () => void (it.dropped = true) };
  return it;
}

/** Comes without the token, and goes. */
function fail(door: Doorkeeper, address: string, now: number): boolean {
  const visitor = guest(address);
  const entered = door.enter(visitor, now);
  if (entered) door.leave(visitor, now);
  return entered;
}

Deno.test("Doorkeeper drops the oldest stranger for a new one, and nobody who knows the token", () => {
  const door = new Doorkeeper(LIMITS);
  const known = [guest(), guest()];
  for (const one of known) {
    assert(door.enter(one, 0));
    door.recognize(one);
  }
  const strangers = [guest(), guest(), guest(), guest()];
  for (const one of strangers) assert(door.enter(one, 0));
  assertEquals(strangers.map(({ dropped }) => dropped), [true, false, false, false]);
  assertEquals(known.map(({ dropped }) => dropped), [false, false]);
  assertEquals(strangers.map((one) => door.isStranger(one)), [false, true, true, true]);
});

Deno.test("Doorkeeper keeps to its number of connections", () => {
  const door = new Doorkeeper(LIMITS);
  const known = Array.from({ length: 6 }, () => guest());
  for (const one of known) {
    assert(door.enter(one, 0));
    door.recognize(one);
  }
  assertEquals(door.enter(guest(), 0), false);
  door.leave(known[0]!, 0);
  assertEquals(door.enter(guest(), 0), true);
});

Deno.test("Doorkeeper turns an address away after its failures, forgets them with time, and lets others in", () => {
  const door = new Doorkeeper(LIMITS);
  for (let i = 0; i < 4; i++) assert(fail(door, "10.0.0.1", 0));
  assertEquals(fail(door, "10.0.0.1", 0), false);
  assertEquals(fail(door, "10.0.0.1", 99), false);
  assertEquals(fail(door, "10.0.0.2", 99), true);
  assertEquals(fail(door, "10.0.0.1", 101), true);
  assertEquals(fail(door, "10.0.0.1", 101), false);
  assertEquals(fail(door, "10.0.0.1", 10_000), true);
});

Deno.test("Doorkeeper counts no failure of those who know the token, nor of this machine", () => {
  const door = new Doorkeeper(LIMITS);
  for (let i = 0; i < 20; i++) {
    const known = guest();
    assert(door.enter(known, 0));
    door.recognize(known);
    door.leave(known, 0);
    assert(fail(door, "127.0.0.1", 0));
  }
  const strict = new Doorkeeper({ ...LIMITS, countLoopback: true });
  assertEquals(Array.from({ length: 5 }, () => fail(strict, "127.0.0.1", 0)), [true, true, true, true, false]);
});

Deno.test("Doorkeeper takes an IPv6 network as one address, and remembers a bounded number of them", () => {
  const door = new Doorkeeper(LIMITS);
  for (let i = 0; i < 4; i++) assert(fail(door, `2001:db8::${i + 1}`, 0));
  assertEquals(fail(door, "2001:db8::99", 0), false);
  // Fifty others push the memory of it out: a bound on memory, at the price of a fresh start for the oldest.
  for (let i = 0; i < 50; i++) assert(fail(door, `10.0.1.${i}`, 0));
  assertEquals(fail(door, "2001:db8::99", 0), true);
});
