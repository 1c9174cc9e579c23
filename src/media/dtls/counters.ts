/** What DTLS did and refused, since the process started or for one test; every datagram dropped is under one of these. */
export const DTLS_COUNTERS = [
  /** Handshakes begun, in either role. */
  "started",
  "completed",
  "failed",
  "fingerprintMismatches",
  /** Flights sent again. */
  "retransmissions",
  /** ClientHellos answered with a cookie, or carrying a stale or foreign one. */
  "cookiesSent",
  "wrongCookies",
  /** ClientHellos refused by rate: of one source, of all together, of one association. */
  "refusedSource",
  "refusedTotal",
  "refusedAssociation",
  /** Datagrams kept because ICE was not ready, and those of them that later ones displaced. */
  "earlyKept",
  "earlyDropped",
  /** Bytes that are no record, or no handshake fragment. */
  "malformed",
  /** Records that fail authentication. */
  "badRecords",
  "replayedRecords",
  /** Fragments that contradict earlier ones or exceed a limit. */
  "refusedFragments",
  /** Records that mean nothing in the present state. */
  "unexpected",
] as const;

export type DtlsCounters = Record<(typeof DTLS_COUNTERS)[number], number>;

export function newDtlsCounters(): DtlsCounters {
  return Object.fromEntries(DTLS_COUNTERS.map((name) => [name, 0])) as DtlsCounters;
}
