/**
 * The C library, as far as sluice calls it, with the kernel's constants by name.
 *
 * Addresses are plain numbers (`Address`); memory that outlives a call must come from `memory.ts`, never from `ptr()` of a
 * typed array. Calls return what C returns: -1 means "look at {@link errno}", which must be read before anything else is
 * called on the same thread.
 *
 * Memory: this file owns none, except the view of this thread's errno, which lives as long as the thread.
 */
import { dlopen, type Pointer, toArrayBuffer } from "bun:ffi";

/** An address in this process; 0 is NULL. Below 2^31 on x86-64 where it comes from `memory.ts`. */
export type Address = number;

interface LibC {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Address, length: number): number;
  connect(fd: number, address: Address, length: number): number;
  listen(fd: number, backlog: number): number;
  getsockname(fd: number, address: Address, length: Address): number;
  setsockopt(fd: number, level: number, name: number, value: Address, length: number): number;
  getsockopt(fd: number, level: number, name: number, value: Address, length: Address): number;
  close(fd: number): number;
  recvfrom(fd: number, buffer: Address, length: number, flags: number, from: Address, fromLength: Address): number;
  sendto(fd: number, buffer: Address, length: number, flags: number, to: Address, toLength: number): number;
  recvmsg(fd: number, message: Address, flags: number): number;
  sendmsg(fd: number, message: Address, flags: number): number;
  recvmmsg(fd: number, messages: Address, count: number, flags: number, timeout: Address): number;
  sendmmsg(fd: number, messages: Address, count: number, flags: number): number;
  epoll_create1(flags: number): number;
  epoll_ctl(epoll: number, operation: number, fd: number, event: Address): number;
  epoll_wait(epoll: number, events: Address, count: number, timeoutMilliseconds: number): number;
  eventfd(initial: number, flags: number): number;
  read(fd: number, buffer: Address, length: number): number;
  write(fd: number, buffer: Address, length: number): number;
  usleep(microseconds: number): number;
  sched_setaffinity(pid: number, bytes: number, mask: Address): number;
  sched_setscheduler(pid: number, policy: number, parameter: Address): number;
  setpriority(which: number, who: number, nice: number): number;
  prctl(option: number, argument: number, a: number, b: number, c: number): number;
  munmap(address: Address, bytes: number): number;
  madvise(address: Address, bytes: number, advice: number): number;
}

const int = "i32";
const pointer = "ptr";

/** The calls themselves. Each thread that imports this file has its own binding; the library is the same. */
export const libc: LibC = dlopen("libc.so.6", {
  socket: { args: [int, int, int], returns: int },
  bind: { args: [int, pointer, int], returns: int },
  connect: { args: [int, pointer, int], returns: int },
  listen: { args: [int, int], returns: int },
  getsockname: { args: [int, pointer, pointer], returns: int },
  setsockopt: { args: [int, int, int, pointer, int], returns: int },
  getsockopt: { args: [int, int, int, pointer, pointer], returns: int },
  close: { args: [int], returns: int },
  recvfrom: { args: [int, pointer, int, int, pointer, pointer], returns: int },
  sendto: { args: [int, pointer, int, int, pointer, int], returns: int },
  recvmsg: { args: [int, pointer, int], returns: int },
  sendmsg: { args: [int, pointer, int], returns: int },
  recvmmsg: { args: [int, pointer, int, int, pointer], returns: int },
  sendmmsg: { args: [int, pointer, int, int], returns: int },
  epoll_create1: { args: [int], returns: int },
  epoll_ctl: { args: [int, int, int, pointer], returns: int },
  epoll_wait: { args: [int, pointer, int, int], returns: int },
  eventfd: { args: [int, int], returns: int },
  read: { args: [int, pointer, int], returns: int },
  write: { args: [int, pointer, int], returns: int },
  usleep: { args: [int], returns: int },
  sched_setaffinity: { args: [int, "u64", pointer], returns: int },
  sched_setscheduler: { args: [int, int, pointer], returns: int },
  setpriority: { args: [int, int, int], returns: int },
  prctl: { args: [int, int, int, int, int], returns: int },
  munmap: { args: [pointer, "u64"], returns: int },
  madvise: { args: [pointer, "u64", int], returns: int },
}).symbols as unknown as LibC;

