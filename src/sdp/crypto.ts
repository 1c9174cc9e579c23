/** SDES keys in SDP: `a=crypto` lines (RFC 4568), and the suites they may name. */
import type { CryptoLine } from "./model.ts";
import { decimal, skipBlanks, tokenEnd } from "./scan.ts";

/** A suite of SDES and the length of its key material, bytes. */
export interface CryptoSuite {
  readonly name: string;
  readonly keyLength: number;
  readonly saltLength: number;
}

const suite = (name: string, keyLength: number, saltLength: number): CryptoSuite => ({ name, keyLength, saltLength });

/** All suites in our order of preference (RFC 4568, RFC 6188, RFC 7714). */
export const SUITES: readonly CryptoSuite[] = [
  suite("AEAD_AES_256_GCM", 32, 12),
  suite("AEAD_AES_128_GCM", 16, 12),
  suite("AES_256_CM_HMAC_SHA1_80", 32, 14),
  suite("AES_256_CM_HMAC_SHA1_32", 32, 14),
  suite("AES_192_CM_HMAC_SHA1_80", 24, 14),
  suite("AES_192_CM_HMAC_SHA1_32", 24, 14),
  suite("AES_CM_128_HMAC_SHA1_80", 16, 14),
  suite("AES_CM_128_HMAC_SHA1_32", 16, 14),
  suite("F8_128_HMAC_SHA1_80", 16, 14),
  suite("F8_128_HMAC_SHA1_32", 16, 14),
  suite("NULL_HMAC_SHA1_80", 16, 14),
  suite("NULL_HMAC_SHA1_32", 16, 14),
];

const BY_NAME: ReadonlyMap<string, CryptoSuite> = new Map(SUITES.map((one) => [one.name, one]));

/** A suite by name, exactly as SDP has it; undefined when unknown. */
export function cryptoSuite(name: string): CryptoSuite | undefined {
  return BY_NAME.get(name);
}

/**
 * Parses the value of `a=crypto`. Key material is checked for its length only where it is used ({@link cryptoKeys}).
 *
 * @returns undefined when malformed: tag no number, suite unknown, no `inline:` key.
 */
export function parseCrypto(value: string): CryptoLine | undefined {
  return cryptoIn(value, 0, value.length);
}

/** The same for part of a text. */
export function cryptoIn(text: string, from: number, end: number): CryptoLine | undefined {
  let start = skipBlanks(text, from, end);
  let stop = tokenEnd(text, start, end);
  const tag = decimal(text, start, stop);
  if (tag < 0 || tag > 999_999_999) return undefined;
  start = skipBlanks(text, stop, end);
  stop = tokenEnd(text, start, end);
  const name = text.slice(start, stop);
  if (!BY_NAME.has(name)) return undefined;
  start = skipBlanks(text, stop, end);
  stop = tokenEnd(text, start, end);
  // "inline:" may be written in any case: method names are ABNF literals (RFC 4568 section 9.1, RFC 5234 section 2.3).
  if (stop - start < 8 || text.slice(start, start + 7).toLowerCase() !== "inline:") return undefined;
  return { tag, suite: name, params: text.slice(start, end) };
}

/** The value of `a=crypto`, parameters verbatim. */
export function formatCrypto({ tag, suite: name, params }: CryptoLine): string {
  return `${tag} ${name} ${params}`;
}

/** What the parameters of a line say. */
export interface CryptoKeys {
  readonly suite: CryptoSuite;
  readonly key: Uint8Array;
  readonly salt: Uint8Array;
  /** Packets a key may serve; undefined when not given, or when out of the suite's range and so ignored. */
  readonly lifetime: bigint | undefined;
  /** Master key identifier, network order, at its announced length; undefined = none. */
  readonly mki: Uint8Array | undefined;
  readonly unencryptedSrtp: boolean;
  readonly unencryptedSrtcp: boolean;
  readonly unauthenticatedSrtp: boolean;
}

/**
 * Decodes the key parameters of a line: the first key where there are several.
 *
 * @returns undefined when the base64 text or the MKI is malformed or the key has the wrong length for its suite.
 */
