/**
 * Writes STUN messages (RFC 8489): the counterpart of `view.ts`.
 */
import type { Endpoint } from "../../address.ts";
import { addressBytes } from "../../address.ts";
import { fingerprint, messageIntegrity } from "./integrity.ts";
import type { StunClass } from "./wire.ts";
import {
  ATTRIBUTE,
  ATTRIBUTE_HEADER_SIZE,
  BINDING,
  CLASS_BITS,
  FINGERPRINT_ATTRIBUTE_SIZE,
  HEADER,
  INTEGRITY_SIZE,
  MAGIC_COOKIE,
  MAX_TEXT_SIZE,
  MAX_USERNAME_SIZE,
  paddedSize,
  STUN_HEADER_SIZE,
  TRANSACTION_ID_SIZE,
} from "./wire.ts";

/** A message to be written. Fields that are absent are not written; texts are byte strings and cut to what RFC 8489 allows. */
export interface StunMessage {
  readonly class: StunClass;
  /** Default: Binding. */
  readonly method?: number;
  /** 12 bytes; a longer one is cut, a shorter one filled with zeros. */
  readonly transactionId: Uint8Array;
  readonly username?: string | undefined;
  readonly xorMappedAddress?: Endpoint | undefined;
  readonly errorCode?: { readonly code: number; readonly reason: string } | undefined;
  readonly unknownAttributes?: readonly number[] | undefined;
  readonly priority?: number | undefined;
  /** Tie-breakers, 64 bits. */
  readonly controlling?: bigint | undefined;
  readonly controlled?: bigint | undefined;
  readonly useCandidate?: boolean | undefined;
  readonly software?: string | undefined;
}

export interface StunProtection {
  /** Key of MESSAGE-INTEGRITY; undefined: the attribute is left out. */
  readonly key?: Uint8Array | undefined;
  /** Default: true. */
  readonly fingerprint?: boolean;
}

/** The message as bytes in a new array, with MESSAGE-INTEGRITY and FINGERPRINT last. */
export function emitStun(message: StunMessage, protection: StunProtection = {}): Uint8Array {
  const attributes = attributesOf(message);
  const withFingerprint = protection.fingerprint ?? true;
  let size = STUN_HEADER_SIZE;
  for (const [, value] of attributes) size += ATTRIBUTE_HEADER_SIZE + paddedSize(value.length);
  if (protection.key) size += ATTRIBUTE_HEADER_SIZE + INTEGRITY_SIZE;
  if (withFingerprint) size += FINGERPRINT_ATTRIBUTE_SIZE;

  const bytes = new Uint8Array(size);
  const out = new DataView(bytes.buffer);
  const method = message.method ?? BINDING;
  const methodBits = (method & 0x000f) | ((method & 0x0070) << 1) | ((method & 0x0f80) << 2);
  out.setUint16(HEADER.type, methodBits | CLASS_BITS[message.class]);
  out.setUint16(HEADER.length, size - STUN_HEADER_SIZE);
  out.setUint32(HEADER.cookie, MAGIC_COOKIE);
  bytes.set(message.transactionId.subarray(0, TRANSACTION_ID_SIZE), HEADER.transactionId);

  let at = STUN_HEADER_SIZE;
  const write = (type: number, value: Uint8Array) => {
    out.setUint16(at, type);
    out.setUint16(at + 2, value.length);
    bytes.set(value, at + ATTRIBUTE_HEADER_SIZE);
    at += ATTRIBUTE_HEADER_SIZE + paddedSize(value.length);
  };
  for (const [type, value] of attributes) {
    if (type === ATTRIBUTE.xorMappedAddress) mask(value, bytes);
    write(type, value);
  }
  if (protection.key) write(ATTRIBUTE.messageIntegrity, messageIntegrity(bytes, at, protection.key));
  if (withFingerprint) write(ATTRIBUTE.fingerprint, u32(fingerprint(bytes, at)));
  return bytes;
}

type Attribute = readonly [type: number, value: Uint8Array];

function attributesOf(message: StunMessage): Attribute[] {
  const list: Attribute[] = [];
  const { username, xorMappedAddress, errorCode, unknownAttributes, priority, controlling, controlled } = message;
  if (username !== undefined) list.push([ATTRIBUTE.username, text(username, MAX_USERNAME_SIZE)]);
  if (xorMappedAddress) {
    const value = endpointValue(xorMappedAddress);
    if (value) list.push([ATTRIBUTE.xorMappedAddress, value]);
  }
  if (errorCode) {
    const reason = text(errorCode.reason, MAX_TEXT_SIZE);
    const value = new Uint8Array(4 + reason.length);
    value[2] = Math.trunc(errorCode.code / 100) & 7;
    value[3] = errorCode.code % 100;
    value.set(reason, 4);
    list.push([ATTRIBUTE.errorCode, value]);
  }
  if (unknownAttributes) {
    const value = new Uint8Array(unknownAttributes.length * 2);
    unknownAttributes.forEach((type, i) => {
      value[i * 2] = type >> 8;
      value[i * 2 + 1] = type & 255;
    });
    list.push([ATTRIBUTE.unknownAttributes, value]);
  }
  if (priority !== undefined) list.push([ATTRIBUTE.priority, u32(priority)]);
  if (controlling !== undefined) list.push([ATTRIBUTE.iceControlling, u64(controlling)]);
  if (controlled !== undefined) list.push([ATTRIBUTE.iceControlled, u64(controlled)]);
  if (message.useCandidate) list.push([ATTRIBUTE.useCandidate, new Uint8Array(0)]);
  if (message.software) list.push([ATTRIBUTE.software, text(message.software, MAX_TEXT_SIZE)]);
  return list;
}

function text(value: string, limit: number): Uint8Array {
  return Buffer.from(value.slice(0, limit), "latin1");
}

/** Family, port and address, not masked yet; undefined if the address is none. */
function endpointValue({ address, port }: Endpoint): Uint8Array | undefined {
  const raw = addressBytes(address);
  if (!raw) return undefined;
  const value = new Uint8Array(4 + raw.length);
  value[1] = raw.length === 4 ? 0x01 : 0x02;
  value[2] = port >> 8;
  value[3] = port & 255;
  value.set(raw, 4);
  return value;
}

/** XORs port and address with cookie and transaction id, which lie next to each other in the header (RFC 8489 section 14.2). */
function mask(value: Uint8Array, header: Uint8Array): void {
  value[2] = value[2]! ^ header[HEADER.cookie]!;
  value[3] = value[3]! ^ header[HEADER.cookie + 1]!;
  for (let i = 4; i < value.length; i++) value[i] = value[i]! ^ header[HEADER.cookie + i - 4]!;
}

function u32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
}

function u64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, value));
  return bytes;
}
