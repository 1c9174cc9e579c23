/**
 * What a connection and the two handshakes (`client.ts`, `server.ts`) say to each other. A handshake is a function of the
 * messages it gets in order; losing, repeating and reordering are the connection's business.
 */
import type { DtlsCertificate } from "./certificate.ts";
import type { FlightItem } from "./flight.ts";
import type { Side } from "./key-schedule.ts";
import type { PeerCertificate } from "./peer-certificate.ts";
import type { RecordProtection } from "./protection.ts";
import type { RandomSource } from "./random-source.ts";
import type { HandshakeMessage } from "./reassembly.ts";
import type { SrtpProfile } from "./srtp-profiles.ts";
import type { CipherSuite } from "./suites.ts";

export interface HandshakeOptions {
  readonly certificate: DtlsCertificate;
  /** In order of preference, as the suites are. */
  readonly profiles: readonly SrtpProfile[];
  readonly suites: readonly CipherSuite[];
  readonly random: RandomSource;
  /** Whether the peer's certificate (DER) may be the right one: false ends the handshake at once. */
  readonly accepts: (certificate: Uint8Array) => boolean;
}

export interface HandshakeStep {
  /** The next flight; the one before is not sent again. */
  readonly flight?: readonly FlightItem[];
  /** Keys of epoch 1 are known from here on. */
  readonly keys?: { readonly read: RecordProtection; readonly write: RecordProtection };
  /** The peer's Finished was right. */
  readonly result?: HandshakeResult;
}

/** Both Finished messages were right; whose certificate it is has yet to be compared with SDP if SDP was not known. */
export interface HandshakeResult {
  readonly peerCertificate: PeerCertificate;
  readonly suite: CipherSuite;
  readonly profile: SrtpProfile;
  /** RFC 5764 section 4.2. */
  readonly material: Uint8Array;
  readonly extendedMasterSecret: boolean;
}

export interface Handshake {
  readonly side: Side;
  /** message_seq of the first message from the peer. */
  readonly firstSequence: number;
  /** A client's first flight; nothing for a server. */
  begin(): HandshakeStep;
  /** @throws DtlsFault */
  receive(message: HandshakeMessage): HandshakeStep;
}
