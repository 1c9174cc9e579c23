/**
 * Consent freshness of one component (RFC 7675): is the peer still willing to receive what we send over the selected pair?
 */
import type { CandidatePair } from "./pair.ts";
import { CONSENT_INTERVAL, CONSENT_TIMEOUT } from "./timing.ts";

/**
 * `report`: loss is an event and checks go on, media continues. `stop`: media over the pair must stop, as the RFC demands;
 * only an ICE restart or the nomination of another pair helps. `off`: no consent checks.
 */
export type ConsentMode = "off" | "report" | "stop";

export class Consent {
  readonly pair: CandidatePair;
  /** Of a consent check, or the nomination. */
  lastAnswerAt: number;
  lost = false;
  #nextAt: number;

  /** `spread`: a random number in [0, 1). */
  constructor(pair: CandidatePair, now: number, spread: number) {
    this.pair = pair;
    this.lastAnswerAt = now;
    this.#nextAt = now + interval(spread);
  }

  /** When {@link due} has something to say next. */
  nextAt(mode: ConsentMode): number {
    if (this.lost) return mode === "stop" ? Number.POSITIVE_INFINITY : this.#nextAt;
    return Math.min(this.#nextAt, this.lastAnswerAt + CONSENT_TIMEOUT);
  }

  /** `lost`: just now; `check`: send one; the time of the next check is set then. */
  due(mode: ConsentMode, now: number, spread: () => number): "lost" | "check" | undefined {
    if (!this.lost && now >= this.lastAnswerAt + CONSENT_TIMEOUT) {
      this.lost = true;
      return "lost";
    }
    if (now < this.#nextAt || (this.lost && mode === "stop")) return undefined;
    this.#nextAt = now + interval(spread());
    return "check";
  }

  /** An answer came. True if consent had been lost and is back. */
  answered(now: number): boolean {
    this.lastAnswerAt = now;
    const regained = this.lost;
    this.lost = false;
    return regained;
  }
}

/** 80 to 120 % of the mean, so that the checks of many calls do not march in step. */
function interval(spread: number): number {
  return CONSENT_INTERVAL * (0.8 + 0.4 * spread);
}
