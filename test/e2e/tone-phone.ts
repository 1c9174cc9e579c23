/** A plain SIP phone's media: G.711 mu-law that carries a tone, and an ear for the tone of the other side. */
import type { udp } from "bun";
import type { Endpoint } from "../../src/address.ts";
import { farEndPort } from "./network.ts";

const RATE = 8_000;
const SAMPLES = 160;

/** Linear 16-bit to mu-law (ITU-T G.711). */
function encode(sample: number): number {
  const sign = sample < 0 ? 0x80 : 0;
  let magnitude = Math.min(32_635, Math.abs(sample)) + 132;
  let exponent = 7;
  for (let mask = 0x4000; (magnitude & mask) === 0 && exponent > 0; mask >>= 1) exponent--;
  magnitude = (magnitude >> (exponent + 3)) & 15;
  return ~(sign | (exponent << 4) | magnitude) & 255;
}

function decode(byte: number): number {
  const inverted = ~byte & 255;
  const exponent = (inverted >> 4) & 7;
  const magnitude = (((inverted & 15) << 3) + 132) << exponent;
  return inverted & 0x80 ? 132 - magnitude : magnitude - 132;
}

export interface Heard {
  /** dB below full scale of everything. */
  readonly decibel: number;
  /** Share of the energy that is at the asked frequency, 0-1. */
  readonly purity: number;
}

export class TonePhone {
  readonly received: { readonly data: Buffer; readonly source: Endpoint }[] = [];
  readonly reports: Buffer[] = [];
  readonly ssrc = Math.floor(Math.random() * 2 ** 32);
  /** Packets sent. */
  sent = 0;
  #rtp!: udp.Socket<"buffer">;
  #rtcp!: udp.Socket<"buffer">;
  // One stream as long as the phone lives: a jump back would look like a replay to who decrypts.
  #sequence = Math.floor(Math.random() * 65_536);
  #timestamp = Math.floor(Math.random() * 2 ** 32);
  #timer: ReturnType<typeof setInterval> | undefined;

  private constructor(
    readonly address: string,
    readonly port: number,
    readonly hertz: number,
  ) {}

  static async open(address: string, hertz: number): Promise<TonePhone> {
    for (;;) {
      const phone = new TonePhone(address, farEndPort(), hertz);
      const open = (port: number, take: (data: Buffer, source: Endpoint) => void) =>
        Bun.udpSocket({
          hostname: address,
          port,
          socket: {
            data: (_, data, from, host) => take(Buffer.from(data), { address: host, port: from }),
            error: () => {}, // an ICMP error is a lost packet
          },
        });
      try {
        phone.#rtp = await open(phone.port, (data, source) => phone.received.push({ data, source }));
        phone.#rtcp = await open(phone.port + 1, (data) => phone.reports.push(data));
        return phone;
      } catch {
        phone.#rtp?.close();
      }
    }
  }

  sdp(direction = "sendrecv"): string {
    const { address, port } = this;
    return [
      "v=0",
      `o=phone 1 1 IN IP4 ${address}`,
      "s=call",
      `c=IN IP4 ${address}`,
      "t=0 0",
      `m=audio ${port} RTP/AVP 0`,
      "a=rtpmap:0 PCMU/8000",
      `a=${direction}`,
      "",
    ].join("\r\n");
  }

  /** Sends its tone there, 50 packets per second, and a sender report now and then. */
  talkTo(rtp: Endpoint, rtcp: Endpoint): void {
    clearInterval(this.#timer);
    let phase = 0;
    const begun = performance.now();
    let due = 0;
    this.#timer = setInterval(() => {
      for (; begun + due * 20 <= performance.now(); due++) {
        const packet = Buffer.alloc(12 + SAMPLES);
        packet[0] = 0x80;
        packet.writeUInt16BE(this.#sequence++ & 0xffff, 2);
        packet.writeUInt32BE(this.#timestamp >>> 0, 4);
        packet.writeUInt32BE(this.ssrc, 8);
        for (let i = 0; i < SAMPLES; i++) {
          packet[12 + i] = encode(Math.round(12_000 * Math.sin(phase)));
          phase += (2 * Math.PI * this.hertz) / RATE;
        }
        this.#timestamp += SAMPLES;
        this.sent++;
        this.#rtp.send(packet, rtp.port, rtp.address);
        if (due % 50 === 25) this.#rtcp.send(this.#report(this.#timestamp), rtcp.port, rtcp.address);
      }
    }, 10);
  }

  #report(timestamp: number): Buffer {
    const report = Buffer.alloc(28);
    report.writeUInt32BE(0x80c80006, 0);
    report.writeUInt32BE(this.ssrc, 4);
    const now = Date.now();
    report.writeUInt32BE((Math.floor(now / 1_000) + 2_208_988_800) >>> 0, 8);
    report.writeUInt32BE(timestamp >>> 0, 16);
    report.writeUInt32BE(this.sent, 20);
    report.writeUInt32BE((this.sent * SAMPLES) >>> 0, 24);
    return report;
  }

  /** What was in the last packets. */
  heard(hertz: number, packets = 50): Heard {
    const samples: number[] = [];
    for (const { data } of this.received.slice(-packets)) {
      const extension = data[0]! & 0x10 ? 4 + data.readUInt16BE(14) * 4 : 0;
      for (const byte of data.subarray(12 + extension)) samples.push(decode(byte));
    }
    if (samples.length === 0) return { decibel: -200, purity: 0 };
    const energy = samples.reduce((sum, sample) => sum + sample * sample, 0);
    // Goertzel over blocks of 20 ms, so that lost packets do not shift the phase.
    let tone = 0;
    for (let at = 0; at + SAMPLES <= samples.length; at += SAMPLES) {
      const turn = (2 * Math.PI * hertz) / RATE;
      let [one, two] = [0, 0];
      for (let i = 0; i < SAMPLES; i++) [one, two] = [samples[at + i]! + 2 * Math.cos(turn) * one - two, one];
      tone += ((one * one + two * two - 2 * Math.cos(turn) * one * two) * 2) / SAMPLES;
    }
    return { decibel: 10 * Math.log10(energy / samples.length / 32_768 ** 2), purity: Math.min(1, tone / energy) };
  }

  silence(): void {
    clearInterval(this.#timer);
  }

  close(): void {
    this.silence();
    this.#rtp.close();
    this.#rtcp.close();
  }
}
