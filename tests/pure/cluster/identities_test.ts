import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { Exclusions } from "../../../coordinator/cluster/exclusions.ts";
import { Identities } from "../../../coordinator/cluster/identities.ts";

const knowing = (name: string, secret = "") => ({ name, knows: (asked: string) => asked === secret });

Deno.test("Identities gives numbers to those that are new, and knows them by their secrets", () => {
  const identities = new Identities(undefined, () => false);
  const [first, second] = [identities.welcome(""), identities.welcome("")];
  assertEquals([first.name, second.name], ["r1", "r2"]);
  assertEquals(identities.recognize(knowing("r1", first.secret)), first);
  for (const claim of [knowing("r1"), knowing("r1", second.secret), knowing("r3"), knowing("")]) {
    assertEquals(identities.recognize(claim), undefined);
  }
  // A name from an earlier coordinator of the run, where it is free.
  assertEquals(identities.welcome("r7").name, "r7");
  for (const wish of ["r7", "r1", "w1", "r0", "r01", "r12345678", "__proto__"]) {
    assert(["r3", "r4", "r5", "r6", "r8", "r9", "r10"].includes(identities.welcome(wish).name), wish);
  }
});

Deno.test("Identities keeps a launcher's names for the process that was started last", () => {
  const identities = new Identities(undefined, () => false);
  const old = identities.expect("w1", { isOwn: true });
  assertEquals(identities.recognize(knowing("w1", old))?.isOwn, true);
  assertEquals(identities.hadOutsiders, false);
  const now = identities.expect("w1", { isOwn: false });
  assertNotEquals(now, old);
  assertEquals(identities.recognize(knowing("w1", old)), undefined);
  assertEquals(identities.recognize(knowing("w1", now))?.isOwn, false);
  for (const name of ["w1", "w99", "localhost", "r0"]) assert(identities.isReserved(name), name);
  for (const name of ["", "r1", "r999999"]) assert(!identities.isReserved(name), name);
});

Deno.test("Identities remembers a launched worker's exclusions beyond its processes, and its strikes within one", () => {
  const identities = new Identities(undefined, () => false);
  const process = () => identities.recognize(knowing("w1", identities.expect("w1", { isOwn: true })))!.standing;
  for (let i = 0; i < 3; i++) {
    assertEquals(process().isExcluded, false);
    for (let k = 0; k < 3; k++) assertEquals(process().strike(false), false, "each process begins anew");
    const last = process();
    assertEquals([last.strike(false), last.strike(false), last.strike(false)], [false, false, true]);
  }
  assertEquals(process().isExcluded, true);
});

Deno.test("Identities forgets, of too many, those that came longest ago and are gone", () => {
  const here = new Set(["r1", "r2"]);
  const identities = new Identities(undefined, (name) => here.has(name), 10);
  const secret = identities.expect("w1", { isOwn: true });
  const secrets = Array.from({ length: 10 }, () => identities.welcome("").secret);
  identities.recognize(knowing("r3", secrets[2])); // it has come again since
  for (let i = 0; i < 2_000; i++) identities.welcome("");
  assertEquals(identities.size, 11);
  for (const name of ["r1", "r2"]) assert(identities.recognize(knowing(name, secrets[Number(name.slice(1)) - 1])));
  assertEquals(identities.recognize(knowing("r4", secrets[3])), undefined);
  assert(identities.recognize(knowing("w1", secret)), "a launcher's are not forgotten");
  // Who is here is never forgotten, however many they are.
  const crowd = new Identities(undefined, () => true, 10);
  for (let i = 0; i < 50; i++) crowd.welcome("");
  assertEquals(crowd.size, 50);
});

Deno.test("Exclusions keep newcomers of an address out for a while, longer each time, and of no other", () => {
  const exclusions = new Exclusions();
  assertEquals(exclusions.waitFor("192.0.2.1", 0), 0);
  exclusions.add("192.0.2.1", 0);
  assertEquals([exclusions.waitFor("192.0.2.1", 1_000), exclusions.waitFor("192.0.2.2", 1_000)], [59_000, 0]);
  assertEquals(exclusions.waitFor("192.0.2.1", 60_000), 0);
  exclusions.add("192.0.2.1", 100_000);
  assertEquals(exclusions.waitFor("::ffff:192.0.2.1", 100_000), 120_000);
  for (let i = 0; i < 50; i++) exclusions.add("2001:db8::1", 0);
  assertEquals(exclusions.waitFor("2001:db8::2", 0), 24 * 3_600_000);
  for (let i = 0; i < 1_000; i++) exclusions.add(`10.0.${i >> 8}.${i & 255}`, 0);
  assertEquals(exclusions.waitFor("192.0.2.1", 100_000), 0, "what is remembered is bounded");
});
