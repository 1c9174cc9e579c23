import { describe, expect, test } from "bun:test";
import {
  emitRtp,
  isRtp,
  parseRtp,
  rtpPayloadType,
  rtpSequence,
  rtpSsrc,
  rtpTimestamp,
} from "../../../src/media/rtp.ts";

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));

/** PCMA, marker, two bytes of payload. */
const PLAIN = bytes("80 88 fffe 000000a0 deadbeef d5d5");
/** One CSRC, one-byte header extension with one word, three bytes of padding. */
const FULL = bytes("b1 60 0102 03040506 0708090a 0b0c0d0e bede 0001 10aa0000 11 22 00 00 03");

describe("RTP header", () => {
  test("fields are read in place, at any offset", () => {
    const packet = bytes(`ffff${Buffer.from(PLAIN).toString("hex")}`);
    expect(isRtp(packet, 2, PLAIN.length)).toBe(true);
    expect(rtpPayloadType(packet, 2)).toBe(8);
    expect(rtpSequence(packet, 2)).toBe(0xfffe);
    expect(rtpTimestamp(packet, 2)).toBe(160);
    expect(rtpSsrc(packet, 2) >>> 0).toBe(0xdeadbeef);
  });

  test("parsed and emitted again it is the same packet", () => {
    const header = parseRtp(PLAIN)!;
    expect(header).toMatchObject({ marker: true, payloadType: 8, sequence: 65_534, timestamp: 160, ssrc: 0xdeadbeef });
    expect(header.extension).toBeUndefined();
    expect(emitRtp(header)).toEqual(PLAIN);
    const full = parseRtp(FULL)!;
    expect(full.csrcs).toEqual([0x0b0c0d0e]);
    expect(full.extension).toEqual({ profile: 0xbede, data: bytes("10aa0000") });
    expect(full.payload).toEqual(bytes("1122"));
    expect(emitRtp(full)).toEqual(bytes("91 60 0102 03040506 0708090a 0b0c0d0e bede 0001 10aa0000 1122"));
  });

  test.each([
    ["", "nothing"],
    ["80 08 0001 00000000 000000", "eleven bytes"],
    ["40 08 0001 00000000 00000000", "version 1"],
    ["82 08 0001 00000000 00000000 00000000", "a CSRC short"],
    ["90 08 0001 00000000 00000000 bede", "half an extension header"],
    ["90 08 0001 00000000 00000000 bede 0002 00000000", "an extension word short"],
    ["a0 08 0001 00000000 00000000 00", "padding of none"],
    ["a0 08 0001 00000000 00000000 02", "more padding than payload"],
  ])("%s is refused: %s", (hex) => {
    expect(parseRtp(bytes(hex))).toBeUndefined();
  });
});
