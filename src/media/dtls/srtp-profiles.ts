/** Protection profiles of the `use_srtp` extension (RFC 5764 section 4.1.2, RFC 7714 section 14.2) and their keys. */
import type { SrtpKeys, SrtpSuite } from "../srtp/suites.ts";
import { srtpSuite } from "../srtp/suites.ts";

export interface SrtpProfile {
  readonly id: number;
  /** As IANA and OpenSSL have it. */
  readonly name: string;
  readonly suite: SrtpSuite;
}

/** In order of preference, which is also the order we offer. */
export const SRTP_PROFILES: readonly SrtpProfile[] = [
  profile(0x0008, "SRTP_AEAD_AES_256_GCM", "AEAD_AES_256_GCM"),
  profile(0x0007, "SRTP_AEAD_AES_128_GCM", "AEAD_AES_128_GCM"),
  profile(0x0001, "SRTP_AES128_CM_SHA1_80", "AES_CM_128_HMAC_SHA1_80"),
  profile(0x0002, "SRTP_AES128_CM_SHA1_32", "AES_CM_128_HMAC_SHA1_32"),
];

function profile(id: number, name: string, suite: string): SrtpProfile {
  return { id, name, suite: srtpSuite(suite)! };
}

/** Label of the exporter (RFC 5764 section 4.2). */
export const EXPORTER_LABEL = "EXTRACTOR-dtls_srtp";

/** Bytes of keying material that a profile takes from the exporter. */
export function keyingMaterialBytes({ suite }: SrtpProfile): number {
  return 2 * (suite.keyBytes + suite.saltBytes);
}

/** Client key, server key, client salt, server salt (RFC 5764 section 4.2): what the client sends with, and the server. */
export function srtpKeys({ suite }: SrtpProfile, material: Uint8Array): { client: SrtpKeys; server: SrtpKeys } {
  const { keyBytes, saltBytes } = suite;
  const keys = (index: 0 | 1): SrtpKeys => ({
    suite,
    masterKey: material.slice(index * keyBytes, (index + 1) * keyBytes),
    masterSalt: material.slice(2 * keyBytes + index * saltBytes, 2 * keyBytes + (index + 1) * saltBytes),
    mki: new Uint8Array(0),
    unencryptedRtp: false,
    unencryptedRtcp: false,
    unauthenticatedRtp: false,
  });
  return { client: keys(0), server: keys(1) };
}
