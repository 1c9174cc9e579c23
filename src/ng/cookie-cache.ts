/**
 * Replies by cookie, so that a repeated request is answered as before and not carried out again. The key is the cookie
 * alone: a proxy may repeat from another address. Two generations: an entry lives 30 to 60 s.
 */
import { MAX_COOKIE_BYTES, MAX_COOKIE_WAITERS, MAX_COOKIES } from "../limits.ts";

/** Milliseconds after which the current generation becomes the old one. */
export const COOKIE_GENERATION = 30_000;

/** `new`: carry the request out, then call `finish`. `in-progress`: see `wait`. Else the stored reply. */
export type CookieState = "new" | "in-progress" | Uint8Array;

export interface CookieLimits {
  /** Entries per generation. */
  readonly entries: number;
  /** Reply bytes per generation. */
  readonly bytes: number;
}

const IN_PROGRESS = -1;

export class CookieCache {
  #current: Generation;
  #old: Generation;
  #rotatedAt: number | undefined;
  readonly #limits: CookieLimits;
  readonly #waiting = new Map<string, ((reply: Uint8Array | undefined) => void)[]>();

  constructor(limits: CookieLimits = { entries: MAX_COOKIES, bytes: MAX_COOKIE_BYTES }) {
    this.#limits = limits;
    this.#current = new Generation();
    this.#old = new Generation();
  }

  /** Entries of both generations. */
  get size(): number {
    return this.#current.places.size + this.#old.places.size;
  }

  /** Looks a cookie up and, when it is new, marks it as in progress. The reply is valid until the next call. */
  begin(cookie: string, now: number): CookieState {
    this.#age(now);
    const place = this.#current.places.get(cookie);
    if (place !== undefined) return place === IN_PROGRESS ? "in-progress" : this.#current.replies.at(place);
    const oldPlace = this.#old.places.get(cookie);
    if (oldPlace !== undefined && oldPlace !== IN_PROGRESS) return this.#old.replies.at(oldPlace);
    if (oldPlace === IN_PROGRESS) return "in-progress";
    const { places, replies } = this.#current;
    if (places.size >= this.#limits.entries || replies.bytes >= this.#limits.bytes) this.#rotate(now);
    this.#current.places.set(cookie, IN_PROGRESS);
    return "new";
  }

  /** Stores the reply (the bytes are copied) and hands it to those who wait for it. */
  finish(cookie: string, reply: Uint8Array): void {
    this.#current.places.set(cookie, this.#current.replies.append(reply));
    if (this.#old.places.get(cookie) === IN_PROGRESS) this.#old.places.delete(cookie);
    this.#answer(cookie, reply);
  }

  /** The request ended without a reply: a repetition is a new request. */
  abandon(cookie: string): void {
    if (this.#current.places.get(cookie) === IN_PROGRESS) this.#current.places.delete(cookie);
    if (this.#old.places.get(cookie) === IN_PROGRESS) this.#old.places.delete(cookie);
    this.#answer(cookie, undefined);
  }

  /**
   * Calls back once the request in progress is finished, with undefined when it was abandoned. False when too many wait
   * already: the repetition is dropped, the client will try again.
   */
  wait(cookie: string, callback: (reply: Uint8Array | undefined) => void): boolean {
    const callbacks = this.#waiting.get(cookie) ?? [];
    if (callbacks.length >= MAX_COOKIE_WAITERS) return false;
    callbacks.push(callback);
    this.#waiting.set(cookie, callbacks);
    return true;
  }

  #answer(cookie: string, reply: Uint8Array | undefined): void {
    if (this.#waiting.size === 0) return;
    const callbacks = this.#waiting.get(cookie);
    this.#waiting.delete(cookie);
    for (const callback of callbacks ?? []) callback(reply);
  }

  #age(now: number): void {
    this.#rotatedAt ??= now;
    const age = now - this.#rotatedAt;
    if (age < 0)
      this.#rotatedAt = now; // the clock was set back
    else if (age >= COOKIE_GENERATION) {
      this.#rotate(now);
      if (age >= 2 * COOKIE_GENERATION) this.#rotate(now);
    }
  }

  #rotate(now: number): void {
    // What is still in progress is carried along: its repetitions must go on waiting.
    const { places } = this.#old;
    if (this.#waiting.size > 0) {
      for (const cookie of this.#waiting.keys()) {
        if (places.get(cookie) === IN_PROGRESS) this.#current.places.set(cookie, IN_PROGRESS);
      }
    }
    const emptied = this.#old;
    this.#old = this.#current;
    emptied.clear();
    this.#current = emptied;
    this.#rotatedAt = now;
  }
}

class Generation {
  /** Cookie to the place of its reply, or {@link IN_PROGRESS}. */
  places = new Map<string, number>();
  readonly replies = new ReplyStore();

  clear(): void {
    this.places = new Map();
    this.replies.clear();
  }
}

const CHUNK = 1_048_576;
/** Chunks kept for the next round when a generation is emptied. */
const SPARE_CHUNKS = 4;

/** Replies one behind the other in large chunks: one allocation per thousand replies instead of one each. */
class ReplyStore {
  #chunks: Uint8Array[] = [];
  #chunk = 0;
  #used = 0;
  bytes = 0;

  /** Copies a reply in; the number finds it again. */
  append(reply: Uint8Array): number {
    const length = reply.length;
    this.bytes += length;
    if (length > CHUNK) {
      // Only a `list` of everything over TCP is that large: it gets a chunk of its own behind the one in use.
      const own = this.#used > 0 ? this.#chunk + 1 : this.#chunk;
      this.#chunks.splice(own, 0, Uint8Array.from(reply));
      this.#chunk = own + 1;
      this.#used = 0;
      return place(own, 0, length);
    }
    if (this.#used + length > CHUNK) {
      this.#chunk++;
      this.#used = 0;
    }
    let chunk = this.#chunks[this.#chunk];
    if (!chunk) {
      chunk = new Uint8Array(CHUNK);
      this.#chunks[this.#chunk] = chunk;
    }
    chunk.set(reply, this.#used);
    const at = place(this.#chunk, this.#used, length);
    this.#used += length;
    return at;
  }

  at(where: number): Uint8Array {
    const length = where % LENGTHS;
    const start = Math.floor(where / LENGTHS);
    const offset = start % CHUNK;
    return this.#chunks[(start - offset) / CHUNK]!.subarray(offset, offset + length);
  }

  clear(): void {
    this.#chunks = this.#chunks.filter((chunk) => chunk.length === CHUNK).slice(0, SPARE_CHUNKS);
    this.#chunk = 0;
    this.#used = 0;
    this.bytes = 0;
  }
}

/** A reply is shorter than this; chunk number, offset and length fit the 53 bits of a number together. */
const LENGTHS = 2 ** 26;

function place(chunk: number, offset: number, length: number): number {
  return (chunk * CHUNK + offset) * LENGTHS + length;
}
