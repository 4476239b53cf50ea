// Has a connection prove that it knows the token, and proves it to the connection.
// @ts-types="@types/ws"
import type { RawData, WebSocket } from "ws";
import { HerdError } from "../../shared/errors.ts";
import { handshakeMessage, isProof, proofOf, randomHex, type Transcript } from "../../shared/handshake.ts";

/** The close code of whoever is not let in; it is not told why. */
const POLICY_VIOLATION = 1008;

/**
 * Talks with a stranger.
 * @param onKnown is called at once when it has proved that it knows the token: what it says next is for whoever listens then
 */
export function challenge(
  socket: WebSocket,
  { token, runId }: { readonly token: string; readonly runId: string },
  onKnown: (transcript: Transcript) => void,
): void {
  let transcript: Transcript | undefined;
  const onMessage = (data: RawData, isBinary: boolean) => {
    try {
      if (isBinary) throw new HerdError("cluster", "Received a frame instead of a handshake");
      const text = `${data}`;
      if (transcript === undefined) {
        const { nonce } = handshakeMessage.hail(text);
        transcript = { runId, coordinator: randomHex(), worker: nonce };
        const proof = proofOf(token, "coordinator", transcript);
        return socket.send(JSON.stringify({ type: "challenge", runId, nonce: transcript.coordinator, proof }));
      }
      const { proof } = handshakeMessage.response(text);
      if (!isProof(proof, token, "worker", transcript)) throw new HerdError("cluster", "The token is wrong");
    } catch {
      socket.off("message", onMessage);
      return socket.close(POLICY_VIOLATION);
    }
    socket.off("message", onMessage);
    onKnown(transcript);
  };
  socket.on("message", onMessage);
}
