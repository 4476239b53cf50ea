// Whether the small batch that an epoch ends with decides on which side of 0.5 the test lies: RMSprop makes a whole step of it,
// towards the labels of a few images, and the test comes next.
import { batchesOf, labelsOf } from "../../coordinator/experiment/experiment.ts";
import { parseReport } from "../../coordinator/report/mod.ts";
import { readReportText } from "../../coordinator/storage/mod.ts";
import { HerdError } from "../../shared/errors.ts";
import { correlation, groupByShare, type Tested } from "./after_last_batch.ts";
import { openRunData } from "./run_data.ts";
import type { Findings } from "./support.ts";
import { logitOf } from "./test_quality.ts";

/**
 * Sets the test figures of every epoch of a run beside the labels of that epoch's last batch.
 * @param folder the run's
 * @throws {HerdError} usage, without a folder; data, if there is no binary run in it
 */
export async function lastBatch(folder: string | undefined): Promise<Findings> {
  if (folder === undefined) throw new HerdError("usage", "last-batch needs --run FOLDER: that of a run");
  const { numeric, split } = await openRunData(folder);
  const { arms, dataset } = parseReport(await readReportText(folder), folder);
  const experiment = { config: numeric, train: split("train") };
  let size = 0;
  const tests: Tested[] = [];
  for (const { arm, seed, role, epochs } of arms) {
    if (role !== null) continue; // it may see another order
    for (const { epoch, testAccuracy, testAuc, testMeanProbability } of epochs) {
      if (testAuc === null || testMeanProbability === null) continue; // not known, or not binary
      const ids = batchesOf(experiment, { key: { arm, seed }, epoch }).at(-1)!;
      size = ids.length;
      const positives = labelsOf(experiment.train, ids).filter((label) => label === 1).length;
      tests.push({
        share: positives / size,
        accuracy: testAccuracy,
        auc: testAuc,
        meanProbability: testMeanProbability,
      });
    }
  }
  if (tests.length === 0) {
    throw new HerdError("data", `${folder} has no epoch of a binary model: there is nothing to see`);
  }
  const groups = groupByShare(tests);
  const r = correlation(tests.map(({ share }) => share), tests.map(({ meanProbability }) => logitOf(meanProbability)));
  const one = Object.keys(dataset.classes)[1] ?? "class 1";
  return {
    title: `Tests after epochs whose last batch has ${size} images, by the share of ${one} in it: ${folder}`,
    columns: ["share", "tests", "mean p", "least to greatest", "accuracy", "at chance", "AUC"],
    rows: groups.map(({ share, tests, meanProbability, least, greatest, accuracy, atChance, auc }) => [
      share,
      `${tests}`,
      meanProbability.toFixed(3),
      `${least.toFixed(3)} to ${greatest.toFixed(3)}`,
      accuracy.toFixed(3),
      `${atChance}`,
      auc.toFixed(3),
    ]),
    notes: ["", `correlation of the share with the logit of mean p: ${r.toFixed(2)}`],
    data: { folder, lastBatch: size, groups, correlation: r },
  };
}
