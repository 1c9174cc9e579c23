/** Groups for the ephemeral Diffie-Hellman exchange (RFC 8422). Private keys come from the system's random source. */
import { createECDH, createPublicKey, diffieHellman, generateKeyPairSync } from "node:crypto";
import { ALERT, DtlsFault } from "./wire.ts";

/** One side's share: made for one handshake, used once. */
export interface KeyShare {
  readonly group: number;
  /** 32 bytes for X25519, an uncompressed point otherwise. */
  readonly publicKey: Uint8Array;
  /** The premaster secret. @throws DtlsFault illegal_parameter for what is no key of this group */
  derive(peer: Uint8Array): Uint8Array;
}

const X25519 = 29;
const CURVES: ReadonlyMap<number, string> = new Map([
  [23, "prime256v1"],
  [24, "secp384r1"],
]);

/** In order of preference: an X25519 exchange costs half of one over P-256. */
export const GROUPS: readonly number[] = [X25519, 23, 24];

/** A peer that lists no groups is taken to know this one (RFC 8827 section 6.5 makes it mandatory). */
export const DEFAULT_GROUP = 23;

/** @param group one of {@link GROUPS} */
export function newKeyShare(group: number): KeyShare {
  return group === X25519 ? x25519Share() : curveShare(group, CURVES.get(group)!);
}

function curveShare(group: number, curve: string): KeyShare {
  const exchange = createECDH(curve);
  const publicKey = exchange.generateKeys();
  return { group, publicKey, derive: (peer) => refusingBadKeys(() => exchange.computeSecret(uncompressed(peer))) };
}

function uncompressed(point: Uint8Array): Uint8Array {
  if (point[0] !== 4) throw new Error("not an uncompressed point");
  return point;
}

/** SubjectPublicKeyInfo of an X25519 key up to the key itself (RFC 8410). */
const X25519_SPKI = Buffer.from("302a300506032b656e032100", "hex");

function x25519Share(): KeyShare {
  const { publicKey, privateKey } = generateKeyPairSync("x25519");
  const raw = publicKey.export({ format: "der", type: "spki" }).subarray(X25519_SPKI.length);
  const derive = (peer: Uint8Array) =>
    refusingBadKeys(() => {
      if (peer.length !== 32) throw new Error("not 32 bytes");
      const key = Buffer.concat([X25519_SPKI, peer]);
      const secret = diffieHellman({ privateKey, publicKey: createPublicKey({ key, format: "der", type: "spki" }) });
      // A point of small order (RFC 7748 section 6.1).
      if (secret.every((byte) => byte === 0)) throw new Error("all-zero secret");
      return secret;
    });
  return { group: X25519, publicKey: raw, derive };
}

function refusingBadKeys(derive: () => Uint8Array): Uint8Array {
  try {
    return derive();
  } catch {
    throw new DtlsFault(ALERT.illegalParameter, "the peer's key share is no key of the chosen group");
  }
}
