/** Peers that lie, strangers who join in, floods, garbage. */
import { describe, expect, test } from "bun:test";
import type { Endpoint } from "../../../src/address.ts";
import { DTLS_ASSOCIATION_BURST, MAX_DTLS_HANDSHAKES } from "../../../src/limits.ts";
import { DtlsAdmission, TokenBucket } from "../../../src/media/dtls/admission.ts";
import { ClientHandshake } from "../../../src/media/dtls/client.ts";
import { DtlsConnection } from "../../../src/media/dtls/connection.ts";
import { DtlsCookies } from "../../../src/media/dtls/cookies.ts";
import { newDtlsCounters } from "../../../src/media/dtls/counters.ts";
import type { HandshakeStep } from "../../../src/media/dtls/handshake.ts";
import { glimpseClientHello } from "../../../src/media/dtls/hello.ts";
import type { HandshakeMessage } from "../../../src/media/dtls/reassembly.ts";
import { handshakeMessage, Reassembly, readFragments } from "../../../src/media/dtls/reassembly.ts";
import { plainRecord } from "../../../src/media/dtls/record.ts";
import { ServerHandshake } from "../../../src/media/dtls/server.ts";
import { SRTP_PROFILES } from "../../../src/media/dtls/srtp-profiles.ts";
import { CIPHER_SUITES } from "../../../src/media/dtls/suites.ts";
import { COOKIE_PERIOD } from "../../../src/media/dtls/timing.ts";
import { HANDSHAKE } from "../../../src/media/dtls/wire.ts";
import {
  CALLEE,
  CALLEE_CERTIFICATE,
  CALLER,
  CALLER_CERTIFICATE,
  Network,
  Party,
  pair,
  Random,
  RSA_CERTIFICATE,
  START,
  sha256,
} from "./network.ts";

/** The victim's certificate with a key that is not the victim's. */
const STOLEN = { ...CALLER_CERTIFICATE, privateKey: CALLEE_CERTIFICATE.privateKey };

/** A ClientHello with this seed's random, as its only datagram. */
function clientHello(seed: number): Uint8Array {
  const sent: Uint8Array[] = [];
  const handshake = new ClientHandshake({
    certificate: CALLER_CERTIFICATE,
    profiles: SRTP_PROFILES,
    suites: CIPHER_SUITES,
    random: new Random(seed),
    accepts: () => true,
  });
  const counters = newDtlsCounters();
  const options = { mtu: 1_200, initialTimeout: 1_000, counters, send: (bytes: Uint8Array) => sent.push(bytes) };
  new DtlsConnection(handshake, options).begin(START);
  return sent[0]!;
}

function address(n: number): Endpoint {
  return { address: `203.0.${(n >> 8) & 255}.${n & 255}`, port: 1_024 + (n >> 16) };
}

