import { describe, expect, test } from "bun:test";
import { COOKIE_GENERATION, CookieCache } from "../../../src/ng/cookie-cache.ts";

const T0 = 1_767_225_600_000;
const bytes = (text: string) => new TextEncoder().encode(text);
const show = (state: unknown) => (state instanceof Uint8Array ? new TextDecoder().decode(state) : state);

describe("cookie cache", () => {
  test("a repeated cookie gets the stored reply", () => {
    const cache = new CookieCache();
    expect(cache.begin("a", T0)).toBe("new");
    cache.finish("a", bytes("a d6:result4:ponge"));
    expect(show(cache.begin("a", T0 + 1))).toBe("a d6:result4:ponge");
  });

  test("the stored reply does not change with the buffer it came from", () => {
    const cache = new CookieCache();
    const buffer = bytes("first");
    cache.begin("a", T0);
    cache.finish("a", buffer);
    buffer.fill(0);
    expect(show(cache.begin("a", T0))).toBe("first");
  });

  test("replies live for at least 30 and at most 60 seconds while requests come in", () => {
    const cache = new CookieCache();
    cache.begin("old", T0);
    cache.finish("old", bytes("1"));
    cache.begin("young", T0 + COOKIE_GENERATION - 1);
    cache.finish("young", bytes("2"));
    // The swap happens with this look-up: both are in the old generation now.
    expect(show(cache.begin("old", T0 + COOKIE_GENERATION))).toBe("1");
    expect(show(cache.begin("young", T0 + 2 * COOKIE_GENERATION - 1))).toBe("2");
    expect(cache.begin("old", T0 + 2 * COOKIE_GENERATION)).toBe("new");
    expect(cache.begin("young", T0 + 2 * COOKIE_GENERATION)).toBe("new");
  });

  test("after a minute of silence nothing is left", () => {
    const cache = new CookieCache();
    cache.begin("a", T0);
    cache.finish("a", bytes("1"));
    expect(cache.begin("a", T0 + 2 * COOKIE_GENERATION)).toBe("new");
  });

  test("a clock set back does not empty the cache", () => {
    const cache = new CookieCache();
    cache.begin("a", T0);
    cache.finish("a", bytes("1"));
    expect(show(cache.begin("a", T0 - 3_600_000))).toBe("1");
    expect(show(cache.begin("a", T0 - 3_600_000 + COOKIE_GENERATION))).toBe("1");
    expect(cache.begin("a", T0 - 3_600_000 + 2 * COOKIE_GENERATION)).toBe("new");
  });

  test("a repetition of a request in progress waits for its reply", () => {
    const cache = new CookieCache();
    const replies: unknown[] = [];
    expect(cache.begin("a", T0)).toBe("new");
    expect(cache.begin("a", T0 + 1)).toBe("in-progress");
    expect(cache.wait("a", (reply) => replies.push(show(reply)))).toBe(true);
    // Also when generations change in the meantime.
    expect(cache.begin("a", T0 + COOKIE_GENERATION)).toBe("in-progress");
    expect(cache.begin("a", T0 + 2 * COOKIE_GENERATION)).toBe("in-progress");
    expect(cache.begin("a", T0 + 3 * COOKIE_GENERATION)).toBe("in-progress");
    cache.finish("a", bytes("done"));
    expect(replies).toEqual(["done"]);
    expect(show(cache.begin("a", T0 + 3 * COOKIE_GENERATION))).toBe("done");
  });

  test("an abandoned request may be made again", () => {
    const cache = new CookieCache();
    const replies: unknown[] = [];
    cache.begin("a", T0);
    cache.wait("a", (reply) => replies.push(reply));
    cache.abandon("a");
    expect(replies).toEqual([undefined]);
    expect(cache.begin("a", T0)).toBe("new");
  });

  test("waiters have a limit", () => {
    const cache = new CookieCache();
    cache.begin("a", T0);
    let waiting = 0;
    while (waiting < 1_000 && cache.wait("a", () => {})) waiting++;
    expect(waiting).toBe(64);
  });

  test("a full generation is closed early, so that memory is bounded and recent replies stay", () => {
    const cache = new CookieCache({ entries: 10, bytes: 1_000_000 });
    for (let i = 0; i < 1_000; i++) {
      expect(cache.begin(`c${i}`, T0)).toBe("new");
      cache.finish(`c${i}`, bytes(`r${i}`));
      expect(cache.size).toBeLessThanOrEqual(20);
    }
    for (let i = 990; i < 1_000; i++) expect(show(cache.begin(`c${i}`, T0))).toBe(`r${i}`);
    expect(cache.begin("c900", T0)).toBe("new");
  });

  test("the limit of bytes closes a generation too", () => {
    const cache = new CookieCache({ entries: 1_000, bytes: 10_000 });
    for (let i = 0; i < 100; i++) {
      cache.begin(`c${i}`, T0);
      cache.finish(`c${i}`, new Uint8Array(1_000).fill(i));
      expect(cache.size).toBeLessThanOrEqual(22);
    }
    expect((cache.begin("c99", T0) as Uint8Array)[999]).toBe(99);
  });

  test("replies of all sizes come back as they were, over many chunks", () => {
    const cache = new CookieCache();
    const sizes = [0, 1, 700_000, 400_000, 1_048_576, 3_000_000, 5, 1_048_575, 2, 2_000_000, 600_000];
    sizes.forEach((size, i) => {
      cache.begin(`c${i}`, T0);
      cache.finish(`c${i}`, new Uint8Array(size).fill(i + 1));
    });
    sizes.forEach((size, i) => {
      const reply = cache.begin(`c${i}`, T0) as Uint8Array;
      expect(reply.length).toBe(size);
      expect(reply.every((byte) => byte === i + 1)).toBe(true);
    });
  });
});
