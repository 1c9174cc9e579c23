/**
 * The packets of a load, one ready frame per stream: Ethernet, IPv4, UDP, RTP and a payload that says which stream and
 * packet it is. Only sequence number, timestamp, ordinal and send time change from packet to packet, and the mmsghdr of
 * neighbouring streams lie side by side, so that any run of streams goes out in one sendmmsg without touching a pointer.
 *
 * Stream 2i is what party A of call i sends, 2i+1 what party B sends. Words in the payload (host order) after the
 * 12 bytes of RTP header: magic, epoch, stream, ordinal, seconds, nanoseconds, then a filler that depends on the stream.
 */
import { StreamProtection } from "./stream-protection.ts";
import {
  addressWord,
  asPointer,
  C,
  CLOCK_REALTIME,
  type Memory,
  putAddress,
  putSockaddr,
  reserve,
  swap16,
} from "./sys.ts";

/** Where a party of a call sends to: the relay's address and port that face it. */
export type RelayPorts = readonly [addressA: string, portA: number, addressB: string, portB: number];

export interface Parties {
  readonly addressA: string;
  readonly addressB: string;
  /** Party k of call i has port `firstPort + 2 i` on its address. */
  readonly firstPort: number;
}

/** Byte offsets in a frame's slot. Ethernet starts at 2 so that everything from IPv4 on is aligned to words. */
const ETHERNET = 2;
const IPV4 = 16;
const UDP = 36;
const RTP = 44;
const TAG_WORD = (RTP + 12) / 4;
const FILLER_WORD = TAG_WORD + 6;
const HEADERS = RTP - IPV4;
/** RTP header and tag. */
export const MIN_PAYLOAD = 36;

const MMSGHDR_WORDS = 16;
const MAGIC = 0x51b1_0000;

const filler = (stream: number, word: number): number => (Math.imul(stream + 1, 0x9e37_79b1) ^ word) | 0;

