/** Datagrams from peers whose path ICE has not validated yet: kept, answered by nobody, played in order once it has. */
import type { Endpoint } from "../../address.ts";
import { formatEndpoint } from "../../address.ts";
import { MAX_DTLS_EARLY_DATAGRAMS } from "../../limits.ts";

interface EarlyDatagram {
  readonly source: Endpoint;
  readonly bytes: Uint8Array;
}

export class EarlyDatagrams {
  #list: EarlyDatagram[] = [];

  get size(): number {
    return this.#list.length;
  }

  /** Copies the bytes. False if the oldest had to go for it: a stranger must not be able to fill the store for good. */
  keep(source: Endpoint, datagram: Uint8Array): boolean {
    const full = this.#list.length >= MAX_DTLS_EARLY_DATAGRAMS;
    if (full) this.#list.shift();
    this.#list.push({ source, bytes: datagram.slice() });
    return !full;
  }

  /** What came from this source, oldest first; it is kept no longer. */
  take(source: Endpoint): readonly Uint8Array[] {
    const key = formatEndpoint(source);
    const own = this.#list.filter((kept) => formatEndpoint(kept.source) === key);
    this.#list = this.#list.filter((kept) => formatEndpoint(kept.source) !== key);
    return own.map(({ bytes }) => bytes);
  }

  clear(): void {
    this.#list = [];
  }
}
