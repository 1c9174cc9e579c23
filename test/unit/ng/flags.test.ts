import { describe, expect, test } from "bun:test";
import type { Directives } from "../../../src/call/directives.ts";
import { decodeRequest, FLAGS, KEYS, PREFIXES } from "../../../src/ng/flags.ts";
import { parseFlagString } from "../../../src/ng/rtpp-flags.ts";
import { NgDict, type NgValue } from "../../../src/ng/value.ts";
import { CODEC_KINDS } from "../../../src/ng/vocabulary/values.ts";

type Entries = readonly (readonly [string, NgValue])[];
const dict = (entries: Entries) => new NgDict(entries);

function decode(command: string, entries: Entries, templates?: ReadonlyMap<string, string>) {
  const decoded = decodeRequest(command, dict(entries), templates);
  if (decoded.error !== undefined) throw new Error(decoded.error);
  return { directives: decoded.directives, texts: decoded.notes.map((note) => note.text), notes: decoded.notes };
}
const offer = (...entries: Entries) => decode("offer", entries);
const flags = (...list: string[]) => offer(["flags", list]);
const rtpp = (text: string) => offer(["rtpp-flags", text]);
const refusal = (entries: Entries) => decodeRequest("offer", dict(entries)).error;

describe("the flag table", () => {
  test("no spelling is listed twice", () => {
    for (const table of [KEYS, FLAGS]) {
      const spellings = table.flatMap((entry) => entry.spellings);
      expect(spellings.filter((spelling, i) => spellings.indexOf(spelling) !== i)).toEqual([]);
    }
    for (const { words } of KEYS) {
      const spellings = words?.words.flatMap((word) => word.spellings) ?? [];
      expect(spellings.filter((spelling, i) => spellings.indexOf(spelling) !== i)).toEqual([]);
    }
  });

  test("every entry says what it is for", () => {
    for (const { doc } of [...KEYS, ...FLAGS, ...PREFIXES]) expect(doc.length).toBeGreaterThan(3);
  });

  test("flags have a canonical name in lower case with hyphens", () => {
    for (const { name } of FLAGS) expect(name).toMatch(/^[a-z0-9-]+$/);
  });

  test("every spelling of a flag does the same as its canonical one, and unknown is said of none", () => {
    for (const entry of FLAGS) {
      const command = entry.commands?.[0] ?? "offer";
      const first = decode(command, [["flags", [entry.spellings[0]!]]]);
      for (const spelling of entry.spellings) {
        const { directives, notes } = decode(command, [["flags", [spelling]]]);
        expect(directives).toEqual(first.directives);
        expect(notes.filter((note) => note.kind.startsWith("unknown"))).toEqual([]);
        const expected = { honoured: 0, later: 1, obsolete: 1 }[entry.status];
        expect({ spelling, notes: notes.length }).toEqual({ spelling, notes: expected });
      }
    }
  });

  test("every flag leaves a trace in the directives unless it is obsolete", () => {
    const empty = flags().directives;
    for (const entry of FLAGS) {
      const { directives } = decode("offer", [["flags", [entry.spellings[0]!]]]);
      if (entry.status === "obsolete") expect(directives).toEqual(empty);
      else expect(directives).not.toEqual(empty);
    }
  });

  test("every spelling of an enumerated value does the same as its canonical one", () => {
    for (const { name, words } of KEYS) {
      for (const word of words?.words ?? []) {
        const first = offer([name, [word.name]]);
        for (const spelling of word.spellings) {
          const { directives, notes } = offer([name, spelling]);
          expect({ name, spelling, ...directives }).toEqual({ name, spelling, ...first.directives });
          expect(notes.filter((note) => note.text.startsWith("Unknown") && note.kind !== "obsolete")).toEqual([]);
          expect(notes.some((note) => note.kind === "not-honoured")).toBe(word.status === "later");
        }
      }
    }
  });

  test("every spelling of a key reaches the same place", () => {
    const value = (type: string): NgValue =>
      ({
        string: "text",
        integer: 20,
        address: "192.0.2.1",
        list: ["audio"],
        dictionary: dict([]),
        words: [],
        "list of dictionaries": [],
        "flag string": "asymmetric",
      })[type]!;
    for (const entry of KEYS) {
      const command = entry.commands?.[0] ?? "offer";
      const first = decode(command, [[entry.spellings[0]!, value(entry.type)]]);
      for (const spelling of entry.spellings) {
        const { directives, texts } = decode(command, [[spelling, value(entry.type)]]);
        expect(directives).toEqual(first.directives);
        expect(texts.filter((text) => text.startsWith("Unknown dictionary key"))).toEqual([]);
      }
    }
  });

  test.each([
    [["call-id", "call-ID", "call id", "call ID"]],
    [["to-tag", "to_tag", "to tag"]],
    [["received from", "received-from"]],
    [["media address", "media-address"]],
    [["address family", "address-family"]],
    [["transport protocol", "transport-protocol"]],
    [["delete delay", "delete-delay", "delete_delay"]],
    [["ptime-reverse", "ptime reverse", "reverse ptime", "reverse-ptime"]],
    [["rtcp-mux", "RTCP-mux", "rtcp mux", "RTCP mux"]],
    [["rtpp-flags", "rtpp_flags", "rtpp flags"]],
    [["sip-message-type", "sip_message_type", "SIP message type"]],
    [["sip-code", "sip_code", "SIP-code", "sip-response-code", "SIP_response_code"]],
    [["sdp-media-remove", "SDP-media-remove", "sdp_media_remove", "SDP media remove"]],
    [["T.38", "T38", "t.38", "t38"]],
    [["output-destination", "recording-file", "recording file"]],
    [["vsc-start-rec", "VSC-start-recording"]],
    [["moh", "MoH", "MOH"]],
  ])("%j: the spellings of the reference", (spellings) => {
    const known = KEYS.find((entry) => entry.spellings.includes(spellings[0]!));
    for (const spelling of spellings) expect(known?.spellings).toContain(spelling);
  });

  test.each(["Call-ID", "callid", "from_tag", "ICE-force", "session-connection", "X", ""])(
    "key %j is unknown",
    (key) => {
      expect(offer([key, "x"]).notes).toEqual([
        { kind: "unknown-key", text: `Unknown dictionary key encountered: '${key}'` },
      ]);
    },
  );
});

