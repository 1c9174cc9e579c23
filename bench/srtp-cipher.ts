/**
 * SRTP of the phones in the load generator: AES_CM_128_HMAC_SHA1_80 (RFC 3711) and AEAD_AES_128_GCM (RFC 7714), RTP only,
 * over libcrypto with calls of its own: a measuring instrument shall not share code with what it measures.
 */

import { dlopen, type Pointer } from "bun:ffi";
import { createCipheriv } from "node:crypto";
import { asPointer, reserve } from "./sys.ts";

export type BenchSuite = "AES_CM_128_HMAC_SHA1_80" | "AEAD_AES_128_GCM";

const SUITES = {
  AES_CM_128_HMAC_SHA1_80: { salt: 14, tag: 10, algorithm: "AES-128-CTR" },
  AEAD_AES_128_GCM: { salt: 12, tag: 16, algorithm: "id-aes128-GCM" },
} as const;

/** Longest tag, bytes. */
export const MAX_TAG = 16;
export const tagBytes = (suite: BenchSuite): number => SUITES[suite].tag;
/** Master key and salt of a suite, bytes. */
export const keyBytes = (suite: BenchSuite): number => 16 + SUITES[suite].salt;

const library = () =>
  dlopen("libcrypto.so.3", {
    EVP_CIPHER_CTX_new: { args: [], returns: "ptr" },
    EVP_get_cipherbyname: { args: ["ptr"], returns: "ptr" },
    EVP_CIPHER_CTX_ctrl: { args: ["ptr", "i32", "i32", "ptr"], returns: "i32" },
    EVP_CipherInit_ex: { args: ["ptr", "ptr", "ptr", "ptr", "ptr", "i32"], returns: "i32" },
    EVP_CipherUpdate: { args: ["ptr", "ptr", "ptr", "ptr", "i32"], returns: "i32" },
    EVP_CipherFinal_ex: { args: ["ptr", "ptr", "ptr"], returns: "i32" },
    HMAC_CTX_new: { args: [], returns: "ptr" },
    HMAC_Init_ex: { args: ["ptr", "ptr", "i32", "ptr", "ptr"], returns: "i32" },
    HMAC_Update: { args: ["ptr", "ptr", "u64"], returns: "i32" },
    HMAC_Final: { args: ["ptr", "ptr", "ptr"], returns: "i32" },
    EVP_sha1: { args: [], returns: "ptr" },
  }).symbols;
let symbols: ReturnType<typeof library> | undefined;

const scratch = reserve(4096);
/** Offsets in the scratch page. */
const IV = 0;
const ROLLOVER = 16;
const MAC = 32;
const LENGTH = 64;
const NAME = 128;
const at = (offset: number): Pointer => asPointer(scratch.address + offset);

/** Key derivation with rate 0 (RFC 3711 section 4.3). */
function derive(master: Uint8Array, label: number, length: number): Uint8Array {
  const iv = Buffer.alloc(16);
  iv.set(master.subarray(16), 0);
  iv[7]! ^= label;
  return new Uint8Array(createCipheriv("aes-128-ctr", master.subarray(0, 16), iv).update(Buffer.alloc(length)));
}

/** One direction with one master key; any number of SSRCs, whose packet indexes the caller keeps. */
export class SrtpCipher {
  readonly tag: number;
  readonly #gcm: boolean;
  readonly #salt: Uint8Array;
  readonly #cipher: Pointer;
  readonly #hmac: Pointer | undefined;
  readonly #c: NonNullable<typeof symbols>;