export function cryptoKeys(line: CryptoLine): CryptoKeys | undefined {
  const known = cryptoSuite(line.suite);
  if (!known) return undefined;
  const words = line.params.split(" ").filter((word) => word !== "");
  // Several keys in one line are separated by semicolons (RFC 4568 section 9.1).
  const parts = words[0]?.slice(7).split(";")[0]?.split("|") ?? [];
  const material = decodeBase64(parts[0] ?? "");
  if (material?.length !== known.keyLength + known.saltLength) return undefined;
  let lifetime: bigint | undefined;
  let mki: Uint8Array | undefined;
  for (const part of parts.slice(1)) {
    if (part.includes(":")) {
      mki = parseMki(part);
      if (!mki) return undefined;
    } else lifetime ??= parseLifetime(part);
  }
  return {
    suite: known,
    key: material.subarray(0, known.keyLength),
    salt: material.subarray(known.keyLength),
    lifetime,
    mki,
    unencryptedSrtp: words.includes("UNENCRYPTED_SRTP"),
    unencryptedSrtcp: words.includes("UNENCRYPTED_SRTCP"),
    unauthenticatedSrtp: words.includes("UNAUTHENTICATED_SRTP"),
  };
}

/** The longest lifetime SRTP allows, packets: 2^48 SRTP or 2^31 SRTCP (RFC 3711 section 9.2), the former for a key. */
const MAX_LIFETIME = 2n ** 48n;

/** `2^n` or decimal. */
function parseLifetime(text: string): bigint | undefined {
  const power = text.startsWith("2^");
  const value = decimal(text, power ? 2 : 0, text.length);
  if (value < 0 || (power && value > 48)) return undefined;
  const packets = power ? 2n ** BigInt(value) : BigInt(value);
  return packets > 0n && packets <= MAX_LIFETIME ? packets : undefined;
}

/** `<value>:<length>`, value decimal (RFC 4568 section 6.1). */
function parseMki(text: string): Uint8Array | undefined {
  const colon = text.indexOf(":");
  const length = decimal(text, colon + 1, text.length);
  if (length < 1 || length > 128 || colon < 1 || colon > 310) return undefined;
  for (let i = 0; i < colon; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return undefined;
  }
  let value = BigInt(text.slice(0, colon));
  const bytes = new Uint8Array(length);
  for (let i = length - 1; i >= 0; i--) {
    bytes[i] = Number(value & 0xffn);
    value >>= 8n;
  }
  return value === 0n ? bytes : undefined;
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const DIGITS = new Int8Array(128).fill(-1);
for (let i = 0; i < 64; i++) DIGITS[ALPHABET.charCodeAt(i)] = i;

/** Bytes of base64 text with or without padding; undefined when malformed. */
export function decodeBase64(text: string): Uint8Array | undefined {
  let end = text.length;
  while (end > 0 && end > text.length - 2 && text.charCodeAt(end - 1) === 0x3d) end--;
  if (end % 4 === 1) return undefined;
  const bytes = new Uint8Array((end * 6) >> 3);
  let bits = 0;
  let count = 0;
  let at = 0;
  for (let i = 0; i < end; i++) {
    const digit = DIGITS[text.charCodeAt(i)] ?? -1;
    if (digit < 0) return undefined;
    bits = ((bits << 6) | digit) & 0xffff;
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes[at++] = bits >> count;
    }
  }
  return bytes;
}

/** Base64 text of bytes. SDES leaves the padding out unless asked. */
export function encodeBase64(bytes: Uint8Array, pad: boolean): string {
  let text = "";
  let i = 0;
  for (; i + 2 < bytes.length; i += 3) {
    const group = (bytes[i]! << 16) | (bytes[i + 1]! << 8) | bytes[i + 2]!;
    text +=
      ALPHABET[group >> 18]! + ALPHABET[(group >> 12) & 63]! + ALPHABET[(group >> 6) & 63]! + ALPHABET[group & 63]!;
  }
  if (i + 1 === bytes.length) {
    const last = bytes[i]!;
    text += ALPHABET[last >> 2]! + ALPHABET[(last & 3) << 4]! + (pad ? "==" : "");
  } else if (i + 2 === bytes.length) {
    const last = (bytes[i]! << 8) | bytes[i + 1]!;
    text += ALPHABET[last >> 10]! + ALPHABET[(last >> 4) & 63]! + ALPHABET[(last & 15) << 2]! + (pad ? "=" : "");
  }
  return text;
}

/** Parameters for a line with keys of our own. */
export function formatCryptoParams(
  keyAndSalt: Uint8Array,
  options: { readonly pad: boolean; readonly lifetime: boolean; readonly session?: readonly string[] },
): string {
  let text = `inline:${encodeBase64(keyAndSalt, options.pad)}`;
  if (options.lifetime) text += "|2^31";
  for (const parameter of options.session ?? []) text += ` ${parameter}`;
  return text;
}
