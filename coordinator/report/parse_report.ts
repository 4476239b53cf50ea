// report.json read back: somebody else may have written it, so that nothing of it is believed before it is looked at.
import * as v from "valibot";
import { HerdError, messageOf } from "../../shared/errors.ts";
import { COMPRESSIONS } from "../../shared/half.ts";
import { ARM_NAMES, NO_CHECKS, NO_FAULTS } from "../events/mod.ts";
import type { Report } from "./report.ts";

const text = v.string();
const figure = v.number();
const arm = v.picklist(ARM_NAMES);
const pair = v.tuple([figure, figure]);

const dataset = v.looseObject({
  name: text,
  train: figure,
  test: figure,
  limit: v.nullable(figure),
  classes: v.record(text, pair),
  sha256: text,
  imageShape: v.tuple([figure, figure, figure]),
  fallback: v.boolean(),
  skipped: v.optional(v.object({ count: figure, files: v.array(text) }), { count: 0, files: [] }),
});
const epoch = v.looseObject({
  epoch: figure,
  loss: figure,
  accuracy: figure,
  testLoss: figure,
  testAccuracy: figure,
  seconds: v.nullable(figure),
  testSeconds: figure,
  imagesPerSecond: v.nullable(figure),
  bytesUp: figure,
  bytesDown: figure,
});
const armReport = v.looseObject({
  arm,
  seed: figure,
  weightsSha256: text,
  initialWeightsSha256: text,
  trainSeconds: v.nullable(figure),
  epochs: v.array(epoch),
});
const comparison = v.looseObject({
  metric: v.picklist(["loss", "accuracy", "testLoss", "testAccuracy", "seconds"]),
  baseline: arm,
  arm,
  pairs: figure,
  meanDifference: figure,
  ci95: v.nullable(pair),
  verdict: text,
});
const since = v.looseObject({ key: v.looseObject({ arm, seed: figure }), epoch: figure, step: figure, steps: figure });
const taint = v.looseObject({ worker: text, host: text, since });
const verification = v.looseObject({
  share: figure,
  compared: figure,
  impossible: figure,
  differing: figure,
  chanceToBeCaught: v.array(v.looseObject({ falsified: figure, onPurpose: figure, atRandom: figure })),
});
const worker = v.looseObject({ id: text, engine: text, adapter: text, host: text, imagesPerSecond: figure });

/** What a report does not know of, since it is older, was not there yet. */
const schema: v.GenericSchema<unknown, Report> = v.looseObject({
  complete: v.boolean(),
  dataset,
  model: v.looseObject({ name: text, parameters: figure }),
  engine: v.looseObject({ name: text, fingerprint: text, adapter: text }),
  compress: v.optional(v.picklist(COMPRESSIONS), "none"),
  compressGradients: v.optional(v.boolean(), false),
  bitIdentical: v.boolean(),
  faults: v.pipe(
    v.optional(v.record(text, figure), {}),
    v.transform((counts) => ({ ...NO_FAULTS, ...counts })),
  ),
  workers: v.array(worker),
  verification: v.optional(verification, { share: 0, ...NO_CHECKS, chanceToBeCaught: [] }),
  taints: v.optional(v.array(taint), []),
  arms: v.array(armReport),
  comparison: v.array(comparison),
});

/**
 * Reads a report back.
 * @throws {HerdError} data, if it is not one, saying in what
 */
export function parseReport(text: string, path: string): Report {
  let why: string;
  try {
    const result = v.safeParse(schema, JSON.parse(text));
    if (result.success) return result.output;
    const [issue] = result.issues;
    why = `${v.getDotPath(issue) ?? "the whole"}: ${issue.message.slice(0, 200)}`;
  } catch (error) {
    why = messageOf(error);
  }
  throw new HerdError("data", `${path} is not a report of a run (${why}): give the folder of one`);
}
