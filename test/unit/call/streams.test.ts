/** What the planes are told. */
import { describe, expect, test } from "bun:test";
import { MAX_SINKS } from "../../../src/limits.ts";
import { ALICE, BOB, Scene } from "./scene.ts";

function established(offer = {}, answer = {}): Scene {
  const scene = new Scene();
  scene.offer(ALICE, offer);
  scene.answer(BOB, answer);
  return scene;
}

describe("early media", () => {
  test("the callee's packets reach the caller before the answer, but teach nothing", () => {
    const scene = new Scene();
    scene.offer(ALICE);
    const callee = scene.spec(30000);
    expect(callee).toMatchObject({ remote: undefined, mayLearn: false, blackhole: false, generation: 1 });
    expect(scene.portsOf(callee.rtpSinks)).toEqual([30002]);
    expect(scene.spec(30002)).toMatchObject({ remote: { address: "192.0.2.10", port: 4000 }, mayLearn: false });
  });

  test("after the answer both sides may be learned", () => {
    const scene = established();
    for (const port of [30000, 30001, 30002, 30003]) expect(scene.spec(port).mayLearn).toBe(true);
  });
});

test("every signalling message raises the generation of all sockets", () => {
  const scene = established();
  for (const port of [30000, 30001, 30002, 30003]) expect(scene.spec(port).generation).toBe(2);
  scene.offer(ALICE, { toTag: "B" });
  for (const port of [30000, 30001, 30002, 30003]) expect(scene.spec(port).generation).toBe(3);
});

test("the log prefix names call, party, section and port", () => {
  const scene = new Scene();
  scene.offer(ALICE);
  expect(scene.spec(30002).label).toBe("call/A/1 port 30002");
  expect(scene.spec(30001).label).toBe("call/<untagged 2>/1 port 30001");
  scene.answer(BOB);
  expect(scene.spec(30000).label).toBe("call/B/1 port 30000");
});

test("RTP goes to RTP, RTCP to RTCP", () => {
  const scene = established();
  expect(scene.portsOf(scene.spec(30002).rtpSinks)).toEqual([30000]);
  expect(scene.portsOf(scene.spec(30002).rtcpSinks)).toEqual([30001]);
  expect(scene.spec(30003).rtpSinks).toEqual([]);
  expect(scene.portsOf(scene.spec(30003).rtcpSinks)).toEqual([30001]);
});

test("flags of a message count for the party that sent it", () => {
  const flags = new Set(["asymmetric", "strict-source", "media-handover", "nat-wait"]);
  const on = { asymmetric: true, strictSource: true, mediaHandover: true, natWait: true };
  const off = { asymmetric: false, strictSource: false, mediaHandover: false, natWait: false };
  const offer = established({ flags });
  expect(offer.spec(30002)).toMatchObject(on);
  expect(offer.spec(30000)).toMatchObject(off);
  const answer = established({}, { flags, learning: "immediate" });
  expect(answer.spec(30002)).toMatchObject({ ...off, learning: "heuristic" });
  expect(answer.spec(30000)).toMatchObject({ ...on, learning: "immediate" });
});

test("payload types are what either side listed, with their clock rates", () => {
  const scene = new Scene();
  scene.offer(`${ALICE.replace("8 0", "8 0 96").trim()}\n a=rtpmap:96 opus/48000/2`);
  scene.answer(BOB.replace("AVP 8", "AVP 8 0"));
  expect([...scene.spec(30002).payloadTypes].sort()).toEqual([0, 8, 96]);
  expect(scene.spec(30002).clockRates.get(96)).toBe(48_000);
  expect([...scene.spec(30000).payloadTypes].sort()).toEqual([0, 8, 96]);
  expect(scene.spec(30001).payloadTypes).toEqual([]);
});

describe("RTCP feedback", () => {
  test("is kept from a party without feedback profile", () => {
    const scene = new Scene();
    scene.offer(ALICE.replace("RTP/AVP", "RTP/AVPF"), { transport: "RTP/AVP" });
    scene.answer(BOB);
    expect(scene.spec(30002).stripFeedback).toBe(false);
    expect(scene.spec(30000).stripFeedback).toBe(true);
  });

  test("unless it has rtcp-fb lines all the same", () => {
    const scene = new Scene();
    scene.offer(ALICE);
    scene.answer(`${BOB.trim()}\n a=rtcp-fb:8 nack`);
    expect(scene.spec(30000).stripFeedback).toBe(false);
    scene.answer(`${BOB.trim()}\n a=rtcp-fb:* nack`);
    expect(scene.spec(30000).stripFeedback).toBe(false);
  });
});

test("drop-traffic starts and stops for the whole call", () => {
  const scene = established({ dropTraffic: "start" });
  for (const port of [30000, 30001, 30002, 30003]) expect(scene.spec(port).drop).toBe(true);
  scene.offer(ALICE, { toTag: "B", dropTraffic: "stop" });
  for (const port of [30000, 30001, 30002, 30003]) expect(scene.spec(port).drop).toBe(false);
});

test("media-echo blackhole discards the media of both", () => {
  const scene = established({ mediaEcho: "blackhole" });
  expect(scene.spec(30000).blackhole).toBe(true);
  expect(scene.spec(30002).blackhole).toBe(true);
});

test("a socket has at most so many receivers, however wide the fork", () => {
  const scene = new Scene();
  for (let i = 0; i < MAX_SINKS + 4; i++) scene.offer(ALICE, { viaBranch: `b${i}` });
  expect(scene.spec(30002).rtpSinks.length).toBe(MAX_SINKS);
});

test("specs name open sockets only, also after ports were closed", () => {
  const scene = established();
  for (let i = 0; i < 10; i++) scene.offer(ALICE.replace("4000", String(5000 + i * 2)), { toTag: "B" });
  for (const spec of scene.specs.values()) {
    for (const sink of [...spec.rtpSinks, ...spec.rtcpSinks]) expect(scene.ports.open.has(sink)).toBe(true);
  }
});

describe("plane events become log lines", () => {
  test.each([
    [
      { kind: "confirmed", endpoint: { address: "192.0.2.10", port: 4000 } },
      "Confirmed peer address as 192.0.2.10:4000",
    ],
    [
      { kind: "endpoint-changed", endpoint: { address: "2001:db8::1", port: 4000 } },
      "Peer address changed to [2001:db8::1]:4000",
    ],
    [
      {
        kind: "strict-source",
        source: { address: "192.0.2.66", port: 1 },
        expected: { address: "192.0.2.10", port: 4000 },
      },
      "Drop due to strict-source attribute; got 192.0.2.66:1 -> 198.51.100.7:30002, expected 192.0.2.10:4000 -> 198.51.100.7:30002",
    ],
    [
      { kind: "unknown-payload-type", payloadType: 77, source: { address: "192.0.2.10", port: 4000 } },
      "RTP packet with unknown payload type 77 received from 192.0.2.10:4000",
    ],
  ] as const)("%p", (event, message) => {
    const scene = established();
    const { socket } = scene.spec(30002);
    const { effects } = scene.happen({ kind: "plane", event: { ...event, socket } });
    expect(effects).toEqual([expect.objectContaining({ kind: "log", context: "call/A/1 port 30002", message })]);
  });

  test("of a socket that is gone are ignored", () => {
    const endpoint = { address: "192.0.2.10", port: 4000 };
    const { effects } = new Scene().happen({ kind: "plane", event: { kind: "confirmed", socket: 77, endpoint } });
    expect(effects).toEqual([]);
  });
});
