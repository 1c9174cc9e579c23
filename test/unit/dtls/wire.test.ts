/** Literal bytes: records, hellos, key derivation, replay window, cipher lists. */
import { describe, expect, test } from "bun:test";
import type { ClientHello } from "../../../src/media/dtls/hello.ts";
import {
  emitClientHello,
  emitHelloVerifyRequest,
  emitServerHello,
  glimpseClientHello,
  readClientHello,
  readHelloVerifyRequest,
  readServerHello,
} from "../../../src/media/dtls/hello.ts";
import { prf } from "../../../src/media/dtls/prf.ts";
import { RecordProtection, ReplayWindow } from "../../../src/media/dtls/protection.ts";
import { handshakeMessage } from "../../../src/media/dtls/reassembly.ts";
import { plainRecord, readRecord, readRecords } from "../../../src/media/dtls/record.ts";
import { SRTP_PROFILES, srtpKeys } from "../../../src/media/dtls/srtp-profiles.ts";
import { CIPHER_SUITES, cipherSuites } from "../../../src/media/dtls/suites.ts";

function hex(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ""), "hex"));
}

describe("records", () => {
  // type 22, DTLS 1.2, epoch 1, sequence 0x010203040506, three bytes
  const bytes = hex("16 fefd 0001 010203040506 0003 aabbcc");

  test("header fields are big-endian, the sequence has 48 bits", () => {
    expect(readRecord(bytes)).toMatchObject({ type: 22, epoch: 1, sequence: 0x010203040506, at: 0 });
    expect(readRecord(bytes)!.fragment).toEqual(hex("aabbcc"));
    expect(Uint8Array.from(plainRecord(21, 0xfeff, 0x010203040506, hex("0102")))).toEqual(
      hex("15 feff 0000 010203040506 0002 0102"),
    );
  });

  test("several in one datagram; what is cut short, of another version or type ends it", () => {
    const two = Buffer.concat([bytes, bytes]);
    expect(readRecords(two)).toMatchObject({ whole: true, records: [{ at: 0 }, { at: 16 }] });
    expect(readRecords(two.subarray(0, 31))).toMatchObject({ whole: false, records: [{ at: 0 }] });
    for (const [at, value] of [
      [0, 19],
      [0, 24],
      [1, 3],
      [2, 0xfc],
    ] as const) {
      const bad = Uint8Array.from(bytes);
      bad[at] = value;
      expect(readRecords(bad)).toEqual({ whole: false, records: [] });
    }
    expect(readRecords(new Uint8Array(0))).toEqual({ whole: false, records: [] });
  });

  test("protection round trip: any changed bit is noticed", () => {
    for (const suite of CIPHER_SUITES) {
      const protection = new RecordProtection(suite, new Uint8Array(suite.keyBytes).fill(3), hex("01020304"));
      const sealed = Uint8Array.from(protection.seal(22, 1, 5, hex("00112233")));
      expect(sealed.length).toBe(13 + 8 + 4 + 16);
      expect(Buffer.from(protection.open(readRecord(sealed)!)!).toString("hex")).toBe("00112233");
      for (let bit = 0; bit < sealed.length * 8; bit++) {
        const bad = Uint8Array.from(sealed);
        bad[bit >> 3]! ^= 1 << (bit & 7);
        const record = readRecord(bad);
        if (record) expect(protection.open(record)).toBeUndefined();
      }
    }
    const [suite] = CIPHER_SUITES;
    const protection = new RecordProtection(suite!, new Uint8Array(16), hex("01020304"));
    expect(protection.open(readRecord(hex("16 fefd 0001 000000000000 0002 aabb"))!)).toBeUndefined();
  });

  test("replay window: 64 records back, each once", () => {
    const window = new ReplayWindow();
    const take = (sequence: number) => {
      const isNew = window.isNew(sequence);
      if (isNew) window.accept(sequence);
      return isNew;
    };
    expect([5, 5, 4, 0, 4, 6, 70, 6, 7, 7, 2 ** 48 - 1, 70].map(take)).toEqual([
      true,
      false,
      true,
      true,
      false,
      true,
      true,
      false,
      true,
      false,
      true,
      false,
    ]);
  });
});

