import { describe, expect, test } from "bun:test";
import { MAX_SECTIONS } from "../../../src/limits.ts";
import { ALICE, BOB, fingerprint, lines, Scene, sdp } from "./scene.ts";

const offerOf = (...media: string[]) => `
  v=0
  o=alice 100 1 IN IP4 192.0.2.10
  s=call
  c=IN IP4 192.0.2.10
  t=0 0
  ${media.join("\n")}
`;
const answerOf = (...media: string[]) =>
  offerOf(...media)
    .replaceAll("192.0.2.10", "192.0.2.30")
    .replace("alice", "bob");

const AUDIO = "m=audio 4000 RTP/AVP 8\na=mid:a";
const VIDEO = "m=video 4002 RTP/AVP 34\na=mid:v";

/** Sections of an SDP: the lines behind the session part, one text per m= line. */
function sections(text: string): string[] {
  return text
    .split("m=")
    .slice(1)
    .map((section) => `m=${section}`);
}

describe("rejected sections", () => {
  test("a rejected new section in an offer: zero address, mid, bandwidth and label, nothing else", () => {
    const out = new Scene().offer(
      offerOf("m=audio 4000 RTP/AVP 8", "m=video 0 RTP/AVP 34 31\nb=AS:500\na=label:7\na=mid:v\na=foo\na=sendonly"),
    );
    expect(sections(out)[1]).toBe(
      sdp(`
        m=video 0 RTP/AVP 34 31
        c=IN IP4 0.0.0.0
        b=AS:500
        a=mid:v
        a=label:7
      `),
    );
  });

  test("towards an IPv6 party the zero address is ::", () => {
    const out = new Scene().offer(offerOf("m=audio 4000 RTP/AVP 8", "m=video 0 RTP/AVP 34"), { addressFamily: 6 });
    expect(lines(out, "c=")).toEqual(["c=IN IP6 2001:db8::7", "c=IN IP6 ::"]);
  });

  test("an answer shows the answerer's formats, a re-offer the list the receiver knows", () => {
    const scene = new Scene();
    scene.offer(offerOf("m=audio 4000 RTP/AVP 8 0", "m=video 4002 RTP/AVP 34 31"));
    const answer = scene.answer(answerOf("m=audio 6000 RTP/AVP 8", "m=video 0 RTP/AVP 99"));
    expect(lines(answer, "m=video")).toEqual(["m=video 0 RTP/AVP 99"]);
    const offer = scene.offer(offerOf("m=audio 4000 RTP/AVP 8 0", "m=video 0 RTP/AVP 77"), { toTag: "B" });
    expect(lines(offer, "m=video")).toEqual(["m=video 0 RTP/AVP 34 31"]);
  });

  test("ports of both sides are given back, and new ones taken when it comes back", () => {
    const scene = new Scene();
    scene.offer(offerOf(AUDIO, VIDEO));
    scene.answer(answerOf("m=audio 6000 RTP/AVP 8", "m=video 6002 RTP/AVP 34"));
    expect(scene.ports.open.size).toBe(8);
    const off = scene.offer(offerOf(AUDIO, VIDEO.replace("4002", "0")), { toTag: "B" });
    expect(lines(off, "m=video")).toEqual(["m=video 0 RTP/AVP 34"]);
    expect(scene.ports.open.size).toBe(4);
    scene.answer(answerOf("m=audio 6000 RTP/AVP 8", "m=video 0 RTP/AVP 34"));
    const on = scene.offer(offerOf(AUDIO, VIDEO), { toTag: "B" });
    expect(lines(on, "m=video")).toEqual(["m=video 30008 RTP/AVP 34"]);
    scene.answer(answerOf("m=audio 6000 RTP/AVP 8", "m=video 6002 RTP/AVP 34"));
    expect(scene.ports.open.size).toBe(8);
    expect(scene.portsOf(scene.spec(30008).rtpSinks)).toEqual([30010]);
  });

  test("a section that the offer has switched off stays off whatever the answer says", () => {
    const scene = new Scene();
    scene.offer(offerOf(AUDIO, VIDEO.replace("4002", "0")));
    const out = scene.answer(answerOf("m=audio 6000 RTP/AVP 8", "m=video 6002 RTP/AVP 34"));
    expect(lines(out, "m=video")).toEqual(["m=video 0 RTP/AVP 34"]);
    expect(scene.ports.open.size).toBe(4);
  });

  test("rejected T.38", () => {
    const scene = new Scene();
    const fax = "m=image 4010 udptl t38\na=T38FaxVersion:0";
    scene.offer(offerOf(fax));
    const out = scene.answer(answerOf(fax.replace("4010", "0")));
    expect(lines(out, "m=", "c=")).toEqual(["m=image 0 udptl t38", "c=IN IP4 0.0.0.0"]);
  });
});

