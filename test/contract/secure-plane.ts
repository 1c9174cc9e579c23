/**
 * What every forwarding plane has to do about SRTP and ICE: nothing unauthentic has any effect, nothing leaves in clear that
 * should not. Played with real sockets on loopback; see `plane.ts` for the rest of the contract.
 */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Endpoint } from "../../src/address.ts";
import { MAX_PACKET } from "../../src/limits.ts";
import { SRTP_SUITES, type SrtpKeys } from "../../src/media/srtp/suites.ts";
import type { PlaneEvent, SocketId, StreamCounters, StreamSpec } from "../../src/planes/plane.ts";
import type { InterfaceAddress, LocalSocket } from "../../src/relay/ports.ts";
import { BINDING_REQUEST, CLIENT_HELLO, concat, PICTURE_LOSS, RECEIVER_REPORT, rtp } from "./packets.ts";
import { Peer } from "./peer.ts";
import type { PlaneTestOptions, PlaneUnderTest } from "./plane.ts";
import { keysOf, SecureParty } from "./secure-party.ts";

const LEARN = 100;
const SDES = "AES_CM_128_HMAC_SHA1_80";
const GCM = "AEAD_AES_128_GCM";

const LOCAL: InterfaceAddress = {
  interface: "default",
  family: 4,
  local: "127.0.10.2",
  advertised: "127.0.10.2",
  portMin: 24_400,
  portMax: 25_399,
  excludePorts: new Set(),
};

interface Side {
  readonly peer: Peer;
  readonly socket: LocalSocket;
  readonly local: Endpoint;
}

