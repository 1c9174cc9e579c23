import { describe, expect, test } from "bun:test";
import { MAX_ALIASES, MAX_LEGS } from "../../../src/limits.ts";
import { ALICE, BOB, fingerprint, lines, Scene, sdp } from "./scene.ts";

function established(): Scene {
  const scene = new Scene();
  scene.offer(ALICE);
  scene.answer(BOB);
  return scene;
}

const legs = (scene: Scene) => scene.state.calls.get("call")!.legs.map((leg) => leg.tag);

describe("which parties an offer is about", () => {
  test("a re-INVITE of the caller keeps ports and parties", () => {
    const scene = established();
    expect(lines(scene.offer(ALICE, { toTag: "B" }), "m=")).toEqual(["m=audio 30000 RTP/AVP 8 0"]);
    expect(lines(scene.answer(BOB), "m=")).toEqual(["m=audio 30002 RTP/AVP 8"]);
    expect(legs(scene)).toEqual(["A", "B"]);
  });

  test("a re-INVITE of the callee goes the other way", () => {
    const scene = established();
    const out = scene.offer(BOB, { fromTag: "B", toTag: "A" });
    expect(lines(out, "m=", "o=")).toEqual(["o=bob 7 7 IN IP4 192.0.2.30", "m=audio 30002 RTP/AVP 8"]);
    const back = scene.answer(ALICE.replace("8 0", "8"), { fromTag: "B", toTag: "A" });
    expect(lines(back, "m=")).toEqual(["m=audio 30000 RTP/AVP 8"]);
    expect(legs(scene)).toEqual(["A", "B"]);
  });

  test("without to-tag the present partner is meant", () => {
    const scene = established();
    scene.offer(ALICE);
    expect(legs(scene)).toEqual(["A", "B"]);
  });

  test("an unknown to-tag names a callee that has no name yet", () => {
    const scene = new Scene();
    scene.offer(ALICE);
    scene.offer(ALICE, { toTag: "B" });
    expect(legs(scene)).toEqual(["A", "B"]);
  });

  test("an unknown to-tag beside a named partner is a new party", () => {
    const scene = established();
    scene.offer(ALICE, { toTag: "C" });
    expect(legs(scene)).toEqual(["A", "B", "C"]);
    scene.answer(BOB, { toTag: "C" });
    // The former callee hears nothing any more.
    expect(scene.portsOf(scene.spec(30002).rtpSinks)).toEqual([30004]);
  });

  test("late offer: the 200 carries the offer, the ACK the answer", () => {
    const scene = new Scene();
    const toCaller = scene.offer(BOB, { fromTag: "callee", toTag: "caller" });
    expect(lines(toCaller, "m=")).toEqual(["m=audio 30000 RTP/AVP 8"]);
    const toCallee = scene.answer(ALICE, { fromTag: "callee", toTag: "caller" });
    expect(lines(toCallee, "m=")).toEqual(["m=audio 30002 RTP/AVP 8"]);
    expect(legs(scene)).toEqual(["callee", "caller"]);
    expect(scene.portsOf(scene.spec(30000).rtpSinks)).toEqual([30002]);
  });

  test("transfer: an offer from a new party to the caller takes it over with its answer", () => {
    const scene = established();
    scene.offer(BOB.replace("6000", "7000"), { fromTag: "C", toTag: "A" });
    expect(legs(scene)).toEqual(["A", "B", "C"]);
    scene.answer(ALICE.replace("8 0", "8"), { fromTag: "C", toTag: "A" });
    const caller = scene.state.calls.get("call")!.legs[0]!;
    expect(caller.partners.map((leg) => leg.tag)).toEqual(["C"]);
    expect(caller.sections[0]?.sinks.map(({ sink }) => sink.leg.tag)).toEqual(["C"]);
    scene.command({ command: "delete", callId: "call", fromTag: "B", deleteDelay: 0 });
    expect(legs(scene)).toEqual(["A", "C"]);
  });

  test.each([
    ["equal tags", { toTag: "A" }],
    ["two names of one party", { fromTag: "B", toTag: "B2" }],
  ])("%s are no dialogue", (_name, tags) => {
    const scene = established();
    scene.answer(BOB, { toTag: "B2" });
    const before = fingerprint(scene);
    const reply = scene.command({ command: "offer", callId: "call", fromTag: "A", sdp: sdp(ALICE), ...tags });
    expect(reply).toMatchObject({ ok: false, reason: "Invalid dialogue association" });
    expect(fingerprint(scene)).toBe(before);
  });

  test.each(["sdp", "address"] as const)(
    "alias-key=%s recognises an offer repeated under another from-tag",
    (aliasKey) => {
      const scene = new Scene();
      scene.offer(ALICE, { aliasKey });
      const again = scene.offer(ALICE, { aliasKey, fromTag: "A2" });
      expect(lines(again, "m=")).toEqual(["m=audio 30000 RTP/AVP 8 0"]);
      expect(scene.state.calls.get("call")?.legs[0]?.aliases).toEqual(["A2"]);
    },
  );

  test("without alias-key another from-tag is another party", () => {
    const scene = new Scene();
    scene.offer(ALICE);
    scene.offer(ALICE, { fromTag: "A2" });
    expect(scene.state.calls.get("call")?.legs.length).toBe(4);
  });

  test("a call has at most so many parties", () => {
    const scene = new Scene();
    scene.offer(ALICE, { viaBranch: "b0" });
    for (let i = 1; i < MAX_LEGS - 1; i++) scene.offer(ALICE, { viaBranch: `b${i}` });
    const before = fingerprint(scene);
    const reply = scene.command({
      command: "offer",
      callId: "call",
      fromTag: "A",
      viaBranch: "one more",
      sdp: sdp(ALICE),
    });
    expect(reply).toMatchObject({ ok: false, reason: "Invalid dialogue association" });
    expect(fingerprint(scene)).toBe(before);
  });
});

describe("which parties an answer is about", () => {
  test("the same answer again is fine: 183, then 200", () => {
    const scene = new Scene();
    scene.offer(ALICE);
    const early = scene.answer(BOB);
    const final = scene.answer(BOB);
    expect(final).toBe(early);
    expect(legs(scene)).toEqual(["A", "B"]);
  });

  test("without an offer there is nothing to answer", () => {
    const scene = new Scene();
    const reply = scene.command({ command: "answer", callId: "call", fromTag: "A", toTag: "B", sdp: sdp(BOB) });
    expect(reply).toEqual({ ok: false, reason: "Unknown call-id" });
  });

  test.each([
    ["an unknown offerer", { fromTag: "X", toTag: "B" }],
    ["equal tags", { fromTag: "A", toTag: "A" }],
  ])("%s is refused", (_name, tags) => {
    const scene = established();
    const before = fingerprint(scene);
    const reply = scene.command({ command: "answer", callId: "call", sdp: sdp(BOB), ...tags });
    expect(reply).toMatchObject({ ok: false, reason: "Invalid dialogue association" });
    expect(fingerprint(scene)).toBe(before);
  });

  test("a party has at most so many names", () => {
    const scene = established();
    for (let i = 0; i < MAX_ALIASES; i++) scene.answer(BOB, { toTag: `alias ${i}` });
    const before = fingerprint(scene);
    const reply = scene.command({ command: "answer", callId: "call", fromTag: "A", toTag: "more", sdp: sdp(BOB) });
    expect(reply).toMatchObject({ ok: false, reason: "Invalid dialogue association" });
    expect(fingerprint(scene)).toBe(before);
  });
});
