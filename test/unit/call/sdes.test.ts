/** SDES keys (RFC 4568) between parties that speak SRTP, and towards those who do not. */
import { describe, expect, test } from "bun:test";
import { srtpKeysOf } from "../../../src/call/sdes-lines.ts";
import { SUITES } from "../../../src/sdp/crypto.ts";
import type { CryptoLine } from "../../../src/sdp/model.ts";
import { ALICE, BOB, lines, Scene } from "./scene.ts";

const KEY_A80 = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
const KEY_A32 = "inline:NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj";
const KEY_B = "inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR";
const S80 = "AES_CM_128_HMAC_SHA1_80";
const S32 = "AES_CM_128_HMAC_SHA1_32";
const OFFERED = [`1 ${S80} ${KEY_A80}`, `2 ${S32} ${KEY_A32}`];
const NO_NEW = { sdes: ["nonew"], dtls: "off" as const };

function withKeys(text: string, protocol: string, ...keys: string[]): string {
  return [text.replace("RTP/AVP", protocol).trim(), ...keys.map((key) => `a=crypto:${key}`)].join("\n");
}
const secure = (text: string, ...keys: string[]) => withKeys(text, "RTP/SAVP", ...keys);
const crypto = (out: string) => lines(out, "a=crypto").map((line) => line.slice("a=crypto:".length));

function line(text: string): CryptoLine {
  const [tag, suite, ...params] = text.split(" ");
  return { tag: Number(tag), suite: suite!, params: params.join(" ") };
}
const keys = (text: string) => srtpKeysOf(line(text))!;

