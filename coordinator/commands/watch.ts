// The dashboard of a run: whether there is one, where, and who hears of its link.
import { isLoopback } from "../../shared/addresses.ts";
import type { Console } from "../../shared/cli/console.ts";
import { HerdError } from "../../shared/errors.ts";
import { Dashboard } from "../dashboard/mod.ts";
import type { EventBus } from "../events/mod.ts";
import { parseAddress } from "./listen_address.ts";
import type { RunOptions, Watch } from "./run_options.ts";
import type { Settings } from "./settings.ts";

/** Where it is if nobody says so, and a person is at the terminal. */
const USUAL = "127.0.0.1:0";

/** @throws {HerdError} usage, for a dashboard that is and is not wanted, or that others could read on the way */
export function refuseUnsafeDashboard({ dashboard, noDashboard, insecure, tlsCert }: Settings): void {
  if (dashboard === undefined) return;
  if (noDashboard) throw new HerdError("usage", "--no-dashboard contradicts --dashboard: give one of them");
  const { hostname } = parseAddress(dashboard, "--dashboard");
  if (isLoopback(hostname) || insecure || tlsCert !== undefined) return;
  const remedy =
    "give --tls-cert and --tls-key, say --insecure in a network that you trust, or leave it on 127.0.0.1 and " +
    "reach it by ssh -L";
  throw new HerdError("usage", `--dashboard ${dashboard} can be reached from outside: ${remedy}`);
}

/**
 * Opens the dashboard when the run begins; undefined for none. The link goes to stderr: stdout may be kept.
 * @param open what is closed when the run is over and has said so
 * @param stop ends the run, as Ctrl-C does
 */
export function watchOf(
  { settings, tls, data: { cacheDir } }: RunOptions,
  { surroundings: { complain, progress }, bus, open, stop }: {
    readonly surroundings: Pick<Console, "complain" | "progress">;
    readonly bus: EventBus;
    readonly open: AsyncDisposableStack;
    stop(): void;
  },
): Watch | undefined {
  const { dashboard, noDashboard, quiet, json } = settings;
  const isUsual = progress.isWatched && !quiet && !json && !noDashboard;
  if (dashboard === undefined && !isUsual) return undefined;
  const address = parseAddress(dashboard ?? USUAL, "--dashboard");
  const encrypted = isLoopback(address.hostname) ? undefined : tls;
  return async ({ runId, silences }) => {
    const shown = open.use(await Dashboard.start({ address, tls: encrypted, runId, bus, cacheDir, silences, stop }));
    progress.clear();
    complain(`Dashboard ${shown.link} (opens once; the page gives further links)`);
  };
}
