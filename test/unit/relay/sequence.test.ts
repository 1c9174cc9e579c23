import { describe, expect, test } from "bun:test";
import { rtp } from "../../contract/packets.ts";
import { Wire } from "./forwarding.ts";

function hear(...sequences: number[]): Wire {
  const wire = new Wire();
  wire.apply(0);
  for (const sequence of sequences) wire.receive(0, rtp({ sequence }));
  return wire;
}

const counts = (wire: Wire) => ({
  highest: wire.word(0, "highestSequence"),
  lost: wire.word(0, "lost"),
  duplicates: wire.word(0, "duplicates"),
  reordered: wire.word(0, "reordered"),
});

describe("sequence numbers", () => {
  test.each([
    ["in order", [10, 11, 12], { highest: 12, lost: 0, duplicates: 0, reordered: 0 }],
    ["a gap", [10, 14], { highest: 14, lost: 3, duplicates: 0, reordered: 0 }],
    ["a gap that closes late", [10, 13, 11, 12], { highest: 13, lost: 0, duplicates: 0, reordered: 2 }],
    ["the same again", [10, 10, 11, 10], { highest: 11, lost: 0, duplicates: 2, reordered: 0 }],
    ["late and twice", [10, 12, 11, 11], { highest: 12, lost: 0, duplicates: 1, reordered: 1 }],
    ["wrap", [65_535, 0, 1], { highest: 65_537, lost: 0, duplicates: 0, reordered: 0 }],
    ["late over the wrap", [65_534, 1, 65_535, 0], { highest: 65_537, lost: 0, duplicates: 0, reordered: 2 }],
    ["duplicate 40 back", [...Array(50).keys(), 9], { highest: 49, lost: 0, duplicates: 1, reordered: 0 }],
    ["a gap of 40, closed in part", [10, 50, 20, 20], { highest: 50, lost: 38, duplicates: 1, reordered: 1 }],
    ["one stray number", [10, 30_000, 11, 12], { highest: 12, lost: 0, duplicates: 0, reordered: 0 }],
    ["a restart", [10, 30_000, 30_001, 30_002], { highest: 30_002, lost: 0, duplicates: 0, reordered: 0 }],
    ["a restart far back", [30_000, 10, 11, 12], { highest: 12, lost: 0, duplicates: 0, reordered: 0 }],
  ] as const)("%s", (_name, sequences, expected) => {
    expect(counts(hear(...sequences))).toEqual(expected);
  });

  test("a new SSRC counts on from its own first packet", () => {
    const wire = hear(10, 12);
    wire.receive(0, rtp({ sequence: 50_000, ssrc: 7 }));
    wire.receive(0, rtp({ sequence: 50_001, ssrc: 7 }));
    expect(counts(wire)).toEqual({ highest: 50_001, lost: 1, duplicates: 0, reordered: 0 });
    expect(wire.word(0, "ssrc")).toBe(7);
  });

  test("against a plain model, on random loss, duplication and reordering within the window", () => {
    const seed = Date.now() % 1e9;
    console.log(`seed ${seed}`);
    let state = seed;
    const random = (below: number) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
      return Math.floor((state / 0x8000_0000) * below);
    };
    const stream: number[] = [];
    for (let i = 0; i < 5_000; i++) {
      if (random(10) === 0) continue;
      stream.push(60_000 + i);
      if (random(20) === 0) stream.push(60_000 + i);
    }
    for (let i = 0; i + 8 < stream.length; i++) {
      if (random(15) > 0) continue;
      const j = i + random(8);
      [stream[i], stream[j]] = [stream[j]!, stream[i]!];
    }
    const seen = new Set<number>();
    let duplicates = 0;
    for (const number of stream) {
      if (seen.has(number)) duplicates++;
      seen.add(number);
    }
    const wire = new Wire();
    wire.apply(0);
    for (const number of stream) wire.receive(0, rtp({ sequence: number }));
    const highest = Math.max(...stream);
    const got = counts(wire);
    expect(got.highest).toBe(highest);
    expect(got.duplicates).toBe(duplicates);
    // Before the first packet nothing can have been lost, so a late one from there is not taken off.
    const first = stream[0]!;
    const expected = highest - first + 1 - [...seen].filter((number) => number >= first).length;
    expect(Math.abs(got.lost - expected)).toBeLessThanOrEqual(8);
  });
});

describe("jitter (RFC 3550, section 6.4.1)", () => {
  test("even arrival is none; one packet 16 ms late is 8 units after a sixteenth of it", () => {
    const wire = new Wire();
    wire.apply(0);
    const start = wire.now;
    const hearAt = (sequence: number, late: number) =>
      wire.receive(0, rtp({ sequence }), { address: "192.0.2.1", port: 5_000 }, start + sequence * 20 + late);
    for (let i = 0; i < 10; i++) hearAt(i, 0);
    expect(wire.double(0, "jitter")).toBe(0);
    hearAt(10, 16);
    expect(wire.double(0, "jitter")).toBeCloseTo(8, 5);
    hearAt(11, 16);
    expect(wire.double(0, "jitter")).toBeCloseTo(7.5, 5);
  });

  test("the clock is the payload type's: opus at 48 kHz", () => {
    const wire = new Wire();
    wire.apply(0, { payloadTypes: [111], clockRates: new Map([[111, 48_000]]) });
    const start = wire.now;
    for (let i = 0; i < 50; i++) {
      const packet = rtp({ sequence: i, payloadType: 111, timestamp: i * 960 });
      wire.receive(0, packet, { address: "192.0.2.1", port: 5_000 }, start + i * 20);
    }
    expect(wire.double(0, "jitter")).toBe(0);
    expect(wire.double(0, "clock")).toBe(48);
  });

  test("timestamps may wrap; packets of one video frame share one", () => {
    const wire = new Wire();
    wire.apply(0);
    const start = wire.now;
    for (let i = 0; i < 30; i++) {
      for (let part = 0; part < 3; part++) {
        const packet = rtp({ sequence: i * 3 + part, timestamp: 0xffff_ff00 + i * 160 });
        wire.receive(0, packet, { address: "192.0.2.1", port: 5_000 }, start + i * 20 + part);
      }
    }
    expect(wire.double(0, "jitter")).toBe(0);
  });
});