describe("the number of sections", () => {
  test("an answer short of a section leaves it open with the zero address", () => {
    const scene = new Scene();
    scene.offer(offerOf(AUDIO, VIDEO));
    const out = scene.answer(answerOf("m=audio 6000 RTP/AVP 8"));
    expect(lines(out, "m=", "c=")).toEqual([
      "m=audio 30002 RTP/AVP 8",
      "c=IN IP4 198.51.100.7",
      "m=video 30006 RTP/AVP 34",
      "c=IN IP4 0.0.0.0",
    ]);
  });

  test("an answer with sections that nobody offered loses them", () => {
    const scene = new Scene();
    scene.offer(offerOf(AUDIO));
    const out = scene.answer(answerOf("m=audio 6000 RTP/AVP 8", "m=video 6002 RTP/AVP 34"));
    expect(lines(out, "m=")).toEqual(["m=audio 30002 RTP/AVP 8"]);
  });

  test("a re-offer short of a section switches it off in its place", () => {
    const scene = new Scene();
    scene.offer(offerOf(AUDIO, VIDEO));
    scene.answer(answerOf("m=audio 6000 RTP/AVP 8", "m=video 6002 RTP/AVP 34"));
    const out = scene.offer(offerOf(AUDIO), { toTag: "B" });
    expect(lines(out, "m=")).toEqual(["m=audio 30000 RTP/AVP 8", "m=video 0 RTP/AVP 34"]);
    expect(scene.ports.open.size).toBe(4);
  });

  test("a new section is appended", () => {
    const scene = new Scene();
    scene.offer(offerOf(AUDIO));
    scene.answer(answerOf("m=audio 6000 RTP/AVP 8"));
    const out = scene.offer(offerOf(AUDIO, VIDEO), { toTag: "B" });
    expect(lines(out, "m=")).toEqual(["m=audio 30000 RTP/AVP 8", "m=video 30004 RTP/AVP 34"]);
  });

  test("sdp-media-remove: the receiver never sees the section, the sender gets it back rejected in its place", () => {
    const scene = new Scene();
    const sdpMediaRemove = new Set(["video"]);
    const offer = scene.offer(offerOf(AUDIO, VIDEO, "m=audio 4004 RTP/AVP 0\na=mid:b"), { sdpMediaRemove });
    expect(lines(offer, "m=")).toEqual(["m=audio 30000 RTP/AVP 8", "m=audio 30004 RTP/AVP 0"]);
    const answer = scene.answer(answerOf("m=audio 6000 RTP/AVP 8", "m=audio 6002 RTP/AVP 0"));
    expect(lines(answer, "m=", "a=mid")).toEqual([
      "m=audio 30002 RTP/AVP 8",
      "a=mid:a",
      "m=video 0 RTP/AVP 34",
      "a=mid:v",
      "m=audio 30006 RTP/AVP 0",
      "a=mid:b",
    ]);
    expect(scene.ports.open.size).toBe(8);
  });

  test("sdp-media-remove of a section that the receiver has already: it is switched off there", () => {
    const scene = new Scene();
    scene.offer(offerOf(AUDIO, VIDEO));
    scene.answer(answerOf("m=audio 6000 RTP/AVP 8", "m=video 6002 RTP/AVP 34"));
    const out = scene.offer(offerOf(AUDIO, VIDEO), { toTag: "B", sdpMediaRemove: new Set(["video"]) });
    expect(lines(out, "m=")).toEqual(["m=audio 30000 RTP/AVP 8", "m=video 0 RTP/AVP 34"]);
  });

  test("sdp-media-remove of `other` means all types without a name of their own", () => {
    const out = new Scene().offer(offerOf(AUDIO, "m=whiteboard 4010 UDP/WB *"), { sdpMediaRemove: new Set(["other"]) });
    expect(lines(out, "m=")).toEqual(["m=audio 30000 RTP/AVP 8"]);
  });

  test("nothing but removed sections is refused", () => {
    const reply = new Scene().command({
      command: "offer",
      callId: "call",
      fromTag: "A",
      sdp: sdp(offerOf(VIDEO)),
      sdpMediaRemove: new Set(["video"]),
    });
    expect(reply).toMatchObject({ ok: false, reason: "Error rewriting SDP" });
  });

  test("no party gets more sections than the limit, however offers are turned", () => {
    const scene = new Scene();
    const many = Array.from({ length: 100 }, (_, i) => `m=audio 0 RTP/AVP 8\na=mid:x${i}`);
    scene.offer(offerOf("m=audio 4000 RTP/AVP 8", ...many));
    scene.answer(answerOf("m=audio 6000 RTP/AVP 8", ...many));
    // Another party offers to the same callee: its sections do not match by mid.
    const others = Array.from({ length: MAX_SECTIONS - 1 }, (_, i) => `m=video 0 RTP/AVP 34\na=mid:y${i}`);
    scene.command({
      command: "offer",
      callId: "call",
      fromTag: "C",
      toTag: "B",
      sdp: sdp(offerOf("m=audio 4000 RTP/AVP 8", ...others)),
    });
    for (const leg of scene.state.calls.get("call")!.legs) {
      expect(leg.sections.length).toBeLessThanOrEqual(MAX_SECTIONS);
    }
  });
});

