/** The npm package `bencode` has no declarations of its own; only what is used here. */
declare module "bencode" {
  const bencode: {
    encode(data: unknown): Uint8Array;
    /** Byte strings come back as `Uint8Array`. Throws on malformed input. */
    decode(data: Uint8Array): unknown;
  };
  export default bencode;
}
