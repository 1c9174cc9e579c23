/** Requests that are refused: the literal texts, and that they change nothing. */
import { describe, expect, test } from "bun:test";
import type { Directives } from "../../../src/call/directives.ts";
import { MAX_SECTIONS } from "../../../src/limits.ts";
import { ALICE, BOB, fingerprint, Scene, sdp } from "./scene.ts";

const OFFER = { command: "offer", callId: "call", fromTag: "A", sdp: sdp(ALICE) } as const;
const ANSWER = { command: "answer", callId: "call", fromTag: "A", toTag: "B", sdp: sdp(BOB) } as const;

const BAD: [string, Partial<Directives>, string][] = [
  ["offer without SDP", { ...OFFER, sdp: undefined }, "No SDP body in message"],
  ["offer with an empty SDP", { ...OFFER, sdp: "" }, "No SDP body in message"],
  ["offer without call-id", { ...OFFER, callId: undefined }, "No call-id in message"],
  ["offer without from-tag", { ...OFFER, fromTag: undefined }, "No from-tag in message"],
  ["answer without to-tag", { ...ANSWER, toTag: undefined }, "No to-tag in message"],
  ["answer for an unknown call", { ...ANSWER, callId: "other" }, "Unknown call-id"],
  ["offer that is no SDP", { ...OFFER, sdp: "hello" }, "Failed to parse SDP"],
  ["answer with an unknown line", { ...ANSWER, sdp: `${sdp(BOB)}y=1\r\n` }, "Failed to parse SDP"],
  [
    "offer without any address",
    { ...OFFER, sdp: sdp(ALICE.replace("c=IN IP4 192.0.2.10", "a=x")) },
    "Incomplete SDP specification",
  ],
  ["offer with payload type 128", { ...OFFER, sdp: sdp(ALICE.replace("8 0", "128")) }, "Incomplete SDP specification"],
  [
    "answer with a payload type that is no number",
    { ...ANSWER, sdp: sdp(BOB.replace("AVP 8", "AVP x")) },
    "Incomplete SDP specification",
  ],
  [
    "offer without sections",
    { ...OFFER, sdp: sdp(ALICE.replace("m=audio 4000 RTP/AVP 8 0", "")) },
    "Error rewriting SDP",
  ],
  ["offer to oneself", { ...OFFER, toTag: "A" }, "Invalid dialogue association"],
  ["query without call-id", { command: "query" }, "No call-id in message"],
  ["query of an unknown call", { command: "query", callId: "other" }, "Unknown call-id"],
  ["delete without call-id", { command: "delete" }, "No call-id in message"],
  ["list with a negative limit", { command: "list", limit: -1 }, "invalid limit, must be >= 0"],
  ["a command of a later version", { command: "mesh", callId: "call" }, "Unrecognized command"],
];

describe.each(BAD)("%s", (_name, given, reason) => {
  test("gets the literal text and leaves an existing call exactly as it was", () => {
    const scene = new Scene();
    scene.offer(ALICE);
    scene.answer(BOB);
    const before = fingerprint(scene);
    expect(scene.command(given)).toMatchObject({ ok: false, reason });
    expect(fingerprint(scene)).toBe(before);
    expect(scene.effects.every(({ kind }) => kind === "log")).toBe(true);
    expect(scene.ports.open.size).toBe(4);
  });

  test("leaves no call behind where there was none", () => {
    const scene = new Scene();
    scene.command(given);
    expect(scene.state.calls.size).toBe(0);
    expect(scene.ports.requests.length).toBe(0);
  });
});

test("a syntax error is logged with its offset, and told in the detail", () => {
  const scene = new Scene();
  const reply = scene.command({ ...OFFER, sdp: "v=0\r\ny=1\r\n" });
  expect(scene.logs()[0]).toMatch(/^Error parsing SDP at offset 5: /);
  expect(reply).toMatchObject({ detail: expect.stringContaining("offset 5") });
});