describe("a peer that has the right certificate but not its key", () => {
  test("as client: CertificateVerify is refused", () => {
    const network = new Network(1);
    const { caller, callee } = pair(network, { certificate: STOLEN });
    caller.start();
    network.run(500);
    expect(callee.kinds()).toEqual(["failed"]);
    expect(callee.events[0]).toMatchObject({ reason: "the signature of CertificateVerify is wrong" });
    expect(caller.events[0]).toMatchObject({ kind: "alert", description: "decrypt_error" });
  });

  test("as server: ServerKeyExchange is refused", () => {
    const network = new Network(2);
    const { caller } = pair(network, { peer: sha256(CALLER_CERTIFICATE) }, { certificate: STOLEN });
    caller.start();
    network.run(500);
    expect(caller.events[0]).toMatchObject({ kind: "failed", reason: "the signature of ServerKeyExchange is wrong" });
  });

  test("as client that leaves out CertificateVerify, its certificate, or both", () => {
    for (const [left, reason] of [
      [[HANDSHAKE.certificateVerify], "handshake message 20 comes out of turn"],
      [[HANDSHAKE.certificate], "handshake message 16 comes out of turn"],
      [[HANDSHAKE.certificate, HANDSHAKE.certificateVerify], "handshake message 16 comes out of turn"],
      [[HANDSHAKE.clientKeyExchange], "handshake message 15 comes out of turn"],
    ] as const) {
      const { client, server } = handshakes();
      const messages = (step: HandshakeStep) =>
        (step.flight ?? []).flatMap((item) => ("message" in item ? [item.message] : []));
      let answer: HandshakeStep = {};
      for (const hello of messages(client.begin())) {
        for (const message of messages(server.receive(hello))) answer = client.receive(message);
      }
      const kept = messages(answer).filter(({ type }) => !(left as readonly number[]).includes(type));
      expect(() => kept.map((message) => server.receive(message))).toThrow(reason);
      expect(() => server.receive(kept.at(-1)!)).toThrow("handshake message 20 comes out of turn");
    }
  });

  test("and nothing left out: the same messages are taken", () => {
    const { client, server } = handshakes();
    const [hello] = client.begin().flight!;
    let answer: HandshakeStep = {};
    for (const item of server.receive("message" in hello! ? hello.message : undefined!).flight!) {
      if ("message" in item) answer = client.receive(item.message);
    }
    let last: HandshakeStep = {};
    for (const item of answer.flight!) if ("message" in item) last = server.receive(item.message);
    expect(last.result?.suite.name).toBe("ECDHE-ECDSA-AES128-GCM-SHA256");
  });
});

describe("Finished", () => {
  test("that does not match the transcript is refused by either side", () => {
    const { client, server } = handshakes();
    const plain = (step: HandshakeStep) =>
      (step.flight ?? []).flatMap((item) => ("message" in item ? [item.message] : []));
    const spoiled = (message: HandshakeMessage) => {
      const body = Uint8Array.from(message.body);
      body[11]! ^= 1;
      return handshakeMessage(message.type, message.sequence, body);
    };
    let answer: HandshakeStep = {};
    for (const message of plain(server.receive(plain(client.begin())[0]!))) answer = client.receive(message);
    const flight = plain(answer);
    for (const message of flight.slice(0, -1)) server.receive(message);
    const wrong = "the Finished message does not match the handshake";
    expect(() => server.receive(spoiled(flight.at(-1)!))).toThrow(wrong);
    const [finished] = plain(server.receive(flight.at(-1)!));
    expect(() => client.receive(spoiled(finished!))).toThrow(wrong);
    expect(() => client.receive(handshakeMessage(finished!.type, 7, finished!.body.slice(0, 11)))).toThrow(wrong);
    expect(client.receive(finished!).result).toBeDefined();
  });

  test("in the clear is not looked at: the handshake goes on", () => {
    const network = new Network(5);
    const { caller, callee } = pair(network);
    caller.start();
    network.run(15);
    // ClientHello was 0: for Finished of the client 4 is next but three.
    for (const sequence of [1, 2, 3, 4]) {
      callee.receive(plainRecord(22, 0xfefd, 90, handshakeMessage(20, sequence, new Uint8Array(12)).bytes), CALLER);
    }
    expect(callee.counters.unexpected).toBe(4);
    network.run();
    expect([caller.association.state, callee.association.state]).toEqual(["connected", "connected"]);
  });
});

function handshakes(): { readonly client: ClientHandshake; readonly server: ServerHandshake } {
  const common = { profiles: SRTP_PROFILES, suites: CIPHER_SUITES, random: new Random(9), accepts: () => true };
  return {
    client: new ClientHandshake({ ...common, certificate: CALLER_CERTIFICATE }),
    server: new ServerHandshake({ ...common, certificate: CALLEE_CERTIFICATE }, 0),
  };
}

