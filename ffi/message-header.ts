/**
 * struct msghdr, mmsghdr, iovec and control messages (recvmsg(2), recvmmsg(2), cmsg(3)) on 64-bit Linux. Byte offsets.
 */
import type { Address } from "./libc.ts";

export const MSGHDR = {
  name: 0,
  nameLength: 8,
  iov: 16,
  iovLength: 24,
  control: 32,
  controlLength: 40,
  flags: 48,
  size: 56,
} as const;

/** A msghdr followed by the number of bytes received or sent. */
export const MMSGHDR = { ...MSGHDR, length: 56, size: 64 } as const;

export const IOVEC = { base: 0, length: 8, size: 16 } as const;

/** Data follow the header directly; the next header starts at the next multiple of 8. */
export const CMSGHDR = { length: 0, level: 8, type: 12, size: 16 } as const;

/** struct in_pktinfo, struct in6_pktinfo. */
export const IN_PKTINFO = { interface: 0, local: 4, destination: 8, size: 12 } as const;
export const IN6_PKTINFO = { address: 0, interface: 16, size: 20 } as const;

/** Writes an address (or any 64-bit length below 2^53) at a byte offset that is a multiple of 4. */
export function writeWord64(words: Int32Array, offset: number, value: Address): void {
  words[offset >> 2] = value | 0;
  words[(offset >> 2) + 1] = Math.floor(value / 0x1_0000_0000);
}
