/**
 * Numbers of the STUN wire format (RFC 8489) with the attributes ICE adds (RFC 8445 section 16.1). Everything on the wire
 * is big-endian.
 */

/** Bytes before the first attribute (RFC 8489 section 5). */
export const STUN_HEADER_SIZE = 20;

/** Byte offsets inside the header. `length` counts the bytes after the header. */
export const HEADER = { type: 0, length: 2, cookie: 4, transactionId: 8 } as const;

export const MAGIC_COOKIE = 0x2112a442;

export const TRANSACTION_ID_SIZE = 12;

/** The only method ICE uses. */
export const BINDING = 0x001;

export type StunClass = "request" | "indication" | "success" | "error";

/** Class bits C1 C0 as they lie in the type field, bits 8 and 4 (RFC 8489 figure 3). */
export const CLASS_BITS: Readonly<Record<StunClass, number>> = {
  request: 0x000,
  indication: 0x010,
  success: 0x100,
  error: 0x110,
};

/** Attribute types. Below 0x8000 an agent that does not know one must refuse the message (comprehension-required). */
export const ATTRIBUTE = {
  mappedAddress: 0x0001,
  username: 0x0006,
  messageIntegrity: 0x0008,
  errorCode: 0x0009,
  unknownAttributes: 0x000a,
  realm: 0x0014,
  nonce: 0x0015,
  messageIntegritySha256: 0x001c,
  xorMappedAddress: 0x0020,
  priority: 0x0024,
  useCandidate: 0x0025,
  software: 0x8022,
  fingerprint: 0x8028,
  iceControlled: 0x8029,
  iceControlling: 0x802a,
} as const;

export const FIRST_OPTIONAL_ATTRIBUTE = 0x8000;

/** Attribute header: type and length, two bytes each; values are padded to a multiple of four. */
export const ATTRIBUTE_HEADER_SIZE = 4;

/** HMAC-SHA1. */
export const INTEGRITY_SIZE = 20;

/** CRC-32 XOR {@link FINGERPRINT_XOR}, with its attribute header (RFC 8489 section 14.7). */
export const FINGERPRINT_ATTRIBUTE_SIZE = ATTRIBUTE_HEADER_SIZE + 4;
export const FINGERPRINT_XOR = 0x5354554e;

/** Longest values we read or write, bytes (RFC 8489 sections 14.3, 14.8, 14.14). */
export const MAX_USERNAME_SIZE = 513;
export const MAX_TEXT_SIZE = 763;

const KNOWN_REQUIRED: ReadonlySet<number> = new Set(
  Object.values(ATTRIBUTE).filter((type) => type < FIRST_OPTIONAL_ATTRIBUTE),
);

/** True for an attribute that obliges us to refuse the message (RFC 8489 section 6.3.1). */
export function isUnknownRequired(type: number): boolean {
  return type < FIRST_OPTIONAL_ATTRIBUTE && !KNOWN_REQUIRED.has(type);
}

/** Bytes a value of this length takes with its padding. */
export function paddedSize(length: number): number {
  return (length + 3) & ~3;
}
