/**
 * Reads slots of the stream table from the main thread while a worker writes them. Counters are single doubles and never
 * torn; addresses are read between two looks at the slot's version.
 *
 * Views are made block by block on first use: one view of the whole table would count, with its full size, as garbage
 * collector load of a thread that looks at a few slots only.
 */
import { viewMemory } from "../../ffi/libc.ts";
import { decodeSockaddr } from "../../ffi/sockaddr.ts";
import type { Endpoint } from "../address.ts";
import { DROP_REASONS, type DropReason, type StreamCounters } from "../planes/plane.ts";
import { SLOT, SLOT_BYTES, SLOT_DOUBLE, SLOT_DOUBLES, SLOT_WORDS, STATE } from "./layout.ts";

const BLOCK_SLOTS = 256;
const BLOCK_BYTES = BLOCK_SLOTS * SLOT_BYTES;

/** A writer changes a few words: more looks than this mean that it died in the middle. */
const MAX_LOOKS = 1_000;

interface Block {
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  readonly bytes: Uint8Array;
}

/** All counters of a socket, and what the contract of planes leaves out. */
export interface SlotCounters extends StreamCounters {
  /** Packets given to the main thread. */
  readonly handedUp: number;
}

/** Sums over many sockets, the parts of their counters that can be added up. */
export interface CounterSums {
  packetsIn: number;
  bytesIn: number;
  errorsIn: number;
  packetsOut: number;
  bytesOut: number;
  errorsOut: number;
  lost: number;
  duplicates: number;
  reordered: number;
  readonly drops: Record<DropReason, number>;
}

export class SlotReader {
  readonly #address: number;
  readonly #slots: number;
  readonly #blocks: (Block | undefined)[] = [];

  constructor(address: number, slots: number) {
    this.#address = address;
    this.#slots = slots;
  }

