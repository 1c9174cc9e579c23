/**
 * OpenSSL's libcrypto for SRTP: AES and HMAC-SHA1 in place on memory at fixed addresses.
 *
 * Measured on 172-byte packets (`npm run bench -- srtp --parts library`): a third to a quarter of what a packet costs in
 * Debian's libsrtp2, so the packet formats are our own (`src/media/srtp`) and only the ciphers come from here. libcrypto.so.3
 * is part of every Debian 12/13 and AlmaLinux 9; where it is missing {@link loadLibcrypto} says so.
 *
 * Memory: contexts belong to the object that made them and are freed by its `close`; packet memory is the caller's.
 */
import { dlopen } from "bun:ffi";
import type { Address } from "./libc.ts";
import { mapArena } from "./memory.ts";

const pointer = "ptr";
const int = "i32";

const SYMBOLS = {
  EVP_CIPHER_CTX_new: { args: [], returns: pointer },
  EVP_CIPHER_CTX_free: { args: [pointer], returns: "void" },
  EVP_CIPHER_CTX_set_padding: { args: [pointer, int], returns: int },
  EVP_CIPHER_CTX_ctrl: { args: [pointer, int, int, pointer], returns: int },
  EVP_get_cipherbyname: { args: [pointer], returns: pointer },
  EVP_EncryptInit_ex: { args: [pointer, pointer, pointer, pointer, pointer], returns: int },
  EVP_EncryptUpdate: { args: [pointer, pointer, pointer, pointer, int], returns: int },
  EVP_EncryptFinal_ex: { args: [pointer, pointer, pointer], returns: int },
  EVP_DecryptInit_ex: { args: [pointer, pointer, pointer, pointer, pointer], returns: int },
  EVP_DecryptUpdate: { args: [pointer, pointer, pointer, pointer, int], returns: int },
  EVP_DecryptFinal_ex: { args: [pointer, pointer, pointer], returns: int },
  SHA1_Init: { args: [pointer], returns: int },
  SHA1_Update: { args: [pointer, pointer, "u64"], returns: int },
  SHA1_Final: { args: [pointer, pointer], returns: int },
} as const;

/** The calls used per packet and at key set-up; addresses are numbers. */
type Calls = { readonly [Name in keyof typeof SYMBOLS]: (...args: number[]) => number };

const EVP_CTRL_AEAD_GET_TAG = 0x10;
const EVP_CTRL_AEAD_SET_TAG = 0x11;
const NULL = 0;

/** Names under which distributions ship the library, newest first. */
const LIBRARY_NAMES = ["libcrypto.so.3", "libcrypto.so.4"];

let loaded: { readonly calls: Calls } | { readonly reason: string } | undefined;

/** The library, loaded once per thread; or why not. */
export function loadLibcrypto(): { readonly calls: Calls } | { readonly reason: string } {
  if (loaded) return loaded;
  let reason = "";
  for (const name of LIBRARY_NAMES) {
    try {
      loaded = { calls: dlopen(name, SYMBOLS).symbols as unknown as Calls };
      return loaded;
    } catch (error) {
      reason ||= error instanceof Error ? error.message : String(error);
    }
  }
  loaded = { reason };
  return loaded;
}

/** A block or stream cipher with one key, initialised again for each packet with its IV. */
export class Cipher {
  readonly #context: number;
  /** Where libcrypto writes lengths that nobody needs, and where keys lie while they are set. */
  static readonly #scratch = mapArena(4_096);
  static readonly #scratchBytes = new Uint8Array(Cipher.#scratch.view());

