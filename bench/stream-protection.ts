/** SRTP of a load: which streams are sealed, which arrive sealed, with whose key and packet index. */
import { type CallSecurity, partyKey, type RelayKeys } from "./secure-call.ts";
import { MAX_TAG, SrtpCipher, tagBytes } from "./srtp-cipher.ts";
import { reserve } from "./sys.ts";

const fromBase64 = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "base64"));

export class StreamProtection {
  /** By party: what it sends with. */
  readonly #out: readonly (SrtpCipher | undefined)[];
  /** By stream that receives: what the relay sends to it with. */
  readonly #in: readonly (SrtpCipher | undefined)[];
  readonly #tags: readonly [number, number];
  /** A packet that has arrived, from word 0. */
  readonly clear = reserve(2048);

  constructor(security: CallSecurity, keys: readonly RelayKeys[]) {
    const { a, b } = security;
    this.#tags = [a ? tagBytes(a) : 0, b ? tagBytes(b) : 0];
    this.#out = (["a", "b"] as const).map((party) => {
      const suite = security[party];
      return suite && new SrtpCipher(suite, fromBase64(partyKey(party, suite)));
    });
    this.#in = keys.flatMap(([facingA, facingB]) => [
      a && new SrtpCipher(a, fromBase64(facingA!)),
      b && new SrtpCipher(b, fromBase64(facingB!)),
    ]);
  }

  static readonly room = MAX_TAG;

  /** Bytes that the party of a stream has more in its packets, sent and received. */
  tag(stream: number): number {
    return this.#tags[stream & 1]!;
  }

  seal(stream: number, bytes: Uint8Array, address: number, rtp: number, length: number, sequence: number): void {
    this.#out[stream & 1]?.seal(bytes, address, rtp, length, sequence >>> 16);
  }

  /**
   * Copies what a party received to {@link clear} and decrypts it there; false = not authentic.
   * @param next sequence number, not cut to 16 bits, that its sender will use next
   */
  open(receiver: number, i32: Int32Array, rtp: number, length: number, next: number): boolean {
    const { i32: clear, bytes, address } = this.clear;
    const words = (length + this.tag(receiver) + 3) >> 2;
    for (let w = 0; w < words; w++) clear[w] = i32[rtp + w]!;
    const sequence = (bytes[2]! << 8) | bytes[3]!;
    // Sent at most half the number space ago.
    const index = next - ((next - sequence) & 0xffff);
    return this.#in[receiver]!.open(bytes, address, 0, length, index >>> 16);
  }
}
