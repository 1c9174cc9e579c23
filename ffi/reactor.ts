/**
 * Brings file descriptors that Bun does not know into the main thread's event loop.
 *
 * A thread of its own blocks in epoll_wait; each descriptor is armed for one event (EPOLLONESHOT), its token is posted to
 * the main thread, which reads the descriptor empty and arms it again. So at most one message per descriptor is under way,
 * and packets wait in the kernel's queue, not in a JavaScript one.
 *
 * Memory: that of its {@link Epoll} and {@link EventFd}, released by `stop`. Watched descriptors stay their owners'.
 */
import { Epoll } from "./epoll.ts";
import { EventFd } from "./event-fd.ts";
import { EBADF, ENOENT, EPOLLIN, EPOLLONESHOT } from "./libc.ts";
import { SystemError } from "./system-error.ts";
import { threadEntry } from "./thread.ts";

/** First and only message to the thread. */
export interface ReactorThreadStart {
  readonly epoll: number;
}

/** Token of the descriptor that ends the thread. */
export const STOP_TOKEN = 0;

const ARMED = EPOLLIN | EPOLLONESHOT;

export interface Watch {
  /** No call comes after this. Must precede the closing of the descriptor, which stays the owner's duty. */
  close(): void;
}

export interface Reactor {
  /**
   * Calls `drain` on the main thread when `fd` is readable. It must not block, should do a bounded amount of work, and
   * returns true when it left something unread: it is then called again after other events had their turn.
   * @throws SystemError when the descriptor cannot be watched
   */
  watch(fd: number, drain: () => boolean): Watch;
  /** Ends the thread. Watched descriptors are not closed. */
  stop(): Promise<void>;
}

interface Watched {
  readonly fd: number;
  readonly drain: () => boolean;
}

/**
 * @param onFailure told when the thread ends unasked, after which nothing is watched any more; without it the error is
 *   thrown as an uncaught exception
 */
export function startReactor(onFailure: (error: Error) => void = rethrow): Reactor {
  const epoll = new Epoll(1);
  const end = new EventFd();
  const watched = new Map<number, Watched>();
  let lastToken = STOP_TOKEN;
  let stopping = false;

  const refused = epoll.add(end.fd, EPOLLIN, STOP_TOKEN);
  if (refused !== 0) throw new SystemError("watch the reactor's eventfd", refused);

  function run(token: number): void {
    const entry = watched.get(token);
    if (!entry) return;
    let more = false;
    try {
      more = entry.drain();
    } catch (error) {
      // The other tokens of this message must still be served: let it surface as the uncaught exception it is.
      rethrow(error);
    }
    if (watched.get(token) !== entry) return;
    if (more) setImmediate(run, token);
    else rearm(token, entry);
  }

  function rearm(token: number, entry: Watched): void {
    const failed = epoll.modify(entry.fd, ARMED, token);
    if (failed !== 0 && !stopping) throw new SystemError(`watch descriptor ${entry.fd}`, failed);
  }

  const thread = new Worker(threadEntry("ffi/reactor-thread.ts"), { name: "reactor" });
  const ended = new Promise<void>((resolve) => {
    thread.addEventListener("close", () => {
      if (!stopping) onFailure(new Error("the reactor thread ended unexpectedly"));
      resolve();
    });
  });
  thread.onerror = (event) => onFailure(new Error(`the reactor thread failed: ${event.message}`));
  thread.onmessage = (event: MessageEvent<readonly number[]>) => {
    for (const token of event.data) run(token);
  };
  thread.postMessage({ epoll: epoll.fd } satisfies ReactorThreadStart);

  return {
    watch(fd, drain) {
      do lastToken = (lastToken % 0x7fff_fffe) + 1;
      while (watched.has(lastToken));
      const token = lastToken;
      const failed = epoll.add(fd, ARMED, token);
      if (failed !== 0) throw new SystemError(`watch descriptor ${fd}`, failed);
      watched.set(token, { fd, drain });
      return {
        close() {
          if (!watched.delete(token) || stopping) return;
          const error = epoll.remove(fd);
          if (error !== 0 && error !== ENOENT && error !== EBADF) {
            throw new SystemError(`stop watching descriptor ${fd}`, error);
          }
        },
      };
    },
    async stop() {
      if (!stopping) {
        stopping = true;
        watched.clear();
        end.signal();
        void ended.then(() => {
          epoll.close();
          end.close();
        });
      }
      await ended;
    },
  };
}

function rethrow(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

let shared: { readonly reactor: Reactor; readonly watches: Set<Watch> } | undefined;

/**
 * {@link Reactor.watch} on the process's own reactor, which starts with the first watch and ends with the last.
 * @throws SystemError
 */
export function watchReadable(fd: number, drain: () => boolean): Watch {
  shared ??= { reactor: startReactor(), watches: new Set() };
  const { reactor, watches } = shared;
  const inner = reactor.watch(fd, drain);
  const watch: Watch = {
    close() {
      if (!watches.delete(watch)) return;
      inner.close();
      if (watches.size > 0) return;
      shared = undefined;
      void reactor.stop();
    },
  };
  watches.add(watch);
  return watch;
}
