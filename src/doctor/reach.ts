/** From where an address can be reached, by the ranges that are set aside for it (RFC 6890). */
import { addressBytes } from "../address.ts";

export type Reach = "public" | "private" | "loopback" | "link-local" | "unusable";

/** `private`: also shared address space of carriers (RFC 6598) and unique local addresses (RFC 4193). */
export function reachOf(address: string): Reach {
  const bytes = addressBytes(address);
  if (!bytes) return "unusable";
  return bytes.length === 4 ? reach4(bytes[0]!, bytes[1]!) : reach6(bytes);
}

function reach4(first: number, second: number): Reach {
  if (first === 127) return "loopback";
  if (first === 0 || first >= 224) return "unusable";
  if (first === 169 && second === 254) return "link-local";
  const inside =
    first === 10 ||
    (first === 172 && second >= 16 && second < 32) ||
    (first === 192 && second === 168) ||
    (first === 100 && second >= 64 && second < 128);
  return inside ? "private" : "public";
}

function reach6(bytes: Uint8Array): Reach {
  if (bytes.subarray(0, 15).every((byte) => byte === 0)) return bytes[15] === 1 ? "loopback" : "unusable";
  if (bytes[0] === 0xff) return "unusable";
  if (bytes[0] === 0xfe && (bytes[1]! & 0xc0) === 0x80) return "link-local";
  return (bytes[0]! & 0xfe) === 0xfc ? "private" : "public";
}
