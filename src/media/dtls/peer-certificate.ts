/** The certificate a peer sends: only its key and its bytes matter, for SDP vouches for it, not an authority. */
import type { KeyObject } from "node:crypto";
import { X509Certificate } from "node:crypto";
import { MAX_DTLS_RSA_BITS } from "../../limits.ts";
import { ALERT, DtlsFault } from "./wire.ts";

const MIN_RSA_BITS = 1_024;
const SEQUENCE = 0x30;

export interface PeerCertificate {
  readonly der: Uint8Array;
  readonly key: KeyObject;
}

/** @throws DtlsFault for what is no certificate, or has a key that we cannot or will not use */
export function readPeerCertificate(der: Uint8Array): PeerCertificate {
  let key: KeyObject;
  try {
    // The parser would also take PEM, which is not what TLS carries.
    if (der[0] !== SEQUENCE) throw new Error("not DER");
    key = new X509Certificate(der).publicKey;
  } catch {
    throw new DtlsFault(ALERT.badCertificate, "the peer's certificate cannot be read", "certificate");
  }
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  const bits = details?.modulusLength ?? 0;
  if (type !== "ec" && (type !== "rsa" || bits < MIN_RSA_BITS || bits > MAX_DTLS_RSA_BITS)) {
    const what = type === "rsa" ? `an RSA key of ${bits} bits` : `a key of type ${type}`;
    throw new DtlsFault(ALERT.unsupportedCertificate, `the peer's certificate has ${what}`, "certificate");
  }
  return { der, key };
}
