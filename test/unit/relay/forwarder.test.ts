import { describe, expect, test } from "bun:test";
import { parseRtp } from "../../../src/media/rtp.ts";
import { REPORT } from "../../../src/relay/reports.ts";
import { BINDING_REQUEST, PICTURE_LOSS, RECEIVER_REPORT, rtp } from "../../contract/packets.ts";
import { Wire } from "./forwarding.ts";

const at = (address: string, port: number) => ({ address, port });
const ADVERTISED = at("192.0.2.1", 5_000);

function pair(over: Parameters<Wire["apply"]>[1] = {}): Wire {
  const wire = new Wire();
  wire.apply(0, { rtpSinks: [1], rtcpSinks: [1], ...over });
  wire.apply(1, { rtpSinks: [0], rtcpSinks: [0], remote: at("198.51.100.1", 6_000) });
  return wire;
}

describe("learning on the reference's clock", () => {
  test("2.999 s after signalling a source is provisional, at 3.000 s it is confirmed", () => {
    for (const learning of ["heuristic", "delayed"] as const) {
      const wire = pair({ learning });
      const start = wire.now;
      const nat = at("203.0.113.9", 40_000);
      wire.receive(0, rtp(), nat, start + 2_999);
      expect(wire.destination(0)).toEqual(nat);
      expect(wire.confirmed(0)).toBe(false);
      wire.receive(0, rtp(), nat, start + 3_000);
      expect(wire.confirmed(0)).toBe(true);
      expect(wire.events.filter(({ kind }) => kind === REPORT.confirmed)).toEqual([
        { kind: REPORT.confirmed, slot: 0, value: 0 },
      ]);
    }
  });

  test("a re-INVITE restarts the three seconds and takes the confirmation away", () => {
    const wire = pair();
    wire.receive(0, rtp());
    expect(wire.confirmed(0)).toBe(true);
    wire.now += 60_000;
    wire.apply(0, { rtpSinks: [1], generation: 2 });
    expect(wire.confirmed(0)).toBe(false);
    const nat = at("203.0.113.9", 40_000);
    wire.receive(0, rtp(), nat, wire.now + 2_000);
    expect(wire.confirmed(0)).toBe(false);
    expect(wire.destination(0)).toEqual(nat);
  });

  test("switching to asymmetric sends back to SDP's address, switching off to the learned one", () => {
    const wire = pair({ learning: "immediate" });
    const nat = at("203.0.113.9", 40_000);
    wire.receive(0, rtp(), nat);
    wire.apply(0, { learning: "immediate", asymmetric: true, generation: 2 });
    expect(wire.destination(0)).toEqual(ADVERTISED);
    wire.receive(0, rtp(), nat);
    wire.apply(0, { learning: "immediate", generation: 3 });
    expect(wire.destination(0)).toEqual(nat);
  });

  test("learning mode off drops what was learned", () => {
    const wire = pair({ learning: "immediate" });
    wire.receive(0, rtp(), at("203.0.113.9", 40_000));
    wire.apply(0, { learning: "off", generation: 2 });
    expect(wire.destination(0)).toEqual(ADVERTISED);
    expect(wire.confirmed(0)).toBe(true);
  });

  test("a party on hold has no destination and learns none; resumed it is as SDP says", () => {
    const wire = pair();
    wire.receive(0, rtp());
    wire.apply(0, { rtpSinks: [1], remote: undefined, generation: 2 });
    wire.receive(0, rtp(), at("203.0.113.9", 40_000));
    expect(wire.destination(0)).toBeUndefined();
    wire.receive(1, rtp(), at("198.51.100.1", 6_000));
    expect(wire.drops(1)).toEqual({ "no-destination": 1 });
    wire.apply(0, { rtpSinks: [1], generation: 3 });
    expect(wire.destination(0)).toEqual(ADVERTISED);
  });

  test("IPv6: ranks by address and port, flow label and scope do not count", () => {
    const wire = new Wire();
    wire.apply(0, { rtpSinks: [1], remote: at("2001:db8::1", 5_000) });
    wire.apply(1, { remote: at("2001:db8::2", 6_000) });
    wire.receive(0, rtp(), at("2001:db8::9", 5_001));
    wire.receive(0, rtp(), at("2001:db8::1", 5_001));
    wire.receive(0, rtp(), at("2001:db8::9", 5_000));
    expect(wire.destination(0)).toEqual(at("2001:db8::1", 5_001));
    wire.receive(0, rtp(), at("2001:db8::1", 5_000));
    expect(wire.confirmed(0)).toBe(true);
    expect(wire.sent.length).toBe(4);
  });

  test("an address of the other family in SDP is nowhere to send to", () => {
    const wire = new Wire();
    wire.apply(0, { rtpSinks: [1] });
    wire.apply(1, { remote: at("::", 6_000) });
    wire.receive(0, rtp());
    expect(wire.drops(0)).toEqual({ "no-destination": 1 });
  });
});

