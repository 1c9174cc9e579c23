/** The table of rtcp-mux options, and the RTCP lines that follow from them. */
import { describe, expect, test } from "bun:test";
import type { Directives } from "../../../src/call/directives.ts";
import { ALICE, BOB, lines, Scene } from "./scene.ts";

type Options = readonly ("accept" | "demux" | "offer" | "reject" | "require")[];

const withMux = (text: string, mux: boolean) => (mux ? `${text.trim()}\n a=rtcp-mux` : text);
const options = (list: Options): Directives["rtcpMux"] => new Set(list);

const BOTH = ["a=rtcp:30001", "a=rtcp-mux"];
const SINGLE = ["a=rtcp:30000", "a=rtcp-mux"];
const NONE = ["a=rtcp:30001"];
const MUXED = ["a=rtcp:30002", "a=rtcp-mux"];
const SPLIT = ["a=rtcp:30003"];

describe.each<[string, Options, boolean, boolean, readonly string[], readonly string[]]>([
  // options, A offers, B accepts, B's lines, A's lines
  ["default, nobody", [], false, false, NONE, SPLIT],
  ["default, accepted", [], true, true, BOTH, MUXED],
  ["default, refused", [], true, false, BOTH, SPLIT],
  ["offer, not offered by A", ["offer"], false, true, BOTH, SPLIT],
  ["offer, offered by A, accepted", ["offer"], true, true, BOTH, MUXED],
  ["offer, offered by A, refused", ["offer"], true, false, BOTH, SPLIT],
  ["require, offered by A", ["offer", "require"], true, true, SINGLE, MUXED],
  ["demux", ["demux"], true, false, NONE, MUXED],
  ["accept, refused by B", ["accept"], true, false, BOTH, MUXED],
  ["accept, not offered by A", ["accept"], false, false, NONE, SPLIT],
  ["reject, accepted by B", ["reject"], true, true, BOTH, SPLIT],
])("%s", (_name, list, offered, accepted, towardsB, towardsA) => {
  const scene = new Scene();
  const offer = scene.offer(withMux(ALICE, offered), { rtcpMux: options(list) });
  const answer = scene.answer(withMux(BOB, accepted));

  test("lines", () => {
    expect(lines(offer, "a=rtcp")).toEqual([...towardsB]);
    expect(lines(answer, "a=rtcp")).toEqual([...towardsA]);
  });

  test("RTCP goes to the port each party listens on", () => {
    const bobMuxes = accepted;
    const aliceMuxes = towardsA === MUXED;
    expect(scene.portsOf(scene.spec(30002).rtcpSinks)).toEqual([bobMuxes ? 30000 : 30001]);
    expect(scene.portsOf(scene.spec(30000).rtcpSinks)).toEqual([aliceMuxes ? 30002 : 30003]);
    expect(scene.spec(30002).rtcpMux).toBe(aliceMuxes);
    expect(scene.spec(30000).rtcpMux).toBe(bobMuxes);
  });
});

test("require without mux on A's side: one port towards B, two towards A", () => {
  const scene = new Scene();
  const offer = scene.offer(ALICE, { rtcpMux: options(["offer", "require"]) });
  expect(lines(offer, "a=rtcp")).toEqual(SINGLE);
  expect(scene.ports.requests.map(({ count }) => count)).toEqual([1, 2]);
  const answer = scene.answer(withMux(BOB, true));
  expect(lines(answer, "a=rtcp")).toEqual(["a=rtcp:30003"]);
});

test("require refused: RTCP still goes over the one port there is", () => {
  const scene = new Scene();
  scene.offer(ALICE, { rtcpMux: options(["offer", "require"]) });
  scene.answer(BOB);
  expect(scene.portsOf(scene.spec(30002).rtcpSinks)).toEqual([30000]);
});

test("who muxes already is offered a single port again", () => {
  const scene = new Scene();
  scene.offer(withMux(ALICE, true));
  scene.answer(withMux(BOB, true));
  expect(lines(scene.offer(withMux(ALICE, true), { toTag: "B" }), "a=rtcp")).toEqual(SINGLE);
  const reverse = scene.offer(withMux(BOB, true), { fromTag: "B", toTag: "A" });
  expect(lines(reverse, "a=rtcp")).toEqual(MUXED);
});

test("a re-offer without mux ends it", () => {
  const scene = new Scene();
  scene.offer(withMux(ALICE, true));
  scene.answer(withMux(BOB, true));
  scene.offer(ALICE, { toTag: "B", rtcpMux: options(["demux"]) });
  const answer = scene.answer(BOB);
  expect(lines(answer, "a=rtcp")).toEqual(SPLIT);
  expect(scene.portsOf(scene.spec(30002).rtcpSinks)).toEqual([30001]);
});

test("a=rtcp with the RTP port itself counts as rtcp-mux", () => {
  const scene = new Scene();
  expect(lines(scene.offer(`${ALICE.trim()}\n a=rtcp:4000`), "a=rtcp")).toEqual(BOTH);
  expect(lines(scene.answer(`${BOB.trim()}\n a=rtcp:6000`), "a=rtcp")).toEqual(MUXED);
});

test("the RTCP socket stays open but unused once both agreed", () => {
  const scene = new Scene();
  scene.offer(withMux(ALICE, true));
  scene.answer(withMux(BOB, true));
  expect(scene.ports.open.size).toBe(4);
  expect(scene.spec(30001)).toMatchObject({ component: "rtcp", rtcpSinks: [], remote: undefined });
});

describe("a=rtcp", () => {
  test("no-rtcp-attribute leaves it out, rtcp-mux stays", () => {
    const out = new Scene().offer(withMux(ALICE, true), { flags: new Set(["no-rtcp-attribute"]) });
    expect(lines(out, "a=rtcp")).toEqual(["a=rtcp-mux"]);
  });

  test("full-rtcp-attribute adds the address, media-address included", () => {
    const flags = new Set(["full-rtcp-attribute"]);
    expect(lines(new Scene().offer(ALICE, { flags }), "a=rtcp")).toEqual(["a=rtcp:30001 IN IP4 198.51.100.7"]);
    const out = new Scene().offer(ALICE, { flags, mediaAddress: "203.0.113.9" });
    expect(lines(out, "a=rtcp", "c=")).toEqual(["c=IN IP4 203.0.113.9", "a=rtcp:30001 IN IP4 203.0.113.9"]);
  });

  test.each([
    ["", { address: "192.0.2.10", port: 4001 }],
    ["a=rtcp:4100", { address: "192.0.2.10", port: 4100 }],
    ["a=rtcp:4100 IN IP4 192.0.2.99", { address: "192.0.2.99", port: 4100 }],
    ["a=rtcp:9 IN IP4 0.0.0.0", { address: "192.0.2.10", port: 4001 }],
  ])("where RTCP is expected: '%s'", (line, expected) => {
    const scene = new Scene();
    scene.offer(`${ALICE.trim()}\n ${line}`);
    expect(scene.spec(30003).remote).toEqual(expected);
  });
});