const slow = dlopen("libc.so.6", {
  mmap: { args: [pointer, "u64", int, int, int, "i64"], returns: pointer },
  strerror: { args: [int], returns: "cstring" },
  __errno_location: { args: [], returns: pointer },
}).symbols;

// errno is per thread: this view is made when the thread first imports the file, so before its first failing call.
const errnoView = new Int32Array(toArrayBuffer(slow.__errno_location() as Pointer, 0, 4));

/** errno of the last call that failed on this thread. Only meaningful directly after that call. */
export function errno(): number {
  return errnoView[0]!;
}

/** The C library's own words for an errno, e.g. `Address already in use`. */
export function errorText(number: number): string {
  return String(slow.strerror(number));
}

/** mmap(2); undefined when refused (see {@link errno}). */
export function mmap(
  hint: Address,
  bytes: number,
  protection: number,
  flags: number,
  fd: number,
  offset: number,
): Address | undefined {
  const address: unknown = slow.mmap(hint as Pointer, bytes, protection, flags, fd, offset);
  // MAP_FAILED is all ones, which does not fit a double: it comes as a BigInt.
  return typeof address === "number" && address > 0 ? address : undefined;
}

/** A view of memory that somebody else owns; it must stay mapped as long as the view is used. */
export function viewMemory(address: Address, bytes: number): ArrayBuffer {
  return toArrayBuffer(address as Pointer, 0, bytes);
}

export const PROT_READ = 1;
export const PROT_WRITE = 2;
export const MAP_SHARED = 0x1;
export const MAP_PRIVATE = 0x2;
export const MAP_ANONYMOUS = 0x20;
/** x86 only: an address below 2 GiB. */
export const MAP_32BIT = 0x40;
export const MAP_NORESERVE = 0x4000;
export const MAP_POPULATE = 0x8000;
export const MAP_FIXED_NOREPLACE = 0x100000;
export const MADV_DONTNEED = 4;

export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const SOCK_DGRAM = 2;
export const SOCK_NONBLOCK = 0x800;
export const SOCK_CLOEXEC = 0x80000;

export const SOL_SOCKET = 1;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
export const SO_INCOMING_CPU = 49;
/** Nine words of struct sk_meminfo; the last is the number of packets dropped. */
export const SO_MEMINFO = 55;
export const IPPROTO_IP = 0;
export const IP_TOS = 1;
export const IP_PKTINFO = 8;
export const IP_MTU_DISCOVER = 10;
export const IPPROTO_IPV6 = 41;
export const IPV6_MTU_DISCOVER = 23;
export const IPV6_V6ONLY = 26;
export const IPV6_RECVPKTINFO = 49;
export const IPV6_PKTINFO = 50;
export const IPV6_TCLASS = 67;
/** Values of IP_MTU_DISCOVER and IPV6_MTU_DISCOVER. */
export const PMTUDISC_DONT = 0;
export const PMTUDISC_WANT = 1;

export const MSG_TRUNC = 0x20;
export const MSG_DONTWAIT = 0x40;
export const MSG_NOSIGNAL = 0x4000;

export const EPOLL_CLOEXEC = 0x80000;
export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLL_CTL_MOD = 3;
export const EPOLLIN = 0x1;
export const EPOLLERR = 0x8;
export const EPOLLONESHOT = 0x40000000;

export const EFD_CLOEXEC = 0x80000;
export const EFD_NONBLOCK = 0x800;

export const PR_SET_NAME = 15;
export const PR_SET_TIMERSLACK = 29;

export const EPERM = 1;
export const ENOENT = 2;
export const EINTR = 4;
export const EBADF = 9;
export const EAGAIN = 11;
export const ENOMEM = 12;
export const EACCES = 13;
export const EEXIST = 17;
export const EINVAL = 22;
export const ENFILE = 23;
export const EMFILE = 24;
export const EMSGSIZE = 90;
export const EAFNOSUPPORT = 97;
export const EADDRINUSE = 98;
export const EADDRNOTAVAIL = 99;
export const ENETUNREACH = 101;
export const ENOBUFS = 105;
export const ECONNREFUSED = 111;
export const EHOSTUNREACH = 113;
