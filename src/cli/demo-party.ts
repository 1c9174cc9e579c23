/** One far end of the demo call: sends and receives PCMA over an ordinary UDP socket and measures what arrives. */
import { randomBytes } from "node:crypto";

const PAYLOAD_TYPE_PCMA = 8;
const HEADER = 12;
/** 20 ms of G.711 behind an RTP header. */
const PACKET = HEADER + 160;
/** A-law silence. */
const SILENCE = 0xd5;
/** Latencies kept for the percentiles: the last 20 s of one direction. */
const SAMPLES = 1_000;

export interface DirectionReport {
  readonly received: number;
  readonly lost: number;
  /** Milliseconds over what a datagram sent directly, at the same moment, needs (medians). */
  readonly addedP50: number;
  readonly addedP99: number;
  /** Interarrival jitter (RFC 3550 section 6.4.1), milliseconds. */
  readonly jitter: number;
}

export class DemoParty {
  /** The relay's address that faces this party. */
  relay = { address: "", port: 0 };
  sent = 0;
  #received = 0;
  #transit: number | undefined;
  #jitter = 0;
  readonly #relayed: number[] = [];
  readonly #direct: number[] = [];
  readonly #packet = Buffer.alloc(PACKET, SILENCE);
  readonly #sockets: Bun.udp.Socket<"buffer">[] = [];

  private constructor(readonly name: string) {
    this.#packet[0] = 0x80;
    this.#packet[1] = PAYLOAD_TYPE_PCMA;
    randomBytes(4).copy(this.#packet, 8);
  }

  static async open(name: string, host: string): Promise<DemoParty> {
    const party = new DemoParty(name);
    const open = (receive: (data: Buffer) => void) =>
      Bun.udpSocket({
        hostname: host,
        port: 0,
        binaryType: "buffer",
        socket: { data: (_socket, data) => receive(data) },
      });
    party.#sockets.push(await open((data) => party.#receive(data)));
    party.#sockets.push(await open((data) => keep(party.#direct, latency(data))));
    return party;
  }

  get port(): number {
    return this.#sockets[0]!.port;
  }

  /** True when all that the peer sent has arrived; the peer has sent as much as this party. */
  get complete(): boolean {
    return this.#received > 0 && this.#received === this.sent;
  }

  sdp(): string {
    const host = this.#sockets[0]!.hostname;
    return `v=0\r\no=${this.name} 1 1 IN IP4 ${host}\r\ns=demo\r\nc=IN IP4 ${host}\r\nt=0 0\r\nm=audio ${this.port} RTP/AVP ${PAYLOAD_TYPE_PCMA}\r\n`;
  }

  /** One packet through the relay, and the same packet directly to the peer's second socket as the yardstick. */
  send(peer: DemoParty): void {
    this.#packet.writeUInt16BE(this.sent & 0xffff, 2);
    this.#packet.writeUInt32BE((this.sent * 160) >>> 0, 4);
    const host = this.#sockets[0]!.hostname;
    this.#packet.writeDoubleBE(performance.now(), HEADER);
    this.#sockets[0]!.send(this.#packet, this.relay.port, this.relay.address);
    this.#packet.writeDoubleBE(performance.now(), HEADER);
    this.#sockets[1]!.send(this.#packet, peer.#sockets[1]!.port, host);
    this.sent++;
  }

  report(from: DemoParty): DirectionReport {
    const direct = percentile(this.#direct, 0.5);
    return {
      received: this.#received,
      lost: Math.max(0, from.sent - this.#received),
      addedP50: Math.max(0, percentile(this.#relayed, 0.5) - direct),
      addedP99: Math.max(0, percentile(this.#relayed, 0.99) - direct),
      jitter: this.#jitter,
    };
  }

  close(): void {
    for (const socket of this.#sockets) socket.close();
  }

  #receive(data: Buffer): void {
    if (data.length !== PACKET) return;
    this.#received++;
    const transit = latency(data);
    if (this.#transit !== undefined) this.#jitter += (Math.abs(transit - this.#transit) - this.#jitter) / 16;
    this.#transit = transit;
    keep(this.#relayed, transit);
  }
}

function latency(data: Buffer): number {
  return performance.now() - data.readDoubleBE(HEADER);
}

function keep(samples: number[], value: number): void {
  samples.push(value);
  if (samples.length > SAMPLES) samples.shift();
}

function percentile(samples: readonly number[], share: number): number {
  if (samples.length === 0) return 0;
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}
