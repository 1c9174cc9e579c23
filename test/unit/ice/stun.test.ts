import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { emitStun } from "../../../src/media/stun/emit.ts";
import { checkFingerprint, hasValidIntegrity, shortTermKey } from "../../../src/media/stun/integrity.ts";
import { isStun, StunView } from "../../../src/media/stun/view.ts";
import { ATTRIBUTE, BINDING } from "../../../src/media/stun/wire.ts";

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replace(/\s/g, ""), "hex"));
}

function parse(bytes: Uint8Array): StunView {
  const view = StunView.parse(bytes);
  if (typeof view === "string") throw new Error(view);
  return view;
}

const PASSWORD = shortTermKey("VOkJxbRl1RmTxUk/WvJxBt");

// RFC 5769 section 2.1
const REQUEST = hex(`
  00 01 00 58 21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae
  80 22 00 10 53 54 55 4e 20 74 65 73 74 20 63 6c 69 65 6e 74
  00 24 00 04 6e 00 01 ff
  80 29 00 08 93 2f f9 b1 51 26 3b 36
  00 06 00 09 65 76 74 6a 3a 68 36 76 59 20 20 20
  00 08 00 14 9a ea a7 0c bf d8 cb 56 78 1e f2 b5 b2 d3 f2 49 c1 b5 71 a2
  80 28 00 04 e5 7a 3b cf`);

// RFC 5769 section 2.2
const RESPONSE_IPV4 = hex(`
  01 01 00 3c 21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae
  80 22 00 0b 74 65 73 74 20 76 65 63 74 6f 72 20
  00 20 00 08 00 01 a1 47 e1 12 a6 43
  00 08 00 14 2b 91 f5 99 fd 9e 90 c3 8c 74 89 f9 2a f9 ba 53 f0 6b e7 d7
  80 28 00 04 c0 7d 4c 96`);

// RFC 5769 section 2.3
const RESPONSE_IPV6 = hex(`
  01 01 00 48 21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae
  80 22 00 0b 74 65 73 74 20 76 65 63 74 6f 72 20
  00 20 00 14 00 02 a1 47 01 13 a9 fa a5 d3 f1 79 bc 25 f4 b5 be d2 b9 d9
  00 08 00 14 a3 82 95 4e 4b e6 7b f1 17 84 c9 7c 82 92 c2 75 bf e3 ed 41
  80 28 00 04 c8 fb 0b 4c`);

// RFC 5769 section 2.4
const LONG_TERM_REQUEST = hex(`
  00 01 00 60 21 12 a4 42 78 ad 34 33 c6 ad 72 c0 29 da 41 2e
  00 06 00 12 e3 83 9e e3 83 88 e3 83 aa e3 83 83 e3 82 af e3 82 b9 00 00
  00 15 00 1c 66 2f 2f 34 39 39 6b 39 35 34 64 36 4f 4c 33 34 6f 4c 39 46 53 54 76 79 36 34 73 41
  00 14 00 0b 65 78 61 6d 70 6c 65 2e 6f 72 67 00
  00 08 00 14 f6 70 24 65 6d d6 4a 3e 02 b8 e0 71 2e 85 c9 a2 8c a8 96 66`);

const TRANSACTION = hex("b7e7a701bc34d686fa87dfae");