test("more sections than the limit", () => {
  const many = Array.from({ length: MAX_SECTIONS + 1 }, () => "m=audio 4000 RTP/AVP 8").join("\r\n");
  const reply = new Scene().command({ ...OFFER, sdp: `${sdp(ALICE)}${many}\r\n` });
  expect(reply.ok).toBe(false);
});

describe("load limits", () => {
  const ok = { ...OFFER, callId: "second" };

  test.each([
    ["sessions", { maxSessions: 1 }, {}, "Parallel session limit reached", "Parallel session limit reached (1)"],
    ["load", { maxLoad: 2 }, { loadAverage: 2.5 }, "Load limit exceeded", "Load limit exceeded (2.50 > 2.00)"],
    [
      "CPU",
      { maxCpu: 80 },
      { cpuPercent: 91.25 },
      "CPU usage limit exceeded",
      "CPU usage limit exceeded (91.3% > 80.0%)",
    ],
    [
      "bandwidth",
      { maxBandwidth: 1000 },
      { bytesPerSecond: 2000 },
      "Bandwidth limit exceeded",
      "Bandwidth limit exceeded (2000 > 1000)",
    ],
  ] as const)("%s", (_name, settings, load, reason, log) => {
    const scene = new Scene(settings);
    scene.offer(ALICE);
    scene.load = { ...scene.load, ...load };
    expect(scene.command(ok)).toEqual({ ok: false, reason, loadLimit: true });
    expect(scene.logs()).toEqual([log]);
    expect(scene.state.ended.rejected).toBe(reason.startsWith("Parallel") ? 1 : 0);
    // Calls that exist go on.
    scene.offer(ALICE);
    scene.answer(BOB);
  });

  test("the order is sessions, load, CPU, bandwidth", () => {
    const scene = new Scene({ maxSessions: 0, maxLoad: 1, maxCpu: 1, maxBandwidth: 1 });
    scene.load = { cpuPercent: 9, loadAverage: 9, bytesPerSecond: 9 };
    expect(scene.command(ok)).toMatchObject({ reason: "Parallel session limit reached" });
    scene.state.settings = { ...scene.state.settings, maxSessions: -1 };
    expect(scene.command(ok)).toMatchObject({ reason: "Load limit exceeded" });
    scene.state.settings = { ...scene.state.settings, maxLoad: 0 };
    expect(scene.command(ok)).toMatchObject({ reason: "CPU usage limit exceeded" });
    scene.state.settings = { ...scene.state.settings, maxCpu: 0 };
    expect(scene.command(ok)).toMatchObject({ reason: "Bandwidth limit exceeded" });
    scene.state.settings = { ...scene.state.settings, maxBandwidth: 0 };
    expect(scene.command(ok).ok).toBe(true);
  });
});

describe("loop-protect", () => {
  const flags = new Set(["loop-protect"]);

  test("marks the SDP and returns a marked one untouched", () => {
    const scene = new Scene();
    const out = scene.offer(ALICE, { flags });
    expect(out).toContain("t=0 0\r\na=rtpengine:0123456789ab\r\n");
    const other = scene.command({ ...OFFER, callId: "other", sdp: out, flags });
    expect(other).toEqual({ ok: true, body: { sdp: out } });
    expect(scene.logs()).toContain("Ignoring message as SDP has already been processed by us");
    expect(scene.state.calls.has("other")).toBe(false);
  });

  test("another instance's mark is none of ours", () => {
    const scene = new Scene();
    const marked = ALICE.replace("t=0 0", "t=0 0\na=rtpengine:ffffffffffff");
    expect(scene.offer(marked, { flags })).toContain("a=rtpengine:0123456789ab");
  });
});

test("a trickle fragment changes nothing and needs no address", () => {
  const scene = new Scene();
  scene.offer(ALICE);
  const before = fingerprint(scene);
  const reply = scene.command({
    ...OFFER,
    sdp: "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdef01234567\r\na=end-of-candidates\r\n",
    flags: new Set(["fragment"]),
  });
  expect(reply).toEqual({ ok: true, body: {} });
  expect(fingerprint(scene)).toBe(before);
});
