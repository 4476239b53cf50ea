import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { readAuthority, readServerCertificate } from "../../../shared/certificates.ts";
import { HerdError } from "../../../shared/errors.ts";
import { hasOpenssl, makeCertificate } from "../../fixtures/certificates.ts";
import { temporaryDirectory } from "../../fixtures/data_files.ts";
import { granted } from "../../fixtures/permissions.ts";

const ignore = !await granted("run", "read", "write") || !await hasOpenssl(); // openssl makes the certificates

Deno.test("certificates are read, and a bad file is a sentence that names it", { ignore }, async () => {
  using folder = temporaryDirectory();
  const good = await makeCertificate(folder.path, ["IP:127.0.0.1"]);
  const other = await makeCertificate(folder.path, ["IP:127.0.0.1"], "other");
  const junk = join(folder.path, "junk.pem");
  const broken = join(folder.path, "broken.pem");
  await Deno.writeTextFile(junk, "not a certificate\n");
  await Deno.writeTextFile(broken, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");

  assertStringIncludes((await readServerCertificate(good.cert, good.key)).cert, "BEGIN CERTIFICATE");
  assertStringIncludes(await readAuthority(good.cert), "BEGIN CERTIFICATE");
  const missing = join(folder.path, "missing.pem");
  const cases: [() => Promise<unknown>, string, string][] = [
    [() => readServerCertificate(missing, good.key), missing, "Cannot read --tls-cert"],
    [() => readServerCertificate(good.cert, missing), missing, "Cannot read --tls-key"],
    [() => readServerCertificate(junk, good.key), junk, "no certificate"],
    [() => readServerCertificate(broken, good.key), broken, "cannot be read"],
    [() => readServerCertificate(good.cert, junk), junk, "not a private key"],
    [() => readServerCertificate(good.cert, other.key), other.key, "not the key"],
    [() => readAuthority(missing), missing, "Cannot read --tls-ca"],
    [() => readAuthority(good.key), good.key, "no certificate"],
    [() => readAuthority(broken), broken, "cannot be read"],
  ];
  for (const [read, file, sentence] of cases) {
    const error = await assertRejects(read, HerdError, sentence);
    assertEquals(error.code, "usage");
    assertStringIncludes(error.message, file);
  }
});

Deno.test("an expired certificate is refused", { ignore }, async () => {
  using folder = temporaryDirectory();
  const { cert, key } = await makeCertificate(folder.path, ["IP:127.0.0.1"]);
  const later = Date.now() + 3651 * 24 * 3600 * 1000; // it is made for 3650 days
  await assertRejects(() => readServerCertificate(cert, key, later), HerdError, "has expired on");
  await assertRejects(() => readAuthority(cert, later), HerdError, "has expired on");
});