  /**
   * @param algorithm OpenSSL's name: `AES-128-CTR`, `id-aes256-GCM`, `AES-128-ECB`
   * @throws Error when the library does not know the algorithm
   */
  constructor(
    private readonly calls: Calls,
    algorithm: string,
    key: Uint8Array,
  ) {
    const scratch = Cipher.#scratch;
    const bytes = Cipher.#scratchBytes;
    bytes.set(Buffer.from(`${algorithm}\0`, "latin1"), 0);
    const type = Number(calls.EVP_get_cipherbyname(scratch.address));
    if (type === NULL) throw new Error(`libcrypto does not know ${algorithm}`);
    this.#context = Number(calls.EVP_CIPHER_CTX_new());
    bytes.set(key, 128);
    const done = calls.EVP_EncryptInit_ex(this.#context, type, NULL, scratch.address + 128, NULL);
    bytes.fill(0, 128, 128 + key.length);
    if (done !== 1) throw new Error(`libcrypto refuses a key of ${key.length} bytes for ${algorithm}`);
    calls.EVP_CIPHER_CTX_set_padding(this.#context, 0);
  }

  /** Counter mode (both directions are the same): `length` bytes at `at`, IV of 16 bytes at `iv`. */
  counter(at: Address, length: number, iv: Address): void {
    const { calls } = this;
    calls.EVP_EncryptInit_ex(this.#context, NULL, NULL, NULL, iv);
    calls.EVP_EncryptUpdate(this.#context, at, Cipher.#scratch.address + 256, at, length);
  }

  /** One block of 16 bytes in electronic codebook mode. */
  block(out: Address, at: Address): void {
    this.calls.EVP_EncryptUpdate(this.#context, out, Cipher.#scratch.address + 256, at, 16);
  }

  /** GCM: encrypts in place and writes the 16-byte tag to `tag`; IV of 12 bytes; either part may be empty. */
  seal(aad: Address, aadLength: number, at: Address, length: number, iv: Address, tag: Address): void {
    const { calls } = this;
    const out = Cipher.#scratch.address + 256;
    calls.EVP_EncryptInit_ex(this.#context, NULL, NULL, NULL, iv);
    calls.EVP_EncryptUpdate(this.#context, NULL, out, aad, aadLength);
    if (length > 0) calls.EVP_EncryptUpdate(this.#context, at, out, at, length);
    calls.EVP_EncryptFinal_ex(this.#context, out + 64, out);
    calls.EVP_CIPHER_CTX_ctrl(this.#context, EVP_CTRL_AEAD_GET_TAG, 16, tag);
  }

  /** GCM: decrypts from `at` to `to` and checks the tag; false = not authentic, what was written to `to` is worthless. */
  open(aad: Address, aadLength: number, at: Address, length: number, to: Address, iv: Address, tag: Address): boolean {
    const { calls } = this;
    const out = Cipher.#scratch.address + 256;
    calls.EVP_DecryptInit_ex(this.#context, NULL, NULL, NULL, iv);
    calls.EVP_DecryptUpdate(this.#context, NULL, out, aad, aadLength);
    if (length > 0) calls.EVP_DecryptUpdate(this.#context, to, out, at, length);
    calls.EVP_CIPHER_CTX_ctrl(this.#context, EVP_CTRL_AEAD_SET_TAG, 16, tag);
    return calls.EVP_DecryptFinal_ex(this.#context, out + 64, out) === 1;
  }

  close(): void {
    this.calls.EVP_CIPHER_CTX_free(this.#context);
  }
}

/**
 * HMAC-SHA1 (RFC 2104) with one key, over the plain SHA-1 calls: the hash states after the inner and the outer pad lie side
 * by side in memory of ours, and each packet starts from copies. libcrypto's own HMAC allocates and frees on every packet
 * and takes twice the time.
 */
export class Hmac {
  readonly #calls: Calls;
  readonly #states: HashStates;
  readonly #at: number;

  constructor(calls: Calls, key: Uint8Array) {
    this.#calls = calls;
    this.#states = HashStates.withRoom();
    this.#at = this.#states.take();
    const { bytes, address } = this.#states;
    for (const [state, pad] of [
      [INNER, 0x36],
      [OUTER, 0x5c],
    ] as const) {
      const block = BLOCK_AT;
      for (let i = 0; i < SHA1_BLOCK; i++) bytes[block + i] = (key[i] ?? 0) ^ pad;
      calls.SHA1_Init(address + this.#at + state);
      calls.SHA1_Update(address + this.#at + state, address + block, SHA1_BLOCK);
      bytes.fill(0, block, block + SHA1_BLOCK);
    }
  }

  /** 20 bytes to `out`: over `length` bytes at `at`, then 4 bytes at `trailer`. */
  sign(at: Address, length: number, trailer: Address, out: Address): void {
    const calls = this.#calls;
    const { bytes, address } = this.#states;
    bytes.copyWithin(0, this.#at + INNER, this.#at + INNER + SHA1_STATE);
    calls.SHA1_Update(address, at, length);
    if (trailer !== NULL) calls.SHA1_Update(address, trailer, 4);
    calls.SHA1_Final(out, address);
    bytes.copyWithin(0, this.#at + OUTER, this.#at + OUTER + SHA1_STATE);
    calls.SHA1_Update(address, out, SHA1_DIGEST);
    calls.SHA1_Final(out, address);
  }

  close(): void {
    this.#states.give(this.#at);
  }
}

/** `SHA_CTX`: five words of state, two of length, a block, the count in it. Bytes. */
const SHA1_STATE = 96;
const SHA1_BLOCK = 64;
const SHA1_DIGEST = 20;

/** A key's place: the state after the inner pad, then the one after the outer pad. */
const INNER = 0;
const OUTER = SHA1_STATE;
const PLACE = 2 * SHA1_STATE;
/** In front of the places: the state that is being worked on, then a block while a key is set. */
const BLOCK_AT = SHA1_STATE;
const FIRST_PLACE = 192;
const PLACES = 340;

/** Memory for the hash states of many keys; never given back, used again. */
class HashStates {
  static readonly #all: HashStates[] = [];
  readonly bytes: Uint8Array;
  readonly address: Address;
  readonly #free: number[];

  /** Some memory with a free place. */
  static withRoom(): HashStates {
    const known = HashStates.#all.findLast((states) => states.#free.length > 0);
    if (known) return known;
    const fresh = new HashStates();
    HashStates.#all.push(fresh);
    return fresh;
  }

  private constructor() {
    const arena = mapArena(FIRST_PLACE + PLACES * PLACE);
    this.bytes = new Uint8Array(arena.view());
    this.address = arena.address;
    this.#free = Array.from({ length: PLACES }, (_, i) => FIRST_PLACE + (PLACES - 1 - i) * PLACE);
  }

  take(): number {
    return this.#free.pop()!;
  }

  give(at: number): void {
    this.bytes.fill(0, at, at + PLACE);
    this.#free.push(at);
  }
}
