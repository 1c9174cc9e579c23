import { describe, expect, test } from "bun:test";
import { MAX_ATTRIBUTES, MAX_CANDIDATES, MAX_SDP_SIZE, MAX_SECTIONS } from "../../../src/limits.ts";
import { isSdpError, type ParseOptions, parseSdp } from "../../../src/sdp/parse.ts";
import { PLAIN, parsed, SESSION, sdp, section } from "./echo.ts";

const AUDIO = "m=audio 4000 RTP/AVP 8";

/** The kind of error these lines give, and at which of them (from 0). */
function error(lines: readonly string[], options: ParseOptions = PLAIN): string {
  const text = sdp(...lines);
  const result = parseSdp(text, options);
  if (!isSdpError(result)) return "no error";
  expect(result.reason).not.toBe("");
  const before = text.slice(0, result.offset);
  expect(before === "" || before.endsWith("\n")).toBe(true);
  return `${result.kind} ${before.split("\n").length - 1}`;
}

describe("lines", () => {
  test("a phone that ends lines with LF alone is understood like one with CRLF", () => {
    const text = sdp(...SESSION, AUDIO, "a=ptime:20");
    expect(parsed(text.replaceAll("\r\n", "\n"))).toEqual(parsed(text));
  });

  test("the last line may lack its end", () => {
    expect(parsed(sdp(...SESSION, AUDIO).slice(0, -2)).media[0]?.formatText).toBe("8");
  });

  test("an empty line ends the description, whatever follows", () => {
    const result = parsed(`${sdp(...SESSION, AUDIO)}\r\ngarbage`);
    expect(result.media).toHaveLength(1);
  });

  test("with reject-invalid-sdp an empty line is an error at its place", () => {
    const text = sdp(...SESSION, AUDIO);
    const result = parseSdp(`${text}\r\n`, { fragment: false, rejectEmptyLine: true });
    expect(result).toMatchObject({ kind: "syntax", offset: text.length });
    expect(isSdpError(parseSdp(text, { fragment: false, rejectEmptyLine: true }))).toBe(false);
  });

  test("nothing, and blank text, is no session description", () => {
    for (const text of ["", "\r\n", "\n\n"]) expect(parseSdp(text, PLAIN)).toMatchObject({ kind: "syntax", offset: 0 });
  });

  test("the first line must be v=0", () => {
    expect(error(SESSION.slice(1))).toBe("syntax 0");
    expect(error(["v=1", ...SESSION.slice(1)])).toBe("syntax 0");
    expect(error(["v=0 ", ...SESSION.slice(1)])).toBe("syntax 0");
    expect(error(["v=", ...SESSION.slice(1)])).toBe("syntax 0");
    expect(error([...SESSION, "v=0"])).toBe("syntax 5");
    expect(error([...SESSION, AUDIO, "v=0"])).toBe("syntax 6");
  });

  test("a line whose second character is no '=' is an error", () => {
    expect(error(["v=0", "ab"])).toBe("syntax 1");
    expect(error(["v=0", "a"])).toBe("syntax 1");
    expect(error(["v=0", "=="])).toBe("syntax 1");
    expect(error(["v=0", " a=b"])).toBe("syntax 1");
  });

  test("k=, r= and z= are dropped, other letters are errors", () => {
    const result = parsed(sdp(...SESSION, "k=clear:x", "r=7d 1h", "z=0", AUDIO, "k=prompt"));
    expect(result.media[0]?.all).toEqual([]);
    for (const letter of "abcdefghijklmnopqrstuvwxyzA0") {
      if ("vosiuepctbamkrz".includes(letter)) continue;
      expect(error([...SESSION, `${letter}=1`])).toBe("syntax 5");
    }
  });

  test("session lines inside a media section are errors", () => {
    for (const letter of "osuept") expect(error([...SESSION, AUDIO, `${letter}=x`])).toBe("syntax 6");
  });
});

