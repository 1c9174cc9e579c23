/** Handshake messages out of fragments that come in any order, twice, overlapping or never (RFC 6347 section 4.2.3). */
import { MAX_DTLS_HANDSHAKE_BYTES, MAX_DTLS_MESSAGES_AHEAD } from "../../limits.ts";
import { readU16, readU24 } from "./record.ts";
import { FRAGMENT, FRAGMENT_HEADER_SIZE } from "./wire.ts";

export interface HandshakeMessage {
  readonly type: number;
  readonly sequence: number;
  readonly body: Uint8Array;
  /** Header and body as one unfragmented message: the form that enters the transcript (RFC 6347 section 4.2.6). */
  readonly bytes: Uint8Array;
}

export function handshakeMessage(type: number, sequence: number, body: Uint8Array): HandshakeMessage {
  const bytes = new Uint8Array(FRAGMENT_HEADER_SIZE + body.length);
  writeFragmentHeader(bytes, type, body.length, sequence, 0, body.length);
  bytes.set(body, FRAGMENT_HEADER_SIZE);
  return { type, sequence, body: bytes.subarray(FRAGMENT_HEADER_SIZE), bytes };
}

/** `length` body bytes from `offset` of a message, with their header. */
export function emitFragment({ type, sequence, body }: HandshakeMessage, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(FRAGMENT_HEADER_SIZE + length);
  writeFragmentHeader(bytes, type, body.length, sequence, offset, length);
  bytes.set(body.subarray(offset, offset + length), FRAGMENT_HEADER_SIZE);
  return bytes;
}

function writeFragmentHeader(
  bytes: Uint8Array,
  type: number,
  length: number,
  sequence: number,
  offset: number,
  fragmentLength: number,
): void {
  bytes.set([type, length >> 16, length >> 8, length, sequence >> 8, sequence, offset >> 16, offset >> 8, offset]);
  bytes.set([fragmentLength >> 16, fragmentLength >> 8, fragmentLength], FRAGMENT.fragmentLength);
}

export interface Fragment {
  readonly type: number;
  /** Of the whole message. */
  readonly length: number;
  readonly sequence: number;
  readonly offset: number;
  readonly body: Uint8Array;
}

/** The fragments in one record; undefined when the record is no whole number of them. No copies. */
export function readFragments(record: Uint8Array): readonly Fragment[] | undefined {
  const fragments: Fragment[] = [];
  let at = 0;
  while (at < record.length) {
    if (record.length - at < FRAGMENT_HEADER_SIZE) return undefined;
    const start = at + FRAGMENT_HEADER_SIZE;
    const end = start + readU24(record, at + FRAGMENT.fragmentLength);
    const length = readU24(record, at + FRAGMENT.length);
    const offset = readU24(record, at + FRAGMENT.offset);
    if (end > record.length || offset + (end - start) > length) return undefined;
    const sequence = readU16(record, at + FRAGMENT.sequence);
    fragments.push({ type: record[at]!, length, sequence, offset, body: record.subarray(start, end) });
    at = end;
  }
  return fragments;
}

interface Partial {
  readonly message: HandshakeMessage;
  /** One byte per byte of the body: 1 = received. */
  readonly have: Uint8Array;
  missing: number;
}

export class Reassembly {
  #next: number;
  #held = 0;
  readonly #partial = new Map<number, Partial>();

  /** @param first message_seq of the first message expected */
  constructor(first: number) {
    this.#next = first;
  }

  /** `old`: of a message already taken, so the peer repeats itself. `refused`: contradicts earlier fragments, or no room. */
  add(fragment: Fragment): "kept" | "old" | "refused" {
    const { type, length, sequence, offset, body } = fragment;
    if (sequence < this.#next) return "old";
    if (sequence >= this.#next + MAX_DTLS_MESSAGES_AHEAD) return "refused";
    let partial = this.#partial.get(sequence);
    if (!partial) {
      if (this.#held + length > MAX_DTLS_HANDSHAKE_BYTES) return "refused";
      const message = handshakeMessage(type, sequence, new Uint8Array(length));
      partial = { message, have: new Uint8Array(length), missing: length };
      this.#partial.set(sequence, partial);
      this.#held += length;
    }
    if (partial.message.type !== type || partial.message.body.length !== length) return "refused";
    for (let i = 0; i < body.length; i++) {
      if (partial.have[offset + i] === 1) continue;
      partial.have[offset + i] = 1;
      partial.message.body[offset + i] = body[i]!;
      partial.missing--;
    }
    return "kept";
  }

  /** The next message in order once it is whole. */
  take(): HandshakeMessage | undefined {
    const partial = this.#partial.get(this.#next);
    if (!partial || partial.missing > 0) return undefined;
    this.#partial.delete(this.#next);
    this.#held -= partial.message.body.length;
    this.#next++;
    return partial.message;
  }
}
