/**
 * Memory that the kernel and several threads see at a fixed address.
 *
 * On x86-64 everything lies below 2 GiB (MAP_32BIT), so an address is a small integer and a call with it costs no boxing; on
 * arm64, which has no such flag, hint addresses below 2 GiB are tried first and any other address (a double, still exact)
 * is taken where those are occupied.
 *
 * Ownership: an arena belongs to whoever mapped it. A living thread never unmaps one, because a typed array that looked at unmapped
 * memory would take the process down: `release` gives the pages back to the system (they read as zero afterwards) and
 * keeps the address range for the next arena of the same size.
 */
import {
  type Address,
  libc,
  MADV_DONTNEED,
  MAP_32BIT,
  MAP_ANONYMOUS,
  MAP_FIXED_NOREPLACE,
  MAP_NORESERVE,
  MAP_POPULATE,
  MAP_PRIVATE,
  mmap,
  PROT_READ,
  PROT_WRITE,
  viewMemory,
} from "./libc.ts";
import { SystemError } from "./system-error.ts";

/** Page size assumed for rounding. arm64 kernels may use 64 KiB pages; mmap rounds up by itself there. Bytes. */
const PAGE = 4_096;

export interface Arena {
  readonly address: Address;
  /** Rounded up to whole pages. */
  readonly bytes: number;
  /** A view of bytes `offset`…`offset + length`; every thread may make its own from the address. */
  view(offset?: number, length?: number): ArrayBuffer;
  /** Gives the pages back; the contents become zero, views stay harmless. */
  release(): void;
}

/** A range of addresses. */
export interface Mapping {
  readonly address: Address;
  readonly bytes: number;
}

const retired = new Map<number, Address[]>();
const inUse = new Map<Address, number>();

/** What this thread has mapped and not released. */
export function arenasInUse(): Mapping[] {
  return [...inUse].map(([address, bytes]) => ({ address, bytes }));
}

/**
 * Unmaps an arena of a thread that has ended, whose views have ended with it: no other thread would find it in the list of
 * those that may be used again.
 */
export function unmapArena({ address, bytes }: Mapping): void {
  libc.munmap(address, bytes);
}

function retire(address: Address, size: number): void {
  libc.madvise(address, size, MADV_DONTNEED);
  const list = retired.get(size);
  if (list) list.push(address);
  else retired.set(size, [address]);
}

/**
 * Zeroed anonymous memory.
 * `populate: false` (for big, sparsely used tables) touches no page and reserves no swap until it is written.
 * @throws SystemError ENOMEM when the system has none left
 */
export function mapArena(bytes: number, options: { readonly populate?: boolean } = {}): Arena {
  const size = Math.ceil(bytes / PAGE) * PAGE;
  const address = retired.get(size)?.pop() ?? map(size, options.populate ?? false);
  let released = false;
  inUse.set(address, size);
  return {
    address,
    bytes: size,
    view: (offset = 0, length = size - offset) => {
      if (offset < 0 || offset + length > size) throw new RangeError(`view of ${offset}+${length} in ${size} bytes`);
      return viewMemory(address + offset, length);
    },
    release: () => {
      if (released) return;
      released = true;
      inUse.delete(address);
      retire(address, size);
    },
  };
}

function map(size: number, populate: boolean): Address {
  const flags = MAP_PRIVATE | MAP_ANONYMOUS | (populate ? MAP_POPULATE : MAP_NORESERVE);
  const protection = PROT_READ | PROT_WRITE;
  if (process.arch === "x64") {
    const address = mmap(0, size, protection, flags | MAP_32BIT, -1, 0);
    if (address !== undefined) return address;
  } else {
    for (let hint = LOW_START; hint + size <= LOW_END; hint += LOW_STEP) {
      const address = mmap(hint, size, protection, flags | MAP_FIXED_NOREPLACE, -1, 0);
      if (address === hint) return address;
      // Kernels before 4.17 take the flag for a mere hint and may answer with some other place.
      if (address !== undefined) libc.munmap(address, size);
    }
  }
  const address = mmap(0, size, protection, flags, -1, 0);
  if (address === undefined) throw new SystemError(`map ${size} bytes of memory`);
  return address;
}

/** Where low addresses are looked for: above what executables map, below 2 GiB. */
const LOW_START = 0x1000_0000;
const LOW_END = 0x8000_0000;
const LOW_STEP = 0x10_0000;