describe("session lines", () => {
  test("o= has six tokens, once; its address may be anything", () => {
    expect(parsed(sdp(...SESSION, AUDIO)).origin).toEqual({
      username: "alice",
      sessionId: "100",
      version: "1",
      addressType: "IP4",
      address: "192.0.2.10",
    });
    expect(parsed(sdp("v=0", "o=- 1 2 IN IP4 pbx.invalid")).origin?.address).toBe("pbx.invalid");
    expect(error(["v=0", "o=alice 100 1 IN IP4"])).toBe("syntax 1");
    expect(error([...SESSION, SESSION[1]])).toBe("syntax 5");
  });

  test("s, i, u, e, p and t keep their text", () => {
    const result = parsed(sdp("v=0", "s= ", "i=info", "u=http://x", "e=a@b", "p=+1", "b=AS:5", "t=1 2"));
    expect(result).toMatchObject({
      name: " ",
      info: "info",
      uri: "http://x",
      email: "a@b",
      phone: "+1",
      timing: "1 2",
    });
    expect(result.bandwidth).toEqual({ AS: 5 });
    expect(parsed(sdp("v=0", "s=")).name).toBe("");
    expect(parsed(sdp("v=0")).name).toBeUndefined();
  });

  test("b= remembers AS, RR, RS, TIAS and CT; others and what is no number are dropped", () => {
    const result = parsed(
      sdp(
        ...SESSION,
        "b=AS:64",
        "b=X-Y:1",
        "b=RR:x",
        "b=CT:-1",
        "b=RS",
        AUDIO,
        "b=TIAS:5",
        "b=RR:0",
        "b=RS:7",
        "b=CT:9",
      ),
    );
    expect(result.bandwidth).toEqual({ AS: 64 });
    expect(result.media[0]?.bandwidth).toEqual({ TIAS: 5, RR: 0, RS: 7, CT: 9 });
  });

  test("groups, loop ids and other attributes are kept apart", () => {
    const result = parsed(
      sdp(
        ...SESSION,
        "a=tool:x",
        "a=group:BUNDLE a b",
        "a=rtpengine:0123456789ab",
        "a=msid-semantic: WMS",
        "a=moh",
        AUDIO,
      ),
      { ...PLAIN, mohAttrName: "moh" },
    );
    expect(result.groups).toEqual(["BUNDLE a b"]);
    expect(result.loopIds).toEqual(["0123456789ab"]);
    expect(result.others).toEqual(["tool:x", "msid-semantic: WMS"]);
  });
});

describe("c=", () => {
  test("a section has its own or the session's, in canonical form", () => {
    const result = parsed(sdp(...SESSION, AUDIO, "m=video 5000 RTP/AVP 34", "c=in IP6 2001:DB8:0::1"));
    expect(result.media.map(({ connection }) => connection)).toEqual([
      { family: 4, address: "192.0.2.10" },
      { family: 6, address: "2001:db8::1" },
    ]);
  });

  test("twice on one level is an error", () => {
    expect(error([...SESSION, "c=IN IP4 192.0.2.1"])).toBe("syntax 5");
    expect(error([...SESSION, AUDIO, "c=IN IP4 192.0.2.1", "c=IN IP4 192.0.2.1"])).toBe("syntax 7");
  });

  test("names, wrong families, multicast suffixes and numbers out of range are errors", () => {
    for (const value of [
      "IN IP4 pbx.invalid",
      "IN IP4 2001:db8::1",
      "IN IP6 192.0.2.1",
      "IN IP4 224.2.1.1/127",
      "IN IP4 192.0.2.256",
      "IN IP4 192.0.2.01",
      "IN IP4 192.0.2",
      "IN IP4 1.2.3.4.5",
      "IN IP4",
      "IN IP5 192.0.2.1",
      "in ip4 192.0.2.1",
      "TN RFE2543 1",
      "IN IP4 192.0.2.1 x",
      "",
    ]) {
      expect(error(["v=0", `c=${value}`])).toBe("syntax 1");
    }
  });

  test("no address at all makes the message incomplete, a rejected section included", () => {
    const session = SESSION.filter((line) => !line.startsWith("c="));
    expect(error([...session, AUDIO])).toBe("incomplete 4");
    expect(error([...session, "m=audio 0 RTP/AVP 8"])).toBe("incomplete 4");
    expect(error([...session, AUDIO, "c=IN IP4 192.0.2.1"])).toBe("no error");
    expect(error([...session])).toBe("no error");
  });
});

