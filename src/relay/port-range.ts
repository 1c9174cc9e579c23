/**
 * The free ports of one local address in the order in which they will be used: shuffled at start, released ports at the
 * tail, so that a port rests as long as possible before its next call. All operations take constant time, also when almost
 * nothing is free.
 *
 * Free even/odd pairs and free ports without their sibling are kept apart: pairs stay whole as long as single ports can be
 * had elsewhere.
 */

/** Draws for the shuffle; cryptographic or seeded, as the caller likes. */
export interface RandomSource {
  bytes(count: number): Uint8Array;
}

const USED = 0;
const FREE = 1;
const EXCLUDED = 2;

const NONE = -1;

/** Single ports rest too: below this many of them a pair is broken instead. */
const RESTING_HALVES = 64;

export class PortRange {
  /** Ports that can be had at all. */
  readonly total: number;
  #free = 0;
  readonly #min: number;
  readonly #state: Uint8Array;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #pairs = new Fifo();
  readonly #halves = new Fifo();

  constructor(min: number, max: number, excluded: ReadonlySet<number>, random: RandomSource) {
    const size = Math.max(0, max - min + 1);
    this.#min = min;
    this.#state = new Uint8Array(size).fill(EXCLUDED);
    this.#next = new Int32Array(size).fill(NONE);
    this.#previous = new Int32Array(size).fill(NONE);
    const ports: number[] = [];
    for (let port = min; port <= max; port++) {
      if (excluded.has(port)) continue;
      this.#state[port - min] = USED;
      ports.push(port);
    }
    this.total = ports.length;
    for (const port of shuffled(ports, random)) this.release(port);
  }

  get free(): number {
    return this.#free;
  }

  /** Even ports whose successor is free too. */
  get pairs(): number {
    return this.#pairs.length;
  }

  /** Takes an even port and its successor; returns the even one. */
  takePair(): number | undefined {
    const index = this.#pairs.head;
    if (index === NONE) return undefined;
    this.#unlink(this.#pairs, index);
    this.#state[index] = USED;
    this.#state[index + 1] = USED;
    this.#free -= 2;
    return index + this.#min;
  }

  /** Takes any one port. */
  take(): number | undefined {
    const resting = Math.min(RESTING_HALVES, this.total >> 3);
    if (this.#halves.length > resting || this.#pairs.head === NONE) {
      const index = this.#halves.head;
      if (index === NONE) return undefined;
      this.#unlink(this.#halves, index);
      this.#state[index] = USED;
      this.#free--;
      return index + this.#min;
    }
    const port = this.takePair()!;
    this.release(port + 1);
    return port;
  }

  /** Puts a port at the tail. A port that is not in use is left alone. */
  release(port: number): void {
    const index = port - this.#min;
    if (this.#state[index] !== USED) return;
    this.#state[index] = FREE;
    this.#free++;
    const sibling = port % 2 === 0 ? index + 1 : index - 1;
    if (sibling >= 0 && this.#state[sibling] === FREE) {
      this.#unlink(this.#halves, sibling);
      this.#append(this.#pairs, Math.min(index, sibling));
    } else this.#append(this.#halves, index);
  }

  #append(list: Fifo, index: number): void {
    this.#previous[index] = list.tail;
    this.#next[index] = NONE;
    if (list.tail === NONE) list.head = index;
    else this.#next[list.tail] = index;
    list.tail = index;
    list.length++;
  }

  #unlink(list: Fifo, index: number): void {
    const next = this.#next[index]!;
    const previous = this.#previous[index]!;
    if (previous === NONE) list.head = next;
    else this.#next[previous] = next;
    if (next === NONE) list.tail = previous;
    else this.#previous[next] = previous;
    list.length--;
  }
}

/** Ends of a list whose links are in the range's arrays; a port is in at most one list. */
class Fifo {
  head = NONE;
  tail = NONE;
  length = 0;
}

function shuffled(ports: number[], random: RandomSource): number[] {
  const draws = random.bytes(ports.length * 4);
  const view = new DataView(draws.buffer, draws.byteOffset, draws.byteLength);
  for (let i = ports.length - 1; i > 0; i--) {
    const j = Math.floor((view.getUint32(i * 4) / 0x1_0000_0000) * (i + 1));
    const swapped = ports[i]!;
    ports[i] = ports[j]!;
    ports[j] = swapped;
  }
  return ports;
}
