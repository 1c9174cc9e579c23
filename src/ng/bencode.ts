/**
 * Bencode as the ng protocol uses it: dictionaries unsorted, keys in any number, integers signed, strings of any bytes.
 * The npm package `bencode` sorts keys and keeps one of several equal ones, so it cannot serve here; the unit tests use
 * it as the independent second opinion.
 */
import { MAX_NG_DEPTH } from "../limits.ts";
import { detached } from "./byte-string.ts";
import { NgDict, type NgReplyValue, type NgValue } from "./value.ts";

/** `incomplete`: the value goes on after the given bytes. `malformed`: no further byte can mend it. */
export type BencodeFailure = "incomplete" | "malformed";

/** One decoded value and the number of bytes it took; what is behind it is not looked at. */
export interface BencodeValue {
  readonly value: NgValue;
  readonly length: number;
}

const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const DICT = 0x64;
const END = 0x65;
const INTEGER = 0x69;
const LIST = 0x6c;

/** Strings from here on get memory of their own, so that a kept SDP does not keep the whole message. Bytes. */
const OWN_COPY = 128;

/** Digits of a string length or an integer; 19 are what a signed 64-bit integer can have. */
const MAX_LENGTH_DIGITS = 9;
const MAX_INTEGER_DIGITS = 19;

/**
 * Decodes the value that starts at `offset` of a byte string. Never throws. Integers beyond 2^53 lose precision, as no
 * key of the protocol needs them.
 */
export function decodeBencode(text: string, offset = 0): BencodeValue | BencodeFailure {
  decoder.start(text, offset);
  const value = decoder.value(0);
  const result = value === undefined ? decoder.failure : { value, length: decoder.at - offset };
  decoder.release();
  return result;
}

class Decoder {
  at = 0;
  failure: BencodeFailure = "malformed";
  #text = "";

  start(text: string, offset: number): void {
    this.#text = text;
    this.at = offset;
    this.failure = "malformed";
  }

  release(): void {
    this.#text = "";
  }

  value(depth: number): NgValue | undefined {
    if (this.at >= this.#text.length) return this.#incomplete();
    const first = this.#text.charCodeAt(this.at);
    if (first >= ZERO && first <= NINE) return this.#string();
    if (first === INTEGER) return this.#integer();
    if (first !== DICT && first !== LIST) return undefined;
    if (depth >= MAX_NG_DEPTH) return undefined;
    this.at++;
    return first === DICT ? this.#dict(depth + 1) : this.#list(depth + 1);
  }

  #dict(depth: number): NgDict | undefined {
    const entries: [string, NgValue][] = [];
    for (;;) {
      if (this.at >= this.#text.length) return this.#incomplete();
      const next = this.#text.charCodeAt(this.at);
      if (next === END) {
        this.at++;
        return new NgDict(entries);
      }
      if (next < ZERO || next > NINE) return undefined; // keys are strings
      const key = this.#string();
      if (key === undefined) return undefined;
      const value = this.value(depth);
      if (value === undefined) return undefined;
      entries.push([key, value]);
    }
  }

  #list(depth: number): NgValue[] | undefined {
    const items: NgValue[] = [];
    for (;;) {
      if (this.#text.charCodeAt(this.at) === END) {
        this.at++;
        return items;
      }
      const value = this.value(depth);
      if (value === undefined) return undefined;
      items.push(value);
    }
  }

  #string(): string | undefined {
    const text = this.#text;
    const length = this.#digits(MAX_LENGTH_DIGITS);
    if (length === undefined) return undefined;
    if (text.charCodeAt(this.at) !== COLON) return undefined;
    const start = this.at + 1;
    const end = start + length;
    if (end > text.length) return this.#incomplete();
    this.at = end;
    const value = text.slice(start, end);
    return length < OWN_COPY ? value : detached(value);
  }

  #integer(): number | undefined {
    this.at++;
    const negative = this.#text.charCodeAt(this.at) === MINUS;
    if (negative) this.at++;
    const digits = this.at;
    const value = this.#digits(MAX_INTEGER_DIGITS);
    if (value === undefined) return undefined;
    if (this.#text.charCodeAt(this.at) !== END || this.at === digits) return undefined;
    this.at++;
    return negative && value !== 0 ? -value : value;
  }

  /** The decimal number that starts here; none is 0. It ends with a character of another kind, or is incomplete. */
  #digits(max: number): number | undefined {
    const text = this.#text;
    const first = this.at;
    let value = 0;
    for (;;) {
      if (this.at >= text.length) return this.#incomplete();
      const code = text.charCodeAt(this.at);
      if (code < ZERO || code > NINE) return value;
      value = value * 10 + code - ZERO;
      if (++this.at - first > max) return undefined;
    }
  }

  #incomplete(): undefined {
    this.failure = "incomplete";
    return undefined;
  }
}

const decoder = new Decoder();

/** Strings up to this length are written byte by byte: a native call costs more. */
const SHORT_TEXT = 12;

/** Collects one reply in a buffer that is used again for the next one. */
export class ReplyBuffer {
  #buffer = Buffer.allocUnsafe(65_536);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  clear(): void {
    this.#length = 0;
  }

  /** The bytes so far; valid until the next write. */
  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Appends a byte string as it is. */
  raw(text: string): void {
    this.#reserve(text.length);
    this.#write(text);
  }

  /** Appends text as UTF-8. */
  utf8(text: string): void {
    this.#reserve(text.length * 3);
    this.#length += this.#buffer.utf8Write(text, this.#length);
  }

  /** Appends a value in bencode: insertion order, keys with the value undefined left out. */
  bencode(value: NgReplyValue): void {
    if (typeof value === "string") this.#string(value);
    else if (typeof value === "number") this.raw(`i${Math.trunc(value)}e`);
    else if (Array.isArray(value)) {
      this.#byte(LIST);
      for (const item of value) this.bencode(item);
      this.#byte(END);
    } else if (value instanceof Map) {
      this.#byte(DICT);
      for (const [key, item] of value) {
        this.#string(key);
        this.bencode(item);
      }
      this.#byte(END);
    } else {
      this.#byte(DICT);
      const dict = value as { readonly [key: string]: NgReplyValue | undefined };
      for (const key in dict) {
        const item = dict[key];
        if (item === undefined) continue;
        this.#string(key);
        this.bencode(item);
      }
      this.#byte(END);
    }
  }

  #string(text: string): void {
    const length = text.length;
    this.#reserve(length + 16);
    this.#digits(length);
    this.#buffer[this.#length++] = COLON;
    this.#write(text);
  }

  #digits(value: number): void {
    if (value >= 10) this.#digits(Math.floor(value / 10));
    this.#buffer[this.#length++] = ZERO + (value % 10);
  }

  #byte(byte: number): void {
    this.#reserve(1);
    this.#buffer[this.#length++] = byte;
  }

  /** Room must have been reserved. */
  #write(text: string): void {
    const length = text.length;
    if (length <= SHORT_TEXT) {
      const buffer = this.#buffer;
      let at = this.#length;
      for (let i = 0; i < length; i++) buffer[at++] = text.charCodeAt(i);
      this.#length = at;
    } else this.#length += this.#buffer.latin1Write(text, this.#length, length);
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    larger.set(this.bytes());
    this.#buffer = larger;
  }
}

/** One value in bencode, in memory of its own. */
export function encodeBencode(value: NgReplyValue): Uint8Array {
  const buffer = new ReplyBuffer();
  buffer.bencode(value);
  return Uint8Array.from(buffer.bytes());
}
