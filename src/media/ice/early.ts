/**
 * What arrives before the peer's credentials do: checks of a peer that has our description while we wait for its own, and
 * trickled candidates that overtook the message they belong to.
 */
import type { Endpoint } from "../../address.ts";
import { MAX_CANDIDATES, MAX_EARLY_CHECKS } from "../../limits.ts";
import type { IceCandidate, LocalCandidate } from "./candidate.ts";
import { EARLY_CANDIDATES_KEPT } from "./timing.ts";

/** An authenticated check, already answered. */
export interface EarlyCheck {
  readonly local: LocalCandidate;
  readonly source: Endpoint;
  /** The peer's user fragment by its own account. */
  readonly ufrag: string;
  readonly priority: number;
  readonly useCandidate: boolean;
}

export class EarlyChecks {
  #list: EarlyCheck[] = [];

  get size(): number {
    return this.#list.length;
  }

  /** True if this source was not kept yet. A nomination once seen stays. */
  keep(check: EarlyCheck): boolean {
    const at = this.#list.findIndex(
      ({ local, source, ufrag }) =>
        local.socket === check.local.socket &&
        source.address === check.source.address &&
        source.port === check.source.port &&
        ufrag === check.ufrag,
    );
    if (at >= 0) {
      const before = this.#list[at]!;
      this.#list[at] = { ...check, useCandidate: check.useCandidate || before.useCandidate };
      return false;
    }
    if (this.#list.length >= MAX_EARLY_CHECKS) this.#list.shift();
    this.#list.push(check);
    return true;
  }

  /** The checks of this peer, oldest first; they are kept no longer. */
  take(ufrag: string): readonly EarlyCheck[] {
    const own = this.#list.filter((check) => check.ufrag === ufrag);
    this.#list = this.#list.filter((check) => check.ufrag !== ufrag);
    return own;
  }
}

interface EarlyCandidate {
  readonly candidate: IceCandidate;
  /** Undefined: for whatever credentials come next. */
  readonly ufrag: string | undefined;
  readonly until: number;
}

export class EarlyCandidates {
  #list: EarlyCandidate[] = [];

  get size(): number {
    return this.#list.length;
  }

  /** False if there was no room. */
  keep(candidate: IceCandidate, ufrag: string | undefined, now: number): boolean {
    this.#list = this.#list.filter(({ until }) => until > now);
    if (this.#list.length >= MAX_CANDIDATES) return false;
    this.#list.push({ candidate, ufrag, until: now + EARLY_CANDIDATES_KEPT });
    return true;
  }

  /** The candidates for these credentials that are not too old; the others stay until their time is over. */
  take(ufrag: string, now: number): readonly IceCandidate[] {
    const fresh = this.#list.filter(({ until }) => until > now);
    const own = fresh.filter((kept) => kept.ufrag === undefined || kept.ufrag === ufrag);
    this.#list = fresh.filter((kept) => !own.includes(kept));
    return own.map(({ candidate }) => candidate);
  }
}
