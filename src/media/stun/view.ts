/**
 * Zero-copy view over the bytes of one STUN message (RFC 8489). {@link StunView.parse} checks everything about the shape;
 * afterwards no accessor can read out of bounds. Whether the message is *authentic* is another question: see `integrity.ts`.
 */
import type { Endpoint } from "../../address.ts";
import { addressFromBytes } from "../../address.ts";
import { MAX_STUN_ATTRIBUTES } from "../../limits.ts";
import type { StunClass } from "./wire.ts";
import {
  ATTRIBUTE,
  ATTRIBUTE_HEADER_SIZE,
  HEADER,
  INTEGRITY_SIZE,
  isUnknownRequired,
  MAGIC_COOKIE,
  MAX_USERNAME_SIZE,
  paddedSize,
  STUN_HEADER_SIZE,
  TRANSACTION_ID_SIZE,
} from "./wire.ts";

/** Why bytes are no STUN message. */
export type StunFault =
  | "not-stun"
  | "bad-length"
  | "attribute-overrun"
  | "too-many-attributes"
  | "bad-attribute-length"
  | "fingerprint-not-last";

/** The one fixed length of attributes that have one; anything else of that type is a malformed message. */
const FIXED_SIZE: ReadonlyMap<number, number> = new Map<number, number>([
  [ATTRIBUTE.messageIntegrity, INTEGRITY_SIZE],
  [ATTRIBUTE.priority, 4],
  [ATTRIBUTE.useCandidate, 0],
  [ATTRIBUTE.fingerprint, 4],
  [ATTRIBUTE.iceControlled, 8],
  [ATTRIBUTE.iceControlling, 8],
]);

const FAMILY_IPV4 = 0x01;
const FAMILY_IPV6 = 0x02;

/**
 * The test that tells STUN from RTP, RTCP and DTLS on one socket (RFC 8489 section 5, RFC 7983): leading bits 00, length a
 * multiple of four, magic cookie. Messages of RFC 3489 without the cookie are not STUN to us.
 */
export function isStun(bytes: Uint8Array): boolean {
  return (
    bytes.length >= STUN_HEADER_SIZE &&
    bytes[0]! < 0x40 &&
    (bytes[HEADER.length + 1]! & 3) === 0 &&
    readU32(bytes, HEADER.cookie) === MAGIC_COOKIE
  );
}

export class StunView {
  readonly bytes: Uint8Array;
  /** Offset of MESSAGE-INTEGRITY (its attribute header); -1 = none. */
  readonly integrityAt: number;
  /** Offset of FINGERPRINT (its attribute header); -1 = none. */
  readonly fingerprintAt: number;
  /** What follows MESSAGE-INTEGRITY is not protected by it and must be ignored (RFC 8489 section 14.5): reading ends here. */
  readonly #end: number;

  private constructor(bytes: Uint8Array, integrityAt: number, fingerprintAt: number, end: number) {
    this.bytes = bytes;
    this.integrityAt = integrityAt;
    this.fingerprintAt = fingerprintAt;
    this.#end = end;
  }

  /** A view over exactly one datagram, or the reason it is none. Keeps a reference to `bytes`, copies nothing. */
  static parse(bytes: Uint8Array): StunView | StunFault {
    if (!isStun(bytes)) return "not-stun";
    if (readU16(bytes, HEADER.length) + STUN_HEADER_SIZE !== bytes.length) return "bad-length";
    let integrityAt = -1;
    let fingerprintAt = -1;
    let end = bytes.length;
    let count = 0;
    for (let at = STUN_HEADER_SIZE; at < bytes.length; ) {
      if (fingerprintAt >= 0) return "fingerprint-not-last";
      if (++count > MAX_STUN_ATTRIBUTES) return "too-many-attributes";
      const type = readU16(bytes, at);
      const length = readU16(bytes, at + 2);
      const next = at + ATTRIBUTE_HEADER_SIZE + paddedSize(length);
      if (next > bytes.length) return "attribute-overrun";
      const fixed = FIXED_SIZE.get(type);
      if (fixed !== undefined && length !== fixed) return "bad-attribute-length";
      if (type === ATTRIBUTE.fingerprint) {
        fingerprintAt = at;
      } else if (end === bytes.length) {
        if (type === ATTRIBUTE.messageIntegrity) {
          integrityAt = at;
          end = at;
        } else if (type === ATTRIBUTE.messageIntegritySha256) end = at;
      } else if (type === ATTRIBUTE.messageIntegrity && integrityAt < 0) {
        // after MESSAGE-INTEGRITY-SHA256: the attributes before the latter stay the protected ones
        integrityAt = at;
      }
      at = next;
    }
    return new StunView(bytes, integrityAt, fingerprintAt, end);
  }

  get class(): StunClass {
    const bits = readU16(this.bytes, HEADER.type) & 0x110;
    if (bits === 0x000) return "request";
    if (bits === 0x010) return "indication";
    return bits === 0x100 ? "success" : "error";
  }

  /** 12 bits; {@link BINDING} is the only one ICE uses. */
  get method(): number {
    const type = readU16(this.bytes, HEADER.type);
    return (type & 0x000f) | ((type & 0x00e0) >> 1) | ((type & 0x3e00) >> 2);
  }