describe("keys", () => {
  test("identification and context", () => {
    const { directives, notes } = offer(
      ["supports", ["load limit"]],
      ["call-id", "c@h"],
      ["from-tag", "A"],
      ["to-tag", "B"],
      ["via-branch", "z9"],
      ["received-from", ["IP4", "10.0.0.5"]],
      ["sip-message-type", "sip_reply"],
      ["sip-code", "183"],
      ["metadata", "a|b"],
      ["label", "left"],
      ["alias-key", "endpoint"],
      ["command", "offer"],
    );
    expect(directives).toMatchObject({
      callId: "c@h",
      fromTag: "A",
      toTag: "B",
      viaBranch: "z9",
      receivedFrom: "10.0.0.5",
      sipMessageType: "reply",
      sipCode: 183,
      metadata: "a|b",
      label: "left",
      aliasKey: "address",
      supportsLoadLimit: true,
    });
    expect(notes).toEqual([]);
  });

  test("tags keep every byte: not trimmed, not unescaped, not split", () => {
    const tag = " a--b..c,d\xff ";
    expect(offer(["from-tag", tag], ["to-tag", tag]).directives).toMatchObject({ fromTag: tag, toTag: tag });
  });

  test("the last of equal scalars counts, lists add up", () => {
    const { directives } = offer(
      ["from-tag", "1"],
      ["flags", ["asymmetric"]],
      ["from-tag", "2"],
      ["flags", ["strict-source"]],
      ["sdp", "a"],
      ["sdp", "b"],
    );
    expect(directives.fromTag).toBe("2");
    expect(directives.sdp).toBe("b");
    expect([...directives.flags]).toEqual(["asymmetric", "strict-source"]);
  });

  test("lists may be strings with commas", () => {
    const asString = offer(["rtcp-mux", "offer,require"], ["replace", "origin,SDP version"], ["flags", "fatal,fast"]);
    const asList = offer(
      ["rtcp-mux", ["offer", "require"]],
      ["replace", ["origin", "SDP version"]],
      ["flags", ["fatal", "fast"]],
    );
    expect(asString.directives).toEqual(asList.directives);
    expect(asList.directives.rtcpMux).toEqual(new Set(["offer", "require"]));
    expect(asList.directives.replace).toEqual(new Set(["origin", "sdp-version"]));
  });

  test.each([
    ["TOS", "tos", "184", 184],
    ["TOS", "tos", 0, 0],
    ["delete-delay", "deleteDelay", "-1", -1],
    ["delete delay", "deleteDelay", 5, 5],
    ["ptime", "ptime", "20", 20],
    ["ptime-reverse", "ptimeReverse", "30", 30],
    ["sip-code", "sipCode", "200", 200],
  ] as const)("%s takes numbers and their text", (key, field, value, expected) => {
    expect(offer([key, value]).directives[field]).toBe(expected);
  });

  test.each([
    ["TOS", "256"],
    ["TOS", -1],
    ["ptime", "20ms"],
    ["delete-delay", ""],
    ["media-address", "example.com"],
    ["received-from", ["IP4", "x"]],
    ["received-from", []],
    ["codec", "PCMA"],
    ["flags", dict([])],
    ["ICE", dict([])],
    ["call-id", []],
  ] as Entries)("%s with a useless value is reported and changes nothing", (key, value) => {
    const { directives, notes } = offer([key, value]);
    expect(directives).toEqual(offer().directives);
    expect(notes.map((note) => note.kind)).toEqual(["unknown-value"]);
    expect(notes[0]!.text).toContain("Invalid value for '");
  });

  test("ptime belongs to offers", () => {
    expect(decode("answer", [["ptime", 20]])).toMatchObject({ directives: { ptime: undefined }, texts: [] });
  });

  test.each([
    [["IP6", "2001:DB8::0:1"], "2001:db8::1"],
    ["192.0.2.7", "192.0.2.7"],
    ["[2001:db8::2]", "2001:db8::2"],
    [["192.0.2.8"], "192.0.2.8"],
  ] as readonly (readonly [NgValue, string])[])("received-from %j", (value, address) => {
    expect(offer(["received from", value]).directives.receivedFrom).toBe(address);
  });

  test("direction names both interfaces", () => {
    expect(offer(["direction", ["external", "internal"]]).directives).toMatchObject({
      fromInterface: "external",
      toInterface: "internal",
    });
    expect(offer(["from-interface", "a"], ["to interface", "b"]).directives).toMatchObject({
      fromInterface: "a",
      toInterface: "b",
    });
    expect(offer(["direction", ["a", "b", "c"]]).texts).toEqual(["Too many interfaces in 'direction': 'c'"]);
  });

  test.each([
    ["RTP/AVP", "RTP/AVP"],
    ["rtp/avpf", "RTP/AVPF"],
    ["UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVPF"],
    ["UDPTL", "udptl"],
    ["accept", "accept"],
  ] as const)("transport protocol %s", (name, transport) => {
    expect(offer(["transport-protocol", name]).directives.transport).toBe(transport);
  });

  test("an unknown transport protocol overrides nothing", () => {
    expect(offer(["transport-protocol", "RTP/XYZ"])).toMatchObject({
      directives: { transport: undefined },
      texts: ["Unknown 'transport-protocol' flag encountered: 'RTP/XYZ'"],
    });
  });

  test.each([
    ["ICE", "forced"],
    ["SDES", "no-SUCH_SUITE"],
    ["OSRTP", "maybe"],
    ["rtcp-mux", "both"],
    ["DTLS", "maybe"],
    ["replace", "everything"],
    ["endpoint-learning", "sometimes"],
  ])("an unknown %s value gets the reference's warning", (key, value) => {
    expect(offer([key, value]).notes).toEqual([
      { kind: "unknown-value", text: `Unknown '${key}' flag encountered: '${value}'` },
    ]);
  });

  test("other names in warnings", () => {
    expect(offer(["T38", "x"]).texts).toEqual(["Unknown 'T.38' flag encountered: 'x'"]);
    expect(offer(["bundle", "x"]).texts).toEqual(["Unknown 'BUNDLE' flag encountered: 'x'"]);
  });

  test("what comes later is decoded all the same and reported", () => {
    const { directives, notes } = offer(["record-call", "yes"], ["generate-RTCP", "on"]);
    expect(directives).toMatchObject({ recordCall: "on", generateRtcp: true });
    expect(notes).toEqual(
      ["record-call=yes", "generate-RTCP=on"].map((what) => ({
        kind: "not-honoured",
        text: `Optional feature '${what}' not supported by this version`,
      })),
    );
  });

  test("plain RTP needs no remarks", () => {
    const { notes } = offer(
      ["ICE", "remove"],
      ["DTLS", "off"],
      ["SDES", ["off", "no-NULL_HMAC_SHA1_32", "only-AES_CM_128_HMAC_SHA1_80"]],
      ["transport-protocol", "RTP/AVP"],
      ["rtcp-mux", ["demux"]],
      ["media-echo", "blackhole"],
      ["endpoint-learning", "heuristic"],
      ["drop-traffic", "start"],
      ["address family", "IP6"],
      [
        "codec",
        dict([
          ["strip", ["all"]],
          ["offer", ["PCMA"]],
          ["except", ["opus"]],
        ]),
      ],
      ["flags", ["trust-address", "replace-origin", "codec-strip-G729", "SDES-off", "no-rtcp-attribute", "NAT-wait"]],
    );
    expect(notes).toEqual([]);
  });

  test("rtcp-mux and bundle imply what they need", () => {
    expect(offer(["rtcp-mux", ["require"]]).directives.rtcpMux).toEqual(new Set(["offer", "require"]));
    const { directives } = offer(["BUNDLE", "strict"]);
    expect(directives.bundle).toEqual(new Set(["offer", "require", "strict"]));
    expect(directives.flags).toEqual(new Set(["generate-mid"]));
  });

  test("replace-session-connection of old scripts is a warning only", () => {
    const fromModule = offer(["replace", ["origin", "session-connection"]]);
    expect(fromModule.directives.replace).toEqual(new Set(["origin"]));
    expect(fromModule.notes).toEqual([
      { kind: "obsolete", text: "Unknown 'replace' flag encountered: 'session-connection'" },
    ]);
    expect(flags("replace-origin", "replace-session-connection")).toMatchObject({
      directives: fromModule.directives,
      notes: fromModule.notes,
    });
  });

  test("flags of the rtpproxy world are warnings only", () => {
    const { directives, texts } = flags("force", "symmetric", "auto-bridge", "repacketize", "ICE-force", "DTLS-off");
    expect(directives).toEqual(flags().directives);
    expect(texts).toEqual(
      ["force", "symmetric", "auto-bridge", "repacketize", "ICE-force", "DTLS-off"].map(
        (flag) => `Unknown flag encountered: '${flag}'`,
      ),
    );
  });

  test("obsolete flags are ignored and said so", () => {
    expect(flags("symmetric-codecs", "asymmetric codecs", "reorder-codecs").notes).toEqual(
      ["symmetric-codecs", "asymmetric-codecs", "reorder-codecs"].map((flag) => ({
        kind: "obsolete",
        text: `Ignoring obsolete flag '${flag}'`,
      })),
    );
  });

  test("webrtc is a macro", () => {
    const macro = flags("WebRTC").directives;
    const written = offer(
      ["transport-protocol", "UDP/TLS/RTP/SAVPF"],
      ["ICE", ["force", "trickle"]],
      ["rtcp-mux", ["offer", "require"]],
      ["SDES", "off"],
      ["flags", ["no-rtcp-attribute", "generate-mid"]],
      ["bundle", ["offer", "require"]],
    ).directives;
    expect(macro).toEqual(written);
  });

  test("DTLS roles have no meaning in an answer", () => {
    expect(decode("answer", [["DTLS", "active"]])).toMatchObject({ directives: { dtls: undefined } });
  });
});

