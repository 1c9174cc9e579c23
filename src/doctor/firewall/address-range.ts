/** Addresses as numbers, for "is it in this network?". */
import { addressBytes } from "../../address.ts";

export interface AddressRange {
  readonly bits: 32 | 128;
  readonly first: bigint;
  readonly last: bigint;
}

/** `10.0.0.1`, `10.0.0.0/8`, `10.0.0.0/255.0.0.0`; undefined when it is no address. */
export function addressRange(text: string): AddressRange | undefined {
  const [address = "", mask] = text.split("/");
  const bytes = addressBytes(address);
  if (!bytes) return undefined;
  const bits = bytes.length === 4 ? 32 : 128;
  const value = number(bytes);
  let length = bits as number;
  if (mask !== undefined) {
    const maskBytes = addressBytes(mask);
    length = maskBytes ? ones(number(maskBytes)) : Number(mask);
    if (!Number.isInteger(length) || length < 0 || length > bits) return undefined;
  }
  const hosts = (1n << BigInt(bits - length)) - 1n;
  const first = (value | hosts) ^ hosts;
  return { bits, first, last: first | hosts };
}

export function between(first: string, last: string): AddressRange | undefined {
  const [from, to] = [addressRange(first), addressRange(last)];
  return from && to && from.bits === to.bits ? { bits: from.bits, first: from.first, last: to.last } : undefined;
}

export function contains(range: AddressRange, address: string): boolean {
  const one = addressRange(address);
  return one !== undefined && one.bits === range.bits && one.first >= range.first && one.first <= range.last;
}

function number(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

function ones(value: bigint): number {
  let count = 0;
  for (let rest = value; rest > 0n; rest >>= 1n) count += Number(rest & 1n);
  return count;
}