describe("a man in the middle", () => {
  test("any byte of any handshake message flipped: the call connects with equal keys or not at all", () => {
    let failed = 0;
    let cases = 0;
    for (let datagram = 0; datagram < 4; datagram++) {
      for (let at = 0; at < 640; at += datagram === 3 ? 1 : 5) {
        const network = new Network(100 + datagram);
        const { caller, callee } = pair(network);
        let count = 0;
        let hit = false;
        network.tamper = (bytes) => {
          if (count++ === datagram && at < bytes.length) {
            bytes[at]! ^= 1 << (at % 8);
            hit = true;
          }
          return bytes;
        };
        caller.start();
        network.run(300);
        if (!hit) break;
        cases++;
        const states = [caller.association.state, callee.association.state];
        if (states[0] === "connected" && states[1] === "connected") {
          expect(caller.connected().localKeys).toEqual(callee.connected().remoteKeys);
          expect(caller.connected().suite.name).toBe("AEAD_AES_256_GCM");
        } else failed++;
      }
    }
    expect(cases).toBeGreaterThan(300);
    expect(failed / cases).toBeGreaterThan(0.9);
  });

  test("takes use_srtp profiles out of ClientHello: Finished gives it away", () => {
    const network = new Network(4);
    const { caller, callee } = pair(network);
    network.tamper = (bytes, from) => {
      if (from !== CALLER) return bytes;
      // 0x0008 -> 0x0002: the callee would choose the weakest profile.
      const text = Buffer.from(bytes)
        .toString("latin1")
        .replace("\x00\x08\x00\x07\x00\x01\x00\x02", "\x00\x02".repeat(4));
      return Buffer.from(text, "latin1");
    };
    caller.start();
    network.run(500);
    expect(caller.kinds()).not.toContain("connected");
    expect(callee.kinds()).not.toContain("connected");
  });
});

describe("a stranger who can send from the peer's address", () => {
  test("cannot end an established connection by alerts, hellos or old records", () => {
    const network = new Network(10);
    const { caller, callee } = pair(network);
    caller.start();
    network.run();
    const alert = Uint8Array.of(21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 99, 0, 2, 2, 40);
    const forged = Uint8Array.from(alert);
    forged[4] = 1; // epoch 1, but nobody has the key
    for (const party of [caller, callee]) {
      const from = party === caller ? CALLEE : CALLER;
      const other = party === caller ? callee : caller;
      const events = party.events.length;
      party.receive(alert, from);
      party.receive(forged, from);
      party.receive(Buffer.concat([alert, forged]), from);
      for (const bytes of other.sent) party.receive(bytes, from);
      expect(party.association.state).toBe("connected");
      expect(party.events.length).toBe(events);
      expect(party.counters.unexpected).toBeGreaterThan(0);
      expect(party.counters.badRecords).toBe(2);
      expect(party.counters.replayedRecords).toBeGreaterThan(0);
    }
  });

  test("can end a handshake by a forged alert, but an active party tries again", () => {
    const network = new Network(11);
    const { caller, callee } = pair(network);
    caller.start();
    caller.receive(Uint8Array.of(21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 40), CALLEE);
    expect(caller.events[0]).toMatchObject({ kind: "alert", authenticated: false });
    network.run();
    expect(caller.association.state).toBe("connected");
    expect(callee.association.state).toBe("connected");
  });

  test("cannot keep the peer from connecting by handshakes that never end", () => {
    const network = new Network(12);
    const { caller, callee } = pair(network, {}, { path: "open" });
    for (let i = 0; i < MAX_DTLS_HANDSHAKES; i++) {
      const stranger = new Party(network, address(i), { role: "active", peer: sha256(RSA_CERTIFICATE) });
      stranger.remote = CALLEE;
      stranger.association.start(network.now);
    }
    // They prove their addresses and then fall silent.
    let answers = 0;
    network.tamper = (bytes, from) => (from === CALLEE && bytes[13] === 2 && answers++ < 1_000 ? undefined : bytes);
    network.run(100);
    expect(callee.counters.started).toBe(MAX_DTLS_HANDSHAKES);
    network.tamper = (bytes, from) => (from === CALLER || from === CALLEE ? bytes : undefined);
    network.advance(2_000);
    caller.start();
    network.run();
    expect(caller.association.state).toBe("connected");
    expect(callee.kinds().filter((kind) => kind === "connected")).toEqual(["connected"]);
  });
});