describe("codec changes", () => {
  test("as dictionary, with escapes", () => {
    const { directives } = offer([
      "codec",
      dict([
        ["strip", ["G729", "telephone-event..x"]],
        ["offer", "PCMA,PCMU"],
        ["set", ["AMR-WB/16000/1/23850//mode-set--0,1,2"]],
      ]),
    ]);
    expect(directives.codec.strip).toEqual(["G729", "telephone-event x"]);
    expect(directives.codec.offer).toEqual(["PCMA", "PCMU"]);
    expect(directives.codec.set).toEqual(["AMR-WB/16000/1/23850//mode-set=0,1,2"]);
  });

  test("transcoding changes are ignored without a word outside offers", () => {
    const codec = dict([
      ["mask", ["opus"]],
      ["accept", ["PCMA"]],
      ["strip", ["G729"]],
    ]);
    const { directives, notes } = decode("answer", [["codec", codec]]);
    expect(directives.codec).toMatchObject({ mask: [], accept: [], strip: ["G729"] });
    expect(notes).toEqual([]);
  });

  test("an unknown kind is reported", () => {
    expect(offer(["codec", dict([["remove", ["x"]]])]).texts).toEqual(["Unknown 'codec' flag encountered: 'remove'"]);
  });

  test("each kind as prefix flag says the same as the dictionary", () => {
    for (const kind of CODEC_KINDS) {
      expect(flags(`codec-${kind}-PCMA`).directives).toEqual(offer(["codec", dict([[kind, ["PCMA"]]])]).directives);
    }
    expect(flags("transcode-opus").directives.codec.transcode).toEqual(["opus"]);
  });

  test("transcoding prefixes are unknown flags in an answer", () => {
    const decoded = decode("answer", [
      ["flags", ["transcode-opus", "codec-mask-PCMA", "T38-decode", "codec-accept-X"]],
    ]);
    expect(decoded.texts).toEqual(
      ["transcode-opus", "codec-mask-PCMA", "T38-decode"].map((flag) => `Unknown flag encountered: '${flag}'`),
    );
  });

  test("lists of one request do not leak into the next one", () => {
    flags("codec-strip-PCMA", "SDES-off", "replace-origin", "from-tags-x", "sdp-attr-add-audio-x", "strip-extmap");
    expect(flags().directives).toEqual(decode("offer", []).directives);
    const { directives } = flags();
    expect(directives.codec.strip).toEqual([]);
    expect(directives.sdes).toEqual([]);
    expect(directives.flags.size + directives.replace.size + directives.sdpAttr.size).toBe(0);
  });
});

