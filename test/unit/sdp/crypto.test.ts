import { describe, expect, test } from "bun:test";
import {
  cryptoKeys,
  decodeBase64,
  encodeBase64,
  formatCrypto,
  formatCryptoParams,
  parseCrypto,
  SUITES,
} from "../../../src/sdp/crypto.ts";
import { allowedLines, missingSuites, nextTag, orderedLines, sdesPolicy } from "../../../src/sdp/sdes.ts";

/** RFC 4568 section 6.1. */
const RFC_LINE = "1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^20|1:32";

describe("a=crypto lines", () => {
  test("pass through verbatim", () => {
    for (const value of [
      RFC_LINE,
      "2 F8_128_HMAC_SHA1_80 inline:MTIzNDU2Nzg5QUJDREUwMTIzNDU2Nzg5QUJjZGVm|2^20|1:4;inline:QUJjZGVmMTIzNDU2Nzg5QUJDREUwMTIzNDU2Nzg5|2^20|2:4 FEC_ORDER=FEC_SRTP",
    ]) {
      expect(formatCrypto(parseCrypto(value)!)).toBe(value);
    }
  });

  test("unknown suites, bad tags and other key methods are none", () => {
    for (const value of [
      "1 AES_CM_129_HMAC_SHA1_80 inline:AAAA",
      "x AES_CM_128_HMAC_SHA1_80 inline:AAAA",
      "-1 AES_CM_128_HMAC_SHA1_80 inline:AAAA",
      "1 AES_CM_128_HMAC_SHA1_80 uri:AAAA",
      "1 AES_CM_128_HMAC_SHA1_80 inline:",
      "1 AES_CM_128_HMAC_SHA1_80",
      "1",
      "",
    ]) {
      expect(parseCrypto(value)).toBeUndefined();
    }
  });

  test("keys, lifetime and MKI of the RFC's example", () => {
    const keys = cryptoKeys(parseCrypto(RFC_LINE)!)!;
    expect(Buffer.from(keys.key).toString("latin1")).toBe("wDfvg&T+)xG7@fb5");
    expect(Buffer.from(keys.salt).toString("latin1")).toBe("jU,RaA}\\|p0%*#");
    expect(keys.lifetime).toBe(2n ** 20n);
    expect(keys.mki).toEqual(Uint8Array.from([...new Array<number>(31).fill(0), 1]));
    expect(keys).toMatchObject({ unencryptedSrtp: false, unencryptedSrtcp: false, unauthenticatedSrtp: false });
  });

  test("the first of several keys counts; session parameters are seen", () => {
    const key = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";
    const params = `inline:${key}|1048576;inline:AAAA UNENCRYPTED_SRTP UNENCRYPTED_SRTCP UNAUTHENTICATED_SRTP`;
    expect(cryptoKeys({ tag: 1, suite: "AES_CM_128_HMAC_SHA1_32", params })).toMatchObject({
      lifetime: 1048576n,
      mki: undefined,
      unencryptedSrtp: true,
      unencryptedSrtcp: true,
      unauthenticatedSrtp: true,
    });
  });

  test("a key of the wrong length, a bad MKI and bad base64 are errors, a bad lifetime is ignored", () => {
    const keys = (params: string) => cryptoKeys({ tag: 1, suite: "AES_CM_128_HMAC_SHA1_80", params });
    const key = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";
    expect(keys("inline:AAAA")).toBeUndefined();
    expect(keys(`inline:${key.replace("d", "*")}`)).toBeUndefined();
    expect(keys(`inline:${key}|x:1`)).toBeUndefined();
    expect(keys(`inline:${key}|1:0`)).toBeUndefined();
    expect(keys(`inline:${key}|256:1`)).toBeUndefined();
    for (const lifetime of ["2^49", "2^x", "0", "x", "2^"]) {
      expect(keys(`inline:${key}|${lifetime}`)?.lifetime).toBeUndefined();
    }
    expect(keys(`inline:${key}|2^48`)?.lifetime).toBe(2n ** 48n);
    expect(keys(`inline:${key}|258:4`)?.mki).toEqual(Uint8Array.of(0, 0, 1, 2));
  });

  test("every suite reads back what we print for it, padded or not", () => {
    for (const { name, keyLength, saltLength } of SUITES) {
      const material = Uint8Array.from({ length: keyLength + saltLength }, (_, i) => (i * 37 + 200) & 255);
      for (const pad of [true, false]) {
        const params = formatCryptoParams(material, { pad, lifetime: true, session: ["UNENCRYPTED_SRTCP"] });
        expect(params.includes("=")).toBe(pad && material.length % 3 !== 0);
        const keys = cryptoKeys(parseCrypto(`1 ${name} ${params}`)!)!;
        expect([...keys.key, ...keys.salt]).toEqual([...material]);
        expect(keys).toMatchObject({ lifetime: 2n ** 31n, unencryptedSrtcp: true, unencryptedSrtp: false });
      }
    }
  });

  test("base64 agrees with the platform's", () => {
    for (let length = 0; length < 20; length++) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 91 + 251) & 255);
      const text = Buffer.from(bytes).toString("base64");
      expect(encodeBase64(bytes, true)).toBe(text);
      expect(encodeBase64(bytes, false)).toBe(text.replaceAll("=", ""));
      expect(decodeBase64(text)).toEqual(bytes);
      expect(decodeBase64(text.replaceAll("=", ""))).toEqual(bytes);
    }
    for (const bad of ["A", "A===", "AA A", "AA=A", "\xff\xff", "AAAAA"]) expect(decodeBase64(bad)).toBeUndefined();
  });
});

