/** How the packets of one party are protected: what was offered, and the keys that are in force. */

import type { Setup } from "../media/dtls/setup.ts";
import type { SrtpKeys } from "../media/srtp/suites.ts";
import type { CryptoLine } from "../sdp/model.ts";
import type { DtlsTransport } from "./dtls-transport.ts";
import { sameKeys } from "./sdes-lines.ts";

export interface KeyPair {
  /** What the party protects with. */
  readonly inbound: SrtpKeys;
  /** What we protect with. */
  readonly outbound: SrtpKeys;
}

/**
 * `pending`: SRTP was offered, keys are not agreed. `failed`: both speak SRTP but there are no common keys. In both cases no
 * media passes.
 */
export type ProtectionState = "plain" | "pending" | "sdes" | "dtls" | "failed";

export class Protection {
  state: ProtectionState = "plain";
  sdes: KeyPair | undefined;
  /** Also while it is only offered. */
  dtls: DtlsTransport | undefined;
  /** `a=crypto` lines to print now. */
  printed: readonly CryptoLine[] = [];
  /** Lines of our last offer. */
  offered: readonly CryptoLine[] = [];
  /** The line the party answered with. */
  answeredLine: CryptoLine | undefined;
  /** The line we answered with, where its key is ours. */
  ownLine: CryptoLine | undefined;
  /** `a=setup` to print now; undefined: no DTLS attributes. */
  setup: Setup | undefined;
  /** `SDES` options about suites of the party's offer, for the answer. */
  suiteFilters: readonly string[] = [];
  /** The party answered SRTP with plain RTP. */
  refused = false;
  /** `DTLS` of the party's offer, for the answer. */
  dtlsRole: "active" | "passive" | undefined;
  /** Answer opportunistic SRTP even if the other side declines it. */
  acceptsOsrtp = false;
  /** `recrypt`: packets are decrypted and encrypted also where both sides use the same keys. */
  recrypt = false;

  /** Undefined while the party's packets are plain, or keys are missing: {@link awaitingKeys}. */
  keys(component: 1 | 2): KeyPair | undefined {
    if (this.state === "sdes") return this.sdes;
    return this.state === "dtls" ? this.dtls?.keys(component) : undefined;
  }

  awaitingKeys(component: 1 | 2): boolean {
    return this.state !== "plain" && this.keys(component) === undefined;
  }
}

/** Both parties use the keys of the other: packets can go through as they are. */
export function isTransparent(a: Protection, b: Protection): boolean {
  if (a.recrypt || b.recrypt || a.state !== "sdes" || b.state !== "sdes") return false;
  const [one, other] = [a.sdes!, b.sdes!];
  return sameKeys(one.inbound, other.outbound) && sameKeys(other.inbound, one.outbound);
}
