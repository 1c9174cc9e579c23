/**
 * The two ways packets leave and reach the generator.
 *
 * `PacketRing` (veth): frames go out of a packet socket past the queueing discipline and come back through a ring
 * shared with the kernel, with the kernel's arrival time, at no system call per packet. No party has a socket, so the
 * daemon's send pays for nothing but the copy into the ring.
 * `PartySockets` (lo): one UDP socket per party as real phones have, sending through one raw socket. Every packet the
 * daemon sends is then put into a party's socket on the daemon's own CPU time, which is the flaw of this way.
 */
import { MAX_TAG } from "./srtp-cipher.ts";
import type { Parties, StreamFrames } from "./stream-frames.ts";
import {
  AF_INET,
  AF_PACKET,
  asPointer,
  bindOrConnect,
  C,
  getOptionWords,
  IPPROTO_RAW,
  type Memory,
  MSG_DONTWAIT,
  mapSocket,
  openSocket,
  putAddress,
  reserve,
  SO_RCVBUFFORCE,
  SO_SNDBUFFORCE,
  SO_TIMESTAMPNS,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_PACKET,
  SOL_SOCKET,
  setOption,
  setOptionWords,
  swap16,
} from "./sys.ts";

/** Takes each packet that arrived: RTP header at word `rtp` of `i32`, UDP payload length, header words, kernel time. */
export type Arrival = (
  i32: Int32Array,
  rtp: number,
  length: number,
  source: number,
  destination: number,
  ports: number,
  seconds: number,
  nanoseconds: number,
) => void;

export interface Carrier {
  readonly level: "ethernet" | "ip";
  readonly macs: readonly [number[], number[]] | undefined;
  /** Makes the first `calls` calls' parties reachable. */
  prepare(calls: number): void;
  /** Sends the ready packets of `count` neighbouring streams; what the kernel refused is dropped. Returns that number. */
  send(frames: StreamFrames, stream: number, count: number): number;
  /** Hands on at most about `limit` packets that have arrived. Returns how many. */
  drain(limit: number, arrival: Arrival): number;
  /** Hands on everything that has arrived. */
  sweep(arrival: Arrival): void;
  /** Packets lost on the generator's own side so far. */
  overruns(): number;
}

function sendAll(fd: number, frames: StreamFrames, stream: number, count: number): number {
  let refused = 0;
  for (let sent = 0; sent < count; ) {
    const n = C.sendmmsg(fd, asPointer(frames.header(stream + sent)), count - sent, MSG_DONTWAIT);
    if (n > 0) sent += n;
    else {
      refused++;
      sent++;
    }
  }
  return refused;
}

const ETH_P_IP = 0x0800;
const PACKET_RX_RING = 5;
const PACKET_STATISTICS = 6;
const PACKET_VERSION = 10;
const PACKET_QDISC_BYPASS = 20;
const PACKET_IGNORE_OUTGOING = 23;
const TPACKET_V2 = 1;

export interface Wire {
  readonly interfaceIndex: number;
  readonly destinationMac: string;
  readonly sourceMac: string;
}

const macBytes = (mac: string): number[] => mac.split(":").map((byte) => Number.parseInt(byte, 16));

export class PacketRing implements Carrier {
  readonly level = "ethernet";
  readonly macs: readonly [number[], number[]];
  readonly #out: number;
  readonly #in: number;
  readonly #ring: Memory;
  readonly #frameWords: number;
  readonly #frameCount: number;
  #position = 0;
  #overruns = 0;

