import { describe, expect, test } from "bun:test";
import { FULL_BATCH, Gathering } from "../../../src/relay/gathering.ts";

/** Runs a steady rate through; returns the waits of the last tenth of a second. */
function waits(limit: number, packetsPerSecond: number, batch: number): number[] {
  const gathering = new Gathering(limit);
  const out: number[] = [];
  const step = (batch / packetsPerSecond) * 1_000;
  for (let now = 1_000; now < 2_000; now += step) {
    const wait = gathering.next(batch, now);
    if (now > 1_900) out.push(wait);
  }
  return out;
}

describe("adaptive gathering", () => {
  test("idle or few packets: no wait", () => {
    expect(Math.max(...waits(250, 100, 1))).toBe(0);
    expect(Math.max(...waits(250, 3_000, 1))).toBe(0);
  });

  test("where it brings packets: the whole time allowed", () => {
    expect(new Set(waits(250, 25_000, 8))).toEqual(new Set([250]));
    expect(new Set(waits(400, 25_000, 8))).toEqual(new Set([400]));
  });

  test("near saturation it shrinks, after full batches there is none", () => {
    expect(Math.max(...waits(250, 400_000, 40))).toBeLessThanOrEqual(110);
    expect(Math.max(...waits(250, 400_000, FULL_BATCH))).toBe(0);
  });

  test("switched off it never waits", () => {
    expect(Math.max(...waits(0, 100_000, 20))).toBe(0);
  });

  test("after a silence the old rate is forgotten at once", () => {
    const gathering = new Gathering(250);
    for (let now = 0; now < 500; now++) gathering.next(20, now);
    expect(gathering.next(1, 10_000)).toBe(0);
  });
});
