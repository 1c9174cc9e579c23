/** The table of what a delete removes, delays, and what is answered. */
import { describe, expect, test } from "bun:test";
import type { Directives } from "../../../src/call/directives.ts";
import { ALICE, BOB, fingerprint, Scene } from "./scene.ts";

function established(): Scene {
  const scene = new Scene();
  scene.offer(ALICE, { viaBranch: "b1" });
  scene.answer(BOB, { viaBranch: "b1" });
  return scene;
}

/** A talks to B1; B2 is still ringing and associated. */
function ringing(): Scene {
  const scene = new Scene();
  scene.offer(ALICE, { viaBranch: "b1" });
  scene.offer(ALICE, { viaBranch: "b2" });
  return scene;
}

const remove = (scene: Scene, given: Partial<Directives>) =>
  scene.command({ command: "delete", callId: "call", deleteDelay: 0, ...given });
const legs = (scene: Scene) => scene.state.calls.get("call")?.legs.map((leg) => leg.tag ?? leg.viaBranch);

describe("what is removed", () => {
  test.each<[string, Partial<Directives>]>([
    ["no from-tag: the whole call", {}],
    ["no from-tag, a via-branch has no effect", { viaBranch: "b1" }],
    ["no from-tag, a to-tag has none either", { toTag: "B" }],
    ["the caller's tag", { fromTag: "A" }],
    ["the callee's tag: BYE from the other side", { fromTag: "B" }],
    ["a via-branch", { fromTag: "A", viaBranch: "b1" }],
    ["an unknown via-branch falls back to the from-tag", { fromTag: "A", viaBranch: "nope" }],
    ["the to-tag with its flag", { fromTag: "A", toTag: "B", flags: new Set(["to-tag"]) }],
    ["the to-tag without its flag is ignored", { fromTag: "A", toTag: "nope" }],
  ])("%s ends a two-party call", (_name, given) => {
    const scene = established();
    expect(remove(scene, given).ok).toBe(true);
    expect(scene.state.calls.size).toBe(0);
    expect(scene.ports.open.size).toBe(0);
    expect(scene.logs()[0]).toBe("Deleting entire call");
  });

  test("of a fork, only the branch", () => {
    const scene = ringing();
    remove(scene, { fromTag: "A", viaBranch: "b2" });
    expect(legs(scene)).toEqual(["A", "b1"]);
    expect(scene.portsOf(scene.spec(30002).rtpSinks)).toEqual([30000]);
  });

  test("of a fork, everything with the caller's tag alone", () => {
    const scene = ringing();
    remove(scene, { fromTag: "A" });
    expect(scene.state.calls.size).toBe(0);
  });

  test("to-tag flag with an unknown tag: the via-branch", () => {
    const scene = ringing();
    remove(scene, { fromTag: "A", toTag: "nope", viaBranch: "b2", flags: new Set(["to-tag"]) });
    expect(legs(scene)).toEqual(["A", "b1"]);
  });

  test("to-tag flag with an unknown tag and an untagged other side: the from-tag", () => {
    const scene = new Scene();
    scene.offer(ALICE);
    remove(scene, { fromTag: "A", toTag: "nope", flags: new Set(["to-tag"]) });
    expect(scene.state.calls.size).toBe(0);
  });

  test("a callee known by an alias", () => {
    const scene = established();
    scene.answer(BOB, { toTag: "B2" });
    remove(scene, { fromTag: "B2" });
    expect(scene.state.calls.size).toBe(0);
  });
});

describe("nothing matches", () => {
  const WARNING = "Call-ID not found or tags didn't match";

  test.each<[string, Partial<Directives>, string]>([
    ["unknown call", { callId: "other" }, "Call-ID to delete not found"],
    ["unknown tag", { fromTag: "nope" }, "Tag 'nope' in delete message not found, ignoring"],
    [
      "unknown to-tag with its flag",
      { fromTag: "A", toTag: "nope", flags: new Set(["to-tag"]) },
      "Tag 'A' in delete message not found, ignoring",
    ],
  ])("%s: ok with a warning, or an error with `fatal`", (_name, given, log) => {
    const scene = established();
    const before = fingerprint(scene);
    expect(remove(scene, given)).toEqual({ ok: true, body: { warning: WARNING } });
    expect(scene.logs()).toEqual([log]);
    const flags = new Set([...(given.flags ?? []), "fatal"]);
    expect(remove(scene, { ...given, flags })).toEqual({ ok: false, reason: WARNING });
    expect(fingerprint(scene)).toBe(before);
  });

  test("a repeated BYE finds nothing any more", () => {
    const scene = established();
    remove(scene, { fromTag: "A" });
    expect(remove(scene, { fromTag: "A" })).toEqual({ ok: true, body: { warning: WARNING } });
  });
});