export function securePlaneContract(name: string, start: (options: PlaneTestOptions) => Promise<PlaneUnderTest>): void {
  describe(`SRTP and ICE on the forwarding plane: ${name}`, () => {
    let tested: PlaneUnderTest;
    let events: PlaneEvent[];
    let peers: Peer[];
    let affinity = 0;
    let generation = 0;
    const specs = new Map<SocketId, StreamSpec>();

    beforeEach(async () => {
      events = [];
      peers = [];
      specs.clear();
      tested = await start({ learnMilliseconds: LEARN, threads: 1, onEvent: (event) => events.push(event) });
    });
    afterEach(async () => {
      for (const peer of peers) peer.close();
      await tested.stop();
    });

    function party(address: string): Peer {
      const peer = new Peer(address);
      peers.push(peer);
      return peer;
    }

    function side(address: string): Side {
      const got = tested.ports.acquire(LOCAL, 1, { tos: 0, affinity });
      if ("kind" in got) throw new Error(got.message);
      const socket = got[0]!;
      return { peer: party(address), socket, local: { address: socket.address.local, port: socket.port } };
    }

    function spec(of: Side, sinks: readonly Side[], over: Partial<StreamSpec> = {}): StreamSpec {
      const ids = sinks.map(({ socket }) => socket.id);
      return {
        socket: of.socket.id,
        label: `call/tag/1 port ${of.socket.port}`,
        component: "rtp",
        isRtp: true,
        rtcpMux: true,
        remote: of.peer.endpoint,
        mayLearn: true,
        learning: "heuristic",
        asymmetric: false,
        strictSource: false,
        mediaHandover: false,
        blackhole: false,
        drop: false,
        natWait: false,
        stripFeedback: false,
        handUp: { stun: false, dtls: false },
        payloadTypes: [8],
        clockRates: new Map([[8, 8_000]]),
        rtpSinks: ids,
        rtcpSinks: ids,
        generation,
        ...over,
      };
    }

    /** Puts specs in force with a new generation, as signalling does. */
    async function signal(...wanted: StreamSpec[]): Promise<void> {
      generation++;
      const current = wanted.map((one) => ({ ...one, generation }));
      for (const one of current) specs.set(one.socket, one);
      tested.plane.apply(current);
      await tested.settled();
    }

    /** A call between two parties: what each side's spec has beyond a plain call. */
    async function call(a: Partial<StreamSpec>, b: Partial<StreamSpec> = {}): Promise<[Side, Side]> {
      affinity++;
      const sides: [Side, Side] = [side("127.0.10.21"), side("127.0.10.22")];
      await signal(spec(sides[0], [sides[1]], a), spec(sides[1], [sides[0]], b));
      return sides;
    }

    /** Keys of both directions of one party. */
    function secured(suite: string, seed: string, over: Partial<SrtpKeys> = {}) {
      const decrypt = keysOf(suite, `${seed} to us`, over);
      const encrypt = keysOf(suite, `${seed} from us`, over);
      return { spec: { decrypt, encrypt }, out: new SecureParty(decrypt), in: new SecureParty(encrypt) };
    }

    const counters = ({ socket }: Side): StreamCounters => tested.plane.counters(socket.id);

    /** Everything received so far has been dealt with, and what was sent has arrived. */
    async function received(at: Side, count: number): Promise<void> {
      const deadline = performance.now() + 3_000;
      while (counters(at).packetsIn < count) {
        if (performance.now() > deadline) throw new Error(`${count} packets expected, ${counters(at).packetsIn} came`);
        await Bun.sleep(1);
      }
      tested.plane.apply([specs.get(at.socket.id)!]);
      await tested.settled();
      await Bun.sleep(2);
    }

    const dropsOf = (at: Side) =>
      Object.fromEntries(Object.entries(counters(at).drops).filter(([, count]) => count > 0));

    async function relayed(from: Side, packet: Uint8Array, to: Side): Promise<Uint8Array> {
      from.peer.send(packet, from.local);
      return (await to.peer.receive()).data;
    }

    test("SDES on one side, plain RTP on the other: each hears the other, lengths are counted as on the wire", async () => {
      const secure = secured(SDES, "a");
      const [a, b] = await call(secure.spec);
      for (let sequence = 0; sequence < 20; sequence++) {
        expect(await relayed(a, secure.out.seal(rtp({ sequence })), b)).toEqual(rtp({ sequence }));
        const got = await relayed(b, rtp({ sequence: 500 + sequence }), a);
        expect(got.length).toBe(182);
        expect(secure.in.open(got)).toEqual(rtp({ sequence: 500 + sequence }));
      }
      await received(a, 20);
      expect(counters(a)).toMatchObject({ packetsIn: 20, bytesIn: 20 * 182, packetsOut: 20, bytesOut: 20 * 182 });
      expect(counters(b)).toMatchObject({ packetsIn: 20, bytesIn: 20 * 172, packetsOut: 20, bytesOut: 20 * 172 });
      expect(counters(a)).toMatchObject({ errorsIn: 0, ssrc: 0x1234_5678, payloadType: 8, lost: 0, confirmed: true });
    });

    test("two SRTP parties with other keys and other suites", async () => {
      const left = secured(SDES, "left");
      const right = secured(GCM, "right");
      const [a, b] = await call(left.spec, right.spec);
      for (let sequence = 0; sequence < 10; sequence++) {
        const size = [12, 172, 1_200, MAX_PACKET - 16][sequence % 4]!;
        const packet = rtp({ sequence, size });
        expect(right.in.open(await relayed(a, left.out.seal(packet), b))).toEqual(packet);
        expect(left.in.open(await relayed(b, right.out.seal(packet), a))).toEqual(packet);
      }
    });

    test("the longest packet grows by the longest tag and MKI", async () => {
      const secure = secured(GCM, "a", { mki: new Uint8Array(128).fill(7) });
      const [a, b] = await call(secure.spec);
      const packet = rtp({ sequence: 1, size: MAX_PACKET });
      const got = await relayed(b, packet, a);
      expect(got.length).toBe(MAX_PACKET + 144);
      expect(secure.in.open(got)).toEqual(packet);
    });

    test.each(SRTP_SUITES.map((suite) => suite.name))("%s to and from plain RTP and RTCP", async (suite) => {
      const secure = secured(suite, "a");
      const [a, b] = await call(secure.spec);
      for (const packet of [rtp({ sequence: 1 }), rtp({ sequence: 2, size: 100 }), RECEIVER_REPORT, RECEIVER_REPORT]) {
        const sealed = secure.out.seal(packet);
        expect(sealed.length).toBeGreaterThan(packet.length);
        expect(await relayed(a, sealed, b)).toEqual(packet);
        const back = await relayed(b, packet, a);
        expect(back.length).toBe(sealed.length);
        expect(secure.in.open(back)).toEqual(packet);
      }
    });

    test("RTCP feedback is taken out of what was encrypted, and the rest encrypted again", async () => {
      const left = secured(SDES, "left");
      const right = secured(GCM, "right");
      const [a, b] = await call(left.spec, { ...right.spec, stripFeedback: true });
      a.peer.send(left.out.seal(PICTURE_LOSS), a.local);
      const both = left.out.seal(concat(RECEIVER_REPORT, PICTURE_LOSS));
      expect(right.in.open(await relayed(a, both, b))).toEqual(RECEIVER_REPORT);
      expect(left.in.open(await relayed(b, right.out.seal(PICTURE_LOSS), a))).toEqual(PICTURE_LOSS);
      await received(a, 2);
      expect(dropsOf(a)).toEqual({ "feedback-only": 1 });
    });

    test("sequence numbers that run over, twice, in both directions", async () => {
      const left = secured(SDES, "left");
      const right = secured(GCM, "right");
      const [a, b] = await call(left.spec, right.spec);
      // Steps below half the number space: the roll-over count can be followed.
      for (let index = 60_000; index < 3 * 65_536; index += 9_973) {
        const packet = rtp({ sequence: index & 0xffff });
        expect(right.in.open(await relayed(a, left.out.seal(packet), b))).toEqual(packet);
        expect(left.in.open(await relayed(b, right.out.seal(packet), a))).toEqual(packet);
      }
    });

    test("a party that has been sending for long is understood when we join after its first roll-over", async () => {
      const secure = secured(SDES, "a");
      for (let index = 65_000; index < 65_600; index++) secure.out.seal(rtp({ sequence: index & 0xffff }));
      const [a, b] = await call(secure.spec);
      const packet = rtp({ sequence: 100 });
      expect(await relayed(a, secure.out.seal(packet), b)).toEqual(packet);
    });

    test("several SSRCs in one stream, and one that changes", async () => {
      const left = secured(SDES, "left");
      const right = secured(SDES, "right");
      const [a, b] = await call(left.spec, right.spec);
      for (let i = 0; i < 30; i++) {
        const packet = rtp({ sequence: i * 3_000, ssrc: 1 + (i % 3) });
        expect(right.in.open(await relayed(a, left.out.seal(packet), b))).toEqual(packet);
      }
      const packet = rtp({ sequence: 1, ssrc: 99 });
      expect(right.in.open(await relayed(a, left.out.seal(packet), b))).toEqual(packet);
      await received(a, 31);
      expect(counters(a).ssrc).toBe(99);
    });

    test("a wrong key: counted, nothing goes out, nothing is learned, other calls do not notice", async () => {
      const secure = secured(SDES, "a");
      const [a, b] = await call(secure.spec);
      const other = await call({});
      const wrong = new SecureParty(keysOf(SDES, "somebody else's"));
      for (let sequence = 0; sequence < 50; sequence++) {
        a.peer.send(wrong.seal(rtp({ sequence })), a.local);
        a.peer.send(rtp({ sequence }), a.local);
        a.peer.send(wrong.seal(RECEIVER_REPORT), a.local);
        expect(await relayed(other[0], rtp({ sequence }), other[1])).toEqual(rtp({ sequence }));
      }
      await received(a, 150);
      expect(b.peer.discard()).toBe(0);
      expect(dropsOf(a)).toEqual({ "srtp-authentication": 150 });
      expect(counters(a)).toMatchObject({
        errorsIn: 150,
        confirmed: false,
        ssrc: undefined,
        payloadType: undefined,
        lastPacketAt: 0,
      });
      // And the right one still works.
      expect(await relayed(a, secure.out.seal(rtp({ sequence: 7 })), b)).toEqual(rtp({ sequence: 7 }));
      expect(dropsOf(other[0])).toEqual({});
    });

    test("one flipped bit anywhere in the packet makes it worthless", async () => {
      for (const suite of [SDES, GCM]) {
        const secure = secured(suite, "a");
        const [a, b] = await call(secure.spec);
        const sealed = secure.out.seal(rtp({ sequence: 3 }));
        // Bits of the version make it no RTP at all; those of padding, payload type and length are all under the tag.
        let count = 0;
        for (let bit = 8; bit < sealed.length * 8; bit += 5) {
          const forged = sealed.slice();
          forged[bit >> 3]! ^= 1 << (bit & 7);
          a.peer.send(forged, a.local);
          if (++count % 50 === 0) await received(a, count);
        }
        await received(a, count);
        expect(b.peer.discard()).toBe(0);
        expect(dropsOf(a)).toEqual({ "srtp-authentication": count });
        expect(await relayed(a, sealed, b)).toEqual(rtp({ sequence: 3 }));
      }
    });

    test("replayed packets are dropped and counted, reordered ones pass once", async () => {
      const secure = secured(SDES, "a");
      const [a, b] = await call(secure.spec);
      const sealed = Array.from({ length: 300 }, (_, sequence) => secure.out.seal(rtp({ sequence })));
      for (const sequence of [0, 2, 1, 5, 3]) {
        expect(await relayed(a, sealed[sequence]!, b)).toEqual(rtp({ sequence }));
      }
      for (const sequence of [0, 1, 2, 3, 5, 5]) a.peer.send(sealed[sequence]!, a.local);
      expect(await relayed(a, sealed[299]!, b)).toEqual(rtp({ sequence: 299 }));
      // Older than the window: may have been seen before.
      a.peer.send(sealed[4]!, a.local);
      const report = secure.out.seal(RECEIVER_REPORT);
      expect(await relayed(a, report, b)).toEqual(RECEIVER_REPORT);
      a.peer.send(report, a.local);
      await received(a, 15);
      expect(b.peer.discard()).toBe(0);
      expect(dropsOf(a)).toEqual({ "srtp-replay": 8 });
    });

    test("what is too short or no RTP under its tag is invalid", async () => {
      const secure = secured(SDES, "a");
      const [a, b] = await call(secure.spec, secured(GCM, "b").spec);
      a.peer.send(rtp({ size: 12 }), a.local);
      a.peer.send(RECEIVER_REPORT, a.local);
      // A header extension that is longer than the packet.
      const extended = rtp({ sequence: 4, size: 60 });
      extended[0] = 0x90;
      extended[15] = 200;
      a.peer.send(extended, a.local);
      await received(a, 3);
      expect(b.peer.discard()).toBe(0);
      expect(dropsOf(a)).toEqual({ "invalid-rtp": 3 });
    });

    test("a plain packet that cannot be encrypted is not sent in clear", async () => {
      const [a, b] = await call({}, secured(SDES, "b").spec);
      const extended = rtp({ sequence: 4, size: 60 });
      extended[0] = 0x90;
      extended[15] = 200;
      a.peer.send(extended, a.local);
      a.peer.send(RECEIVER_REPORT.subarray(0, 4), a.local);
      await received(a, 2);
      expect(b.peer.discard()).toBe(0);
      expect(dropsOf(a)).toEqual({ "invalid-rtp": 2 });
    });

    test("a master key identifier is carried, of one byte and of sixteen", async () => {
      for (const length of [1, 16]) {
        for (const suite of [SDES, GCM]) {
          const mki = new Uint8Array(length).fill(0x41);
          const secure = secured(suite, `mki ${length}`, { mki });
          const [a, b] = await call(secure.spec);
          for (const packet of [rtp({ sequence: 1 }), RECEIVER_REPORT]) {
            expect(await relayed(a, secure.out.seal(packet), b)).toEqual(packet);
            const back = await relayed(b, packet, a);
            expect(Buffer.from(back).indexOf(Buffer.from(mki))).toBeGreaterThan(0);
            expect(secure.in.open(back)).toEqual(packet);
          }
        }
      }
    });

    test("UNENCRYPTED_SRTP and UNENCRYPTED_SRTCP are in clear, but authenticated", async () => {
      for (const suite of [SDES, GCM]) {
        const secure = secured(suite, "a", { unencryptedRtp: true, unencryptedRtcp: true });
        const [a, b] = await call(secure.spec);
        for (const packet of [rtp({ sequence: 1 }), RECEIVER_REPORT]) {
          const back = await relayed(b, packet, a);
          expect(back.subarray(0, packet.length)).toEqual(packet);
          expect(secure.in.open(back)).toEqual(packet);
          expect(await relayed(a, secure.out.seal(packet), b)).toEqual(packet);
        }
        const forged = secure.out.seal(rtp({ sequence: 2 }));
        forged[40]! ^= 1;
        a.peer.send(forged, a.local);
        await received(a, 3);
        expect(dropsOf(a)).toEqual({ "srtp-authentication": 1 });
      }
    });

    test("UNAUTHENTICATED_SRTP has no tag on RTP; RTCP keeps its own", async () => {
      const secure = secured(SDES, "a", { unauthenticatedRtp: true });
      const [a, b] = await call(secure.spec);
      const back = await relayed(b, rtp({ sequence: 1 }), a);
      expect(back.length).toBe(172);
      expect(secure.in.open(back)).toEqual(rtp({ sequence: 1 }));
      expect(await relayed(a, secure.out.seal(rtp({ sequence: 1 })), b)).toEqual(rtp({ sequence: 1 }));
      const report = await relayed(b, RECEIVER_REPORT, a);
      expect(report.length).toBe(RECEIVER_REPORT.length + 14);
      expect(secure.in.open(report)).toEqual(RECEIVER_REPORT);
    });

    test("a fork: each branch gets its own encryption, one of them none", async () => {
      affinity++;
      const caller = side("127.0.10.21");
      const secure = secured(SDES, "caller");
      const branches = [SDES, GCM, undefined, "AES_256_CM_HMAC_SHA1_80", undefined].map((suite, i) => ({
        side: side("127.0.10.22"),
        keys: suite === undefined ? undefined : secured(suite, `branch ${i}`),
        stripFeedback: i % 2 === 1,
      }));
      await signal(
        spec(
          caller,
          branches.map((branch) => branch.side),
          secure.spec,
        ),
        ...branches.map(({ side, keys, stripFeedback }) => spec(side, [caller], { ...keys?.spec, stripFeedback })),
      );
      const compound = concat(RECEIVER_REPORT, PICTURE_LOSS);
      for (let sequence = 0; sequence < 40; sequence++) {
        for (const packet of [rtp({ sequence, size: sequence % 8 === 7 ? 8_000 : 172 }), compound]) {
          caller.peer.send(secure.out.seal(packet), caller.local);
        }
        for (const packet of [rtp({ sequence, size: sequence % 8 === 7 ? 8_000 : 172 }), compound]) {
          for (const { side, keys, stripFeedback } of branches) {
            const { data } = await side.peer.receive();
            const clear = keys ? keys.in.open(data) : data;
            expect(clear).toEqual(packet === compound && stripFeedback ? RECEIVER_REPORT : packet);
          }
        }
      }
      expect(dropsOf(caller)).toEqual({});
    });

    test("bursts to eight encrypted receivers are more than the copies hold at once", async () => {
      affinity++;
      const caller = side("127.0.10.21");
      const branches = Array.from({ length: 8 }, (_, i) => ({
        side: side("127.0.10.22"),
        keys: secured(i % 2 === 0 ? SDES : GCM, `branch ${i}`),
      }));
      await signal(
        spec(
          caller,
          branches.map((branch) => branch.side),
        ),
        ...branches.map(({ side, keys }) => spec(side, [caller], keys.spec)),
      );
      for (let sequence = 0; sequence < 60; sequence++) caller.peer.send(rtp({ sequence, size: 1_200 }), caller.local);
      await received(caller, 60);
      for (const { side, keys } of branches) {
        for (let sequence = 0; sequence < 60; sequence++) {
          expect(keys.in.open((await side.peer.receive()).data)).toEqual(rtp({ sequence, size: 1_200 }));
        }
      }
    });

    test("re-INVITE with new keys: from now on the new ones, the old ones are worthless", async () => {
      const before = secured(SDES, "before");
      const after = secured(GCM, "after");
      const [a, b] = await call(before.spec);
      expect(await relayed(a, before.out.seal(rtp({ sequence: 1 })), b)).toEqual(rtp({ sequence: 1 }));
      await signal(spec(a, [b], after.spec), spec(b, [a]));
      expect(await relayed(a, after.out.seal(rtp({ sequence: 2 })), b)).toEqual(rtp({ sequence: 2 }));
      expect(after.in.open(await relayed(b, rtp({ sequence: 3 }), a))).toEqual(rtp({ sequence: 3 }));
      a.peer.send(before.out.seal(rtp({ sequence: 4 })), a.local);
      await received(a, 3);
      expect(dropsOf(a)).toEqual({ "srtp-authentication": 1 });
    });

    test("re-INVITE with the same keys: roll-over counters and replay protection go on", async () => {
      const secure = secured(SDES, "a");
      const [a, b] = await call(secure.spec);
      let last = new Uint8Array();
      for (let index = 60_000; index < 2 * 65_536; index += 9_000) {
        const packet = rtp({ sequence: index & 0xffff });
        last = Uint8Array.from(secure.out.seal(packet));
        expect(await relayed(a, last, b)).toEqual(packet);
        expect(secure.in.open(await relayed(b, packet, a))).toEqual(packet);
        // Equal, not the same: as signalling decodes them again.
        const { decrypt, encrypt } = secure.spec;
        const again = { decrypt: { ...decrypt, masterKey: decrypt.masterKey.slice() }, encrypt: { ...encrypt } };
        await signal(spec(a, [b], again), spec(b, [a]));
      }
      const { packetsIn } = counters(a);
      a.peer.send(last, a.local);
      await received(a, packetsIn + 1);
      expect(dropsOf(a)).toEqual({ "srtp-replay": 1 });
    });

    test("encryption is given up and taken up again", async () => {
      const secure = secured(SDES, "a");
      const [a, b] = await call(secure.spec);
      expect(await relayed(a, secure.out.seal(rtp({ sequence: 1 })), b)).toEqual(rtp({ sequence: 1 }));
      await signal(spec(a, [b]), spec(b, [a]));
      expect(await relayed(a, rtp({ sequence: 2 }), b)).toEqual(rtp({ sequence: 2 }));
      expect(await relayed(b, rtp({ sequence: 3 }), a)).toEqual(rtp({ sequence: 3 }));
      await signal(spec(a, [b], secure.spec), spec(b, [a]));
      expect(await relayed(a, secure.out.seal(rtp({ sequence: 4 })), b)).toEqual(rtp({ sequence: 4 }));
      expect(secure.in.open(await relayed(b, rtp({ sequence: 5 }), a))).toEqual(rtp({ sequence: 5 }));
    });

    test("while keys are awaited nothing passes, neither in nor out, and nothing is learned", async () => {
      const secure = secured(SDES, "a");
      const [a, b] = await call({ awaitingKeys: true });
      const elsewhere = party("127.0.10.23");
      elsewhere.send(rtp({ sequence: 1 }), a.local);
      a.peer.send(secure.out.seal(rtp({ sequence: 1 })), a.local);
      b.peer.send(rtp({ sequence: 1 }), b.local);
      b.peer.send(RECEIVER_REPORT, b.local);
      await received(a, 2);
      await received(b, 2);
      expect(a.peer.discard() + b.peer.discard() + elsewhere.discard()).toBe(0);
      expect(dropsOf(a)).toEqual({ "awaiting-keys": 2 });
      expect(dropsOf(b)).toEqual({ "awaiting-keys": 2 });
      expect(counters(a)).toMatchObject({ endpoint: a.peer.endpoint, confirmed: false });
      // Our own key alone, as after an SDES offer: what leaves can be encrypted already.
      await signal(spec(a, [b], { encrypt: secure.spec.encrypt, awaitingKeys: true }), spec(b, [a]));
      expect(secure.in.open(await relayed(b, rtp({ sequence: 2 }), a))).toEqual(rtp({ sequence: 2 }));
      a.peer.send(rtp({ sequence: 2 }), a.local);
      await received(a, 3);
      expect(dropsOf(a)).toEqual({ "awaiting-keys": 3 });
      await signal(spec(a, [b], secure.spec), spec(b, [a]));
      expect(await relayed(a, secure.out.seal(rtp({ sequence: 3 })), b)).toEqual(rtp({ sequence: 3 }));
      // The outgoing roll-over counter was not started anew by the incoming key.
      expect(secure.in.open(await relayed(b, rtp({ sequence: 3 }), a))).toEqual(rtp({ sequence: 3 }));
    });

    test("a key of the wrong length is none: nothing passes in clear", async () => {
      const secure = secured(SDES, "a");
      const short = (keys: SrtpKeys) => ({ ...keys, masterKey: keys.masterKey.subarray(1) });
      const [a, b] = await call({ decrypt: short(secure.spec.decrypt), encrypt: short(secure.spec.encrypt) });
      a.peer.send(rtp(), a.local);
      b.peer.send(rtp(), b.local);
      await received(a, 1);
      await received(b, 1);
      expect(a.peer.discard() + b.peer.discard()).toBe(0);
      expect([dropsOf(a), dropsOf(b)]).toEqual([{ "awaiting-keys": 1 }, { "awaiting-keys": 1 }]);
    });

    test("a slot's next call has nothing of its last one's keys", async () => {
      const secure = secured(SDES, "a");
      const [a, b] = await call(secure.spec, secure.spec);
      await relayed(a, secure.out.seal(rtp({ sequence: 1 })), b);
      tested.ports.release([a.socket, b.socket]);
      const deadline = performance.now() + 3_000;
      while (tested.inUse() > 0 && performance.now() < deadline) await Bun.sleep(1);
      const [c, d] = await call({});
      expect([c.socket.id, d.socket.id].sort()).toEqual([a.socket.id, b.socket.id].sort());
      expect(await relayed(c, rtp({ sequence: 2 }), d)).toEqual(rtp({ sequence: 2 }));
      expect(await relayed(d, rtp({ sequence: 3 }), c)).toEqual(rtp({ sequence: 3 }));
    });

    test("T.38 in a call with keys goes its way as it is", async () => {
      const [a, b] = await call({ ...secured(SDES, "a").spec, isRtp: false }, { isRtp: false });
      const fax = Uint8Array.from([0, 1, 2, 3, 4, 5]);
      expect(await relayed(a, fax, b)).toEqual(fax);
    });

    // --- ICE ---

    test("ICE: media counts only from validated sources; checks and handshakes go up from anywhere", async () => {
      const [a, b] = await call({ validated: [], handUp: { stun: true, dtls: true } });
      const validated = [a.peer.endpoint];
      a.peer.send(rtp({ sequence: 1 }), a.local);
      const stranger = party("127.0.10.23");
      for (const packet of [BINDING_REQUEST, CLIENT_HELLO, rtp({ sequence: 1 }), RECEIVER_REPORT]) {
        stranger.send(packet, a.local);
      }
      await received(a, 5);
      expect(b.peer.discard()).toBe(0);
      expect(dropsOf(a)).toEqual({ "not-validated": 3 });
      expect(events.filter(({ kind }) => kind === "packet").length).toBe(2);
      expect(counters(a)).toMatchObject({ ssrc: undefined, endpoint: a.peer.endpoint });
      await signal(spec(a, [b], { validated, handUp: { stun: true, dtls: true } }), spec(b, [a]));
      expect(await relayed(a, rtp({ sequence: 2 }), b)).toEqual(rtp({ sequence: 2 }));
      stranger.send(rtp({ sequence: 3 }), a.local);
      await received(a, 7);
      expect(dropsOf(a)).toEqual({ "not-validated": 4 });
      expect(counters(a)).toMatchObject({ confirmed: true, endpoint: a.peer.endpoint });
      expect(await relayed(b, rtp({ sequence: 4 }), a)).toEqual(rtp({ sequence: 4 }));
      expect(stranger.discard()).toBe(0);
      await signal(spec(a, [b]), spec(b, [a]));
      expect(await relayed(a, rtp({ sequence: 5 }), b)).toEqual(rtp({ sequence: 5 }));
    });

    test("ICE: media from another validated source moves the endpoint, not at once after signalling and not often", async () => {
      affinity++;
      const [a, b] = [side("127.0.10.21"), side("127.0.10.22")];
      const second = party("127.0.10.24");
      const third = party("127.0.10.25");
      const validated = [a.peer, second, third].map(({ endpoint }) => endpoint);
      await signal(spec(a, [b], { validated }), spec(b, [a]));
      second.send(rtp({ sequence: 1 }), a.local);
      expect((await b.peer.receive()).data).toEqual(rtp({ sequence: 1 }));
      expect(counters(a).endpoint).toEqual(a.peer.endpoint);
      await Bun.sleep(LEARN + 20);
      second.send(rtp({ sequence: 2 }), a.local);
      await b.peer.receive();
      third.send(rtp({ sequence: 3 }), a.local);
      await b.peer.receive();
      await received(a, 3);
      expect(counters(a).endpoint).toEqual(second.endpoint);
      expect(events.filter(({ kind }) => kind === "endpoint-changed")).toEqual([
        { kind: "endpoint-changed", socket: a.socket.id, endpoint: second.endpoint },
      ]);
      b.peer.send(rtp({ sequence: 4 }), b.local);
      expect((await second.receive()).data).toEqual(rtp({ sequence: 4 }));
    });

    // --- somebody who has guessed the port ---

    const attacks: [string, (endpoint: Endpoint, party: ReturnType<typeof secured>) => Partial<StreamSpec>][] = [
      ["SRTP", (_endpoint, party) => party.spec],
      ["SRTP, media-handover", (_endpoint, party) => ({ ...party.spec, mediaHandover: true })],
      ["SRTP, learning delayed", (_endpoint, party) => ({ ...party.spec, learning: "delayed" })],
      ["SRTP, learning immediate", (_endpoint, party) => ({ ...party.spec, learning: "immediate" })],
      ["ICE", (endpoint) => ({ validated: [endpoint] })],
      ["ICE and SRTP", (endpoint, party) => ({ ...party.spec, validated: [endpoint] })],
    ];
    test.each(attacks)(
      "%s: an attacker gets nothing in and nothing out, before and after learning",
      async (_name, over) => {
        affinity++;
        const [a, b] = [side("127.0.10.21"), side("127.0.10.22")];
        const keys = secured(SDES, "a");
        const attacker = party("127.0.10.66");
        const mine = over(a.peer.endpoint, keys);
        const seal = (packet: Uint8Array) => (mine.decrypt ? keys.out.seal(packet) : packet);
        const open = (packet: Uint8Array) => (mine.encrypt ? keys.in.open(packet) : packet);
        await signal(spec(a, [b], mine), spec(b, [a]));
        let attacked = 0;
        const attack = () => {
          for (let sequence = 0; sequence < 10; sequence++) {
            attacker.send(rtp({ sequence, ssrc: 0x6666 }), a.local);
            attacker.send(RECEIVER_REPORT, a.local);
            attacked += 2;
          }
        };
        // First of all, in the learning time, and after it.
        for (let round = 0; round < 3; round++) {
          attack();
          await received(a, attacked + round);
          expect(b.peer.discard()).toBe(0);
          expect(open(await relayed(b, rtp({ sequence: 10 + round }), a))).toEqual(rtp({ sequence: 10 + round }));
          expect(await relayed(a, seal(rtp({ sequence: 20 + round })), b)).toEqual(rtp({ sequence: 20 + round }));
          expect(attacker.discard()).toBe(0);
          if (round === 1) await Bun.sleep(LEARN + 20);
        }
        expect(counters(a)).toMatchObject({ endpoint: a.peer.endpoint, ssrc: 0x1234_5678 });
        const reason = mine.validated ? "not-validated" : "srtp-authentication";
        const { drops } = counters(a);
        expect(drops[reason] + drops["invalid-rtp"]).toBe(attacked);
      },
    );

    test("SRTP: a recorded packet sent again from elsewhere moves nothing", async () => {
      const secure = secured(SDES, "a");
      const [a, b] = await call({ ...secure.spec, mediaHandover: true });
      const sealed = secure.out.seal(rtp({ sequence: 1 }));
      await relayed(a, sealed, b);
      const attacker = party("127.0.10.66");
      attacker.send(sealed, a.local);
      await received(a, 2);
      expect(dropsOf(a)).toEqual({ "srtp-replay": 1 });
      expect(counters(a).endpoint).toEqual(a.peer.endpoint);
    });

    test("strict-source without encryption: once the peer was heard, an attacker gets nothing in and nothing out", async () => {
      const [a, b] = await call({ strictSource: true });
      const attacker = party("127.0.10.66");
      expect(await relayed(a, rtp({ sequence: 1 }), b)).toEqual(rtp({ sequence: 1 }));
      for (let round = 0; round < 2; round++) {
        for (let sequence = 0; sequence < 10; sequence++) attacker.send(rtp({ sequence, ssrc: 0x6666 }), a.local);
        await received(a, 1 + 10 * (round + 1));
        expect(b.peer.discard()).toBe(0);
        expect(await relayed(b, rtp({ sequence: 5 + round }), a)).toEqual(rtp({ sequence: 5 + round }));
        expect(attacker.discard()).toBe(0);
        if (round === 0) await Bun.sleep(LEARN + 20);
      }
      expect(dropsOf(a)).toEqual({ "strict-source": 20 });
      expect(counters(a).endpoint).toEqual(a.peer.endpoint);
    });
  });
}
