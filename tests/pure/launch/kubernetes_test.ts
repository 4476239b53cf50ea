// The Kubernetes manifests against the API's schemas, and against what they rely on: the Dockerfile, each other, the flags.
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { validate as validateJob } from "kubernetes-models/_schemas/IoK8sApiBatchV1Job";
import { validate as validateClaim } from "kubernetes-models/_schemas/IoK8sApiCoreV1PersistentVolumeClaim";
import { validate as validateService } from "kubernetes-models/_schemas/IoK8sApiCoreV1Service";
import { validate as validatePolicy } from "kubernetes-models/_schemas/IoK8sApiNetworkingV1NetworkPolicy";
import * as v from "valibot";
import { parseAllDocuments } from "yaml";
import { mayGoOn } from "../../../coordinator/commands/way_on.ts";
import { EXIT_CODES, HerdError } from "../../../shared/errors.ts";
import { join } from "node:path";
import denoJson from "../../../deno.json" with { type: "json" };
import { readToken } from "../../../shared/cli/token_file.ts";
import { temporaryDirectory } from "../../fixtures/data_files.ts";
import { granted } from "../../fixtures/permissions.ts";
import { watched } from "../../fixtures/unread.ts";

const LAUNCH = new URL("../../../coordinator/launch/", import.meta.url);
const ignore = !await granted("read", "env"); // reads the manifests; the YAML parser reads the environment
const read = (name: string) => Deno.readTextFile(new URL(name, LAUNCH));

interface Validator {
  (data: unknown): boolean;
  errors?: unknown;
}

const SCHEMAS: Readonly<Record<string, Validator>> = {
  "v1 PersistentVolumeClaim": validateClaim as Validator,
  "v1 Service": validateService as Validator,
  "networking.k8s.io/v1 NetworkPolicy": validatePolicy as Validator,
  "batch/v1 Job": validateJob as Validator,
};

const labels = v.record(v.string(), v.string());
const named = v.object({ name: v.string() });
/** The parts of a job that other documents rely on. */
const jobSchema = v.object({
  metadata: v.object({ name: v.string() }),
  spec: v.object({
    template: v.object({
      metadata: v.object({ labels }),
      spec: v.object({
        securityContext: v.object({ runAsNonRoot: v.literal(true), runAsUser: v.number() }),
        initContainers: v.tuple([
          v.object({
            image: v.string(),
            command: v.tuple([v.literal("sh"), v.literal("-c"), v.string()]),
            volumeMounts: v.array(v.object({ name: v.string(), mountPath: v.string() })),
            securityContext: v.object({
              allowPrivilegeEscalation: v.literal(false),
              readOnlyRootFilesystem: v.literal(true),
            }),
          }),
        ]),
        containers: v.tuple([
          v.object({
            image: v.string(),
            command: v.optional(v.array(v.string())),
            args: v.array(v.string()),
            ports: v.optional(v.array(v.object({ name: v.string(), containerPort: v.number() }))),
            volumeMounts: v.array(v.object({ name: v.string(), mountPath: v.string() })),
            securityContext: v.object({
              allowPrivilegeEscalation: v.literal(false),
              readOnlyRootFilesystem: v.literal(true),
            }),
          }),
        ]),
        volumes: v.array(v.looseObject({ name: v.string() })),
      }),
    }),
  }),
});

async function documents(): Promise<{ kind: string; apiVersion: string; metadata: { name: string } }[]> {
  return parseAllDocuments(await read("kubernetes.yaml"), { strict: true, uniqueKeys: true }).map((document) => {
    assertEquals([document.errors, document.warnings], [[], []]);
    return document.toJS();
  });
}

async function job(name: string) {
  const found = (await documents()).find(({ kind, metadata }) => kind === "Job" && metadata.name === name);
  const { spec: { template: { metadata, spec } } } = v.parse(jobSchema, found);
  return { labels: metadata.labels, pod: spec, container: spec.containers[0] };
}

Deno.test({
  name: "kubernetes: every document fits the API's schema and has no key that the schema does not know",
  ignore,
  async fn() {
    const found = await documents();
    assertEquals(found.map(({ kind }) => kind), ["PersistentVolumeClaim", "Service", "NetworkPolicy", "Job", "Job"]);
    for (const document of found) {
      const validate = SCHEMAS[`${document.apiVersion} ${document.kind}`]!;
      const { value, unread } = watched(document);
      assert(validate(value), `${document.kind} ${document.metadata.name}: ${JSON.stringify(validate.errors)}`);
      assertEquals(unread(), [], `${document.kind} ${document.metadata.name}`);
    }
  },
});

