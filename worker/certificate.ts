// Why a coordinator's certificate was refused: the handshake that fails does not say it, so another one looks at the dates.
import { connect } from "node:tls";
import { describeDates } from "../shared/certificates.ts";
import { HerdError } from "../shared/errors.ts";
import { within } from "../shared/within.ts";

const DEADLINE_MS = 5_000;

/**
 * Why the certificate that is shown at an address cannot be used now, as the end of a sentence that begins with it; undefined
 * if its dates are right, or if it cannot be seen. Nothing is sent there, and nothing of it is believed but for this sentence.
 */
export async function outdatedCertificate(url: string): Promise<string | undefined> {
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
  const socket = connect({ host, port: Number(port || 443), rejectUnauthorized: false }, () => {
    const { valid_from: from, valid_to: to } = socket.getPeerCertificate();
    resolve(from && to ? describeDates({ from, to }) : undefined);
  });
  socket.on("error", reject);
  try {
    return await within(DEADLINE_MS, promise, () => new HerdError("cluster", `No certificate came from ${url}`));
  } catch {
    return undefined;
  } finally {
    socket.destroy();
  }
}
