/**
 * Checks that wait for their answer: retransmission and time-out of STUN transactions (RFC 8489 section 6.2.1).
 */
import type { Endpoint } from "../../address.ts";
import { MAX_ICE_TRANSACTIONS } from "../../limits.ts";
import { transactionKey } from "../stun/view.ts";
import type { CandidatePair } from "./pair.ts";
import { CONSENT_TIMEOUT, LAST_WAIT, RETRANSMISSION_TIMEOUT, TRANSMISSIONS } from "./timing.ts";

export type IceRole = "controlling" | "controlled";

/** One Binding request of ours. */
export class Check {
  readonly key: string;
  readonly pair: CandidatePair;
  /** Consent checks are sent once and never fail a pair (RFC 7675 section 5.1). */
  readonly purpose: "check" | "consent";
  readonly bytes: Uint8Array;
  /** HMAC key the answer must have been made with. */
  readonly hmacKey: Uint8Array;
  readonly role: IceRole;
  /** Carries USE-CANDIDATE. */
  readonly nominating: boolean;
  /** Was sent because the peer checked this pair. */
  readonly triggered: boolean;
  readonly startedAt: number;
  transmissions = 1;
  /** Next retransmission or, after the last one, the end. */
  dueAt: number;
  /** No longer retransmitted and its time-out means nothing, but an answer is welcome (RFC 8445 section 7.3.1.4). */
  cancelled = false;
  #wait = RETRANSMISSION_TIMEOUT;

  constructor(
    transactionId: Uint8Array,
    pair: CandidatePair,
    bytes: Uint8Array,
    details: {
      readonly purpose: "check" | "consent";
      readonly hmacKey: Uint8Array;
      readonly role: IceRole;
      readonly nominating: boolean;
      readonly triggered: boolean;
      readonly now: number;
    },
  ) {
    this.key = transactionKey(transactionId);
    this.pair = pair;
    this.bytes = bytes;
    this.purpose = details.purpose;
    this.hmacKey = details.hmacKey;
    this.role = details.role;
    this.nominating = details.nominating;
    this.triggered = details.triggered;
    this.startedAt = details.now;
    this.dueAt = details.now + (details.purpose === "consent" ? CONSENT_TIMEOUT : RETRANSMISSION_TIMEOUT);
  }

  get socket(): number {
    return this.pair.local.socket;
  }

  get remote(): Endpoint {
    return this.pair.remote.endpoint;
  }

  /** What to do at {@link dueAt}; sets the next due time. */
  expire(now: number): "retransmit" | "over" {
    if (this.purpose === "consent" || this.cancelled || this.transmissions >= TRANSMISSIONS) return "over";
    this.transmissions++;
    this.#wait *= 2;
    this.dueAt = now + (this.transmissions === TRANSMISSIONS ? LAST_WAIT : this.#wait);
    return "retransmit";
  }

  /** Ends retransmission; answers are still recognised for the usual wait. */
  cancel(now: number): void {
    this.cancelled = true;
    this.dueAt = now + LAST_WAIT;
  }
}

export class Transactions {
  readonly #byKey = new Map<string, Check>();

  get size(): number {
    return this.#byKey.size;
  }

  get(key: string): Check | undefined {
    return this.#byKey.get(key);
  }

  /** At the limit the oldest cancelled check is forgotten, or else the oldest, which is returned: its pair has failed. */
  add(check: Check): Check | undefined {
    let dropped: Check | undefined;
    if (this.#byKey.size >= MAX_ICE_TRANSACTIONS) {
      for (const other of this.#byKey.values()) {
        dropped ??= other;
        if (!other.cancelled) continue;
        dropped = other;
        break;
      }
      if (dropped) this.#byKey.delete(dropped.key);
    }
    this.#byKey.set(check.key, check);
    return dropped?.cancelled ? undefined : dropped;
  }

  delete(key: string): void {
    this.#byKey.delete(key);
  }

  deletePair(pair: CandidatePair): void {
    for (const check of this.#byKey.values()) if (check.pair === pair) this.#byKey.delete(check.key);
  }

  clear(): void {
    this.#byKey.clear();
  }

  due(now: number): readonly Check[] {
    const list: Check[] = [];
    for (const check of this.#byKey.values()) if (check.dueAt <= now) list.push(check);
    return list;
  }

  /** Infinity = nothing waits. */
  get nextAt(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { dueAt } of this.#byKey.values()) next = Math.min(next, dueAt);
    return next;
  }
}
