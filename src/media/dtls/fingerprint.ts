/** Certificate fingerprints as SDP has them (RFC 8122 section 5): `sha-256 AA:BB:…`. */
import { createHash, timingSafeEqual } from "node:crypto";

export const FINGERPRINT_HASHES = ["sha-1", "sha-224", "sha-256", "sha-384", "sha-512"] as const;
export type FingerprintHash = (typeof FINGERPRINT_HASHES)[number];

/** Our default, and what RFC 8122 section 5.1 asks where the certificate is signed with SHA-256. */
export const DEFAULT_FINGERPRINT_HASH: FingerprintHash = "sha-256";

export interface Fingerprint {
  readonly hash: FingerprintHash;
  /** Upper-case hex with colons. */
  readonly value: string;
}

/** The hash of this name in any case; undefined when it is not known or (md5, md2) not to be trusted. */
export function fingerprintHash(name: string): FingerprintHash | undefined {
  const lower = name.toLowerCase();
  return FINGERPRINT_HASHES.find((hash) => hash === lower);
}

function digest(certificate: Uint8Array, hash: FingerprintHash): Buffer {
  return createHash(hash.replace("-", "")).update(certificate).digest();
}

/** @param certificate DER */
export function fingerprintOf(certificate: Uint8Array, hash: FingerprintHash): Fingerprint {
  const hex = digest(certificate, hash).toString("hex").toUpperCase();
  return { hash, value: hex.match(/../g)!.join(":") };
}

const DIGEST_BYTES: Readonly<Record<FingerprintHash, number>> = {
  "sha-1": 20,
  "sha-224": 28,
  "sha-256": 32,
  "sha-384": 48,
  "sha-512": 64,
};

/** From an `a=fingerprint` attribute: canonical, or the reason why it cannot be one, as text. */
export function parseFingerprint(attribute: { readonly hash: string; readonly value: string }): Fingerprint | string {
  const hash = fingerprintHash(attribute.hash);
  if (!hash) return `unknown hash function ${attribute.hash} in a=fingerprint`;
  const value = attribute.value.trim().toUpperCase();
  if (!/^[0-9A-F]{2}(:[0-9A-F]{2})*$/.test(value)) return "a=fingerprint is no list of hex bytes with colons";
  const bytes = (value.length + 1) / 3;
  return bytes === DIGEST_BYTES[hash] ? { hash, value } : `a=fingerprint:${hash} has ${bytes} bytes`;
}

/** Whether this certificate (DER) has this fingerprint; takes the same time wherever they differ. */
export function hasFingerprint(certificate: Uint8Array, fingerprint: Fingerprint): boolean {
  const expected = Buffer.from(fingerprint.value.replaceAll(":", ""), "hex");
  const actual = digest(certificate, fingerprint.hash);
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}

export function sameFingerprint(a: Fingerprint | undefined, b: Fingerprint | undefined): boolean {
  return a?.hash === b?.hash && a?.value === b?.value;
}
