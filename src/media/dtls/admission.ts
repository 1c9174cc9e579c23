/**
 * How many handshakes may begin: per source address and in total, so that a flood costs the main thread a known share of
 * its time and a single source cannot use up that share. One instance serves all associations.
 */
import { addressBytes } from "../../address.ts";
import {
  DTLS_COOKIE_RATE,
  DTLS_SOURCE_BURST,
  DTLS_SOURCE_RATE,
  DTLS_TOTAL_BURST,
  DTLS_TOTAL_RATE,
  MAX_DTLS_SOURCES,
} from "../../limits.ts";

/** Tokens that fill up over time: `rate` per second up to `burst`. */
export class TokenBucket {
  readonly #burst: number;
  readonly #rate: number;
  #tokens: number;
  #at: number;

  constructor(burst: number, rate: number, now: number) {
    this.#burst = burst;
    this.#rate = rate;
    this.#tokens = burst;
    this.#at = now;
  }

  /** True if there was one. @param now milliseconds; a clock that steps back gives nothing and takes nothing */
  take(now: number): boolean {
    this.#fill(now);
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  isFull(now: number): boolean {
    this.#fill(now);
    return this.#tokens >= this.#burst;
  }

  #fill(now: number): void {
    const elapsed = Math.max(0, now - this.#at);
    this.#at = now;
    this.#tokens = Math.min(this.#burst, this.#tokens + (elapsed * this.#rate) / 1_000);
  }
}

export interface AdmissionLimits {
  readonly sourceBurst: number;
  readonly sourceRate: number;
  readonly totalBurst: number;
  readonly totalRate: number;
  readonly cookieRate: number;
  readonly sources: number;
}

const DEFAULTS: AdmissionLimits = {
  sourceBurst: DTLS_SOURCE_BURST,
  sourceRate: DTLS_SOURCE_RATE,
  totalBurst: DTLS_TOTAL_BURST,
  totalRate: DTLS_TOTAL_RATE,
  cookieRate: DTLS_COOKIE_RATE,
  sources: MAX_DTLS_SOURCES,
};

export class DtlsAdmission {
  readonly #limits: AdmissionLimits;
  readonly #sources = new Map<string, TokenBucket>();
  readonly #others: TokenBucket;
  readonly #total: TokenBucket;
  readonly #cookies: TokenBucket;
  #sweptAt = Number.NEGATIVE_INFINITY;

  constructor(now: number, limits: Partial<AdmissionLimits> = {}) {
    this.#limits = { ...DEFAULTS, ...limits };
    const { sourceBurst, sourceRate, totalBurst, totalRate, cookieRate } = this.#limits;
    this.#others = new TokenBucket(sourceBurst, sourceRate, now);
    this.#total = new TokenBucket(totalBurst, totalRate, now);
    this.#cookies = new TokenBucket(cookieRate, cookieRate, now);
  }

  /** May a handshake begin that this address asks for? Undefined: the path was validated, only the total counts. */
  admit(address: string | undefined, now: number): "yes" | "source" | "total" {
    if (address !== undefined && !this.#bucket(address, now).take(now)) return "source";
    return this.#total.take(now) ? "yes" : "total";
  }

  /** May a cookie be sent to somebody? */
  admitCookie(now: number): boolean {
    return this.#cookies.take(now);
  }

  /** Addresses with a bucket of their own. */
  get sources(): number {
    return this.#sources.size;
  }

  #bucket(address: string, now: number): TokenBucket {
    const key = network(address);
    const known = this.#sources.get(key);
    if (known) return known;
    const { sources, sourceBurst, sourceRate } = this.#limits;
    // Sweeping a full table for each newcomer would be the attack: once per second.
    if (this.#sources.size >= sources && now - this.#sweptAt >= 1_000) {
      this.#sweptAt = now;
      for (const [idle, bucket] of this.#sources) if (bucket.isFull(now)) this.#sources.delete(idle);
    }
    if (this.#sources.size >= sources) return this.#others;
    const bucket = new TokenBucket(sourceBurst, sourceRate, now);
    this.#sources.set(key, bucket);
    return bucket;
  }
}

/** An IPv4 address, or the /64 an IPv6 address is in: one host has all of that. */
function network(address: string): string {
  const bytes = addressBytes(address);
  return bytes?.length === 16 ? Buffer.from(bytes.subarray(0, 8)).toString("hex") : address;
}
