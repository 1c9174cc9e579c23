/**
 * epoll(7) with small integers ("tokens") in place of pointers.
 *
 * Memory: one arena per instance for its event list; released by `close`. The epoll descriptor belongs to whoever made it:
 * `close` closes it only if this instance created it.
 */
import { EINTR, EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD, errno, libc } from "./libc.ts";
import { type Arena, mapArena } from "./memory.ts";
import { SystemError } from "./system-error.ts";

/** struct epoll_event is packed on x86-64 only. Sizes and offsets in 32-bit words. */
const EVENT_WORDS = process.arch === "x64" ? 3 : 4;
const EVENT_MASK = 0;
const EVENT_TOKEN = process.arch === "x64" ? 1 : 2;

export class Epoll {
  readonly fd: number;
  readonly capacity: number;
  readonly #owned: boolean;
  readonly #arena: Arena;
  readonly #words: Int32Array;
  readonly #scratch: number;
  readonly #scratchWord: number;

  /**
   * @param capacity events taken by one `wait`
   * @param fd an existing epoll descriptor to share with another thread
   * @throws SystemError
   */
  constructor(capacity: number, fd?: number) {
    this.#owned = fd === undefined;
    this.fd = fd ?? libc.epoll_create1(EPOLL_CLOEXEC);
    if (this.fd < 0) throw new SystemError("epoll_create1");
    this.capacity = capacity;
    this.#scratchWord = capacity * EVENT_WORDS;
    this.#arena = mapArena((capacity + 1) * EVENT_WORDS * 4, { populate: true });
    this.#words = new Int32Array(this.#arena.view());
    this.#scratch = this.#arena.address + this.#scratchWord * 4;
  }

  /** Returns 0 or the errno. */
  add(fd: number, events: number, token: number): number {
    return this.#control(EPOLL_CTL_ADD, fd, events, token);
  }

  /** Returns 0 or the errno. */
  modify(fd: number, events: number, token: number): number {
    return this.#control(EPOLL_CTL_MOD, fd, events, token);
  }

  /** Returns 0 or the errno. */
  remove(fd: number): number {
    return this.#control(EPOLL_CTL_DEL, fd, 0, 0);
  }

  #control(operation: number, fd: number, events: number, token: number): number {
    const at = this.#scratchWord;
    this.#words[at + EVENT_MASK] = events;
    this.#words[at + EVENT_TOKEN] = token;
    return libc.epoll_ctl(this.fd, operation, fd, this.#scratch) < 0 ? errno() : 0;
  }

  /**
   * Number of events, 0 when the time was over or a signal came; -1 with {@link errno} set for anything else.
   * @param timeout milliseconds, -1 = for ever, 0 = do not wait
   */
  wait(timeout: number): number {
    const count = libc.epoll_wait(this.fd, this.#arena.address, this.capacity, timeout);
    if (count >= 0) return count;
    return errno() === EINTR ? 0 : -1;
  }

  /** Token of event `index` of the last `wait`. */
  token(index: number): number {
    return this.#words[index * EVENT_WORDS + EVENT_TOKEN]!;
  }

  close(): void {
    if (this.#owned) libc.close(this.fd);
    this.#arena.release();
  }
}
