// The dashboard of a run: a subscriber of its events, and a small server of its own that shows them.
import type { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { isLoopback, joinAddress } from "../../shared/addresses.ts";
import type { ServerCertificate } from "../../shared/certificates.ts";
import { DOOR_LIMITS, type DoorLimits, guard, listening, localName, makeServer } from "../door/mod.ts";
import type { EventBus } from "../events/mod.ts";
import { readAssets } from "./assets.ts";
import { Board, type Silences } from "./board.ts";
import { answer } from "./handlers.ts";
import { dashboardKey } from "./key_file.ts";
import { Listeners } from "./listeners.ts";
import { Sessions } from "./sessions.ts";

/** What a dashboard is made from. */
export interface DashboardOptions {
  /** Where to listen; port 0 takes a free one. */
  readonly address: { readonly hostname: string; readonly port: number };
  /** Encrypts; undefined does not. */
  readonly tls: ServerCertificate | undefined;
  /** 16 hexadecimal digits; the same when the run is resumed. */
  readonly runId: string;
  /** Tells of the run. */
  readonly bus: EventBus;
  /** Where the key of cookies is kept. */
  readonly cacheDir: string;
  /** Tells how long workers have been silent. */
  readonly silences: Silences;
  /** Bounds on connections; by default those of the front door. */
  readonly limits?: DoorLimits;
  /** How long a page may be behind with what it is told before it is dropped, in milliseconds; by default half a minute. */
  readonly slowMs?: number;
  /** Ends the run, as Ctrl-C does. */
  stop(): void;
}

/** Fewer than at the front door: the run comes first. */
const LIMITS: DoorLimits = { ...DOOR_LIMITS, connections: 128 };
const SLOW_MS = 30_000;
/** How often pages are told what is new. */
const TICK_MS = 500;

/** Shows a run to whoever has a link, until it is disposed. */
export class Dashboard implements AsyncDisposable {
  /** Where to look at it: opens once. */
  readonly link: string;
  readonly #close: () => Promise<void>;

  private constructor(link: string, close: () => Promise<void>) {
    this.link = link;
    this.#close = close;
  }

  /** Opens it. @throws {HerdError} cluster, if the address cannot be listened on */
  static async start(options: DashboardOptions): Promise<Dashboard> {
    const {
      address: { hostname, port },
      tls,
      runId,
      bus,
      cacheDir,
      silences,
      limits = LIMITS,
      slowMs = SLOW_MS,
      stop,
    } = options;
    const board = new Board(bus.snapshot, silences);
    const sessions = new Sessions(await dashboardKey(cacheDir), runId);
    let ticks: ReturnType<typeof setInterval> | undefined;
    const listeners = new Listeners(() => {
      clearInterval(ticks);
      ticks = undefined;
      board.forget();
    }, slowMs);
    const tick = () => listeners.tell(board.takeNews(), () => board.everything());
    const answers = {
      assets: readAssets(),
      sessions,
      cookie: `herd-${runId}`,
      door: { hostname, isSecure: tls !== undefined },
      onKnown({ socket }: IncomingMessage) {
        const visitor = guarded.visitorOf(socket);
        if (visitor !== undefined) guarded.recognize(visitor);
      },
      listen(stream: Parameters<Listeners["add"]>[0]) {
        if (!listeners.hasRoom) return false;
        tick(); // the others are told the same as whoever comes
        listeners.add(stream, board.everything());
        ticks ??= setInterval(tick, TICK_MS);
        return true;
      },
      stop,
    };
    const server = makeServer(tls, (request, response) => void answer(request, response, answers));
    const guarded = guard(server, limits);
    await listening(server, { hostname, port, flag: "--dashboard" });
    const subscription = bus.subscribe("The dashboard", (event, snapshot) => {
      board.hear(event, snapshot);
      if (event.type === "end") tick();
    });
    const bound = server.address() as AddressInfo;
    // Under the name "localhost" another user of the machine may be the one who answers: on its other address.
    const own = joinAddress(isLoopback(hostname) ? bound.address : localName(hostname), bound.port);
    return new Dashboard(`${tls === undefined ? "http" : "https"}://${own}/#${sessions.makeLink()}`, async () => {
      subscription[Symbol.dispose]();
      clearInterval(ticks);
      const closed = new Promise<void>((done) => server.close(() => done()));
      await listeners.close();
      guarded.clear();
      await closed;
    });
  }

  /** Ends the streams, and closes the server. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }
}
