import { describe, expect, test } from "bun:test";
import type { CodecEdits } from "../../../src/call/directives.ts";
import { printedFmtp } from "../../../src/sdp/fmtp.ts";
import {
  answerFormats,
  editFormats,
  freePayloadType,
  isSupplemental,
  matchesCodec,
  parseCodecSpec,
} from "../../../src/sdp/formats.ts";
import type { PayloadFormat } from "../../../src/sdp/model.ts";
import { staticPayloadType } from "../../../src/sdp/payload-types.ts";
import { section } from "./echo.ts";

/** Numbers by name, as a browser and a phone together might offer them. */
const RTPMAPS = [
  "a=rtpmap:96 opus/48000/2",
  "a=fmtp:96 minptime=10",
  "a=rtpmap:97 FOOBAR/8000",
  "a=rtpmap:101 telephone-event/8000",
  "a=fmtp:101 0-15",
  "a=rtpmap:102 telephone-event/48000",
];

function formats(list: string, ...lines: readonly string[]): readonly PayloadFormat[] {
  return section(`m=audio 4000 RTP/AVP ${list}`, ...RTPMAPS, ...lines).formats;
}

function numbers(list: readonly PayloadFormat[]): string {
  return list.map(({ payloadType }) => payloadType).join(" ");
}

const NO_EDITS: CodecEdits = {
  strip: [],
  offer: [],
  except: [],
  ignore: [],
  mask: [],
  transcode: [],
  accept: [],
  consume: [],
  set: [],
};

function edit(list: string, edits: Partial<CodecEdits>, phase: "offer" | "answer" = "offer"): string {
  const result = editFormats(formats(list), { ...NO_EDITS, ...edits }, { phase, allowNoCodec: false });
  return numbers(result.formats) + (result.restored ? " restored" : "");
}

describe("codec specifications", () => {
  test("take everything a controller may say", () => {
    expect(parseCodecSpec("AMR-WB/16000/1/23850//mode-set=0,1,2/a/b")).toEqual({
      name: "AMR-WB",
      clockRate: 16000,
      channels: 1,
      bitrate: 23850,
      ptime: undefined,
      fmtp: "mode-set=0,1,2",
      options: "a/b",
    });
    expect(parseCodecSpec("")).toBeUndefined();
    expect(parseCodecSpec("/8000")).toBeUndefined();
    expect(parseCodecSpec("PCMA/x")).toBeUndefined();
    expect(parseCodecSpec("PCMA/-1")).toBeUndefined();
    expect(parseCodecSpec("PCMA/1.5")).toBeUndefined();
  });

  test("match in any case, and clock rate and channels only where given", () => {
    const [pcma, opus, nameless] = formats("8 96 120") as [PayloadFormat, PayloadFormat, PayloadFormat];
    const matches = (spec: string, format: PayloadFormat) => matchesCodec(parseCodecSpec(spec)!, format);
    expect(matches("pcma", pcma)).toBe(true);
    expect(matches("PCMA/8000/1", pcma)).toBe(true);
    expect(matches("PCMA/16000", pcma)).toBe(false);
    expect(matches("PCMA/8000/2", pcma)).toBe(false);
    expect(matches("PCM", pcma)).toBe(false);
    expect(matches("OPUS/48000", opus)).toBe(true);
    expect(matches("opus//2", opus)).toBe(true);
    expect(matches("opus/48000/1", opus)).toBe(false);
    expect(matches("opus", nameless)).toBe(false);
  });
});