describe("mid", () => {
  test("the answerer's sections are matched by mid where both have it", () => {
    const scene = new Scene();
    scene.offer(offerOf(AUDIO, VIDEO));
    const out = scene.answer(answerOf("m=video 6002 RTP/AVP 34\na=mid:v", "m=audio 6000 RTP/AVP 8\na=mid:a"));
    expect(lines(out, "m=", "a=mid")).toEqual([
      "m=audio 30002 RTP/AVP 8",
      "a=mid:a",
      "m=video 30006 RTP/AVP 34",
      "a=mid:v",
    ]);
    expect(scene.spec(30000).remote?.port).toBe(6000);
    expect(scene.spec(30004).remote?.port).toBe(6002);
  });

  test("answers use the mid that the offerer gave", () => {
    const scene = new Scene();
    scene.offer(offerOf(AUDIO));
    expect(lines(scene.answer(answerOf("m=audio 6000 RTP/AVP 8")), "a=mid")).toEqual(["a=mid:a"]);
  });

  test("generate-mid names sections without mid by their place", () => {
    const scene = new Scene();
    const out = scene.offer(offerOf("m=audio 4000 RTP/AVP 8", VIDEO), { flags: new Set(["generate-mid"]) });
    expect(lines(out, "a=mid")).toEqual(["a=mid:1", "a=mid:v"]);
    // The offerer gave none to its first section and gets none.
    const answer = scene.answer(answerOf("m=audio 6000 RTP/AVP 8\na=mid:1", "m=video 6002 RTP/AVP 34\na=mid:v"));
    expect(lines(answer, "a=mid")).toEqual(["a=mid:v"]);
  });

  test("a=group:BUNDLE is removed, mids stay", () => {
    const out = new Scene().offer(offerOf(AUDIO, VIDEO).replace("t=0 0", "t=0 0\na=group:BUNDLE a v"));
    expect(lines(out, "a=group", "a=mid")).toEqual(["a=mid:a", "a=mid:v"]);
  });
});

