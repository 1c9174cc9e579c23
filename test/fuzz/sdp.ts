/**
 * Fuzzing of the SDP room: descriptions of real phones and browsers, mutated by bytes, tokens and lines. A text gives an
 * error inside it or a description; what is printed of that reads back the same; codec lists never grow.
 */
import type { AttributeEdits, CodecEdits } from "../../src/call/directives.ts";
import { cryptoKeys } from "../../src/sdp/crypto.ts";
import { answerFormats, editFormats } from "../../src/sdp/formats.ts";
import type { PayloadFormat, SessionDescription } from "../../src/sdp/model.ts";
import { isSdpError, parseSdp } from "../../src/sdp/parse.ts";
import { legacyTwins } from "../../src/sdp/transport.ts";
import { writeSdp } from "../../src/sdp/write.ts";
import { echo } from "../unit/sdp/echo.ts";
import type { FuzzTarget } from "./target.ts";

const SEEDS: readonly (readonly string[])[] = [
  [
    "v=0",
    "o=alice 100 1 IN IP4 192.0.2.10",
    "s=call",
    "c=IN IP4 192.0.2.10",
    "b=AS:64",
    "t=0 0",
    "a=tool:demo",
    "m=audio 4000 RTP/AVP 8 0 101",
    "a=rtpmap:101 telephone-event/8000",
    "a=fmtp:101 0-15",
    "a=ptime:20",
    "a=silenceSupp:off - - - -",
    "m=image 4010 udptl t38",
    "a=T38FaxVersion:0",
  ],
  [
    "v=0",
    "o=- 4611 2 IN IP4 127.0.0.1",
    "s=-",
    "t=0 0",
    "a=group:BUNDLE 0 1",
    "a=extmap-allow-mixed",
    "a=msid-semantic: WMS",
    "m=audio 50000 UDP/TLS/RTP/SAVPF 111 0 110",
    "c=IN IP4 192.0.2.20",
    "a=rtcp:9 IN IP4 0.0.0.0",
    "a=candidate:1 1 udp 2122260223 192.0.2.20 50000 typ host generation 0",
    "a=candidate:2 1 udp 1686052607 203.0.113.4 50000 typ srflx raddr 192.0.2.20 rport 50000",
    "a=ice-ufrag:abcd",
    "a=ice-pwd:0123456789abcdef01234567",
    "a=ice-options:trickle",
    "a=fingerprint:sha-256 AA:BB:CC:DD",
    "a=setup:actpass",
    "a=mid:0",
    "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    "a=sendrecv",
    "a=rtcp-mux",
    "a=rtpmap:111 opus/48000/2",
    "a=rtcp-fb:111 transport-cc",
    "a=fmtp:111 minptime=10;useinbandfec=1",
    "a=rtpmap:110 telephone-event/48000",
    "a=ssrc:1 cname:x",
    "m=video 0 UDP/TLS/RTP/SAVPF 96",
    "c=IN IP6 ::1",
    "a=bundle-only",
    "a=mid:1",
  ],
  [
    "v=0",
    "o=bob 7 7 IN IP6 2001:db8::1",
    "s=x",
    "c=IN IP6 2001:db8::1",
    "t=0 0",
    "m=audio 6000/2 RTP/SAVP 0 96",
    "a=rtpmap:96 EVS/16000/1",
    "a=fmtp:96 br=5.9-24.4;bw=nb-swb",
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^20|1:4",
    "m=audio 6000 RTP/AVP 0",
    "m=message 7394 TCP/MSRP *",
  ],
];

/** What is put in where a mutation needs something. */
const TOKENS: readonly string[] = [
  "",
  " ",
  "0",
  "1",
  "-1",
  "127",
  "128",
  "65535",
  "65536",
  "4294967296",
  "99999999999999999999",
  ":",
  "/",
  "=",
  "\r",
  "\n",
  "\r\n",
  "\t",
  "\0",
  "\xff",
  "IN IP4 0.0.0.0",
  "IN IP6 ::",
  "RTP/AVP",
  "a=rtpmap:96 opus/48000/2",
  "a=sendonly",
  "a=T38x",
  "a=rtcp-fb:* nack",
  "a=:",
  "m=audio 1 RTP/AVP 0",
  "c=IN IP4 1.2.3.4",
  "x".repeat(70),
];

const NAMES = ["PCMU", "pcma/8000", "opus/48000/2", "telephone-event", "all", "full", "G729", "", "/", "EVS//1"];

const pick = <T>(list: readonly T[], random: () => number): T => list[Math.floor(random() * list.length)]!;

