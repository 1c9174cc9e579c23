/**
 * What the service manager wants of the system: its notify socket (sd_notify(3)) and the clock that its timestamps are in.
 *
 * Memory: one arena of 16 bytes for a struct timespec, kept for the life of the process.
 */
import { dlopen } from "bun:ffi";
import { type Arena, mapArena } from "./memory.ts";
import { UnixDatagramSender } from "./unix-datagram.ts";

const CLOCK_MONOTONIC = 1;

const library = dlopen("libc.so.6", {
  clock_gettime: { args: ["i32", "ptr"], returns: "i32" },
}).symbols as unknown as { clock_gettime(clock: number, time: number): number };

let arena: Arena | undefined;

/** CLOCK_MONOTONIC, whole microseconds: since the machine's start, unlike `performance.now()`. */
export function monotonicMicroseconds(): number {
  arena ??= mapArena(16);
  library.clock_gettime(CLOCK_MONOTONIC, arena.address);
  const [seconds, nanoseconds] = new BigInt64Array(arena.view(0, 16));
  return Number(seconds) * 1_000_000 + Math.floor(Number(nanoseconds) / 1_000);
}

/**
 * The socket named by NOTIFY_SOCKET; undefined: there is none, or its address is of a kind that is not spoken (vsock of
 * virtual machines).
 * @throws SystemError
 */
export function openNotifySocket(path: string | undefined): UnixDatagramSender | undefined {
  if (path === undefined || !/^[/@]/.test(path)) return undefined;
  return new UnixDatagramSender(path);
}
