/** Signatures of ServerKeyExchange and CertificateVerify (RFC 5246 section 7.4.1.4.1, RFC 8446 section 4.2.3 for PSS). */
import type { KeyObject } from "node:crypto";
import { constants, sign, verify } from "node:crypto";
import { ALERT, DtlsFault } from "./wire.ts";

interface SignatureScheme {
  /** The registry's 16 bits: hash and signature, or a PSS scheme. */
  readonly id: number;
  readonly key: "ec" | "rsa";
  readonly hash: string;
  readonly pss?: true;
}

/** In order of preference. Nothing with SHA-1. */
const SCHEMES: readonly SignatureScheme[] = [
  { id: 0x0403, key: "ec", hash: "sha256" },
  { id: 0x0401, key: "rsa", hash: "sha256" },
  { id: 0x0503, key: "ec", hash: "sha384" },
  { id: 0x0501, key: "rsa", hash: "sha384" },
  { id: 0x0603, key: "ec", hash: "sha512" },
  { id: 0x0601, key: "rsa", hash: "sha512" },
  { id: 0x0804, key: "rsa", hash: "sha256", pss: true },
  { id: 0x0805, key: "rsa", hash: "sha384", pss: true },
  { id: 0x0806, key: "rsa", hash: "sha512", pss: true },
];

export const SIGNATURE_SCHEMES: readonly number[] = SCHEMES.map(({ id }) => id);

/** The scheme for a key of ours among those the peer accepts; undefined when there is none. */
export function chooseScheme(key: "ec" | "rsa", accepted: readonly number[]): number | undefined {
  return SCHEMES.find((scheme) => scheme.key === key && accepted.includes(scheme.id))?.id;
}

/** @param scheme from {@link chooseScheme} for this kind of key */
export function signWith(scheme: number, key: KeyObject, data: Uint8Array): Uint8Array {
  const { hash, pss } = SCHEMES.find(({ id }) => id === scheme)!;
  return sign(hash, data, pss ? { key, ...PSS } : key);
}

const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST } as const;

/** @throws DtlsFault illegal_parameter for a scheme we did not offer or of another kind of key, decrypt_error for a bad signature */
export function verifySignature(
  scheme: number,
  key: KeyObject,
  data: Uint8Array,
  signature: Uint8Array,
  what: string,
): void {
  const known = SCHEMES.find(({ id }) => id === scheme);
  if (known?.key !== key.asymmetricKeyType) {
    throw new DtlsFault(ALERT.illegalParameter, `${what} is signed by a scheme that does not fit (${scheme})`);
  }
  let good = false;
  try {
    good = verify(known!.hash, data, known!.pss ? { key, ...PSS } : key, signature);
  } catch {
    // A signature that is not even of the right form.
  }
  if (!good) throw new DtlsFault(ALERT.decryptError, `the signature of ${what} is wrong`);
}
