import { describe, expect, test } from "bun:test";
import type { AttributeEdits } from "../../../src/call/directives.ts";
import type { OutputDescription, OutputMedia } from "../../../src/sdp/model.ts";
import { writeSdp } from "../../../src/sdp/write.ts";
import { sdp } from "./echo.ts";

const NO_EDITS: ReadonlyMap<string, AttributeEdits> = new Map();

const MEDIA: OutputMedia = {
  type: "audio",
  port: 30000,
  protocol: "RTP/SAVPF",
  formatText: "8 96 100",
  info: "talk",
  connection: { family: 4, address: "198.51.100.7" },
  bandwidth: { TIAS: 5, CT: 4, RS: 3, RR: 2, AS: 1 },
  mid: "a",
  label: "l",
  bundleOnly: true,
  formats: [
    { payloadType: 8, name: "PCMA", clockRate: 8000, channels: undefined, fmtp: undefined, feedback: [] },
    {
      payloadType: 96,
      name: "opus",
      clockRate: 48000,
      channels: 2,
      fmtp: "minptime=10;useinbandfec=1",
      feedback: ["nack", "transport-cc"],
    },
    { payloadType: 100, name: undefined, clockRate: undefined, channels: undefined, fmtp: "x", feedback: [] },
  ],
  extmapAllowMixed: true,
  extmap: [{ id: 1, direction: "/sendonly", uri: "urn:a", parameters: "p" }],
  others: ["msid:- t", "ssrc:1 cname:x"],
  direction: "sendrecv",
  rtcp: "30001",
  rtcpMux: true,
  crypto: [{ tag: 1, suite: "AES_CM_128_HMAC_SHA1_80", params: "inline:KEY|2^31" }],
  setup: "actpass",
  fingerprint: { hash: "sha-256", value: "AA:BB" },
  tlsId: "0123",
  ptime: 20,
  maxptime: 60,
  iceUfrag: "Xy12Ab34",
  icePwd: "abcdefghijklmnopqrstuvwxyz",
  iceOptions: "trickle",
  candidates: ["F 1 UDP 2130706431 198.51.100.7 30000 typ host"],
  remoteCandidates: "1 192.0.2.1 4000",
  endOfCandidates: true,
};

const BASE: OutputDescription = {
  origin: { username: "alice", sessionId: "100", version: "1", addressType: "IP4", address: "192.0.2.10" },
  name: "call",
  info: "i",
  uri: "u",
  email: "e",
  phone: "p",
  bandwidth: { CT: 9, AS: 8 },
  timing: "0 0",
  loopId: "0123456789ab",
  mohAttribute: "moh",
  iceLite: true,
  groups: ["BUNDLE a", "LS a"],
  others: ["tool:x"],
  media: [MEDIA],
};

const SESSION_PART = [
  "v=0",
  "o=alice 100 1 IN IP4 192.0.2.10",
  "s=call",
  "i=i",
  "u=u",
  "e=e",
  "p=p",
  "b=AS:8",
  "b=CT:9",
  "t=0 0",
  "a=rtpengine:0123456789ab",
  "a=moh",
  "a=ice-lite",
  "a=group:BUNDLE a",
  "a=group:LS a",
  "a=tool:x",
];

const HEAD = ["i=talk", "c=IN IP4 198.51.100.7", "b=AS:1", "b=RR:2", "b=RS:3", "b=CT:4", "b=TIAS:5"];

const MEDIA_PART = [
  "m=audio 30000 RTP/SAVPF 8 96 100",
  ...HEAD,
  "a=mid:a",
  "a=label:l",
  "a=bundle-only",
  "a=rtpmap:8 PCMA/8000",
  "a=rtpmap:96 opus/48000/2",
  "a=fmtp:96 useinbandfec=1; minptime=10",
  "a=rtcp-fb:96 nack",
  "a=rtcp-fb:96 transport-cc",
  "a=fmtp:100 x",
  "a=extmap-allow-mixed",
  "a=extmap:1/sendonly urn:a p",
  "a=msid:- t",
  "a=ssrc:1 cname:x",
  "a=sendrecv",
  "a=rtcp:30001",
  "a=rtcp-mux",
  "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^31",
  "a=setup:actpass",
  "a=fingerprint:sha-256 AA:BB",
  "a=tls-id:0123",
  "a=ptime:20",
  "a=maxptime:60",
  "a=ice-ufrag:Xy12Ab34",
  "a=ice-pwd:abcdefghijklmnopqrstuvwxyz",
  "a=ice-options:trickle",
  "a=candidate:F 1 UDP 2130706431 198.51.100.7 30000 typ host",
  "a=remote-candidates:1 192.0.2.1 4000",
  "a=end-of-candidates",
];