describe("RFC 5769 test vectors", () => {
  test("request with the short-term mechanism", () => {
    const view = parse(REQUEST);
    expect([view.class, view.method]).toEqual(["request", BINDING]);
    expect(view.transactionId).toEqual(TRANSACTION);
    expect(view.software).toBe("STUN test client");
    expect(view.priority).toBe(0x6e0001ff);
    expect(view.controlled).toBe(0x932ff9b151263b36n);
    expect(view.controlling).toBeUndefined();
    expect(view.username).toBe("evtj:h6vY");
    expect(view.useCandidate).toBe(false);
    expect(view.unknownRequired).toEqual([]);
    expect(hasValidIntegrity(view, PASSWORD)).toBe(true);
    expect(hasValidIntegrity(view, shortTermKey("VOkJxbRl1RmTxUk/WvJxBT"))).toBe(false);
    expect(checkFingerprint(view)).toBe("valid");
  });

  test("IPv4 response", () => {
    const view = parse(RESPONSE_IPV4);
    expect(view.class).toBe("success");
    expect(view.mappedAddress).toEqual({ address: "192.0.2.1", port: 32853 });
    expect(hasValidIntegrity(view, PASSWORD)).toBe(true);
    expect(checkFingerprint(view)).toBe("valid");
  });

  test("IPv6 response", () => {
    const view = parse(RESPONSE_IPV6);
    expect(view.mappedAddress).toEqual({ address: "2001:db8:1234:5678:11:2233:4455:6677", port: 32853 });
    expect(hasValidIntegrity(view, PASSWORD)).toBe(true);
    expect(checkFingerprint(view)).toBe("valid");
  });

  test("request with the long-term mechanism, no fingerprint", () => {
    const view = parse(LONG_TERM_REQUEST);
    const user = Buffer.from("\u30de\u30c8\u30ea\u30c3\u30af\u30b9");
    const key = createHash("md5")
      .update(Buffer.concat([user, Buffer.from(":example.org:TheMatrIX")]))
      .digest();
    expect(Buffer.from(view.username!, "latin1")).toEqual(user);
    expect(hasValidIntegrity(view, key)).toBe(true);
    expect(checkFingerprint(view)).toBe("absent");
    expect(view.unknownRequired).toEqual([]);
  });
});

describe("writing", () => {
  test("a check, byte for byte", () => {
    const bytes = emitStun({
      class: "request",
      transactionId: TRANSACTION,
      username: "evtj:h6vY",
      priority: 0x6e0001ff,
      controlling: 0x932ff9b151263b36n,
      useCandidate: true,
      software: "sluice",
    });
    expect(Buffer.from(bytes).toString("hex")).toBe(
      Buffer.from(
        hex(`00 01 00 3c 21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae
          00 06 00 09 65 76 74 6a 3a 68 36 76 59 00 00 00
          00 24 00 04 6e 00 01 ff
          80 2a 00 08 93 2f f9 b1 51 26 3b 36
          00 25 00 00
          80 22 00 06 73 6c 75 69 63 65 00 00
          80 28 00 04 ff a2 1a ee`),
      ).toString("hex"),
    );
    expect(checkFingerprint(parse(bytes))).toBe("valid");
  });

  test("every field comes back", () => {
    for (const address of ["192.0.2.1", "2001:db8:1234:5678:11:2233:4455:6677"]) {
      const bytes = emitStun(
        {
          class: "error",
          method: 0xabc,
          transactionId: TRANSACTION,
          username: "\xe9:b",
          xorMappedAddress: { address, port: 65535 },
          errorCode: { code: 420, reason: "Unknown Attribute" },
          unknownAttributes: [0x7fff, 0x0002, 0x0003],
          priority: 0xffffffff,
          controlled: 2n ** 64n - 1n,
          software: "x",
        },
        { key: PASSWORD },
      );
      const view = parse(bytes);
      expect([view.class, view.method]).toEqual(["error", 0xabc]);
      expect(view.username).toBe("\xe9:b");
      expect(view.mappedAddress).toEqual({ address, port: 65535 });
      expect(view.errorCode).toEqual({ code: 420, reason: "Unknown Attribute" });
      expect(view.unknownAttributes).toEqual([0x7fff, 0x0002, 0x0003]);
      expect(view.priority).toBe(0xffffffff);
      expect(view.controlled).toBe(2n ** 64n - 1n);
      expect(hasValidIntegrity(view, PASSWORD)).toBe(true);
      expect(checkFingerprint(view)).toBe("valid");
    }
  });

  test("all classes and the method bits around them", () => {
    for (const kind of ["request", "indication", "success", "error"] as const) {
      for (const method of [0x001, 0x00f, 0x070, 0xf80, 0xfff]) {
        const view = parse(emitStun({ class: kind, method, transactionId: TRANSACTION }));
        expect([view.class, view.method]).toEqual([kind, method]);
      }
    }
  });
});

