/** A party that sends the video it receives back under an SSRC of its own: what a browser sent it can also decode. */
import type { udp } from "bun";
import type { Endpoint } from "../../src/address.ts";
import { farEndPort } from "./network.ts";

export class VideoEcho {
  readonly ssrc = Math.floor(Math.random() * 2 ** 32);
  received = 0;
  reports = 0;
  pictureRequests = 0;
  #socket!: udp.Socket<"buffer">;
  #rtcp!: udp.Socket<"buffer">;
  #target: { readonly rtp: Endpoint; readonly rtcp: Endpoint } | undefined;
  /** Of who sends us video. */
  #sender = 0;

  private constructor(
    readonly address: string,
    readonly port: number,
  ) {}

  static async open(address: string): Promise<VideoEcho> {
    for (;;) {
      const echo = new VideoEcho(address, farEndPort());
      const open = (port: number, data: (packet: Buffer) => void) =>
        Bun.udpSocket({
          hostname: address,
          port,
          socket: { data: (_, packet) => data(Buffer.from(packet)), error: () => {} },
        });
      try {
        echo.#socket = await open(echo.port, (packet) => echo.#take(packet));
        echo.#rtcp = await open(echo.port + 1, (packet) => echo.#takeReport(packet));
        return echo;
      } catch {
        echo.#socket?.close();
      }
    }
  }

  sendTo(target: { readonly rtp: Endpoint; readonly rtcp: Endpoint }): void {
    this.#target = target;
  }

  /** A request for a whole picture (RFC 4585 section 6.3.1) is passed back like the pictures themselves. */
  #takeReport(packet: Buffer): void {
    this.reports++;
    for (let at = 0; at + 12 <= packet.length; at += 4 + packet.readUInt16BE(at + 2) * 4) {
      if (packet[at + 1] !== 206 || (packet[at]! & 31) !== 1 || !this.#target) continue;
      this.pictureRequests++;
      const request = Buffer.alloc(8 + 12);
      request.writeUInt32BE(0x80c90001, 0);
      request.writeUInt32BE(this.ssrc, 4);
      request.writeUInt32BE(0x81ce0002, 8);
      request.writeUInt32BE(this.ssrc, 12);
      request.writeUInt32BE(this.#sender, 16);
      this.#rtcp.send(request, this.#target.rtcp.port, this.#target.rtcp.address);
    }
  }

  #take(packet: Buffer): void {
    this.received++;
    this.#sender = packet.readUInt32BE(8);
    if (!this.#target) return;
    packet.writeUInt32BE(this.ssrc, 8);
    this.#socket.send(packet, this.#target.rtp.port, this.#target.rtp.address);
  }

  close(): void {
    this.#socket.close();
    this.#rtcp.close();
  }
}