function headerChecksum(bytes: Uint8Array, at: number): number {
  let sum = 0;
  for (let i = 0; i < 20; i += 2) sum += (bytes[at + i]! << 8) | bytes[at + i + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** How frames leave: "ethernet" through a packet socket, "ip" through a raw IPv4 socket. */
export type FrameLevel = "ethernet" | "ip";

export class StreamFrames {
  readonly streams: number;
  readonly #magic: number;
  readonly #slotWords: number;
  readonly #i32: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #headers: number;
  readonly #sequence: Int32Array;
  readonly #clock = reserve(16);
  /** Source, destination and ports of what each stream's *receiver side* must see, as words of the headers. */
  readonly #relayAddress: Int32Array;
  readonly #partyAddress: Int32Array;
  readonly #portsIn: Int32Array;
  /** What secure streams send, sealed; the frames stay as they are, to compare with. */
  readonly #sealed: Memory | undefined;
  /** The packet that {@link recognise} looked at last, in clear: words, and where its RTP header starts. */
  seen: Int32Array = new Int32Array(0);
  seenAt = 0;

  constructor(
    id: number,
    relay: readonly RelayPorts[],
    readonly parties: Parties,
    /** UDP payload, bytes, a multiple of 4. */
    readonly payload: number,
    level: FrameLevel,
    /** Destination and source, 6 bytes each; level "ethernet" only. */
    macs: readonly [destination: readonly number[], source: readonly number[]] | undefined,
    readonly protection?: StreamProtection,
  ) {
    if (payload < MIN_PAYLOAD || payload > 1472 || payload % 4 !== 0) throw new Error(`payload of ${payload} bytes`);
    this.streams = relay.length * 2;
    this.#magic = MAGIC | id;
    const slot = Math.ceil((RTP + payload + (protection ? StreamProtection.room : 0)) / 64) * 64;
    this.#slotWords = slot / 4;
    const frames = reserve(this.streams * slot);
    this.#i32 = frames.i32;
    this.#bytes = frames.bytes;
    this.#sequence = new Int32Array(this.streams);
    this.#relayAddress = new Int32Array(this.streams);
    this.#partyAddress = new Int32Array(this.streams);
    this.#portsIn = new Int32Array(this.streams);
    this.#sealed = protection && reserve(this.streams * slot);
    const headers = reserve(this.streams * 64);
    const vectors = reserve(this.streams * 16);
    const names = reserve(this.streams * 16);
    this.#headers = headers.address;
    const start = level === "ethernet" ? ETHERNET : IPV4;
    for (let stream = 0; stream < this.streams; stream++) {
      const call = relay[stream >> 1]!;
      const side = stream & 1;
      const address = side ? call[2] : call[0];
      const port = side ? call[3] : call[1];
      const own = addressWord(side ? parties.addressB : parties.addressA);
      const ownPort = parties.firstPort + (stream & ~1);
      const at = stream * slot;
      const word = at / 4;
      if (macs) {
        frames.bytes.set(macs[0], at + ETHERNET);
        frames.bytes.set(macs[1], at + ETHERNET + 6);
        frames.bytes.set([0x08, 0x00], at + ETHERNET + 12);
      }
      const tag = protection?.tag(stream) ?? 0;
      const total = HEADERS + payload + tag;
      frames.bytes.set([0x45, 0, total >> 8, total & 255, 0, 0, 0x40, 0, 64, 17, 0, 0], at + IPV4);
      frames.i32[word + (IPV4 + 12) / 4] = own;
      frames.i32[word + (IPV4 + 16) / 4] = addressWord(address);
      const sum = headerChecksum(frames.bytes, at + IPV4);
      frames.bytes.set([sum >> 8, sum & 255], at + IPV4 + 10);
      const length = 8 + payload + tag;
      frames.i32[word + UDP / 4] = swap16(ownPort) | (swap16(port) << 16);
      // Checksum 0, "not computed" (RFC 768): a network card would have verified it before the daemon's core sees it.
      frames.bytes.set([length >> 8, length & 255, 0, 0], at + UDP + 4);
      frames.bytes.set([0x80, 8], at + RTP);
      const ssrc = 0x1000_0000 + stream;
      frames.bytes.set([ssrc >>> 24, (ssrc >> 16) & 255, (ssrc >> 8) & 255, ssrc & 255], at + RTP + 8);
      frames.i32[word + TAG_WORD] = this.#magic;
      frames.i32[word + TAG_WORD + 2] = stream;
      for (let w = FILLER_WORD; w < (RTP + payload) / 4; w++) frames.i32[word + w] = filler(stream, w);
      this.#sequence[stream] = 1000 + stream;
      this.#relayAddress[stream] = addressWord(address);
      this.#partyAddress[stream] = own;
      this.#portsIn[stream] = swap16(port) | (swap16(ownPort) << 16);

      const sent = this.#sealed && tag > 0 ? this.#sealed : frames;
      if (sent !== frames) sent.bytes.set(frames.bytes.subarray(at, at + RTP), at);
      putAddress(vectors.i32, stream * 4, sent.address + at + start);
      vectors.i32[stream * 4 + 2] = IPV4 - start + total;
      putAddress(headers.i32, stream * MMSGHDR_WORDS + 4, vectors.address + stream * 16);
      headers.i32[stream * MMSGHDR_WORDS + 6] = 1;
      if (level === "ip") {
        putSockaddr(names.i32, stream * 4, address, 0);
        putAddress(headers.i32, stream * MMSGHDR_WORDS, names.address + stream * 16);
        headers.i32[stream * MMSGHDR_WORDS + 2] = 16;
      }
    }
  }

  /** Address of the mmsghdr of a stream; those of the following streams come right after it. */
  header(stream: number): number {
    return this.#headers + stream * MMSGHDR_WORDS * 4;
  }

  /** Makes the next packet of `count` neighbouring streams, numbered from `ordinal` and stamped now. */
  next(stream: number, count: number, epoch: number, ordinal: number): void {
    const { i32: clock } = this.#clock;
    C.clock_gettime(CLOCK_REALTIME, asPointer(this.#clock.address));
    const seconds = clock[0]!;
    const nanoseconds = clock[2]!;
    const i32 = this.#i32;
    const bytes = this.#bytes;
    for (let s = stream; s < stream + count; s++) {
      const word = s * this.#slotWords;
      const rtp = word * 4 + RTP;
      const sequence = this.#sequence[s]!;
      this.#sequence[s] = sequence + 1;
      bytes[rtp + 2] = sequence >> 8;
      bytes[rtp + 3] = sequence;
      const timestamp = Math.imul(sequence, 160);
      bytes[rtp + 4] = timestamp >> 24;
      bytes[rtp + 5] = timestamp >> 16;
      bytes[rtp + 6] = timestamp >> 8;
      bytes[rtp + 7] = timestamp;
      const tag = word + TAG_WORD;
      i32[tag + 1] = epoch;
      i32[tag + 3] = ordinal++;
      i32[tag + 4] = seconds;
      i32[tag + 5] = nanoseconds;
      if (this.#sealed && this.protection!.tag(s) > 0) this.#seal(s, sequence);
    }
  }

  #seal(stream: number, sequence: number): void {
    const sealed = this.#sealed!;
    const from = stream * this.#slotWords + RTP / 4;
    for (let w = from; w < from + this.payload / 4; w++) sealed.i32[w] = this.#i32[w]!;
    this.protection!.seal(stream, sealed.bytes, sealed.address, from * 4, this.payload, sequence);
  }

  /**
   * Whether a packet that arrived is exactly one that this load sent, came from the relay port that faces its receiver
   * and reached the right party. `rtp` is the word index of its RTP header in `i32`.
   * Returns the stream that sent it, or -1.
   */
  recognise(
    i32: Int32Array,
    rtp: number,
    length: number,
    source: number,
    destination: number,
    portWord: number,
  ): number {
    const { protection } = this;
    if (protection) {
      // The party is known by where the packet came to.
      const call = (swap16(portWord >>> 16) - this.parties.firstPort) >> 1;
      const party = call * 2 + (destination === addressWord(this.parties.addressB) ? 1 : 0);
      if (party < 0 || party >= this.streams) return -1;
      const tag = protection.tag(party);
      if (length !== this.payload + tag) return -1;
      if (tag > 0) {
        if (!protection.open(party, i32, rtp, this.payload, this.#sequence[party ^ 1]!)) return -1;
        return this.#compare(protection.clear.i32, 0, source, destination, portWord);
      }
    } else if (length !== this.payload) return -1;
    return this.#compare(i32, rtp, source, destination, portWord);
  }

  #compare(i32: Int32Array, rtp: number, source: number, destination: number, portWord: number): number {
    this.seen = i32;
    this.seenAt = rtp;
    const tag = rtp + 3;
    const stream = i32[tag + 2]!;
    if (i32[tag] !== this.#magic || stream < 0 || stream >= this.streams) return -1;
    const receiver = stream ^ 1;
    if (
      source !== this.#relayAddress[receiver] ||
      destination !== this.#partyAddress[receiver] ||
      portWord !== this.#portsIn[receiver]
    )
      return -1;
    const own = stream * this.#slotWords + RTP / 4;
    // First RTP byte, payload type and SSRC; the sequence number is in the ordinal's care.
    const sent = this.#i32;
    if (((i32[rtp]! ^ sent[own]!) & 0xffff) !== 0 || i32[rtp + 2] !== sent[own + 2]) return -1;
    const shift = own - rtp;
    const end = rtp + this.payload / 4;
    for (let w = tag + 6; w < end; w++) if (i32[w] !== sent[w + shift]) return -1;
    return stream;
  }
}

/** Word offsets from the RTP header of the fields of the tag. */
export const TAG = { epoch: 4, ordinal: 6, seconds: 7, nanoseconds: 8 } as const;