describe("an offer between SRTP parties", () => {
  test("passes the sender's keys on under their tags and adds all other suites with keys of ours", () => {
    const out = crypto(new Scene().offer(secure(ALICE, ...OFFERED), { dtls: "off" })).map(line);
    expect(out.slice(0, 2)).toEqual(OFFERED.map(line));
    expect(out.map(({ tag }) => tag)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    const added = SUITES.map(({ name }) => name).filter((name) => name !== S80 && name !== S32);
    expect(out.slice(2).map(({ suite }) => suite)).toEqual(added);
    for (const each of out) expect(srtpKeysOf(each)).toBeDefined();
  });

  test.each([
    [["nonew"], [0, 1]],
    [["nonew", `no-${S80}`], [1]],
    [["nonew", `only-${S80}`], [0]],
    [
      ["nonew", `order:${S32};${S80}`],
      [1, 0],
    ],
    [["off"], []],
  ])("SDES=%p", (sdes, expected) => {
    const out = new Scene().offer(secure(ALICE, ...OFFERED), { sdes });
    expect(crypto(out)).toEqual(expected.map((i) => OFFERED[i]!));
  });

  test("padding is taken off unless asked for, in keys of others and ours", () => {
    const padded = `1 AEAD_AES_128_GCM inline:${Buffer.alloc(28, 7).toString("base64")}`;
    expect(padded).toEndWith("=");
    const bare = new Scene().offer(secure(ALICE, padded), NO_NEW);
    expect(crypto(bare)).toEqual([padded.replaceAll("=", "")]);
    const kept = new Scene().offer(secure(ALICE, padded), { sdes: ["pad", "only-AEAD_AES_128_GCM"] });
    expect(crypto(kept)).toEqual([padded]);
  });

  test("lifetime is printed only when asked for; a peer's is dropped, its MKI and parameters stay", () => {
    const given = `1 ${S80} ${KEY_A80}|2^20|1:4 UNENCRYPTED_SRTCP`;
    expect(crypto(new Scene().offer(secure(ALICE, given), NO_NEW))).toEqual([
      `1 ${S80} ${KEY_A80}|1:4 UNENCRYPTED_SRTCP`,
    ]);
    expect(crypto(new Scene().offer(secure(ALICE, given), { sdes: ["nonew", "lifetime"] }))).toEqual([
      `1 ${S80} ${KEY_A80}|2^31|1:4 UNENCRYPTED_SRTCP`,
    ]);
  });

  test("session parameters: ours are offered, those of others can be refused", () => {
    const own = new Scene().offer(ALICE, {
      transport: "RTP/SAVP",
      dtls: "off",
      sdes: [`only-${S80}`, "unencrypted_srtcp"],
    });
    expect(crypto(own)[0]).toEndWith(" UNENCRYPTED_SRTCP");
    const refused = new Scene().offer(secure(ALICE, `1 ${S80} ${KEY_A80} UNENCRYPTED_SRTP`, OFFERED[1]!), {
      sdes: ["nonew", "encrypted_srtp"],
    });
    expect(crypto(refused)).toEqual([OFFERED[1]!]);
  });

  test("a malformed key is ignored and the log says so", () => {
    const scene = new Scene();
    const out = scene.offer(secure(ALICE, `1 ${S80} inline:AAAA`, OFFERED[1]!), NO_NEW);
    expect(crypto(out)).toEqual([OFFERED[1]!]);
    expect(scene.logs().join()).toContain(`Ignoring a=crypto:1 ${S80}`);
  });

  test("the same offer again shows the same keys", () => {
    const scene = new Scene();
    const given = { dtls: "off" as const, transport: "RTP/SAVP" as const };
    const first = crypto(scene.offer(ALICE, given));
    expect(first.length).toBe(12);
    expect(crypto(scene.offer(ALICE, given))).toEqual(first);
  });
});

describe("SRTP on both sides", () => {
  test("the answerer's key goes through under the offer's tag, and packets pass as they are", () => {
    const scene = new Scene();
    scene.offer(secure(ALICE, ...OFFERED), { ...NO_NEW, sdes: ["nonew", `no-${S80}`] });
    const out = scene.answer(secure(BOB, `2 ${S32} ${KEY_B}`));
    expect(crypto(out)).toEqual([`2 ${S32} ${KEY_B}`]);
    for (const port of [30000, 30001, 30002, 30003]) {
      expect(scene.spec(port).decrypt).toBeUndefined();
      expect(scene.spec(port).encrypt).toBeUndefined();
      expect(scene.spec(port).awaitingKeys).toBe(false);
    }
  });

  test("recrypt decrypts and encrypts also with equal keys", () => {
    const scene = new Scene();
    scene.offer(secure(ALICE, OFFERED[0]!), { ...NO_NEW, flags: new Set(["recrypt"]) });
    scene.answer(secure(BOB, `1 ${S80} ${KEY_B}`));
    const callee = scene.spec(30000);
    expect(callee.decrypt).toEqual(keys(`1 ${S80} ${KEY_B}`));
    expect(callee.encrypt).toEqual(keys(OFFERED[0]!));
    const caller = scene.spec(30002);
    expect(caller.decrypt).toEqual(keys(OFFERED[0]!));
    expect(caller.encrypt).toEqual(keys(`1 ${S80} ${KEY_B}`));
  });

  test("a suite that only the callee knows makes two different protections", () => {
    const scene = new Scene();
    const shown = crypto(scene.offer(secure(ALICE, OFFERED[0]!), { dtls: "off" })).find((each) =>
      each.includes("AEAD_AES_128"),
    )!;
    const chosen = `${line(shown).tag} AEAD_AES_128_GCM inline:${Buffer.alloc(28, 9).toString("base64").replaceAll("=", "")}`;
    const out = scene.answer(secure(BOB, chosen));
    const [answered] = crypto(out);
    expect(answered).toStartWith(`1 ${S80} inline:`);
    expect(scene.spec(30000).decrypt).toEqual(keys(chosen));
    expect(scene.spec(30000).encrypt).toEqual(keys(shown));
    expect(scene.spec(30002).decrypt).toEqual(keys(OFFERED[0]!));
    expect(scene.spec(30002).encrypt).toEqual(keys(answered!));
  });

  test("before the answer nothing passes in the clear", () => {
    const scene = new Scene();
    scene.offer(secure(ALICE, ...OFFERED), { dtls: "off" });
    expect(scene.spec(30000).awaitingKeys).toBe(true);
    expect(scene.spec(30002).awaitingKeys).toBe(true);
  });

  test("183 and 200 with the same answer keep the key towards the caller", () => {
    const scene = new Scene();
    scene.offer(secure(ALICE, OFFERED[0]!), { transport: "RTP/AVP" });
    const early = crypto(scene.answer(BOB));
    expect(crypto(scene.answer(BOB))).toEqual(early);
    const before = scene.spec(30002).encrypt;
    scene.answer(BOB);
    expect(scene.spec(30002).encrypt).toBe(before!);
  });

  test("an answer without keys that were offered: no media, and the log says why", () => {
    const scene = new Scene();
    scene.offer(secure(ALICE, OFFERED[0]!), NO_NEW);
    scene.answer(secure(BOB));
    expect(scene.logs().join()).toContain("no keys that were offered");
    expect(scene.spec(30000).awaitingKeys).toBe(true);
  });

  test("with a losing branch still heard the packets are decrypted, since their keys differ", () => {
    const scene = new Scene();
    scene.offer(secure(ALICE, OFFERED[0]!), { ...NO_NEW, viaBranch: "b1" });
    scene.offer(secure(ALICE, OFFERED[0]!), { ...NO_NEW, viaBranch: "b2" });
    scene.answer(secure(BOB, `1 ${S80} ${KEY_B}`), { viaBranch: "b2" });
    expect(scene.spec(30002).encrypt).toEqual(keys(`1 ${S80} ${KEY_B}`));
    expect(scene.spec(30000).awaitingKeys).toBe(true);
    scene.command({ command: "delete", callId: "call", fromTag: "A", viaBranch: "b1", deleteDelay: 0 });
    expect(scene.spec(30002).encrypt).toBeUndefined();
  });
});

describe("SRTP on one side", () => {
  test("SRTP caller, plain callee: no keys to the callee, one fresh line to the caller", () => {
    const scene = new Scene();
    const offered = scene.offer(secure(ALICE, ...OFFERED), { transport: "RTP/AVP" });
    expect(lines(offered, "m=", "a=crypto", "a=fingerprint")).toEqual(["m=audio 30000 RTP/AVP 8 0"]);
    const answered = scene.answer(BOB);
    expect(lines(answered, "m=")).toEqual(["m=audio 30002 RTP/SAVP 8"]);
    const [own] = crypto(answered);
    expect(own).toStartWith(`1 ${S80} inline:`);
    expect(scene.spec(30002).decrypt).toEqual(keys(OFFERED[0]!));
    expect(scene.spec(30002).encrypt).toEqual(keys(own!));
    expect(scene.spec(30003).encrypt).toEqual(keys(own!));
    expect(scene.spec(30000).decrypt).toBeUndefined();
    expect(scene.spec(30000).awaitingKeys).toBeUndefined();
  });

  test("offerer_pref chooses among the caller's suites", () => {
    const scene = new Scene();
    scene.offer(secure(ALICE, ...OFFERED), { transport: "RTP/AVP" });
    const [own] = crypto(scene.answer(BOB, { sdes: [`offerer_pref:${S32}`] }));
    expect(own).toStartWith(`2 ${S32} `);
  });

  test("static keeps the suite of before in the answer to a re-INVITE", () => {
    const scene = new Scene();
    scene.offer(secure(ALICE, OFFERED[1]!), { transport: "RTP/AVP" });
    scene.answer(BOB);
    scene.offer(secure(ALICE, ...OFFERED), { transport: "RTP/AVP" });
    expect(crypto(scene.answer(BOB, { sdes: ["static"] }))[0]).toStartWith(`2 ${S32} `);
    scene.offer(secure(ALICE, ...OFFERED), { transport: "RTP/AVP" });
    expect(crypto(scene.answer(BOB))[0]).toStartWith(`1 ${S80} `);
  });

  test("plain caller, SRTP callee", () => {
    const scene = new Scene();
    const shown = crypto(scene.offer(ALICE, { transport: "RTP/SAVP", dtls: "off" }));
    const chosen = shown.find((each) => each.includes(S80))!;
    const out = scene.answer(secure(BOB, `${line(chosen).tag} ${S80} ${KEY_B}`));
    expect(lines(out, "m=", "a=crypto")).toEqual(["m=audio 30002 RTP/AVP 8"]);
    expect(scene.spec(30000).decrypt).toEqual(keys(`1 ${S80} ${KEY_B}`));
    expect(scene.spec(30000).encrypt).toEqual(keys(chosen));
    expect(scene.spec(30002).encrypt).toBeUndefined();
  });

  test("suites that the offer excludes are not accepted from its sender either", () => {
    const scene = new Scene();
    scene.offer(secure(ALICE, ...OFFERED), { transport: "RTP/AVP", sdes: [`no-${S80}`] });
    expect(crypto(scene.answer(BOB))[0]).toStartWith(`2 ${S32} `);
  });
});

describe("opportunistic SRTP", () => {
  const osrtp = (text: string, ...keys: string[]) => withKeys(text, "RTP/AVP", ...keys);

  test("keeps the plain name and the keys on its way", () => {
    const scene = new Scene();
    const out = scene.offer(osrtp(ALICE, ...OFFERED), NO_NEW);
    expect(lines(out, "m=", "a=crypto")).toEqual([
      "m=audio 30000 RTP/AVP 8 0",
      ...OFFERED.map((each) => `a=crypto:${each}`),
    ]);
    const back = scene.answer(osrtp(BOB, `1 ${S80} ${KEY_B}`));
    expect(lines(back, "m=", "a=crypto")).toEqual(["m=audio 30002 RTP/AVP 8", `a=crypto:1 ${S80} ${KEY_B}`]);
    expect(scene.spec(30002).awaitingKeys).toBe(false);
  });

  test("declined by the callee: the caller is told plain as well", () => {
    const scene = new Scene();
    scene.offer(osrtp(ALICE, ...OFFERED), NO_NEW);
    const back = scene.answer(BOB);
    expect(lines(back, "m=", "a=crypto")).toEqual(["m=audio 30002 RTP/AVP 8"]);
    expect(scene.spec(30002).awaitingKeys).toBeUndefined();
  });

  test("OSRTP=accept answers it although the callee is plain", () => {
    const scene = new Scene();
    scene.offer(osrtp(ALICE, ...OFFERED), { transport: "RTP/AVP", osrtp: ["accept"] });
    const back = scene.answer(BOB);
    expect(lines(back, "m=")).toEqual(["m=audio 30002 RTP/AVP 8"]);
    expect(scene.spec(30002).encrypt).toEqual(keys(crypto(back)[0]!));
  });

  test("OSRTP=offer makes a plain offer opportunistic; a refusal is remembered until reset", () => {
    const scene = new Scene();
    const given = { osrtp: ["offer"], dtls: "off" as const };
    expect(crypto(scene.offer(ALICE, given)).length).toBe(12);
    scene.answer(BOB);
    expect(scene.spec(30000).awaitingKeys).toBeUndefined();
    expect(crypto(scene.offer(ALICE, given))).toEqual([]);
    expect(crypto(scene.offer(ALICE, { ...given, flags: new Set(["reset"]) })).length).toBe(12);
  });

  const TWINS = `
    v=0
    o=alice 100 1 IN IP4 192.0.2.10
    s=call
    c=IN IP4 192.0.2.10
    t=0 0
    m=audio 4000 RTP/AVP 8 0
    m=audio 4000 RTP/SAVP 8
    a=crypto:${OFFERED[0]}
  `;

  test("accept-legacy merges the pair and answers with a declined twin", () => {
    const scene = new Scene();
    const out = scene.offer(TWINS, { ...NO_NEW, osrtp: ["accept-legacy"] });
    expect(lines(out, "m=")).toEqual(["m=audio 30000 RTP/SAVP 8"]);
    const back = scene.answer(secure(BOB, `1 ${S80} ${KEY_B}`));
    expect(lines(back, "m=")).toEqual(["m=audio 0 RTP/AVP 8 0", "m=audio 30002 RTP/SAVP 8"]);
  });

  test("offer-legacy shows each section twice; either half can be taken", () => {
    for (const takesSecure of [true, false]) {
      const scene = new Scene();
      const out = scene.offer(secure(ALICE, OFFERED[0]!), { ...NO_NEW, osrtp: ["offer-legacy"] });
      expect(lines(out, "m=", "a=crypto")).toEqual([
        "m=audio 30000 RTP/AVP 8 0",
        "m=audio 30000 RTP/SAVP 8 0",
        `a=crypto:${OFFERED[0]}`,
      ]);
      const back = scene.answer(
        `
        v=0
        o=bob 7 7 IN IP4 192.0.2.30
        s=call
        c=IN IP4 192.0.2.30
        t=0 0
        m=audio ${takesSecure ? 0 : 6000} RTP/AVP 8
        m=audio ${takesSecure ? 6000 : 0} RTP/SAVP 8
        ${takesSecure ? `a=crypto:1 ${S80} ${KEY_B}` : ""}
      `.replace(/\n\s*\n/g, "\n"),
      );
      expect(lines(back, "m=")).toEqual(["m=audio 30002 RTP/SAVP 8"]);
      expect(crypto(back)[0]).toStartWith(`1 ${S80} `);
      expect(scene.spec(30000).remote).toEqual({ address: "192.0.2.30", port: 6000 });
      expect(scene.spec(30000).awaitingKeys).toBe(takesSecure ? false : undefined);
    }
  });
});

describe("re-negotiation", () => {
  test("from SRTP to plain and back", () => {
    const scene = new Scene();
    scene.offer(secure(ALICE, OFFERED[0]!), { transport: "RTP/AVP" });
    scene.answer(BOB);
    scene.offer(ALICE, { transport: "RTP/AVP" });
    // The old keys serve until the answer.
    expect(scene.spec(30002).decrypt).toBeDefined();
    scene.answer(BOB);
    expect(scene.spec(30002).decrypt).toBeUndefined();
    scene.offer(secure(ALICE, OFFERED[0]!), { transport: "RTP/AVP" });
    scene.answer(BOB);
    expect(scene.spec(30002).decrypt).toEqual(keys(OFFERED[0]!));
  });

  test("the callee offers: roles are exchanged, keys are matched again", () => {
    const scene = new Scene();
    scene.offer(secure(ALICE, OFFERED[0]!), NO_NEW);
    scene.answer(secure(BOB, `1 ${S80} ${KEY_B}`));
    const out = scene.offer(secure(BOB, `1 ${S80} ${KEY_B}`), { ...NO_NEW, fromTag: "B", toTag: "A" });
    expect(crypto(out)).toContain(`1 ${S80} ${KEY_B}`);
    const back = scene.answer(secure(ALICE, OFFERED[0]!), { fromTag: "B", toTag: "A" });
    expect(crypto(back)).toEqual([OFFERED[0]!]);
    expect(scene.spec(30000).decrypt).toBeUndefined();
    expect(scene.spec(30000).awaitingKeys).toBe(false);
  });
});
