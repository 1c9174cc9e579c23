import { describe, expect, test } from "bun:test";
import { Drain } from "../../../src/life/drain.ts";

describe("an orderly end", () => {
  test("without calls it is over at once", () => {
    const drain = new Drain();
    drain.ask(60, 0, 1_000);
    expect(drain.ended).toBe("no calls left");
    expect(drain.draining).toBe(false);
  });

  test("with calls it waits for the last one", () => {
    const drain = new Drain();
    drain.ask(60, 2, 1_000);
    expect(drain.draining).toBe(true);
    drain.look(1, 30_000);
    expect(drain.ended).toBeUndefined();
    drain.look(0, 30_001);
    expect(drain.ended).toBe("no calls left");
  });

  test("a call that does not end is cut off when the time is up, not before", () => {
    const drain = new Drain();
    drain.ask(60, 1, 1_000);
    drain.look(1, 60_999);
    expect(drain.ended).toBeUndefined();
    expect(drain.remaining(60_000)).toBe(1_000);
    drain.look(1, 61_000);
    expect(drain.ended).toBe("time is up");
    expect(drain.remaining(61_000)).toBe(0);
  });

  test("asked a second time it ends at once", () => {
    const drain = new Drain();
    drain.ask(3_600, 5, 0);
    drain.ask(3_600, 5, 1);
    expect(drain.ended).toBe("asked again");
  });

  test("with a time of 0 it never waits, and says so only then", () => {
    const drain = new Drain();
    expect(drain.ended).toBeUndefined();
    drain.look(0, 0);
    expect(drain.ended).toBeUndefined();
    drain.ask(0, 5, 0);
    expect(drain.ended).toBe("at once");
  });
});