describe("codec changes in an offer", () => {
  test("nothing asked for changes nothing", () => {
    expect(edit("101 0 8", {})).toBe("101 0 8");
    expect(edit("101 0 8", { offer: ["PCMA", "PCMU"] })).toBe("101 0 8");
    expect(edit("101 0 8", { except: ["PCMA"] })).toBe("101 0 8");
    expect(edit("101 0 8", { ignore: ["PCMA"] })).toBe("101 0 8");
    expect(edit("101 0 8", { strip: ["G729"] })).toBe("101 0 8");
  });

  test("strip takes codecs out, by name and by clock rate", () => {
    expect(edit("0 8 101 96 13 97", { strip: ["pcmu"] })).toBe("8 101 96 13 97");
    expect(edit("0 8 101 96 13 97", { strip: ["PCMU/16000"] })).toBe("0 8 101 96 13 97");
    expect(edit("0 96 101 102", { strip: ["telephone-event/8000"] })).toBe("0 96 102");
    expect(edit("0 8 101", { strip: ["telephone-event"] })).toBe("0 8");
  });

  test("mask and consume hide a codec like strip", () => {
    expect(edit("0 8 101", { mask: ["PCMU"] })).toBe("8 101");
    expect(edit("0 8 101", { consume: ["PCMU"] })).toBe("8 101");
    expect(edit("0 8 101", { mask: ["all"], offer: ["PCMA"] })).toBe("8");
  });

  test("strip all leaves what offer lists, in the order of that list", () => {
    expect(edit("0 8 101 96 13 97", { strip: ["all"], offer: ["PCMA", "PCMU"] })).toBe("8 0");
    expect(edit("0 8 101 96 13 97", { strip: ["full"], offer: ["PCMA"] })).toBe("8");
    expect(edit("0 8 96 13 101", { strip: ["all"], offer: ["PCMU", "PCMA", "telephone-event"] })).toBe("0 8 101");
    expect(edit("0 8 96 13 101", { strip: ["all"], offer: ["telephone-event", "PCMA", "PCMU"] })).toBe("8 0 101");
  });

  test("strip all leaves what except lists, in the order of the offer, before what offer adds", () => {
    expect(edit("0 8 101 96", { strip: ["all"], except: ["PCMA", "PCMU"] })).toBe("0 8");
    expect(edit("0 8 101 96", { strip: ["all"], except: ["PCMA"], offer: ["PCMU"] })).toBe("8 0");
    expect(edit("0 8 101", { strip: ["PCMU"], except: ["PCMU"] })).toBe("8 101");
  });

  test("offer puts a stripped codec back, before the supplemental types", () => {
    expect(edit("0 8 96 101 102", { strip: ["PCMU"], offer: ["PCMU"] })).toBe("8 96 0 101 102");
    expect(edit("101 0 8 96 102", { strip: ["PCMU"], offer: ["PCMU"] })).toBe("0 101 8 96 102");
  });

  test("telephone-event goes with the last codec of its clock rate", () => {
    expect(edit("0 96 101 102", { strip: ["opus"] })).toBe("0 101");
    expect(edit("0 96 101 102", { strip: ["PCMU"] })).toBe("96 102");
    expect(edit("0 96 101 102", { strip: ["all"], offer: ["opus", "telephone-event"] })).toBe("96 102");
  });

  test("telephone-event stays where it never had a codec of its clock rate, or is asked for by name", () => {
    expect(edit("0 8 102", { strip: ["PCMU"] })).toBe("8 102");
    expect(edit("0 96 101", { strip: ["all"], offer: ["opus", "telephone-event"] })).toBe("96 101");
  });

  test("an emptied section comes back whole", () => {
    expect(edit("0 8 101", { strip: ["all"] })).toBe("0 8 101 restored");
    expect(edit("0 8 101", { strip: ["PCMU", "PCMA"] })).toBe("0 8 101 restored");
    expect(edit("0 8 101", { strip: ["all"], offer: ["G729"] })).toBe("0 8 101 restored");
    expect(edit("0 8 101", { strip: ["all"], offer: ["telephone-event"] })).toBe("0 8 101 restored");
  });

  test("allow-no-codec-media leaves it empty", () => {
    const options = { phase: "offer", allowNoCodec: true } as const;
    expect(editFormats(formats("0 101"), { ...NO_EDITS, strip: ["all"] }, options)).toEqual({
      formats: [],
      restored: false,
    });
    expect(editFormats(formats("0 101"), { ...NO_EDITS, strip: ["PCMU"] }, options).formats).toEqual([]);
  });
});

