/**
 * eventfd(2): one thread wakes another. Memory: 8 bytes per instance, released by `close`, which also closes the descriptor
 * if this instance created it.
 */
import { EFD_CLOEXEC, EFD_NONBLOCK, libc } from "./libc.ts";
import { type Arena, mapArena } from "./memory.ts";
import { SystemError } from "./system-error.ts";

export class EventFd {
  readonly fd: number;
  readonly #owned: boolean;
  readonly #arena: Arena;

  /**
   * @param fd an existing eventfd of another thread
   * @throws SystemError
   */
  constructor(fd?: number) {
    this.#owned = fd === undefined;
    this.fd = fd ?? libc.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (this.fd < 0) throw new SystemError("eventfd");
    this.#arena = mapArena(16, { populate: true });
    // First word: what signal() adds. Second: where drain() reads to.
    new Int32Array(this.#arena.view(0, 16))[0] = 1;
  }

  /** Makes the descriptor readable. Never blocks; a full counter is readable already. */
  signal(): void {
    libc.write(this.fd, this.#arena.address, 8);
  }

  /** Makes it unreadable again. */
  drain(): void {
    libc.read(this.fd, this.#arena.address + 8, 8);
  }

  close(): void {
    if (this.#owned) libc.close(this.fd);
    this.#arena.release();
  }
}
