/**
 * Level-triggered epoll, recvfrom, sendto: works everywhere, and with gathering at a cost near io_uring's.
 *
 * Each turn takes one packet from each ready socket, at most {@link BATCH} sockets; the kernel puts sockets that still have
 * packets behind the others, so no stream starves another.
 */
import { Epoll } from "../../ffi/epoll.ts";
import type { EventFd } from "../../ffi/event-fd.ts";
import {
  EAGAIN,
  ECONNREFUSED,
  EHOSTUNREACH,
  EINTR,
  ENETUNREACH,
  ENOBUFS,
  ENOMEM,
  EPOLLIN,
  errno,
  libc,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  MSG_TRUNC,
} from "../../ffi/libc.ts";
import { type Arena, mapArena } from "../../ffi/memory.ts";
import { SOCKADDR_SPACE } from "../../ffi/sockaddr.ts";
import { SystemError } from "../../ffi/system-error.ts";
import { MAX_PACKET } from "../limits.ts";
import { type EngineParts, type RelayEngine, startBatch } from "./engine.ts";
import type { Forwarder } from "./forwarder.ts";
import { Gathering } from "./gathering.ts";
import { SLOT, SLOT_BYTES, SLOT_WORDS } from "./layout.ts";
import { PACKET_TAIL, WORKSPACE_BYTES } from "./workspace.ts";

/** Sockets served per turn. */
const BATCH = 64;
/** Token of the wake-up descriptor; slots are 0 and above. */
const WAKE = -1;

/** Layout of the engine's buffer, bytes. */
const SOURCE_AT = 0;
const SOURCE_LENGTH_AT = SOCKADDR_SPACE;
const PACKET_AT = 64;
const WORKSPACE_AT = (PACKET_AT + MAX_PACKET + PACKET_TAIL + 63) & ~63;

export class EpollEngine implements RelayEngine {
  readonly name = "epoll";
  readonly #epoll = new Epoll(BATCH);
  readonly #wake: EventFd;
  readonly #table: Int32Array;
  readonly #tableAddress: number;
  readonly #arena: Arena;
  readonly #buffer: Int32Array;
  readonly #sourceAddress: number;
  readonly #sourceLengthAddress: number;
  readonly #packetAddress: number;
  readonly #bufferAddress: number;
  readonly #forwarder: Forwarder;
  readonly #gathering: Gathering;

  /** @throws SystemError */
  constructor(parts: EngineParts) {
    this.#wake = parts.wake;
    this.#table = parts.table.words;
    this.#tableAddress = parts.tableAddress;
    this.#arena = mapArena(WORKSPACE_AT + WORKSPACE_BYTES);
    const view = this.#arena.view();
    this.#buffer = new Int32Array(view);
    this.#bufferAddress = this.#arena.address;
    this.#sourceAddress = this.#arena.address + SOURCE_AT;
    this.#sourceLengthAddress = this.#arena.address + SOURCE_LENGTH_AT;
    this.#packetAddress = this.#arena.address + PACKET_AT;
    this.#gathering = new Gathering(parts.gatherMicroseconds);
    const { address } = this.#arena;
    const buffer = { bytes: new Uint8Array(view), words: this.#buffer, address, workspace: WORKSPACE_AT };
    this.#forwarder = parts.forwarder(buffer, this);
    const failed = this.#epoll.add(this.#wake.fd, EPOLLIN, WAKE);
    if (failed !== 0) throw new SystemError("watch the worker's eventfd", failed);
  }

  watch(slot: number, fd: number): number {
    return this.#epoll.add(fd, EPOLLIN, slot);
  }

  unwatch(_slot: number, fd: number): void {
    this.#epoll.remove(fd);
  }

  turn(timeout: number): number {
    const ready = this.#epoll.wait(timeout);
    if (ready < 0) throw new SystemError("epoll_wait");
    if (ready === 0) return 0;
    startBatch(this.#forwarder);
    let packets = 0;
    for (let i = 0; i < ready; i++) {
      const slot = this.#epoll.token(i);
      if (slot === WAKE) this.#wake.drain();
      else packets += this.#receive(slot);
    }
    return packets;
  }

  #receive(slot: number): number {
    this.#buffer[SOURCE_LENGTH_AT >> 2] = SOCKADDR_SPACE;
    const fd = this.#table[slot * SLOT_WORDS + SLOT.fd]!;
    // MSG_TRUNC: the length of the datagram, also where that is more than the buffer takes.
    const length = libc.recvfrom(
      fd,
      this.#packetAddress,
      MAX_PACKET,
      MSG_DONTWAIT | MSG_TRUNC,
      this.#sourceAddress,
      this.#sourceLengthAddress,
    );
    if (length < 0) {
      this.#failed(slot, fd, errno());
      return 0;
    }
    this.#forwarder.receive(slot, PACKET_AT, length, SOURCE_AT >> 2);
    return 1;
  }

  #failed(slot: number, fd: number, error: number): void {
    if (error === EAGAIN || error === EINTR) return;
    this.#forwarder.receiveFailed(slot, error);
    if (
      error !== ECONNREFUSED &&
      error !== EHOSTUNREACH &&
      error !== ENETUNREACH &&
      error !== ENOBUFS &&
      error !== ENOMEM
    ) {
      // A broken descriptor would be ready for ever.
      this.#epoll.remove(fd);
    }
  }

  send(slot: number, offset: number, length: number): number {
    const word = slot * SLOT_WORDS;
    const sent = libc.sendto(
      this.#table[word + SLOT.fd]!,
      this.#bufferAddress + offset,
      length,
      MSG_DONTWAIT | MSG_NOSIGNAL,
      this.#tableAddress + slot * SLOT_BYTES + SLOT.destination * 4,
      this.#table[word + SLOT.destinationLength]!,
    );
    return sent < 0 ? errno() : 0;
  }

  flush(): void {}

  settle(): void {}

  gather(packets: number): number {
    const wait = this.#gathering.next(packets, performance.now());
    if (wait > 0) libc.usleep(wait);
    return wait;
  }

  close(): void {
    this.#epoll.close();
    this.#arena.release();
  }
}