/** The media part of the output. */
function mediaLines(media: Partial<OutputMedia>, edits = NO_EDITS): string[] {
  const text = writeSdp({ ...BASE, media: [{ ...MEDIA, ...media }] }, edits);
  return text.slice(text.indexOf("m=")).split("\r\n").slice(0, -1);
}

function edited(section: string, edits: Partial<AttributeEdits>): Map<string, AttributeEdits> {
  return new Map([[section, { add: [], remove: [], substitute: [], ...edits }]]);
}

test("every line has its place, and lines end with CRLF", () => {
  expect(writeSdp(BASE, NO_EDITS)).toBe(sdp(...SESSION_PART, ...MEDIA_PART));
});

test("what is empty or absent has no line, but s= and t= always", () => {
  const bare: OutputDescription = {
    ...BASE,
    name: "",
    info: "",
    uri: undefined,
    email: undefined,
    phone: undefined,
    bandwidth: {},
    loopId: undefined,
    mohAttribute: undefined,
    iceLite: false,
    groups: [],
    others: [],
    media: [],
  };
  expect(writeSdp(bare, NO_EDITS)).toBe(sdp("v=0", "o=alice 100 1 IN IP4 192.0.2.10", "s=", "t=0 0"));
});

test("a bandwidth of zero is a value", () => {
  expect(mediaLines({ bandwidth: { RR: 0 }, info: undefined })[2]).toBe("b=RR:0");
});

test("a rejected section stops after bandwidth, mid and label", () => {
  expect(mediaLines({ port: 0, bundleOnly: false, connection: { family: 6, address: "::" } })).toEqual([
    "m=audio 0 RTP/SAVPF 8 96 100",
    "i=talk",
    "c=IN IP6 ::",
    ...HEAD.slice(2),
    "a=mid:a",
    "a=label:l",
  ]);
});

test("a copied section has the original attributes, then our candidates, then their end", () => {
  expect(
    mediaLines({
      type: "image",
      protocol: "udptl",
      formatText: "t38",
      copied: ["sendonly", "T38FaxVersion:0", "mid:x"],
    }),
  ).toEqual([
    "m=image 30000 udptl t38",
    ...HEAD,
    "a=sendonly",
    "a=T38FaxVersion:0",
    "a=mid:x",
    "a=candidate:F 1 UDP 2130706431 198.51.100.7 30000 typ host",
    "a=end-of-candidates",
  ]);
});

test("the declined twin of legacy OSRTP is its m= line alone", () => {
  expect(mediaLines({ bare: true, port: 0 })).toEqual(["m=audio 0 RTP/SAVPF 8 96 100"]);
});

test("without formats the m= line has no blank at its end", () => {
  expect(mediaLines({ formatText: "" })[0]).toBe("m=audio 30000 RTP/SAVPF");
});

