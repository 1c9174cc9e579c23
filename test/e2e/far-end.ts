/**
 * A party's media: an RTP and an RTCP socket that send real packets every 20 ms and keep what arrives, so that both ends can be
 * compared byte by byte.
 */
import type { udp } from "bun";
import type { Endpoint } from "../../src/address.ts";
import { isPeer } from "./daemon.ts";
import { Feed } from "./deadline.ts";
import { farEndPort } from "./network.ts";

export interface Arrival {
  readonly data: Buffer;
  readonly source: Endpoint;
}

/** G.711 A-law, 20 ms (RFC 3551 section 4.5.14). */
export const PCMA = { payloadType: 8, payloadBytes: 160, timestampStep: 160 } as const;
/** A video packet near the usual path MTU; 90 kHz clock. */
export const VIDEO = { payloadType: 96, payloadBytes: 1_200, timestampStep: 1_800 } as const;
export type Codec = typeof PCMA | typeof VIDEO;

/** One timer for all far ends: 50 simultaneous calls would otherwise be 100 timers drifting apart. */
const senders = new Set<() => boolean>();
let metronome: ReturnType<typeof setInterval> | undefined;
function everyTick(send: () => boolean) {
  senders.add(send);
  metronome ??= setInterval(() => {
    for (const sender of senders) if (!sender()) senders.delete(sender);
    if (senders.size === 0) {
      clearInterval(metronome);
      metronome = undefined;
    }
  }, 10);
}

export class FarEnd {
  readonly ssrc = Math.floor(Math.random() * 2 ** 32);
  #sequence = Math.floor(Math.random() * 2 ** 16);
  #timestamp = Math.floor(Math.random() * 2 ** 32);
  readonly sent: Buffer[] = [];
  readonly sentReports: Buffer[] = [];
  readonly rtp = new Feed<Arrival>();
  readonly rtcp = new Feed<Arrival>();
  #rtpSocket!: udp.Socket<"buffer">;
  #rtcpSocket!: udp.Socket<"buffer">;
  #stopped = false;

  private constructor(
    readonly name: string,
    readonly address: string,
    readonly port: number,
    readonly codec: Codec,
  ) {}

  static async open(name: string, address: string, codec: Codec = PCMA): Promise<FarEnd> {
    for (;;) {
      const end = new FarEnd(name, address, farEndPort(), codec);
      try {
        end.#rtpSocket = await end.#bind(end.port, end.rtp);
      } catch {
        continue; // taken by another process: the next pair
      }
      try {
        end.#rtcpSocket = await end.#bind(end.port + 1, end.rtcp);
        return end;
      } catch {
        end.#rtpSocket.close();
      }
    }
  }

