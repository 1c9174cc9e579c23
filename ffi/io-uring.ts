/**
 * io_uring(7): one submission and completion ring, and a ring of provided buffers, for one thread.
 *
 * Set up with SINGLE_ISSUER and DEFER_TASKRUN, so completions appear only inside {@link IoUring.enter} on the thread that
 * made the ring: rings are then plain memory to that thread and need no barriers. Layouts are those of
 * `include/uapi/linux/io_uring.h`; all fields are in host byte order.
 *
 * Memory: the rings are the kernel's, mapped here until {@link IoUring.close}; buffers come from `memory.ts`. Views of the
 * rings must not be used after `close`.
 */
import { dlopen } from "bun:ffi";
import {
  type Address,
  EAGAIN,
  EINTR,
  EINVAL,
  ENOMEM,
  EPERM,
  errno,
  libc,
  MAP_32BIT,
  MAP_POPULATE,
  MAP_SHARED,
  mmap,
  PROT_READ,
  PROT_WRITE,
  viewMemory,
} from "./libc.ts";
import { type Arena, type Mapping, mapArena } from "./memory.ts";
import { SystemError } from "./system-error.ts";

const SYS_io_uring_setup = 425;
const SYS_io_uring_enter = 426;
const SYS_io_uring_register = 427;
const EBUSY = 16;
const ENOSYS = 38;
const ETIME = 62;

// The 7th argument travels on the stack, where the upper half of a 32-bit one is undefined: it is declared as 64 bits.
const syscall = dlopen("libc.so.6", {
  syscall: { args: ["i32", "i32", "i32", "i32", "i32", "ptr", "u64"], returns: "i32" },
}).symbols.syscall as unknown as (
  number: number,
  a: number,
  b: number,
  c: number,
  d: number,
  e: Address,
  f: number,
) => number;
const setupCall = dlopen("libc.so.6", {
  syscall: { args: ["i32", "i32", "ptr"], returns: "i32" },
}).symbols.syscall as unknown as (number: number, entries: number, parameters: Address) => number;
const registerCall = dlopen("libc.so.6", {
  syscall: { args: ["i32", "i32", "i32", "ptr", "i32"], returns: "i32" },
}).symbols.syscall as unknown as (number: number, fd: number, opcode: number, arg: Address, count: number) => number;

const IORING_OFF_SQES = 0x1000_0000;
const IORING_SETUP_CQSIZE = 1 << 3;
const IORING_SETUP_SUBMIT_ALL = 1 << 7;
const IORING_SETUP_SINGLE_ISSUER = 1 << 12;
const IORING_SETUP_DEFER_TASKRUN = 1 << 13;
const IORING_ENTER_GETEVENTS = 1;
const IORING_ENTER_EXT_ARG = 1 << 3;
/** The wait can gather: `min_wait_usec` (Linux 6.12). */
const IORING_FEAT_MIN_TIMEOUT = 1 << 15;
const IORING_REGISTER_PBUF_RING = 22;

export const IORING_OP_RECVMSG = 10;
export const IORING_OP_ASYNC_CANCEL = 14;
export const IORING_OP_READ = 22;
export const IORING_OP_SEND = 26;
/** Flag byte of a submission. */
export const IOSQE_BUFFER_SELECT = 1 << 5;
export const IOSQE_CQE_SKIP_SUCCESS = 1 << 6;
/** `ioprio` of a receive. */
export const IORING_RECVSEND_POLL_FIRST = 1;
export const IORING_RECV_MULTISHOT = 2;
/** Flags of a completion; the buffer id is above them. */
export const IORING_CQE_F_BUFFER = 1;
export const IORING_CQE_F_MORE = 2;
export const IORING_CQE_BUFFER_SHIFT = 16;

/** 32-bit words of struct io_uring_sqe (64 bytes). Addresses and user data are two words, low first. */
export const SQE = {
  /** opcode | flags << 8 | ioprio << 16 */
  head: 0,
  fd: 1,
  /** `addr2` of a send: the destination address. */
  address2: 2,
  address: 4,
  length: 6,
  messageFlags: 7,
  userData: 8,
  /** buffer group (16 bits). */
  bufferGroup: 10,
  /** `addr_len` of a send in its low half. */
  addressLength: 11,
  words: 16,
} as const;