describe("attribute changes", () => {
  test("as dictionary, prefix flags and flag string", () => {
    const asDict = offer([
      "sdp-attr",
      dict([
        ["none", dict([["add", ["tool:x"]]])],
        [
          "audio",
          dict([
            ["add", ["fmtp:96 useinbandfec=1"]],
            ["remove", ["ptime"]],
            ["substitute", [["sendrecv", "sendonly"], "rtpmap:8>rtpmap:9"]],
          ]),
        ],
      ]),
    ]).directives;
    expect(asDict.sdpAttr).toEqual(
      new Map([
        ["global", { add: ["tool:x"], remove: [], substitute: [] }],
        [
          "audio",
          {
            add: ["fmtp:96 useinbandfec=1"],
            remove: ["ptime"],
            substitute: [
              ["sendrecv", "sendonly"],
              ["rtpmap:8", "rtpmap:9"],
            ],
          },
        ],
      ]),
    );
    expect(
      flags(
        "sdp-attr-add-none-tool:x",
        "sdp-attr-add-audio-fmtp:96..useinbandfec--1",
        "sdp-attr-remove-audio-ptime",
        "sdp-attr-substitute-audio-sendrecv>sendonly",
        "sdp-attr-substitute-audio-rtpmap:8>rtpmap:9",
      ).directives,
    ).toEqual(asDict);
    expect(
      rtpp(
        "sdp-attr=[none=[add=[tool:x]] audio=[add=[fmtp:96..useinbandfec--1] remove=[ptime] " +
          "substitute=[[sendrecv sendonly] rtpmap:8>rtpmap:9]]]",
      ).directives,
    ).toEqual(asDict);
  });

  test.each([
    ["wrong type used", "audio"],
    ["wrong type used", ["audio"]],
    ["unsupported sdp section", dict([["sound", dict([])]])],
    ["wrong content given", dict([["audio", ["add"]]])],
    ["unknown manipulation command", dict([["audio", dict([["append", ["x"]]])]])],
    ["wrong content given", dict([["audio", dict([["add", 1]])]])],
    ["invalid token given", dict([["audio", dict([["add", [["x"]]]])]])],
    ["invalid token given", dict([["audio", dict([["substitute", ["x"]]])]])],
    ["invalid token given", dict([["audio", dict([["substitute", [["a", "b", "c"]]]])]])],
    ["invalid token given", dict([["audio", dict([["add", ["x\r\nm=audio 9 RTP/AVP 0"]]])]])],
  ] as readonly (readonly [string, NgValue])[])("%s", (error, value) => {
    expect(refusal([["sdp-attr", value]])).toBe(error);
  });

  test.each([
    ["wrong type used", "video"],
    ["wrong type used", dict([])],
    ["wrong type used", [1]],
    ["unsupported sdp section", ["film"]],
    ["unsupported sdp section", ["global"]],
  ] as readonly (readonly [string, NgValue])[])("sdp-media-remove: %s", (error, value) => {
    expect(refusal([["sdp-media-remove", value]])).toBe(error);
  });

  test("sdp-media-remove", () => {
    expect(offer(["SDP media remove", ["video", "other"]]).directives.sdpMediaRemove).toEqual(
      new Set(["video", "other"]),
    );
  });

  test("a prefix flag for a section that does not exist is an unknown flag", () => {
    expect(flags("sdp-attr-add-sound-x").texts).toEqual(["Unknown flag encountered: 'sdp-attr-add-sound-x'"]);
  });
});

