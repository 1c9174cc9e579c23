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
  if (parseIPv4(address)) return 4;
  return parseIPv6(address) ? 6 : undefined;
}

/** Canonical text (RFC 5952 for IPv6) so that equal addresses are equal strings; undefined when it is no address. */
export function canonicalAddress(address: string): string | undefined {
  const v4 = parseIPv4(address);
  if (v4) return v4.join(".");
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

function parseIPv4(text: string): Uint8Array | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  const bytes = new Uint8Array(4);
  for (let i = 0; i < 4; i++) {
    const part = parts[i]!;
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return undefined;
    bytes[i] = Number(part);
  }
  return bytes;
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