/** 32-bit words of struct io_uring_cqe (16 bytes). */
export const CQE = { userData: 0, result: 2, flags: 3, words: 4 } as const;

/** struct io_uring_recvmsg_out in front of a multishot receive's data: four words, then name, control, payload. */
export const RECVMSG_OUT = { nameLength: 0, controlLength: 1, payloadLength: 2, flags: 3, bytes: 16 } as const;

/** struct io_uring_params in words. */
const PARAMS = { sqEntries: 0, cqEntries: 1, flags: 2, features: 5, sqOffsets: 10, cqOffsets: 20, words: 30 } as const;

export class IoUring {
  /** Submission entries; {@link SQE} words at the index that {@link nextSubmission} returns. */
  readonly submissions: Int32Array;
  /** Completion entries; {@link CQE} words. Valid from {@link completionHead} to {@link completionTail}. */
  readonly completions: Int32Array;
  /** Whether the kernel gathers (waits a little for more) inside {@link enter}. */
  readonly gathers: boolean;

  readonly fd: number;
  /** The kernel's rings, where this thread sees them. */
  readonly mappings: readonly Mapping[];

  readonly #rings: Int32Array;
  readonly #sqHeadWord: number;
  readonly #sqTailWord: number;
  readonly #sqMask: number;
  readonly #cqHeadWord: number;
  readonly #cqTailWord: number;
  readonly #cqOverflowWord: number;
  readonly #cqMask: number;
  readonly #cqFirstWord: number;
  readonly #waitArgument: Arena;
  readonly #wait: Int32Array;
  #sqTail: number;
  #pending = 0;

  /**
   * @param entries submissions per enter, a power of two
   * @param completionEntries must hold a whole burst: what does not fit ends multishot receives
   * @throws SystemError with the kernel's reason (EPERM: switched off, ENOSYS: not built in, EINVAL: too old)
   */
  constructor(entries: number, completionEntries: number) {
    const parameters = mapArena(PARAMS.words * 4);
    const p = new Int32Array(parameters.view(0, PARAMS.words * 4));
    p[PARAMS.cqEntries] = completionEntries;
    p[PARAMS.flags] =
      IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
    this.fd = setupCall(SYS_io_uring_setup, entries, parameters.address);
    if (this.fd < 0) throw new SystemError("set up io_uring");
    const sqEntries = p[PARAMS.sqEntries]!;
    const cqEntries = p[PARAMS.cqEntries]!;
    this.gathers = (p[PARAMS.features]! & IORING_FEAT_MIN_TIMEOUT) !== 0;
    const sq = p.slice(PARAMS.sqOffsets, PARAMS.sqOffsets + 10);
    const cq = p.slice(PARAMS.cqOffsets, PARAMS.cqOffsets + 10);
    parameters.release();

    // Both rings share one mapping since 5.4 (IORING_FEAT_SINGLE_MMAP), older than every flag above.
    const ringBytes = Math.max(sq[6]! + sqEntries * 4, cq[5]! + cqEntries * 16);
    const ringAddress = this.#map(ringBytes, 0);
    const sqeAddress = this.#map(sqEntries * 64, IORING_OFF_SQES);
    this.mappings = [
      { address: ringAddress, bytes: ringBytes },
      { address: sqeAddress, bytes: sqEntries * 64 },
    ];
    this.#rings = new Int32Array(viewMemory(ringAddress, ringBytes));
    this.submissions = new Int32Array(viewMemory(sqeAddress, sqEntries * 64));
    this.completions = this.#rings;
    this.#sqHeadWord = sq[0]! >> 2;
    this.#sqTailWord = sq[1]! >> 2;
    this.#sqMask = sqEntries - 1;
    this.#cqHeadWord = cq[0]! >> 2;
    this.#cqTailWord = cq[1]! >> 2;
    this.#cqMask = cqEntries - 1;
    this.#cqOverflowWord = cq[4]! >> 2;
    this.#cqFirstWord = cq[5]! >> 2;
    // The index array stays the identity: entry n of the queue is submission n.
    const array = sq[6]! >> 2;
    for (let i = 0; i < sqEntries; i++) this.#rings[array + i] = i;
    this.#sqTail = this.#rings[this.#sqTailWord]!;

    // struct io_uring_getevents_arg {u64 sigmask; u32 sigmask_sz; u32 min_wait_usec; u64 ts} and its timespec behind it.
    this.#waitArgument = mapArena(64);
    this.#wait = new Int32Array(this.#waitArgument.view(0, 64));
    this.#wait[4] = this.#waitArgument.address + 32;
  }

