// How a run that is broken off says that it can be gone on with.
import { assert, assertEquals } from "@std/assert";
import { trainFlags } from "../../../coordinator/commands/settings.ts";
import { withWayOn } from "../../../coordinator/commands/way_on.ts";
import { parseFlags } from "../../../shared/cli/flags.ts";
import { HerdError } from "../../../shared/errors.ts";

const POSITION = { key: { arm: "gc", seed: 0 }, epoch: 2, step: 3, steps: 9 } as const;
const RECORDER = { position: POSITION, isSafe: true, saved: "arm gc, epoch 2, step 3" };

function wayOn(args: readonly string[], isOfProgram: boolean, error: unknown = new HerdError("interrupted", "Ended")) {
  const { values: settings } = parseFlags(trainFlags, [...args]);
  return withWayOn(error, RECORDER, { folder: "runs/a b", seeds: [0], settings, isOfProgram });
}

Deno.test("a run is gone on with by a command, with what its folder is not trusted with", () => {
  const error = wayOn(["--data", "photos", "--workers", "3"], false);
  assert(error instanceof HerdError);
  assertEquals(
    error.message,
    "Ended at arm gc, epoch 2, step 3 of 9: go on with: deno task train --resume 'runs/a b' --data photos",
  );
});

Deno.test("one on images that a program has made is gone on with by the program", () => {
  const error = wayOn(["--data", "images-of-a-program"], true);
  assert(error instanceof HerdError);
  assertEquals(error.code, "interrupted");
  assertEquals(
    error.message,
    'Ended at arm gc, epoch 2, step 3 of 9: go on with: train({ resume: "runs/a b", data })',
  );
});

Deno.test("what would only come again, and a bug, is left as it is", () => {
  for (const error of [new HerdError("divergence", "Diverged"), new TypeError("a bug")]) {
    assertEquals(wayOn([], false, error), error);
  }
});
