/** How late the main thread's event loop is: the delay that every ng request and every timer sees. */
import { Histogram } from "./metrics.ts";

/** Milliseconds between two looks. */
const INTERVAL = 200;
/** Seconds. */
const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];

export class EventLoopLag {
  readonly histogram = new Histogram(BOUNDS);
  readonly #now: () => number;
  #timer: ReturnType<typeof setInterval> | undefined;
  #due = 0;

  /** @param now monotonic milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  start(): void {
    this.#due = this.#now() + INTERVAL;
    this.#timer = setInterval(() => this.look(), INTERVAL);
    this.#timer.unref();
  }

  /** The timer fires. */
  look(): void {
    const now = this.#now();
    this.histogram.observe(Math.max(0, now - this.#due) / 1000);
    this.#due = now + INTERVAL;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
