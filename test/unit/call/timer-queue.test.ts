/** The one queue behind all ICE and DTLS timers. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { type Timed, TimerQueue } from "../../../src/call/timer-queue.ts";

const SEED = Number(process.env["CALL_SEED"] ?? 20260801);

class Owner implements Timed {
  timerPlace = -1;
  timerAt = 0;
}

test("the first that is due comes first; one that is set again moves, one that is unset is gone", () => {
  const queue = new TimerQueue<Owner>();
  const [a, b, c] = [new Owner(), new Owner(), new Owner()];
  queue.set(a, 30);
  queue.set(b, 10);
  queue.set(c, 20);
  expect(queue.next).toBe(10);
  queue.set(b, 40);
  queue.set(c, undefined);
  expect(queue.take(29)).toBeUndefined();
  expect(queue.take(30)).toBe(a);
  expect(queue.take(100)).toBe(b);
  expect(queue.size).toBe(0);
  queue.set(c, undefined);
  expect(queue.next).toBeUndefined();
});

test(`whatever is set and unset, owners come out in order of time (seed ${SEED})`, () => {
  const step = fc.record({ owner: fc.nat(20), at: fc.option(fc.nat(1_000), { nil: undefined }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const queue = new TimerQueue<Owner>();
      const owners = Array.from({ length: 21 }, () => new Owner());
      const expected = new Map<Owner, number>();
      for (const { owner, at } of steps) {
        queue.set(owners[owner]!, at);
        if (at === undefined) expected.delete(owners[owner]!);
        else expected.set(owners[owner]!, at);
        expect(queue.next).toBe(expected.size === 0 ? undefined : Math.min(...expected.values()));
      }
      const times: number[] = [];
      for (let one = queue.take(1_000); one; one = queue.take(1_000)) times.push(expected.get(one)!);
      expect(times).toEqual([...expected.values()].sort((x, y) => x - y));
    }),
    { seed: SEED },
  );
});
