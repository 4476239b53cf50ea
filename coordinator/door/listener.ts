// The coordinator's front door: an HTTP(S) server that upgrades requests with the run's token to WebSockets, and nothing else.
import { timingSafeEqual } from "node:crypto";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
// @ts-types="@types/ws"
import { type WebSocket, WebSocketServer } from "ws";
import { isLoopback, joinAddress } from "../../shared/addresses.ts";
import type { ServerCertificate } from "../../shared/certificates.ts";
import { type Meter, SOCKET_OPTIONS } from "../../shared/channel.ts";
import { HerdError, messageOf } from "../../shared/errors.ts";
import { DOOR_LIMITS, Doorkeeper, type DoorLimits, type Visitor } from "./doorkeeper.ts";

/** Where to listen and whom to let in. */
export interface ListenOptions {
  /** A host name or an address of this machine. */
  readonly hostname: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** What clients must send as a bearer token. */
  readonly token: string;
  /** The most bytes that a client may send at once; more are refused before they are read. */
  readonly maxPayload: number;
  /** Encrypts; undefined listens in clear. */
  readonly tls: ServerCertificate | undefined;
  /** Bounds on strangers; by default those of doorkeeper.ts. */
  readonly limits?: DoorLimits;
  /** Takes each connection: the address that it comes from, "" for this machine's own, and what it counts. */
  onSocket(socket: WebSocket, from: string, meter: Meter): void;
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

/** A request for an upgrade is a few hundred bytes. */
const MAX_HEADER_BYTES = 8 * 1024;

/**
 * With TLS there is a second door in clear, on the loopback only: workers of this machine need no certificate there, and
 * what others do at the front door does not keep them out.
 * @throws {HerdError} cluster, if the address cannot be listened on
 */
export async function listen(options: ListenOptions): Promise<Listener> {
  const front = await openDoor(options);
  const address = joinAddress(options.hostname, front.port);
  if (options.tls === undefined) {
    const local = { "0.0.0.0": "127.0.0.1", "::": "::1" }[options.hostname] ?? options.hostname;
    return { address, localAddress: joinAddress(local, front.port), close: front.close };
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
  const { hostname, port, token, maxPayload, tls, limits = DOOR_LIMITS, onSocket } = options;
  const sockets = new WebSocketServer({ noServer: true, ...SOCKET_OPTIONS, maxPayload });
  const server = makeServer(tls);
  const doorkeeper = new Doorkeeper(limits);
  const visitors = new Map<string, Visitor>();
  // Under TLS this is the connection below the encryption, so that the handshake is bounded too.
  server.on("connection", (connection: Socket) => {
    const visitor = { address: connection.remoteAddress ?? "", drop: () => void connection.destroy() };
    if (!doorkeeper.enter(visitor, performance.now())) return visitor.drop();
    const key = peerOf(connection);
    visitors.set(key, visitor);
    const timer = setTimeout(() => {
      if (doorkeeper.isStranger(visitor)) visitor.drop();
    }, limits.strangerMs);
    connection.on("close", () => {
      clearTimeout(timer);
      visitors.delete(key);
      doorkeeper.leave(visitor, performance.now());
    });
  });
  server.on("clientError", (_error, connection) => void connection.destroy());
  server.on("upgrade", (request, connection, head) => {
    connection.on("error", () => connection.destroy());
    const visitor = visitors.get(peerOf(request.socket));
    if (visitor === undefined) return void connection.destroy();
    if (!hasToken(request.headers.authorization, token)) {
      connection.end("HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    doorkeeper.recognize(visitor);
    const from = isLoopback(visitor.address) ? "" : visitor.address;
    sockets.handleUpgrade(request, connection, head, (socket) => onSocket(socket, from, request.socket));
  });
  await listening(server, hostname, port);
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = new Promise<void>((done) => server.close(() => done()));
      sockets.close();
      for (const socket of sockets.clients) socket.terminate();
      doorkeeper.clear();
      await closed;
    },
  };
}

function makeServer(tls: ServerCertificate | undefined): Server {
  const options = { maxHeaderSize: MAX_HEADER_BYTES };
  const answer: RequestListener = (_request, response) => {
    response.writeHead(426, { connection: "close" }).end("Herd speaks WebSocket here\n");
  };
  return tls === undefined ? createServer(options, answer) : createTlsServer({ ...options, ...tls }, answer);
}

async function listening(server: Server, hostname: string, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(port, hostname, resolve);
  try {
    await promise;
  } catch (cause) {
    const reason = messageOf(cause);
    throw new HerdError("cluster", `Cannot listen on ${hostname}:${port} (${reason}): choose another --listen`, {
      cause,
    });
  }
}

/** Tells a connection from all others, and is the same below and above the encryption. */
function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

/** Compares in constant time, so that answers do not tell how much of a guess is right. */
function hasToken(header: string | undefined, token: string): boolean {
  const expected = new TextEncoder().encode(`Bearer ${token}`);
  const actual = new TextEncoder().encode(header ?? "");
  return actual.length === expected.length && timingSafeEqual(actual, expected);
}