describe("delay", () => {
  test("media keeps flowing until the time has come", () => {
    const scene = established();
    remove(scene, { fromTag: "A", deleteDelay: 30 });
    expect(scene.logs()).toEqual(["Scheduling deletion of entire call in 30 seconds"]);
    scene.pass(29);
    expect(scene.state.calls.size).toBe(1);
    expect(scene.spec(30000).rtpSinks.length).toBe(1);
    const effects = scene.pass(1);
    expect(scene.logs(effects)).toContain("Deleting entire call");
    expect(effects).toContainEqual(expect.objectContaining({ kind: "call-ended", reason: "REGULAR" }));
    expect(scene.state.calls.size).toBe(0);
    expect(scene.ports.open.size).toBe(0);
  });

  test.each([undefined, -1])("%p means the configured one", (deleteDelay) => {
    const scene = established();
    remove(scene, { deleteDelay });
    scene.pass(29);
    expect(scene.state.calls.size).toBe(1);
    scene.pass(1);
    expect(scene.state.calls.size).toBe(0);
  });

  test("a second delete does not put it off", () => {
    const scene = established();
    remove(scene, { deleteDelay: 10 });
    scene.pass(5);
    remove(scene, { deleteDelay: 10 });
    scene.pass(5);
    expect(scene.state.calls.size).toBe(0);
  });

  test("a new offer cancels it, and so does a new answer", () => {
    for (const again of ["offer", "answer"] as const) {
      const scene = established();
      remove(scene, { deleteDelay: 10 });
      scene.pass(5);
      if (again === "offer") scene.offer(ALICE, { toTag: "B" });
      else scene.answer(BOB);
      scene.pass(10);
      expect(scene.state.calls.size).toBe(1);
    }
  });

  test("of one branch", () => {
    const scene = ringing();
    remove(scene, { fromTag: "A", viaBranch: "b2", deleteDelay: 10 });
    expect(scene.logs()).toEqual(["Scheduling deletion of call branch '' (via-branch 'b2') in 10 seconds"]);
    scene.pass(9);
    expect(legs(scene)).toEqual(["A", "b1", "b2"]);
    const effects = scene.pass(1);
    expect(scene.logs(effects)).toEqual(["Deleting call branch '' (via-branch 'b2')"]);
    expect(legs(scene)).toEqual(["A", "b1"]);
    expect(scene.ports.open.size).toBe(4);
  });

  test("an answer of the branch itself keeps it", () => {
    const scene = ringing();
    remove(scene, { fromTag: "A", viaBranch: "b2", deleteDelay: 10 });
    scene.answer(BOB, { viaBranch: "b2", toTag: "B2" });
    scene.pass(10);
    expect(legs(scene)).toEqual(["A", "b1", "B2"]);
  });

  test("branch after branch, the last one takes the call with it", () => {
    const scene = ringing();
    remove(scene, { fromTag: "A", viaBranch: "b1", deleteDelay: 10 });
    remove(scene, { fromTag: "A", viaBranch: "b2", deleteDelay: 10 });
    expect(scene.logs()).toEqual(["Scheduling deletion of entire call in 10 seconds"]);
    scene.pass(10);
    expect(scene.state.calls.size).toBe(0);
    expect(scene.ports.open.size).toBe(0);
  });
});

describe("reply", () => {
  test("the query tree as it was before", () => {
    const scene = established();
    const reply = remove(scene, { fromTag: "A" });
    expect(reply).toMatchObject({ ok: true, body: { created: 1767225600, totals: { RTP: {}, RTCP: {} } } });
  });

  test("nothing with `fast`", () => {
    expect(remove(established(), { flags: new Set(["fast"]) })).toEqual({ ok: true, body: {} });
  });
});

test("an operator ends a call at once, counted as forced", () => {
  const scene = established();
  scene.happen({ kind: "terminate", callId: "call" });
  expect(scene.logs()[0]).toBe("Call Id (call) successfully terminated by operator.");
  expect(scene.state.ended.byReason.FORCED).toBe(1);
  expect(scene.ports.open.size).toBe(0);
  expect(scene.happen({ kind: "terminate", callId: "call" }).effects).toEqual([]);
});
