// Has a doorkeeper look at every connection of a server: whoever comes is a stranger until somebody recognizes him.
import type { Server } from "node:http";
import type { Socket } from "node:net";
import { Doorkeeper, type DoorLimits, type Visitor } from "./doorkeeper.ts";

/** The connections of a guarded server. */
export interface Guard {
  /** Who is on a connection; undefined for one that was not let in, or has gone. */
  visitorOf(connection: Socket): Visitor | undefined;
  /** A visitor has proved that he may be here: his time is not bounded any more. */
  recognize(visitor: Visitor): void;
  /** Drops everybody. */
  clear(): void;
}

/** Guards a server. Under TLS what is counted are the connections below the encryption, so that the handshake is bounded too. */
export function guard(server: Server, limits: DoorLimits): Guard {
  const doorkeeper = new Doorkeeper(limits);
  const visitors = new Map<string, Visitor>();
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
  return {
    visitorOf: (connection) => visitors.get(peerOf(connection)),
    recognize: (visitor) => doorkeeper.recognize(visitor),
    clear: () => doorkeeper.clear(),
  };
}

/** Tells a connection from all others, and is the same below and above the encryption. */
function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
