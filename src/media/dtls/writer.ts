/** Builds the vectors and numbers of TLS (RFC 5246 section 4). */
export class WireWriter {
  readonly #parts: Uint8Array[] = [];

  u8(value: number): this {
    return this.bytes(Uint8Array.of(value));
  }

  u16(value: number): this {
    return this.bytes(Uint8Array.of(value >> 8, value));
  }

  u24(value: number): this {
    return this.bytes(Uint8Array.of(value >> 16, value >> 8, value));
  }

  bytes(value: Uint8Array): this {
    this.#parts.push(value);
    return this;
  }

  vector8(value: Uint8Array): this {
    return this.u8(value.length).bytes(value);
  }

  vector16(value: Uint8Array): this {
    return this.u16(value.length).bytes(value);
  }

  vector24(value: Uint8Array): this {
    return this.u24(value.length).bytes(value);
  }

  finish(): Uint8Array {
    return Buffer.concat(this.#parts);
  }
}

export function u16List(values: readonly number[]): Uint8Array {
  const out = new Uint8Array(values.length * 2);
  values.forEach((value, i) => {
    out[i * 2] = value >> 8;
    out[i * 2 + 1] = value;
  });
  return out;
}
