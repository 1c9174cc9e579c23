/** Who wants to be woken when: a binary heap, so that thousands of ICE agents and handshakes cost one timer. */

/** An owner of at most one timer. */
export interface Timed {
  /** Place in the heap, -1 = not waiting. Belongs to the queue. */
  timerPlace: number;
  /** Milliseconds, on the clock of the events. Belongs to the queue. */
  timerAt: number;
}

export class TimerQueue<T extends Timed> {
  readonly #heap: T[] = [];

  /** When the first one is due; undefined: nobody waits. */
  get next(): number | undefined {
    return this.#heap[0]?.timerAt;
  }

  get size(): number {
    return this.#heap.length;
  }

  /** @param at undefined: not any more */
  set(owner: T, at: number | undefined): void {
    if (at === undefined) {
      this.#remove(owner);
      return;
    }
    const before = owner.timerAt;
    owner.timerAt = at;
    if (owner.timerPlace < 0) {
      owner.timerPlace = this.#heap.length;
      this.#heap.push(owner);
      this.#rise(owner);
    } else if (at < before) this.#rise(owner);
    else this.#sink(owner);
  }

  /** Takes the first one that is due out of the queue. */
  take(now: number): T | undefined {
    const first = this.#heap[0];
    if (!first || first.timerAt > now) return undefined;
    this.#remove(first);
    return first;
  }

  #remove(owner: T): void {
    const place = owner.timerPlace;
    if (place < 0) return;
    owner.timerPlace = -1;
    const last = this.#heap.pop()!;
    if (last === owner) return;
    this.#put(last, place);
    this.#rise(last);
    this.#sink(last);
  }

  #put(owner: T, place: number): void {
    this.#heap[place] = owner;
    owner.timerPlace = place;
  }

  #rise(owner: T): void {
    while (owner.timerPlace > 0) {
      const place = owner.timerPlace;
      const parent = this.#heap[(place - 1) >> 1]!;
      if (parent.timerAt <= owner.timerAt) return;
      this.#put(owner, (place - 1) >> 1);
      this.#put(parent, place);
    }
  }

  #sink(owner: T): void {
    for (;;) {
      const place = owner.timerPlace;
      const left = this.#heap[place * 2 + 1];
      const right = this.#heap[place * 2 + 2];
      const child = right && right.timerAt < left!.timerAt ? right : left;
      if (!child || child.timerAt >= owner.timerAt) return;
      const below = child.timerPlace;
      this.#put(owner, below);
      this.#put(child, place);
    }
  }
}
