/**
 * The MID of a bundled section in an RTP packet (RFC 9143 section 16.2), as a header extension of RFC 8285. For the packet
 * path: works on bytes where they are and allocates nothing.
 */
import { RTP_HEADER } from "./rtp.ts";

/** Profile words of the one-byte form (section 4.2) and, less its four application bits, of the two-byte form (4.3). */
const ONE_BYTE = 0xbede;
const TWO_BYTE = 0x1000;
const EXTENSION_FLAG = 0x10;
/** Ends the elements of the one-byte form. */
const LAST_ID = 15;

/** Longest identifier that a one-byte element holds. */
export const MAX_MID = 16;

/** A packet grows by this much at most, bytes. */
export const MID_ROOM = 4 + 4 * Math.ceil((2 + MAX_MID) / 4);

/**
 * Writes the packet at `offset` with its MID at `to`; the two places must not overlap.
 *
 * @param id 1-14
 * @param mid at most {@link MAX_MID} bytes, at least one
 * @returns the new length, or -1 with nothing written: the packet has an element of this id already, or extensions of another
 *   kind, or is shorter than its own fields say
 */
export function addMid(
  bytes: Uint8Array,
  offset: number,
  length: number,
  id: number,
  mid: Uint8Array,
  to: number,
): number {
  const flags = bytes[offset]!;
  const head = RTP_HEADER + (flags & 0x0f) * 4;
  if (head > length) return -1;
  const size = mid.length;
  if ((flags & EXTENSION_FLAG) === 0) {
    const words = (size + 4) >> 2;
    bytes.copyWithin(to, offset, offset + head);
    bytes[to] = flags | EXTENSION_FLAG;
    let at = to + head;
    bytes[at++] = ONE_BYTE >> 8;
    bytes[at++] = ONE_BYTE & 255;
    bytes[at++] = 0;
    bytes[at++] = words;
    const end = at + words * 4;
    bytes[at++] = (id << 4) | (size - 1);
    at = put(bytes, at, mid, end);
    bytes.copyWithin(at, offset + head, offset + length);
    return length + 4 + words * 4;
  }
  const block = offset + head;
  if (head + 4 > length) return -1;
  const profile = (bytes[block]! << 8) | bytes[block + 1]!;
  const present = (bytes[block + 2]! << 8) | bytes[block + 3]!;
  const after = head + 4 + present * 4;
  if (after > length) return -1;
  const short = profile === ONE_BYTE;
  if (!short && (profile & 0xfff0) !== TWO_BYTE) return -1;
  if (hasElement(bytes, block + 4, block + 4 + present * 4, id, short)) return -1;
  const overhead = short ? 1 : 2;
  const words = (overhead + size + 3) >> 2;
  if (present + words > 0xffff) return -1;
  bytes.copyWithin(to, offset, offset + after);
  bytes[to + head + 2] = (present + words) >> 8;
  bytes[to + head + 3] = (present + words) & 255;
  let at = to + after;
  const end = at + words * 4;
  if (short) bytes[at++] = (id << 4) | (size - 1);
  else {
    bytes[at++] = id;
    bytes[at++] = size;
  }
  at = put(bytes, at, mid, end);
  bytes.copyWithin(at, offset + after, offset + length);
  return length + words * 4;
}

/** Copies the identifier and fills up with padding elements. */
function put(bytes: Uint8Array, from: number, mid: Uint8Array, end: number): number {
  let at = from;
  for (let i = 0; i < mid.length; i++) bytes[at++] = mid[i]!;
  while (at < end) bytes[at++] = 0;
  return at;
}

/** Also true where nothing can be appended, since a receiver stops before it. */
function hasElement(bytes: Uint8Array, from: number, end: number, id: number, short: boolean): boolean {
  let at = from;
  while (at < end) {
    const first = bytes[at]!;
    if (first === 0) {
      at++;
      continue;
    }
    const found = short ? first >> 4 : first;
    if (found === id || (short && found === LAST_ID)) return true;
    if (short) at += 2 + (first & 15);
    else at += at + 1 < end ? 2 + bytes[at + 1]! : 2;
  }
  return at > end;
}
