import { ALERT, DtlsFault } from "./wire.ts";

/** Reads the vectors and numbers of TLS (RFC 5246 section 4) from one message body; never past its end. Copies nothing. */
export class WireReader {
  readonly #bytes: Uint8Array;
  readonly #what: string;
  #at = 0;

  /** @param what names the structure in the reason of a {@link DtlsFault} */
  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#what = what;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  /** @throws DtlsFault decode_error when fewer bytes are left, as do all that follow */
  take(count: number): Uint8Array {
    if (count > this.remaining) throw new DtlsFault(ALERT.decodeError, `${this.#what} is too short`);
    const start = this.#at;
    this.#at += count;
    return this.#bytes.subarray(start, this.#at);
  }

  u8(): number {
    return this.take(1)[0]!;
  }

  u16(): number {
    const [high, low] = this.take(2);
    return (high! << 8) | low!;
  }

  u24(): number {
    const [high, middle, low] = this.take(3);
    return (high! << 16) | (middle! << 8) | low!;
  }

  vector8(): Uint8Array {
    return this.take(this.u8());
  }

  vector16(): Uint8Array {
    return this.take(this.u16());
  }

  vector24(): Uint8Array {
    return this.take(this.u24());
  }

  /** Nothing may follow. */
  end(): void {
    if (this.remaining > 0) throw new DtlsFault(ALERT.decodeError, `${this.#what} is too long`);
  }
}

/** A vector of 16-bit numbers. */
export function readU16List(bytes: Uint8Array, what: string): readonly number[] {
  const reader = new WireReader(bytes, what);
  const list: number[] = [];
  while (reader.remaining > 0) list.push(reader.u16());
  return list;
}
