// The folder that a run leaves. Files that are rewritten are replaced whole, so that a reader never sees half of one.
import { join } from "node:path";
import type { ModelSpec } from "../shared/model.ts";
import { HerdError, messageOf } from "../shared/errors.ts";
import { modelFiles } from "./model_files.ts";
import type { Report } from "./report.ts";
import { reportHtml } from "./report_html.ts";

/** Writes one run's files. */
export class RunDirectory {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /**
   * Makes the folder.
   * @param out where; by default runs/<timestamp>
   * @throws {HerdError} usage, if it holds a run already; data, if it cannot be made
   */
  static async create(out: string | undefined): Promise<RunDirectory> {
    const stamp = new Date().toISOString().replaceAll(":", "-").replace(/\..*$/, "");
    const path = out ?? await freeName(join("runs", stamp));
    if (await exists(join(path, "config.json"))) {
      throw new HerdError("usage", `--out ${path} holds a run already: choose another folder`);
    }
    try {
      await Deno.mkdir(join(path, "logs"), { recursive: true });
    } catch (cause) {
      throw new HerdError("data", `Cannot make the run's folder ${path} (${messageOf(cause)}): choose another --out`, {
        cause,
      });
    }
    return new RunDirectory(path);
  }

  /** Where the workers' logs are. */
  get logs(): string {
    return join(this.path, "logs");
  }

  /** config.json: the resolved config. */
  async writeConfig(config: unknown): Promise<void> {
    await this.#replace("config.json", `${JSON.stringify(config, null, 2)}\n`);
  }

  /** A line of metrics.jsonl. */
  async appendMetrics(line: unknown): Promise<void> {
    await this.#write(() =>
      Deno.writeTextFile(join(this.path, "metrics.jsonl"), `${JSON.stringify(line)}\n`, { append: true })
    );
  }

  /** report.json and report.html. */
  async writeReport(report: Report): Promise<void> {
    await this.#replace("report.json", `${JSON.stringify(report, null, 2)}\n`);
    await this.#replace("report.html", reportHtml(report));
  }

  /** models/<arm>-<seed>/ */
  async writeModel(name: string, spec: ModelSpec, weights: Float32Array): Promise<void> {
    const folder = join("models", name);
    await this.#write(() => Deno.mkdir(join(this.path, folder), { recursive: true }));
    for (const [file, bytes] of Object.entries(modelFiles(spec, weights, { model: name }))) {
      await this.#replace(join(folder, file), bytes);
    }
  }

  async #replace(name: string, content: string | Uint8Array): Promise<void> {
    const target = join(this.path, name);
    const temporary = `${target}.part`;
    await this.#write(async () => {
      if (typeof content === "string") await Deno.writeTextFile(temporary, content);
      else await Deno.writeFile(temporary, content);
      await Deno.rename(temporary, target);
    });
  }

  async #write(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (cause) {
      throw new HerdError("data", `Cannot write into the run's folder ${this.path}: ${messageOf(cause)}`, { cause });
    }
  }
}

async function freeName(wanted: string): Promise<string> {
  for (let i = 1;; i++) {
    const name = i === 1 ? wanted : `${wanted}-${i}`;
    if (!await exists(name)) return name;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch {
    return false;
  }
}