describe("sdp-attr", () => {
  test("additions stand at the end of their section, in given order", () => {
    const edits = new Map([
      ...edited("global", { add: ["x", "y:1"] }),
      ...edited("audio", { add: ["z"] }),
      ...edited("video", { add: ["never"] }),
    ]);
    expect(writeSdp(BASE, edits)).toBe(sdp(...SESSION_PART, "a=x", "a=y:1", ...MEDIA_PART, "a=z"));
  });

  test("the section is called none as well as global", () => {
    expect(writeSdp({ ...BASE, media: [] }, edited("none", { add: ["x"] }))).toBe(sdp(...SESSION_PART, "a=x"));
  });

  test("copied sections get additions, rejected ones do not", () => {
    expect(mediaLines({ copied: [], candidates: [], endOfCandidates: false }, edited("audio", { add: ["z"] }))).toEqual(
      ["m=audio 30000 RTP/SAVPF 8 96 100", ...HEAD, "a=z"],
    );
    expect(mediaLines({ port: 0, bundleOnly: false }, edited("audio", { add: ["z"] }))).not.toContain("a=z");
  });

  test("a bundle-only section with port 0 is not rejected: it has all its attributes", () => {
    expect(mediaLines({ port: 0, bundleOnly: true })).toContain("a=rtpmap:8 PCMA/8000");
  });

  const without = (...gone: readonly string[]) => MEDIA_PART.filter((line) => !gone.includes(line));

  test("remove matches the bare name of any attribute, generated ones included, in any case", () => {
    expect(mediaLines({}, edited("audio", { remove: ["RTPMAP", "sendrecv", "rtcp"] }))).toEqual(
      without("a=rtpmap:8 PCMA/8000", "a=rtpmap:96 opus/48000/2", "a=sendrecv", "a=rtcp:30001"),
    );
  });

  test("remove matches name and tag", () => {
    expect(mediaLines({}, edited("audio", { remove: ["rtpmap:8", "ssrc:1", "rtcp-fb:96"] }))).toEqual(
      without("a=rtpmap:8 PCMA/8000", "a=ssrc:1 cname:x", "a=rtcp-fb:96 nack", "a=rtcp-fb:96 transport-cc"),
    );
    expect(mediaLines({}, edited("audio", { remove: ["rtpmap:9", "rtpm", "rtpmap:96 opus"] }))).toEqual(MEDIA_PART);
  });

  test("remove matches the full line", () => {
    expect(mediaLines({}, edited("audio", { remove: ["rtpmap:8 pcma/8000", "mid:a", "a=label:l"] }))).toEqual(
      without("a=rtpmap:8 PCMA/8000", "a=mid:a"),
    );
  });

  test("substitute replaces the part that matched and keeps the rest", () => {
    const lines = (from: string, to: string) =>
      mediaLines({}, edited("audio", { substitute: [[from, to]] })).filter((line) => !MEDIA_PART.includes(line));
    expect(lines("sendrecv", "sendonly")).toEqual(["a=sendonly"]);
    expect(lines("ssrc", "X-ssrc")).toEqual(["a=X-ssrc:1 cname:x"]);
    expect(lines("rtpmap:8", "rtpmap:108")).toEqual(["a=rtpmap:108 PCMA/8000"]);
    expect(lines("RTPMAP:8 pcma/8000", "rtpmap:8 G711A/8000")).toEqual(["a=rtpmap:8 G711A/8000"]);
    expect(lines("ptime:20", "ptime:30")).toEqual(["a=ptime:30"]);
  });

  test("two directions can be exchanged", () => {
    const swap = edited("audio", {
      substitute: [
        ["sendonly", "recvonly"],
        ["recvonly", "sendonly"],
      ],
    });
    expect(mediaLines({ direction: "sendonly" }, swap)).toContain("a=recvonly");
    expect(mediaLines({ direction: "recvonly" }, swap)).toContain("a=sendonly");
  });

  test("session attributes are edited by their own section only", () => {
    const text = writeSdp(BASE, edited("global", { remove: ["tool", "mid"], substitute: [["group", "X-group"]] }));
    expect(text).not.toContain("a=tool");
    expect(text).toContain("a=X-group:BUNDLE a\r\n");
    expect(text).toContain("a=mid:a");
  });

  test("an edit cannot smuggle in a line of its own", () => {
    const text = writeSdp(
      BASE,
      edited("audio", { add: ["x\r\nm=video 1 RTP/AVP 0"], substitute: [["mid", "z\nq=1"]] }),
    );
    expect(text.split("\r\n").filter((line) => line.startsWith("m="))).toHaveLength(1);
    expect(text).not.toContain("q=1");
  });
});
