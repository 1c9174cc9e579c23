/** Processing time of ng requests by command. */
import { Histogram } from "./metrics.ts";

/** Seconds. An offer takes a fraction of a millisecond; SIP proxies repeat after 250 ms and more. */
const BOUNDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];

/** Bounded by the number of commands. */
export class NgLatency {
  readonly #byCommand = new Map<string, Histogram>();

  observe(command: string, seconds: number): void {
    let histogram = this.#byCommand.get(command);
    if (!histogram) {
      histogram = new Histogram(BOUNDS);
      this.#byCommand.set(command, histogram);
    }
    histogram.observe(seconds);
  }

  get byCommand(): ReadonlyMap<string, Histogram> {
    return this.#byCommand;
  }
}
