/** Crypto suites of SRTP, by their SDES names (RFC 4568, RFC 6188, RFC 7714). */

export interface SrtpSuite {
  readonly name: string;
  readonly cipher: "cm" | "gcm" | "f8" | "null";
  /** Master and session encryption key, bytes. */
  readonly keyBytes: number;
  /** Master salt, bytes. */
  readonly saltBytes: number;
  /** Authentication tag of RTP and of RTCP packets, bytes. */
  readonly rtpTagBytes: number;
  readonly rtcpTagBytes: number;
}

function hmac(name: string, cipher: "cm" | "f8" | "null", keyBytes: number, rtpTagBytes: number): SrtpSuite {
  return { name, cipher, keyBytes, saltBytes: 14, rtpTagBytes, rtcpTagBytes: 10 };
}

function gcm(name: string, keyBytes: number): SrtpSuite {
  return { name, cipher: "gcm", keyBytes, saltBytes: 12, rtpTagBytes: 16, rtcpTagBytes: 16 };
}

/** In order of preference. */
export const SRTP_SUITES: readonly SrtpSuite[] = [
  gcm("AEAD_AES_256_GCM", 32),
  gcm("AEAD_AES_128_GCM", 16),
  hmac("AES_256_CM_HMAC_SHA1_80", "cm", 32, 10),
  hmac("AES_256_CM_HMAC_SHA1_32", "cm", 32, 4),
  hmac("AES_192_CM_HMAC_SHA1_80", "cm", 24, 10),
  hmac("AES_192_CM_HMAC_SHA1_32", "cm", 24, 4),
  hmac("AES_CM_128_HMAC_SHA1_80", "cm", 16, 10),
  hmac("AES_CM_128_HMAC_SHA1_32", "cm", 16, 4),
  hmac("F8_128_HMAC_SHA1_80", "f8", 16, 10),
  hmac("F8_128_HMAC_SHA1_32", "f8", 16, 4),
  hmac("NULL_HMAC_SHA1_80", "null", 16, 10),
  hmac("NULL_HMAC_SHA1_32", "null", 16, 4),
];

const BY_NAME: ReadonlyMap<string, SrtpSuite> = new Map(SRTP_SUITES.map((suite) => [suite.name.toUpperCase(), suite]));

/** The suite of this name, in any case; undefined when it is not known. */
export function srtpSuite(name: string): SrtpSuite | undefined {
  return BY_NAME.get(name.toUpperCase());
}

/** What one direction of one stream is protected with. */
export interface SrtpKeys {
  readonly suite: SrtpSuite;
  readonly masterKey: Uint8Array;
  readonly masterSalt: Uint8Array;
  /** Master key identifier carried in packets, empty when none was negotiated. */
  readonly mki: Uint8Array;
  readonly unencryptedRtp: boolean;
  readonly unencryptedRtcp: boolean;
  readonly unauthenticatedRtp: boolean;
}