Deno.test({
  name: "kubernetes: a misspelt key and a wrong type are noticed",
  ignore,
  async fn() {
    const [found] = (await documents()).filter(({ kind }) => kind === "Job");
    const { spec } = structuredClone(found) as unknown as { spec: Record<string, unknown> };
    const { value, unread } = watched({ ...found, spec: { ...spec, backofLimit: 6 } });
    assert((validateJob as Validator)(value));
    assertEquals(unread(), ["spec.backofLimit"]);
    assertEquals((validateJob as Validator)({ ...found, spec: { ...spec, backoffLimit: "6" } }), false);
  },
});

Deno.test({
  name: "kubernetes: the documents name each other as they are, and the workers come to the coordinator's port",
  ignore,
  async fn() {
    const [coordinator, worker] = [await job("herd-coordinator"), await job("herd-worker")];
    const [claim, service, policy] = await documents() as unknown as [
      { metadata: v.InferOutput<typeof named> },
      {
        metadata: v.InferOutput<typeof named>;
        spec: { selector: object; ports: { port: number; targetPort: string }[] };
      },
      {
        spec: {
          podSelector: { matchLabels: object };
          ingress: { from: { podSelector: { matchLabels: object } }[]; ports: { port: number }[] }[];
        };
      },
    ];
    const port = coordinator.container.ports![0]!;
    assertEquals(service.spec.selector, coordinator.labels);
    assertEquals(service.spec.ports[0]!.targetPort, port.name);
    assertEquals(policy.spec.podSelector.matchLabels, coordinator.labels);
    assertEquals(policy.spec.ingress[0]!.from[0]!.podSelector.matchLabels, worker.labels);
    assertEquals(policy.spec.ingress[0]!.ports[0]!.port, port.containerPort);
    assert(coordinator.container.args.includes(`--listen=0.0.0.0:${port.containerPort}`));
    const url = `ws://${service.metadata.name}:${service.spec.ports[0]!.port}`;
    assert(worker.container.args.includes(`--connect=${url}`), `${worker.container.args}`);
    assertStringIncludes(JSON.stringify(coordinator.pod.volumes), `"claimName":"${claim.metadata.name}"`);
    assertEquals(coordinator.container.image, worker.container.image);
    assertEquals(coordinator.container.image, `herd:${denoJson.version}`);
    for (const { container, pod } of [coordinator, worker]) {
      const mounts = [...container.volumeMounts, ...pod.initContainers[0].volumeMounts].map(({ name }) => name);
      assertEquals([...new Set(mounts)].sort(), pod.volumes.map(({ name }) => name).sort());
      assertEquals(pod.initContainers[0].image, container.image);
      const token = container.args.find((arg) => arg.startsWith("--token-file="))!.slice("--token-file=".length);
      const mounted = container.volumeMounts.find(({ name }) => name === "token")!.mountPath;
      assertEquals(token, `${mounted}/token`);
    }
  },
});

Deno.test({
  name: "kubernetes: the image runs the Deno of this project, not as root, and has what is run in it",
  ignore,
  async fn() {
    const dockerfile = await read("Dockerfile");
    const instruction = (name: string) => dockerfile.match(new RegExp(`^${name} (.*)$`, "gm"))!.at(-1)!;
    const pinned = /deno@([\d.]+)/.exec(await Deno.readTextFile(new URL("../../../.ci/run", import.meta.url)))![1]!;
    assertEquals(instruction("FROM"), `FROM denoland/deno:debian-${pinned}`);
    assertStringIncludes(instruction("ENTRYPOINT"), 'ENTRYPOINT ["deno", "run"');
    const [coordinator, worker] = [await job("herd-coordinator"), await job("herd-worker")];
    const user = coordinator.pod.securityContext.runAsUser;
    assert(user > 0);
    assertEquals([instruction("USER"), worker.pod.securityContext.runAsUser], [`USER ${user}:${user}`, user]);
    const copied = [...dockerfile.matchAll(/^COPY (.*) \S+$/gm)].flatMap(([, names]) => names!.split(" "));
    for (const name of copied) await Deno.stat(new URL(`../../../${name}`, import.meta.url));
    const [script] = coordinator.container.command!;
    assert(script!.startsWith("/herd/coordinator/launch/"), script);
    const { mode } = await Deno.stat(new URL(script!.slice("/herd/coordinator/launch/".length), LAUNCH));
    assertEquals(mode! & 0o111, 0o111, "the script can be executed");
  },
});

