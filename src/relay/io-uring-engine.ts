/**
 * io_uring: multishot receives into buffers that the kernel picks, sends queued and submitted together with the next wait,
 * so that a turn is one system call however many packets it moves.
 *
 * What a queued send points to (the packet's buffer, the slot's destination) must stay until the kernel has taken it: buffers
 * are given back and commands carried out only after {@link IoUringEngine.settle} or the next wait.
 */
import type { EventFd } from "../../ffi/event-fd.ts";
import {
  type BufferRing,
  CQE,
  IORING_CQE_BUFFER_SHIFT,
  IORING_CQE_F_BUFFER,
  IORING_CQE_F_MORE,
  IORING_OP_ASYNC_CANCEL,
  IORING_OP_READ,
  IORING_OP_RECVMSG,
  IORING_OP_SEND,
  IORING_RECV_MULTISHOT,
  IORING_RECVSEND_POLL_FIRST,
  IOSQE_BUFFER_SELECT,
  IOSQE_CQE_SKIP_SUCCESS,
  IoUring,
  RECVMSG_OUT,
  SQE,
} from "../../ffi/io-uring.ts";
import {
  EAGAIN,
  ECONNREFUSED,
  EHOSTUNREACH,
  EINTR,
  ENETUNREACH,
  ENOBUFS,
  ENOMEM,
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

/** Submissions that fit before the kernel must be entered in between: a fan-out of a full batch. */
const SUBMISSIONS = 1_024;
/** Receive buffers: what may arrive between two turns; more ends receives for a moment, the rest waits in the sockets. */
const BUFFERS = 1_024;
/** Every buffer, a failure of every send and the ends of receives fit. */
const COMPLETIONS = 8_192;
/** The wait ends early when this many packets are there. */
const FULL = 64;

/** A received datagram: header, sender's address, payload. */
const SOURCE_AT = RECVMSG_OUT.bytes;
const PACKET_AT = SOURCE_AT + SOCKADDR_SPACE;
/** Whole cache lines. */
const BUFFER_BYTES = (PACKET_AT + MAX_PACKET + PACKET_TAIL + 63) & ~63;

/** Second word of the user data: what the completion belongs to, and a number. The first word is the slot. */
const KIND = { receive: 0, send: 1 << 28, cancel: 2 << 28, wake: 3 << 28 } as const;
const KIND_MASK = 0x7000_0000;
const NUMBER_MASK = 0x0fff_ffff;
/** A send's number: its length, and above that the end of the slot's incarnation, so that a late failure finds its own. */
const LENGTH_BITS = 14;
const LENGTH_MASK = (1 << LENGTH_BITS) - 1;

const RECEIVE_HEAD =
  IORING_OP_RECVMSG | (IOSQE_BUFFER_SELECT << 8) | ((IORING_RECV_MULTISHOT | IORING_RECVSEND_POLL_FIRST) << 16);
const SEND_HEAD = IORING_OP_SEND | (IOSQE_CQE_SKIP_SUCCESS << 8);
const SEND_FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL;

const ARMED = 1;
const CANCELLED = 2;

/** Looks of {@link IoUringEngine.settle} at what came meanwhile: under load there is always more. */
const SETTLE_PASSES = 4;
/** How often {@link IoUringEngine.settle} looks for the end of a receive, and how long each time, milliseconds. */
const CANCEL_TRIES = 200;
const CANCEL_WAIT = 5;

export class IoUringEngine implements RelayEngine {
  readonly name = "io_uring";
  readonly #ring: IoUring;
  readonly #receiveBuffers: BufferRing;
  readonly #words: Int32Array;
  readonly #scratch: Arena;
  readonly #wake: EventFd;
  readonly #beforeBatch: () => void;
  readonly #table: Int32Array;
  readonly #tableAddress: number;
  readonly #forwarder: Forwarder;
  readonly #gathering: Gathering;
  /** By slot: number of the current watch, and whether its receive is armed or being cancelled. */
  readonly #watch: Int32Array;
  readonly #armed: Uint8Array;
  /** Buffers to give back once the sends that read them have been taken. */
  readonly #used = new Int32Array(BUFFERS);
  #usedCount = 0;
  /** Receives whose end is still to be seen. */
  #cancelled = 0;
  #gatherNext = 0;
  #packets = 0;

  /** @throws SystemError when the kernel refuses */
  constructor(parts: EngineParts) {
    this.#wake = parts.wake;
    this.#beforeBatch = parts.beforeBatch;
    this.#table = parts.table.words;
    this.#tableAddress = parts.tableAddress;
    this.#watch = new Int32Array(parts.table.slots);
    this.#armed = new Uint8Array(parts.table.slots);
    this.#ring = new IoUring(SUBMISSIONS, COMPLETIONS);
    this.#receiveBuffers = this.#ring.provideBuffers(0, BUFFERS, BUFFER_BYTES, WORKSPACE_BYTES);
    const view = this.#receiveBuffers.buffers.view();
    this.#words = new Int32Array(view);
    // struct msghdr of all receives: only the room for the sender's address matters.
    this.#scratch = mapArena(128);
    new Int32Array(this.#scratch.view())[2] = SOCKADDR_SPACE;
    this.#gathering = new Gathering(parts.gatherMicroseconds);
    const { address } = this.#receiveBuffers.buffers;
    const workspace = BUFFERS * BUFFER_BYTES;
    this.#forwarder = parts.forwarder({ bytes: new Uint8Array(view), words: this.#words, address, workspace }, this);
    this.#armWake();
  }

  get holdings() {
    return { descriptor: this.#ring.fd, rings: this.#ring.mappings };
  }

  watch(slot: number, fd: number): number {
    this.#watch[slot] = (this.#watch[slot]! + 1) & NUMBER_MASK;
    this.#arm(slot, fd);
    return 0;
  }

  unwatch(slot: number, _fd: number): void {
    const { submissions } = this.#ring;
    const number = this.#watch[slot]!;
    // From now on completions of the old receive are nobody's packets.
    this.#watch[slot] = (number + 1) & NUMBER_MASK;
    if (this.#armed[slot] === 0) return;
    this.#armed[slot] = CANCELLED;
    this.#cancelled++;
    const word = this.#ring.nextSubmission();
    submissions[word + SQE.head] = IORING_OP_ASYNC_CANCEL | (IOSQE_CQE_SKIP_SUCCESS << 8);
    submissions[word + SQE.fd] = -1;
    submissions[word + SQE.address] = slot;
    submissions[word + SQE.address + 1] = KIND.receive | number;
    submissions[word + SQE.userData] = slot;
    submissions[word + SQE.userData + 1] = KIND.cancel;
  }

  turn(timeout: number): number {
    const failed = this.#ring.enter(this.#gatherNext > 0 ? FULL : 1, timeout, this.#gatherNext);
    if (failed !== 0) throw new SystemError("io_uring_enter", failed);
    this.#gatherNext = 0;
    this.#giveBack();
    this.#beforeBatch();
    this.#complete();
    const packets = this.#packets;
    this.#packets = 0;
    return packets;
  }

  settle(): void {
    this.flush();
    this.#giveBack();
    // What is to be counted about the sends so far (failures) is in the queue now; what comes with it is forwarded too.
    for (let pass = 0; pass < SETTLE_PASSES && this.#complete(); pass++) {
      this.flush();
      this.#giveBack();
    }
    for (let tries = 0; this.#cancelled > 0 && tries < CANCEL_TRIES; tries++) {
      const failed = this.#ring.enter(this.#cancelled, CANCEL_WAIT, 0);
      if (failed !== 0) throw new SystemError("io_uring_enter", failed);
      this.#complete();
    }
    this.flush();
    this.#giveBack();
  }

  send(slot: number, offset: number, length: number): number {
    const { submissions } = this.#ring;
    const word = this.#ring.nextSubmissionRaw();
    submissions[word + SQE.head] = SEND_HEAD;
    submissions[word + SQE.fd] = this.#table[slot * SLOT_WORDS + SLOT.fd]!;
    submissions[word + SQE.address2] = this.#tableAddress + slot * SLOT_BYTES + SLOT.destination * 4;
    submissions[word + SQE.address2 + 1] = 0;
    submissions[word + SQE.address] = this.#receiveBuffers.buffers.address + offset;
    submissions[word + SQE.address + 1] = 0;
    submissions[word + SQE.length] = length;
    submissions[word + SQE.messageFlags] = SEND_FLAGS;
    submissions[word + SQE.userData] = slot;
    const incarnation = this.#table[slot * SLOT_WORDS + SLOT.incarnation]!;
    submissions[word + SQE.userData + 1] = KIND.send | (((incarnation << LENGTH_BITS) | length) & NUMBER_MASK);
    submissions[word + SQE.bufferGroup] = 0;
    submissions[word + SQE.addressLength] = this.#table[slot * SLOT_WORDS + SLOT.destinationLength]!;
    submissions[word + 12] = 0;
    submissions[word + 13] = 0;
    return 0;
  }

  flush(): void {
    // Not `settle`: the buffer that is being forwarded stays in use.
    while (this.#ring.pending > 0) {
      const failed = this.#ring.enter(0, 0, 0);
      if (failed !== 0) throw new SystemError("io_uring_enter", failed);
    }
  }

  gather(packets: number): number {
    const wait = this.#gathering.next(packets, performance.now());
    if (wait === 0) return 0;
    if (this.#ring.gathers) this.#gatherNext = wait;
    else {
      this.settle();
      libc.usleep(wait);
    }
    return wait;
  }

  close(): void {
    this.#ring.close();
    this.#receiveBuffers.close();
    this.#scratch.release();
  }

  #giveBack(): void {
    if (this.#usedCount === 0 || this.#ring.pending > 0) return;
    for (let i = 0; i < this.#usedCount; i++) this.#receiveBuffers.give(this.#used[i]!);
    this.#receiveBuffers.publish();
    this.#usedCount = 0;
  }

  /** False when there was nothing to do. */
  #complete(): boolean {
    const ring = this.#ring;
    const { completions } = ring;
    let head = ring.completionHead;
    const tail = ring.completionTail;
    if (head === tail) return false;
    startBatch(this.#forwarder);
    for (; head !== tail; head = (head + 1) | 0) {
      const at = ring.completionAt(head);
      const slot = completions[at + CQE.userData]!;
      const tag = completions[at + CQE.userData + 1]!;
      const result = completions[at + CQE.result]!;
      const kind = tag & KIND_MASK;
      if (kind === KIND.receive) this.#received(slot, tag & NUMBER_MASK, result, completions[at + CQE.flags]!);
      else if (kind === KIND.send) {
        if (result < 0) this.#sendFailed(slot, tag & NUMBER_MASK, -result);
      } else if (kind === KIND.wake) this.#woken();
    }
    ring.consumed(head);
    return true;
  }

  #sendFailed(slot: number, number: number, error: number): void {
    const incarnation = this.#table[slot * SLOT_WORDS + SLOT.incarnation]!;
    if ((((incarnation << LENGTH_BITS) ^ number) & NUMBER_MASK & ~LENGTH_MASK) !== 0) return;
    this.#forwarder.sendFailed(slot, number & LENGTH_MASK, error);
  }

  #received(slot: number, number: number, result: number, flags: number): void {
    const current = number === this.#watch[slot];
    if (flags & IORING_CQE_F_BUFFER) {
      const buffer = flags >>> IORING_CQE_BUFFER_SHIFT;
      this.#used[this.#usedCount++] = buffer;
      if (current && result >= RECVMSG_OUT.bytes) {
        const offset = buffer * BUFFER_BYTES;
        const length = this.#words[(offset >> 2) + RECVMSG_OUT.payloadLength]!;
        this.#packets++;
        this.#forwarder.receive(slot, offset + PACKET_AT, length, (offset + SOURCE_AT) >> 2);
      }
    }
    if (flags & IORING_CQE_F_MORE) return;
    // The receive has ended: cancelled, out of buffers, or in error.
    if (this.#armed[slot] === CANCELLED) this.#cancelled--;
    this.#armed[slot] = 0;
    if (!current) return;
    const error = result < 0 ? -result : 0;
    if (error !== 0 && error !== ENOBUFS && error !== EAGAIN && error !== EINTR) {
      this.#forwarder.receiveFailed(slot, error);
      // A broken descriptor would fail for ever.
      if (error !== ECONNREFUSED && error !== EHOSTUNREACH && error !== ENETUNREACH && error !== ENOMEM) return;
    }
    this.#arm(slot, this.#table[slot * SLOT_WORDS + SLOT.fd]!);
  }

  #arm(slot: number, fd: number): void {
    const { submissions } = this.#ring;
    const word = this.#ring.nextSubmission();
    submissions[word + SQE.head] = RECEIVE_HEAD;
    submissions[word + SQE.fd] = fd;
    submissions[word + SQE.address] = this.#scratch.address;
    submissions[word + SQE.length] = 1;
    // The length of the datagram, also where that is more than the buffer takes.
    submissions[word + SQE.messageFlags] = MSG_TRUNC;
    submissions[word + SQE.userData] = slot;
    submissions[word + SQE.userData + 1] = KIND.receive | this.#watch[slot]!;
    this.#armed[slot] = ARMED;
  }

  #armWake(): void {
    const { submissions } = this.#ring;
    const word = this.#ring.nextSubmission();
    submissions[word + SQE.head] = IORING_OP_READ;
    submissions[word + SQE.fd] = this.#wake.fd;
    submissions[word + SQE.address] = this.#scratch.address + 64;
    submissions[word + SQE.length] = 8;
    submissions[word + SQE.userData + 1] = KIND.wake;
  }

  #woken(): void {
    this.#armWake();
  }
}
