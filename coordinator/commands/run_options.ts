// What a run is made from, once the command line is understood.
import type { DataEnvironment, MadeImages } from "../../data/mod.ts";
import type { ServerCertificate } from "../../shared/certificates.ts";
import type { Backend, EngineName } from "../../shared/engine_names.ts";
import type { EngineMemory, PlannedModel } from "../../shared/model_cost.ts";
import type { Launcher, LocalWorkers } from "../launch/mod.ts";
import type { Settings } from "./settings.ts";

/** Is told of a run whose cluster is open: who it is, and how long each of its workers has been silent, in seconds. */
export type Watch = (
  run: { readonly runId: string; readonly silences: () => Readonly<Record<string, number>> },
) => Promise<void>;

/** Everything that a run is made from. */
export interface RunOptions {
  /** What the command line says. */
  readonly settings: Settings;
  /** The engine to ask of workers. */
  readonly backend: Backend;
  /** Whether workers may take another where its device is lost again and again: nobody has named it. */
  readonly fallsBack: boolean;
  /** Starts the workers, and keeps them running. */
  readonly launcher: Launcher;
  /** Workers to wait for before the first step. */
  readonly minWorkers: number;
  /** The share of the steps whose answers are computed again by a second worker; 0 for none. */
  readonly verify: number;
  /** Where workers connect; port 0 takes a free one. */
  readonly listen: { readonly hostname: string; readonly port: number };
  /** What workers from elsewhere show; undefined makes one up, for those that are started here. */
  readonly token: string | undefined;
  /** Encrypts what goes to other machines; undefined sends it in clear. */
  readonly tls: ServerCertificate | undefined;
  /** Where data comes from and goes to. */
  readonly data: DataEnvironment;
  /** What is trained on, made by a program, instead of what the settings name. */
  readonly images?: MadeImages | undefined;
  /** worker/main.ts */
  readonly workerEntry: URL;
  /** The version of Herd. */
  readonly version: string;
  /** Looks at the run while it goes on. */
  readonly watch?: Watch;
  /**
   * What a local worker's engine will hold; without it, that is not known before the run.
   * @throws {HerdError} usage, for a network that does not fit
   */
  memoryOf?(model: PlannedModel): Promise<EngineMemory | undefined>;
}

/** An engine of this machine. */
export interface LocalEngine {
  /** As --backend takes it. */
  readonly name: EngineName;
  /** Whether its device is a CPU in disguise. */
  readonly software?: boolean;
}

/** What training needs of the workers' side. */
export interface TrainParts {
  /** worker/main.ts */
  readonly workerEntry: URL;
  /** The engine that a local worker would compute with. @throws {HerdError} cluster, if it does not work here */
  chooseEngine(backend: Backend): Promise<LocalEngine>;
  /**
   * The workers of an engine on this machine, and their GPUs.
   * @param wanted how many; undefined for as many as there is room for
   * @throws {HerdError} usage, for more than there is room for
   */
  localWorkers(engine: LocalEngine, wanted: number | undefined): Promise<LocalWorkers>;
  /** What a worker of an engine will hold, where that is planned. @throws {HerdError} usage, for a network that does not fit */
  engineMemory(engine: EngineName, model: PlannedModel): Promise<EngineMemory | undefined>;
}
