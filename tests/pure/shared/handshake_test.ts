import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { HerdError } from "../../../shared/errors.ts";
import { handshakeMessage, isProof, proofOf, randomHex } from "../../../shared/handshake.ts";
import { PROTOCOL_VERSION } from "../../../shared/protocol.ts";

const SECRET = "0123456789abcdef0123456789abcdef";
const TRANSCRIPT = { runId: "0011223344556677", coordinator: "c".repeat(64), worker: "d".repeat(64) };

Deno.test("proofOf() is HMAC-SHA-256 over version, direction, run and both nonces", async () => {
  const encoder = new TextEncoder();
  const key = await crypto.subtle.importKey("raw", encoder.encode(SECRET), { name: "HMAC", hash: "SHA-256" }, false, [
    "sign",
  ]);
  const text = `["herd.${PROTOCOL_VERSION}","worker","0011223344556677","${"c".repeat(64)}","${"d".repeat(64)}"]`;
  const expected = new Uint8Array(await crypto.subtle.sign("HMAC", key, encoder.encode(text))).toHex();
  assertEquals(proofOf(SECRET, "worker", TRANSCRIPT), expected);
});

Deno.test("a proof is of one secret, direction, run and connection", () => {
  const proof = proofOf(SECRET, "worker", TRANSCRIPT);
  assertEquals(isProof(proof, SECRET, "worker", TRANSCRIPT), true);
  assertEquals(isProof(proof, `${SECRET}0`, "worker", TRANSCRIPT), false);
  for (const as of ["coordinator", "worker w1", ""]) assertEquals(isProof(proof, SECRET, as, TRANSCRIPT), false);
  const swapped = { ...TRANSCRIPT, coordinator: TRANSCRIPT.worker, worker: TRANSCRIPT.coordinator };
  for (const other of [swapped, { ...TRANSCRIPT, runId: "1011223344556677" }]) {
    assertEquals(isProof(proof, SECRET, "worker", other), false);
  }
  for (const other of ["", proof.slice(1), `${proof}0`, "ü".repeat(32)]) {
    assertEquals(isProof(other, SECRET, "worker", TRANSCRIPT), false);
  }
  assertNotEquals(randomHex(), randomHex());
});

Deno.test("a handshake's messages are what they are, and nothing else", () => {
  const nonce = "a".repeat(64);
  assertEquals(handshakeMessage.hail(JSON.stringify({ type: "hail", nonce })).nonce, nonce);
  const wrong = ["", "null", "[]", `{"type":"hail"}`, JSON.stringify({ type: "hail", nonce: nonce.slice(1) })];
  for (const text of [...wrong, JSON.stringify({ type: "response", proof: nonce })]) {
    assertThrows(() => handshakeMessage.hail(text), HerdError, "handshake");
  }
  const challenge = { type: "challenge", runId: "0011223344556677", nonce, proof: nonce };
  assertEquals(handshakeMessage.challenge(JSON.stringify(challenge)).runId, challenge.runId);
  for (const runId of ["", "0011223344556677\\u001b", 7]) {
    assertThrows(() => handshakeMessage.challenge(JSON.stringify({ ...challenge, runId })), HerdError);
  }
});
