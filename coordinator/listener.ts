// The coordinator's front door: an HTTP server that upgrades requests with the run's token to WebSockets, and nothing else.
import { timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
// @ts-types="@types/ws"
import { type WebSocket, WebSocketServer } from "ws";
import { SOCKET_OPTIONS } from "../shared/channel.ts";
import { HerdError, messageOf } from "../shared/errors.ts";
import { MAX_FRAME_BYTES } from "../shared/frames.ts";

/** Where to listen and whom to let in. */
export interface ListenOptions {
  readonly hostname: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** What clients must send as a bearer token. */
  readonly token: string;
  /** Takes each connection. */
  onSocket(socket: WebSocket): void;
}

/** An open front door. */
export interface Listener {
  /** HOST:PORT, an IPv6 address in brackets. */
  readonly address: string;
  /** The same for workers on this machine: the loopback where all interfaces are listened on. */
  readonly localAddress: string;
  /** Closes the door and drops the connections. */
  close(): Promise<void>;
}

/** @throws {HerdError} cluster, if the address cannot be listened on */
export async function listen({ hostname, port, token, onSocket }: ListenOptions): Promise<Listener> {
  const sockets = new WebSocketServer({ noServer: true, ...SOCKET_OPTIONS, maxPayload: MAX_FRAME_BYTES });
  const server = createServer((_request, response) => response.writeHead(426).end("Herd speaks WebSocket here\n"));
  const connections = new Set<Duplex>();
  server.on("connection", (connection) => {
    connections.add(connection);
    connection.on("close", () => connections.delete(connection));
  });
  server.on("upgrade", (request, connection, head) => {
    connection.on("error", () => connection.destroy());
    if (!hasToken(request.headers.authorization, token)) {
      connection.end("HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    sockets.handleUpgrade(request, connection, head, onSocket);
  });
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
  const taken = (server.address() as AddressInfo).port;
  return {
    address: joinAddress(hostname, taken),
    localAddress: joinAddress({ "0.0.0.0": "127.0.0.1", "::": "::1" }[hostname] ?? hostname, taken),
    async close() {
      const closed = new Promise<void>((done) => server.close(() => done()));
      sockets.close();
      for (const socket of sockets.clients) socket.terminate();
      for (const connection of connections) connection.destroy();
      await closed;
    },
  };
}

/** Compares in constant time, so that answers do not tell how much of a guess is right. */
function hasToken(header: string | undefined, token: string): boolean {
  const expected = new TextEncoder().encode(`Bearer ${token}`);
  const actual = new TextEncoder().encode(header ?? "");
  return actual.length === expected.length && timingSafeEqual(actual, expected);
}

function joinAddress(hostname: string, port: number): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}
