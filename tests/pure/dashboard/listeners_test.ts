import { assertEquals } from "@std/assert";
import { Listeners, type Stream } from "../../../coordinator/dashboard/listeners.ts";

/** A stream whose reader reads when it is told to. */
function streamOf() {
  const said: string[] = [];
  let close = () => {};
  const stream = {
    writableLength: 0,
    isDropped: false,
    said,
    write(text: string) {
      said.push(text);
      return true;
    },
    end(done: () => void) {
      done();
    },
    destroy() {
      stream.isDropped = true;
      close();
    },
    on(name: string, then: () => void) {
      if (name === "close") close = then;
    },
  };
  return { ...{ stream }, asStream: stream as unknown as Stream };
}

Deno.test("Listeners: one that is behind misses what comes, is told everything then, and is dropped if it stays behind", () => {
  let now = 0;
  let empty = 0;
  const listeners = new Listeners(() => empty++, 30_000, () => now);
  const [quick, slow] = [streamOf(), streamOf()];
  listeners.add(quick.asStream, "all");
  listeners.add(slow.asStream, "all");
  const tell = (news: string) => listeners.tell(news, () => "all again");
  tell("a");
  slow.stream.writableLength = 5;
  for (now of [1_000, 10_000]) tell("b");
  slow.stream.writableLength = 0;
  tell("c");
  slow.stream.writableLength = 5;
  now = 11_000;
  tell("d");
  now = 40_999;
  tell("e");
  assertEquals([slow.stream.isDropped, listeners.count], [false, 2]);
  now = 41_000;
  tell("f");
  assertEquals([slow.stream.isDropped, listeners.count, empty], [true, 1, 0]);
  const heard = (of: typeof quick) => of.stream.said.flatMap((text) => text.match(/"[a-z ]+"/g) ?? []);
  assertEquals(heard(quick), ['"all"', '"a"', '"b"', '"b"', '"c"', '"d"', '"e"', '"f"']);
  assertEquals(heard(slow), ['"all"', '"a"', '"all again"']);
  quick.stream.destroy();
  assertEquals(empty, 1);
});

Deno.test("Listeners: what could turn a text round, or feign a line, is made visible", () => {
  const listeners = new Listeners(() => {}, 30_000);
  const { stream, asStream } = streamOf();
  listeners.add(asStream, { log: [{ text: "a\u202eb\n\nevent: news" }] });
  const [, data] = /\ndata: (.*)\n\n$/.exec(stream.said[0]!)!;
  assertEquals(JSON.parse(data!), { log: [{ text: "a\\u202eb\\u000a\\u000aevent: news" }] });
});

Deno.test("Listeners: there is room for so many, and all are ended at the end", async () => {
  const listeners = new Listeners(() => {}, 30_000);
  const streams = Array.from({ length: 16 }, streamOf);
  for (const { asStream } of streams) {
    assertEquals(listeners.hasRoom, true);
    listeners.add(asStream, {});
  }
  assertEquals(listeners.hasRoom, false);
  await listeners.close();
  assertEquals(streams.every(({ stream }) => stream.isDropped), true);
});
