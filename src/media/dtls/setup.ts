/**
 * Who begins the DTLS handshake, and when a new one is needed: `a=setup` (RFC 4145, RFC 8842 section 5), `a=tls-id`
 * (RFC 8842 section 4) and the ng keys `DTLS` and `DTLS-fingerprint`.
 */
import type { Fingerprint, FingerprintHash } from "./fingerprint.ts";
import { DEFAULT_FINGERPRINT_HASH, fingerprintHash, sameFingerprint } from "./fingerprint.ts";
import type { RandomSource } from "./random-source.ts";

export type Setup = "active" | "passive" | "actpass" | "holdconn";

/** `active` sends the ClientHello. */
export type DtlsRole = "active" | "passive";

const SETUPS: readonly Setup[] = ["active", "passive", "actpass", "holdconn"];

/** The value of `a=setup` in any case; undefined when it is missing or unknown. */
export function parseSetup(text: string | undefined): Setup | undefined {
  const lower = text?.trim().toLowerCase();
  return SETUPS.find((setup) => setup === lower);
}

/** Every offer of ours leaves the choice to the answerer (RFC 8842 section 5.2), also where a connection stays. */
export const OFFERED_SETUP: Setup = "actpass";

/** Our role, and what `a=setup` says of it. No role: the peer wants no connection for now (holdconn). */
export interface SetupAnswer {
  readonly setup: Setup;
  readonly role: DtlsRole | undefined;
}

/**
 * Our answer to an offer.
 *
 * @param offered of the offer; without the attribute the offerer is active (RFC 4145 section 4.1)
 * @param preference `DTLS=passive|active` of the ng offer, or `dtls-passive` of the configuration; matters for `actpass`
 * @param current our role in a connection that stays in use: the answer keeps it where the offer allows
 */
export function answerSetup(
  offered: Setup | undefined,
  preference: DtlsRole | undefined,
  current?: DtlsRole | undefined,
): SetupAnswer {
  switch (offered ?? "active") {
    case "holdconn":
      return { setup: "holdconn", role: undefined };
    case "active":
      return { setup: "passive", role: "passive" };
    case "passive":
      return { setup: "active", role: "active" };
    case "actpass": {
      const role = current ?? preference ?? "active";
      return { setup: role, role };
    }
  }
}

/**
 * Our role after the peer's answer to our `actpass`. Without the attribute the answerer is passive (RFC 4145 section 4.1).
 * An answer `actpass` is against RFC 8842 section 5.3; beginning the handshake ourselves is what can still work.
 */
export function roleFromAnswer(answered: Setup | undefined): DtlsRole | undefined {
  switch (answered ?? "passive") {
    case "active":
      return "passive";
    case "passive":
    case "actpass":
      return "active";
    case "holdconn":
      return undefined;
  }
}

/** What identifies a DTLS association in the peer's SDP. */
export interface PeerIdentity {
  readonly fingerprint: Fingerprint | undefined;
  readonly tlsId: string | undefined;
}

/**
 * Whether new SDP of the peer asks for a new association: another fingerprint, a changed or vanished `tls-id`, or an ICE
 * restart by a peer that does not speak of `tls-id` at all.
 */
export function needsNewAssociation(before: PeerIdentity, after: PeerIdentity, iceRestart: boolean): boolean {
  if (!before.fingerprint) return false;
  if (after.fingerprint && !sameFingerprint(before.fingerprint, after.fingerprint)) return true;
  if (before.tlsId !== undefined) return after.tlsId !== before.tlsId;
  return after.tlsId === undefined && iceRestart;
}

const TLS_ID_BYTES = 16;

/** 32 lower-case hex digits; a new one for every new association. */
export function newTlsId(random: RandomSource): string {
  return Buffer.from(random.bytes(TLS_ID_BYTES)).toString("hex");
}

/** The value of `a=tls-id` if it has the form of RFC 8842 section 4: 20 to 255 letters, digits, `+`, `/`, `-`, `_`. */
export function parseTlsId(text: string | undefined): string | undefined {
  const value = text?.trim();
  return value !== undefined && /^[A-Za-z0-9+/_-]{20,255}$/.test(value) ? value : undefined;
}

/**
 * The hash of our own `a=fingerprint`: the peer's where it is known, else the one of `DTLS-fingerprint`, else SHA-256.
 * Names that are not known are passed over.
 */
export function ownFingerprintHash(peer: string | undefined, directive: string | undefined): FingerprintHash {
  return fingerprintHash(peer ?? "") ?? fingerprintHash(directive ?? "") ?? DEFAULT_FINGERPRINT_HASH;
}
