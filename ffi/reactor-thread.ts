/** The thread behind `reactor.ts`: waits for descriptors, posts their tokens, reads nothing. */
import { Epoll } from "./epoll.ts";
import { errno } from "./libc.ts";
import { type ReactorThreadStart, STOP_TOKEN } from "./reactor.ts";
import { SystemError } from "./system-error.ts";
import { nameThread } from "./thread.ts";

/** Tokens posted in one message at most. */
const BATCH = 64;

declare const self: Worker;

self.onmessage = (event: MessageEvent<ReactorThreadStart>) => {
  nameThread("sluice-reactor");
  const epoll = new Epoll(BATCH, event.data.epoll);
  for (;;) {
    const count = epoll.wait(-1);
    if (count < 0) throw new SystemError("epoll_wait", errno());
    const tokens: number[] = [];
    let stop = false;
    for (let i = 0; i < count; i++) {
      const token = epoll.token(i);
      if (token === STOP_TOKEN) stop = true;
      else tokens.push(token);
    }
    if (stop) break;
    if (tokens.length > 0) postMessage(tokens);
  }
  epoll.close();
  process.exit(0);
};
