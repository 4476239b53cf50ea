import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { readAuthority, readServerCertificate } from "../../../shared/certificates.ts";
import { HerdError } from "../../../shared/errors.ts";
import { hasOpenssl, makeCertificate, makeDatedCertificate } from "../../fixtures/certificates.ts";
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

const DAY_MS = 24 * 3600 * 1000;

Deno.test("a certificate that is not valid yet is refused as such, with the date", { ignore }, async () => {
  using folder = temporaryDirectory();
  const { cert, key } = await makeCertificate(folder.path, ["IP:127.0.0.1"]);
  const before = Date.now() - DAY_MS;
  for (const read of [() => readServerCertificate(cert, key, before), () => readAuthority(cert, before)]) {
    const { code, message } = await assertRejects(read, HerdError, "is not valid before");
    assertEquals(code, "usage");
    assertStringIncludes(message, `here it is ${new Date(before).toUTCString()}: set the clock right`);
  }
});

Deno.test("an authority among others may be outdated; of a server's certificates none may", { ignore }, async () => {
  using folder = temporaryDirectory();
  const dates = { name: "old", from: "20200101000000Z", to: "20210101000000Z" };
  const [good, old] = [
    await makeCertificate(folder.path, ["IP:127.0.0.1"]),
    await makeDatedCertificate(folder.path, ["IP:127.0.0.1"], dates),
  ];
  const both = join(folder.path, "both.pem");
  await Deno.writeTextFile(both, await Deno.readTextFile(good.cert) + await Deno.readTextFile(old.cert));
  assertStringIncludes(await readAuthority(both), "BEGIN CERTIFICATE");
  await assertRejects(() => readAuthority(old.cert), HerdError, "has expired on Jan  1 00:00:00 2021 GMT");
  await assertRejects(
    () => readServerCertificate(both, good.key),
    HerdError,
    "has expired on Jan  1 00:00:00 2021 GMT",
  );
});

Deno.test("an expired certificate is refused", { ignore }, async () => {
  using folder = temporaryDirectory();
  const { cert, key } = await makeCertificate(folder.path, ["IP:127.0.0.1"]);
  const later = Date.now() + 3651 * DAY_MS; // it is made for 3650 days
  await assertRejects(() => readServerCertificate(cert, key, later), HerdError, "has expired on");
  await assertRejects(() => readAuthority(cert, later), HerdError, "has expired on");
});
