import { assertEquals, assertThrows } from "@std/assert";
import type { Settings } from "../../../coordinator/commands/settings.ts";
import { EventBus } from "../../../coordinator/events/mod.ts";
import { HerdError } from "../../../shared/errors.ts";
import { ProgressLine } from "../../../shared/cli/progress_line.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("env", "read", "sys"); // ws, which the door is made of, reads the environment
const { refuseUnsafeDashboard, watchOf } = ignore
  ? {} as typeof import("../../../coordinator/commands/watch.ts")
  : await import("../../../coordinator/commands/watch.ts");
const { DEFAULT_SETTINGS } = ignore
  ? {} as typeof import("../../../coordinator/commands/settings.ts")
  : await import("../../../coordinator/commands/settings.ts");
const { runOptions } = ignore
  ? {} as typeof import("../../fixtures/run_options.ts")
  : await import("../../fixtures/run_options.ts");

const TERMINAL = new ProgressLine({ write() {}, columns: () => 80 });
const NO_TERMINAL = new ProgressLine(undefined);

/** Whether there is a dashboard. */
function isShown(settings: Partial<Settings>, progress: ProgressLine): boolean {
  const options = runOptions({ ...settings, workers: 1 }, {
    data: { cacheDir: "" },
    workerEntry: new URL("file:///worker/main.ts"),
  });
  const surroundings = { progress, complain() {} };
  const open = new AsyncDisposableStack();
  return watchOf(options, { surroundings, bus: new EventBus(), open, stop() {} }) !== undefined;
}

Deno.test("there is a dashboard where a person is at the terminal, or where it is asked for", { ignore }, () => {
  assertEquals(isShown({}, TERMINAL), true);
  assertEquals(isShown({}, NO_TERMINAL), false);
  for (const flag of ["quiet", "json", "noDashboard"] as const) {
    assertEquals(isShown({ [flag]: true }, TERMINAL), false, flag);
  }
  for (const flag of ["quiet", "json"] as const) {
    assertEquals(isShown({ [flag]: true, dashboard: "127.0.0.1:0" }, NO_TERMINAL), true, flag);
  }
});

Deno.test("a dashboard that is and is not wanted, or that others could read on the way, is refused", { ignore }, () => {
  const refused = (settings: Partial<Settings>, words: string) =>
    assertThrows(() => refuseUnsafeDashboard({ ...DEFAULT_SETTINGS, ...settings }), HerdError, words);
  refused({ dashboard: "127.0.0.1:0", noDashboard: true }, "--no-dashboard contradicts --dashboard: give one of them");
  refused({ dashboard: "7900" }, '--dashboard must be HOST:PORT: got "7900"');
  refused({ dashboard: "0.0.0.0:7900" }, "--dashboard 0.0.0.0:7900 can be reached from outside: give --tls-cert");
  for (const settings of [{}, { insecure: true }, { tlsCert: "cert.pem" }]) {
    const dashboard = Object.keys(settings).length === 0 ? "[::1]:0" : "0.0.0.0:7900";
    refuseUnsafeDashboard({ ...DEFAULT_SETTINGS, ...settings, dashboard });
  }
});
