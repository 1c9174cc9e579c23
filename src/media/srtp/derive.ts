/** Session keys from the master key (RFC 3711 section 4.3; RFC 6188 for longer keys, RFC 7714 section 11 for GCM). */
import { createCipheriv } from "node:crypto";
import type { SrtpKeys } from "./suites.ts";

export interface SessionKeys {
  readonly encryption: Uint8Array;
  /** HMAC-SHA1 key, 20 bytes; empty with GCM. */
  readonly authentication: Uint8Array;
  readonly salt: Uint8Array;
}

/** Labels of RFC 3711 section 4.3.2. */
const LABEL = {
  rtpEncryption: 0,
  rtpAuthentication: 1,
  rtpSalt: 2,
  rtcpEncryption: 3,
  rtcpAuthentication: 4,
  rtcpSalt: 5,
};

/** HMAC-SHA1 session keys have 160 bits whatever the tag length. Bytes. */
const AUTHENTICATION_KEY = 20;

export function deriveSessionKeys(keys: SrtpKeys, kind: "rtp" | "rtcp"): SessionKeys {
  const { suite } = keys;
  const label = kind === "rtp" ? LABEL.rtpEncryption : LABEL.rtcpEncryption;
  return {
    encryption: derive(keys, label, suite.keyBytes),
    authentication: suite.cipher === "gcm" ? new Uint8Array() : derive(keys, label + 1, AUTHENTICATION_KEY),
    salt: derive(keys, label + 2, suite.saltBytes),
  };
}

/** The key derivation rate is always 0, as SDES and DTLS-SRTP have it: the index part of `x` stays zero. */
function derive({ masterKey, masterSalt }: SrtpKeys, label: number, length: number): Uint8Array {
  const iv = Buffer.alloc(16);
  // x = label << 48 XOR salt, in 14 bytes; a 12-byte salt is padded on the right (RFC 7714 section 11). The counter follows.
  iv.set(masterSalt.subarray(0, 14));
  iv[7]! ^= label;
  const cipher = createCipheriv(`aes-${masterKey.length * 8}-ctr`, masterKey, iv);
  return new Uint8Array(cipher.update(Buffer.alloc(length)));
}
