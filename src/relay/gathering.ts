/**
 * How long to let packets gather before the next look. Each look costs a wake-up and two system calls whatever it finds, so
 * waiting a fraction of a millisecond makes packets cheaper; but it delays them, and where few packets come it gains
 * nothing.
 */

/** A batch of this size is cheap enough already: no waiting after it. */
export const FULL_BATCH = 48;
/** Packets that a wait should bring at least, else it is not worth its delay. */
const WORTHWHILE = 1;
/** Packets that a wait should bring at most: 128 cost no less CPU each than 40 do, and wait twice as long (measured). */
const ENOUGH = 40;
/** The rate is measured over windows of this many milliseconds. */
const WINDOW = 10;

export class Gathering {
  readonly #limit: number;
  #rate = 0;
  #packets = 0;
  #since = 0;

  /** @param limit longest wait, microseconds; 0 = never wait */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Packets per second, smoothed over the last few windows. */
  get rate(): number {
    return this.#rate;
  }

  /**
   * Microseconds to wait after a turn that brought `packets`, 0 = none.
   * @param now monotonic milliseconds
   */
  next(packets: number, now: number): number {
    this.#packets += packets;
    const elapsed = now - this.#since;
    if (elapsed >= WINDOW) {
      const measured = (this.#packets * 1_000) / elapsed;
      // After a pause the old rate says nothing.
      this.#rate = elapsed > 10 * WINDOW ? measured : (this.#rate + measured) / 2;
      this.#packets = 0;
      this.#since = now;
    }
    if (packets >= FULL_BATCH || packets === 0) return 0;
    if (this.#rate * this.#limit < WORTHWHILE * 1e6) return 0;
    return Math.min(this.#limit, Math.floor((ENOUGH * 1e6) / this.#rate));
  }
}
