// Workers on other machines by ssh. The connection to the coordinator goes through ssh too: the coordinator need not be
// reachable from outside, nothing crosses the network in clear, and the token goes through stdin.
import { HerdError, messageOf } from "../../shared/errors.ts";
import { homeOf, nameable, remoteWorkerFlags, WORKER_ENVIRONMENT } from "../../shared/worker_process.ts";
import { type LaunchedRun, type Launcher, type WorkerCommand, workerName } from "./launcher.ts";

/** A line of the hosts file. */
export interface SshHost {
  /** As ssh takes it: HOST, USER@HOST, ssh://USER@HOST:PORT, or a name from ~/.ssh/config. */
  readonly destination: string;
  readonly workers: number;
  /** Herd's folder there; relative to the home folder there. Undefined: the same as here. */
  readonly dir: string | undefined;
  /** Deno there. */
  readonly deno: string;
}

const MOST_WORKERS = 64;
/** A port on the other machine, for the way back, is drawn from these; one that is taken ends ssh, and another is drawn. */
const FIRST_PORT = 20_000;
const PORTS = 10_000;
/** What ssh gets to notice that the other machine is gone: three times this long. */
const ALIVE_SECONDS = 10;

/** Reads a hosts file. @throws {HerdError} usage */
export async function readHosts(path: string): Promise<readonly SshHost[]> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (cause) {
    throw new HerdError("usage", `Cannot read the hosts file ${path} (${messageOf(cause)})`, { cause });
  }
  return parseHosts(text, path);
}

/**
 * One host a line, with `workers=K`, `dir=PATH` and `deno=PATH` after it; # begins a comment.
 * @throws {HerdError} usage, naming the line
 */
export function parseHosts(text: string, path: string): readonly SshHost[] {
  const hosts = text.split("\n").flatMap((line, i) => {
    const words = line.replace(/(^|\s)#.*/, "").split(/\s+/).filter((word) => word !== "");
    return words.length === 0 ? [] : [parseHost(words, `Line ${i + 1} of the hosts file ${path}`)];
  });
  if (hosts.length === 0) throw new HerdError("usage", `The hosts file ${path} names no host: write one on each line`);
  return hosts;
}

function parseHost([destination, ...options]: readonly string[], where: string): SshHost {
  // What begins with a dash would be an option of ssh.
  if (!/^[\w[][\w.@:/[\]%-]*$/.test(destination!)) {
    throw new HerdError("usage", `${where} does not begin with HOST or USER@HOST: got "${destination}"`);
  }
  let host: SshHost = { destination: destination!, workers: 1, dir: undefined, deno: "deno" };
  for (const option of options) {
    const [, name, value] = /^(\w+)=(.+)$/.exec(option) ?? [];
    if (name === "workers" && value !== undefined) {
      const workers = Number(value);
      if (!Number.isInteger(workers) || workers < 1 || workers > MOST_WORKERS) {
        throw new HerdError(
          "usage",
          `${where}: workers must be a whole number from 1 to ${MOST_WORKERS}: got "${value}"`,
        );
      }
      host = { ...host, workers };
    } else if ((name === "dir" || name === "deno") && value !== undefined) {
      host = { ...host, [name]: value };
    } else {
      throw new HerdError("usage", `${where} has "${option}": use workers=K, dir=PATH or deno=PATH`);
    }
  }
  return host;
}

/** Workers on these hosts. */
export function sshLauncher(flag: string, hosts: readonly SshHost[]): Launcher {
  const places = hosts.flatMap((host) => Array.from({ length: host.workers }, () => host));
  return {
    flag,
    count: places.length,
    isOwn: false,
    fromOutside: false, // ssh brings them to this machine's loopback
    firstWaitMs: 2_000,
    plan: (run) =>
      places.map((host, i) => {
        const port = () => FIRST_PORT + Math.floor(Math.random() * PORTS);
        return { name: workerName(i), command: () => sshCommand(host, { run, name: workerName(i), port: port() }) };
      }),
  };
}

/** The command that starts a worker there. @param port on the other machine's loopback, where the coordinator appears */
export function sshCommand(
  host: SshHost,
  { run, name, port }: { readonly run: LaunchedRun; readonly name: string; readonly port: number },
): WorkerCommand {
  const { entry, localAddress, token, secretFor } = run;
  const address = `127.0.0.1:${port}`;
  const options = ["BatchMode=yes", "ExitOnForwardFailure=yes", `ServerAliveInterval=${ALIVE_SECONDS}`];
  const forward = ["-T", "-R", `${address}:${localAddress}`];
  const home = nameable(host.dir ?? homeOf(entry));
  const settings = Object.entries(WORKER_ENVIRONMENT).map(([name, value]) => `${name}=${value}`).join(" ");
  // The login shell may be any; what it runs is a POSIX shell, which knows where the cache is.
  const flags = remoteWorkerFlags({ address, cacheDir: "$cache", home: "$home" }).map((flag) => `"${flag}"`).join(" ");
  const remote = [
    `export ${settings}`,
    `home=${quote(home)}`,
    'cache="${HERD_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/herd}"',
    // In Deno's flags a comma would begin another path.
    'case "$cache" in *,*) echo "error: $cache has a comma: set HERD_CACHE_DIR" >&2; exit 2;; esac',
    // The worker itself may not fetch what it consists of.
    `${quote(host.deno)} cache -q "$home/worker/main.ts" </dev/null`,
    `exec ${quote(host.deno)} run ${flags} -q "$home/worker/main.ts" "$cache"`,
  ].join("; ");
  return {
    program: "ssh",
    args: [
      ...options.flatMap((option) => ["-o", option]),
      ...forward,
      "--",
      host.destination,
      `sh -c ${quote(remote)}`,
    ],
    env: {},
    detached: true,
    killSignal: "SIGKILL", // the worker reads the end of its stdin
    order: { name, url: `ws://${address}`, token, secret: secretFor(name) },
  };
}

/** One word for a POSIX shell. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
