import { describe, expect, test } from "bun:test";
import type { Fingerprint } from "../../../src/media/dtls/fingerprint.ts";
import type { PeerIdentity } from "../../../src/media/dtls/setup.ts";
import {
  answerSetup,
  needsNewAssociation,
  newTlsId,
  OFFERED_SETUP,
  ownFingerprintHash,
  parseSetup,
  parseTlsId,
  roleFromAnswer,
} from "../../../src/media/dtls/setup.ts";
import { Random } from "./network.ts";

describe("a=setup", () => {
  test("offers leave the choice to the answerer", () => {
    expect(OFFERED_SETUP).toBe("actpass");
  });

  test("answers: active where the offer allows, else passive, holdconn as it came", () => {
    for (const [offered, preference, setup, role] of [
      ["actpass", undefined, "active", "active"],
      ["actpass", "passive", "passive", "passive"],
      ["actpass", "active", "active", "active"],
      ["passive", undefined, "active", "active"],
      ["passive", "passive", "active", "active"],
      ["active", undefined, "passive", "passive"],
      ["active", "active", "passive", "passive"],
      ["holdconn", "passive", "holdconn", undefined],
      // RFC 4145 section 4.1: an offer without the attribute is active.
      [undefined, undefined, "passive", "passive"],
    ] as const) {
      expect(answerSetup(offered, preference)).toEqual({ setup, role });
    }
  });

  test("an answer to a new offer keeps the role of a connection that stays", () => {
    expect(answerSetup("actpass", undefined, "passive").role).toBe("passive");
    expect(answerSetup("actpass", "passive", "active").role).toBe("active");
    expect(answerSetup("active", undefined, "active").role).toBe("passive");
  });

  test("our role after the peer's answer", () => {
    expect(roleFromAnswer("active")).toBe("passive");
    expect(roleFromAnswer("passive")).toBe("active");
    expect(roleFromAnswer("actpass")).toBe("active");
    expect(roleFromAnswer(undefined)).toBe("active");
    expect(roleFromAnswer("holdconn")).toBeUndefined();
  });

  test("is read in any case; unknown words count as missing", () => {
    expect([parseSetup("ActPass"), parseSetup(" active "), parseSetup("x"), parseSetup(undefined)]).toEqual([
      "actpass",
      "active",
      undefined,
      undefined,
    ]);
  });
});

describe("a new association is needed", () => {
  const one: Fingerprint = { hash: "sha-256", value: "AA" };
  const other: Fingerprint = { hash: "sha-256", value: "BB" };
  const id = "0123456789abcdef0123";
  const cases: readonly [string, PeerIdentity, PeerIdentity, boolean, boolean][] = [
    ["first SDP", { fingerprint: undefined, tlsId: undefined }, { fingerprint: one, tlsId: id }, false, false],
    ["same again", { fingerprint: one, tlsId: id }, { fingerprint: one, tlsId: id }, false, false],
    ["same again with an ICE restart", { fingerprint: one, tlsId: id }, { fingerprint: one, tlsId: id }, true, false],
    ["another fingerprint", { fingerprint: one, tlsId: id }, { fingerprint: other, tlsId: id }, false, true],
    ["another tls-id", { fingerprint: one, tlsId: id }, { fingerprint: one, tlsId: `${id}4` }, false, true],
    ["tls-id gone", { fingerprint: one, tlsId: id }, { fingerprint: one, tlsId: undefined }, false, true],
    ["no tls-id", { fingerprint: one, tlsId: undefined }, { fingerprint: one, tlsId: undefined }, false, false],
    [
      "no tls-id, ICE restart",
      { fingerprint: one, tlsId: undefined },
      { fingerprint: one, tlsId: undefined },
      true,
      true,
    ],
    ["fingerprint left out", { fingerprint: one, tlsId: id }, { fingerprint: undefined, tlsId: id }, false, false],
  ];
  for (const [name, before, after, iceRestart, expected] of cases) {
    test(`${name}: ${expected}`, () => expect(needsNewAssociation(before, after, iceRestart)).toBe(expected));
  }
});

describe("tls-id and fingerprint hash", () => {
  test("ours is 32 lower-case hex digits", () => {
    const random = new Random(1);
    expect(newTlsId(random)).toMatch(/^[0-9a-f]{32}$/);
    expect(newTlsId(random)).not.toBe(newTlsId(random));
  });

  test("the peer's has 20 to 255 characters of RFC 8842", () => {
    expect(parseTlsId("abc3de65cddef001be82")).toBe("abc3de65cddef001be82");
    expect(parseTlsId("a".repeat(19))).toBeUndefined();
    expect(parseTlsId("a".repeat(256))).toBeUndefined();
    expect(parseTlsId(`${"a".repeat(30)};`)).toBeUndefined();
    expect(parseTlsId(undefined)).toBeUndefined();
  });

  test("our hash is the peer's, else the directive's, else SHA-256", () => {
    expect(ownFingerprintHash("SHA-384", "sha-1")).toBe("sha-384");
    expect(ownFingerprintHash(undefined, "sha-1")).toBe("sha-1");
    expect(ownFingerprintHash("md5", "sha-512")).toBe("sha-512");
    expect(ownFingerprintHash("md5", "md2")).toBe("sha-256");
    expect(ownFingerprintHash(undefined, undefined)).toBe("sha-256");
  });
});
