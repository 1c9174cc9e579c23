/**
 * Ring of commands in shared memory: the main thread writes, one worker reads. Positions count records and run over at
 * 2^32; everything written before one {@link CommandWriter.publish} is seen together.
 */
import { COMMAND_RING_RECORDS } from "../limits.ts";
import { COMMAND, RECORD } from "./command.ts";
import { CONTROL } from "./layout.ts";

export const COMMAND_RING_BYTES = COMMAND_RING_RECORDS * RECORD.words * 4;

const MASK = COMMAND_RING_RECORDS - 1;

export class CommandWriter {
  readonly #control: Int32Array;
  readonly #ring: Int32Array;
  #tail: number;

  constructor(control: Int32Array, ring: Int32Array) {
    this.#control = control;
    this.#ring = ring;
    this.#tail = Atomics.load(control, CONTROL.commandTail);
  }

  /** Copies one record into the ring; false when it is full. Nobody sees it before {@link publish}. */
  add(record: Int32Array): boolean {
    const used = (this.#tail - Atomics.load(this.#control, CONTROL.commandHead)) | 0;
    if (used >= COMMAND_RING_RECORDS) return false;
    this.#ring.set(record, (this.#tail & MASK) * RECORD.words);
    this.#tail = (this.#tail + 1) | 0;
    return true;
  }

  /** Hands everything added over. */
  publish(): void {
    Atomics.store(this.#control, CONTROL.commandTail, this.#tail);
  }

  /** After {@link publish}: whether the worker sleeps and must be woken. */
  readerSleeps(): boolean {
    return Atomics.load(this.#control, CONTROL.sleeping) === 1;
  }
}

export class CommandReader {
  readonly #control: Int32Array;
  readonly #ring: Int32Array;
  readonly #record = new Int32Array(RECORD.words);
  #head: number;

  constructor(control: Int32Array, ring: Int32Array) {
    this.#control = control;
    this.#ring = ring;
    this.#head = Atomics.load(control, CONTROL.commandHead);
  }

  /** Whether there is anything to do. */
  pending(): boolean {
    return Atomics.load(this.#control, CONTROL.commandTail) !== this.#head;
  }

  /** The next record, valid until the next call; undefined when there is none. */
  next(): Int32Array | undefined {
    if (!this.pending()) return undefined;
    const at = (this.#head & MASK) * RECORD.words;
    for (let i = 0; i < RECORD.words; i++) this.#record[i] = this.#ring[at + i]!;
    // Keys stay nowhere longer than they are needed.
    if (this.#record[RECORD.kind] === COMMAND.keys) this.#ring.fill(0, at, at + RECORD.words);
    this.#head = (this.#head + 1) | 0;
    Atomics.store(this.#control, CONTROL.commandHead, this.#head);
    return this.#record;
  }
}
