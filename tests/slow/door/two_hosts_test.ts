// Two hosts, as far as one machine can have them: training over TLS through a cable of 100 Mbit/s that is pulled in the
// middle of a run. About two minutes: a pulled cable is noticed after half a minute, and TCP waits as long to try again.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import type { Report } from "../../../coordinator/mod.ts";
import { hasOpenssl, makeCertificate } from "../../fixtures/certificates.ts";
import { eventsOf, textOf, Workspace } from "../../fixtures/herd.ts";
import { granted } from "../../fixtures/permissions.ts";
import { FIRST_ADDRESS, TwoHosts, whyNoTwoHosts } from "../../fixtures/two_hosts.ts";

const reason = !await granted("run", "read", "write", "net", "env")
  ? "permissions are missing"
  : !await hasOpenssl()
  ? "there is no openssl"
  : await whyNoTwoHosts();
const PORT = 7400;
const TOKEN = "2057052057052057052057052057052057";

Deno.test({
  name: `two hosts: TLS at 100 Mbit/s, the cable pulled and plugged in, the weights of one host${
    reason === undefined ? "" : ` (skipped: ${reason})`
  }`,
  ignore: reason !== undefined,
  async fn() {
    await using workspace = await Workspace.create();
    await using hosts = await TwoHosts.create();
    const { cert, key } = await makeCertificate(workspace.path, [`IP:${FIRST_ADDRESS}`]);
    const tokenFile = join(workspace.path, "token");
    await Deno.writeTextFile(tokenFile, TOKEN, { mode: 0o600 });
    const settings = ["--backend", "tfjs-cpu", "--epochs", "12"];

    const listen = ["--listen", `${FIRST_ADDRESS}:${PORT}`, "--tls-cert", cert, "--tls-key", key];
    const alone = ["--workers", "0", "--min-workers", "1", "--token-file", tokenFile, "--json"];
    const coordinator = workspace.spawn(workspace.train("two", ...settings, ...listen, ...alone), {
      namespace: hosts.first,
    });
    const connect = ["--connect", `wss://${FIRST_ADDRESS}:${PORT}`, "--tls-ca", cert, "--token-file", tokenFile];
    let worker: Deno.ChildProcess | undefined;
    let printed: Promise<string> | undefined;
    const happened: string[] = [];
    try {
      for await (const event of eventsOf(coordinator)) {
        if (textOf(event).includes(`wss://${FIRST_ADDRESS}:${PORT}`)) {
          worker = workspace.spawn(["worker", ...connect], { namespace: hosts.second, cache: "second-cache" });
          printed = new Response(worker.stdout).text();
        }
        if (event.type === "worker") happened.push(event.what);
        if (event.type === "epoch" && happened.at(-1) === "ready" && happened.length === 2) {
          happened.push("pulled");
          await hosts.setCable("down");
        }
        if (happened.at(-1) === "lost") {
          happened.push("plugged in");
          await hosts.setCable("up");
        }
      }
      assertEquals((await coordinator.status).code, 0, await new Response(coordinator.stderr).text());
      assertEquals((await worker!.status).code, 0, await new Response(worker!.stderr).text());
    } finally {
      for (const child of [coordinator, worker]) child === undefined || kill(child);
    }
    assertEquals(happened, ["joined", "ready", "pulled", "lost", "plugged in", "joined", "ready"]);
    const log = await printed!;
    assertEquals(log.match(/fetching/g)?.length, 1, "the data travels once");
    assertStringIncludes(log, "connecting again");

    const single = await workspace.run(workspace.train("one", ...settings, "--workers", "1"));
    assertEquals(single.code, 0, single.stderr);
    const bits = ({ arms }: Report) => arms.map(({ weightsSha256 }) => weightsSha256);
    const finished = await workspace.report("two");
    assertEquals(bits(finished), bits(await workspace.report("one")));
    assert(finished.faults.workersLost >= 1);
  },
});

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended.
  }
}