describe("floods", () => {
  test("ClientHellos from invented addresses cost a cookie each: no handshake, no memory, less sent than received", () => {
    const network = new Network(20);
    const callee = new Party(network, CALLEE, { role: "passive", path: "open" });
    let received = 0;
    for (let i = 0; i < 20_000; i++) {
      const hello = clientHello(i % 50);
      received += hello.length;
      callee.receive(hello, address(i));
    }
    expect(callee.counters.started).toBe(0);
    expect(callee.counters.cookiesSent).toBe(10_000);
    expect(callee.counters.refusedTotal).toBe(10_000);
    const sent = callee.sent.reduce((sum, { length }) => sum + length, 0);
    expect(sent).toBeLessThan(received / 2);
    expect(callee.association.nextTimer).toBeUndefined();
  });

  test("one client that keeps starting over is held to a rate", () => {
    const network = new Network(21);
    const callee = new Party(network, CALLEE, { role: "passive" });
    for (let i = 0; i < 200; i++) callee.receive(clientHello(i), CALLER);
    expect(callee.counters.started).toBe(DTLS_ASSOCIATION_BURST);
    expect(callee.counters.refusedAssociation).toBe(200 - DTLS_ASSOCIATION_BURST);
    network.now += 1_000;
    callee.receive(clientHello(999), CALLER);
    expect(callee.counters.started).toBe(DTLS_ASSOCIATION_BURST + 1);
  });

  test("one source that opens handshakes with many associations is held to a rate, others are not", () => {
    const now = START;
    const admission = new DtlsAdmission(now, { sourceBurst: 10, sourceRate: 5 });
    const admitted = (source: string, at: number) =>
      Array.from({ length: 30 }, () => admission.admit(source, at)).filter((answer) => answer === "yes").length;
    expect(admitted("203.0.113.1", now)).toBe(10);
    expect(admitted("203.0.113.2", now)).toBe(10);
    expect(admitted("203.0.113.1", now + 1_000)).toBe(5);
    // One host may have all of an IPv6 /64.
    expect(admitted("2001:db8::1", now)).toBe(10);
    expect(admitted("2001:db8::2", now)).toBe(0);
    expect(admitted("2001:db8:0:1::1", now)).toBe(10);
  });

  test("all sources together are held to a rate; those refused are told apart in the counters", () => {
    const network = new Network(22);
    const limits = { totalBurst: 3, totalRate: 1, sourceBurst: 2, sourceRate: 1 };
    const admission = new DtlsAdmission(network.now, limits);
    const counters = newDtlsCounters();
    for (let i = 0; i < 6; i++) {
      const callee = new Party(
        network,
        { ...CALLEE, port: 30_000 + i },
        { role: "passive", path: "open", admission, counters },
      );
      const client = new Party(network, { ...address(i < 3 ? 1 : i), port: 5_000 + i }, { role: "active" });
      client.remote = callee.endpoint;
      client.start();
    }
    network.run(100);
    expect(counters.started).toBe(3);
    expect(counters.refusedSource).toBe(1);
    expect(counters.refusedTotal).toBe(2);
  });

  test("the table of sources has a limit, idle ones make room, and the rest share one rate", () => {
    const admission = new DtlsAdmission(START, { sources: 100, sourceBurst: 2, sourceRate: 1 });
    const answers = Array.from({ length: 300 }, (_, i) => admission.admit(address(i).address, START));
    expect(admission.sources).toBe(100);
    expect(answers.filter((answer) => answer === "yes").length).toBe(102);
    expect(admission.admit(address(500).address, START + 10_000)).toBe("yes");
    expect(admission.sources).toBe(1);
  });

  test("a clock that steps back neither fills nor empties a bucket", () => {
    const bucket = new TokenBucket(2, 1, START);
    expect([bucket.take(START), bucket.take(START), bucket.take(START - 5_000)]).toEqual([true, true, false]);
    expect(bucket.take(START - 4_000)).toBe(true);
  });
});