  constructor(wire: Wire, payload: number) {
    this.macs = [macBytes(wire.destinationMac), macBytes(wire.sourceMac)];
    const link = (protocol: number): number => {
      const address = reserve(4096);
      address.i32[0] = AF_PACKET | (swap16(protocol) << 16);
      address.i32[1] = wire.interfaceIndex;
      return address.address;
    };
    this.#out = openSocket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);
    setOption(this.#out, SOL_SOCKET, SO_SNDBUFFORCE, 64 << 20);
    setOption(this.#out, SOL_PACKET, PACKET_QDISC_BYPASS, 1);
    if (C.bind(this.#out, asPointer(link(0)), 20) < 0) throw new Error("cannot bind the sending packet socket");
    // 80 bytes of ring header and alignment in front of the frame.
    const frameSize = 2 ** Math.ceil(Math.log2(payload + MAX_TAG + 42 + 80));
    const blockSize = 1 << 16;
    const blocks = (48 << 20) / blockSize;
    this.#frameWords = frameSize / 4;
    this.#frameCount = (blocks * blockSize) / frameSize;
    this.#in = openSocket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);
    setOption(this.#in, SOL_PACKET, PACKET_VERSION, TPACKET_V2);
    setOption(this.#in, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1, true);
    setOptionWords(this.#in, SOL_PACKET, PACKET_RX_RING, [blockSize, blocks, frameSize, this.#frameCount]);
    this.#ring = mapSocket(this.#in, blocks * blockSize);
    if (C.bind(this.#in, asPointer(link(ETH_P_IP)), 20) < 0) throw new Error("cannot bind the receiving packet socket");
  }

  prepare(): void {}

  send(frames: StreamFrames, stream: number, count: number): number {
    return sendAll(this.#out, frames, stream, count);
  }

  drain(limit: number, arrival: Arrival): number {
    const { i32, bytes } = this.#ring;
    let done = 0;
    // struct tpacket2_hdr: status@0 len@4 snaplen@8 mac@12 net@14 sec@16 nsec@20
    while (done < limit) {
      const at = this.#position * this.#frameWords;
      if ((i32[at]! & 1) === 0) break;
      const ip = at + (i32[at + 3]! >>> 18);
      if ((i32[ip]! & 0xff) === 0x45 && bytes[ip * 4 + 9] === 17) {
        const length = (bytes[ip * 4 + 24]! << 8) | bytes[ip * 4 + 25]!;
        arrival(i32, ip + 7, length - 8, i32[ip + 3]!, i32[ip + 4]!, i32[ip + 5]!, i32[at + 4]!, i32[at + 5]!);
      }
      i32[at] = 0;
      if (++this.#position === this.#frameCount) this.#position = 0;
      done++;
    }
    return done;
  }

  sweep(arrival: Arrival): void {
    while (this.drain(1024, arrival) === 1024);
  }

  overruns(): number {
    // The counters start anew with each reading.
    this.#overruns += getOptionWords(this.#in, SOL_PACKET, PACKET_STATISTICS, 2)[1]!;
    return this.#overruns;
  }
}

/** Packets taken from one party's socket at once. */
const BATCH = 16;
const BUFFER = 1536;

export class PartySockets implements Carrier {
  readonly level = "ip";
  readonly macs = undefined;
  readonly #raw: number;
  readonly #sockets: number[] = [];
  readonly #headers = reserve(BATCH * 64);
  readonly #vectors = reserve(BATCH * 16);
  readonly #names = reserve(BATCH * 16);
  readonly #control = reserve(BATCH * 64);
  readonly #buffers = reserve(BATCH * BUFFER);
  #position = 0;
  #lastRound = 0;

  constructor(readonly parties: Parties) {
    this.#raw = openSocket(AF_INET, SOCK_RAW | SOCK_NONBLOCK, IPPROTO_RAW);
    setOption(this.#raw, SOL_SOCKET, SO_SNDBUFFORCE, 64 << 20);
    for (let k = 0; k < BATCH; k++) {
      putAddress(this.#vectors.i32, k * 4, this.#buffers.address + k * BUFFER);
      this.#vectors.i32[k * 4 + 2] = BUFFER;
      putAddress(this.#headers.i32, k * 16, this.#names.address + k * 16);
      putAddress(this.#headers.i32, k * 16 + 4, this.#vectors.address + k * 16);
      this.#headers.i32[k * 16 + 6] = 1;
      putAddress(this.#headers.i32, k * 16 + 8, this.#control.address + k * 64);
    }
  }

  prepare(calls: number): void {
    const { addressA, addressB, firstPort } = this.parties;
    for (let call = this.#sockets.length / 2; call < calls; call++)
      for (const address of [addressA, addressB]) {
        const fd = openSocket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        setOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, 1 << 20);
        setOption(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
        bindOrConnect("bind", fd, address, firstPort + 2 * call);
        this.#sockets.push(fd);
      }
  }

  send(frames: StreamFrames, stream: number, count: number): number {
    return sendAll(this.#raw, frames, stream, count);
  }

  drain(limit: number, arrival: Arrival): number {
    const count = this.#sockets.length;
    // Each party's socket is read about every 60 ms (three packets): the kernel has stamped them long before.
    if (this.#position === 0) {
      const now = Bun.nanoseconds();
      if (now - this.#lastRound < 60_000_000) return 0;
      this.#lastRound = now;
    }
    let done = 0;
    for (let visits = 0; visits < 4 && done < limit; visits++) {
      done += this.#read(this.#position, arrival);
      if (++this.#position >= count) {
        this.#position = 0;
        break;
      }
    }
    return done;
  }

  sweep(arrival: Arrival): void {
    for (let index = 0; index < this.#sockets.length; index++) while (this.#read(index, arrival) === BATCH);
  }

  #read(index: number, arrival: Arrival): number {
    const headers = this.#headers.i32;
    for (let k = 0; k < BATCH; k++) {
      headers[k * 16 + 2] = 16;
      headers[k * 16 + 10] = 64;
    }
    const fd = this.#sockets[index]!;
    const n = C.recvmmsg(fd, asPointer(this.#headers.address), BATCH, MSG_DONTWAIT, null);
    if (n <= 0) return 0;
    const { addressA, addressB, firstPort } = this.parties;
    const own = (index & 1 ? addressB : addressA).split(".").map(Number) as [number, number, number, number];
    const ownWord = own[0] | (own[1] << 8) | (own[2] << 16) | (own[3] << 24);
    const ownPort = swap16(firstPort + (index & ~1)) << 16;
    const names = this.#names.i32;
    const control = this.#control.i32;
    for (let k = 0; k < n; k++) {
      // struct cmsghdr {u64 len; i32 level; i32 type}, then struct timespec
      const c = k * 16;
      arrival(
        this.#buffers.i32,
        (k * BUFFER) / 4,
        headers[k * 16 + 14]!,
        names[k * 4 + 1]!,
        ownWord,
        (names[k * 4]! >>> 16) | ownPort,
        control[c + 4]!,
        control[c + 6]!,
      );
    }
    return n;
  }

  overruns(): number {
    return 0;
  }
}
