import { describe, expect, test } from "bun:test";
import { EventFd } from "../../../ffi/event-fd.ts";
import { startReactor, watchReadable } from "../../../ffi/reactor.ts";

describe("descriptors in the event loop", () => {
  test("each readable descriptor is drained, again and again, until its watch is closed", async () => {
    const reactor = startReactor();
    const counts = [0, 0, 0];
    let wake: () => void = () => {};
    const events = counts.map(() => new EventFd());
    const watches = events.map((event, i) =>
      reactor.watch(event.fd, () => {
        event.drain();
        counts[i]!++;
        wake();
        return false;
      }),
    );
    const until = async (check: () => boolean) => {
      while (!check())
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    };
    for (let round = 1; round <= 20; round++) {
      for (const event of events) event.signal();
      await until(() => counts.every((count) => count === round));
    }
    watches[0]!.close();
    watches[0]!.close();
    for (const event of events) event.signal();
    await until(() => counts[1] === 21 && counts[2] === 21);
    expect(counts).toEqual([20, 21, 21]);
    await reactor.stop();
    await reactor.stop();
    for (const event of events) event.close();
  });

  test("a descriptor with a budget does not starve timers", async () => {
    const event = new EventFd();
    let turns = 0;
    let turnsAtTimer = -1;
    await new Promise<void>((resolve) => {
      const watch = watchReadable(event.fd, () => {
        if (turns++ === 0) {
          setTimeout(() => {
            turnsAtTimer = turns;
          }, 1);
        }
        if (turnsAtTimer < 0) return true;
        event.drain();
        watch.close();
        resolve();
        return false;
      });
      event.signal();
    });
    expect(turnsAtTimer).toBeGreaterThan(0);
    event.close();
  });

  test("watching what is no descriptor is refused in words", async () => {
    const reactor = startReactor();
    expect(() => reactor.watch(987_654, () => false)).toThrow("watch descriptor 987654: Bad file descriptor (EBADF)");
    await reactor.stop();
  });
});
