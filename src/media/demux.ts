/** Recognition of what shares a media port with RTP, by first bytes (RFC 7983, RFC 8489 section 6). */

/** STUN header, bytes. */
const STUN_HEADER = 20;

/** Two zero bits, a length in whole words, the magic cookie. */
export function looksLikeStun(bytes: Uint8Array, offset: number, length: number): boolean {
  return (
    length >= STUN_HEADER &&
    bytes[offset]! < 0x40 &&
    (bytes[offset + 3]! & 3) === 0 &&
    bytes[offset + 4] === 0x21 &&
    bytes[offset + 5] === 0x12 &&
    bytes[offset + 6] === 0xa4 &&
    bytes[offset + 7] === 0x42
  );
}

/** Content types 20-63 are DTLS. */
export function looksLikeDtls(bytes: Uint8Array, offset: number, length: number): boolean {
  return length > 0 && bytes[offset]! >= 20 && bytes[offset]! <= 63;
}
