/**
 * Ring of packets and events in shared memory: one worker writes, the main thread reads. Positions are byte counts that run
 * over at 2^32; a record never wraps around the end of the ring, a filler takes the place left over there.
 */
import type { EventFd } from "../../ffi/event-fd.ts";
import { decodeSockaddr } from "../../ffi/sockaddr.ts";
import type { Endpoint } from "../address.ts";
import { HAND_UP_RING_BYTES } from "../limits.ts";
import { ADDRESS_WORDS, CONTROL, SLOT, SLOT_WORDS } from "./layout.ts";
import { REPORT, type ReportSink } from "./reports.ts";
import { copyAddress } from "./source-check.ts";

/** Word offsets of a record. */
const ENTRY = {
  /** Whole record in bytes, a multiple of 8. */
  size: 0,
  kind: 1,
  slot: 2,
  incarnation: 3,
  value: 4,
  /** Bytes of packet data. */
  length: 5,
  first: 6,
  second: 14,
  data: 22,
} as const;

const MASK = HAND_UP_RING_BYTES - 1;

export class HandUpWriter implements ReportSink {
  readonly #control: Int32Array;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #table: Int32Array;
  readonly #main: EventFd;
  #tail: number;

  /** @param table the stream table, for incarnations; @param main signalled when there is something to read */
  constructor(control: Int32Array, ring: ArrayBuffer, table: Int32Array, main: EventFd) {
    this.#control = control;
    this.#words = new Int32Array(ring);
    this.#bytes = new Uint8Array(ring);
    this.#table = table;
    this.#main = main;
    this.#tail = Atomics.load(control, CONTROL.handUpTail);
  }

  packet(
    slot: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    source: Int32Array,
    sourceWord: number,
  ): boolean {
    const at = this.#reserve(REPORT.packet, slot, 0, length);
    if (at < 0) return false;
    copyAddress(this.#words, at + ENTRY.first, source, sourceWord);
    const data = (at + ENTRY.data) * 4;
    for (let i = 0; i < length; i++) this.#bytes[data + i] = bytes[offset + i]!;
    this.#publish();
    return true;
  }

  event(
    kind: number,
    slot: number,
    value: number,
    first: Int32Array | undefined,
    firstWord: number,
    second: Int32Array | undefined,
    secondWord: number,
  ): void {
    const at = this.#reserve(kind, slot, value, 0);
    if (at < 0) {
      this.#control[CONTROL.lostEvents] = this.#control[CONTROL.lostEvents]! + 1;
      return;
    }
    if (first) copyAddress(this.#words, at + ENTRY.first, first, firstWord);
    if (second) copyAddress(this.#words, at + ENTRY.second, second, secondWord);
    this.#publish();
  }

  /** Word index of a new record with its head filled in; -1 when there is no room. */
  #reserve(kind: number, slot: number, value: number, length: number): number {
    const size = (ENTRY.data * 4 + length + 7) & ~7;
    const rest = HAND_UP_RING_BYTES - (this.#tail & MASK);
    const filler = rest < size ? rest : 0;
    const used = (this.#tail - Atomics.load(this.#control, CONTROL.handUpHead)) | 0;
    if (HAND_UP_RING_BYTES - used < size + filler) return -1;
    if (filler > 0) {
      const end = (this.#tail & MASK) >> 2;
      this.#words[end + ENTRY.size] = filler;
      this.#words[end + ENTRY.kind] = REPORT.filler;
      this.#tail = (this.#tail + filler) | 0;
    }
    const at = (this.#tail & MASK) >> 2;
    this.#words[at + ENTRY.size] = size;
    this.#words[at + ENTRY.kind] = kind;
    this.#words[at + ENTRY.slot] = slot;
    this.#words[at + ENTRY.incarnation] = this.#table[slot * SLOT_WORDS + SLOT.incarnation]!;
    this.#words[at + ENTRY.value] = value;
    this.#words[at + ENTRY.length] = length;
    for (let i = 0; i < 2 * ADDRESS_WORDS; i++) this.#words[at + ENTRY.first + i] = 0;
    this.#tail = (this.#tail + size) | 0;
    return at;
  }

  #publish(): void {
    Atomics.store(this.#control, CONTROL.handUpTail, this.#tail);
    this.signal();
  }

  /** Makes the main thread look at the ring and at acknowledgements, once per look. */
  signal(): void {
    if (Atomics.exchange(this.#control, CONTROL.handUpSignalled, 1) === 0) this.#main.signal();
  }
}

/** One record, read in place: valid during the call that delivers it. */
export interface HandUpEntry {
  readonly kind: number;
  readonly slot: number;
  readonly incarnation: number;
  readonly value: number;
  readonly first: Endpoint | undefined;
  readonly second: Endpoint | undefined;
  /** A view of the ring. */
  readonly data: Uint8Array;
}

export class HandUpReader {
  readonly #control: Int32Array;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;

  constructor(control: Int32Array, ring: ArrayBuffer) {
    this.#control = control;
    this.#words = new Int32Array(ring);
    this.#bytes = new Uint8Array(ring);
  }

  /** Delivers up to `limit` records; true when there are more. */
  drain(limit: number, deliver: (entry: HandUpEntry) => void): boolean {
    let head = this.#control[CONTROL.handUpHead]!;
    for (let count = 0; head !== Atomics.load(this.#control, CONTROL.handUpTail); ) {
      if (count === limit) return true;
      const at = (head & MASK) >> 2;
      const kind = this.#words[at + ENTRY.kind]!;
      const size = this.#words[at + ENTRY.size]!;
      try {
        if (kind !== REPORT.filler) {
          count++;
          deliver(this.#entry(at, kind));
        }
      } finally {
        head = (head + size) | 0;
        Atomics.store(this.#control, CONTROL.handUpHead, head);
      }
    }
    return false;
  }

  #entry(at: number, kind: number): HandUpEntry {
    const data = (at + ENTRY.data) * 4;
    return {
      kind,
      slot: this.#words[at + ENTRY.slot]!,
      incarnation: this.#words[at + ENTRY.incarnation]!,
      value: this.#words[at + ENTRY.value]!,
      first: decodeSockaddr(this.#bytes, (at + ENTRY.first) * 4),
      second: decodeSockaddr(this.#bytes, (at + ENTRY.second) * 4),
      data: this.#bytes.subarray(data, data + this.#words[at + ENTRY.length]!),
    };
  }
}
