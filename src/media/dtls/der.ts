/** As much of DER (X.690) as a self-signed certificate needs. */

/** Tag, length and the parts as contents. */
export function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const contents = Buffer.concat(parts);
  const { length } = contents;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Uint8Array.of(tag, ...size), contents]);
}

export const SEQUENCE = 0x30;
export const SET = 0x31;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OBJECT_IDENTIFIER = 0x06;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
export const NULL = Uint8Array.of(0x05, 0x00);
/** Explicit context tag [0]. */
export const CONTEXT_0 = 0xa0;

/** A positive integer from big-endian bytes. */
export function integer(bytes: Uint8Array): Uint8Array {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const trimmed = bytes.subarray(start);
  return trimmed[0]! >= 0x80 ? der(INTEGER, Uint8Array.of(0), trimmed) : der(INTEGER, trimmed);
}

/** From the dotted form. */
export function objectIdentifier(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const septets = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) septets.unshift((left & 0x7f) | 0x80);
    bytes.push(...septets);
  }
  return der(OBJECT_IDENTIFIER, Uint8Array.from(bytes));
}

export function utf8String(text: string): Uint8Array {
  return der(UTF8_STRING, Buffer.from(text, "utf8"));
}

export function bitString(bytes: Uint8Array): Uint8Array {
  return der(BIT_STRING, Uint8Array.of(0), bytes);
}

/** @param time milliseconds since 1970; UTCTime until 2049 as RFC 5280 section 4.1.2.5 asks */
export function time(milliseconds: number): Uint8Array {
  const text = new Date(milliseconds).toISOString().replace(/[-:T]|\.\d+/g, "");
  const year = Number(text.slice(0, 4));
  return year >= 1950 && year < 2050
    ? der(UTC_TIME, Buffer.from(text.slice(2), "latin1"))
    : der(GENERALIZED_TIME, Buffer.from(text, "latin1"));
}
