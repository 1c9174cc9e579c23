/**
 * Whether the kernel's clock is kept in step with others (adjtimex(2), reading only: needs no privilege).
 *
 * Memory: one arena for `struct timex`, kept for the life of the process.
 */
import { dlopen } from "bun:ffi";
import { type Arena, mapArena } from "./memory.ts";

/** `struct timex` of 64-bit Linux: byte offsets; `modes` 0 changes nothing. */
const TIMEX = { modes: 0, offset: 8, maxError: 24, estimatedError: 32, status: 40, size: 208 } as const;
const STA_UNSYNC = 0x40;
const STA_NANO = 0x2000;
/** Return value: the clock is not synchronised. */
const TIME_ERROR = 5;

const library = dlopen("libc.so.6", { adjtimex: { args: ["ptr"], returns: "i32" } }).symbols as unknown as {
  adjtimex(timex: number): number;
};

export interface ClockState {
  readonly synchronised: boolean;
  /** Present correction and largest error that the kernel admits, milliseconds. */
  readonly offset: number;
  readonly maxError: number;
}

let arena: Arena | undefined;

/** Undefined when the system does not tell (a seccomp filter). */
export function readClock(): ClockState | undefined {
  arena ??= mapArena(TIMEX.size);
  const view = new DataView(arena.view());
  view.setInt32(TIMEX.modes, 0, true);
  const state = library.adjtimex(arena.address);
  if (state < 0) return undefined;
  const status = view.getInt32(TIMEX.status, true);
  const unit = status & STA_NANO ? 1e6 : 1e3;
  return {
    synchronised: state !== TIME_ERROR && (status & STA_UNSYNC) === 0,
    offset: Number(view.getBigInt64(TIMEX.offset, true)) / unit,
    maxError: Number(view.getBigInt64(TIMEX.maxError, true)) / 1e3,
  };
}