describe("m=", () => {
  test("type, port, protocol and formats", () => {
    expect(section("m=audio 4000 RTP/AVP 8 0")).toMatchObject({
      type: "audio",
      port: 4000,
      portCount: 1,
      protocol: "RTP/AVP",
      isRtp: true,
      formatText: "8 0",
    });
    expect(section("m=message 7394 TCP/MSRP *")).toMatchObject({ isRtp: false, formatText: "*", formats: [] });
    expect(section("m=audio 4000 rtp/savpf 8")).toMatchObject({ isRtp: true, protocol: "rtp/savpf" });
    expect(section("m=audio 4000 RTP/AVP")).toMatchObject({ formatText: "", formats: [] });
  });

  test("up to ten consecutive port pairs", () => {
    expect(section("m=audio 4000/2 RTP/AVP 8")).toMatchObject({ port: 4000, portCount: 2 });
    expect(section("m=audio 4000/10 RTP/AVP 8").portCount).toBe(10);
    for (const port of ["4000/11", "4000/0", "4000/", "4000/x", "/2"]) {
      expect(error([...SESSION, `m=audio ${port} RTP/AVP 8`])).toBe("syntax 5");
    }
  });

  test("a port that is not 0-65535, or a missing field, is an error", () => {
    expect(section("m=audio 65535 RTP/AVP 8").port).toBe(65535);
    for (const line of [
      "m=audio 65536 RTP/AVP 8",
      "m=audio -1 RTP/AVP 8",
      "m=audio x RTP/AVP 8",
      "m=audio 1",
      "m=audio",
      "m=",
    ]) {
      expect(error([...SESSION, line])).toBe("syntax 5");
    }
  });

  test("a payload type that is no number below 128 fails the message, unless the section is rejected", () => {
    expect(error([...SESSION, "m=audio 4000 RTP/AVP 8 x"])).toBe("incomplete 5");
    expect(error([...SESSION, "m=audio 4000 RTP/AVP 128"])).toBe("incomplete 5");
    expect(error([...SESSION, AUDIO, "m=video 4002 RTP/AVP -1"])).toBe("incomplete 6");
    expect(section("m=audio 0 RTP/AVP x")).toMatchObject({ formatText: "x", formats: [] });
    expect(section("m=image 4000 udptl t38").formatText).toBe("t38");
  });

  test("a syntax error further down comes before what is incomplete", () => {
    expect(error([...SESSION, "m=audio 4000 RTP/AVP x", "q=1"])).toBe("syntax 6");
  });
});

describe("payload formats", () => {
  test("static types are known without rtpmap, an rtpmap overrides", () => {
    const { formats } = section("m=audio 4000 RTP/AVP 0 8 9 10 11 13 18 35 96 3", "a=rtpmap:3 FOO/16000/2");
    expect(formats.map((f) => `${f.payloadType} ${f.name}/${f.clockRate}/${f.channels}`)).toEqual([
      "0 PCMU/8000/undefined",
      "8 PCMA/8000/undefined",
      "9 G722/8000/undefined",
      "10 L16/44100/2",
      "11 L16/44100/undefined",
      "13 CN/8000/undefined",
      "18 G729/8000/undefined",
      "35 undefined/undefined/undefined",
      "96 undefined/undefined/undefined",
      "3 FOO/16000/2",
    ]);
  });

  test("rtpmap, fmtp and rtcp-fb gather at their type, in the order of the m= line", () => {
    const { formats, others } = section(
      "m=video 4000 RTP/AVPF 97 96",
      "a=rtcp-fb:96 nack",
      "a=rtpmap:96 VP8/90000",
      "a=rtcp-fb:96 nack pli",
      "a=rtcp-fb:* ccm fir",
      "a=rtpmap:97 rtx/90000",
      "a=fmtp:97 apt=96",
      "a=rtpmap:98 unlisted/8000",
    );
    expect(formats).toEqual([
      { payloadType: 97, name: "rtx", clockRate: 90000, channels: undefined, fmtp: "apt=96", feedback: [] },
      {
        payloadType: 96,
        name: "VP8",
        clockRate: 90000,
        channels: undefined,
        fmtp: undefined,
        feedback: ["nack", "nack pli"],
      },
    ]);
    expect(others).toEqual(["rtcp-fb:* ccm fir"]);
  });

  test("a number twice in the list counts once", () => {
    expect(section("m=audio 4000 RTP/AVP 8 0 8").formats.map((f) => f.payloadType)).toEqual([8, 0]);
  });

  test("malformed rtpmap, fmtp and rtcp-fb are dropped", () => {
    const media = section(
      "m=audio 4000 RTP/AVP 96 97",
      "a=rtpmap:96",
      "a=rtpmap:96 ",
      "a=rtpmap:96 foo",
      "a=rtpmap:96 foo/",
      "a=rtpmap:96 /8000",
      "a=rtpmap:96 foo/x",
      "a=rtpmap:96 foo/0",
      "a=rtpmap:96 foo/8000/x",
      "a=rtpmap:128 foo/8000",
      "a=rtpmap:x foo/8000",
      "a=rtpmap",
      "a=fmtp:97",
      "a=fmtp:97 ",
      "a=fmtp:x y",
      "a=rtcp-fb:97 ",
      "a=rtcp-fb:x nack",
    );
    const bare = { name: undefined, clockRate: undefined, channels: undefined, fmtp: undefined, feedback: [] };
    expect(media.formats).toEqual([
      { payloadType: 96, ...bare },
      { payloadType: 97, ...bare },
    ]);
    expect(media.others).toEqual([]);
  });

  test("parameters of one call do not leak into the next", () => {
    section("m=audio 4000 RTP/AVP 0", "a=fmtp:0 x=1", "a=rtcp-fb:0 nack");
    expect(section("m=audio 4000 RTP/AVP 0").formats[0]).toMatchObject({ fmtp: undefined, feedback: [] });
  });
});

