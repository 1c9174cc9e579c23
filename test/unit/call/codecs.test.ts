/** Codec options, profiles and keys on their way through. */
import { describe, expect, test } from "bun:test";
import type { CodecEdits, Directives } from "../../../src/call/directives.ts";
import { ALICE, BOB, directives, lines, Scene } from "./scene.ts";

const codec = (edits: Partial<CodecEdits>): Partial<Directives> => ({ codec: { ...directives({}).codec, ...edits } });
const OFFER = `${ALICE.replace("8 0", "8 0 101").trim()}\n a=rtpmap:101 telephone-event/8000`;
const media = (text: string) => lines(text, "m=")[0];

describe("codec options", () => {
  test("strip", () => {
    const out = new Scene().offer(OFFER, codec({ strip: ["PCMU"] }));
    expect(media(out)).toBe("m=audio 30000 RTP/AVP 8 101");
    expect(out).not.toContain("PCMU");
  });

  test("strip all, offer one", () => {
    const out = new Scene().offer(OFFER, codec({ strip: ["all"], offer: ["PCMU", "telephone-event"] }));
    expect(media(out)).toBe("m=audio 30000 RTP/AVP 0 101");
  });

  test("strip all except one", () => {
    const out = new Scene().offer(OFFER, codec({ strip: ["all"], except: ["PCMA"] }));
    expect(media(out)).toMatch(/^m=audio 30000 RTP\/AVP 8/);
  });

  test("a list that would be empty is restored with a warning", () => {
    const scene = new Scene();
    expect(media(scene.offer(OFFER, codec({ strip: ["all"] })))).toBe("m=audio 30000 RTP/AVP 8 0 101");
    expect(scene.logs().join()).toContain("no codec would be left");
  });

  test("or rejected with allow-no-codec-media, the original formats shown", () => {
    const scene = new Scene();
    const out = scene.offer(OFFER, { ...codec({ strip: ["all"] }), flags: new Set(["allow-no-codec-media"]) });
    expect(lines(out, "m=", "c=", "a=")).toEqual(["m=audio 0 RTP/AVP 8 0 101", "c=IN IP4 0.0.0.0"]);
    expect(scene.ports.open.size).toBe(0);
  });

  test("an answer codec that was never offered is removed", () => {
    const scene = new Scene();
    scene.offer(OFFER);
    expect(media(scene.answer(BOB.replace("AVP 8", "AVP 18 8")))).toBe("m=audio 30002 RTP/AVP 8");
  });

  test("a codec that was stripped from the offer was not offered", () => {
    const scene = new Scene();
    scene.offer(OFFER, codec({ strip: ["PCMU"] }));
    expect(media(scene.answer(BOB.replace("AVP 8", "AVP 0 8")))).toBe("m=audio 30002 RTP/AVP 8");
  });

  test("ignore makes as if the answer had not had it", () => {
    const scene = new Scene();
    scene.offer(OFFER);
    expect(media(scene.answer(BOB.replace("AVP 8", "AVP 8 0"), codec({ ignore: ["PCMA"] })))).toBe(
      "m=audio 30002 RTP/AVP 0",
    );
  });

  test("single-codec leaves the first, with its telephone-event", () => {
    const scene = new Scene();
    scene.offer(OFFER);
    const answer = `${BOB.replace("AVP 8", "AVP 0 8 101").trim()}\n a=rtpmap:101 telephone-event/8000`;
    expect(media(scene.answer(answer, { flags: new Set(["single-codec"]) }))).toBe("m=audio 30002 RTP/AVP 0 101");
  });

  test("the answerer's order counts", () => {
    const scene = new Scene();
    scene.offer(OFFER);
    expect(media(scene.answer(BOB.replace("AVP 8", "AVP 0 8")))).toBe("m=audio 30002 RTP/AVP 0 8");
  });

  test("payload type numbers of the answerer stay, since packets are not renumbered", () => {
    const scene = new Scene();
    scene.offer(OFFER);
    const answer = `${BOB.replace("AVP 8", "AVP 8 96").trim()}\n a=rtpmap:96 telephone-event/8000`;
    expect(media(scene.answer(answer))).toBe("m=audio 30002 RTP/AVP 8 96");
  });
});

