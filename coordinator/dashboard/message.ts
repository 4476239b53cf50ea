// What the dashboard's page is told, as JSON: everything when it comes, and then what is new.

/** A training, as it is called on the page. */
export interface TrainingTold {
  /** Unique in the run. */
  readonly name: string;
  /** In words. */
  readonly label: string;
  readonly arm: string;
  readonly seed: number;
  /** What else its curves have in common with those that they are drawn with: "rate 0.0001". */
  readonly group: string;
}

/** What does not change while a run goes on. */
export interface RunTold {
  readonly herd: string;
  readonly folder: string;
  readonly command: string;
  readonly model: string;
  readonly dataset: string;
  readonly arms: readonly string[];
  /** Of each training. */
  readonly epochs: number;
  /** In their order. */
  readonly trainings: readonly TrainingTold[];
  /** The share of the test images that the larger class has. */
  readonly chance: number | null;
  /** Whether the AUC is a mean over more than two classes. */
  readonly isAucMacro: boolean;
  /** Whether the drawn images stand in for the real ones. */
  readonly fallback: boolean;
}

/** Where the run stands. */
export interface Progress {
  /** The name of the training under way. */
  readonly training: string;
  readonly epoch: number;
  readonly step: number;
  readonly steps: number;
  /** Means over the epoch so far. */
  readonly loss: number;
  readonly accuracy: number;
  /** Of the epoch so far; null while too little was timed. */
  readonly imagesPerSecond: number | null;
  /** Of the whole run, 0 to 1. */
  readonly done: number;
  /** Null while that is not known. */
  readonly secondsLeft: number | null;
}

/** The mean loss of one step's images. */
export interface Point {
  /** The name of its training. */
  readonly training: string;
  readonly epoch: number;
  readonly step: number;
  readonly loss: number;
}

/** The end of an epoch. */
export interface EpochTold {
  /** The name of its training. */
  readonly training: string;
  readonly epoch: number;
  readonly loss: number;
  readonly accuracy: number;
  readonly testLoss: number;
  readonly testAccuracy: number;
  readonly testAuc: number | null;
}

/** A worker. */
export interface WorkerTold {
  readonly id: string;
  /** "" for a process of the coordinator's machine. */
  readonly host: string;
  readonly pid: number;
  readonly engine: string;
  readonly adapter: string;
  readonly isHere: boolean;
  readonly imagesPerSecond: number;
  /** Of the leaves of the last steps; null before the first. */
  readonly share: number | null;
  /** Seconds since its last sign of life; null for one that is gone. */
  readonly silentSeconds: number | null;
  /** How often it was lost, and whether it was excluded. */
  readonly lost: number;
  readonly isExcluded: boolean;
}

/** Where the time of a step went, in seconds: means over the last steps. */
export interface PartsTold {
  readonly steps: number;
  readonly compute: number;
  readonly wait: number;
  readonly sum: number;
  readonly update: number;
  readonly send: number;
}

/** A line of the log. */
export interface LogLine {
  /** In milliseconds since 1970. */
  readonly time: number;
  readonly text: string;
  readonly isWarning: boolean;
}

/** What is new. */
export interface News {
  readonly progress?: Progress;
  /** In their order. */
  readonly points?: readonly Point[];
  /** In their order. */
  readonly epochs?: readonly EpochTold[];
  /** The names of trainings that have diverged, with the reason. */
  readonly diverged?: readonly { readonly training: string; readonly text: string }[];
  /** All of them. */
  readonly workers?: readonly WorkerTold[];
  /** What was mended in the whole run, in words; "" for nothing. */
  readonly faults?: string;
  readonly parts?: PartsTold;
  /** In their order. */
  readonly log?: readonly LogLine[];
  /** The last thing that is told. `message` is why it is not complete. */
  readonly end?: { readonly complete: boolean; readonly message: string };
}

/** Everything, for a page that comes, or that has missed something. */
export interface Everything extends News {
  /** Null until the run begins. */
  readonly run: RunTold | null;
}
