import { describe, expect, test } from "bun:test";
import type { CallSettings } from "../../../src/call/settings.ts";
import type { Effect } from "../../../src/call/transition.ts";
import { ALICE, BOB, Scene } from "./scene.ts";

const SHORT: Partial<CallSettings> = { timeout: 60, silentTimeout: 600, offerTimeout: 300 };

function established(settings: Partial<CallSettings> = SHORT): Scene {
  const scene = new Scene(settings);
  scene.offer(ALICE);
  scene.answer(BOB);
  return scene;
}

const ends = (effects: readonly Effect[]) =>
  effects.flatMap((effect) => (effect.kind === "call-ended" ? [effect.reason] : []));

describe("without packets", () => {
  test("an answered call ends after `timeout`", () => {
    const scene = established();
    expect(ends(scene.pass(59))).toEqual([]);
    const effects = scene.pass(1);
    expect(ends(effects)).toEqual(["TIMEOUT"]);
    expect(scene.logs(effects)[0]).toBe("Closing call due to timeout");
    expect(scene.state.ended.byReason.TIMEOUT).toBe(1);
    expect(scene.ports.open.size).toBe(0);
  });

  test("an unanswered call ends after `offer-timeout`", () => {
    const scene = new Scene(SHORT);
    scene.offer(ALICE);
    expect(ends(scene.pass(299))).toEqual([]);
    expect(ends(scene.pass(1))).toEqual(["OFFER_TIMEOUT"]);
  });

  test("a call muted on both sides ends after `silent-timeout`", () => {
    const scene = established();
    scene.offer(`${ALICE.trim()}\n a=inactive`, { toTag: "B" });
    scene.answer(`${BOB.trim()}\n a=inactive`);
    expect(ends(scene.pass(599))).toEqual([]);
    expect(ends(scene.pass(1))).toEqual(["SILENT_TIMEOUT"]);
  });

  test("a muted side does not keep a call whose other side should be talking", () => {
    const scene = established();
    scene.offer(`${ALICE.trim()}\n a=sendonly`, { toTag: "B" });
    scene.answer(`${BOB.trim()}\n a=recvonly`);
    expect(ends(scene.pass(60)).length).toBe(1);
  });

  test("a call without any stream stays", () => {
    const scene = new Scene(SHORT);
    scene.offer(ALICE.replace("m=audio 4000 RTP/AVP 8 0", "m=message 4010 TCP/MSRP *"));
    expect(ends(scene.pass(1000))).toEqual([]);
  });
});

describe("with packets", () => {
  test.each([30000, 30001, 30002, 30003])("one on port %p keeps the call for another `timeout`", (port) => {
    const scene = established();
    scene.pass(50);
    scene.received(port, { packetsIn: 1 });
    expect(ends(scene.pass(59))).toEqual([]);
    expect(ends(scene.pass(1))).toEqual(["TIMEOUT"]);
  });

  test("those of a held party keep its call", () => {
    const scene = established();
    scene.offer(`${ALICE.trim()}\n a=sendonly`, { toTag: "B" });
    scene.answer(`${BOB.trim()}\n a=recvonly`);
    for (let i = 0; i < 20; i++) {
      scene.pass(30);
      scene.received(30002, { packetsIn: 1 + i, lastPacketAt: scene.now });
      scene.counters.set(scene.spec(30002).socket, { lastPacketAt: scene.now });
    }
    expect(scene.state.calls.size).toBe(1);
  });
});

describe("final timeout", () => {
  test("ends a call however alive it is", () => {
    const scene = established({ ...SHORT, finalTimeout: 100 });
    for (let i = 0; i < 99; i++) {
      scene.pass(1);
      scene.counters.set(scene.spec(30002).socket, { lastPacketAt: scene.now });
    }
    expect(scene.state.calls.size).toBe(1);
    const effects = scene.pass(1);
    expect(ends(effects)).toEqual(["FINAL_TIMEOUT"]);
    expect(scene.logs(effects)[0]).toBe("Closing call due to final timeout");
  });

  test("0 is off", () => {
    const scene = established({ ...SHORT, timeout: 1e6, finalTimeout: 0 });
    scene.pass(1000);
    expect(scene.state.calls.size).toBe(1);
  });
});

test("limits that change at run time count from the next second on", () => {
  const scene = established();
  scene.pass(20);
  scene.state.settings = { ...scene.state.settings, timeout: 20 };
  expect(ends(scene.pass(1))).toEqual(["TIMEOUT"]);
});

test("many calls ending in one second", () => {
  const scene = new Scene(SHORT);
  for (let i = 0; i < 100; i++) {
    scene.offer(ALICE, { callId: `c${i}` });
    scene.answer(BOB, { callId: `c${i}` });
  }
  expect(ends(scene.pass(60)).length).toBe(100);
  expect(scene.ports.open.size).toBe(0);
});
