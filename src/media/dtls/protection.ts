/** Protection of epoch 1 with an AEAD cipher (RFC 5288 for GCM, nonces as RFC 5246 section 6.2.3.3) and replay detection. */
import { createCipheriv, createDecipheriv } from "node:crypto";
import type { RecordView } from "./record.ts";
import { recordHeader } from "./record.ts";
import type { CipherSuite } from "./suites.ts";
import { DTLS_1_2, RECORD, RECORD_HEADER_SIZE } from "./wire.ts";

const EXPLICIT_NONCE = 8;
const TAG = 16;

/** Keys of one direction. */
export class RecordProtection {
  readonly #suite: CipherSuite;
  readonly #key: Uint8Array;
  readonly #salt: Uint8Array;

  /** @param salt the 4 fixed bytes of the nonce (client_write_IV or server_write_IV) */
  constructor(suite: CipherSuite, key: Uint8Array, salt: Uint8Array) {
    this.#suite = suite;
    this.#key = key;
    this.#salt = salt;
  }

  /** A whole record. The explicit nonce is epoch and sequence, which never repeat under one key. */
  seal(type: number, epoch: number, sequence: number, plaintext: Uint8Array): Uint8Array {
    const header = recordHeader(type, DTLS_1_2, epoch, sequence, EXPLICIT_NONCE + plaintext.length + TAG);
    const explicit = header.subarray(RECORD.epoch, RECORD.length);
    const cipher = createCipheriv(this.#suite.cipher, this.#key, Buffer.concat([this.#salt, explicit]));
    cipher.setAAD(additionalData(header, 0, plaintext.length));
    const body = Buffer.concat([cipher.update(plaintext), cipher.final()]);
    return Buffer.concat([header, explicit, body, cipher.getAuthTag()]);
  }

  /** The plaintext; undefined when it is not authentic. */
  open(record: RecordView): Uint8Array | undefined {
    const { fragment } = record;
    const length = fragment.length - EXPLICIT_NONCE - TAG;
    if (length < 0) return undefined;
    const nonce = Buffer.concat([this.#salt, fragment.subarray(0, EXPLICIT_NONCE)]);
    const decipher = createDecipheriv(this.#suite.cipher, this.#key, nonce);
    decipher.setAAD(additionalData(record.bytes, record.at, length));
    decipher.setAuthTag(fragment.subarray(EXPLICIT_NONCE + length));
    const plaintext = decipher.update(fragment.subarray(EXPLICIT_NONCE, EXPLICIT_NONCE + length));
    try {
      decipher.final();
    } catch {
      return undefined;
    }
    return plaintext;
  }
}

/** Epoch and sequence, type, version, length of the plaintext. */
function additionalData(bytes: Uint8Array, at: number, length: number): Uint8Array {
  const data = new Uint8Array(RECORD_HEADER_SIZE);
  data.set(bytes.subarray(at + RECORD.epoch, at + RECORD.length), 0);
  data.set(bytes.subarray(at + RECORD.type, at + RECORD.epoch), 8);
  data[11] = length >> 8;
  data[12] = length;
  return data;
}

const WINDOW = 64;

/** Sliding window over the sequence numbers of authentic records (RFC 6347 section 4.1.2.6). */
export class ReplayWindow {
  #highest = -1;
  /** Bit n: `#highest - n` was received. */
  #seen = 0n;

  /** Not received before, and not too old to tell. */
  isNew(sequence: number): boolean {
    const age = this.#highest - sequence;
    if (age < 0) return true;
    return age < WINDOW && (this.#seen & (1n << BigInt(age))) === 0n;
  }

  /** Call only for records that turned out authentic. */
  accept(sequence: number): void {
    const age = this.#highest - sequence;
    if (age >= 0) this.#seen |= 1n << BigInt(age);
    else {
      this.#seen = -age >= WINDOW ? 1n : BigInt.asUintN(WINDOW, (this.#seen << BigInt(-age)) | 1n);
      this.#highest = sequence;
    }
  }
}
