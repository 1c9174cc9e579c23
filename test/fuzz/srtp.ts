/**
 * RTP, RTCP and SRTP on the packet path: a forwarder with one encrypted and one plain call. Random bytes, packets of ours and
 * both mutated: nothing that is not authentic is forwarded, learned from or counted as media, nothing leaves in clear that
 * should be encrypted, each packet is accounted for once, and nothing throws.
 */
import type { Endpoint } from "../../src/address.ts";
import { hasFeedback, isRtcp, isWholeCompound, stripFeedback } from "../../src/media/rtcp.ts";
import { SRTP_SUITES } from "../../src/media/srtp/suites.ts";
import { SLOT_DOUBLE, SLOT_DOUBLES } from "../../src/relay/layout.ts";
import { concat, PICTURE_LOSS, RECEIVER_REPORT, rtp } from "../contract/packets.ts";
import { keysOf, SecureParty } from "../contract/secure-party.ts";
import { Wire } from "../unit/relay/forwarding.ts";
import type { FuzzTarget } from "./target.ts";

/** Slots: an SRTP party and the plain one behind it; a plain party and the SRTP one behind that. */
const SECURE = 0;
const BEHIND_SECURE = 1;
const PLAIN = 2;
const BEHIND_PLAIN = 3;

const PEER: Endpoint = { address: "192.0.2.1", port: 5_000 };
const STRANGER: Endpoint = { address: "198.51.100.66", port: 6_666 };

class Subject {
  readonly wire = new Wire();
  readonly #out: SecureParty;
  readonly #in: SecureParty;
  readonly #below: (limit: number) => number;
  readonly #chance: (probability: number) => boolean;
  readonly #strip: boolean;
  #sequence: number;
  readonly #sealed: Uint8Array[] = [];