describe("codec changes in an answer", () => {
  test("ignore and strip pretend the codec was not there, mask has no meaning", () => {
    expect(edit("0 8 101", { ignore: ["PCMU"] }, "answer")).toBe("8 101");
    expect(edit("0 8 101", { strip: ["PCMU"] }, "answer")).toBe("8 101");
    expect(edit("0 8 101", { mask: ["PCMU"] }, "answer")).toBe("0 8 101");
  });
});

describe("an answer in the words of the offer", () => {
  const PLAIN = { singleCodec: false, allowAsymmetric: false };
  const ANSWER = { singleCodec: true, allowAsymmetric: false };

  test("the answerer's order and parameters", () => {
    const answered = formats("8 101 0", "a=fmtp:101 0-11");
    const result = answerFormats(formats("0 8 96 101"), answered, PLAIN);
    expect(result.formats).toEqual(answered);
    expect(result.removed).toEqual([]);
    expect(result.renumbered.size).toBe(0);
  });

  test("a codec that was never offered is removed", () => {
    const result = answerFormats(formats("0 8"), formats("9 8 18"), PLAIN);
    expect(numbers(result.formats)).toBe("8");
    expect(numbers(result.removed)).toBe("9 18");
    expect(result.restored).toBe(false);
  });

  test("an answer of nothing but such codecs passes as it is", () => {
    const result = answerFormats(formats("0 8"), formats("9"), PLAIN);
    expect(numbers(result.formats)).toBe("9");
    expect(result.restored).toBe(true);
  });

  test("other numbers for the same encodings are translated and told to the relay", () => {
    const answered = section(
      "m=audio 6000 RTP/AVP 111 110",
      "a=rtpmap:111 OPUS/48000/2",
      "a=fmtp:111 stereo=1",
      "a=rtpmap:110 telephone-event/8000",
    ).formats;
    const result = answerFormats(formats("96 0 101"), answered, PLAIN);
    expect(result.formats.map((f) => `${f.payloadType} ${f.name} ${f.fmtp}`)).toEqual([
      "96 OPUS stereo=1",
      "101 telephone-event undefined",
    ]);
    expect([...result.renumbered]).toEqual([
      [96, 111],
      [101, 110],
    ]);
  });

  test("exchanged numbers are told apart by their encoding", () => {
    const answered = section(
      "m=audio 6000 RTP/AVP 97 96",
      "a=rtpmap:97 opus/48000/2",
      "a=rtpmap:96 FOOBAR/8000",
    ).formats;
    const result = answerFormats(formats("96 97"), answered, PLAIN);
    expect(result.formats.map((f) => `${f.payloadType} ${f.name}`)).toEqual(["96 opus", "97 FOOBAR"]);
    expect(result.renumbered).toEqual(
      new Map([
        [96, 97],
        [97, 96],
      ]),
    );
  });

  test("H.264 offered twice is matched by number, then by parameters", () => {
    const offered = section(
      "m=video 4000 RTP/AVP 98 99",
      "a=rtpmap:98 H264/90000",
      "a=fmtp:98 packetization-mode=1",
      "a=rtpmap:99 H264/90000",
      "a=fmtp:99 packetization-mode=0",
    ).formats;
    const answer = (number: number, ...more: readonly string[]) =>
      section(`m=video 4000 RTP/AVP ${number}`, `a=rtpmap:${number} H264/90000`, ...more).formats;
    const result = (answered: readonly PayloadFormat[]) => numbers(answerFormats(offered, answered, PLAIN).formats);
    expect(result(answer(99, "a=fmtp:99 packetization-mode=1"))).toBe("99");
    expect(result(answer(110, "a=fmtp:110 packetization-mode=0"))).toBe("99");
    expect(result(answer(110, "a=fmtp:110 packetization-mode=2"))).toBe("98");
  });

  test("an answer without rtpmap means what the offer said", () => {
    const answered = section("m=audio 6000 RTP/AVP 8 101").formats;
    const result = answerFormats(formats("0 8 101"), answered, PLAIN);
    expect(result.formats[1]).toEqual({
      payloadType: 101,
      name: "telephone-event",
      clockRate: 8000,
      channels: undefined,
      fmtp: undefined,
      feedback: [],
    });
  });

  test("a number nobody named passes when both use it", () => {
    const result = answerFormats(formats("0 120"), formats("120 121"), PLAIN);
    expect(numbers(result.formats)).toBe("120");
    expect(numbers(result.removed)).toBe("121");
  });

  test("allow-asymmetric-codecs lets the answer's own numbers and codecs pass", () => {
    const answered = section("m=audio 6000 RTP/AVP 111 9", "a=rtpmap:111 opus/48000/2").formats;
    const result = answerFormats(formats("96 0"), answered, { singleCodec: false, allowAsymmetric: true });
    expect(numbers(result.formats)).toBe("111 9");
    expect(result.renumbered.size).toBe(0);
  });

  test("single-codec leaves the first codec and its supplemental types", () => {
    const single = (list: string) => numbers(answerFormats(formats(list), formats(list), ANSWER).formats);
    expect(single("8 0 101 96 13 102")).toBe("8 101 13");
    expect(single("96 0 101 102")).toBe("96 102");
    expect(single("96 0 101")).toBe("96 101");
    expect(single("101 8 0")).toBe("101 8");
    expect(single("101")).toBe("101");
  });
});