describe("hellos", () => {
  const hello: ClientHello = {
    version: 0xfefd,
    random: new Uint8Array(32).fill(0xab),
    sessionId: hex("0102"),
    cookie: hex("c0ffee"),
    suites: [0xc02b, 0x00ff],
    compressions: hex("00"),
    extensions: new Map([[14, hex("000400080007 00")]]),
  };
  const body = hex(`fefd ${"ab".repeat(32)} 02 0102 03 c0ffee 0004 c02b00ff 01 00 000b 000e 0007 000400080007 00`);

  test("ClientHello to bytes and back", () => {
    expect(Uint8Array.from(emitClientHello(hello))).toEqual(body);
    expect(readClientHello(body)).toEqual(hello);
  });

  test("without extensions, cut short, with rubbish behind, with an extension twice", () => {
    expect(readClientHello(body.subarray(0, body.length - 13)).extensions.size).toBe(0);
    for (let length = 0; length < body.length; length++) {
      if (length !== body.length - 13) expect(() => readClientHello(body.subarray(0, length))).toThrow();
    }
    expect(() => readClientHello(Buffer.concat([body, hex("00")]))).toThrow("too long");
    const twice = hex(`fefd ${"ab".repeat(32)} 00 00 0002 c02b 01 00 0008 00170000 00170000`);
    expect(() => readClientHello(twice)).toThrow("extension 23 comes twice");
  });

  test("ServerHello and HelloVerifyRequest", () => {
    const server = { version: 0xfefd, random: hello.random, suite: 0xc02b, compression: 0, extensions: new Map() };
    const bytes = hex(`fefd ${"ab".repeat(32)} 00 c02b 00 0000`);
    expect(Uint8Array.from(emitServerHello(server))).toEqual(bytes);
    expect(readServerHello(bytes)).toEqual(server);
    expect(Uint8Array.from(emitHelloVerifyRequest(hex("0102")))).toEqual(hex("feff 02 0102"));
    expect(readHelloVerifyRequest(hex("feff 02 0102"))).toEqual(hex("0102"));
    expect(() => readHelloVerifyRequest(hex("feff 03 0102"))).toThrow("too short");
  });

  test("a glimpse of a datagram finds random and cookie in a first fragment, and nothing anywhere else", () => {
    const { bytes } = handshakeMessage(1, 3, body);
    const datagram = plainRecord(22, 0xfeff, 9, bytes);
    expect(glimpseClientHello(datagram)).toEqual({
      recordSequence: 9,
      messageSequence: 3,
      random: hello.random,
      cookie: hello.cookie,
    });
    // The first 60 bytes of the body as a fragment.
    const fragment = Uint8Array.from(bytes.subarray(0, 12 + 60));
    fragment.set([0, 0, 60], 9);
    expect(glimpseClientHello(plainRecord(22, 0xfeff, 9, fragment))?.cookie).toEqual(hello.cookie);
    fragment.set([0, 0, 38], 9);
    expect(glimpseClientHello(plainRecord(22, 0xfeff, 9, fragment))).toBeUndefined();
    for (let length = 0; length < 13 + 12 + 40; length++) {
      const cut = Uint8Array.from(datagram.subarray(0, length));
      if (length > 12) cut.set([(length - 13) >> 8, length - 13], 11);
      expect(glimpseClientHello(cut)).toBeUndefined();
    }
    expect(glimpseClientHello(plainRecord(22, 0xfeff, 9, handshakeMessage(2, 3, body).bytes))).toBeUndefined();
  });
});

describe("key derivation", () => {
  /** Test vectors published on the IETF TLS mailing list (2009) for the PRF of TLS 1.2. */
  test("P_SHA256 and P_SHA384", () => {
    const sha256 = prf(
      "sha256",
      hex("9bbe436ba940f017b17652849a71db35"),
      "test label",
      hex("a0ba9f936cda311827a6f796ffd5198c"),
      100,
    );
    expect(Buffer.from(sha256).toString("hex")).toBe(
      "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af0f" +
        "a022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff70187347b66",
    );
    const sha384 = prf(
      "sha384",
      hex("b80b733d6ceefcdc71566ea48e5567df"),
      "test label",
      hex("cd665cf6a8447dd6ff8b27555edb7465"),
      148,
    );
    expect(Buffer.from(sha384).toString("hex")).toStartWith(
      "7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cd",
    );
  });

  test("SRTP keys: client key, server key, client salt, server salt", () => {
    const profile = SRTP_PROFILES.find(({ name }) => name === "SRTP_AES128_CM_SHA1_80")!;
    const material = Uint8Array.from({ length: 60 }, (_, i) => i);
    const { client, server } = srtpKeys(profile, material);
    expect(client.masterKey).toEqual(material.slice(0, 16));
    expect(server.masterKey).toEqual(material.slice(16, 32));
    expect(client.masterSalt).toEqual(material.slice(32, 46));
    expect(server.masterSalt).toEqual(material.slice(46, 60));
  });
});

describe("dtls-ciphers in OpenSSL's syntax", () => {
  const names = (list: string) => cipherSuites(list).map(({ name }) => name);

  test("DEFAULT is all of ours; words take away, add and reorder", () => {
    const all = CIPHER_SUITES.map(({ name }) => name);
    expect(names("DEFAULT")).toEqual(all);
    expect(names("DEFAULT:!NULL:!aNULL:!PSK")).toEqual(all);
    expect(names("DEFAULT:!aRSA")).toEqual(["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"]);
    expect(names("DEFAULT:-AES128")).toEqual(["ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384"]);
    expect(names("DEFAULT:+AES128")[0]).toBe("ECDHE-ECDSA-AES256-GCM-SHA384");
    expect(names("ECDHE+AES256:@STRENGTH:ECDHE-RSA-AES128-GCM-SHA256")).toEqual([
      "ECDHE-ECDSA-AES256-GCM-SHA384",
      "ECDHE-RSA-AES256-GCM-SHA384",
      "ECDHE-RSA-AES128-GCM-SHA256",
    ]);
    expect(names("!AES128:DEFAULT")).toEqual(["ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384"]);
    expect(names("AES128-SHA:NULL")).toEqual([]);
  });
});
