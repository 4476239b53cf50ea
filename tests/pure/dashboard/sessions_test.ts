import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { Sessions } from "../../../coordinator/dashboard/sessions.ts";

const KEY = new Uint8Array(32).fill(7);

Deno.test("Sessions: a link opens once, and gives what lets see and what lets act", () => {
  const sessions = new Sessions(KEY, "run-1");
  const [link, other] = [sessions.makeLink(), sessions.makeLink()];
  assertNotEquals(link, other);
  const session = sessions.exchange(link)!;
  assertEquals(sessions.exchange(link), undefined);
  assert(sessions.maySee(session.cookie) && sessions.mayAct(session));
  const second = sessions.exchange(other)!;
  assert(!sessions.mayAct({ cookie: session.cookie, token: second.token }), "a token is of one cookie");
  assert(!sessions.mayAct({ cookie: session.cookie, token: session.cookie.split(".")[1]! }), "nor is the cookie one");
});

Deno.test("Sessions: a cookie outlives the process, for the same run and the same user", () => {
  const session = (() => {
    const sessions = new Sessions(KEY, "run-1");
    return sessions.exchange(sessions.makeLink())!;
  })();
  const resumed = new Sessions(KEY, "run-1");
  assert(resumed.maySee(session.cookie) && resumed.mayAct(session));
  assert(!new Sessions(KEY, "run-2").maySee(session.cookie));
  assert(!new Sessions(new Uint8Array(32), "run-1").maySee(session.cookie));
});

Deno.test("Sessions: nothing but what was given is let in, and of many links the newest stay", () => {
  const sessions = new Sessions(KEY, "run-1");
  const links = Array.from({ length: 17 }, () => sessions.makeLink());
  for (const wrong of ["", "0".repeat(64), links[1]!.slice(1), `${links[1]} `, links[0]!]) {
    assertEquals(sessions.exchange(wrong), undefined, wrong);
  }
  const { cookie } = sessions.exchange(links[1]!)!;
  for (const wrong of ["", ".", "a.b", cookie.slice(0, -1), `${cookie.slice(0, -1)}é`, cookie.replace(/^./, "x")]) {
    assert(!sessions.maySee(wrong), wrong);
  }
});