describe("attributes", () => {
  test("interpreted ones never pass through as text, all others do, in order", () => {
    const consumed = [
      "mid:a",
      "rtcp:4001",
      "rtcp-mux",
      "rtcp-fb:8 nack",
      "rtpmap:8 PCMA/8000",
      "fmtp:8 x",
      "ptime:20",
      "maxptime:60",
      "sendonly",
      "crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
      "setup:actpass",
      "fingerprint:sha-256 AA:BB",
      "tls-id:0123",
      "candidate:1 1 UDP 1 192.0.2.1 4000 typ host",
      "ice-ufrag:abcd",
      "ice-pwd:0123456789012345678901",
      "ice-lite",
      "ice-options:trickle",
      "ice-mismatch",
      "remote-candidates:1 192.0.2.1 4000",
      "end-of-candidates",
      "extmap:1 urn:x",
      "extmap-allow-mixed",
      "group:LS a",
      "label:1",
      "rtpengine:0123456789ab",
      "T38FaxVersion:0",
      "T38FaxTranscodingMMR",
      "hold-music",
    ];
    const others = [
      "msid:- t1",
      "ssrc:1 cname:x",
      "ssrc-group:FID 1 2",
      "rtcp-xr:voip-metrics",
      "rtcp-rsize",
      "silenceSupp:off - - - -",
      "content:main",
      "imageattr:96 send *",
      "rid:a send",
      "simulcast:send a",
      "X-nat:1",
      "MID:a",
      "t38fax",
      "foo:",
    ];
    const lines = consumed.flatMap((line, i) => [line, ...(others[i] === undefined ? [] : [others[i]])]);
    const result = parsed(sdp(...SESSION, AUDIO, ...lines.map((line) => `a=${line}`), "a=", "a=:x"), {
      ...PLAIN,
      mohAttrName: "hold-music",
    });
    const media = result.media[0]!;
    expect(media.others).toEqual(others);
    expect(media.all).toEqual([...lines, "", ":x"]);
    expect(media).toMatchObject({
      mid: "a",
      label: "1",
      rtcp: { port: 4001, address: undefined },
      rtcpMux: true,
      ptime: 20,
      maxptime: 60,
      direction: "sendonly",
      ownDirection: "sendonly",
      setup: "actpass",
      fingerprint: { hash: "sha-256", value: "AA:BB" },
      tlsId: "0123",
      iceUfrag: "abcd",
      icePwd: "0123456789012345678901",
      iceLite: true,
      iceOptions: ["trickle"],
      endOfCandidates: true,
      extmapAllowMixed: true,
    });
    expect(media.crypto).toHaveLength(1);
    expect(media.candidates).toHaveLength(1);
    expect(media.extmap).toHaveLength(1);
    expect(result.warnings).toEqual([]);
  });

  test("on session level the media attributes mean nothing and vanish", () => {
    const result = parsed(
      sdp(...SESSION, "a=mid:x", "a=ptime:20", "a=rtpmap:8 X/1", "a=crypto:1 x", "a=candidate:x", "a=label:1", AUDIO),
    );
    expect(result.others).toEqual([]);
    expect(result.candidates).toEqual([]);
    expect(result.media[0]).toMatchObject({ mid: undefined, ptime: undefined, label: undefined, crypto: [] });
    expect(result.media[0]?.formats[0]?.name).toBe("PCMA");
  });

  test("session-level ICE, DTLS, direction and extensions serve sections that lack them", () => {
    const { media } = parsed(
      sdp(
        ...SESSION,
        "a=ice-ufrag:sess",
        "a=ice-pwd:sessionpassword",
        "a=ice-options:trickle ice2",
        "a=ice-lite",
        "a=fingerprint:SHA-256 aa:bb",
        "a=setup:active",
        "a=tls-id:s",
        "a=recvonly",
        "a=extmap:1/sendonly urn:a  x y",
        "a=extmap-allow-mixed",
        AUDIO,
        "m=video 4002 RTP/AVP 34",
        "a=ice-ufrag:mine",
        "a=ice-pwd:minepassword",
        "a=ice-options:other",
        "a=fingerprint:sha-1 CC:DD",
        "a=setup:passive",
        "a=tls-id:m",
        "a=inactive",
        "a=extmap:2 urn:b",
      ),
    );
    expect(media[0]).toMatchObject({
      iceUfrag: "sess",
      icePwd: "sessionpassword",
      iceOptions: ["trickle", "ice2"],
      iceLite: true,
      fingerprint: { hash: "sha-256", value: "AA:BB" },
      setup: "active",
      tlsId: "s",
      direction: "recvonly",
      ownDirection: undefined,
      extmap: [{ id: 1, direction: "/sendonly", uri: "urn:a", parameters: "x y" }],
      extmapAllowMixed: true,
    });
    expect(media[1]).toMatchObject({
      iceUfrag: "mine",
      icePwd: "minepassword",
      iceOptions: ["other"],
      iceLite: true,
      fingerprint: { hash: "sha-1", value: "CC:DD" },
      setup: "passive",
      tlsId: "m",
      direction: "inactive",
      ownDirection: "inactive",
      extmap: [{ id: 2, direction: "", uri: "urn:b", parameters: "" }],
      extmapAllowMixed: true,
    });
  });

  test("malformed known attributes are dropped", () => {
    const media = section(
      AUDIO,
      "a=ptime:x",
      "a=ptime:0",
      "a=ptime",
      "a=maxptime:-5",
      "a=extmap:x urn:a",
      "a=extmap:0 urn:a",
      "a=extmap:1",
      "a=fingerprint:sha-256",
      "a=fingerprint:sha-256 AAA",
      "a=fingerprint:sha-256 AA:G0",
      "a=fingerprint:sha-256 AA BB",
      "a=setup:maybe",
      "a=candidate:1 1 UDP",
      "a=mid:",
      "a=label:",
      "a=ice-ufrag:",
      "a=sendrecv:x",
      "a=recvonly ",
    );
    expect(media).toMatchObject({
      ptime: undefined,
      maxptime: undefined,
      extmap: [],
      fingerprint: undefined,
      setup: undefined,
      candidates: [],
      mid: undefined,
      label: undefined,
      iceUfrag: undefined,
      direction: undefined,
    });
    expect(media.others).toEqual(["recvonly "]);
  });

  test("malformed crypto and rtcp leave a message for the log", () => {
    const result = parsed(
      sdp(
        ...SESSION,
        "m=audio 4000 RTP/SAVP 8",
        "a=crypto:1 ROT13 inline:AAAA",
        "a=crypto:x AES_CM_128_HMAC_SHA1_80 inline:AAAA",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 AAAA",
        "a=rtcp:x",
        "a=rtcp:0",
        "a=rtcp:4001 IN IP4 nowhere",
      ),
    );
    expect(result.media[0]).toMatchObject({ crypto: [], rtcp: undefined, others: [] });
    expect(result.warnings).toHaveLength(6);
    expect(result.warnings[0]).toBe("Ignoring malformed or unknown crypto attribute: 'crypto:1 ROT13 inline:AAAA'");
  });

  test("original-sendrecv keeps the direction in its place among the others", () => {
    const lines = [...SESSION, "a=recvonly", AUDIO, "a=x:1", "a=sendonly", "a=y:2"];
    const result = parsed(sdp(...lines), { ...PLAIN, keepDirection: true });
    expect(result.others).toEqual(["recvonly"]);
    expect(result.media[0]?.others).toEqual(["x:1", "sendonly", "y:2"]);
    expect(result.media[0]?.direction).toBe("sendonly");
  });
});

