/** A party at the far end: one UDP socket, sends at once, keeps what it receives in order. */
import { EAGAIN, EINTR, errno, libc, MSG_DONTWAIT, MSG_NOSIGNAL, SO_RCVBUF, SOL_SOCKET } from "../../ffi/libc.ts";
import { mapArena } from "../../ffi/memory.ts";
import { decodeSockaddr, encodeSockaddr, SOCKADDR_SPACE } from "../../ffi/sockaddr.ts";
import { SystemError } from "../../ffi/system-error.ts";
import { localEndpoint, openUdpSocket, readOption } from "../../ffi/udp-socket.ts";
import type { Endpoint } from "../../src/address.ts";

export interface Received {
  readonly data: Uint8Array;
  readonly from: Endpoint;
}

const DATAGRAM = 65_536;
const LENGTH_AT = SOCKADDR_SPACE;
const DATA_AT = 64;

export class Peer {
  readonly endpoint: Endpoint;
  readonly #fd: number;
  readonly #arena = mapArena(DATA_AT + DATAGRAM);
  readonly #bytes = new Uint8Array(this.#arena.view());
  readonly #words = new Int32Array(this.#bytes.buffer);

  constructor(address: string, port = 0) {
    const opened = openUdpSocket({ address, port }, { tos: 0, receiveBuffer: 4 << 20 });
    if (typeof opened !== "number") throw new SystemError(opened.operation, opened.errno);
    this.#fd = opened;
    this.endpoint = localEndpoint(opened)!;
  }

  get receiveBuffer(): number | undefined {
    return readOption(this.#fd, SOL_SOCKET, SO_RCVBUF);
  }

  send(data: Uint8Array, to: Endpoint): void {
    const length = encodeSockaddr(this.#bytes, 0, to);
    this.#bytes.set(data, DATA_AT);
    const { address } = this.#arena;
    for (;;) {
      const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
      if (libc.sendto(this.#fd, address + DATA_AT, data.length, flags, address, length) >= 0) return;
      // An ICMP error of an earlier packet may be reported here; this one was not sent then.
      if (errno() !== EAGAIN && errno() !== EINTR && errno() !== 111) throw new SystemError("send");
    }
  }

  /** What has arrived already; undefined = nothing. */
  take(): Received | undefined {
    const { address } = this.#arena;
    this.#words[LENGTH_AT >> 2] = SOCKADDR_SPACE;
    for (;;) {
      const length = libc.recvfrom(this.#fd, address + DATA_AT, DATAGRAM, MSG_DONTWAIT, address, address + LENGTH_AT);
      if (length >= 0) {
        return { data: this.#bytes.slice(DATA_AT, DATA_AT + length), from: decodeSockaddr(this.#bytes, 0)! };
      }
      if (errno() === EAGAIN) return undefined;
    }
  }

  /** Number of packets that have arrived, thrown away. */
  discard(): number {
    let count = 0;
    while (this.take()) count++;
    return count;
  }

  /** Waits for `expected` packets, at most two seconds; returns how many there were, more than expected included. */
  async arrivals(expected: number): Promise<number> {
    const deadline = performance.now() + 2_000;
    let count = this.discard();
    while (count < expected && performance.now() < deadline) {
      await Bun.sleep(1);
      count += this.discard();
    }
    return count;
  }

  /** The next packet. @throws after two seconds without one */
  async receive(): Promise<Received> {
    const deadline = performance.now() + 2_000;
    for (;;) {
      const got = this.take();
      if (got) return got;
      if (performance.now() > deadline) throw new Error(`nothing came to ${this.endpoint.address}`);
      await Bun.sleep(1);
    }
  }

  close(): void {
    libc.close(this.#fd);
    this.#arena.release();
  }
}
