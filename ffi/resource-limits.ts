/**
 * The limit of open files of this process (setrlimit(2), RLIMIT_NOFILE).
 *
 * Memory: one arena for two `struct rlimit`, kept for the life of the process.
 */
import { dlopen } from "bun:ffi";
import { errno } from "./libc.ts";
import { type Arena, mapArena } from "./memory.ts";

const RLIMIT_NOFILE = 7;
/** `struct rlimit`: soft and hard limit, 64 bits each. */
const RLIMIT_BYTES = 16;
/** RLIM_INFINITY. */
const INFINITY = 0xffff_ffff_ffff_ffffn;

const library = dlopen("libc.so.6", {
  prlimit: { args: ["i32", "i32", "ptr", "ptr"], returns: "i32" },
}).symbols as unknown as { prlimit(pid: number, resource: number, now: number, before: number): number };

let arena: Arena | undefined;

export interface OpenFilesLimit {
  readonly soft: number | "infinite";
  readonly hard: number | "infinite";
}

/** Undefined when the system does not tell. */
export function openFilesLimit(): OpenFilesLimit | undefined {
  arena ??= mapArena(2 * RLIMIT_BYTES);
  if (library.prlimit(0, RLIMIT_NOFILE, 0, arena.address) !== 0) return undefined;
  const [soft, hard] = new BigUint64Array(arena.view(0, RLIMIT_BYTES));
  return { soft: plain(soft!), hard: plain(hard!) };
}

/** Sets both limits, raising the hard one where needed. @returns 0 or the errno (EPERM: only root may raise the hard limit) */
export function setOpenFilesLimit(count: number): number {
  const before = openFilesLimit();
  arena ??= mapArena(2 * RLIMIT_BYTES);
  const limits = new BigUint64Array(arena.view(RLIMIT_BYTES, RLIMIT_BYTES));
  const hard = before?.hard === "infinite" ? INFINITY : BigInt(Math.max(count, before?.hard ?? 0));
  limits[0] = BigInt(count);
  limits[1] = hard;
  return library.prlimit(0, RLIMIT_NOFILE, arena.address + RLIMIT_BYTES, 0) === 0 ? 0 : errno();
}

const plain = (value: bigint): number | "infinite" => (value === INFINITY ? "infinite" : Number(value));
