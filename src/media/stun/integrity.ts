/**
 * MESSAGE-INTEGRITY and FINGERPRINT (RFC 8489 sections 14.5 and 14.7). Keys are those of the short-term mechanism: the bytes
 * of the ICE password, which is plain ASCII, so no further preparation of the string is needed.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { StunView } from "./view.ts";
import {
  ATTRIBUTE_HEADER_SIZE,
  FINGERPRINT_ATTRIBUTE_SIZE,
  FINGERPRINT_XOR,
  HEADER,
  INTEGRITY_SIZE,
  STUN_HEADER_SIZE,
} from "./wire.ts";

/** HMAC key of a password given as byte string. */
export function shortTermKey(password: string): Uint8Array {
  return Buffer.from(password, "latin1");
}

/**
 * The 20 bytes of MESSAGE-INTEGRITY for a message whose attributes before it end at `end`. The header's length field is
 * taken as if the message ended with MESSAGE-INTEGRITY, whatever it says now.
 */
export function messageIntegrity(bytes: Uint8Array, end: number, key: Uint8Array): Uint8Array {
  const length = end + ATTRIBUTE_HEADER_SIZE + INTEGRITY_SIZE - STUN_HEADER_SIZE;
  return createHmac("sha1", key)
    .update(bytes.subarray(0, HEADER.length))
    .update(Uint8Array.of(length >> 8, length & 255))
    .update(bytes.subarray(HEADER.cookie, end))
    .digest();
}

/** FINGERPRINT of a message whose attributes before it end at `end`, unsigned; the length field must already count it. */
export function fingerprint(bytes: Uint8Array, end: number): number {
  return (Bun.hash.crc32(bytes.subarray(0, end)) ^ FINGERPRINT_XOR) >>> 0;
}

/** True if the message carries MESSAGE-INTEGRITY made with this key. Takes the same time for every wrong value. */
export function hasValidIntegrity(message: StunView, key: Uint8Array): boolean {
  if (message.integrityAt < 0) return false;
  const start = message.integrityAt + ATTRIBUTE_HEADER_SIZE;
  const carried = message.bytes.subarray(start, start + INTEGRITY_SIZE);
  return timingSafeEqual(carried, messageIntegrity(message.bytes, message.integrityAt, key));
}

/** `absent` is no proof of anything; `wrong` means that these bytes are not STUN or were damaged. */
export function checkFingerprint(message: StunView): "valid" | "absent" | "wrong" {
  const at = message.fingerprintAt;
  if (at < 0) return "absent";
  const { bytes } = message;
  const start = at + ATTRIBUTE_HEADER_SIZE;
  const carried =
    ((bytes[start]! << 24) | (bytes[start + 1]! << 16) | (bytes[start + 2]! << 8) | bytes[start + 3]!) >>> 0;
  // parse() has made sure that nothing follows
  return at + FINGERPRINT_ATTRIBUTE_SIZE === bytes.length && carried === fingerprint(bytes, at) ? "valid" : "wrong";
}
