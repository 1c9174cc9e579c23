/**
 * JSON (RFC 8259) to and from ng values. Inside the program every string is a byte string, so text is turned to UTF-8
 * bytes on the way in and back on the way out. An own reader, because `JSON.parse` loses repeated keys and moves keys
 * that look like numbers to the front.
 */
import { MAX_NG_DEPTH } from "../limits.ts";
import { NgDict, type NgReplyValue, type NgValue } from "./value.ts";

/** Why a text is no value: `syntax` = no JSON at all, `content` = JSON, but not of the kinds that ng knows. */
export type JsonFailure = "syntax" | "content";

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Decodes one JSON document, a byte string of UTF-8. Booleans become 0 and 1, fractions lose their decimals, members with `null` are left out. */
export function decodeJson(bytes: string): { readonly value: NgValue } | JsonFailure {
  let text: string;
  try {
    text = isAscii(bytes) ? bytes : strictUtf8.decode(Buffer.from(bytes, "latin1"));
  } catch {
    return "syntax";
  }
  return new Reader(text).document();
}

/** Member values that a dictionary or list does not take up. */
const NOTHING = Symbol("null");

class Reader {
  readonly #text: string;
  #at = 0;
  #failure: JsonFailure = "syntax";

  constructor(text: string) {
    this.#text = text;
  }

  document(): { readonly value: NgValue } | JsonFailure {
    const value = this.#value(0);
    if (value === undefined) return this.#failure;
    this.#space();
    // A terminating NUL is what C programs send along.
    while (this.#text.charCodeAt(this.#at) === 0) this.#at++;
    if (this.#at < this.#text.length) return "syntax";
    return value === NOTHING ? "content" : { value };
  }

  #value(depth: number): NgValue | typeof NOTHING | undefined {
    this.#space();
    switch (this.#text[this.#at]) {
      case '"':
        return this.#string();
      case "{":
        return this.#nested(depth) ? this.#object(depth + 1) : undefined;
      case "[":
        return this.#nested(depth) ? this.#array(depth + 1) : undefined;
      case "t":
        return this.#word("true", 1);
      case "f":
        return this.#word("false", 0);
      case "n":
        return this.#word("null", NOTHING);
      default:
        return this.#number();
    }
  }

  #nested(depth: number): boolean {
    if (depth < MAX_NG_DEPTH) return true;
    this.#failure = "content";
    return false;
  }

  #object(depth: number): NgDict | undefined {
    const entries: [string, NgValue][] = [];
    this.#at++;
    this.#space();
    if (this.#take("}")) return new NgDict(entries);
    for (;;) {
      this.#space();
      if (this.#text[this.#at] !== '"') return undefined;
      const key = this.#string();
      if (key === undefined) return undefined;
      this.#space();
      if (!this.#take(":")) return undefined;
      const value = this.#value(depth);
      if (value === undefined) return undefined;
      if (value !== NOTHING) entries.push([key, value]);
      this.#space();
      if (this.#take("}")) return new NgDict(entries);
      if (!this.#take(",")) return undefined;
    }
  }

  #array(depth: number): NgValue[] | undefined {
    const items: NgValue[] = [];
    this.#at++;
    this.#space();
    if (this.#take("]")) return items;
    for (;;) {
      const value = this.#value(depth);
      if (value === undefined) return undefined;
      if (value !== NOTHING) items.push(value);
      this.#space();
      if (this.#take("]")) return items;
      if (!this.#take(",")) return undefined;
    }
  }

  #string(): string | undefined {
    const text = this.#text;
    const start = ++this.#at;
    let plain = "";
    let from = start;
    for (;;) {
      const code = text.charCodeAt(this.#at);
      if (Number.isNaN(code) || code < 0x20) return undefined;
      if (code === 0x22) break;
      if (code !== 0x5c) {
        this.#at++;
        continue;
      }
      plain += text.slice(from, this.#at);
      const escaped = this.#escape();
      if (escaped === undefined) return undefined;
      plain += escaped;
      from = this.#at;
    }
    plain += text.slice(from, this.#at++);
    return toByteString(plain);
  }

  #escape(): string | undefined {
    const kind = this.#text[this.#at + 1];
    this.#at += 2;
    if (kind !== "u") return kind === undefined ? undefined : ESCAPES[kind];
    const hex = this.#text.slice(this.#at, this.#at + 4);
    if (!/^[0-9a-fA-F]{4}$/.test(hex)) return undefined;
    this.#at += 4;
    return String.fromCharCode(Number.parseInt(hex, 16));
  }

  #number(): number | undefined {
    const match = NUMBER.exec(this.#text.slice(this.#at, this.#at + 64));
    if (!match) return undefined;
    this.#at += match[0].length;
    const value = Math.trunc(Number(match[0]));
    if (!Number.isFinite(value)) {
      this.#failure = "content";
      return undefined;
    }
    return value === 0 ? 0 : value;
  }

  #word<T>(word: string, value: T): T | undefined {
    if (!this.#text.startsWith(word, this.#at)) return undefined;
    this.#at += word.length;
    return value;
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at++;
    }
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  __proto__: null as unknown as string,
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};
const NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/;

/** Text to the byte string of its UTF-8 form. */
export function toByteString(text: string): string {
  return isAscii(text) ? text : Buffer.from(text, "utf8").latin1Slice();
}

/** A byte string to text: as UTF-8 where it is, else each byte as the character of that number (latin1). */
export function fromByteString(bytes: string): string {
  if (isAscii(bytes)) return bytes;
  try {
    return strictUtf8.decode(Buffer.from(bytes, "latin1"));
  } catch {
    return bytes;
  }
}

/** One value as JSON text: insertion order, keys with the value undefined left out. */
export function encodeJson(value: NgReplyValue | NgValue): string {
  if (typeof value === "string") return JSON.stringify(fromByteString(value));
  if (typeof value === "number") return String(Math.trunc(value));
  if (Array.isArray(value)) return `[${value.map(encodeJson).join(",")}]`;
  const members: string[] = [];
  const entries: Iterable<readonly [string, NgReplyValue | NgValue | undefined]> =
    value instanceof NgDict ? value.entries : value instanceof Map ? value : Object.entries(value);
  for (const [key, item] of entries) {
    if (item !== undefined) members.push(`${JSON.stringify(fromByteString(key))}:${encodeJson(item)}`);
  }
  return `{${members.join(",")}}`;
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}
