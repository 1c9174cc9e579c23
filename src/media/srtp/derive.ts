/** Session keys from the master key (RFC 3711 section 4.3; RFC 6188 for longer keys, RFC 7714 section 11 for GCM). */
import { createCipheriv } from "node:crypto";
import type { SrtpKeys } from "./suites.ts";

export interface SessionKeys {
  readonly encryption: Uint8Array;
  /** HMAC-SHA1 key, 20 bytes; empty with GCM. */
  readonly authentication: Uint8Array;
  readonly salt: Uint8Array;
}

/** First of the three labels of each kind (RFC 3711 section 4.3.2): encryption, then authentication, then salt. */
const FIRST_LABEL = { rtp: 0, rtcp: 3 };

/** HMAC-SHA1 session keys have 160 bits whatever the tag length. Bytes. */
export const AUTHENTICATION_KEY = 20;

const BLOCK = 16;
/** Every session key fits two blocks of key stream. */
const SPAN = 2 * BLOCK;

/** The key derivation rate is always 0, as SDES and DTLS-SRTP have it: the index part of `x` stays zero. */
export function deriveSessionKeys({ suite, masterKey, masterSalt }: SrtpKeys, kind: "rtp" | "rtcp"): SessionKeys {
  // x = label << 48 XOR salt, in 14 bytes; a 12-byte salt is padded on the right (RFC 7714 section 11). The counter
  // follows. All counter blocks go through the cipher at once: what costs is setting it up.
  const blocks = Buffer.alloc(3 * SPAN);
  for (let i = 0; i < 6; i++) {
    blocks.set(masterSalt.subarray(0, 14), i * BLOCK);
    blocks[i * BLOCK + 7]! ^= FIRST_LABEL[kind] + (i >> 1);
    blocks[i * BLOCK + 15] = i & 1;
  }
  const cipher = createCipheriv(`aes-${masterKey.length * 8}-ecb`, masterKey, null).setAutoPadding(false);
  const stream = cipher.update(blocks);
  const part = (index: number, length: number) => new Uint8Array(stream.subarray(index * SPAN, index * SPAN + length));
  return {
    encryption: part(0, suite.keyBytes),
    authentication: part(1, suite.cipher === "gcm" ? 0 : AUTHENTICATION_KEY),
    salt: part(2, suite.saltBytes),
  };
}