  constructor(random: () => number) {
    this.#below = (limit) => Math.floor(random() * limit);
    this.#chance = (probability) => random() < probability;
    const { name } = SRTP_SUITES[this.#below(SRTP_SUITES.length)]!;
    const mki = this.#bytes(this.#chance(0.3) ? 1 + this.#below(20) : 0);
    const clear = { unencryptedRtp: this.#chance(0.1), unencryptedRtcp: this.#chance(0.1) };
    const decrypt = keysOf(name, "to us", { mki, ...clear });
    const encrypt = keysOf(name, "from us", { mki, ...clear });
    this.#out = new SecureParty(decrypt);
    this.#in = new SecureParty(encrypt);
    this.#strip = this.#chance(0.5);
    this.#sequence = this.#below(65_536);
    const common = { rtcpMux: true, mediaHandover: true, learning: "immediate" as const, stripFeedback: this.#strip };
    this.wire.apply(SECURE, { ...common, decrypt, rtpSinks: [BEHIND_SECURE], rtcpSinks: [BEHIND_SECURE] });
    this.wire.apply(BEHIND_SECURE, common);
    this.wire.apply(PLAIN, { ...common, rtpSinks: [BEHIND_PLAIN], rtcpSinks: [BEHIND_PLAIN] });
    this.wire.apply(BEHIND_PLAIN, { ...common, encrypt });
  }

  /** One packet into one of the calls. Returns it, and what was wrong with what came of it. */
  round(): { readonly packet: Uint8Array; readonly problem: string | undefined } {
    const kind = this.#below(5);
    if (kind === 0) return this.#authentic();
    if (kind === 1) return this.#forged(this.#bytes(this.#below(120)));
    if (kind === 2) {
      const clear = this.#packet();
      // Not the MKI, which is outside of what is authenticated (RFC 3711 section 3.1).
      return this.#forged(this.#mutate(this.#out.seal(clear), clear.length));
    }
    if (kind === 3 && this.#sealed.length > 0) return this.#forged(this.#sealed[this.#below(this.#sealed.length)]!);
    return this.#toEncrypt(this.#chance(0.5) ? this.#packet() : this.#mutate(this.#packet()));
  }

  #authentic() {
    const clear = this.#packet();
    const packet = this.#out.seal(clear);
    this.#sealed.push(packet);
    if (this.#sealed.length > 50) this.#sealed.shift();
    const sent = this.#give(SECURE, packet, PEER);
    const wanted = this.#stripped(clear);
    if (wanted.length === 0) return { packet, problem: sent.length === 0 ? undefined : "feedback alone was sent on" };
    const good = sent.length === 1 && sent[0]!.slot === BEHIND_SECURE && Buffer.compare(sent[0]!.data, wanted) === 0;
    return { packet, problem: good ? undefined : "an authentic packet did not come out in clear" };
  }

  #forged(packet: Uint8Array) {
    const before = this.#learned();
    const sent = this.#give(SECURE, packet, STRANGER);
    if (sent.length > 0) return { packet, problem: "what is not authentic was sent on" };
    return { packet, problem: this.#learned() === before ? undefined : "what is not authentic was learned from" };
  }

  #toEncrypt(packet: Uint8Array) {
    const wanted = this.#stripped(packet);
    const sent = this.#give(PLAIN, packet, PEER);
    // What is left of a damaged compound without its feedback may look like no RTCP any more to who opens it.
    if (wanted !== packet && !isRtcp(wanted, 0, wanted.length)) return { packet, problem: undefined };
    for (const { slot, data } of sent) {
      const clear = slot === BEHIND_PLAIN ? this.#in.open(data) : -9;
      // A repeated sequence number is a replay to its receiver.
      if (clear === -3) continue;
      if (typeof clear === "number") return { packet, problem: `what was encrypted cannot be opened (${clear})` };
      if (Buffer.compare(clear, wanted) !== 0) return { packet, problem: "what was encrypted is not what came" };
    }
    return { packet, problem: undefined };
  }

  #give(slot: number, packet: Uint8Array, from: Endpoint) {
    const { sent } = this.wire;
    sent.length = 0;
    this.wire.receive(slot, packet, from, this.wire.now + 1);
    return sent;
  }

  #learned(): string {
    const { wire } = this;
    return `${JSON.stringify(wire.destination(SECURE))} ${wire.word(SECURE, "ssrc")} ${wire.double(SECURE, "lastPacketAt")}`;
  }

  /** Packets in, and where they went. */
  balance(): string | undefined {
    for (const [slot, sink] of [
      [SECURE, BEHIND_SECURE],
      [PLAIN, BEHIND_PLAIN],
    ] as const) {
      const { doubles } = this.wire.table;
      const dropped = Object.values(this.wire.drops(slot)).reduce((sum, count) => sum + count, 0);
      const out = doubles[sink * SLOT_DOUBLES + SLOT_DOUBLE.packetsOut]!;
      const into = this.wire.double(slot, "packetsIn");
      if (into !== out + dropped) return `slot ${slot}: ${into} in, ${out} out, ${dropped} dropped`;
    }
    return undefined;
  }

  #stripped(packet: Uint8Array): Uint8Array {
    const { length } = packet;
    if (!this.#strip || !isRtcp(packet, 0, length) || !isWholeCompound(packet, 0, length)) return packet;
    if (!hasFeedback(packet, 0, length)) return packet;
    const copy = packet.slice();
    return copy.subarray(0, stripFeedback(copy, 0, length));
  }

  #packet(): Uint8Array {
    if (this.#chance(0.3)) {
      return concat(
        ...Array.from({ length: 1 + this.#below(3) }, () => (this.#chance(0.5) ? RECEIVER_REPORT : PICTURE_LOSS)),
      );
    }
    this.#sequence = (this.#sequence + 1 + this.#below(this.#chance(0.1) ? 3_000 : 3)) & 0xffff;
    const packet = rtp({ sequence: this.#sequence, ssrc: 1 + this.#below(3), size: 12 + this.#below(200) });
    if (packet.length > 40 && this.#chance(0.3)) {
      packet[0] = 0x92;
      packet.set([0xbe, 0xde, 0, this.#below(4)], 20);
    }
    return packet;
  }

  #bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.#below(256));
  }

  /** Changes a byte of the first `within`, cuts off or appends. */
  #mutate(bytes: Uint8Array, within = bytes.length): Uint8Array {
    let out: Uint8Array = bytes.slice();
    const how = this.#below(4);
    const at = this.#below(within);
    if (how === 0) out[at]! ^= 1 << this.#below(8);
    else if (how === 1) out[at]! ^= 1 + this.#below(255);
    else if (how === 2) out = out.slice(0, at);
    else out = concat(out, this.#bytes(1 + this.#below(30)));
    return out;
  }
}

const CASES_PER_SUBJECT = 200;

export const target: FuzzTarget = {
  name: "srtp",
  run(cases, random) {
    const failures: string[] = [];
    let subject = new Subject(random);
    for (let i = 0; i < cases; i++) {
      if (i % CASES_PER_SUBJECT === CASES_PER_SUBJECT - 1) {
        const problem = subject.balance();
        if (problem) failures.push(`case ${i}: ${problem}`);
        subject = new Subject(random);
      }
      try {
        const { packet, problem } = subject.round();
        if (problem) failures.push(`case ${i}: ${problem}; bytes ${Buffer.from(packet).toString("hex")}`);
      } catch (error) {
        failures.push(`case ${i}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      }
    }
    return { cases, failures };
  },
};
