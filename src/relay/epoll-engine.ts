/**
 * Level-triggered epoll, recvfrom, sendto: works everywhere, and with gathering at a cost near io_uring's.
 *
 * Each turn takes one packet from each ready socket, at most {@link BATCH} sockets; the kernel puts sockets that still have
 * packets behind the others, so no stream starves another. Packets are first received, all of them, and then sent: each of
 * the two ways through the kernel is long, and stays in the processor's caches while it is taken again and again.
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

/** Where the kernel says how long a sender's address is. Packets begin behind it. */
const SOURCE_LENGTH_AT = 0;
const FIRST_PACKET_AT = 64;
/** Packets of a turn lie one behind the other, each after its sender's address; jumbo frames may need an early flush. */
const LARGEST = (SOCKADDR_SPACE + MAX_PACKET + PACKET_TAIL + 63) & ~63;
const PACKETS_BYTES = BATCH * 2_048 + LARGEST;
const LAST_PACKET_AT = FIRST_PACKET_AT + PACKETS_BYTES - LARGEST;
const WORKSPACE_AT = FIRST_PACKET_AT + PACKETS_BYTES;
/** Sends that wait: a few receivers for each packet. */
const QUEUE = BATCH * 4;
/** Words of an entry: slot, offset in the buffer, length. */
const ENTRY = { slot: 0, offset: 1, length: 2, words: 4 } as const;

export class EpollEngine implements RelayEngine {
  readonly name = "epoll";
  readonly #epoll = new Epoll(BATCH);
  readonly #wake: EventFd;
  readonly #beforeBatch: () => void;
  readonly #table: Int32Array;
  readonly #tableAddress: number;
  readonly #arena: Arena;
  readonly #buffer: Int32Array;
  readonly #sourceLengthAddress: number;
  readonly #bufferAddress: number;
  /** Where the next packet goes. */
  #next = FIRST_PACKET_AT;
  readonly #queue = new Int32Array(QUEUE * ENTRY.words);
  #queued = 0;
  /** Number of this turn, and of the last turn that served each slot. */
  #turn = 0;
  readonly #served: Int32Array;
  readonly #forwarder: Forwarder;
  readonly #gathering: Gathering;

  /** @throws SystemError */
  constructor(parts: EngineParts) {
    this.#wake = parts.wake;
    this.#beforeBatch = parts.beforeBatch;
    this.#table = parts.table.words;
    this.#served = new Int32Array(parts.table.slots);
    this.#tableAddress = parts.tableAddress;
    this.#arena = mapArena(WORKSPACE_AT + WORKSPACE_BYTES);
    const view = this.#arena.view();
    this.#buffer = new Int32Array(view);
    this.#bufferAddress = this.#arena.address;
    this.#sourceLengthAddress = this.#arena.address + SOURCE_LENGTH_AT;
    this.#gathering = new Gathering(parts.gatherMicroseconds);
    const { address } = this.#arena;
    const buffer = { bytes: new Uint8Array(view), words: this.#buffer, address, workspace: WORKSPACE_AT };
    this.#forwarder = parts.forwarder(buffer, this);
    const failed = this.#epoll.add(this.#wake.fd, EPOLLIN, WAKE);
    if (failed !== 0) throw new SystemError("watch the worker's eventfd", failed);
  }

  get holdings() {
    return { descriptor: this.#epoll.fd, rings: [] };
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
    this.#beforeBatch();
    startBatch(this.#forwarder);
    this.#turn = (this.#turn + 1) | 0;
    let packets = 0;
    for (let i = 0; i < ready; i++) {
      const slot = this.#epoll.token(i);
      if (slot === WAKE) this.#wake.drain();
      else packets += this.#receive(slot);
    }
    this.flush();
    this.#next = FIRST_PACKET_AT;
    return packets;
  }

  #receive(slot: number): number {
    if (this.#next > LAST_PACKET_AT) {
      this.flush();
      this.#next = FIRST_PACKET_AT;
    }
    const source = this.#next;
    const packet = source + SOCKADDR_SPACE;
    const fd = this.#table[slot * SLOT_WORDS + SLOT.fd]!;
    this.#buffer[SOURCE_LENGTH_AT >> 2] = SOCKADDR_SPACE;
    // MSG_TRUNC: the length of the datagram, also where that is more than the buffer takes.
    const length = libc.recvfrom(
      fd,
      this.#bufferAddress + packet,
      MAX_PACKET,
      MSG_DONTWAIT | MSG_TRUNC,
      this.#bufferAddress + source,
      this.#sourceLengthAddress,
    );
    if (length < 0) {
      this.#failed(slot, fd, errno());
      return 0;
    }
    if (length <= MAX_PACKET) this.#next = (packet + length + PACKET_TAIL + 31) & ~31;
    this.#served[slot] = this.#turn;
    this.#forwarder.receive(slot, packet, length, source >> 2);
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
    if (this.#queued === QUEUE) this.flush();
    const at = this.#queued * ENTRY.words;
    this.#queue[at + ENTRY.slot] = slot;
    this.#queue[at + ENTRY.offset] = offset;
    this.#queue[at + ENTRY.length] = length;
    this.#queued++;
    return 0;
  }

  flush(): void {
    const queue = this.#queue;
    const end = this.#queued * ENTRY.words;
    this.#queued = 0;
    for (let at = 0; at < end; at += ENTRY.words) {
      const slot = queue[at + ENTRY.slot]!;
      const length = queue[at + ENTRY.length]!;
      const word = slot * SLOT_WORDS;
      const sent = libc.sendto(
        this.#table[word + SLOT.fd]!,
        this.#bufferAddress + queue[at + ENTRY.offset]!,
        length,
        MSG_DONTWAIT | MSG_NOSIGNAL,
        this.#tableAddress + slot * SLOT_BYTES + SLOT.destination * 4,
        this.#table[word + SLOT.destinationLength]!,
      );
      if (sent < 0) this.#forwarder.sendFailed(slot, length, errno());
    }
  }

  settle(): void {}

  gather(packets: number): number {
    const wait = this.#gathering.next(packets, performance.now());
    if (wait === 0 || this.#leftOver()) return 0;
    libc.usleep(wait);
    return wait;
  }

  /**
   * Whether a socket that was served just now has more: a burst (a video frame) must not go out at one packet per wait.
   * What came on other sockets meanwhile stays where it is, to be gathered.
   */
  #leftOver(): boolean {
    const ready = this.#epoll.wait(0);
    for (let i = 0; i < ready; i++) {
      const slot = this.#epoll.token(i);
      if (slot !== WAKE && this.#served[slot] === this.#turn) return true;
    }
    return false;
  }

  close(): void {
    this.#epoll.close();
    this.#arena.release();
  }
}
