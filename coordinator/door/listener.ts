// The coordinator's front door: an HTTP(S) server that upgrades to WebSockets, hands over those that prove that they know the
// run's token, and does nothing else.
import type { IncomingMessage, RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
// @ts-types="@types/ws"
import { type WebSocket, WebSocketServer } from "ws";
import { isLoopback, joinAddress } from "../../shared/addresses.ts";
import type { ServerCertificate } from "../../shared/certificates.ts";
import { type Meter, SOCKET_OPTIONS } from "../../shared/channel.ts";
import { boundStranger, SUBPROTOCOL, type Transcript } from "../../shared/handshake.ts";
import { challenge } from "./challenge.ts";
import { DOOR_LIMITS, type DoorLimits } from "./doorkeeper.ts";
import { guard } from "./guard.ts";
import { isForeignPage } from "./origin.ts";
import { listening, localName, makeServer } from "./server.ts";

/** Where to listen and whom to let in. */
export interface ListenOptions {
  /** A host name or an address of this machine. */
  readonly hostname: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** What clients must prove that they know. */
  readonly token: string;
  /** The run that the proofs are for, 16 hexadecimal digits. */
  readonly runId: string;
  /** The most bytes that a client which has done so may send at once; more are refused before they are read. */
  readonly maxPayload: number;
  /** Encrypts; undefined listens in clear. */
  readonly tls: ServerCertificate | undefined;
  /** Bounds on strangers; by default those of doorkeeper.ts. */
  readonly limits?: DoorLimits;
  /** Takes each connection that knows the token. */
  onVisit(visit: Visit): void;
}

/** A connection that has proved that it knows the token. */
export interface Visit {
  /** Nobody listens to it yet. */
  readonly socket: WebSocket;
  /** The address that it comes from, "" for this machine's own. */
  readonly from: string;
  /** What the connection below counts. */
  readonly meter: Meter;
  /** What further proofs on this connection are about. */
  readonly transcript: Transcript;
}

/** An open front door. */
export interface Listener {
  /** HOST:PORT, an IPv6 address in brackets. */
  readonly address: string;
  /** For workers on this machine, always in clear. */
  readonly localAddress: string;
  /** Closes the door and drops the connections. */
  close(): Promise<void>;
}

/**
 * With TLS there is a second door in clear, on the loopback only: workers of this machine need no certificate there, and
 * what others do at the front door does not keep them out.
 * @throws {HerdError} cluster, if the address cannot be listened on
 */
export async function listen(options: ListenOptions): Promise<Listener> {
  const front = await openDoor(options);
  const address = joinAddress(options.hostname, front.port);
  if (options.tls === undefined) {
    return { address, localAddress: joinAddress(localName(options.hostname), front.port), close: front.close };
  }
  const hostname = options.hostname.includes(":") ? "::1" : "127.0.0.1";
  try {
    const side = await openDoor({ ...options, hostname, port: 0, tls: undefined });
    const close = async () => void await Promise.all([front.close(), side.close()]);
    return { address, localAddress: joinAddress(hostname, side.port), close };
  } catch (error) {
    await front.close();
    throw error;
  }
}

interface Door {
  readonly port: number;
  close(): Promise<void>;
}

async function openDoor(options: ListenOptions): Promise<Door> {
  const { hostname, port, token, runId, maxPayload, tls, limits = DOOR_LIMITS, onVisit } = options;
  const sockets = new WebSocketServer({
    noServer: true,
    ...SOCKET_OPTIONS,
    maxPayload,
    handleProtocols: () => SUBPROTOCOL,
  });
  const server = makeServer(tls, answer);
  const guarded = guard(server, limits);
  server.on("upgrade", (request, connection, head) => {
    connection.on("error", () => connection.destroy());
    const visitor = guarded.visitorOf(request.socket);
    if (visitor === undefined) return void connection.destroy();
    if (isForeignPage(request.headers, { hostname, isSecure: tls !== undefined })) {
      return void connection.end(refusal("403 Forbidden"));
    }
    if (!offersOurProtocol(request)) {
      return void connection.end(refusal("426 Upgrade Required", `Sec-WebSocket-Protocol: ${SUBPROTOCOL}`));
    }
    sockets.handleUpgrade(request, connection, head, (socket) => {
      socket.on("error", () => socket.terminate());
      const { forget } = boundStranger(connection); // `maxPayload` is for those that are known
      challenge(socket, { token, runId }, (transcript) => {
        guarded.recognize(visitor);
        forget();
        const from = isLoopback(visitor.address) ? "" : visitor.address;
        onVisit({ socket, from, meter: request.socket, transcript });
      });
    });
  });
  await listening(server, { hostname, port, flag: "--listen" });
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = new Promise<void>((done) => server.close(() => done()));
      sockets.close();
      for (const socket of sockets.clients) socket.terminate();
      guarded.clear();
      await closed;
    },
  };
}

const answer: RequestListener = (_request, response) => {
  response.writeHead(426, { connection: "close" }).end("Herd speaks WebSocket here\n");
};

function offersOurProtocol({ headers }: IncomingMessage): boolean {
  return (headers["sec-websocket-protocol"] ?? "").split(",").some((name) => name.trim() === SUBPROTOCOL);
}

/** What somebody hears whose request is not upgraded. */
function refusal(status: string, ...headers: readonly string[]): string {
  return [`HTTP/1.1 ${status}`, ...headers, "Connection: close", "Content-Length: 0", "", ""].join("\r\n");
}