describe("cookies", () => {
  const hello = new Uint8Array(32).fill(7);

  test("are good for one source and one hello, for one to two minutes", () => {
    const cookies = new DtlsCookies(new Random(1));
    const cookie = cookies.make(CALLER, hello, START);
    expect(cookies.check(CALLER, hello, cookie, START)).toBe(true);
    expect(cookies.check({ ...CALLER, port: CALLER.port + 1 }, hello, cookie, START)).toBe(false);
    expect(cookies.check(CALLER, new Uint8Array(32), cookie, START)).toBe(false);
    expect(cookies.check(CALLER, hello, cookie.subarray(1), START)).toBe(false);
    expect(cookies.check(CALLER, hello, cookie, START + COOKIE_PERIOD)).toBe(true);
    expect(cookies.check(CALLER, hello, cookie, START + 2 * COOKIE_PERIOD)).toBe(false);
  });

  test("a stale one is answered with a fresh one", () => {
    const network = new Network(30);
    const { caller, callee } = pair(network, {}, { path: "open" });
    network.tamper = (bytes, from) => {
      const cookie = from === CALLER ? glimpseClientHello(bytes)?.cookie : undefined;
      if (cookie?.length && callee.counters.wrongCookies === 0) cookie[0]! ^= 1;
      return bytes;
    };
    caller.start();
    network.run();
    expect(callee.counters).toMatchObject({ wrongCookies: 1, cookiesSent: 2 });
    expect(caller.association.state).toBe("connected");
  });
});

describe("fragments", () => {
  const header = (length: number, sequence: number, offset: number, size: number) =>
    Buffer.concat([
      Uint8Array.of(11, length >> 16, length >> 8, length, sequence >> 8, sequence),
      Uint8Array.of(offset >> 16, offset >> 8, offset, size >> 16, size >> 8, size),
      new Uint8Array(size),
    ]);

  test("that claim more than a message may have, or lie ahead too far, take no memory", () => {
    const reassembly = new Reassembly(0);
    const add = (...parts: Parameters<typeof header>) => reassembly.add(readFragments(header(...parts))![0]!);
    expect(add(0xffffff, 0, 0, 10)).toBe("refused");
    expect(add(24_576, 0, 0, 10)).toBe("kept");
    expect(add(1, 1, 0, 1)).toBe("refused");
    expect(add(0, 8, 0, 0)).toBe("refused");
    expect(add(24_575, 0, 10, 10)).toBe("refused");
    expect(reassembly.take()).toBeUndefined();
  });

  test("that end outside their message or their record are none", () => {
    expect(readFragments(header(10, 0, 5, 6))).toBeUndefined();
    expect(readFragments(header(10, 0, 0, 10).subarray(0, 20))).toBeUndefined();
    expect(readFragments(header(10, 0, 0, 10).subarray(0, 5))).toBeUndefined();
  });
});

test("garbage on an association in any state is counted and changes nothing: seed 77", () => {
  const random = new Random(77);
  for (const state of ["waiting", "handshaking", "connected", "closed"] as const) {
    const network = new Network(40);
    const { caller, callee } = pair(network);
    if (state !== "waiting") caller.start();
    if (state !== "waiting") network.run(state === "handshaking" ? 15 : 1_000);
    if (state === "closed") callee.association.close();
    const before = { state: callee.association.state, events: callee.events.length };
    for (let i = 0; i < 500; i++) {
      const bytes = random.bytes(random.below(200));
      if (bytes.length > 0) bytes[0] = 20 + random.below(44);
      callee.receive(bytes, CALLER);
    }
    expect([state, callee.association.state]).toEqual([state, before.state]);
    expect(callee.events.length).toBe(before.events);
    expect(callee.counters.malformed + callee.counters.unexpected).toBeGreaterThanOrEqual(500);
  }
});
