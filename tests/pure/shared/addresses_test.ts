import { assertEquals, assertThrows } from "@std/assert";
import { coordinatorUrl, isLoopback, joinAddress, networkOf } from "../../../shared/addresses.ts";
import { HerdError } from "../../../shared/errors.ts";

Deno.test("isLoopback() knows this machine's addresses, and no name that begins like one", () => {
  for (const host of ["127.0.0.1", "127.8.9.10", "::1", "localhost", "::ffff:127.0.0.1"]) {
    assertEquals(isLoopback(host), true, host);
  }
  for (const host of ["0.0.0.0", "::", "10.0.0.1", "127.example.org", "127.0.0.1.example.org", "::ffff:10.0.0.1"]) {
    assertEquals(isLoopback(host), false, host);
  }
});

Deno.test("joinAddress() puts IPv6 addresses in brackets", () => {
  assertEquals([joinAddress("::1", 7400), joinAddress("10.0.0.1", 7400)], ["[::1]:7400", "10.0.0.1:7400"]);
});

Deno.test("networkOf() takes the first 64 bits of an IPv6 address together", () => {
  assertEquals(networkOf("2001:db8:1:2:aaaa::1"), "2001:db8:1:2::/64");
  assertEquals(networkOf("2001:db8:1:2::7"), networkOf("2001:db8:1:2:3:4:5:6"));
  assertEquals(networkOf("2001:db8::1"), "2001:db8:0:0::/64");
  assertEquals(networkOf("fe80::1"), networkOf("fe80::2"));
  assertEquals([networkOf("::ffff:10.0.0.1"), networkOf("10.0.0.2")], ["10.0.0.1", "10.0.0.2"]);
});

Deno.test("coordinatorUrl() lets a token leave this machine encrypted, or when told to", () => {
  const careful = { insecure: false };
  for (const url of ["ws://127.0.0.1:7400", "ws://[::1]:7400", "ws://localhost:1/", "wss://10.0.0.1:7400"]) {
    assertEquals(coordinatorUrl(url, careful), url);
  }
  assertEquals(coordinatorUrl("ws://10.0.0.1:7400", { insecure: true }), "ws://10.0.0.1:7400");
  for (const url of ["ws://10.0.0.1:7400", "ws://[2001:db8::1]:7400", "ws://127.evil.example:7400"]) {
    const error = assertThrows(() => coordinatorUrl(url, careful), HerdError, "--insecure");
    assertEquals(error.code, "usage");
  }
  const bad = [
    "wss://a:99999",
    "ws://a,b:1",
    undefined,
    "",
    "http://h:1",
    "ws://h",
    "wss://user:secret@h:1",
    "wss://h:1/path",
    "wss://h:1?token=x",
  ];
  for (const url of bad) assertThrows(() => coordinatorUrl(url, careful), HerdError, "--connect must be");
});
