// A worker's way to its coordinator: a connection on which both ends have proved that they know the token.
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
// @ts-types="@types/ws"
import { type RawData, WebSocket } from "ws";
import { type Meter, SOCKET_OPTIONS } from "../shared/channel.ts";
import { HerdError, messageOf } from "../shared/errors.ts";
import { MAX_FRAME_BYTES } from "../shared/frames.ts";
import {
  boundStranger,
  handshakeMessage,
  isProof,
  proofOf,
  randomHex,
  SUBPROTOCOL,
  type Transcript,
} from "../shared/handshake.ts";
import { PROTOCOL_VERSION } from "../shared/protocol.ts";
import { outdatedCertificate } from "./certificate.ts";

/** Where the coordinator is, and how it and this worker know each other. */
export interface Address {
  /** ws[s]://HOST:PORT */
  readonly url: string;
  readonly token: string;
  /** Authorities to trust instead of the public ones, as PEM. */
  readonly authority?: string | undefined;
}

/** A connection to a coordinator that knows the token, and knows that this worker does. */
export interface Joined {
  readonly socket: WebSocket;
  readonly meter: Meter;
  /** What further proofs on this connection are about. */
  readonly transcript: Transcript;
}

/** The network or the coordinator is gone: both may come back. */
export class ConnectionLost extends HerdError {
  constructor(message: string) {
    super("cluster", message);
  }
}

const CONNECT_DEADLINE_MS = 10_000;

/**
 * Connects.
 * @throws {ConnectionLost} if the coordinator cannot be reached; another {@linkcode HerdError}, if trying again is of no use
 */
export async function joinCoordinator(address: Address): Promise<Joined> {
  const { socket, meter } = await connect(address);
  const { forget } = boundStranger(meter);
  const transcript = await shakeHands(socket, address);
  forget();
  return { socket, meter, transcript };
}

async function connect({ url, authority }: Address): Promise<{ socket: WebSocket; meter: Socket }> {
  const socket = new WebSocket(url, SUBPROTOCOL, {
    ...SOCKET_OPTIONS,
    maxPayload: MAX_FRAME_BYTES,
    handshakeTimeout: CONNECT_DEADLINE_MS,
    ...(authority === undefined ? {} : { ca: authority }),
    // Masking protects proxies from browsers' scripts; a mask of zeros saves its cost (ws skips it).
    generateMask: (mask) => mask.fill(0),
  });
  const { promise, resolve, reject } = Promise.withResolvers<{ socket: WebSocket; meter: Socket }>();
  const fail = (why: string) => reject(new ConnectionLost(`Could not join ${url}: ${why}`));
  // It comes before "open": the only sight of the connection below that ws gives.
  socket.once("upgrade", ({ socket: meter }) => socket.once("open", () => resolve({ socket, meter })));
  socket.once("error", async (error) => {
    if (!isUntrusted(error)) return fail(messageOf(error));
    const outdated = await outdatedCertificate(url);
    const remedy = "give the one that signs it with --tls-ca, and name the host as it does";
    const why = outdated ?? `is not trusted (${messageOf(error)}): ${remedy}`;
    reject(new HerdError("cluster", `Could not join ${url}: its certificate ${why}`));
  });
  socket.once("unexpected-response", (_request, response) => {
    const spoken = protocolOf(response);
    if (spoken === undefined) return fail(`the answer was ${response.statusCode}`);
    const versions = `the coordinator speaks ${spoken}, this worker protocol ${PROTOCOL_VERSION}`;
    reject(new HerdError("cluster", `Could not join ${url}: ${versions}: use the same version of Herd on both sides`));
  });
  return await promise;
}

/** What a coordinator speaks that does not speak this worker's version; undefined for something else than a coordinator. */
function protocolOf({ statusCode, headers }: IncomingMessage): string | undefined {
  const [, version] = /^herd\.(\d{1,9})$/.exec(`${headers["sec-websocket-protocol"]}`) ?? [];
  if (version !== undefined) return `protocol ${version}`;
  return statusCode === 401 ? "an older protocol" : undefined; // up to 4, the token was shown
}

/**
 * Both ends prove that they know the token, the other end first.
 * @throws {HerdError} cluster, if it cannot
 */
async function shakeHands(socket: WebSocket, { url, token }: Address): Promise<Transcript> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const lost = (why: string) => reject(new ConnectionLost(`Could not join ${url}: ${why}`));
  const late = setTimeout(() => lost("there was no answer to the first message"), CONNECT_DEADLINE_MS);
  const onError = (error: Error) => lost(messageOf(error));
  const onClose = () => lost("the connection was closed");
  socket.once("message", (data: RawData) => resolve(`${data}`));
  socket.once("error", onError).once("close", onClose);
  try {
    const nonce = randomHex();
    socket.send(JSON.stringify({ type: "hail", nonce }));
    const { runId, nonce: theirs, proof } = handshakeMessage.challenge(await promise);
    const transcript = { runId, coordinator: theirs, worker: nonce };
    if (!isProof(proof, token, "coordinator", transcript)) {
      throw new HerdError("cluster", `Could not join ${url}: the token is wrong (--token-file), or not known there`);
    }
    socket.send(JSON.stringify({ type: "response", proof: proofOf(token, "worker", transcript) }));
    return transcript;
  } catch (error) {
    socket.on("error", () => {}).terminate();
    throw error;
  } finally {
    clearTimeout(late);
    socket.off("error", onError).off("close", onClose);
  }
}

/** Whether a handshake failed because of the certificate: trying again will not help. */
function isUntrusted(error: Error): boolean {
  return "code" in error && /CERT|UNABLE_TO_VERIFY/.test(`${error.code}`);
}
