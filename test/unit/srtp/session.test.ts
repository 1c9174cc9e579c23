import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mapArena } from "../../../ffi/memory.ts";
import { deriveSessionKeys } from "../../../src/media/srtp/derive.ts";
import { fallbackSrtp } from "../../../src/media/srtp/fallback.ts";
import { libcryptoSrtp } from "../../../src/media/srtp/libcrypto.ts";
import type { SrtpLibrary } from "../../../src/media/srtp/primitives.ts";
import { SRTP_ERROR, SRTP_SCRATCH, SrtpSession } from "../../../src/media/srtp/session.ts";
import { SRTP_SUITES, type SrtpKeys, srtpSuite } from "../../../src/media/srtp/suites.ts";
import { loadLibsrtp2 } from "./libsrtp2.ts";

const mapped = mapArena(65_536);
const arena = { address: mapped.address, bytes: new Uint8Array(mapped.view()) };
const ROOM = 32_768;
const PACKET = 49_152;
let nextScratch = 0;

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replace(/\s/g, ""), "hex"));
/** Deterministic bytes, so that a failure can be repeated. */
const material = (seed: string, length: number) =>
  Uint8Array.from(createHash("sha512").update(seed).digest().subarray(0, length));

function keysOf(name: string, over: Partial<SrtpKeys> = {}): SrtpKeys {
  const suite = srtpSuite(name)!;
  return {
    suite,
    masterKey: material(`key ${name}`, suite.keyBytes),
    masterSalt: material(`salt ${name}`, suite.saltBytes),
    mki: new Uint8Array(),
    unencryptedRtp: false,
    unencryptedRtcp: false,
    unauthenticatedRtp: false,
    ...over,
  };
}

class Side {
  readonly session: SrtpSession;
  constructor(keys: SrtpKeys, library: SrtpLibrary, derived?: ConstructorParameters<typeof SrtpSession>[5]) {
    this.session = new SrtpSession(keys, library, arena, nextScratch++ * SRTP_SCRATCH, ROOM, derived);
  }
  run(kind: "protectRtp" | "unprotectRtp" | "protectRtcp" | "unprotectRtcp", packet: Uint8Array): Uint8Array | number {
    arena.bytes.set(packet, PACKET);
    const length = this.session[kind](PACKET, packet.length);
    return length < 0 ? length : arena.bytes.slice(PACKET, PACKET + length);
  }
}

function rtp(sequence: number, { ssrc = 0x01020304, payload = 160 } = {}): Uint8Array {
  const packet = Buffer.alloc(12 + payload, sequence & 0xff);
  packet.writeUInt32BE(0x80080000 + (sequence & 0xffff), 0);
  packet.writeUInt32BE((sequence * 160) >>> 0, 4);
  packet.writeUInt32BE(ssrc, 8);
  return Uint8Array.from(packet);
}

function rtcp(report = 1): Uint8Array {
  const packet = Buffer.alloc(28, report);
  packet.writeUInt32BE(0x80c80006, 0);
  packet.writeUInt32BE(0x01020304, 4);
  return Uint8Array.from(packet);
}

const loaded = libcryptoSrtp();
const libraries: [string, SrtpLibrary][] = [["runtime crypto", fallbackSrtp]];
if ("reason" in loaded) console.log(`skipped: SRTP over libcrypto (${loaded.reason})`);
else libraries.push(["libcrypto", loaded]);

