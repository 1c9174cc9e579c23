/** Key derivation of TLS 1.2 (RFC 5246 section 5 and 8.1, extended master secret RFC 7627, exporters RFC 5705). */
import { createHash, createHmac } from "node:crypto";
import type { CipherSuite } from "./suites.ts";

const MASTER_SECRET_BYTES = 48;
const VERIFY_DATA_BYTES = 12;

type Hash = CipherSuite["hash"];

/** P_hash(secret, label + seed), `length` bytes. */
export function prf(hash: Hash, secret: Uint8Array, label: string, seed: Uint8Array, length: number): Uint8Array {
  const labelled = Buffer.concat([Buffer.from(label, "latin1"), seed]);
  const blocks: Uint8Array[] = [];
  let a: Uint8Array = labelled;
  for (let got = 0; got < length; ) {
    a = createHmac(hash, secret).update(a).digest();
    const block = createHmac(hash, secret).update(a).update(labelled).digest();
    blocks.push(block);
    got += block.length;
  }
  return Buffer.concat(blocks).subarray(0, length);
}

export function transcriptHash(hash: Hash, messages: readonly Uint8Array[]): Uint8Array {
  const digest = createHash(hash);
  for (const message of messages) digest.update(message);
  return digest.digest();
}

export interface HelloRandoms {
  readonly client: Uint8Array;
  readonly server: Uint8Array;
}

/** @param sessionHash transcript up to ClientKeyExchange where both sides have the extension, undefined otherwise */
export function masterSecret(
  hash: Hash,
  preMaster: Uint8Array,
  randoms: HelloRandoms,
  sessionHash: Uint8Array | undefined,
): Uint8Array {
  return sessionHash
    ? prf(hash, preMaster, "extended master secret", sessionHash, MASTER_SECRET_BYTES)
    : prf(hash, preMaster, "master secret", Buffer.concat([randoms.client, randoms.server]), MASTER_SECRET_BYTES);
}

/** Key and fixed nonce bytes of each direction. */
export function keyBlock(
  { hash, keyBytes }: CipherSuite,
  master: Uint8Array,
  randoms: HelloRandoms,
): Record<"client" | "server", { readonly key: Uint8Array; readonly salt: Uint8Array }> {
  const saltBytes = 4;
  const seed = Buffer.concat([randoms.server, randoms.client]);
  const block = prf(hash, master, "key expansion", seed, 2 * (keyBytes + saltBytes));
  const part = (index: 0 | 1) => ({
    key: block.slice(index * keyBytes, (index + 1) * keyBytes),
    salt: block.slice(2 * keyBytes + index * saltBytes, 2 * keyBytes + (index + 1) * saltBytes),
  });
  return { client: part(0), server: part(1) };
}

/** Contents of a Finished message. */
export function verifyData(
  hash: Hash,
  master: Uint8Array,
  from: "client" | "server",
  messages: readonly Uint8Array[],
): Uint8Array {
  return prf(hash, master, `${from} finished`, transcriptHash(hash, messages), VERIFY_DATA_BYTES);
}

/** Keying material without context (RFC 5705 section 4). */
export function exportKeyingMaterial(
  hash: Hash,
  master: Uint8Array,
  randoms: HelloRandoms,
  label: string,
  length: number,
): Uint8Array {
  return prf(hash, master, label, Buffer.concat([randoms.client, randoms.server]), length);
}
