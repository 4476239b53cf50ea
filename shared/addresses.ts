// Addresses: which of them stay inside this machine, which belong together, and how a coordinator's is written.
import { HerdError } from "./errors.ts";

/** Whether only this machine can reach an address or a host name. */
export function isLoopback(host: string): boolean {
  const address = host.replace(/^::ffff:/i, ""); // IPv4 as IPv6 sockets see it
  return address === "localhost" || address === "::1" || /^127(\.\d{1,3}){3}$/.test(address);
}

/** HOST:PORT, an IPv6 address in brackets. */
export function joinAddress(hostname: string, port: number): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/** What one party can have many addresses of: an IPv4 address itself, the first 64 bits of an IPv6 address. */
export function networkOf(address: string): string {
  const bare = address.replace(/^::ffff:/i, "");
  if (!bare.includes(":")) return bare;
  const [head = "", tail] = bare.split("::");
  const groups = (part: string) => part === "" ? [] : part.split(":");
  const zeros = tail === undefined ? 0 : 8 - groups(head).length - groups(tail).length;
  const all = [...groups(head), ...Array<string>(Math.max(0, zeros)).fill("0"), ...groups(tail ?? "")];
  return `${all.slice(0, 4).join(":")}::/64`;
}

/**
 * Checks where a worker is to connect to. Outside this machine the connection must be encrypted unless `insecure` is said:
 * otherwise somebody on the way can pass the handshake on, and then take the worker's place.
 * @returns the URL, ws[s]://HOST:PORT
 * @throws {HerdError} usage
 */
export function coordinatorUrl(url: string | undefined, { insecure }: { readonly insecure: boolean }): string {
  const [, scheme, host, port] = /^(wss?):\/\/([\w.:%[\]-]+):(\d{1,5})\/?$/.exec(url ?? "") ?? [];
  if (url === undefined || scheme === undefined || host === undefined || Number(port) > 65_535) {
    const got = url === undefined ? "nothing" : `"${url}"`;
    throw new HerdError("usage", `--connect must be wss://HOST:PORT or ws://HOST:PORT of a coordinator: got ${got}`);
  }
  if (scheme === "ws" && !insecure && !isLoopback(host.replace(/^\[(.*)\]$/, "$1"))) {
    throw new HerdError(
      "usage",
      `--connect ${url} can be read and changed by others on the way: use wss:// and a coordinator with --tls-cert, ` +
        "or say --insecure in a network that you trust",
    );
  }
  return url;
}

/** HOST:PORT of a {@linkcode coordinatorUrl}. */
export function addressOf(url: string): string {
  return url.replace(/^wss?:\/\//, "").replace(/\/$/, "");
}