describe("SDES options", () => {
  const lines = ["AES_CM_128_HMAC_SHA1_32", "AEAD_AES_256_GCM", "AES_CM_128_HMAC_SHA1_80"].map((suite, i) => ({
    tag: i + 1,
    suite,
    params: i === 1 ? "inline:X UNENCRYPTED_SRTP" : "inline:X",
  }));
  const tags = (list: readonly { readonly tag: number }[]) => list.map(({ tag }) => tag);

  test("words sort into a policy", () => {
    expect(
      sdesPolicy([
        "off",
        "nonew",
        "pad",
        "lifetime",
        "static",
        "prefer",
        "unencrypted_srtcp",
        "UNAUTHENTICATED_SRTP",
        "x",
      ]),
    ).toMatchObject({
      off: true,
      noNew: true,
      pad: true,
      lifetime: true,
      keepNegotiated: true,
      preferSdes: true,
      sessionParameters: ["UNENCRYPTED_SRTCP", "UNAUTHENTICATED_SRTP"],
      unknown: ["x"],
    });
    for (const word of ["no", "disable", "disabled"]) expect(sdesPolicy([word]).off).toBe(true);
    expect(sdesPolicy([])).toMatchObject({ off: false, noNew: false, order: [], unknown: [] });
    expect(sdesPolicy(["priority"]).preferSdes).toBe(true);
  });

  test("no- excludes, only- admits", () => {
    expect(tags(allowedLines(lines, sdesPolicy(["no-AEAD_AES_256_GCM"])))).toEqual([1, 3]);
    expect(tags(allowedLines(lines, sdesPolicy(["only-AES_CM_128_HMAC_SHA1_80", "only-AEAD_AES_256_GCM"])))).toEqual([
      2, 3,
    ]);
    expect(allowedLines(lines, sdesPolicy([]))).toBe(lines);
  });

  test("lines with rejected session parameters go", () => {
    expect(tags(allowedLines(lines, sdesPolicy(["encrypted_srtp"])))).toEqual([1, 3]);
    expect(tags(allowedLines(lines, sdesPolicy(["ENCRYPTED_SRTCP", "authenticated_srtp"])))).toEqual([1, 2, 3]);
  });

  test("order and offerer_pref put suites first and keep tags", () => {
    const { order, offererPreference } = sdesPolicy([
      "order:AES_CM_128_HMAC_SHA1_80;NONE;AEAD_AES_256_GCM",
      "offerer_pref:AEAD_AES_256_GCM",
    ]);
    expect(tags(orderedLines(lines, order))).toEqual([3, 2, 1]);
    expect(tags(orderedLines(lines, offererPreference))).toEqual([2, 1, 3]);
    expect(orderedLines(lines, [])).toBe(lines);
  });

  test("missing suites follow in order of preference, none with nonew", () => {
    expect(missingSuites(lines, sdesPolicy([]))).toEqual([
      "AEAD_AES_128_GCM",
      "AES_256_CM_HMAC_SHA1_80",
      "AES_256_CM_HMAC_SHA1_32",
      "AES_192_CM_HMAC_SHA1_80",
      "AES_192_CM_HMAC_SHA1_32",
      "F8_128_HMAC_SHA1_80",
      "F8_128_HMAC_SHA1_32",
      "NULL_HMAC_SHA1_80",
      "NULL_HMAC_SHA1_32",
    ]);
    expect(missingSuites([], sdesPolicy(["only-AES_CM_128_HMAC_SHA1_80"]))).toEqual(["AES_CM_128_HMAC_SHA1_80"]);
    expect(missingSuites([], sdesPolicy(["nonew"]))).toEqual([]);
  });

  test("new tags continue after the highest", () => {
    expect(nextTag([])).toBe(1);
    expect(nextTag([{ ...lines[0]!, tag: 7 }, lines[1]!])).toBe(8);
  });
});