  async #bind(port: number, feed: Feed<Arrival>) {
    return await Bun.udpSocket({
      hostname: this.address,
      port,
      socket: {
        data: (_socket, data, sourcePort, sourceAddress) =>
          feed.push({ data: Buffer.from(data), source: { address: sourceAddress, port: sourcePort } }),
        error: () => {}, // an ICMP error is a lost packet: the counts show it
      },
    });
  }

  #packet(): Buffer {
    const packet = Buffer.alloc(12 + this.codec.payloadBytes);
    packet[0] = 0x80;
    packet[1] = this.codec.payloadType | (this.sent.length === 0 ? 0x80 : 0);
    packet.writeUInt16BE(this.#sequence, 2);
    packet.writeUInt32BE(this.#timestamp >>> 0, 4);
    packet.writeUInt32BE(this.ssrc, 8);
    for (let i = 0; i < this.codec.payloadBytes; i++) packet[12 + i] = (this.ssrc + this.#sequence * 31 + i * 7) & 255;
    this.#sequence = (this.#sequence + 1) & 0xffff;
    this.#timestamp = (this.#timestamp + this.codec.timestampStep) >>> 0;
    return packet;
  }

  /** Sender report without blocks, and a CNAME (RFC 3550 sections 6.4.1 and 6.5). */
  #report(): Buffer {
    const report = Buffer.alloc(28 + 24);
    report.writeUInt8(0x80, 0);
    report.writeUInt8(200, 1);
    report.writeUInt16BE(6, 2);
    report.writeUInt32BE(this.ssrc, 4);
    const now = Date.now();
    report.writeUInt32BE((Math.floor(now / 1_000) + 2_208_988_800) >>> 0, 8);
    report.writeUInt32BE(Math.floor(((now % 1_000) / 1_000) * 2 ** 32), 12);
    report.writeUInt32BE(this.#timestamp >>> 0, 16);
    report.writeUInt32BE(this.sent.length, 20);
    report.writeUInt32BE(this.sent.length * this.codec.payloadBytes, 24);
    report.writeUInt8(0x81, 28);
    report.writeUInt8(202, 29);
    report.writeUInt16BE(5, 30);
    report.writeUInt32BE(this.ssrc, 32);
    report.writeUInt8(1, 36);
    report.writeUInt8(12, 37);
    report.write("far@example1", 38, "latin1");
    return report;
  }

  /**
   * Sends `count` packets to `to`, one every 20 ms of real time (late timers are made up for), and to `rtcp` one report per 25
   * packets, the first with the first packet. Resolves when the last one is sent.
   */
  async send(to: Endpoint, count: number, rtcp?: Endpoint): Promise<void> {
    this.#stopped = false;
    await new Promise<void>((resolve) => {
      const start = performance.now();
      let done = 0;
      everyTick(() => {
        const due = Math.min(count, Math.floor((performance.now() - start) / 20) + 1);
        while (done < due && !this.#stopped) {
          const packet = this.#packet();
          this.sent.push(packet);
          this.#rtpSocket.send(packet, to.port, to.address);
          if (rtcp && done % 25 === 0) {
            const report = this.#report();
            this.sentReports.push(report);
            this.#rtcpSocket.send(report, rtcp.port, rtcp.address);
          }
          done++;
        }
        if (done < count && !this.#stopped) return true;
        resolve();
        return false;
      });
    });
  }

  /** Resolves when nothing has arrived for 50 ms. */
  async quiet(): Promise<void> {
    let seen = -1;
    while (seen !== this.rtp.items.length + this.rtcp.items.length) {
      seen = this.rtp.items.length + this.rtcp.items.length;
      await Bun.sleep(50);
    }
  }

  stopSending(): void {
    this.#stopped = true;
  }

  close(): void {
    this.#stopped = true;
    this.#rtpSocket.close();
    this.#rtcpSocket.close();
  }
}

function difference(sent: readonly Buffer[], arrived: readonly Arrival[]): string | undefined {
  if (arrived.length !== sent.length) return `${sent.length} packets sent, ${arrived.length} arrived`;
  const at = sent.findIndex((packet, i) => !packet.equals(arrived[i]!.data));
  if (at < 0) return undefined;
  // Several threads of rtpengine serve one socket: packets that wait together may overtake each other.
  if (isPeer && sent.every((packet) => arrived.some(({ data }) => packet.equals(data)))) {
    console.log("# note: rtpengine 10.5 changed the order of packets");
    return undefined;
  }
  return `packet ${at} differs:\n  sent    ${sent[at]!.toString("hex")}\n  arrived ${arrived[at]!.data.toString("hex")}`;
}

/**
 * Media from one far end to another for `count` packets: all arrive, in order, unchanged, and (symmetric RTP) from the very
 * address that the receiver sends to. @throws Error that says what was different
 */
export async function oneWay(
  from: FarEnd,
  fromTarget: { readonly rtp: Endpoint; readonly rtcp: Endpoint },
  to: FarEnd,
  toTarget: { readonly rtp: Endpoint } | undefined,
  count: number,
): Promise<void> {
  const [sentBefore, arrivedBefore] = [from.sent.length, to.rtp.items.length];
  const [reportsBefore, reportsArrivedBefore] = [from.sentReports.length, to.rtcp.items.length];
  await from.send(fromTarget.rtp, count, fromTarget.rtcp);
  let seen = 0;
  const name = `${from.name} to ${to.name}`;
  try {
    await to.rtp.first(() => ++seen === count, 2_000, `${count} packets from ${name}`, arrivedBefore);
  } catch {} // the difference says it better
  const arrived = to.rtp.items.slice(arrivedBefore);
  const wrong = difference(from.sent.slice(sentBefore), arrived);
  if (wrong) throw new Error(`RTP ${name}: ${wrong}`);
  if (toTarget) {
    const stray = arrived.find(
      ({ source }) => source.port !== toTarget.rtp.port || !sameAddress(source.address, toTarget.rtp.address),
    );
    if (stray)
      throw new Error(`RTP ${name}: came from ${JSON.stringify(stray.source)}, not ${JSON.stringify(toTarget.rtp)}`);
  }
  const reports = from.sentReports.slice(reportsBefore);
  seen = 0;
  try {
    await to.rtcp.first(() => ++seen === reports.length, 2_000, "reports", reportsArrivedBefore);
  } catch {}
  const wrongReport = difference(reports, to.rtcp.items.slice(reportsArrivedBefore));
  if (wrongReport) throw new Error(`RTCP ${name}: ${wrongReport}`);
}

function sameAddress(a: string, b: string): boolean {
  return a.replace(/^::ffff:/, "") === b.replace(/^::ffff:/, "");
}
