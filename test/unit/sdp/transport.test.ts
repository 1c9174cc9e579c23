import { describe, expect, test } from "bun:test";
import {
  canonicalProtocol,
  effectiveProfile,
  hasFeedback,
  isOpportunistic,
  isRtpProtocol,
  isSecure,
  legacyTwins,
  plainTransport,
  transportProfile,
} from "../../../src/sdp/transport.ts";
import { section } from "./echo.ts";

test("the six RTP profiles and udptl", () => {
  const table: Record<string, string> = {};
  for (const name of [
    "RTP/AVP",
    "RTP/SAVP",
    "RTP/AVPF",
    "RTP/SAVPF",
    "UDP/TLS/RTP/SAVP",
    "UDP/TLS/RTP/SAVPF",
    "udptl",
  ]) {
    const profile = transportProfile(name)!;
    expect(profile.name as string).toBe(name);
    expect([isRtpProtocol(name), isSecure(name), hasFeedback(name)]).toEqual([
      profile.rtp,
      profile.secure,
      profile.feedback,
    ]);
    table[name] = `${profile.rtp} ${profile.secure} ${profile.feedback} ${profile.dtls}`;
  }
  expect(table).toEqual({
    "RTP/AVP": "true false false false",
    "RTP/SAVP": "true true false false",
    "RTP/AVPF": "true false true false",
    "RTP/SAVPF": "true true true false",
    "UDP/TLS/RTP/SAVP": "true true false true",
    "UDP/TLS/RTP/SAVPF": "true true true true",
    udptl: "false false false false",
  });
  expect(transportProfile("TCP/MSRP")).toBeUndefined();
});

test("names print canonically, unknown ones as they are", () => {
  expect(canonicalProtocol("UDPTL")).toBe("udptl");
  expect(canonicalProtocol("rtp/savpf")).toBe("RTP/SAVPF");
  expect(canonicalProtocol("Tcp/Msrp")).toBe("Tcp/Msrp");
});

test("the plain counterpart keeps feedback", () => {
  expect(plainTransport("UDP/TLS/RTP/SAVPF")).toBe("RTP/AVPF");
  expect(plainTransport("RTP/SAVP")).toBe("RTP/AVP");
  expect(plainTransport("udptl")).toBe("udptl");
});

describe("opportunistic SRTP", () => {
  const KEY = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";

  test("is a plain name with keys", () => {
    expect(isOpportunistic(section("m=audio 4000 RTP/AVP 8", KEY))).toBe(true);
    expect(isOpportunistic(section("m=audio 4000 RTP/AVPF 8", "a=fingerprint:sha-256 AA:BB"))).toBe(true);
    expect(isOpportunistic(section("m=audio 4000 RTP/AVP 8"))).toBe(false);
    expect(isOpportunistic(section("m=audio 4000 RTP/SAVP 8", KEY))).toBe(false);
    expect(isOpportunistic(section("m=image 4000 udptl t38", KEY))).toBe(false);
  });

  test("counts as the secure profile", () => {
    expect(effectiveProfile(section("m=audio 4000 RTP/AVP 8", KEY))?.name).toBe("RTP/SAVP");
    expect(effectiveProfile(section("m=audio 4000 RTP/AVPF 8", KEY))?.name).toBe("RTP/SAVPF");
    expect(effectiveProfile(section("m=audio 4000 RTP/AVP 8"))?.name).toBe("RTP/AVP");
  });

  test("legacy twins are neighbours of one type and port, secure and plain in either order", () => {
    const twins = (...lines: readonly string[]) =>
      legacyTwins(
        lines.map((line) => {
          const [type = "", port = "", protocol = ""] = line.split(" ");
          return { type, port: Number(port), protocol };
        }),
      );
    expect(twins("audio 4000 RTP/AVP", "audio 4000 RTP/SAVP", "video 4002 RTP/SAVPF", "video 4002 RTP/AVPF")).toEqual([
      { plain: 0, secure: 1 },
      { secure: 2, plain: 3 },
    ]);
    expect(twins("audio 4000 RTP/AVP", "audio 4002 RTP/SAVP")).toEqual([]);
    expect(twins("audio 0 RTP/AVP", "audio 0 RTP/SAVP")).toEqual([]);
    expect(twins("audio 4000 RTP/AVP", "video 4000 RTP/SAVP")).toEqual([]);
    expect(twins("audio 4000 RTP/AVP", "audio 4000 RTP/AVPF")).toEqual([]);
    expect(twins("audio 4000 RTP/AVP", "audio 4000 RTP/SAVP", "audio 4000 RTP/AVP")).toHaveLength(1);
  });
});