describe("rtcp-mux told by a=rtcp", () => {
  test("the RTP port and address is multiplexing", () => {
    expect(section(AUDIO, "a=rtcp:4000").rtcpMux).toBe(true);
    expect(section(AUDIO, "a=rtcp:4000 IN IP4 192.0.2.10").rtcpMux).toBe(true);
  });

  test("another port or address, or the trickle placeholder, is not", () => {
    expect(section(AUDIO, "a=rtcp:4001").rtcpMux).toBe(false);
    expect(section(AUDIO, "a=rtcp:4000 IN IP4 192.0.2.11").rtcpMux).toBe(false);
    expect(section("m=audio 9 RTP/AVP 8", "c=IN IP4 0.0.0.0", "a=rtcp:9 IN IP4 0.0.0.0").rtcpMux).toBe(false);
    expect(section("m=audio 9 RTP/AVP 8", "c=IN IP4 0.0.0.0", "a=rtcp:9").rtcpMux).toBe(false);
  });
});

describe("trickle fragments", () => {
  const fragment: ParseOptions = { fragment: true, rejectEmptyLine: false };

  test("start with any line and need no address", () => {
    const result = parsed(
      sdp(
        "a=ice-ufrag:abcd",
        "a=ice-pwd:0123456789012345678901",
        "m=audio 9 RTP/AVP 0",
        "a=mid:0",
        "a=candidate:1 1 UDP 2130706431 192.0.2.1 5000 typ host",
        "a=end-of-candidates",
      ),
      fragment,
    );
    expect(result.media[0]).toMatchObject({ mid: "0", iceUfrag: "abcd", connection: undefined, endOfCandidates: true });
    expect(result.media[0]?.candidates).toHaveLength(1);
  });

  test("may carry candidates without any m= line, and the end for all sections", () => {
    const result = parsed(sdp("a=candidate:1 1 UDP 1 192.0.2.1 5000 typ host", "a=end-of-candidates"), fragment);
    expect(result.candidates).toHaveLength(1);
    expect(result.endOfCandidates).toBe(true);
    expect(parsed(sdp("a=end-of-candidates", "m=audio 9 RTP/AVP 0"), fragment).media[0]?.endOfCandidates).toBe(true);
  });

  test("still have lines of the right form", () => {
    expect(error(["a=ice-ufrag:abcd", "x"], fragment)).toBe("syntax 1");
  });
});