  /** 12 bytes inside the message. */
  get transactionId(): Uint8Array {
    return this.bytes.subarray(HEADER.transactionId, HEADER.transactionId + TRANSACTION_ID_SIZE);
  }

  /** The first attribute of this type that counts, as bytes inside the message without padding. */
  attribute(type: number): Uint8Array | undefined {
    const at = this.#find(type);
    if (at < 0) return undefined;
    const start = at + ATTRIBUTE_HEADER_SIZE;
    return this.bytes.subarray(start, start + readU16(this.bytes, at + 2));
  }

  has(type: number): boolean {
    return this.#find(type) >= 0;
  }

  /** Byte string; undefined if absent or longer than RFC 8489 section 14.3 allows. */
  get username(): string | undefined {
    const value = this.attribute(ATTRIBUTE.username);
    return value && value.length <= MAX_USERNAME_SIZE ? latin1(value) : undefined;
  }

  /** Byte string. */
  get software(): string | undefined {
    const value = this.attribute(ATTRIBUTE.software);
    return value && latin1(value);
  }

  /** Priority a peer-reflexive candidate learned from this check would have (RFC 8445 section 7.1.1). Unsigned. */
  get priority(): number | undefined {
    const at = this.#find(ATTRIBUTE.priority);
    return at < 0 ? undefined : readU32(this.bytes, at + ATTRIBUTE_HEADER_SIZE);
  }

  get useCandidate(): boolean {
    return this.has(ATTRIBUTE.useCandidate);
  }

  /** Tie-breaker of a sender that believes itself controlling. */
  get controlling(): bigint | undefined {
    return this.#u64(ATTRIBUTE.iceControlling);
  }

  /** Tie-breaker of a sender that believes itself controlled. */
  get controlled(): bigint | undefined {
    return this.#u64(ATTRIBUTE.iceControlled);
  }

  /** XOR-MAPPED-ADDRESS, else MAPPED-ADDRESS; undefined if absent or of no known family. */
  get mappedAddress(): Endpoint | undefined {
    const xor = this.attribute(ATTRIBUTE.xorMappedAddress);
    if (xor) return this.#endpoint(xor, true);
    const plain = this.attribute(ATTRIBUTE.mappedAddress);
    return plain && this.#endpoint(plain, false);
  }

  /** ERROR-CODE (RFC 8489 section 14.8); undefined if absent or not within 300-699. */
  get errorCode(): { readonly code: number; readonly reason: string } | undefined {
    const value = this.attribute(ATTRIBUTE.errorCode);
    if (!value || value.length < 4) return undefined;
    const family = value[2]! & 7;
    const number = value[3]!;
    if (family < 3 || family > 6 || number > 99) return undefined;
    return { code: family * 100 + number, reason: latin1(value.subarray(4)) };
  }

  /** UNKNOWN-ATTRIBUTES: what the peer refused. */
  get unknownAttributes(): readonly number[] {
    const value = this.attribute(ATTRIBUTE.unknownAttributes);
    const types: number[] = [];
    if (value) for (let at = 0; at + 1 < value.length; at += 2) types.push(readU16(value, at));
    return types;
  }

  /** Comprehension-required attributes that we do not know, each once. Non-empty: refuse the message (420). */
  get unknownRequired(): readonly number[] {
    const types: number[] = [];
    for (let at = STUN_HEADER_SIZE; at < this.#end; at = this.#after(at)) {
      const type = readU16(this.bytes, at);
      if (isUnknownRequired(type) && !types.includes(type)) types.push(type);
    }
    return types;
  }

  #find(type: number): number {
    for (let at = STUN_HEADER_SIZE; at < this.#end; at = this.#after(at)) {
      if (readU16(this.bytes, at) === type) return at;
    }
    return -1;
  }

  #after(at: number): number {
    return at + ATTRIBUTE_HEADER_SIZE + paddedSize(readU16(this.bytes, at + 2));
  }

  #u64(type: number): bigint | undefined {
    const at = this.#find(type);
    if (at < 0) return undefined;
    const start = at + ATTRIBUTE_HEADER_SIZE;
    return (BigInt(readU32(this.bytes, start)) << 32n) | BigInt(readU32(this.bytes, start + 4));
  }

  #endpoint(value: Uint8Array, xor: boolean): Endpoint | undefined {
    const size = value[1] === FAMILY_IPV4 ? 4 : value[1] === FAMILY_IPV6 ? 16 : 0;
    if (size === 0 || value.length !== 4 + size) return undefined;
    const address = value.slice(4);
    let port = readU16(value, 2);
    if (xor) {
      // the mask is cookie and transaction id, which lie next to each other in the header
      port ^= MAGIC_COOKIE >>> 16;
      for (let i = 0; i < size; i++) address[i] = address[i]! ^ this.bytes[HEADER.cookie + i]!;
    }
    return { address: addressFromBytes(address), port };
  }
}

/** A transaction id as a map key: 12 characters, one per byte. */
export function transactionKey(transactionId: Uint8Array): string {
  return latin1(transactionId);
}

function readU16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

function readU32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