  /** @param master key and salt, {@link keyBytes} */
  constructor(suite: BenchSuite, master: Uint8Array) {
    symbols ??= library();
    const c = symbols;
    this.#c = c;
    const { salt, tag, algorithm } = SUITES[suite];
    if (master.length !== 16 + salt) throw new Error(`${suite}: a key of ${master.length} bytes`);
    this.tag = tag;
    this.#gcm = suite === "AEAD_AES_128_GCM";
    this.#salt = derive(master, 2, salt);
    this.#cipher = c.EVP_CIPHER_CTX_new() as Pointer;
    scratch.bytes.set(Buffer.from(`${algorithm}\0`), NAME);
    scratch.bytes.set(derive(master, 0, 16), NAME + 64);
    if (c.EVP_CipherInit_ex(this.#cipher, c.EVP_get_cipherbyname(at(NAME)), null, at(NAME + 64), null, 1) !== 1)
      throw new Error(`libcrypto refuses ${algorithm}`);
    if (!this.#gcm) {
      this.#hmac = c.HMAC_CTX_new() as Pointer;
      scratch.bytes.set(derive(master, 1, 20), NAME + 64);
      c.HMAC_Init_ex(this.#hmac as Pointer, at(NAME + 64), 20, c.EVP_sha1(), null);
    }
  }

  /** Encrypts the packet (12 bytes of header) at `rtp` of `bytes`, which is at `address`, and appends the tag. */
  seal(bytes: Uint8Array, address: number, rtp: number, length: number, rollover: number): void {
    const body = asPointer(address + rtp + 12);
    if (this.#gcm) {
      this.#gcmStart(bytes, address, rtp, rollover, 1);
      this.#c.EVP_CipherUpdate(this.#cipher, body, at(LENGTH), body, length - 12);
      this.#c.EVP_CipherFinal_ex(this.#cipher, at(MAC), at(LENGTH));
      this.#c.EVP_CIPHER_CTX_ctrl(this.#cipher, 0x10, 16, asPointer(address + rtp + length));
      return;
    }
    this.#counter(bytes, address, rtp, length, rollover);
    this.#sign(address, rtp, length, rollover);
    for (let i = 0; i < 10; i++) bytes[rtp + length + i] = scratch.bytes[MAC + i]!;
  }

  /** Checks and decrypts what was `length` bytes before it was sealed; false = not authentic. */
  open(bytes: Uint8Array, address: number, rtp: number, length: number, rollover: number): boolean {
    const body = asPointer(address + rtp + 12);
    if (this.#gcm) {
      this.#gcmStart(bytes, address, rtp, rollover, 0);
      this.#c.EVP_CipherUpdate(this.#cipher, body, at(LENGTH), body, length - 12);
      this.#c.EVP_CIPHER_CTX_ctrl(this.#cipher, 0x11, 16, asPointer(address + rtp + length));
      return this.#c.EVP_CipherFinal_ex(this.#cipher, at(MAC), at(LENGTH)) === 1;
    }
    this.#sign(address, rtp, length, rollover);
    for (let i = 0; i < 10; i++) if (bytes[rtp + length + i] !== scratch.bytes[MAC + i]) return false;
    this.#counter(bytes, address, rtp, length, rollover);
    return true;
  }

  #gcmStart(bytes: Uint8Array, address: number, rtp: number, rollover: number, encrypt: number): void {
    const iv = scratch.bytes;
    iv[0] = iv[1] = 0;
    for (let i = 0; i < 4; i++) {
      iv[2 + i] = bytes[rtp + 8 + i]!;
      iv[6 + i] = rollover >>> (24 - 8 * i);
    }
    iv[10] = bytes[rtp + 2]!;
    iv[11] = bytes[rtp + 3]!;
    for (let i = 0; i < 12; i++) iv[i]! ^= this.#salt[i]!;
    this.#c.EVP_CipherInit_ex(this.#cipher, null, null, null, at(IV), encrypt);
    this.#c.EVP_CipherUpdate(this.#cipher, null, at(LENGTH), asPointer(address + rtp), 12);
  }

  #counter(bytes: Uint8Array, address: number, rtp: number, length: number, rollover: number): void {
    const iv = scratch.bytes;
    for (let i = 0; i < 16; i++) iv[i] = i < 14 ? this.#salt[i]! : 0;
    for (let i = 0; i < 4; i++) {
      iv[4 + i]! ^= bytes[rtp + 8 + i]!;
      iv[8 + i]! ^= rollover >>> (24 - 8 * i);
    }
    iv[12]! ^= bytes[rtp + 2]!;
    iv[13]! ^= bytes[rtp + 3]!;
    const body = asPointer(address + rtp + 12);
    this.#c.EVP_CipherInit_ex(this.#cipher, null, null, null, at(IV), 1);
    this.#c.EVP_CipherUpdate(this.#cipher, body, at(LENGTH), body, length - 12);
  }

  #sign(address: number, rtp: number, length: number, rollover: number): void {
    for (let i = 0; i < 4; i++) scratch.bytes[ROLLOVER + i] = rollover >>> (24 - 8 * i);
    const hmac = this.#hmac!;
    this.#c.HMAC_Init_ex(hmac, null, 0, null, null);
    this.#c.HMAC_Update(hmac, asPointer(address + rtp), length);
    this.#c.HMAC_Update(hmac, at(ROLLOVER), 4);
    this.#c.HMAC_Final(hmac, at(MAC), null);
  }
}
