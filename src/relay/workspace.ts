/**
 * Space behind an engine's packets, in the same memory, where the worker encrypts and decrypts: scratch bytes, room for
 * one packet, and copies of packets that leave with different keys. One per engine, used by its thread alone.
 */
import { MAX_PACKET } from "../limits.ts";
import { SRTP_OVERHEAD, SRTP_SCRATCH, srtpRoom } from "../media/srtp/session.ts";

const lines = (bytes: number) => (bytes + 63) & ~63;

/** What an engine must leave free behind a packet of MAX_PACKET bytes: encryption makes it longer. Bytes. */
export const PACKET_TAIL = SRTP_OVERHEAD;

const ROOM_AT = SRTP_SCRATCH;
const COPIES_AT = ROOM_AT + lines(srtpRoom(MAX_PACKET));
/** Over 300 copies of telephony packets, a dozen jumbo frames, before sends must be flushed in between. */
const COPIES_BYTES = 131_072;

/** Bytes. */
export const WORKSPACE_BYTES = COPIES_AT + COPIES_BYTES;

/** Offsets from the start of the engine's buffer. */
export class Workspace {
  readonly scratch: number;
  readonly room: number;
  readonly #copies: number;
  #used = 0;

  /** @param at offset of {@link WORKSPACE_BYTES} bytes, a multiple of 64 */
  constructor(at: number) {
    this.scratch = at;
    this.room = at + ROOM_AT;
    this.#copies = at + COPIES_AT;
  }

  /** Room for a copy of `length` bytes and its tail; negative = all is used: flush the sends, then {@link reuse}. */
  copy(length: number): number {
    const bytes = lines(length + PACKET_TAIL);
    if (this.#used + bytes > COPIES_BYTES) return -1;
    const at = this.#copies + this.#used;
    this.#used += bytes;
    return at;
  }

  /** No send reads a copy any more. */
  reuse(): void {
    this.#used = 0;
  }
}
