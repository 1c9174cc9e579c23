import { describe, expect, test } from "bun:test";
import { ALICE, BOB, lines, Scene } from "./scene.ts";

const early = (port: number) => BOB.replace("6000", String(port));

describe("parallel forking with via-branch", () => {
  function forked(): Scene {
    const scene = new Scene();
    scene.offer(ALICE, { viaBranch: "b1" });
    scene.offer(ALICE, { viaBranch: "b2" });
    return scene;
  }

  test("each branch gets ports of its own, the caller keeps one pair", () => {
    const scene = new Scene();
    const one = scene.offer(ALICE, { viaBranch: "b1" });
    const two = scene.offer(ALICE, { viaBranch: "b2" });
    expect(lines(one, "m=")).toEqual(["m=audio 30000 RTP/AVP 8 0"]);
    expect(lines(two, "m=")).toEqual(["m=audio 30004 RTP/AVP 8 0"]);
    expect(scene.ports.open.size).toBe(6);
  });

  test("a repeated offer of a branch changes nothing but the generation", () => {
    const scene = forked();
    expect(lines(scene.offer(ALICE, { viaBranch: "b2" }), "m=")).toEqual(["m=audio 30004 RTP/AVP 8 0"]);
    expect(scene.state.calls.get("call")?.legs.length).toBe(3);
  });

  test("early media of all branches reaches the caller, whose packets go to all of them", () => {
    const scene = forked();
    const caller = scene.spec(30002);
    expect(scene.portsOf(caller.rtpSinks)).toEqual([30000, 30004]);
    expect(scene.portsOf(scene.spec(30000).rtpSinks)).toEqual([30002]);
    expect(scene.portsOf(scene.spec(30004).rtpSinks)).toEqual([30002]);
  });

  test("an answer decides: the other branch hears nothing more but is heard until it is deleted", () => {
    const scene = forked();
    scene.answer(early(6002), { viaBranch: "b2", toTag: "B2" });
    expect(scene.portsOf(scene.spec(30002).rtpSinks)).toEqual([30004]);
    expect(scene.portsOf(scene.spec(30000).rtpSinks)).toEqual([30002]);
    expect(scene.ports.open.size).toBe(6);
    scene.command({ command: "delete", callId: "call", fromTag: "A", viaBranch: "b1", deleteDelay: 0 });
    expect(scene.portsOf(scene.spec(30004).rtpSinks)).toEqual([30002]);
    expect(scene.ports.open.size).toBe(4);
  });

  test("the branch that lost may still answer and then wins", () => {
    const scene = forked();
    scene.answer(early(6002), { viaBranch: "b2", toTag: "B2" });
    scene.answer(early(6000), { viaBranch: "b1", toTag: "B1" });
    const toCaller = scene.portsOf(scene.spec(30000).rtpSinks);
    expect(scene.portsOf(scene.spec(toCaller[0]!).rtpSinks)).toEqual([30000]);
    expect(scene.portsOf(scene.spec(30004).rtpSinks)).toEqual(toCaller);
  });

  test("branches that alternate with 183 each have their own ports towards the caller", () => {
    const scene = forked();
    const first = scene.answer(early(6000), { viaBranch: "b1", toTag: "B1" });
    const second = scene.answer(early(6002), { viaBranch: "b2", toTag: "B2" });
    const final = scene.answer(early(6000), { viaBranch: "b1", toTag: "B1" });
    expect(lines(first, "m=")).toEqual(["m=audio 30002 RTP/AVP 8"]);
    expect(lines(second, "m=")).toEqual(["m=audio 30006 RTP/AVP 8"]);
    expect(lines(final, "m=")).toEqual(["m=audio 30002 RTP/AVP 8"]);
    // Packets to the ports shown for the other branch still find their way.
    expect(scene.portsOf(scene.spec(30006).rtpSinks)).toEqual([30000]);
    expect(scene.portsOf(scene.spec(30000).rtpSinks)).toEqual([30002]);
  });

  test("487 of one branch removes only that leg", () => {
    const scene = forked();
    scene.answer(early(6000), { viaBranch: "b1", toTag: "B1" });
    scene.command({ command: "delete", callId: "call", fromTag: "A", viaBranch: "b2", deleteDelay: 0 });
    expect(scene.state.calls.get("call")?.legs.map((leg) => leg.tag)).toEqual(["A", "B1"]);
    expect(scene.ports.open.size).toBe(4);
    expect(scene.logs()).toContain("Deleting call branch '' (via-branch 'b2')");
  });

  test("when all branches have failed the call is gone", () => {
    const scene = forked();
    for (const viaBranch of ["b1", "b2"]) {
      scene.command({ command: "delete", callId: "call", fromTag: "A", viaBranch, deleteDelay: 0 });
    }
    expect(scene.state.calls.size).toBe(0);
    expect(scene.ports.open.size).toBe(0);
  });

  test("a branch that lost does not keep the call alive for the offer timeout", () => {
    const scene = forked();
    scene.answer(early(6000), { viaBranch: "b1", toTag: "B1" });
    scene.pass(59);
    expect(scene.state.calls.size).toBe(1);
    scene.pass(1);
    expect(scene.state.calls.size).toBe(0);
    expect(scene.ports.open.size).toBe(0);
  });

  test("an answer that rejects video leaves it to another branch to accept it", () => {
    const scene = new Scene();
    const video = (text: string, port: number) => `${text.trim()}\n m=video ${port} RTP/AVP 34`;
    scene.offer(video(ALICE, 4002), { viaBranch: "b1" });
    scene.offer(video(ALICE, 4002), { viaBranch: "b2" });
    const rejected = scene.answer(video(early(6000), 0), { viaBranch: "b1", toTag: "B1" });
    expect(lines(rejected, "m=video")).toEqual(["m=video 0 RTP/AVP 34"]);
    const accepted = scene.answer(video(early(6010), 6012), { viaBranch: "b2", toTag: "B2" });
    expect(lines(accepted, "m=video")[0]).toMatch(/^m=video 300[0-9]{2} RTP\/AVP 34$/);
    const port = Number(lines(accepted, "m=video")[0]?.split(" ")[1]);
    expect(scene.spec(port).rtpSinks.length).toBe(1);
  });
});