describe("ptime", () => {
  const at = (text: string, ptime: number) => `${text.trim()}\n a=ptime:${ptime}\n a=maxptime:150`;

  test("passes both ways", () => {
    const scene = new Scene();
    expect(lines(scene.offer(at(ALICE, 30)), "a=ptime", "a=maxptime")).toEqual(["a=ptime:30", "a=maxptime:150"]);
    expect(lines(scene.answer(at(BOB, 40)), "a=ptime")).toEqual(["a=ptime:40"]);
  });

  test("is overridden towards the receiver by ptime, towards the offerer by ptime-reverse", () => {
    const scene = new Scene();
    expect(lines(scene.offer(at(ALICE, 30), { ptime: 20, ptimeReverse: 60 }), "a=ptime")).toEqual(["a=ptime:20"]);
    expect(lines(scene.answer(at(BOB, 40)), "a=ptime")).toEqual(["a=ptime:60"]);
  });
});

describe("transport-protocol", () => {
  const avpf = ALICE.replace("RTP/AVP", "RTP/AVPF");
  const protocol = (text: string) => media(text)?.split(" ")[2];

  test("is what the receiver sees; the answer goes back in the offerer's own", () => {
    const scene = new Scene();
    expect(protocol(scene.offer(avpf, { transport: "RTP/AVP" }))).toBe("RTP/AVP");
    expect(protocol(scene.answer(BOB))).toBe("RTP/AVPF");
  });

  test("a re-offer without it keeps what the receiver used", () => {
    const scene = new Scene();
    scene.offer(avpf, { transport: "RTP/AVP" });
    scene.answer(BOB);
    expect(protocol(scene.offer(avpf, { toTag: "B" }))).toBe("RTP/AVP");
    expect(protocol(scene.offer(BOB, { fromTag: "B", toTag: "A" }))).toBe("RTP/AVPF");
  });

  test("in an answer it counts when given explicitly, and `accept` keeps the answer's", () => {
    const explicit = new Scene();
    explicit.offer(ALICE);
    expect(protocol(explicit.answer(BOB, { transport: "RTP/AVPF" }))).toBe("RTP/AVPF");
    const accept = new Scene();
    accept.offer(avpf, { transport: "RTP/AVP" });
    expect(protocol(accept.answer(BOB, { transport: "accept" }))).toBe("RTP/AVP");
  });

  test("does not touch T.38", () => {
    const fax = ALICE.replace("audio 4000 RTP/AVP 8 0", "image 4000 udptl t38");
    expect(protocol(new Scene().offer(fax, { transport: "RTP/AVP" }))).toBe("udptl");
  });

  test("odd spellings are printed as they should be", () => {
    expect(protocol(new Scene().offer(ALICE.replace("RTP/AVP", "rtp/avp")))).toBe("RTP/AVP");
  });
});

describe("header extensions", () => {
  const extended = (text: string, ...uris: string[]) =>
    [text.trim(), ...uris.map((uri, i) => `a=extmap:${i + 1} ${uri}`)].join("\n");

  test("strip and mask take them from the offer; the answer has what both know, and the masked ones", () => {
    const scene = new Scene();
    const out = scene.offer(extended(ALICE, "urn:a", "urn:b", "urn:c"), {
      extmapStrip: ["urn:a"],
      extmapMask: ["urn:b"],
    });
    expect(lines(out, "a=extmap")).toEqual(["a=extmap-allow-mixed", "a=extmap:3 urn:c"]);
    const back = scene.answer(`${BOB.trim()}\na=extmap:3 urn:c`);
    expect(lines(back, "a=extmap:")).toEqual(["a=extmap:2 urn:b", "a=extmap:3 urn:c"]);
  });

  test("strip all", () => {
    const out = new Scene().offer(extended(ALICE, "urn:a", "urn:b"), { extmapStrip: ["all"] });
    expect(lines(out, "a=extmap")).toEqual([]);
  });
});

test("sdp-attr edits reach the output", () => {
  const sdpAttr = new Map([
    ["global", { add: ["x-session"], remove: [], substitute: [] }],
    ["audio", { add: ["x-media"], remove: ["rtcp"], substitute: [["sendrecv", "sendonly"] as const] }],
  ]);
  const out = new Scene().offer(ALICE, { sdpAttr });
  expect(lines(out, "a=")).toEqual([
    "a=x-session",
    "a=rtpmap:8 PCMA/8000",
    "a=rtpmap:0 PCMU/8000",
    "a=sendonly",
    "a=x-media",
  ]);
});