describe("sections that are copied", () => {
  test("message: address, port and attributes stay the sender's; no ports are taken", () => {
    const scene = new Scene();
    const out = scene.offer(offerOf("m=message 4010 TCP/MSRP *\na=path:msrp://192.0.2.10:4010/x;tcp\na=setup:actpass"));
    expect(sections(out)).toEqual([
      sdp(`
        m=message 4010 TCP/MSRP *
        c=IN IP4 192.0.2.10
        a=path:msrp://192.0.2.10:4010/x;tcp
        a=setup:actpass
      `),
    ]);
    expect(scene.ports.open.size).toBe(0);
    const answer = scene.answer(answerOf("m=message 5010 TCP/MSRP *\na=path:msrp://192.0.2.30:5010/y;tcp"));
    expect(lines(answer, "m=", "c=")).toEqual(["m=message 5010 TCP/MSRP *", "c=IN IP4 192.0.2.30"]);
  });

  test("unknown protocols get our address and port, all attributes in order, and are forwarded bytewise", () => {
    const scene = new Scene();
    const out = scene.offer(offerOf("m=application 4010 UDP/BFCP *\na=floorctrl:c-s\na=sendrecv\na=mid:x\na=confid:1"));
    expect(sections(out)).toEqual([
      sdp(`
        m=application 30000 UDP/BFCP *
        c=IN IP4 198.51.100.7
        a=floorctrl:c-s
        a=sendrecv
        a=mid:x
        a=confid:1
      `),
    ]);
    expect(scene.spec(30000)).toMatchObject({ isRtp: false, payloadTypes: [], stripFeedback: false });
  });

  test("audio becomes T.38 in a re-INVITE and audio again, on the same ports", () => {
    const scene = new Scene();
    scene.offer(ALICE);
    scene.answer(BOB);
    const fax = (port: number) => `m=image ${port} UDPTL t38\na=T38FaxVersion:0`;
    const offer = scene.offer(offerOf(fax(4000)), { toTag: "B" });
    expect(lines(offer, "m=", "a=")).toEqual(["m=image 30000 udptl t38", "a=T38FaxVersion:0"]);
    const answer = scene.answer(answerOf(fax(6000)));
    expect(lines(answer, "m=", "a=")).toEqual(["m=image 30002 udptl t38", "a=T38FaxVersion:0"]);
    expect(scene.spec(30000).isRtp).toBe(false);
    const back = scene.offer(ALICE, { toTag: "B" });
    expect(lines(back, "m=")).toEqual(["m=audio 30000 RTP/AVP 8 0"]);
    expect(lines(scene.answer(BOB), "m=")).toEqual(["m=audio 30002 RTP/AVP 8"]);
    expect(scene.spec(30000).isRtp).toBe(true);
  });
});

describe("idempotence", () => {
  test("the same offer again gives the same bytes and takes no ports", () => {
    const scene = new Scene();
    const first = scene.offer(offerOf(AUDIO, VIDEO));
    const again = scene.offer(offerOf(AUDIO, VIDEO));
    expect(again).toBe(first);
    expect(scene.ports.requests.length).toBe(4);
  });

  test("so does the same answer", () => {
    const scene = new Scene();
    scene.offer(offerOf(AUDIO));
    const text = answerOf("m=audio 6000 RTP/AVP 8");
    expect(scene.answer(text)).toBe(scene.answer(text));
  });

  test("equal events on equal states have equal outcomes", () => {
    const run = () => {
      const scene = new Scene();
      const texts = [scene.offer(offerOf(AUDIO, VIDEO)), scene.answer(BOB), scene.offer(ALICE, { toTag: "B" })];
      return JSON.stringify([texts, [...scene.specs.values()], fingerprint(scene)]);
    };
    expect(run()).toBe(run());
  });
});
