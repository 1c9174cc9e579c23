/**
 * Network addresses as plain values: no sockets, no name look-ups. The lowest room: everything may import it.
 */

/** IP version of an address, as SDP's `IP4`/`IP6` tell it apart (RFC 8866 section 5.7). */
export type Family = 4 | 6;

/** An address and a UDP port (host order). `address` is canonical text: see {@link canonicalAddress}. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** The family of an address in canonical or any other valid text form; undefined when it is no address. */
export function familyOf(address: string): Family | undefined {
  if (scanIPv4(address) >= 0) return 4;
  return parseIPv6(address) ? 6 : undefined;
}

/** Canonical text (RFC 5952 for IPv6) so that equal addresses are equal strings; undefined when it is no address. */
export function canonicalAddress(address: string): string | undefined {
  // The text form without leading zeros is the canonical one.
  if (scanIPv4(address) >= 0) return address;
  const v6 = parseIPv6(address);
  return v6 ? formatIPv6(v6) : undefined;
}

/** Address bytes in network order: 4 or 16 of them; undefined when it is no address. */
export function addressBytes(address: string): Uint8Array | undefined {
  return parseIPv4(address) ?? parseIPv6(address);
}

/** Canonical text of 4 or 16 address bytes in network order. */
export function addressFromBytes(bytes: Uint8Array): string {
  return bytes.length === 4 ? bytes.join(".") : formatIPv6(bytes);
}

/** `address:port`, with IPv6 in brackets. */
export function formatEndpoint({ address, port }: Endpoint): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** The wildcard address: `0.0.0.0` or `::` in any spelling. In SDP it means hold (RFC 2543 style). */
export function isZeroAddress(address: string): boolean {
  const bytes = addressBytes(address);
  return bytes?.every((byte) => byte === 0) ?? false;
}

/** Four decimal bytes as one unsigned number, -1 when it is anything else. Called for every address of every message. */
function scanIPv4(text: string): number {
  const { length } = text;
  if (length < 7 || length > 15) return -1;
  let value = 0;
  let part = 0;
  let digits = 0;
  let dots = 0;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x2e) {
      if (digits === 0 || ++dots > 3) return -1;
      value = value * 256 + part;
      part = 0;
      digits = 0;
      continue;
    }
    const digit = code - 0x30;
    // No leading zeros: some readers take them for octal.
    if (digit < 0 || digit > 9 || (digits > 0 && part === 0)) return -1;
    part = part * 10 + digit;
    digits++;
    if (part > 255) return -1;
  }
  return dots === 3 && digits > 0 ? value * 256 + part : -1;
}

function parseIPv4(text: string): Uint8Array | undefined {
  const value = scanIPv4(text);
  if (value < 0) return undefined;
  return Uint8Array.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
}

function parseIPv6(text: string): Uint8Array | undefined {
  if (text.length < 2 || text.length > 45 || !text.includes(":")) return undefined;
  let head = text;
  let tail: string | undefined;
  const gap = text.indexOf("::");
  if (gap >= 0) {
    if (text.indexOf("::", gap + 1) >= 0) return undefined;
    head = text.slice(0, gap);
    tail = text.slice(gap + 2);
  }
  const front = groups(head, tail === undefined);
  const back = tail === undefined ? [] : groups(tail, true);
  if (!front || !back) return undefined;
  const missing = 8 - front.length - back.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const bytes = new Uint8Array(16);
  const all = [...front, ...new Array<number>(missing).fill(0), ...back];
  all.forEach((group, i) => {
    bytes[i * 2] = group >> 8;
    bytes[i * 2 + 1] = group & 255;
  });
  return bytes;
}

/** 16-bit groups of one side of the `::`; an IPv4 tail is allowed where the text ends. */
function groups(text: string, endsAddress: boolean): number[] | undefined {
  if (text === "") return [];
  const out: number[] = [];
  const parts = text.split(":");
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!;
    if (/^[0-9a-fA-F]{1,4}$/.test(part)) out.push(Number.parseInt(part, 16));
    else if (endsAddress && i === parts.length - 1) {
      const v4 = parseIPv4(part);
      if (!v4) return undefined;
      out.push((v4[0]! << 8) | v4[1]!, (v4[2]! << 8) | v4[3]!);
    } else return undefined;
  }
  return out;
}

function formatIPv6(bytes: Uint8Array): string {
  const words = Array.from({ length: 8 }, (_, i) => (bytes[i * 2]! << 8) | bytes[i * 2 + 1]!);
  let start = -1;
  let length = 1; // a single zero group is not compressed (RFC 5952 section 4.2.2)
  for (let i = 0; i < 8; i++) {
    let run = 0;
    while (i + run < 8 && words[i + run] === 0) run++;
    if (run > length) [start, length] = [i, run];
  }
  const hex = words.map((word) => word.toString(16));
  if (start < 0) return hex.join(":");
  return `${hex.slice(0, start).join(":")}::${hex.slice(start + length).join(":")}`;
}
