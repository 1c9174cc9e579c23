import { describe, expect, test } from "bun:test";
import { EventFd } from "../../../ffi/event-fd.ts";
import { encodeSockaddr } from "../../../ffi/sockaddr.ts";
import { COMMAND_RING_RECORDS, HAND_UP_RING_BYTES } from "../../../src/limits.ts";
import { RECORD } from "../../../src/relay/command.ts";
import { COMMAND_RING_BYTES, CommandReader, CommandWriter } from "../../../src/relay/command-ring.ts";
import { type HandUpEntry, HandUpReader, HandUpWriter } from "../../../src/relay/hand-up-ring.ts";
import { CONTROL, SLOT, SLOT_WORDS } from "../../../src/relay/layout.ts";
import { REPORT } from "../../../src/relay/reports.ts";

describe("commands", () => {
  test("arrive in order, whole, and only once published; a full ring says so", () => {
    const control = new Int32Array(CONTROL.words);
    // Positions run over at 2^32 during this test.
    control[CONTROL.commandHead] = control[CONTROL.commandTail] = 0x7fff_fc00;
    const ring = new Int32Array(COMMAND_RING_BYTES / 4);
    const writer = new CommandWriter(control, ring);
    const reader = new CommandReader(control, ring);
    const record = new Int32Array(RECORD.words);
    let written = 0;
    let read = 0;
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < COMMAND_RING_RECORDS; i++) {
        record.fill(++written);
        expect(writer.add(record)).toBe(true);
      }
      expect(writer.add(record)).toBe(false);
      expect(reader.next()).toBeUndefined();
      writer.publish();
      expect(writer.readerSleeps()).toBe(false);
      for (let got = reader.next(); got; got = reader.next()) {
        read++;
        expect(got[0]).toBe(read);
        expect(got[RECORD.words - 1]).toBe(read);
      }
    }
    expect(read).toBe(3 * COMMAND_RING_RECORDS);
    control[CONTROL.sleeping] = 1;
    writer.publish();
    expect(writer.readerSleeps()).toBe(true);
  });
});

describe("the way up", () => {
  function ring() {
    const control = new Int32Array(CONTROL.words);
    control[CONTROL.handUpHead] = control[CONTROL.handUpTail] = 0x7ff0_0000;
    const memory = new ArrayBuffer(HAND_UP_RING_BYTES);
    const table = new Int32Array(SLOT_WORDS * 4);
    table[2 * SLOT_WORDS + SLOT.incarnation] = 77;
    const main = new EventFd();
    const writer = new HandUpWriter(control, memory, table, main);
    return { control, writer, reader: new HandUpReader(control, memory), main };
  }
  const source = new Int32Array(8);
  encodeSockaddr(new Uint8Array(source.buffer), 0, { address: "2001:db8::5", port: 5_555 });

  test("packets of all sizes come out as they went in, round and round the ring", () => {
    const { writer, reader, main } = ring();
    const data = new Uint8Array(9_216);
    let next = 0;
    let expected = 0;
    for (let round = 0; round < 2_000; round++) {
      const size = (round * 337) % 9_216;
      data.fill(next & 255);
      if (writer.packet(2, data, 0, size, source, 0)) next++;
      if (round % 7 < 5) continue;
      reader.drain(Number.POSITIVE_INFINITY, (entry: HandUpEntry) => {
        expect(entry).toMatchObject({ kind: REPORT.packet, slot: 2, incarnation: 77 });
        expect(entry.first).toEqual({ address: "2001:db8::5", port: 5_555 });
        expect(entry.data.every((byte) => byte === (expected & 255))).toBe(true);
        expected++;
      });
    }
    expect(next).toBe(2_000);
    expect(expected).toBeGreaterThan(1_990);
    main.close();
  });

  test("a full ring refuses packets, counts events, and works on after it was read", () => {
    const { control, writer, reader, main } = ring();
    const data = new Uint8Array(1_400);
    let taken = 0;
    while (writer.packet(2, data, 0, 1_400, source, 0)) taken++;
    expect(taken).toBeGreaterThan(600);
    for (let i = 0; i < 20; i++) writer.event(REPORT.sendError, 2, 105, undefined, 0, undefined, 0);
    expect(control[CONTROL.lostEvents]).toBeGreaterThan(0);
    expect(reader.drain(10, () => {})).toBe(true);
    expect(writer.packet(2, data, 0, 1_400, source, 0)).toBe(true);
    let rest = 0;
    while (reader.drain(256, () => rest++)) {}
    expect(rest).toBe(taken - 10 + 1 + (20 - control[CONTROL.lostEvents]!));
    main.close();
  });

  test("the main thread is signalled once per look", () => {
    const { control, writer, reader, main } = ring();
    for (let i = 0; i < 5; i++) writer.event(REPORT.confirmed, 2, 0, source, 0, undefined, 0);
    expect(control[CONTROL.handUpSignalled]).toBe(1);
    const seen: HandUpEntry[] = [];
    reader.drain(100, (entry) => seen.push(entry));
    expect(seen.length).toBe(5);
    expect(seen[0]).toMatchObject({ kind: REPORT.confirmed, second: undefined });
    main.close();
  });
});
