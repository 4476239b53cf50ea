// How both ends of a connection prove that they know the token, which is never sent: each answers the other's random number
// (nonce) by an HMAC-SHA-256 under the token, the coordinator first, so that a worker tells nothing to whoever has taken the
// coordinator's port. A proof is of one direction, one run, one version and one connection, and of no use anywhere else. It
// needs no HTTP header, which a browser could not send: the protocol and its version are the WebSocket's sub-protocol, and
// the rest are the first three messages.
import type { Duplex } from "node:stream";
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import * as v from "valibot";
import { HerdError } from "./errors.ts";
import { PROTOCOL_VERSION } from "./protocol.ts";

/** What the WebSocket's sub-protocol is: sides of different versions learn from it that they are. */
export const SUBPROTOCOL = `herd.${PROTOCOL_VERSION}`;

/** What a connection may bring before it has proved that it knows the token, in bytes. */
const MOST_STRANGER_BYTES = 1024;

/** What both ends of a connection know once they know each other; no other connection has the same. */
export interface Transcript {
  /** Of the coordinator's run. */
  readonly runId: string;
  /** The coordinator's nonce. */
  readonly coordinator: string;
  /** The worker's nonce. */
  readonly worker: string;
}

const bytes32 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const runId = v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/));
/** worker → coordinator: prove that you know the token, over this nonce. */
const hail = v.object({ type: v.literal("hail"), nonce: bytes32 });
/** coordinator → worker: its proof; and prove it in turn, over this nonce and for this run. */
const challenge = v.object({ type: v.literal("challenge"), runId, nonce: bytes32, proof: bytes32 });
/** worker → coordinator: its proof. What follows are the messages of protocol.ts. */
const response = v.object({ type: v.literal("response"), proof: bytes32 });

/** Reads the messages of a handshake. Each throws a {@linkcode HerdError}, cluster, if the text is another one. */
export const handshakeMessage = { hail: reader(hail), challenge: reader(challenge), response: reader(response) };

/** 32 random bytes in hexadecimal: a nonce, or a secret. */
export function randomHex(): string {
  return randomBytes(32).toString("hex");
}

/**
 * The proof of knowing a secret.
 * @param as who proves it: "coordinator" and "worker" know the token, "worker NAME" the secret of that name
 */
export function proofOf(secret: string, as: string, { runId, coordinator, worker }: Transcript): string {
  const text = JSON.stringify([SUBPROTOCOL, as, runId, coordinator, worker]);
  return createHmac("sha256", secret).update(text).digest("hex");
}

/** Whether it is {@linkcode proofOf} the same. Takes the same time for all proofs. */
export function isProof(proof: string, secret: string, as: string, transcript: Transcript): boolean {
  const expected = new TextEncoder().encode(proofOf(secret, as, transcript));
  const actual = new TextEncoder().encode(proof);
  return actual.length === expected.length && timingSafeEqual(actual, expected);
}

/** Drops a connection that brings more than a handshake, until it is told to forget that. */
export function boundStranger(
  connection: Pick<Duplex, "on" | "off" | "destroy">,
): { forget(): void } {
  let bytes = 0;
  let isKnown = false; // what comes in one piece with the last proof may be any amount
  const count = (chunk: Uint8Array) => {
    bytes += chunk.length;
    if (bytes > MOST_STRANGER_BYTES && !isKnown) connection.destroy();
  };
  connection.on("data", count);
  return {
    forget() {
      isKnown = true;
      connection.off("data", count);
    },
  };
}

function reader<T>(schema: v.GenericSchema<unknown, T>): (text: string) => T {
  return (text) => {
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      json = undefined;
    }
    const result = v.safeParse(schema, json);
    if (result.success) return result.output;
    throw new HerdError("cluster", "Received something else than the handshake's next message");
  };
}
