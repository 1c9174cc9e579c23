import { describe, expect, test } from "bun:test";
import { ALICE, BOB, lines, Scene } from "./scene.ts";

const RECEIVED = { receivedFrom: "203.0.113.77" };

describe("whose address is trusted", () => {
  test.each([
    ["the SDP's by default", false, [], "192.0.2.10"],
    ["the SIP source with SIP-source-address", false, ["sip-source-address"], "203.0.113.77"],
    ["the SIP source with the option sip-source", true, [], "203.0.113.77"],
    ["the SDP's in spite of that option with trust-address", true, ["trust-address"], "192.0.2.10"],
  ] as const)("%s", (_name, sipSource, flags, address) => {
    const scene = new Scene({ sipSource });
    scene.offer(ALICE, { ...RECEIVED, flags: new Set(flags) });
    expect(scene.spec(30002).remote).toEqual({ address, port: 4000 });
    expect(scene.spec(30003).remote).toEqual({ address, port: 4001 });
  });

  test("without received-from the SDP is all there is", () => {
    const scene = new Scene();
    scene.offer(ALICE, { flags: new Set(["sip-source-address"]) });
    expect(scene.spec(30002).remote?.address).toBe("192.0.2.10");
  });

  test("hold is hold wherever the message came from", () => {
    const scene = new Scene();
    const held = ALICE.replace("c=IN IP4 192.0.2.10", "c=IN IP4 0.0.0.0");
    const out = scene.offer(held, { ...RECEIVED, flags: new Set(["sip-source-address"]) });
    expect(lines(out, "c=", "a=send")).toEqual(["c=IN IP4 0.0.0.0", "a=sendonly"]);
    expect(scene.spec(30002).remote).toBeUndefined();
  });
});

describe("address family", () => {
  const six = ALICE.replaceAll("IP4 192.0.2.10", "IP6 2001:db8::10");

  test("a new party gets the sender's", () => {
    expect(lines(new Scene().offer(six), "c=")).toEqual(["c=IN IP6 2001:db8::7"]);
  });

  test("a known one the family it used last", () => {
    const scene = new Scene();
    scene.offer(six, { addressFamily: 4 });
    scene.answer(BOB);
    expect(lines(scene.offer(six, { toTag: "B" }), "c=")).toEqual(["c=IN IP4 198.51.100.7"]);
  });

  test("a repeated offer without the flag keeps what the party was shown", () => {
    const scene = new Scene();
    scene.offer(six, { addressFamily: 4 });
    expect(lines(scene.offer(six), "c=")).toEqual(["c=IN IP4 198.51.100.7"]);
  });

  test("a party that moves to IPv6 in a re-INVITE gets IPv6 ports in the answer", () => {
    const scene = new Scene();
    scene.offer(ALICE);
    scene.answer(BOB);
    expect(lines(scene.offer(six, { toTag: "B" }), "c=")).toEqual(["c=IN IP4 198.51.100.7"]);
    expect(lines(scene.answer(BOB), "c=")).toEqual(["c=IN IP6 2001:db8::7"]);
  });
});

describe("media-address", () => {
  test("replaces ours in c=, family included", () => {
    expect(lines(new Scene().offer(ALICE, { mediaAddress: "203.0.113.9" }), "c=")).toEqual(["c=IN IP4 203.0.113.9"]);
    expect(lines(new Scene().offer(ALICE, { mediaAddress: "2001:db8::99" }), "c=")).toEqual(["c=IN IP6 2001:db8::99"]);
  });

  test("does not touch o=", () => {
    const out = new Scene().offer(ALICE, { mediaAddress: "203.0.113.9", replace: new Set(["origin"]) });
    expect(lines(out, "o=")).toEqual(["o=alice 100 1 IN IP4 198.51.100.7"]);
  });
});
