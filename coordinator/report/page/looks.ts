// How arms look in the charts: a colour, a dash and a shape each, so that none is told by its colour alone. Grey for
// the one that nothing was done to; blue and orange stay apart for all common kinds of colour blindness.
import type { ArmName } from "../../events/mod.ts";
import { named } from "./channels.ts";

/** Colours of the page, which knows light, dark and print. */
export const COLOURS: Readonly<Record<ArmName, string>> = {
  "no-gc": "var(--no-gc)",
  gc: "var(--gc)",
  "gc-update": "var(--gc-update)",
};

/** The channels of a field `arm`. */
export const BY_ARM = {
  color: named("arm", COLOURS),
  strokeDash: named("arm", { "no-gc": [1, 0], gc: [7, 3], "gc-update": [2, 2.5] }),
  shape: named("arm", { "no-gc": "circle", gc: "square", "gc-update": "triangle-up" }),
};
