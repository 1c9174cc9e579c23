import { describe, expect, test } from "bun:test";
import { ALICE, BOB, lines, Scene } from "./scene.ts";

describe("a plain call", () => {
  test("offer, answer and delete give the ports back", () => {
    const scene = new Scene();
    const towardsBob = scene.offer(ALICE);
    expect(lines(towardsBob, "m=", "c=")).toEqual(["m=audio 30000 RTP/AVP 8 0", "c=IN IP4 198.51.100.7"]);
    const towardsAlice = scene.answer(BOB);
    expect(lines(towardsAlice, "m=", "c=")).toEqual(["m=audio 30002 RTP/AVP 8", "c=IN IP4 198.51.100.7"]);
    expect(scene.ports.open.size).toBe(4);
    const reply = scene.command({ command: "delete", callId: "call", fromTag: "A", deleteDelay: 0 });
    expect(reply.ok).toBe(true);
    expect(scene.ports.open.size).toBe(0);
    expect(scene.state.calls.size).toBe(0);
  });
});
