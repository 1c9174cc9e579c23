/**
 * A candidate pair and its place in the order of checks (RFC 8445 section 6.1.2).
 */
import type { Endpoint } from "../../address.ts";
import type { Component, IceCandidate, LocalCandidate } from "./candidate.ts";
import { pairText } from "./event.ts";

/** RFC 8445 section 6.1.2.6. */
export type PairState = "frozen" | "waiting" | "in-progress" | "succeeded" | "failed";

/** A candidate of the peer; `learned` ones came from a check instead of signalling. */
export interface RemoteCandidate extends IceCandidate {
  readonly component: Component;
  readonly learned: boolean;
}

export class CandidatePair {
  readonly local: LocalCandidate;
  #remote: RemoteCandidate;
  state: PairState = "frozen";
  /** The peer answered a check of ours over this pair (or, as lite agent, sent one): media may be sent over it. */
  valid = false;
  /** A check with USE-CANDIDATE succeeded, in whichever direction the roles ask for. */
  nominated = false;
  /** When the peer last nominated it; -Infinity = never. */
  nominatedAt = Number.NEGATIVE_INFINITY;
  /** The peer nominated it before our own check succeeded (RFC 8445 section 7.3.1.5). */
  nominateOnSuccess = false;
  /** We are nominating it: its next check carries USE-CANDIDATE. */
  nominating = false;
  /** A check with our password came over it. */
  heard = false;
  /** Waits in the triggered-check queue. */
  triggered = false;
  /** Our address as the peer sees it, when it said so. */
  mapped: Endpoint | undefined;
  /** Round trip of the last check answered at its first transmission, milliseconds. */
  roundTrip: number | undefined;
  /** Key of the running check; undefined = none. */
  transaction: string | undefined;

  constructor(local: LocalCandidate, remote: RemoteCandidate) {
    this.local = local;
    this.#remote = remote;
  }

  get remote(): RemoteCandidate {
    return this.#remote;
  }

  /** Signalling named a candidate that a check had brought already: what signalling says of it counts from now on. */
  renameRemote(remote: RemoteCandidate): void {
    this.#remote = remote;
  }

  get component(): Component {
    return this.local.component;
  }

  /** Pairs of equal foundation are expected to succeed or fail together. */
  get foundation(): string {
    return `${this.local.foundation}:${this.#remote.foundation}`;
  }

  get text(): string {
    return pairText(this.local.endpoint, this.#remote.endpoint);
  }
}

/**
 * Order of pairs, best first: RFC 8445 section 6.1.2.3 without its 64-bit number. With G the controlling side's priority and
 * D the other's: larger min(G, D) first, then larger max(G, D), then G > D.
 */
export function comparePairs(a: CandidatePair, b: CandidatePair, controlling: boolean): number {
  const minDiff = Math.min(b.local.priority, b.remote.priority) - Math.min(a.local.priority, a.remote.priority);
  if (minDiff !== 0) return minDiff;
  const maxDiff = Math.max(b.local.priority, b.remote.priority) - Math.max(a.local.priority, a.remote.priority);
  if (maxDiff !== 0) return maxDiff;
  return bias(b, controlling) - bias(a, controlling);
}

function bias({ local, remote }: CandidatePair, controlling: boolean): number {
  return (controlling ? local.priority > remote.priority : remote.priority > local.priority) ? 1 : 0;
}

/** The pair priority of RFC 8445 section 6.1.2.3 as people know it from other programs' dumps. */
export function pairPriority({ local, remote }: CandidatePair, controlling: boolean): bigint {
  const g = BigInt(controlling ? local.priority : remote.priority);
  const d = BigInt(controlling ? remote.priority : local.priority);
  const [low, high] = g < d ? [g, d] : [d, g];
  return (low << 32n) + 2n * high + (g > d ? 1n : 0n);
}