describe("reading hostile bytes", () => {
  test("RTP, RTCP, DTLS, RFC 3489 and short packets are not STUN", () => {
    expect(isStun(REQUEST)).toBe(true);
    expect(isStun(REQUEST.subarray(0, 19))).toBe(false);
    for (const first of [0x80, 0x81, 0x16, 0x40]) {
      const other = REQUEST.slice();
      other[0] = first;
      expect(isStun(other)).toBe(first === 0x16);
    }
    const oldStun = REQUEST.slice();
    oldStun[4] = 0;
    expect(isStun(oldStun)).toBe(false);
    const oddLength = REQUEST.slice();
    oddLength[3] = oddLength[3]! + 1;
    expect(isStun(oddLength)).toBe(false);
  });

  test("length field and datagram must agree", () => {
    expect(StunView.parse(REQUEST.subarray(0, REQUEST.length - 4))).toBe("bad-length");
    expect(StunView.parse(Uint8Array.of(...REQUEST, 0, 0, 0, 0))).toBe("bad-length");
  });

  test("attributes must lie inside the message and have their size", () => {
    const overrun = REQUEST.slice();
    overrun[REQUEST.length - 5] = 8; // length of FINGERPRINT
    expect(StunView.parse(overrun)).toBe("attribute-overrun");
    const header = "21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae";
    expect(StunView.parse(hex(`00 01 00 04 ${header} 00 25 00 04`))).toBe("attribute-overrun");
    for (const attribute of ["00 25 00 04 00000000", "00 24 00 03 00000000", "00 08 00 04 00000000"]) {
      expect(StunView.parse(hex(`00 01 00 08 ${header} ${attribute}`))).toBe("bad-attribute-length");
    }
    expect(StunView.parse(hex(`00 01 00 0c ${header} 80 28 00 04 00000000 00 25 00 00`))).toBe("fingerprint-not-last");
    const many = hex(`00 01 01 04 ${header} ${"80 ff 00 00".repeat(65)}`);
    expect(StunView.parse(many)).toBe("too-many-attributes");
  });

  test("what follows MESSAGE-INTEGRITY is ignored, so nobody can add USE-CANDIDATE to a captured check", () => {
    const check = emitStun(
      { class: "request", transactionId: TRANSACTION, username: "a:b" },
      { key: PASSWORD, fingerprint: false },
    );
    const forged = Uint8Array.of(...check, 0x00, 0x25, 0x00, 0x00);
    forged[3] = forged[3]! + 4;
    const view = parse(forged);
    expect(hasValidIntegrity(view, PASSWORD)).toBe(true);
    expect(view.useCandidate).toBe(false);
    expect(view.username).toBe("a:b");
  });

  test("every changed bit breaks the integrity or the shape", () => {
    for (let bit = 0; bit < (REQUEST.length - 8) * 8; bit++) {
      const changed = REQUEST.slice();
      changed[bit >> 3] = changed[bit >> 3]! ^ (1 << (bit & 7));
      const view = StunView.parse(changed);
      if (typeof view === "string") continue;
      expect(checkFingerprint(view)).not.toBe("valid");
      expect(hasValidIntegrity(view, PASSWORD)).toBe(false);
    }
  });

  test("unknown attributes below 0x8000 are named once each, optional ones are skipped", () => {
    const header = "21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae";
    const view = parse(hex(`00 01 00 14 ${header} 7f fe 00 00 00 02 00 00 c0 57 00 04 00000001 7f fe 00 00`));
    expect(view.unknownRequired).toEqual([0x7ffe, 0x0002]);
    expect(view.attribute(0xc057)).toEqual(Uint8Array.of(0, 0, 0, 1));
  });

  test("broken values of well-formed attributes read as absent", () => {
    const header = "21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae";
    const of = (attribute: string) => {
      const body = hex(attribute);
      return parse(hex(`01 01 00 ${body.length.toString(16).padStart(2, "0")} ${header} ${attribute}`));
    };
    expect(of("00 20 00 08 00 03 a1 47 e1 12 a6 43").mappedAddress).toBeUndefined();
    expect(of("00 20 00 08 00 02 a1 47 e1 12 a6 43").mappedAddress).toBeUndefined();
    expect(of("00 20 00 01 00 00 00 00").mappedAddress).toBeUndefined();
    expect(of("00 09 00 04 00 00 07 00").errorCode).toBeUndefined();
    expect(of("00 09 00 04 00 00 04 64").errorCode).toBeUndefined();
    expect(of("00 09 00 02 00 00 00 00").errorCode).toBeUndefined();
    expect(of("00 01 00 08 00 01 80 55 c0 00 02 01").mappedAddress).toEqual({ address: "192.0.2.1", port: 32853 });
    const long = emitStun({ class: "request", transactionId: TRANSACTION, username: "u".repeat(600) });
    expect(parse(long).username).toHaveLength(513);
    expect(parse(long).has(ATTRIBUTE.username)).toBe(true);
  });
});
