/**
 * Finds the end of a bencode value in a stream that arrives in pieces. Looks at each byte once however small the pieces
 * are, and builds nothing.
 */
import { MAX_NG_DEPTH, MAX_NG_MESSAGE } from "../limits.ts";

const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const DICT = 0x64;
const END = 0x65;
const INTEGER = 0x69;
const LIST = 0x6c;

export type ScanResult = "complete" | "incomplete" | "malformed";

export class BencodeScanner {
  /** Bytes looked at, counted from the first byte of the value. Behind the value when it is complete. */
  at = 0;
  #depth = 0;
  #state: "value" | "length" | "integer" = "value";
  #number = 0;
  #digits = 0;

  /** @param bytes everything from the first byte of the value on, also what was there last time */
  scan(bytes: Uint8Array): ScanResult {
    while (this.at < bytes.length) {
      const byte = bytes[this.at]!;
      switch (this.#state) {
        case "value":
          // Only a dictionary can be a message.
          if (this.at === 0 && byte !== DICT) return "malformed";
          if (byte === DICT || byte === LIST) {
            if (++this.#depth > MAX_NG_DEPTH) return "malformed";
            this.at++;
          } else if (byte === END) {
            if (this.#depth === 0) return "malformed";
            this.#depth--;
            this.at++;
            if (this.#depth === 0) return "complete";
          } else if (byte === INTEGER) {
            this.#state = "integer";
            this.#digits = 0;
            this.at++;
          } else if (byte >= ZERO && byte <= NINE) {
            this.#state = "length";
            this.#number = 0;
          } else return "malformed";
          break;
        case "length":
          if (byte >= ZERO && byte <= NINE) {
            this.#number = this.#number * 10 + byte - ZERO;
            if (this.#number > MAX_NG_MESSAGE) return "malformed";
            this.at++;
          } else if (byte === COLON) {
            // May lie beyond what has come: the loop goes on there when it has.
            this.at += 1 + this.#number;
            this.#state = "value";
          } else return "malformed";
          break;
        case "integer":
          if (byte === END && this.#digits > 0) {
            this.at++;
            this.#state = "value";
          } else if ((byte >= ZERO && byte <= NINE) || (byte === MINUS && this.#digits === 0)) {
            if (++this.#digits > 20) return "malformed";
            this.at++;
          } else return "malformed";
          break;
      }
    }
    return "incomplete";
  }
}
