/**
 * What SRTP needs of a crypto library, on memory at fixed addresses, without allocation per packet. `libcrypto.ts` implements
 * it over FFI; `fallback.ts` with the runtime's own crypto where that library is missing (correct, but it allocates).
 *
 * Offsets are bytes from the start of the arena that holds packets and scratch space.
 */
export interface SrtpPrimitives {
  /** XORs `length` bytes at `offset` with the key stream of the 16-byte IV at `iv`. */
  counter(offset: number, length: number, iv: number): void;
  /** AES of the 16-byte block at `offset`, result at `out`. */
  block(out: number, offset: number): void;
  /** GCM in place; 16-byte tag to `tag`. */
  seal(aad: number, aadLength: number, offset: number, length: number, iv: number, tag: number): void;
  /** GCM from `offset` to `to`; false when the tag at `tag` does not fit. */
  open(aad: number, aadLength: number, offset: number, length: number, to: number, iv: number, tag: number): boolean;
  /** 20 bytes to `out`: HMAC-SHA1 over `length` bytes at `offset` and the 4 bytes at `trailer` (negative: none). */
  sign(offset: number, length: number, trailer: number, out: number): void;
  close(): void;
}

/** Makes the primitives of one set of session keys. */
export type SrtpLibrary = (
  arena: { readonly address: number; readonly bytes: Uint8Array },
  cipher: "cm" | "gcm" | "f8" | "null",
  encryption: Uint8Array,
  authentication: Uint8Array,
) => SrtpPrimitives;
