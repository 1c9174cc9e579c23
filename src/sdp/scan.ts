/** Character scanning for SDP lines: positions in one text, no regular expressions, no intermediate strings. */
import { canonicalAddress } from "../address.ts";

const SPACE = 0x20;
const TAB = 0x09;

/** Position of the first non-blank at or after `from`, at most `end`. */
export function skipBlanks(text: string, from: number, end: number): number {
  let i = from;
  while (i < end && isBlank(text.charCodeAt(i))) i++;
  return i;
}

/** Position of the first blank at or after `from`, at most `end`. */
export function tokenEnd(text: string, from: number, end: number): number {
  let i = from;
  while (i < end && !isBlank(text.charCodeAt(i))) i++;
  return i;
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}

/** Position of the character `code` in `from`..`end`, or -1. */
export function positionOf(text: string, code: number, from: number, end: number): number {
  for (let i = from; i < end; i++) if (text.charCodeAt(i) === code) return i;
  return -1;
}

/** Unsigned decimal number that fills `from`..`end` exactly, at most 10 digits; -1 when it is none. */
export function decimal(text: string, from: number, end: number): number {
  const length = end - from;
  if (length < 1 || length > 10) return -1;
  let value = 0;
  for (let i = from; i < end; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** Canonical address text of `from`..`end`; undefined when it is no IP address. The usual IPv4 form is fast. */
export function addressIn(text: string, from: number, end: number): string | undefined {
  return isPlainIPv4(text, from, end) ? text.slice(from, end) : canonicalAddress(text.slice(from, end));
}

/** Four decimal numbers 0-255 without leading zeros: the text is canonical as it stands. */
function isPlainIPv4(text: string, from: number, end: number): boolean {
  let dots = 0;
  let digits = 0;
  let value = 0;
  for (let i = from; i < end; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x2e) {
      if (digits === 0 || ++dots > 3) return false;
      digits = value = 0;
      continue;
    }
    const digit = code - 0x30;
    if (digit < 0 || digit > 9 || (digits > 0 && value === 0)) return false;
    value = value * 10 + digit;
    digits++;
    if (value > 255) return false;
  }
  return dots === 3 && digits > 0;
}
