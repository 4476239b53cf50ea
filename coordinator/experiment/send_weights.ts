// How a training's weights go out to the workers: exact at an epoch's edges, else as the run compresses them.
import { allFinite } from "../../shared/sums.ts";
import { HerdError } from "../../shared/errors.ts";
import { describePosition } from "../events/mod.ts";
import { compensate } from "./error_feedback.ts";
import { type Experiment, rateOf, type StepComputer, stepsOf } from "./experiment.ts";
import { standOf } from "./position.ts";
import type { Training } from "./training.ts";

/**
 * Sends a training's weights for what comes next. Between an epoch's last step and the next one's first they are exact: the
 * test's figures are those of the weights that are kept, and need not be sent again after it.
 * @returns the training's residual once its next step is done: until then, whoever goes on from it sends the same bits again
 * @throws {HerdError} divergence, if a weight is beyond the format: fp16 ends at 65504
 */
export async function sendWeights(
  computer: StepComputer,
  experiment: Experiment,
  training: Training,
): Promise<Float32Array | undefined> {
  const { config, config: { compute: { compress } }, seeds } = experiment;
  const { key, weights, residual, current } = training;
  const betweenEpochs = current.steps % stepsOf(experiment) === 0;
  if (compress === "none" || residual === undefined || betweenEpochs) {
    await computer.setWeights(weights, "none");
    return residual;
  }
  const next = compensate(weights, residual, compress);
  if (!allFinite(next.sent)) {
    const where = `in ${describePosition(standOf(experiment, training), seeds)}`;
    const remedy = `try --compress none, or a --learning-rate below ${rateOf(key, config)}`;
    throw new HerdError("divergence", `A weight has become too large for --compress ${compress} ${where}: ${remedy}`);
  }
  await computer.setWeights(next.sent, compress);
  return next.residual;
}