  /** Word index of the next free submission entry, zeroed. Enters the kernel first when the queue is full. */
  nextSubmission(): number {
    if (this.#pending > this.#sqMask) this.enter(0, 0, 0);
    const word = (this.#sqTail & this.#sqMask) * SQE.words;
    this.#sqTail = (this.#sqTail + 1) | 0;
    this.#pending++;
    this.submissions.fill(0, word, word + SQE.words);
    return word;
  }

  /** The same without zeroing, for a caller that writes every word its operation reads. */
  nextSubmissionRaw(): number {
    if (this.#pending > this.#sqMask) this.enter(0, 0, 0);
    const word = (this.#sqTail & this.#sqMask) * SQE.words;
    this.#sqTail = (this.#sqTail + 1) | 0;
    this.#pending++;
    return word;
  }

  /** Submissions that the kernel has not taken yet; their memory must stay. */
  get pending(): number {
    return this.#pending;
  }

  /** How often the completion queue overflowed. */
  get overflows(): number {
    return this.#rings[this.#cqOverflowWord]!;
  }

  /**
   * Submits what is pending and waits for `count` completions, at most `timeoutMilliseconds` (0 = do not wait).
   * `gatherMicroseconds` > 0, where {@link gathers}: after the first completion go on waiting that long for more, up to
   * `count`. Returns 0 or the errno of a refusal that is not temporary.
   */
  enter(count: number, timeoutMilliseconds: number, gatherMicroseconds: number): number {
    this.#rings[this.#sqTailWord] = this.#sqTail;
    const waits = timeoutMilliseconds > 0;
    if (waits) {
      this.#wait[3] = gatherMicroseconds;
      this.#wait[8] = Math.trunc(timeoutMilliseconds / 1_000);
      this.#wait[10] = (timeoutMilliseconds % 1_000) * 1_000_000;
    }
    const done = syscall(
      SYS_io_uring_enter,
      this.fd,
      this.#pending,
      waits ? count : 0,
      waits ? IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG : IORING_ENTER_GETEVENTS,
      waits ? this.#waitArgument.address : 0,
      waits ? 24 : 0,
    );
    if (done >= 0) {
      this.#pending -= done;
      return 0;
    }
    const error = errno();
    // A wait that ended by time or signal may still have submitted everything: the kernel says so by its head.
    this.#pending = (this.#sqTail - this.#rings[this.#sqHeadWord]!) | 0;
    return error === EINTR || error === ETIME || error === EAGAIN || error === EBUSY ? 0 : error;
  }

  get completionHead(): number {
    return this.#rings[this.#cqHeadWord]!;
  }

  get completionTail(): number {
    return this.#rings[this.#cqTailWord]!;
  }

  /** Word index of the completion at queue position `position`. */
  completionAt(position: number): number {
    return this.#cqFirstWord + (position & this.#cqMask) * CQE.words;
  }

  /** Hands completions before `position` back to the kernel. */
  consumed(position: number): void {
    this.#rings[this.#cqHeadWord] = position;
  }

  /**
   * Registers a ring of `count` (power of two) buffers of `size` bytes each as buffer group `group`; `extra` bytes that the
   * kernel does not use follow them in the same memory.
   */
  provideBuffers(group: number, count: number, size: number, extra = 0): BufferRing {
    return new BufferRing(this.fd, group, count, size, extra);
  }

  close(): void {
    libc.close(this.fd);
    for (const { address, bytes } of this.mappings) libc.munmap(address, bytes);
    this.#waitArgument.release();
  }

  #map(bytes: number, offset: number): Address {
    const low = process.arch === "x64" ? MAP_32BIT : 0;
    const address = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE | low, this.fd, offset);
    if (address !== undefined) return address;
    const error = errno();
    libc.close(this.fd);
    throw new SystemError("map the rings of io_uring", error);
  }
}

/** Buffers that the kernel picks from for multishot receives. Owned here; given back one by one. */
export class BufferRing {
  /** The memory of all buffers; buffer `id` starts at `id * size`. */
  readonly buffers: Arena;
  readonly #ring: Arena;
  readonly #words: Int32Array;
  readonly #halves: Uint16Array;
  readonly #mask: number;
  #tail = 0;

  constructor(
    ringFd: number,
    group: number,
    readonly count: number,
    readonly size: number,
    extra: number,
  ) {
    this.buffers = mapArena(count * size + extra);
    // Addresses are written as one word here and by the engine: a longer one would be somebody else's memory.
    if (this.buffers.address + this.buffers.bytes > 2 ** 32) {
      this.buffers.release();
      throw new SystemError("map buffers for io_uring below 4 GiB", ENOMEM);
    }
    this.#ring = mapArena(count * 16);
    this.#words = new Int32Array(this.#ring.view());
    this.#halves = new Uint16Array(this.#ring.view());
    this.#mask = count - 1;
    // struct io_uring_buf_reg {u64 ring_addr; u32 ring_entries; u16 bgid; u16 flags; u64 resv[3]}
    const registration = mapArena(40);
    const r = new Int32Array(registration.view(0, 40));
    r[0] = this.#ring.address;
    r[2] = count;
    r[3] = group;
    const result = registerCall(SYS_io_uring_register, ringFd, IORING_REGISTER_PBUF_RING, registration.address, 1);
    registration.release();
    if (result < 0) throw new SystemError("register a buffer ring with io_uring");
    for (let id = 0; id < count; id++) this.give(id);
    this.publish();
  }

  /** Puts a buffer back; the kernel sees it after {@link publish}. */
  give(id: number): void {
    const word = (this.#tail & this.#mask) * 4;
    this.#words[word] = this.buffers.address + id * this.size;
    this.#words[word + 1] = 0;
    this.#words[word + 2] = this.size;
    this.#halves[word * 2 + 6] = id;
    this.#tail = (this.#tail + 1) & 0xffff;
  }

  /** After the ring was closed. */
  close(): void {
    this.buffers.release();
    this.#ring.release();
  }

  publish(): void {
    // The ring's tail lies in the reserved half-word of entry 0.
    this.#halves[7] = this.#tail;
  }
}

export interface IoUringProbe {
  readonly state: "yes" | "no";
  /** Whether the wait can gather packets inside the kernel. */
  readonly gathers: boolean;
  readonly reason: string;
}

/** Whether io_uring is usable here; found by setting one up with everything that the engine uses. */
export function probeIoUring(): IoUringProbe {
  let ring: IoUring | undefined;
  try {
    ring = new IoUring(8, 16);
    ring.provideBuffers(0, 8, 64);
    const { gathers } = ring;
    return { state: "yes", gathers, reason: gathers ? "gathers inside the kernel" : "the kernel is older than 6.12" };
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    return { state: "no", gathers: false, reason: refusals.get(error.errno) ?? error.message };
  } finally {
    ring?.close();
  }
}

const refusals: ReadonlyMap<number, string> = new Map([
  [EPERM, "switched off by the sysctl kernel.io_uring_disabled or a seccomp filter"],
  [ENOSYS, "not built into this kernel"],
  [EINVAL, "the kernel is older than 6.1"],
]);
