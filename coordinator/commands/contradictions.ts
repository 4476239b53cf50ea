// Flags of an experiment that contradict each other, refused before anything is fetched.
import { HerdError } from "../../shared/errors.ts";
import type { Settings } from "./settings.ts";

/** @throws {HerdError} usage, naming the flags and what to do */
export function refuseContradictions(
  { seed, seeds, arms, learningRate, control, protocol, optimizer, momentum, nesterov, gcScope, gcScale }: Settings,
): void {
  const refuse = (text: string) => new HerdError("usage", text);
  const last = seed + seeds - 1;
  if (last > 0xffffffff) throw refuse(`--seed ${seed} --seeds ${seeds} goes beyond 4294967295: give a smaller --seed`);
  if (optimizer === "adam" && momentum !== 0) {
    throw refuse(`--momentum ${momentum} is of rmsprop and sgd, and adam has its own: give one of them`);
  }
  if (nesterov && (optimizer !== "sgd" || momentum === 0)) {
    throw refuse("--nesterov looks ahead along the momentum of sgd: give --optimizer sgd and a --momentum above 0");
  }
  const centralizes = arms.some((arm) => arm !== "no-gc");
  if (!centralizes && (gcScope !== "all" || gcScale !== 1)) {
    throw refuse("--gc-scope and --gc-scale are of arms that centralize: give gc or gc-update among --arms");
  }
  const isSimple = arms.length === 2 && seeds === 1 && learningRate.length === 1 && !control;
  if (protocol === "as-published" && !isSimple) {
    const why = "has two arms, one seed, one rate and no controls";
    throw refuse(`--protocol as-published ${why}: leave --arms, --seeds, --learning-rate and --control as they are`);
  }
}
