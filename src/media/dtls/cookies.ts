/**
 * Stateless cookies (RFC 6347 section 4.2.1): a ClientHello is worth work and memory only after its sender has shown that
 * it receives what is sent to its address. One instance serves all associations.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { Endpoint } from "../../address.ts";
import { formatEndpoint } from "../../address.ts";
import type { RandomSource } from "./random-source.ts";
import { COOKIE_PERIOD } from "./timing.ts";

const SECRET_BYTES = 32;
/** DTLS 1.0 clients take at most 32. */
const COOKIE_BYTES = 20;

export class DtlsCookies {
  readonly #random: RandomSource;
  #period = Number.NaN;
  #secret: Uint8Array;
  #previous: Uint8Array;

  constructor(random: RandomSource) {
    this.#random = random;
    this.#secret = random.bytes(SECRET_BYTES);
    this.#previous = this.#secret;
  }

  /** @param hello the client's 32 random bytes, which stay the same when it comes back with the cookie */
  make(source: Endpoint, hello: Uint8Array, now: number): Uint8Array {
    this.#rotate(now);
    return cookie(this.#secret, source, hello);
  }

  check(source: Endpoint, hello: Uint8Array, presented: Uint8Array, now: number): boolean {
    this.#rotate(now);
    if (presented.length !== COOKIE_BYTES) return false;
    return [this.#secret, this.#previous].some((secret) => timingSafeEqual(presented, cookie(secret, source, hello)));
  }

  /** Each secret is used for one period and accepted for one more. */
  #rotate(now: number): void {
    const period = Math.floor(now / COOKIE_PERIOD);
    if (period === this.#period) return;
    const expired = period !== this.#period + 1;
    this.#previous = expired ? this.#random.bytes(SECRET_BYTES) : this.#secret;
    this.#secret = this.#random.bytes(SECRET_BYTES);
    this.#period = period;
  }
}

function cookie(secret: Uint8Array, source: Endpoint, hello: Uint8Array): Uint8Array {
  const mac = createHmac("sha256", secret).update(formatEndpoint(source), "latin1").update("\0").update(hello);
  return mac.digest().subarray(0, COOKIE_BYTES);
}
