/**
 * An orderly end: new calls are refused, running ones go on, and the process ends when the last of them does, when the time
 * is up, or when it is asked a second time. Pure: the time is an argument.
 */

export type DrainEnd = "no calls left" | "time is up" | "asked again" | "at once";

export class Drain {
  /** Milliseconds; undefined: not draining. */
  #since: number | undefined;
  #deadline = Number.POSITIVE_INFINITY;
  #ended: DrainEnd | undefined;

  get draining(): boolean {
    return this.#since !== undefined && this.#ended === undefined;
  }

  /** Why it is over; undefined: it is not. */
  get ended(): DrainEnd | undefined {
    return this.#ended;
  }

  /**
   * The end is asked for.
   * @param limit longest wait in seconds; 0 = end at once
   * @param now milliseconds of any clock that does not go back
   */
  ask(limit: number, calls: number, now: number): void {
    if (this.#since !== undefined) {
      this.#ended ??= "asked again";
      return;
    }
    this.#since = now;
    this.#deadline = now + limit * 1_000;
    if (limit <= 0) this.#ended = "at once";
    else this.look(calls, now);
  }

  /** Looks whether it is over. */
  look(calls: number, now: number): void {
    if (!this.draining) return;
    if (calls === 0) this.#ended = "no calls left";
    else if (now >= this.#deadline) this.#ended = "time is up";
  }

  /** Milliseconds until the limit; 0 when not draining. */
  remaining(now: number): number {
    return this.draining ? Math.max(0, this.#deadline - now) : 0;
  }
}
