// HOST:PORT of a flag that says where to listen.
import { HerdError } from "../../shared/errors.ts";

/** An address of this machine; port 0 takes a free one. */
export interface ListenAddress {
  readonly hostname: string;
  readonly port: number;
}

/** @param flag for messages: "--listen" @throws {HerdError} usage */
export function parseAddress(address: string, flag: string): ListenAddress {
  const [, hostname, port] = /^(.+):(\d{1,5})$/.exec(address) ?? [];
  if (hostname === undefined || Number(port) > 65535) {
    throw new HerdError("usage", `${flag} must be HOST:PORT: got "${address}"`);
  }
  return { hostname: hostname.replace(/^\[(.*)\]$/, "$1"), port: Number(port) };
}
