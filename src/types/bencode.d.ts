/** The npm package `bencode` has no declarations of its own; only what is used here. */
declare module "bencode" {
  const bencode: {
    encode(data: unknown): Uint8Array;
    /** Throws on malformed input. With an encoding, byte strings become text. */
    decode(data: Uint8Array, encoding?: "utf8"): unknown;
  };
  export default bencode;
}
