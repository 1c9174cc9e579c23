/** The MID of bundled sections in RTP packets. */
import { describe, expect, test } from "bun:test";
import { addMid, MAX_MID, MID_ROOM } from "../../../src/media/mid-extension.ts";
import { emitRtp, parseRtp } from "../../../src/media/rtp.ts";
import { seededRandom } from "../relay/seeded-random.ts";

const MID = Uint8Array.of(0x61, 0x31); // "a1"
const HEADER = { marker: true, payloadType: 8, sequence: 7, timestamp: 9, ssrc: 11, csrcs: [], extension: undefined };

/** The packet with its MID, undefined where nothing was written. */
function tagged(packet: Uint8Array, id = 3, mid: Uint8Array = MID): Uint8Array | undefined {
  const bytes = new Uint8Array(packet.length * 2 + MID_ROOM).fill(0xee);
  bytes.set(packet);
  const length = addMid(bytes, 0, packet.length, id, mid, packet.length);
  expect(Buffer.compare(bytes.subarray(0, packet.length), packet)).toBe(0);
  if (length < 0) return undefined;
  expect(length).toBeLessThanOrEqual(packet.length + MID_ROOM);
  return bytes.slice(packet.length, packet.length + length);
}

describe("a packet without extensions", () => {
  test("gets a block of the one-byte form; all else stays", () => {
    const packet = emitRtp({ ...HEADER, csrcs: [1, 2], payload: Uint8Array.of(1, 2, 3) });
    const out = tagged(packet)!;
    expect([...out.subarray(20, 28)]).toEqual([0xbe, 0xde, 0, 1, 0x31, 0x61, 0x31, 0]);
    expect(parseRtp(out)).toEqual({
      ...HEADER,
      csrcs: [1, 2],
      extension: { profile: 0xbede, data: Uint8Array.of(0x31, 0x61, 0x31, 0) },
      payload: Uint8Array.of(1, 2, 3),
    });
  });

  test("padding at its end stays padding", () => {
    const packet = emitRtp({ ...HEADER, payload: Uint8Array.of(1, 2, 0, 2) });
    packet[0] = packet[0]! | 0x20;
    expect(parseRtp(tagged(packet)!)?.payload).toEqual(Uint8Array.of(1, 2));
  });

  test("shorter than its own CSRC list: nothing is written", () => {
    expect(tagged(Uint8Array.of(0x8f, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))).toBeUndefined();
  });
});

describe("a packet with extensions", () => {
  const withData = (profile: number, ...data: number[]) =>
    emitRtp({ ...HEADER, extension: { profile, data: Uint8Array.from(data) }, payload: Uint8Array.of(9) });

  test("one-byte form: the element is appended", () => {
    const out = parseRtp(tagged(withData(0xbede, 0x10, 0x55, 0, 0))!)!;
    expect([...out.extension!.data]).toEqual([0x10, 0x55, 0, 0, 0x31, 0x61, 0x31, 0]);
    expect(out.payload).toEqual(Uint8Array.of(9));
  });

  test("two-byte form: in that form", () => {
    const out = parseRtp(tagged(withData(0x1000, 1, 2, 0x55, 0x66))!)!;
    expect([...out.extension!.data]).toEqual([1, 2, 0x55, 0x66, 3, 2, 0x61, 0x31]);
  });

  test.each([
    ["has the id already, one-byte form", withData(0xbede, 0x30, 0x55, 0, 0)],
    ["has the id already, two-byte form", withData(0x1000, 0, 3, 1, 0x55)],
    ["has an element after which nothing counts", withData(0xbede, 0xf0, 0, 0, 0)],
    ["has an element longer than the block", withData(0xbede, 0x1f, 1, 2, 3)],
    ["has extensions of another kind", withData(0x4321, 1, 2, 3, 4)],
  ])("that %s stays as it is", (_, packet) => {
    expect(tagged(packet)).toBeUndefined();
  });

  test("a block longer than the packet: nothing is written", () => {
    const packet = withData(0xbede, 0x10, 0x55, 0, 0);
    expect(tagged(packet.subarray(0, 18))).toBeUndefined();
  });
});

test("whatever comes in: the payload is the same, the element is there once (seed 20260801)", () => {
  const source = seededRandom(20_260_801);
  const random = {
    below: (limit: number) => {
      const [high, low] = source.bytes(2) as unknown as [number, number];
      return ((high << 8) | low) % limit;
    },
  };
  for (let i = 0; i < 20_000; i++) {
    const size = 12 + random.below(60);
    const packet = Uint8Array.from({ length: size }, () => random.below(256));
    packet[0] = 0x80 | (packet[0]! & 0x1f);
    if (random.below(2) === 0) packet.set([0xbe, 0xde, 0, random.below(4)], Math.min(size - 4, 12));
    const mid = Uint8Array.from({ length: 1 + random.below(MAX_MID) }, () => random.below(256));
    const before = parseRtp(packet);
    const out = tagged(packet, 1 + random.below(14), mid);
    if (!out) continue;
    const after = parseRtp(out);
    expect(after?.payload).toEqual(before!.payload);
    expect(after?.sequence).toBe(before!.sequence);
    expect(Buffer.from(after!.extension!.data).includes(Buffer.from(mid))).toBe(true);
  }
});
