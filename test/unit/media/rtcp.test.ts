import { describe, expect, test } from "bun:test";
import { looksLikeDtls, looksLikeStun } from "../../../src/media/demux.ts";
import { hasFeedback, isRtcp, isWholeCompound, parseRtcp, stripFeedback } from "../../../src/media/rtcp.ts";

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));

const RECEIVER_REPORT = "80c90001 11223344";
const DESCRIPTION = "81ca0003 11223344 0103616263 000000";
const NACK = "81cd0003 11223344 55667788 00010000";
const PICTURE_LOSS = "81ce0002 11223344 55667788";

describe("RTCP", () => {
  test.each([
    ["80c2 0001 11223344", true],
    ["80c8 0006 11223344", true],
    ["81df 0001 11223344", true],
    ["80c1 0001 11223344", false],
    ["80e0 0001 11223344", false],
    ["8048 0001 00000000 11223344", false],
    ["00c8 0006 11223344", false],
    ["80c8 00", false],
  ])("%s is RTCP: %p", (hex, expected) => {
    const packet = bytes(hex);
    expect(isRtcp(packet, 0, packet.length)).toBe(expected);
  });

  test("a compound is walked part by part", () => {
    const packet = bytes(RECEIVER_REPORT + DESCRIPTION + PICTURE_LOSS);
    expect(parseRtcp(packet)!.map(({ type, count, bytes: part }) => [type, count, part.length])).toEqual([
      [201, 0, 8],
      [202, 1, 16],
      [206, 1, 12],
    ]);
    expect(parseRtcp(packet.subarray(0, packet.length - 1))).toBeUndefined();
    expect(parseRtcp(bytes("80c9ffff 11223344"))).toBeUndefined();
    expect(parseRtcp(bytes(`${RECEIVER_REPORT}00c90001 11223344`))).toBeUndefined();
    expect(parseRtcp(new Uint8Array(0))).toBeUndefined();
  });

  test.each([
    [RECEIVER_REPORT + NACK + DESCRIPTION + PICTURE_LOSS, RECEIVER_REPORT + DESCRIPTION],
    [NACK + PICTURE_LOSS + RECEIVER_REPORT, RECEIVER_REPORT],
    [RECEIVER_REPORT + DESCRIPTION, RECEIVER_REPORT + DESCRIPTION],
    [PICTURE_LOSS, ""],
  ])("feedback is taken out in place: %s", (before, after) => {
    const packet = bytes(`ffff${before}ee`);
    const length = packet.length - 3;
    expect(isWholeCompound(packet, 2, length)).toBe(true);
    expect(hasFeedback(packet, 2, length)).toBe(before.replaceAll(" ", "") !== after.replaceAll(" ", ""));
    const left = stripFeedback(packet, 2, length);
    expect(packet.slice(2, 2 + left)).toEqual(bytes(after));
    expect([packet[0], packet[1], packet.at(-1)]).toEqual([0xff, 0xff, 0xee]);
  });

  test("random bytes never lead the walk out of the packet", () => {
    const seed = Date.now() % 1e9;
    console.log(`seed ${seed}`);
    let state = seed;
    const random = (below: number) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
      return Math.floor((state / 0x8000_0000) * below);
    };
    for (let i = 0; i < 20_000; i++) {
      const packet = new Uint8Array(random(64));
      for (let j = 0; j < packet.length; j++) packet[j] = random(256);
      for (let at = 0; at + 4 <= packet.length; at += 4 + 4 * random(4))
        packet.set([0x80 | random(32), 192 + random(20), 0, random(6)], at);
      const parts = parseRtcp(packet);
      if (!parts) continue;
      expect(parts.reduce((sum, part) => sum + part.bytes.length, 0)).toBe(packet.length);
      const kept = parts.filter(({ type }) => type !== 205 && type !== 206);
      const expected = kept.flatMap((part) => [...part.bytes]);
      expect([...packet.slice(0, stripFeedback(packet, 0, packet.length))]).toEqual(expected);
    }
  });
});

describe("what shares the port", () => {
  test("STUN: zero bits, whole words, the cookie", () => {
    const request = "0001 0000 2112a442 0102030405060708090a0b0c";
    const is = (hex: string) => looksLikeStun(bytes(hex), 0, bytes(hex).length);
    expect(is(request)).toBe(true);
    expect(is(request.slice(0, -2))).toBe(false);
    expect(is(request.replace("0001", "4001"))).toBe(false);
    expect(is(request.replace("0000 2112", "0002 2112"))).toBe(false);
    expect(is(request.replace("a442", "a443"))).toBe(false);
  });

  test("DTLS: content types 20 to 63", () => {
    expect([19, 20, 22, 63, 64, 128].map((first) => looksLikeDtls(Uint8Array.of(first), 0, 1))).toEqual([
      false,
      true,
      true,
      true,
      false,
      false,
    ]);
    expect(looksLikeDtls(Uint8Array.of(20), 0, 0)).toBe(false);
  });
});