describe("templates", () => {
  const templates = new Map([
    ["default", "trust-address replace-origin RTP/AVPF"],
    ["offer", "external internal ICE=remove template=shared"],
    ["shared", "metadata=all..calls"],
    ["loop", "asymmetric template=loop"],
  ]);

  test("default first, then the command's, then the request's keys over both", () => {
    const { directives, notes } = decode(
      "offer",
      [
        ["transport-protocol", "RTP/AVP"],
        ["ICE", "default"],
      ],
      templates,
    );
    expect(directives).toMatchObject({
      transport: "RTP/AVP",
      ice: "default",
      fromInterface: "external",
      toInterface: "internal",
      metadata: "all calls",
    });
    expect([...directives.flags]).toEqual(["trust-address"]);
    expect([...directives.replace]).toEqual(["origin"]);
    expect(notes).toEqual([]);
    expect(decode("answer", [], templates).directives.ice).toBe("default");
  });

  test("by name at its place among the keys", () => {
    const { directives } = decode(
      "answer",
      [
        ["metadata", "before"],
        ["template", "shared"],
      ],
      templates,
    );
    expect(directives.metadata).toBe("all calls");
  });

  test("an unknown one is reported, one inside itself ends", () => {
    expect(decode("answer", [["template", "none"]], templates).texts).toEqual(["Unknown template: 'none'"]);
    const { directives, texts } = decode("answer", [["template", "loop"]], templates);
    expect(directives.flags.has("asymmetric")).toBe(true);
    expect(texts).toEqual(["Template 'loop' is part of itself"]);
  });
});

