import { assertEquals } from "@std/assert";
import { Preparation } from "../../../worker/preparation.ts";

const turn = () => new Promise((resolve) => setTimeout(resolve, 5));

Deno.test("a preparation that takes a while is told of by what it is at by then, and from then on by all it does", async () => {
  const told: string[] = [];
  using preparation = new Preparation((text) => told.push(text), 0);
  preparation.hear("planning");
  preparation.hear("compiling");
  assertEquals(told, []);
  await turn();
  assertEquals(told, ["compiling"]);
  preparation.hear("compiled");
  assertEquals(told, ["compiling", "compiled"]);
});

Deno.test("of a preparation that is over soon nothing is told, nor of what is done after it", async () => {
  const told: string[] = [];
  {
    using preparation = new Preparation((text) => told.push(text), 1);
    preparation.hear("compiling");
  }
  await turn();
  const over = new Preparation((text) => told.push(text), 0);
  over[Symbol.dispose]();
  over.hear("late");
  await turn();
  assertEquals(told, []);
});
