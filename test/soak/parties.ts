/**
 * Many parties of many calls, without garbage per packet: a pool of sockets on one address, each sends RTP with a sequence
 * number of its own and counts what comes.
 */
import { libc, MSG_DONTWAIT, MSG_NOSIGNAL } from "../../ffi/libc.ts";
import { mapArena } from "../../ffi/memory.ts";
import { encodeSockaddr, SOCKADDR_SPACE } from "../../ffi/sockaddr.ts";
import { SystemError } from "../../ffi/system-error.ts";
import { closeSocket, localEndpoint, openUdpSocket } from "../../ffi/udp-socket.ts";
import { type Endpoint, familyOf } from "../../src/address.ts";
import { rtp } from "../contract/packets.ts";

const PACKET_AT = 0;
const RECEIVE_AT = 2_048;
const TARGETS_AT = 4_096;
const SEQUENCE_AT = 2;
const SSRC_AT = 8;

export class Parties {
  readonly endpoints: readonly Endpoint[];
  readonly sent: Float64Array;
  readonly received: Float64Array;
  /** Sends that the system refused. */
  refused = 0;
  readonly #fds: Int32Array;
  readonly #sequence: Uint16Array;
  readonly #lengths: Uint8Array;
  readonly #arena;
  readonly #bytes: Uint8Array;
  readonly #size: number;

  /** @param size bytes of each packet */
  constructor(address: string, count: number, size = 172) {
    this.#fds = new Int32Array(count);
    this.sent = new Float64Array(count);
    this.received = new Float64Array(count);
    this.#sequence = new Uint16Array(count);
    this.#lengths = new Uint8Array(count);
    this.#arena = mapArena(TARGETS_AT + count * SOCKADDR_SPACE);
    this.#bytes = new Uint8Array(this.#arena.view());
    this.#bytes.set(rtp({ size }), PACKET_AT);
    this.#size = size;
    const endpoints: Endpoint[] = [];
    for (let i = 0; i < count; i++) {
      const opened = openUdpSocket({ address, port: 0 }, { tos: 0, receiveBuffer: 0 });
      if (typeof opened !== "number") throw new SystemError(opened.operation, opened.errno);
      this.#fds[i] = opened;
      endpoints.push(localEndpoint(opened)!);
    }
    this.endpoints = endpoints;
  }

  /** Where a party sends to from now on; undefined = nowhere. */
  aim(party: number, to: Endpoint | undefined): void {
    if (to) encodeSockaddr(this.#bytes, TARGETS_AT + party * SOCKADDR_SPACE, to);
    this.#lengths[party] = to ? (familyOf(to.address) === 4 ? 16 : 28) : 0;
  }

  send(party: number): void {
    const length = this.#lengths[party]!;
    if (length === 0) return;
    const sequence = (this.#sequence[party]! + 1) & 0xffff;
    this.#sequence[party] = sequence;
    this.#bytes[PACKET_AT + SEQUENCE_AT] = sequence >> 8;
    this.#bytes[PACKET_AT + SEQUENCE_AT + 1] = sequence & 255;
    this.#bytes[PACKET_AT + SSRC_AT + 2] = party >> 8;
    this.#bytes[PACKET_AT + SSRC_AT + 3] = party & 255;
    const { address } = this.#arena;
    const to = address + TARGETS_AT + party * SOCKADDR_SPACE;
    const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    const done = libc.sendto(this.#fds[party]!, address + PACKET_AT, this.#size, flags, to, length);
    if (done === this.#size) this.sent[party] = this.sent[party]! + 1;
    else this.refused++;
  }

  /** Takes what has come to a party; returns how many. */
  take(party: number): number {
    let count = 0;
    while (libc.recvfrom(this.#fds[party]!, this.#arena.address + RECEIVE_AT, 2_048, MSG_DONTWAIT, 0, 0) >= 0) count++;
    this.received[party] = this.received[party]! + count;
    return count;
  }

  /** What is left over from another call. */
  forget(party: number): void {
    this.take(party);
    this.sent[party] = 0;
    this.received[party] = 0;
  }

  close(): void {
    for (const fd of this.#fds) closeSocket(fd);
    this.#arena.release();
  }
}
