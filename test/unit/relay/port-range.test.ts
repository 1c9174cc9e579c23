import { describe, expect, test } from "bun:test";
import { PortRange } from "../../../src/relay/port-range.ts";
import { seededRandom } from "./seeded-random.ts";

const range = (min: number, max: number, excluded: number[] = [], seed = 1) =>
  new PortRange(min, max, new Set(excluded), seededRandom(seed));

function takeAllPairs(ports: PortRange): number[] {
  const out: number[] = [];
  for (let port = ports.takePair(); port !== undefined; port = ports.takePair()) out.push(port);
  return out;
}

describe("free ports of one address", () => {
  test("every pair is even and given once, in an order that depends on the random source", () => {
    const one = takeAllPairs(range(30_000, 30_199));
    expect([...one].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => 30_000 + 2 * i));
    expect(takeAllPairs(range(30_000, 30_199))).toEqual(one);
    expect(takeAllPairs(range(30_000, 30_199, [], 2))).not.toEqual(one);
  });

  test("a range that starts odd or ends even has no pair at its edges, but single ports", () => {
    const ports = range(30_001, 30_004);
    expect(ports.total).toBe(4);
    expect(takeAllPairs(ports)).toEqual([30_002]);
    expect([ports.take(), ports.take(), ports.take()].sort()).toEqual([30_001, 30_004, undefined]);
  });

  test("excluded ports are never given, nor pairs with them", () => {
    const ports = range(30_000, 30_007, [30_001, 30_004]);
    expect(ports.total).toBe(6);
    expect(takeAllPairs(ports).sort()).toEqual([30_002, 30_006]);
    const rest = [ports.take(), ports.take(), ports.take()];
    expect(rest.sort()).toEqual([30_000, 30_005, undefined]);
  });

  test("a released port waits until all others had their turn", () => {
    const ports = range(30_000, 30_199);
    const first = ports.takePair()!;
    ports.release(first + 1);
    ports.release(first);
    const order = takeAllPairs(ports);
    expect(order.length).toBe(100);
    expect(order.at(-1)).toBe(first);
  });

  test("single ports take halves of broken pairs first once these have rested, and leave whole pairs to others", () => {
    const ports = range(30_000, 30_999);
    const singles = Array.from({ length: 300 }, () => ports.take()!);
    expect(new Set(singles).size).toBe(300);
    expect(ports.pairs).toBeGreaterThanOrEqual(500 - 150 - 64);
  });

  test("random acquire and release loses no port and gives none twice", () => {
    const seed = Date.now() % 1e9;
    console.log(`seed ${seed}`);
    const random = seededRandom(seed);
    const ports = range(30_001, 30_090, [30_010, 30_033], seed);
    const held = new Map<number, number>();
    const taken = new Set<number>();
    for (let step = 0; step < 20_000; step++) {
      const [what, which] = random.bytes(2) as unknown as [number, number];
      if (what < 100 && held.size > 0) {
        const port = [...held.keys()][which % held.size]!;
        for (let i = 0; i < held.get(port)!; i++) {
          ports.release(port + i);
          taken.delete(port + i);
        }
        held.delete(port);
      } else {
        const count = what & 1 ? 1 : 2;
        const port = count === 2 ? ports.takePair() : ports.take();
        if (port === undefined) {
          expect(count === 2 ? ports.pairs : ports.free).toBe(0);
          continue;
        }
        for (let i = 0; i < count; i++) {
          expect(taken.has(port + i)).toBe(false);
          taken.add(port + i);
        }
        expect([30_010, 30_033]).not.toContain(port);
        if (count === 2) expect(port % 2).toBe(0);
        held.set(port, count);
      }
      expect(ports.free).toBe(ports.total - taken.size);
    }
    for (const [port, count] of held) for (let i = 0; i < count; i++) ports.release(port + i);
    expect(ports.free).toBe(88);
    expect(takeAllPairs(ports).length).toBe(42);
  });

  test("a port released twice, or never taken, changes nothing", () => {
    const ports = range(30_000, 30_003);
    ports.release(30_000);
    ports.release(29_999);
    ports.release(40_000);
    expect(ports.free).toBe(4);
    expect(takeAllPairs(ports).length).toBe(2);
  });
});