describe("flag strings", () => {
  test("grammar", () => {
    const plain = (value: NgValue | undefined): unknown =>
      value instanceof NgDict
        ? Object.fromEntries(value.entries.map(([key, item]) => [key, plain(item)]))
        : Array.isArray(value)
          ? (value as readonly NgValue[]).map(plain)
          : value;
    const parse = (text: string) => parseFlagString(text).map(({ key, value }) => [key, plain(value)]);
    expect(parse("  a b=c  d=[e f] ")).toEqual([
      ["a", undefined],
      ["b", "c"],
      ["d", ["e", "f"]],
    ]);
    expect(parse("codec=[strip=[opus] transcode=[PCMA PCMU] set=x]")).toEqual([
      ["codec", { strip: ["opus"], transcode: ["PCMA", "PCMU"], set: "x" }],
    ]);
    expect(parse("a=[[x y] [z]]")).toEqual([["a", [["x", "y"], ["z"]]]]);
    expect(parse("a=[x k=v]")).toEqual([["a", ["x", "k=v"]]]);
    expect(parse("a=[k=v x]")).toEqual([["a", { k: "v", x: "" }]]);
    expect(parse("a=[] b=")).toEqual([
      ["a", []],
      ["b", ""],
    ]);
    expect(parse("a=b=c")).toEqual([["a", "b=c"]]);
    expect(parse("a=[b c")).toEqual([["a", ["b", "c"]]]);
    expect(parse("a=[b [c")).toEqual([["a", ["b", ["c"]]]]);
    expect(parse("m=x--y..z")).toEqual([["m", "x=y z"]]);
    expect(parse("to-tag=x--y file=/a/../b")).toEqual([
      ["to-tag", "x--y"],
      ["file", "/a/../b"],
    ]);
    expect(() => parse("[".repeat(10_000))).not.toThrow();
    expect(() => parse(`a=${"[".repeat(60_000)}`)).not.toThrow();
  });

  test("the reference's example", () => {
    const { directives } = rtpp(
      "replace-origin ICE=force RTP/SAVPF rtcp-mux-offer rtcp-mux-require codec=[strip=[opus] transcode=[PCMA PCMU]] " +
        "sdp-attr=[audio=[add=[fmtp:96..useinbandfec--1]]] direction=external direction=internal",
    );
    expect(directives).toMatchObject({
      replace: new Set(["origin"]),
      ice: "force",
      transport: "RTP/SAVPF",
      rtcpMux: new Set(["offer", "require"]),
      fromInterface: "external",
      toInterface: "internal",
      codec: { strip: ["opus"], transcode: ["PCMA", "PCMU"] },
    });
    expect(directives.sdpAttr.get("audio")?.add).toEqual(["fmtp:96 useinbandfec=1"]);
  });

  test.each([
    ["RTP", "RTP/AVP"],
    ["AVPF", "RTP/AVPF"],
    ["SRTP", "RTP/SAVP"],
    ["SRTP AVPF", "RTP/SAVPF"],
    ["SRTP AVPF RTP", "RTP/AVPF"],
    ["RTP/SAVPF AVP", "RTP/SAVP"],
    ["DTLS", "UDP/TLS/RTP/SAVP"],
    ["DTLS AVPF", "UDP/TLS/RTP/SAVPF"],
    ["RTP/AVP RTP/SAVPF", "RTP/SAVPF"],
    ["UDP/TLS/RTP/SAVPF AVP", "UDP/TLS/RTP/SAVP"],
  ] as const)("transport words: %s", (text, transport) => {
    expect(rtpp(text).directives.transport).toBe(transport);
  });

  test("interfaces: first and second count, more are reported", () => {
    expect(rtpp("internal external").directives).toMatchObject({ fromInterface: "internal", toInterface: "external" });
    expect(rtpp("direction=a external").directives).toMatchObject({ fromInterface: "a", toInterface: "external" });
    expect(rtpp("direction=[a b]").directives).toMatchObject({ fromInterface: "a", toInterface: "b" });
    expect(rtpp("internal external direction=c").texts).toEqual(["Too many interfaces in 'direction': 'c'"]);
  });

  test("to-tag and from-tag set a flag besides", () => {
    expect(rtpp("to-tag=B").directives).toMatchObject({ toTag: "B", flags: new Set(["to-tag"]) });
    expect(rtpp("to-tag").directives).toMatchObject({ toTag: undefined, flags: new Set(["to-tag"]) });
    expect(rtpp("from-tag=A").directives).toMatchObject({ fromTag: "A", flags: new Set(["directional"]) });
    expect(offer(["to-tag", "B"]).directives.flags.size).toBe(0);
  });

  test.each([
    ["codec-strip-PCMA", "codec-strip=PCMA"],
    ["codec-offer-PCMA", "codec-offer=PCMA"],
    ["transcode-opus", "transcode=opus"],
    ["codec-transcode-opus", "transcode-opus"],
    ["SDES-off", "SDES=off"],
    ["SDES-only-AES_CM_128_HMAC_SHA1_80", "SDES=only-AES_CM_128_HMAC_SHA1_80"],
    ["T38-decode", "T38=decode"],
    ["T.38-decode", "T.38=decode"],
    ["OSRTP-offer", "OSRTP=offer"],
    ["replace-origin", "replace=origin"],
    ["rtcp-mux-offer", "rtcp-mux=[offer]"],
    ["BUNDLE-offer", "BUNDLE=offer"],
    ["endpoint-learning-off", "endpoint-learning=off"],
    ["from-tags-x", "from-tags=[x]"],
  ])("%s is %s", (flag, key) => {
    expect(rtpp(flag).directives).toEqual(rtpp(key).directives);
    expect(flags(flag).directives).toEqual(rtpp(key).directives);
    expect(rtpp(flag).notes.filter((note) => note.kind.startsWith("unknown"))).toEqual([]);
  });
});

