// `deno task worker`: serves a coordinator on another machine, alone or as a relay of several workers.
import { dataEnvironment } from "../../data/mod.ts";
import { coordinatorUrl } from "../../shared/addresses.ts";
import { readAuthority } from "../../shared/certificates.ts";
import { type Command, command, commonFlags } from "../../shared/cli/command.ts";
import { choice, number, text, toggle } from "../../shared/cli/flags.ts";
import { readToken } from "../../shared/cli/token_file.ts";
import { BACKENDS } from "../../shared/engine_names.ts";
import { HerdError } from "../../shared/errors.ts";
import type { OrderComputer } from "../../shared/order_computer.ts";
import { chooseEngine, localWorkers } from "../engines.ts";
import { runRemoteWorker } from "../remote.ts";
import type { JoinedRun } from "../session.ts";

const workerFlags = {
  connect: text("URL", "wss://HOST:PORT of the coordinator; ws:// if it is without TLS", undefined),
  "token-file": text("FILE", "file with the token that workers must know", undefined),
  "tls-ca": text("FILE", "certificate (PEM) that signs the coordinator's, or is it", undefined),
  insecure: toggle("connect to another machine without TLS: all but the token can be read and changed on the way"),
  backend: choice(BACKENDS, "engine [the coordinator's wish]; auto: the best here", undefined),
  relay: toggle("start several workers here that share one connection: weights come once to this machine"),
  workers: number({ help: "of a relay", min: 1, max: 64, shown: "1 on a GPU, else one a core" }, undefined),
  "join-timeout": number({ help: "seconds that a relay waits for its workers at first, then exit 4", min: 1 }, 600),
  "worker-timeout": number({ help: "seconds that a relay waits when no worker is left, then exit 4", min: 1 }, 300),
  ...commonFlags,
};

/** The flags that only a relay has a use for. */
const OF_A_RELAY = { workers: "workers", "join-timeout": "joinTimeout", "worker-timeout": "workerTimeout" } as const;

/** A relay: the workers of this machine as one, which end when it is disposed of. */
export interface Relay extends AsyncDisposable {
  /** Waits until they are ready. @throws {HerdError} cluster, if they do not become so */
  prepare(run: JoinedRun & { readonly cachePath: string; readonly workers: number }): Promise<OrderComputer>;
}

/** What the user of a relay decides, and where its workers' processes come from. */
export interface RelaySettings {
  /** In seconds. */
  readonly joinTimeout: number;
  /** In seconds. */
  readonly workerTimeout: number;
  /** Herd's cache folder. */
  readonly cacheDir: string;
  /** Receives lines for people. */
  log(text: string): void;
}

/** The command that serves a coordinator. @param startRelay makes the workers behind a relay, at first none */
export function workerCommand({ startRelay }: { startRelay(settings: RelaySettings): Relay }): Command {
  return command({
    summary: "Serve a coordinator on another machine",
    usage: "--connect URL --token-file FILE [--relay]",
    flags: workerFlags,
    async run({ values: flags, given }, { print, environment }) {
      for (const [flag, name] of Object.entries(OF_A_RELAY)) {
        if (flags.relay || !given.has(flag)) continue;
        throw new HerdError("usage", `--${flag} ${flags[name]} is for a relay: give --relay too`);
      }
      const url = coordinatorUrl(flags.connect, flags);
      if (flags.tlsCa !== undefined && !url.startsWith("wss:")) {
        throw new HerdError("usage", `--tls-ca is for a coordinator at wss://HOST:PORT: got --connect ${url}`);
      }
      if (flags.tokenFile === undefined) {
        throw new HerdError("usage", "--token-file is missing: give the coordinator's token file");
      }
      const token = await readToken(flags.tokenFile);
      const authority = flags.tlsCa === undefined ? undefined : await readAuthority(flags.tlsCa);
      const { cacheDir } = dataEnvironment(environment);
      const chosen = flags.backend === undefined ? {} : { backend: flags.backend };
      const told = { url, token, authority, ...chosen, cacheDir, log: print };
      // Whatever a coordinator may bring the worker to do, it is not to start programs; a relay starts its own workers only.
      await Deno.permissions.revoke({ name: "ffi" });
      // No signal handlers: a worker has nothing to save, and could not hear them in the middle of a leaf.
      if (!flags.relay) {
        await Deno.permissions.revoke({ name: "run" });
        return await runRemoteWorker(told);
      }
      const { joinTimeout, workerTimeout } = flags;
      await using relay = startRelay({ joinTimeout, workerTimeout, cacheDir, log: print });
      await runRemoteWorker({
        ...told,
        async prepare(run, cachePath) {
          const { name: backend } = await chooseEngine(run.backend);
          return await relay.prepare({ ...run, cachePath, backend, workers: flags.workers ?? localWorkers(backend) });
        },
      });
    },
  });
}