describe("accounting", () => {
  test("each sink that does not get a packet counts one drop", () => {
    const wire = new Wire();
    wire.apply(0, { rtpSinks: [1, 2, 3, 4], generation: 1 });
    wire.apply(1);
    wire.apply(2, { remote: undefined });
    wire.apply(3, { natWait: true });
    wire.apply(4, { incarnation: 999 });
    wire.receive(0, rtp());
    expect(wire.sent.map(({ slot }) => slot)).toEqual([1]);
    expect(wire.drops(0)).toEqual({ "no-destination": 1, "nat-wait": 1, "no-sink": 1 });
  });

  test("a failed send counts where it should have left from, and is reported once a second", () => {
    const wire = pair();
    wire.failing.set(1, 105);
    for (let i = 0; i < 5; i++) wire.receive(0, rtp({ sequence: i }));
    expect(wire.drops(1)).toEqual({ "send-failed": 5 });
    expect(wire.double(1, "errorsOut")).toBe(5);
    expect(wire.events.filter(({ kind }) => kind === REPORT.sendError)).toEqual([
      { kind: REPORT.sendError, slot: 1, value: 105 },
    ]);
    wire.receive(0, rtp(), ADVERTISED, wire.now + 1_000);
    expect(wire.events.filter(({ kind }) => kind === REPORT.sendError).length).toBe(2);
  });

  test("a send that fails after it was taken is taken back", () => {
    const wire = pair();
    wire.receive(0, rtp());
    wire.forwarder.sendFailed(1, 172, 1);
    expect(wire.double(1, "packetsOut")).toBe(0);
    expect(wire.double(1, "bytesOut")).toBe(0);
    expect(wire.drops(1)).toEqual({ "send-failed": 1 });
  });

  test("no room on the way up: counted, and the call is not kept alive by it", () => {
    const wire = pair({ handUp: { stun: true, dtls: false } });
    wire.roomForPackets = 1;
    wire.receive(0, BINDING_REQUEST);
    const first = wire.double(0, "lastPacketAt");
    wire.receive(0, BINDING_REQUEST, ADVERTISED, wire.now + 5_000);
    expect(wire.double(0, "handedUp")).toBe(1);
    expect(wire.drops(0)).toEqual({ "hand-up-full": 1 });
    expect(wire.double(0, "lastPacketAt")).toBe(first);
  });

  test("refused and malformed packets do not keep a call alive", () => {
    const wire = pair({ strictSource: true, learning: "off" });
    wire.receive(0, rtp(), at("203.0.113.9", 1));
    wire.receive(0, Uint8Array.of(1, 2, 3));
    expect(wire.double(0, "lastPacketAt")).toBe(0);
    expect(wire.drops(0)).toEqual({ "strict-source": 1, "invalid-rtp": 1 });
  });

  test("feedback is cut only after the unchanged packet left the buffer", () => {
    const wire = new Wire();
    wire.apply(0, { rtcpMux: true, rtcpSinks: [1, 2] });
    wire.apply(1, { stripFeedback: true });
    wire.apply(2);
    wire.receive(0, Uint8Array.from([...RECEIVER_REPORT, ...PICTURE_LOSS]));
    expect(wire.flushes).toBe(1);
    expect(wire.sent.map(({ slot, data }) => [slot, data.length])).toEqual([
      [2, 20],
      [1, 8],
    ]);
    wire.receive(0, RECEIVER_REPORT);
    expect(wire.flushes).toBe(1);
  });

  test("RTP on the RTCP port, and RTCP on the RTP port, still reach somebody", () => {
    const wire = new Wire();
    wire.apply(0, { rtpSinks: [2] });
    wire.apply(1, { component: "rtcp", rtcpSinks: [3] });
    wire.apply(2);
    wire.apply(3);
    wire.receive(0, RECEIVER_REPORT);
    wire.receive(1, rtp());
    expect(wire.sent.map(({ slot }) => slot)).toEqual([2, 3]);
  });

  test("with rtcp-mux each kind goes only where it was told", () => {
    const wire = new Wire();
    wire.apply(0, { rtcpMux: true, rtpSinks: [1] });
    wire.apply(1);
    wire.receive(0, RECEIVER_REPORT);
    expect(wire.sent).toEqual([]);
    expect(wire.drops(0)).toEqual({ "no-sink": 1 });
  });
});