describe("limits", () => {
  test("sections, attributes, size and candidates", () => {
    const many = (count: number, line: string) => Array.from({ length: count }, () => line);
    expect(parsed(sdp(...SESSION, ...many(MAX_SECTIONS, AUDIO))).media).toHaveLength(MAX_SECTIONS);
    expect(error([...SESSION, ...many(MAX_SECTIONS + 1, AUDIO)])).toStartWith("syntax ");
    expect(parsed(sdp(...SESSION, AUDIO, ...many(MAX_ATTRIBUTES, "a=x"))).media[0]?.others).toHaveLength(
      MAX_ATTRIBUTES,
    );
    expect(error([...SESSION, AUDIO, ...many(MAX_ATTRIBUTES + 1, "a=x")])).toStartWith("syntax ");
    const size = sdp(...SESSION, "a=").length;
    expect(error([...SESSION, `a=${"x".repeat(MAX_SDP_SIZE - size)}`])).toBe("no error");
    expect(error([...SESSION, `a=${"x".repeat(MAX_SDP_SIZE - size + 1)}`])).toBe("syntax 0");
    const candidates = many(MAX_CANDIDATES + 5, "a=candidate:1 1 UDP 1 192.0.2.1 4000 typ host");
    expect(section(AUDIO, ...candidates).candidates).toHaveLength(MAX_CANDIDATES);
  });
});