describe("forking without via-branch", () => {
  test("all offers hit the same pair; a second to-tag is another name of the callee", () => {
    const scene = new Scene();
    scene.offer(ALICE);
    scene.offer(ALICE);
    expect(scene.ports.open.size).toBe(4);
    scene.answer(early(6000), { toTag: "B1" });
    scene.answer(early(6002), { toTag: "B2" });
    const legs = scene.state.calls.get("call")!.legs;
    expect(legs.map((leg) => leg.tag)).toEqual(["A", "B1"]);
    expect(legs[1]?.aliases).toEqual(["B2"]);
    scene.command({ command: "delete", callId: "call", fromTag: "A", deleteDelay: 0 });
    expect(scene.state.calls.size).toBe(0);
  });

  test("with new-branch the second to-tag is a party of its own, and has the ports that were offered", () => {
    const scene = new Scene();
    scene.offer(ALICE);
    scene.answer(early(6000), { toTag: "B1" });
    scene.answer(early(6002), { toTag: "B2", flags: new Set(["new-branch"]) });
    const legs = scene.state.calls.get("call")!.legs;
    expect(legs.map((leg) => leg.tag)).toEqual(["A", "B1", "B2"]);
    // B2 sends to what the offer showed: port 30000.
    expect(scene.spec(30000).remote).toEqual({ address: "192.0.2.30", port: 6002 });
    expect(legs[2]?.sections[0]?.ports?.rtp.socket.port).toBe(30000);
    expect(legs[1]?.sections[0]?.ports).toBeUndefined();
    expect(scene.state.streams.get(scene.spec(30000).socket)?.section.leg.tag).toBe("B2");
    // The first one answers again and has them back.
    scene.answer(early(6000), { toTag: "B1" });
    expect(scene.spec(30000).remote).toEqual({ address: "192.0.2.30", port: 6000 });
    scene.command({ command: "delete", callId: "call", deleteDelay: 0 });
    expect(scene.ports.open.size).toBe(0);
  });

  test("after a final answer another to-tag is another party, unless provisional", () => {
    const scene = new Scene();
    scene.offer(ALICE);
    scene.answer(early(6000), { toTag: "B1", sipCode: 200 });
    scene.answer(early(6002), { toTag: "B2", flags: new Set(["provisional"]) });
    expect(scene.state.calls.get("call")?.legs.length).toBe(2);
    scene.answer(early(6004), { toTag: "B3" });
    expect(scene.state.calls.get("call")?.legs.map((leg) => leg.tag)).toEqual(["A", "B1", "B3"]);
  });

  test("after a 183 another to-tag is only another name", () => {
    const scene = new Scene();
    scene.offer(ALICE);
    scene.answer(early(6000), { toTag: "B1", sipCode: 183 });
    scene.answer(early(6002), { toTag: "B2", sipCode: 200 });
    expect(scene.state.calls.get("call")?.legs.length).toBe(2);
  });
});
