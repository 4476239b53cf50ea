import { assertEquals } from "@std/assert";
import { ByteBudget, type Holder } from "../../../shared/byte_budget.ts";

function holders(budget: ByteBudget, ...names: string[]): { dropped: string[]; all: Holder[] } {
  const dropped: string[] = [];
  const all = names.map((name): Holder => {
    const holder = {
      drop() {
        dropped.push(name);
        budget.change(holder, -5); // what it lets go of later is not counted twice
      },
    };
    return holder;
  });
  return { dropped, all };
}

Deno.test("ByteBudget drops whoever has moved nothing for the longest time, and no more than must be", () => {
  const budget = new ByteBudget(30);
  const { dropped, all: [a, b, c, d] } = holders(budget, "a", "b", "c", "d");
  budget.change(a!, 10);
  budget.change(b!, 10);
  budget.change(c!, 10);
  assertEquals([budget.total, dropped], [30, []]);
  budget.renew(a!); // it has moved something
  budget.change(d!, 1);
  assertEquals([budget.total, dropped], [21, ["b"]]);
  budget.change(c!, -10);
  budget.change(c!, 8); // it had nothing meanwhile, so it counts from now on
  budget.change(d!, 2);
  assertEquals([budget.total, dropped], [21 - 10 + 8 + 2, ["b"]]);
  budget.change(b!, 10);
  assertEquals([budget.total, dropped], [21, ["b", "a"]]);
  budget.release(a!);
  budget.renew(a!);
  assertEquals(budget.total, 21);
});

Deno.test("ByteBudget drops even the one that is too large alone, and counts to zero", () => {
  const budget = new ByteBudget(30);
  const { dropped, all: [a, b] } = holders(budget, "a", "b");
  budget.change(a!, 31);
  assertEquals([budget.total, dropped], [0, ["a"]]);
  budget.change(b!, 30);
  budget.change(b!, -30);
  assertEquals(budget.total, 0);
});
