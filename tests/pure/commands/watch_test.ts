import { assertEquals, assertThrows } from "@std/assert";
import { DEFAULT_SETTINGS, type Settings } from "../../../coordinator/commands/settings.ts";
import { refuseUnsafeDashboard, watchOf } from "../../../coordinator/commands/watch.ts";
import { EventBus } from "../../../coordinator/events/mod.ts";
import { HerdError } from "../../../shared/errors.ts";
import { ProgressLine } from "../../../shared/cli/progress_line.ts";
import { runOptions } from "../../fixtures/run_options.ts";

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

Deno.test("there is a dashboard where a person is at the terminal, or where it is asked for", () => {
  assertEquals(isShown({}, TERMINAL), true);
  assertEquals(isShown({}, NO_TERMINAL), false);
  for (const flag of ["quiet", "json", "noDashboard"] as const) {
    assertEquals(isShown({ [flag]: true }, TERMINAL), false, flag);
  }
  for (const flag of ["quiet", "json"] as const) {
    assertEquals(isShown({ [flag]: true, dashboard: "127.0.0.1:0" }, NO_TERMINAL), true, flag);
  }
});

Deno.test("a dashboard that is and is not wanted, or that others could read on the way, is refused", () => {
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
