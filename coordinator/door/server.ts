// An HTTP(S) server and the address that it listens on.
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { ServerCertificate } from "../../shared/certificates.ts";
import { HerdError, messageOf } from "../../shared/errors.ts";

/** A request for an upgrade, or a page's with its cookie, is a few hundred bytes. */
const MAX_HEADER_BYTES = 8 * 1024;

/** A server that does not listen yet. @param tls encrypts; undefined does not */
export function makeServer(tls: ServerCertificate | undefined, answer: RequestListener): Server {
  const options = { maxHeaderSize: MAX_HEADER_BYTES };
  return tls === undefined ? createServer(options, answer) : createTlsServer({ ...options, ...tls }, answer);
}

/**
 * Has a server listen.
 * @param flag that says where, for people
 * @throws {HerdError} cluster, if it cannot
 */
export async function listening(
  server: Server,
  { hostname, port, flag }: { readonly hostname: string; readonly port: number; readonly flag: string },
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(port, hostname, resolve);
  try {
    await promise;
  } catch (cause) {
    const reason = messageOf(cause);
    throw new HerdError("cluster", `Cannot listen on ${hostname}:${port} (${reason}): choose another ${flag}`, {
      cause,
    });
  }
}

/** Under what a program on this machine reaches a server that listens under a name. */
export function localName(hostname: string): string {
  return { "0.0.0.0": "127.0.0.1", "::": "::1" }[hostname] ?? hostname;
}