test("session keys come out as RFC 3711 appendix B.3 has them", () => {
  const keys = keysOf("AES_CM_128_HMAC_SHA1_80", {
    masterKey: hex("E1F97A0D3E018BE0D64FA32C06DE4139"),
    masterSalt: hex("0EC675AD498AFEEBB6960B3AABE6"),
  });
  const derived = deriveSessionKeys(keys, "rtp");
  expect(derived.encryption).toEqual(hex("C61E7A93744F39EE10734AFE3FF7A087"));
  expect(derived.salt).toEqual(hex("30CBBC08863D8C85D49DB34A9AE1"));
  expect(derived.authentication).toEqual(hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
});

test("session keys of a 192-bit master key come out as RFC 6188 section 7.4 has them", () => {
  const keys = keysOf("AES_192_CM_HMAC_SHA1_80", {
    masterKey: hex("73edc66c4fa15776fb57f9505c17136550ffda71f3e8e5f1"),
    masterSalt: hex("c8522f3acd4ce86d5add78edbb11"),
  });
  const derived = deriveSessionKeys(keys, "rtp");
  expect(derived.encryption).toEqual(hex("31874736a8f1143870c26e4857d8a5b2c4a354407faadabb"));
  expect(derived.salt).toEqual(hex("2372b82d639b6d8503a47adc0a6c"));
  expect(derived.authentication).toEqual(hex("355b10973cd95b9eacf4061c7e1a7151e7cfbfcb"));
});

describe.each(libraries)("SRTP with %s", (_name, library) => {
  test("a packet under AEAD_AES_128_GCM is that of RFC 7714 section 16.1.1", () => {
    const keys = keysOf("AEAD_AES_128_GCM");
    const session = {
      encryption: hex("000102030405060708090a0b0c0d0e0f"),
      authentication: new Uint8Array(),
      salt: hex("517569642070726f2071756f"),
    };
    const side = new Side(keys, library, { rtp: session, rtcp: session });
    const clear = hex(
      "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e697320646976697361 20696e207061727465732074726573",
    );
    expect(side.run("protectRtp", clear)).toEqual(
      hex(
        "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833" +
          "899d7f27beb16a9152cf765ee4390cce",
      ),
    );
  });

  describe.each(SRTP_SUITES.map((suite) => suite.name))("%s", (name) => {
    test("RTP and RTCP come back as they were, over a wrap of the sequence number", () => {
      const sender = new Side(keysOf(name), library);
      const receiver = new Side(keysOf(name), library);
      for (let sequence = 65_500; sequence < 65_600; sequence++) {
        const packet = rtp(sequence);
        const secured = sender.run("protectRtp", packet) as Uint8Array;
        expect(secured.length).toBe(packet.length + srtpSuite(name)!.rtpTagBytes);
        if (!name.startsWith("NULL")) expect(secured.subarray(12, 172)).not.toEqual(packet.subarray(12));
        expect(receiver.run("unprotectRtp", secured)).toEqual(packet);
      }
      for (let i = 0; i < 3; i++) {
        const secured = sender.run("protectRtcp", rtcp(i)) as Uint8Array;
        expect(receiver.run("unprotectRtcp", secured)).toEqual(rtcp(i));
      }
    });

    test("a changed bit anywhere is refused and leaves the packet as it came", () => {
      const sender = new Side(keysOf(name), library);
      const receiver = new Side(keysOf(name), library);
      for (const [protect, unprotect, packet] of [
        ["protectRtp", "unprotectRtp", rtp(7)],
        ["protectRtcp", "unprotectRtcp", rtcp()],
      ] as const) {
        const secured = sender.run(protect, packet) as Uint8Array;
        for (let at = 1; at < secured.length; at += 3) {
          const forged = secured.slice();
          forged[at]! ^= 4;
          expect(receiver.run(unprotect, forged)).toBeLessThan(0);
          expect(arena.bytes.slice(PACKET, PACKET + forged.length)).toEqual(forged);
        }
        expect(receiver.run(unprotect, secured)).toEqual(packet);
      }
    });

    test("a replayed packet is refused, a late one inside the window accepted once", () => {
      const sender = new Side(keysOf(name), library);
      const receiver = new Side(keysOf(name), library);
      const secured = Array.from({ length: 300 }, (_, i) => sender.run("protectRtp", rtp(i)) as Uint8Array);
      for (const i of [0, 5, 3, 299, 250]) expect(receiver.run("unprotectRtp", secured[i]!)).toEqual(rtp(i));
      for (const i of [299, 250, 10]) expect(receiver.run("unprotectRtp", secured[i]!)).toBe(SRTP_ERROR.replay);
      expect(receiver.run("unprotectRtp", secured[200]!)).toEqual(rtp(200));
      const report = sender.run("protectRtcp", rtcp()) as Uint8Array;
      expect(receiver.run("unprotectRtcp", report)).toEqual(rtcp());
      expect(receiver.run("unprotectRtcp", report)).toBe(SRTP_ERROR.replay);
    });
  });

  test("a listener that joins after a roll-over finds the count", () => {
    const name = "AES_CM_128_HMAC_SHA1_80";
    const sender = new Side(keysOf(name), library);
    let late: Uint8Array | undefined;
    for (let i = 65_530; i < 65_545; i++) late = sender.run("protectRtp", rtp(i)) as Uint8Array;
    expect(new Side(keysOf(name), library).run("unprotectRtp", late!)).toEqual(rtp(65_544));
  });

  test("an MKI is carried, and session parameters leave out what they say", () => {
    const name = "AES_CM_128_HMAC_SHA1_32";
    const keys = keysOf(name, { mki: hex("00000001"), unencryptedRtp: true, unencryptedRtcp: true });
    const sender = new Side(keys, library);
    const receiver = new Side(keys, library);
    const secured = sender.run("protectRtp", rtp(1)) as Uint8Array;
    expect(secured.subarray(0, 172)).toEqual(rtp(1));
    expect(secured.subarray(172, 176)).toEqual(hex("00000001"));
    expect(receiver.run("unprotectRtp", secured)).toEqual(rtp(1));
    const report = sender.run("protectRtcp", rtcp()) as Uint8Array;
    expect(report.subarray(0, 28)).toEqual(rtcp());
    expect(receiver.run("unprotectRtcp", report)).toEqual(rtcp());
    const bare = keysOf(name, { unauthenticatedRtp: true });
    const unsigned = new Side(bare, library).run("protectRtp", rtp(2)) as Uint8Array;
    expect(unsigned.length).toBe(172);
    expect(new Side(bare, library).run("unprotectRtp", unsigned)).toEqual(rtp(2));
  });

  test("many SSRCs: forged ones never push out a real one", () => {
    const name = "AEAD_AES_128_GCM";
    const sender = new Side(keysOf(name), library);
    const receiver = new Side(keysOf(name), library);
    const first = sender.run("protectRtp", rtp(1)) as Uint8Array;
    expect(receiver.run("unprotectRtp", first)).toEqual(rtp(1));
    for (let i = 0; i < 100; i++) receiver.run("unprotectRtp", rtp(i, { ssrc: 1_000 + i, payload: 40 }));
    expect(receiver.run("unprotectRtp", first)).toBe(SRTP_ERROR.replay);
  });

  test("short and malformed packets are refused", () => {
    const side = new Side(keysOf("AES_CM_128_HMAC_SHA1_80"), library);
    for (let length = 0; length < 40; length++) {
      const junk = new Uint8Array(length).fill(0xff);
      for (const kind of ["unprotectRtp", "unprotectRtcp", "protectRtp"] as const) {
        expect(side.run(kind, junk)).toBeLessThan(0);
      }
    }
  });
});

const libsrtp2 = loadLibsrtp2();
if (!libsrtp2) console.log("skipped: libsrtp2 as the peer (libsrtp2.so.1 is not installed)");
else {
  // libsrtp2 has no F8; its NSS build derives other keys from a 192-bit master key than RFC 6188 section 7.4.
  const suites = SRTP_SUITES.filter(({ cipher, keyBytes }) => cipher !== "f8" && keyBytes !== 24).map(
    ({ name }) => name,
  );
  describe.each(libraries)("SRTP with %s and libsrtp2 as the peer", (_name, library) => {
    test.each(suites)("%s in both directions", (name) => {
      const keys = keysOf(name);
      const ours = new Side(keys, library);
      const theirs = libsrtp2(keys, "outbound");
      const theirEar = libsrtp2(keys, "inbound");
      const ourEar = new Side(keys, library);
      for (let sequence = 65_520; sequence < 65_560; sequence++) {
        const packet = rtp(sequence, { payload: (sequence * 7) % 300 });
        expect(theirEar.unprotect(ours.run("protectRtp", packet) as Uint8Array)).toEqual(packet);
        expect(ourEar.run("unprotectRtp", theirs.protect(packet) as Uint8Array)).toEqual(packet);
      }
      for (let i = 0; i < 3; i++) {
        expect(theirEar.unprotectRtcp(ours.run("protectRtcp", rtcp(i)) as Uint8Array)).toEqual(rtcp(i));
        expect(ourEar.run("unprotectRtcp", theirs.protectRtcp(rtcp(i)) as Uint8Array)).toEqual(rtcp(i));
      }
    });

    test.each(["AES_CM_128_HMAC_SHA1_80", "AEAD_AES_256_GCM"])("%s with unencrypted RTCP", (name) => {
      const keys = keysOf(name, { unencryptedRtcp: true });
      const packet = rtcp(5);
      expect(
        libsrtp2(keys, "inbound").unprotectRtcp(new Side(keys, library).run("protectRtcp", packet) as Uint8Array),
      ).toEqual(packet);
      expect(
        new Side(keys, library).run("unprotectRtcp", libsrtp2(keys, "outbound").protectRtcp(packet) as Uint8Array),
      ).toEqual(packet);
    });
  });
}