/**
 * What the SIP proxies' own parsers make of a flags string, as far as the dictionary's content goes: Kamailio builds lists,
 * OpenSIPS leaves most words in `flags`.
 */
function kamailio(text: string): Entries {
  const lists = new Map<string, string[]>();
  const codec = new Map<string, string[]>();
  const add = (map: Map<string, string[]>, key: string, value: string) =>
    map.set(key, [...(map.get(key) ?? []), value]);
  const out: [string, NgValue][] = [];
  let transport = 0;
  let named: string | undefined;
  for (const token of text.split(" ").filter((it) => it !== "")) {
    const codecShape = /^(?:codec-(strip|offer|mask|set|except|accept|consume|transcode)|(transcode))[-=](.+)$/.exec(
      token,
    );
    const listShape = /^(replace|SDES|rtcp-mux)[-=](.+)$/.exec(token);
    const t38Shape = /^T\.?38[-=](.+)$/.exec(token);
    const [key, value] = token.split(/=(.*)/s, 2) as [string, string | undefined];
    if (codecShape) add(codec, codecShape[1] ?? codecShape[2]!, codecShape[3]!);
    else if (listShape) add(lists, listShape[1]!, listShape[2]!);
    else if (t38Shape) add(lists, "T.38", t38Shape[1]!);
    else if (token === "internal" || token === "external") add(lists, "direction", token);
    else if (key === "direction") add(lists, "direction", value!);
    else if (token === "RTP") transport = (transport | 8) & ~1;
    else if (token === "SRTP") transport |= 9;
    else if (token === "AVP") transport = (transport | 8) & ~2;
    else if (token === "AVPF") transport |= 10;
    else if (token === "DTLS") transport |= 13;
    else if (token.includes("/")) named = token;
    else if (key === "received-from") out.push(["received-from", ["IP4", value!]]);
    else if (key === "TOS") out.push(["TOS", Number(value)]);
    else if (key === "delete-delay") out.push(["delete delay", Number(value)], ["delete-delay", value!]);
    else if (value !== undefined) out.push([key, value]);
    else add(lists, "flags", token);
  }
  if (transport) {
    const tls = transport & 4 ? "UDP/TLS/RTP/SAVP" : `RTP/${transport & 1 ? "S" : ""}AVP`;
    out.push(["transport-protocol", tls + (transport & 2 ? "F" : "")]);
  }
  if (named) out.push(["transport-protocol", named]);
  if (codec.size > 0) out.push(["codec", dict([...codec])]);
  out.push(...lists);
  return out;
}

