// `deno task worker`: serves a coordinator on another machine, alone or as a relay of several workers.
import { dataEnvironment } from "../../data/mod.ts";
import { addressOf, coordinatorUrl } from "../../shared/addresses.ts";
import { readAuthority } from "../../shared/certificates.ts";
import { type Command, command, commonFlags } from "../../shared/cli/command.ts";
import { about, choice, number, text, toggle, type Values } from "../../shared/cli/flags.ts";
import { interruptible } from "../../shared/cli/interruptible.ts";
import { readToken } from "../../shared/cli/token_file.ts";
import { BACKENDS } from "../../shared/engine_names.ts";
import { HerdError } from "../../shared/errors.ts";
import { softwareAdapterEnvironment } from "../../shared/software_adapter.ts";
import type { WorkerOrder } from "../../shared/worker_order.ts";
import {
  homeOf,
  relayEnvironment,
  relayFlags,
  remoteWorkerFlags,
  workerEnvironment,
} from "../../shared/worker_process.ts";
import { findGpus } from "../gpus/find.ts";
import { usesAdapter } from "../gpus/local_workers.ts";
import { runProcess } from "./run_process.ts";

const workerFlags = {
  ...about("machines", {
    connect: text("URL", "wss://HOST:PORT of the coordinator; ws:// if it is without TLS", undefined),
    "token-file": text("FILE", "file with the token that workers must know", undefined),
    "tls-ca": text("FILE", "certificate (PEM) that signs the coordinator's, or is it", undefined),
    insecure: toggle("connect to another machine without TLS: all but the token can be read and changed on the way"),
  }),
  ...about("workers", {
    backend: choice(BACKENDS, "engine [the coordinator's wish]; auto: the best here", undefined),
    relay: toggle("start several workers here that share one connection: weights come once to this machine"),
    workers: number({ help: "of a relay", min: 1, max: 64, shown: "one a GPU, else one a core" }, undefined),
    "join-timeout": number({ help: "seconds that a relay waits for its workers at first, then exit 4", min: 1 }, 600),
    "worker-timeout": number({ help: "seconds that a relay waits when no worker is left, then exit 4", min: 1 }, 300),
  }),
  ...commonFlags,
};

/** The flags that only a relay has a use for. */
const OF_A_RELAY = { workers: "workers", "join-timeout": "joinTimeout", "worker-timeout": "workerTimeout" } as const;

/** What is run as a process. */
export interface WorkerEntry {
  /** Its module. */
  readonly entry: URL;
  /** Arguments that it gets before the cache folder. */
  readonly args: readonly string[];
}

/** The processes that it starts. */
export interface WorkerEntries {
  /** worker/main.ts */
  readonly worker: WorkerEntry;
  /** A relay's, which needs the coordinator's side too. */
  readonly relay: WorkerEntry;
}

/**
 * The command that serves a coordinator on another machine. It has all permissions, since it reads the user's files and starts
 * a process; what it starts has those alone that a worker needs, and nothing that comes from a coordinator enters this one.
 */
export function workerCommand(entries: WorkerEntries): Command {
  return command({
    summary: "Serve a coordinator on another machine",
    usage: "--connect URL --token-file FILE [--relay]",
    examples: [
      ["worker --connect wss://host:7400 --token-file token --tls-ca ca.pem", "a worker, on the engine that suits"],
      [
        "worker --connect ws://127.0.0.1:7400 --token-file token --relay",
        "all workers that this machine has room for, over one connection",
      ],
    ],
    flags: workerFlags,
    async run({ values: flags, given }, { print, complain, environment }) {
      for (const [flag, name] of Object.entries(OF_A_RELAY)) {
        if (flags.relay || !given.has(flag)) continue;
        throw new HerdError("usage", `--${flag} ${flags[name]} is for a relay: give --relay too`);
      }
      const order = await orderOf(flags);
      const { cacheDir } = dataEnvironment(environment);
      const reach = { address: addressOf(order.url), cacheDir };
      const permissions = flags.relay
        ? relayFlags({ ...reach, deno: Deno.execPath() })
        : remoteWorkerFlags({ ...reach, home: homeOf(entries.worker.entry) });
      const { entry, args } = flags.relay ? entries.relay : entries.worker;
      // Whoever sets DRI_PRIME has chosen a GPU.
      const own = flags.relay ? relayEnvironment(order.relay?.gpus?.tags) : workerEnvironment(environment.DRI_PRIME);
      const env = { ...own, ...softwareAdapterEnvironment(cacheDir) };
      // It would be inherited.
      if (!("NODEVICE_SELECT" in env)) Deno.env.delete("NODEVICE_SELECT");
      const started = { entry, args: [...args, cacheDir], permissions, env, order };
      Deno.exitCode = await interruptible((signal) => runProcess(started, { print, complain, signal }));
    },
  });
}

/** @throws {HerdError} usage, for what contradicts itself, and files that cannot be used */
async function orderOf(flags: Values<typeof workerFlags>): Promise<WorkerOrder> {
  const { tlsCa, tokenFile, backend, relay, workers, joinTimeout, workerTimeout } = flags;
  const url = coordinatorUrl(flags.connect, flags);
  if (tlsCa !== undefined && !url.startsWith("wss:")) {
    throw new HerdError("usage", `--tls-ca is for a coordinator at wss://HOST:PORT: got --connect ${url}`);
  }
  if (tokenFile === undefined) {
    throw new HerdError("usage", "--token-file is missing: give the coordinator's token file");
  }
  const mayUseGpus = backend === undefined || backend === "auto" || usesAdapter(backend);
  const gpus = relay && mayUseGpus ? { gpus: await findGpus() } : {};
  return {
    name: "",
    url,
    token: await readToken(tokenFile),
    ...(tlsCa === undefined ? {} : { authority: await readAuthority(tlsCa) }),
    ...(backend === undefined ? {} : { backend }),
    ...(relay ? { relay: { ...(workers === undefined ? {} : { workers }), ...gpus, joinTimeout, workerTimeout } } : {}),
  };
}