test("supplemental types are telephone-event, CN and red", () => {
  expect(formats("0 13 101 96").map(isSupplemental)).toEqual([false, true, true, false]);
});

test("the first free dynamic number", () => {
  expect(freePayloadType(formats("0 96 97 99", "a=rtpmap:99 x/1"))).toBe(98);
  const all = Array.from({ length: 32 }, (_, i) => 96 + i).join(" ");
  expect(freePayloadType(formats(all))).toBeUndefined();
});

test("static numbers by encoding", () => {
  expect(staticPayloadType("pcma", 8000)).toBe(8);
  expect(staticPayloadType("L16", 44100)).toBe(11);
  expect(staticPayloadType("L16", 44100, 2)).toBe(10);
  expect(staticPayloadType("opus", 48000, 2)).toBeUndefined();
});

describe("printed parameters", () => {
  const opus = (fmtp: string) => printedFmtp({ name: "opus", fmtp });

  test("opus in fixed order, unknown and malformed ones lost", () => {
    expect(opus("minptime=10;useinbandfec=1")).toBe("useinbandfec=1; minptime=10");
    expect(
      opus(
        "maxplaybackrate=16000; sprop-maxcapturerate=16000; maxaveragebitrate=20000; cbr=0; Stereo=1; sprop-stereo=0; usedtx=1; x=1;minptime=20;useinbandfec=0",
      ),
    ).toBe(
      "stereo=1; sprop-stereo=0; useinbandfec=0; usedtx=1; cbr=0; maxplaybackrate=16000; maxaveragebitrate=20000; sprop-maxcapturerate=16000; minptime=20",
    );
    expect(opus("x=1")).toBeUndefined();
    expect(opus("stereo=yes;usedtx;cbr=")).toBeUndefined();
    expect(opus("stereo=01; ;stereo=0")).toBe("stereo=1");
  });

  test("EVS in fixed order, values as they came", () => {
    expect(printedFmtp({ name: "EVS", fmtp: "ch-aw-recv=-1;bw=nb-swb; br=5.9-24.4;new=1;dtx=0" })).toBe(
      "dtx=0; br=5.9-24.4; bw=nb-swb; ch-aw-recv=-1; new=1",
    );
  });

  test("other codecs verbatim", () => {
    expect(printedFmtp({ name: "AMR", fmtp: "mode-set=0,2;octet-align=1" })).toBe("mode-set=0,2;octet-align=1");
    expect(printedFmtp({ name: undefined, fmtp: "b=1;a=2" })).toBe("b=1;a=2");
    expect(printedFmtp({ name: "opus", fmtp: undefined })).toBeUndefined();
  });
});
