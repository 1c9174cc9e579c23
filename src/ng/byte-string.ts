/** Bytes to byte strings and back: each character is one byte (latin1). */

const slice = Buffer.prototype.latin1Slice;

/** Bytes `start` up to `end` as a byte string. Works on the array itself: making a Buffer of it first costs more. */
export function byteString(bytes: Uint8Array, start = 0, end = bytes.length): string {
  return slice.call(bytes as Buffer, start, end);
}

const scratch = Buffer.allocUnsafe(65_536);

/**
 * The same byte string in memory of its own. A slice shares the memory of the whole message, which a call would keep as
 * long as it keeps its tags.
 */
export function detached(text: string): string {
  if (text.length > scratch.length) return Buffer.from(text, "latin1").latin1Slice();
  scratch.latin1Write(text, 0);
  return scratch.latin1Slice(0, text.length);
}