Deno.test({
  name: "kubernetes: each worker has one GPU, and its Vulkan driver with the libraries that it is linked to",
  ignore,
  async fn() {
    const found = (await documents()).filter(({ kind }) => kind === "Job");
    const container = v.object({
      env: v.optional(v.array(v.object({ name: v.string(), value: v.string() })), []),
      resources: v.object({ limits: v.record(v.string(), v.string()) }),
    });
    const containers = found.map((job) => {
      const path = v.object({
        spec: v.object({ template: v.object({ spec: v.object({ containers: v.tuple([container]) }) }) }),
      });
      return v.parse(path, job).spec.template.spec.containers[0];
    });
    const gpus = containers.map(({ resources }) => resources.limits["nvidia.com/gpu"]);
    assertEquals(gpus, [undefined, "1"], "WebGPU takes the first that a pod has");
    const name = "NVIDIA_DRIVER_CAPABILITIES";
    const ofPod = containers[1]!.env.find((variable) => variable.name === name)?.value;
    const dockerfile = await read("Dockerfile");
    const ofImage = dockerfile.match(new RegExp(`^ENV ${name}=(.*)$`, "m"))?.[1];
    for (const capabilities of [ofPod, ofImage]) assert(capabilities?.split(",").includes("graphics"), capabilities);
    const installed = dockerfile.match(/apt-get install .*/)![0].split(" ");
    for (const library of ["libvulkan1", "libglvnd0", "libxext6"]) assert(installed.includes(library), library);
  },
});

Deno.test({
  name: "kubernetes: the token that is mounted for the group becomes one that nobody else can read, also a second time",
  ignore: ignore || !await granted("write", "run"),
  async fn() {
    for (const name of ["herd-coordinator", "herd-worker"]) {
      using folder = temporaryDirectory();
      const { pod, container } = await job(name);
      const [init] = pod.initContainers;
      const place = (path: string) => join(folder.path, path.replaceAll("/", "_"));
      const mounted = init.volumeMounts.map(({ name, mountPath }) => [name, mountPath] as const);
      for (const [, path] of mounted) Deno.mkdirSync(place(path));
      const { secret, token } = Object.fromEntries(mounted);
      const token64 = "0123456789abcdef".repeat(4);
      Deno.writeTextFileSync(join(place(secret!), "token"), `${token64}\n`, { mode: 0o440 });
      Deno.chmodSync(join(place(secret!), "token"), 0o440);
      await assertRejects(() => readToken(join(place(secret!), "token")), HerdError, "mode 0440");
      const [program, ...args] = init.command;
      const script = args.map((arg) =>
        mounted.reduce((text, [, path]) => text.replaceAll(`${path}/`, `${place(path)}/`), arg)
      );
      for (let start = 0; start < 2; start++) {
        assertEquals((await new Deno.Command(program, { args: script }).output()).code, 0);
        assertEquals(await readToken(join(place(token!), "token")), token64);
      }
      assertEquals(container.volumeMounts.find(({ name }) => name === "token")?.mountPath, token);
    }
  },
});

Deno.test({
  name: "kubernetes: a coordinator is started again after just those errors after which its workers come again",
  ignore,
  async fn() {
    const found = (await documents()).find(({ kind, metadata }) =>
      kind === "Job" && metadata.name === "herd-coordinator"
    );
    const rule = v.object({ action: v.string(), onExitCodes: v.optional(v.object({ values: v.array(v.number()) })) });
    const { spec } = v.parse(
      v.object({ spec: v.object({ podFailurePolicy: v.object({ rules: v.array(rule) }) }) }),
      found,
    );
    const final = Object.entries(EXIT_CODES)
      .filter(([code]) => !mayGoOn(new HerdError(code as keyof typeof EXIT_CODES, "")))
      .map(([, exit]) => exit);
    assertEquals(spec.podFailurePolicy.rules.find(({ action }) => action === "FailJob")!.onExitCodes!.values, final);
    assert(mayGoOn(new Error("a bug")));
  },
});