function comparable(directives: Directives): unknown {
  return { ...directives, flags: [...directives.flags].sort(), replace: [...directives.replace].sort() };
}

describe("the same string parsed by the SIP proxy and by us", () => {
  test.each([
    "trust-address replace-origin replace-session-connection ICE=remove RTP/AVP",
    "trust-address replace-origin ICE=force RTP/SAVPF",
    "RTP/AVP replace-origin replace-SDP-version ICE=remove DTLS=off SDES-off rtcp-mux-demux",
    "SIP-source-address internal external asymmetric strict-source port-latching",
    "direction=pub direction=priv media-address=203.0.113.10 address-family=IP4",
    "codec-strip-all codec-offer-PCMA codec-offer-PCMU codec-except-opus transcode-opus codec-mask-G722",
    "SRTP AVPF",
    "SRTP RTP AVP",
    "DTLS AVPF webrtc",
    "rtcp-mux-offer rtcp-mux=require SDES-only-AES_CM_128_HMAC_SHA1_80 SDES=nonew",
    "T38-decode T.38=force T38=no-ECM OSRTP=offer",
    "TOS=184 delete-delay=0 ptime=30 record-call=yes metadata=a:b label=caller set-label=x via-branch=z9hG4bK",
    "received-from=198.51.100.50 loop-protect generate-mid trickle-ICE full-rtcp-attribute pad-crypto single-codec",
    "force symmetric repacketize=20 nonsense another=thing",
    "endpoint-learning=delayed media-echo=blackhole drop-traffic=start",
  ])("%s", (text) => {
    const byModule = decode("offer", kamailio(text));
    const byUs = rtpp(text);
    expect(comparable(byUs.directives)).toEqual(comparable(byModule.directives));
    expect(new Set(byUs.texts)).toEqual(new Set(byModule.texts));
  });

  test("OpenSIPS leaves the expansion of prefix flags to us", () => {
    const words = ["SDES-off", "codec-strip-PCMA", "transcode-opus", "T38-decode", "OSRTP-offer", "replace-origin"];
    expect(flags(...words).directives).toEqual(rtpp(words.join(" ")).directives);
  });

  test("OpenSIPS' bracket form", () => {
    const asDict = offer(
      [
        "codec",
        dict([
          ["strip", ["PCMA", "G729"]],
          ["transcode", ["opus"]],
        ]),
      ],
      ["SDES", ["off"]],
    );
    expect(rtpp("codec=[strip=[PCMA G729] transcode=[opus]] SDES=[off]").directives).toEqual(asDict.directives);
  });
});

describe("floods", () => {
  test("hundreds of unknown keys and flags up to the size of a datagram are no error", () => {
    const entries: [string, NgValue][] = [];
    for (let i = 0; i < 2_000; i++) entries.push([`key-${i}`, `value-${i}`]);
    entries.push(["flags", Array.from({ length: 2_000 }, (_, i) => `flag-${i}`)]);
    expect(offer(...entries).notes.length).toBe(4_000);
  });
});