  incarnation(slot: number): number {
    return Atomics.load(this.#block(slot).words, wordOf(slot) + SLOT.incarnation);
  }

  /** Sequence number of the last command carried out. */
  applied(slot: number): number {
    return Atomics.load(this.#block(slot).words, wordOf(slot) + SLOT.applied);
  }

  generation(slot: number): number {
    return this.#block(slot).words[wordOf(slot) + SLOT.generation]!;
  }

  lastPacketAt(slot: number): number {
    return this.#double(slot, SLOT_DOUBLE.lastPacketAt);
  }

  packetsIn(slot: number): number {
    return this.#double(slot, SLOT_DOUBLE.packetsIn);
  }

  bytesIn(slot: number): number {
    return this.#double(slot, SLOT_DOUBLE.bytesIn);
  }

  errorsIn(slot: number): number {
    return this.#double(slot, SLOT_DOUBLE.errorsIn);
  }

  counters(slot: number): SlotCounters {
    const { words } = this.#block(slot);
    const word = wordOf(slot);
    const double = (field: number) => this.#double(slot, field);
    const drops: Partial<Record<DropReason, number>> = {};
    for (const [i, reason] of DROP_REASONS.entries()) drops[reason] = double(SLOT_DOUBLE.drops + i);
    const state = words[word + SLOT.state]!;
    const payloadType = words[word + SLOT.payloadType]!;
    return {
      packetsIn: double(SLOT_DOUBLE.packetsIn),
      bytesIn: double(SLOT_DOUBLE.bytesIn),
      errorsIn: double(SLOT_DOUBLE.errorsIn),
      packetsOut: double(SLOT_DOUBLE.packetsOut),
      bytesOut: double(SLOT_DOUBLE.bytesOut),
      errorsOut: double(SLOT_DOUBLE.errorsOut),
      drops: drops as Record<DropReason, number>,
      handedUp: double(SLOT_DOUBLE.handedUp),
      lastPacketAt: double(SLOT_DOUBLE.lastPacketAt),
      endpoint: this.address(slot, SLOT.destination),
      confirmed: (state & STATE.confirmed) !== 0,
      ssrc: state & STATE.hasSsrc ? words[word + SLOT.ssrc]! >>> 0 : undefined,
      payloadType: payloadType < 0 ? undefined : payloadType,
      highestSequence: words[word + SLOT.highestSequence]! >>> 0,
      lost: words[word + SLOT.lost]!,
      duplicates: words[word + SLOT.duplicates]!,
      reordered: words[word + SLOT.reordered]!,
      lastTimestamp: words[word + SLOT.lastTimestamp]! >>> 0,
      jitter: double(SLOT_DOUBLE.jitter),
      tos: undefined,
      otherSource: this.address(slot, SLOT.otherSource),
      otherSourceAt: double(SLOT_DOUBLE.otherSourceAt),
      sendErrno: words[word + SLOT.sendErrno]!,
      sendFailedAt: double(SLOT_DOUBLE.sendFailedAt),
      lastDrop: DROP_REASONS[words[word + SLOT.lastDrop]!],
      lastDropAt: double(SLOT_DOUBLE.lastDropAt),
      lastSentAt: double(SLOT_DOUBLE.lastSentAt),
    };
  }

  /** Adds what a slot counted to `sum`: for sums over thousands of sockets, so no object is made. */
  addTo(slot: number, sum: CounterSums): void {
    const { words, doubles } = this.#block(slot);
    const word = wordOf(slot);
    const at = (slot % BLOCK_SLOTS) * SLOT_DOUBLES;
    sum.packetsIn += doubles[at + SLOT_DOUBLE.packetsIn]!;
    sum.bytesIn += doubles[at + SLOT_DOUBLE.bytesIn]!;
    sum.errorsIn += doubles[at + SLOT_DOUBLE.errorsIn]!;
    sum.packetsOut += doubles[at + SLOT_DOUBLE.packetsOut]!;
    sum.bytesOut += doubles[at + SLOT_DOUBLE.bytesOut]!;
    sum.errorsOut += doubles[at + SLOT_DOUBLE.errorsOut]!;
    sum.lost += words[word + SLOT.lost]!;
    sum.duplicates += words[word + SLOT.duplicates]!;
    sum.reordered += words[word + SLOT.reordered]!;
    for (let i = 0; i < DROP_REASONS.length; i++) {
      const dropped = doubles[at + SLOT_DOUBLE.drops + i]!;
      if (dropped !== 0) sum.drops[DROP_REASONS[i]!] += dropped;
    }
  }

  /** One of the three addresses of a slot, whole. */
  address(slot: number, field: number): Endpoint | undefined {
    const { words, bytes } = this.#block(slot);
    const word = wordOf(slot);
    for (let look = 0; ; look++) {
      const before = Atomics.load(words, word + SLOT.version);
      const endpoint = decodeSockaddr(bytes, (word + field) * 4);
      if ((before & 1) === 0 && Atomics.load(words, word + SLOT.version) === before) return endpoint;
      if (look === MAX_LOOKS) return endpoint;
    }
  }

  #double(slot: number, field: number): number {
    return this.#block(slot).doubles[(slot % BLOCK_SLOTS) * SLOT_DOUBLES + field]!;
  }

  #block(slot: number): Block {
    const index = Math.floor(slot / BLOCK_SLOTS);
    const known = this.#blocks[index];
    if (known) return known;
    const bytes = Math.min(BLOCK_BYTES, this.#slots * SLOT_BYTES - index * BLOCK_BYTES);
    const memory = viewMemory(this.#address + index * BLOCK_BYTES, bytes);
    const block = { words: new Int32Array(memory), doubles: new Float64Array(memory), bytes: new Uint8Array(memory) };
    this.#blocks[index] = block;
    return block;
  }
}

function wordOf(slot: number): number {
  return (slot % BLOCK_SLOTS) * SLOT_WORDS;
}
