/**
 * struct sockaddr_in and sockaddr_in6 (ip(7), ipv6(7)) in memory. Ports and addresses are in network byte order, the family
 * in the host's, which is little-endian on every machine sluice runs on.
 */
import { addressBytes, addressFromBytes, type Endpoint } from "../src/address.ts";
import { AF_INET, AF_INET6 } from "./libc.ts";

/** Byte offsets. */
export const SOCKADDR_IN = { family: 0, port: 2, address: 4, size: 16 } as const;
export const SOCKADDR_IN6 = { family: 0, port: 2, flowInfo: 4, address: 8, scope: 24, size: 28 } as const;

/** Bytes to set aside for one address of either family, 8-byte aligned. */
export const SOCKADDR_SPACE = 32;

/** Writes an endpoint at `offset`, clears the rest of {@link SOCKADDR_SPACE}; returns its length, 0 = not an address. */
export function encodeSockaddr(bytes: Uint8Array, offset: number, { address, port }: Endpoint): number {
  const raw = addressBytes(address);
  bytes.fill(0, offset, offset + SOCKADDR_SPACE);
  if (!raw || port < 0 || port > 65_535) return 0;
  const v4 = raw.length === 4;
  bytes[offset] = v4 ? AF_INET : AF_INET6;
  bytes[offset + SOCKADDR_IN.port] = port >> 8;
  bytes[offset + SOCKADDR_IN.port + 1] = port & 255;
  bytes.set(raw, offset + (v4 ? SOCKADDR_IN.address : SOCKADDR_IN6.address));
  return v4 ? SOCKADDR_IN.size : SOCKADDR_IN6.size;
}

/** Reads an endpoint; undefined when the family is neither AF_INET nor AF_INET6 (an empty slot, for one). */
export function decodeSockaddr(bytes: Uint8Array, offset: number): Endpoint | undefined {
  const family = bytes[offset]! | (bytes[offset + 1]! << 8);
  const port = (bytes[offset + SOCKADDR_IN.port]! << 8) | bytes[offset + SOCKADDR_IN.port + 1]!;
  if (family === AF_INET) {
    const at = offset + SOCKADDR_IN.address;
    return { address: addressFromBytes(bytes.subarray(at, at + 4)), port };
  }
  if (family === AF_INET6) {
    const at = offset + SOCKADDR_IN6.address;
    return { address: addressFromBytes(bytes.subarray(at, at + 16)), port };
  }
  return undefined;
}
