import { assertEquals } from "@std/assert";
import { isForeignPage } from "../../../coordinator/door/origin.ts";

const CLEAR = { hostname: "trainer.lan", isSecure: false };
const SECURE = { hostname: "0.0.0.0", isSecure: true };

Deno.test("isForeignPage() lets in the coordinator's own pages, and what is no browser", () => {
  for (
    const host of ["192.0.2.1:7400", "[2001:db8::1]:7400", "localhost:7400", "trainer.lan:7400", "TRAINER.lan:7400"]
  ) {
    assertEquals(isForeignPage({ origin: `http://${host.toLowerCase()}`, host }, CLEAR), false, host);
  }
  assertEquals(isForeignPage({ origin: "https://192.0.2.1:7400", host: "192.0.2.1:7400" }, SECURE), false);
  assertEquals(isForeignPage({ origin: "https://192.0.2.1", host: "192.0.2.1:443" }, SECURE), false);
  for (const host of [undefined, "", "evil.example", "herd-coordinator:7400"]) {
    assertEquals(isForeignPage({ host }, CLEAR), false);
  }
});

Deno.test("isForeignPage() keeps other pages out, whatever name they have for the coordinator", () => {
  const foreign: readonly (readonly [string, string | undefined])[] = [
    ["http://evil.example", "192.0.2.1:7400"],
    ["http://evil.example:7400", "evil.example:7400"],
    ["http://127.0.0.1.evil.example:7400", "127.0.0.1.evil.example:7400"],
    ["http://trainer.lan.evil.example:7400", "trainer.lan.evil.example:7400"],
    ["http://localhost.evil.example:7400", "localhost.evil.example:7400"],
    ["http://localhost:7401", "localhost:7400"],
    ["https://localhost:7400", "localhost:7400"],
    ["http://localhost:7400/", "localhost:7400"],
    ["http://me@localhost:7400", "me@localhost:7400"],
    ["null", "localhost:7400"],
    ["", "localhost:7400"],
    ["http://localhost:7400", undefined],
    ["http://localhost:7400", "a b"],
  ];
  for (const [origin, host] of foreign) assertEquals(isForeignPage({ origin, host }, CLEAR), true, `${origin} ${host}`);
});
