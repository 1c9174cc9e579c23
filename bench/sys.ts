/**
 * libc for the load generators: packet sockets, raw sockets, sendmmsg/recvmmsg, clocks.
 *
 * It stands apart from `ffi/` on purpose: a measuring instrument shall not share code with what it measures (a fault in
 * the product's socket code would hide in both), and most of these calls (packet rings, raw sockets) have no place in
 * the product. Linux, little-endian, 64-bit only.
 *
 * Ownership: memory from `reserve` lives until the process ends; nothing here is ever unmapped.
 */
import { dlopen, type Pointer, toArrayBuffer } from "bun:ffi";

const libc = dlopen("libc.so.6", {
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  bind: { args: ["i32", "ptr", "i32"], returns: "i32" },
  connect: { args: ["i32", "ptr", "i32"], returns: "i32" },
  close: { args: ["i32"], returns: "i32" },
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "i32"], returns: "i32" },
  getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
  send: { args: ["i32", "ptr", "i32", "i32"], returns: "i32" },
  recv: { args: ["i32", "ptr", "i32", "i32"], returns: "i32" },
  sendmmsg: { args: ["i32", "ptr", "i32", "i32"], returns: "i32" },
  recvmmsg: { args: ["i32", "ptr", "i32", "i32", "ptr"], returns: "i32" },
  poll: { args: ["ptr", "i32", "i32"], returns: "i32" },
  clock_gettime: { args: ["i32", "ptr"], returns: "i32" },
  usleep: { args: ["i32"], returns: "i32" },
  prctl: { args: ["i32", "i32", "i32", "i32", "i32"], returns: "i32" },
  mmap: { args: ["u64", "u64", "i32", "i32", "i32", "u64"], returns: "ptr" },
  __errno_location: { args: [], returns: "ptr" },
});
export const C = libc.symbols;

const errnoView = new Int32Array(toArrayBuffer(C.__errno_location() as Pointer, 0, 4));
/** errno of this thread's last failed call. */
export const errno = (): number => errnoView[0]!;

export const AF_INET = 2;
export const AF_PACKET = 17;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0x800;
export const IPPROTO_RAW = 255;
export const MSG_DONTWAIT = 0x40;
export const SOL_SOCKET = 1;
export const SO_SNDBUFFORCE = 32;
export const SO_RCVBUFFORCE = 33;
export const SO_TIMESTAMPNS = 35;
export const SOL_PACKET = 263;
export const CLOCK_REALTIME = 0;
export const EAGAIN = 11;

/** Memory the kernel sees: anonymous pages (or a mapped socket ring) with one view of each width over them. */
export interface Memory {
  /** Address of byte 0; below 2^47, so exact as a number. */
  readonly address: number;
  readonly bytes: Uint8Array;
  readonly i32: Int32Array;
}

function view(address: number, size: number): Memory {
  const buffer = toArrayBuffer(address as Pointer, 0, size);
  return { address, bytes: new Uint8Array(buffer), i32: new Int32Array(buffer) };
}

/** Zeroed, page-aligned memory of at least `size` bytes. */
export function reserve(size: number): Memory {
  const rounded = Math.ceil(size / 4096) * 4096;
  const address = Number(C.mmap(0, rounded, 3 /* READ|WRITE */, 0x8022 /* PRIVATE|ANONYMOUS|POPULATE */, -1, 0));
  if (address <= 0) throw new Error(`mmap of ${rounded} bytes: errno ${errno()}`);
  return view(address, rounded);
}

/** The mapped ring of a packet socket. */
export function mapSocket(fd: number, size: number): Memory {
  const address = Number(C.mmap(0, size, 3 /* READ|WRITE */, 0x8001 /* SHARED|POPULATE */, fd, 0));
  if (address <= 0) throw new Error(`mmap of the packet ring: errno ${errno()}`);
  return view(address, size);
}

export const asPointer = (address: number): Pointer => address as Pointer;

/** Writes a 64-bit address into two words at `word`. */
export function putAddress(i32: Int32Array, word: number, address: number): void {
  i32[word] = address | 0;
  i32[word + 1] = Math.floor(address / 0x1_0000_0000);
}

const scratch = reserve(4096);

/** Sets an integer option; throws with errno unless `optional`. */
export function setOption(fd: number, level: number, name: number, value: number, optional = false): void {
  scratch.i32[0] = value;
  if (C.setsockopt(fd, level, name, asPointer(scratch.address), 4) < 0 && !optional)
    throw new Error(`setsockopt ${level}/${name}: errno ${errno()}`);
}

/** Sets an option given as 32-bit words. */
export function setOptionWords(fd: number, level: number, name: number, words: readonly number[]): void {
  scratch.i32.set(words, 0);
  if (C.setsockopt(fd, level, name, asPointer(scratch.address), words.length * 4) < 0)
    throw new Error(`setsockopt ${level}/${name}: errno ${errno()}`);
}

/** Reads an option of `count` 32-bit words. */
export function getOptionWords(fd: number, level: number, name: number, count: number): number[] {
  scratch.i32[100] = count * 4;
  if (C.getsockopt(fd, level, name, asPointer(scratch.address), asPointer(scratch.address + 400)) < 0)
    throw new Error(`getsockopt ${level}/${name}: errno ${errno()}`);
  return [...scratch.i32.subarray(0, count)];
}

export function openSocket(family: number, type: number, protocol: number): number {
  const fd = C.socket(family, type, protocol);
  if (fd < 0) throw new Error(`socket(${family}, ${type}, ${protocol}): errno ${errno()}`);
  return fd;
}

/** IPv4 text to the word as it lies in memory (network order). */
export function addressWord(text: string): number {
  const [a, b, c, d] = text.split(".").map(Number) as [number, number, number, number];
  return a | (b << 8) | (c << 16) | (d << 24) | 0;
}

export const swap16 = (port: number): number => ((port & 0xff) << 8) | (port >>> 8);

/** Writes a sockaddr_in (16 bytes) at `word`. */
export function putSockaddr(i32: Int32Array, word: number, address: string, port: number): void {
  i32[word] = AF_INET | (swap16(port) << 16);
  i32[word + 1] = addressWord(address);
  i32[word + 2] = 0;
  i32[word + 3] = 0;
}

export function bindOrConnect(what: "bind" | "connect", fd: number, address: string, port: number): void {
  putSockaddr(scratch.i32, 0, address, port);
  if (C[what](fd, asPointer(scratch.address), 16) < 0) throw new Error(`${what} ${address}:${port}: errno ${errno()}`);
}
