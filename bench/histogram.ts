/** Durations in nanoseconds, counted in log-linear buckets: 64 per octave, so a quantile is right to 1.6 %. */
const BUCKETS = 64 * 28;

export class Histogram {
  readonly #counts = new Float64Array(BUCKETS);
  #total = 0;
  #max = 0;

  /** Allocates nothing. Values above 2 s share the last octave; the maximum stays exact. */
  add(ns: number): void {
    if (ns < 0) ns = 0;
    if (ns > this.#max) this.#max = ns;
    const value = ns > 0x7fff_ffff ? 0x7fff_ffff : ns | 0;
    let bucket = value;
    if (value >= 64) {
      const exponent = 31 - Math.clz32(value);
      bucket = ((exponent - 5) << 6) + ((value >> (exponent - 6)) & 63);
    }
    this.#counts[bucket]!++;
    this.#total++;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#total = 0;
    this.#max = 0;
  }

  get count(): number {
    return this.#total;
  }

  /** Lower bound of the bucket in which the quantile lies, ns; 0 when empty. */
  quantile(q: number): number {
    const rank = Math.min(Math.floor(q * this.#total), this.#total - 1);
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.#counts[bucket]!;
      if (seen > rank) return bucket < 64 ? bucket : (64 + (bucket & 63)) * 2 ** ((bucket >> 6) - 1);
    }
    return 0;
  }

  /** Microseconds. */
  summary(): Quantiles {
    const us = (ns: number) => Math.round(ns / 100) / 10;
    return {
      p50: us(this.quantile(0.5)),
      p99: us(this.quantile(0.99)),
      p999: us(this.quantile(0.999)),
      max: us(this.#max),
    };
  }
}

/** Microseconds. */
export interface Quantiles {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}