function mutated(random: () => number): string {
  const lines = [...pick(SEEDS, random)];
  const changes = Math.floor(random() * 6);
  for (let i = 0; i < changes; i++) {
    const at = Math.floor(random() * lines.length);
    const line = lines[at] ?? "";
    const from = Math.floor(random() * (line.length + 1));
    const to = from + Math.floor(random() * 4);
    switch (Math.floor(random() * 7)) {
      case 0:
        lines.splice(at, 1);
        break;
      case 1:
        lines.splice(at, 0, pick(lines, random) ?? "");
        break;
      case 2:
        lines[at] = line.slice(0, from) + String.fromCharCode(Math.floor(random() * 256)) + line.slice(to);
        break;
      case 3:
        lines[at] = line.slice(0, from);
        break;
      case 4:
        lines.splice(at, 0, pick(TOKENS, random));
        break;
      case 5: {
        const words = line.split(" ");
        words[Math.floor(random() * words.length)] = pick(TOKENS, random);
        lines[at] = words.join(" ");
        break;
      }
      default:
        lines[at] = line.slice(0, from) + pick(TOKENS, random) + line.slice(from);
    }
  }
  const text = lines.join(random() < 0.2 ? "\n" : "\r\n");
  return random() < 0.8 ? `${text}\r\n` : text.slice(0, Math.floor(random() * text.length));
}

function some<T>(list: readonly T[], random: () => number): T[] {
  return Array.from({ length: Math.floor(random() * 3) }, () => pick(list, random));
}

const NO_EDITS: ReadonlyMap<string, AttributeEdits> = new Map();

function attributeEdits(random: () => number): ReadonlyMap<string, AttributeEdits> {
  const words = ["rtpmap", "rtpmap:8", "sendrecv", "mid:0", "x", "", ":", "a\r\nb", "rtcp"];
  return new Map(
    some(["global", "audio", "video", "image"], random).map((section) => [
      section,
      {
        add: some(words, random),
        remove: some(words, random),
        substitute: some(words, random).map((from) => [from, pick(words, random)] as const),
      },
    ]),
  );
}

/** What is wrong with the handling of `text`; undefined when nothing is. */
function problem(text: string, random: () => number): string | undefined {
  const keepDirection = random() < 0.1;
  const result = parseSdp(text, {
    fragment: random() < 0.2,
    rejectEmptyLine: random() < 0.2,
    keepDirection,
    mohAttrName: "tool",
  });
  if (isSdpError(result)) {
    const { offset, reason } = result;
    if (!(offset >= 0 && offset <= text.length) || reason === "") return "error without place or reason";
    return offset > 0 && text[offset - 1] !== "\n" ? "error that is not at the start of a line" : undefined;
  }
  // With the directions among the other attributes the echo would print them twice.
  return (keepDirection ? undefined : printedProblem(result, random)) ?? codecProblem(result, random);
}

function printedProblem(description: SessionDescription, random: () => number): string | undefined {
  const once = writeSdp(echo(description), NO_EDITS);
  const again = parseSdp(once, { fragment: false, rejectEmptyLine: true });
  if (isSdpError(again)) return `own text rejected: ${again.reason}`;
  if (writeSdp(echo(again), NO_EDITS) !== once) return "second printing differs";
  if (again.media.length !== description.media.length) return "sections lost";
  const edited = writeSdp(echo(description), attributeEdits(random));
  for (const line of edited.split("\n")) {
    if (line !== "" && line[1] !== "=") return "line of wrong form printed";
  }
  legacyTwins(description.media);
  for (const { crypto } of description.media) for (const line of crypto) cryptoKeys(line);
  return undefined;
}

function codecProblem({ media }: SessionDescription, random: () => number): string | undefined {
  const edits: CodecEdits = {
    strip: some(NAMES, random),
    offer: some(NAMES, random),
    except: some(NAMES, random),
    ignore: some(NAMES, random),
    mask: some(NAMES, random),
    transcode: [],
    accept: [],
    consume: [],
    set: [],
  };
  const has = (list: readonly PayloadFormat[], { payloadType }: PayloadFormat) =>
    list.some((one) => one.payloadType === payloadType);
  let offered: readonly PayloadFormat[] = [];
  for (const { formats } of media) {
    const phase = random() < 0.5 ? "offer" : "answer";
    const result = editFormats(formats, edits, { phase, allowNoCodec: false }).formats;
    if (new Set(result).size !== result.length || !result.every((format) => formats.includes(format))) {
      return "codec list with something new";
    }
    if (formats.length > 0 && result.length === 0) return "codec list emptied";
    const answer = answerFormats(offered, formats, { singleCodec: random() < 0.3, allowAsymmetric: false });
    if (!answer.restored && !answer.formats.every((format) => has(offered, format))) return "answer beyond the offer";
    if (new Set(answer.formats.map(({ payloadType }) => payloadType)).size !== answer.formats.length) {
      return "answer with a number twice";
    }
    offered = formats;
  }
  return undefined;
}

export const target: FuzzTarget = {
  name: "sdp",
  run(cases, random) {
    const failures: string[] = [];
    for (let i = 0; i < cases; i++) {
      const text = mutated(random);
      let found: string | undefined;
      try {
        found = problem(text, random);
      } catch (error) {
        found = `exception: ${error instanceof Error ? error.message : String(error)}`;
      }
      if (found !== undefined) failures.push(`case ${i}: ${found} <- ${JSON.stringify(text).slice(0, 3_000)}`);
    }
    return { cases, failures };
  },
};