describe("a slot's next life", () => {
  test("starts from nothing", () => {
    const wire = pair({ learning: "immediate" });
    wire.receive(0, rtp(), at("203.0.113.9", 40_000));
    wire.apply(0, { incarnation: 555, rtpSinks: [1] });
    expect(wire.double(0, "packetsIn")).toBe(0);
    expect(wire.double(0, "jitter")).toBe(0);
    expect(wire.destination(0)).toEqual(ADVERTISED);
    expect(wire.word(0, "payloadType")).toBe(-1);
    expect(wire.confirmed(0)).toBe(false);
    expect(wire.word(0, "version") % 2).toBe(0);
  });
});

describe("bundled sections", () => {
  const AUDIO = rtp({ payloadType: 0 });
  const VIDEO = rtp({ payloadType: 96 });

  test("each payload type goes to its own section, an unknown one to all", () => {
    const wire = new Wire();
    const routes = new Map([
      [0, [1]],
      [96, [2]],
      [97, []],
    ]);
    wire.apply(0, { rtpSinks: [1, 2], routes });
    wire.apply(1, {});
    wire.apply(2, {});
    const slots = (packet: Uint8Array) => {
      wire.sent.length = 0;
      wire.receive(0, packet);
      return wire.sent.map(({ slot }) => slot);
    };
    expect(slots(AUDIO)).toEqual([1]);
    expect(slots(VIDEO)).toEqual([2]);
    expect(slots(rtp({ payloadType: 13 }))).toEqual([1, 2]);
    expect(slots(rtp({ payloadType: 97 }))).toEqual([]);
    expect(wire.drops(0)).toEqual({ "no-sink": 1 });
  });

  test("towards a bundle a packet says which section it belongs to; towards others it is unchanged", () => {
    const wire = new Wire();
    wire.apply(0, { rtpSinks: [1, 2], mid: { id: 4, value: "v" } });
    wire.apply(1, { wantsMid: true });
    wire.apply(2, {});
    wire.receive(0, VIDEO);
    const [named, plain] = wire.sent;
    expect(plain?.data).toEqual(VIDEO);
    expect(parseRtp(named!.data)?.extension).toEqual({ profile: 0xbede, data: Uint8Array.of(0x40, 0x76, 0, 0) });
    expect(parseRtp(named!.data)?.payload).toEqual(parseRtp(VIDEO)!.payload);
    // Once it is not bundled any more.
    wire.sent.length = 0;
    wire.apply(0, { rtpSinks: [1, 2] });
    wire.receive(0, VIDEO);
    expect(wire.sent.map(({ data }) => data)).toEqual([VIDEO, VIDEO]);
  });
});
