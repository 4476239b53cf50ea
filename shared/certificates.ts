// Certificates from files, checked before anything relies on them: a bad one is a sentence at the start, not a failed
// handshake later.
import { createPrivateKey, X509Certificate } from "node:crypto";
import { HerdError, messageOf } from "./errors.ts";

/** What a server shows and proves, as PEM. */
export interface ServerCertificate {
  /** The certificate, and those between it and its authority. */
  readonly cert: string;
  /** The private key of the certificate. */
  readonly key: string;
}

/**
 * Reads a certificate and its key, and checks that they belong together.
 * @param now milliseconds since 1970
 * @throws {HerdError} usage, naming the file that is missing, unreadable, expired, not valid yet, or does not fit the other
 */
export async function readServerCertificate(
  certPath: string,
  keyPath: string,
  now: number = Date.now(),
): Promise<ServerCertificate> {
  const cert = await readText("--tls-cert", certPath);
  const certificates = certificatesIn(cert, { flag: "--tls-cert", path: certPath, now });
  const outdated = certificates.find(({ why }) => why !== undefined);
  if (outdated !== undefined) throw usage(`The certificate in --tls-cert ${certPath} ${outdated.why}`);
  const [first] = certificates;
  const key = await readText("--tls-key", keyPath);
  let fits: boolean;
  try {
    fits = first!.certificate.checkPrivateKey(createPrivateKey(key));
  } catch (cause) {
    throw usage(`--tls-key ${keyPath} is not a private key in PEM form (${messageOf(cause)})`, cause);
  }
  if (!fits) throw usage(`--tls-key ${keyPath} is not the key of the certificate in --tls-cert ${certPath}`);
  return { cert, key };
}

/**
 * Certificates to trust, as PEM; of several, one may be outdated.
 * @param now milliseconds since 1970
 * @throws {HerdError} usage, naming a file that cannot be used
 */
export async function readAuthority(path: string, now: number = Date.now()): Promise<string> {
  const pem = await readText("--tls-ca", path);
  const certificates = certificatesIn(pem, { flag: "--tls-ca", path, now });
  if (certificates.some(({ why }) => why === undefined)) return pem;
  throw usage(`The certificate in --tls-ca ${path} ${certificates[0]!.why}`);
}

/** The certificates in a text, each with why it cannot be used now, if so. */
function certificatesIn(
  pem: string,
  { flag, path, now }: { readonly flag: string; readonly path: string; readonly now: number },
): { readonly certificate: X509Certificate; readonly why: string | undefined }[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw usage(`${flag} ${path} holds no certificate in PEM form ("BEGIN CERTIFICATE")`);
  return blocks.map((block) => {
    try {
      const certificate = new X509Certificate(block);
      return { certificate, why: describeDates({ from: certificate.validFrom, to: certificate.validTo }, now) };
    } catch (cause) {
      throw usage(`${flag} ${path} holds a certificate that cannot be read (${messageOf(cause)})`, cause);
    }
  });
}

/** Why a certificate cannot be used at a time, as the end of a sentence that begins with it; undefined if it can. */
export function describeDates(
  { from, to }: { readonly from: string; readonly to: string },
  now: number = Date.now(),
): string | undefined {
  if (Date.parse(to) < now) return `has expired on ${to}: make a new one`;
  if (Date.parse(from) <= now) return undefined;
  return `is not valid before ${from}, and here it is ${
    new Date(now).toUTCString()
  }: set the clock right, or make a new one`;
}

async function readText(flag: string, path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    throw usage(`Cannot read ${flag} ${path} (${messageOf(cause)})`, cause);
  }
}

function usage(message: string, cause?: unknown): HerdError {
  return new HerdError("usage", message, { cause });
}
