/** What an association tells its owner: for the keys, the log and the list of events of a call. */
import type { SrtpKeys, SrtpSuite } from "../srtp/suites.ts";
import type { Fingerprint } from "./fingerprint.ts";
import type { DtlsRole } from "./setup.ts";

export type DtlsEvent =
  /** The peer is who SDP says it is: these keys are in force from now on, and replace earlier ones. */
  | {
      readonly kind: "connected";
      readonly role: DtlsRole;
      readonly suite: SrtpSuite;
      /** What we protect with. */
      readonly localKeys: SrtpKeys;
      /** What the peer protects with. */
      readonly remoteKeys: SrtpKeys;
      /** OpenSSL's name. */
      readonly cipher: string;
      readonly peerFingerprint: Fingerprint;
    }
  /** The handshake is complete, but SDP has not said yet whose certificate to expect. No keys until it does. */
  | { readonly kind: "unverified" }
  /**
   * Somebody with another certificate; `actual` has the hash of `expected`. Keys in force stay in force: it may be a stranger
   * who tried beside the peer.
   */
  | { readonly kind: "fingerprint-mismatch"; readonly expected: Fingerprint; readonly actual: Fingerprint }
  | {
      readonly kind: "alert";
      readonly level: "warning" | "fatal";
      /** In the words of RFC 5246 section 7.2: `handshake_failure`. */
      readonly description: string;
      /** False: sent in the clear, so possibly by somebody else. */
      readonly authenticated: boolean;
    }
  /** A handshake failed. `final` false: we try again, or wait for the peer to. */
  | { readonly kind: "failed"; readonly reason: string; readonly final: boolean }
  /** The connection is over; keys in force stay valid for packets on their way. */
  | { readonly kind: "closed"; readonly by: "peer" | "us" };
