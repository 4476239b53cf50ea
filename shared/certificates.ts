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
 * @throws {HerdError} usage, naming the file that is missing, unreadable, expired or does not fit the other
 */
export async function readServerCertificate(
  certPath: string,
  keyPath: string,
  now: number = Date.now(),
): Promise<ServerCertificate> {
  const cert = await readText("--tls-cert", certPath);
  const [first] = certificatesIn(cert, { flag: "--tls-cert", path: certPath, now });
  const key = await readText("--tls-key", keyPath);
  let fits: boolean;
  try {
    fits = first!.checkPrivateKey(createPrivateKey(key));
  } catch (cause) {
    throw usage(`--tls-key ${keyPath} is not a private key in PEM form (${messageOf(cause)})`, cause);
  }
  if (!fits) throw usage(`--tls-key ${keyPath} is not the key of the certificate in --tls-cert ${certPath}`);
  return { cert, key };
}

/** Certificates to trust, as PEM. @throws {HerdError} usage, naming a file that cannot be used */
export async function readAuthority(path: string, now: number = Date.now()): Promise<string> {
  const pem = await readText("--tls-ca", path);
  certificatesIn(pem, { flag: "--tls-ca", path, now });
  return pem;
}

function certificatesIn(
  pem: string,
  { flag, path, now }: { readonly flag: string; readonly path: string; readonly now: number },
): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw usage(`${flag} ${path} holds no certificate in PEM form ("BEGIN CERTIFICATE")`);
  return blocks.map((block) => {
    let certificate: X509Certificate;
    try {
      certificate = new X509Certificate(block);
    } catch (cause) {
      throw usage(`${flag} ${path} holds a certificate that cannot be read (${messageOf(cause)})`, cause);
    }
    if (Date.parse(certificate.validTo) < now) {
      throw usage(`The certificate in ${flag} ${path} has expired on ${certificate.validTo}: make a new one`);
    }
    return certificate;
  });
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
