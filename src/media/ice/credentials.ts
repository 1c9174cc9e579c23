/**
 * ICE user fragment and password (RFC 8445 section 5.3).
 */

export interface IceCredentials {
  /** `a=ice-ufrag`, byte string. */
  readonly ufrag: string;
  /** `a=ice-pwd`, byte string: the HMAC key of the checks. */
  readonly pwd: string;
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const UFRAG_SIZE = 8;
const PWD_SIZE = 26;
/** RFC 8839 section 5.4. */
const MAX_SIZE = 256;

/** New credentials: 8 and 26 characters of `A-Z a-z 0-9`; 47 and 154 bits of randomness. */
export function newCredentials(random: { bytes(count: number): Uint8Array }): IceCredentials {
  return { ufrag: token(random, UFRAG_SIZE), pwd: token(random, PWD_SIZE) };
}

/** A new tie-breaker for role conflicts: 64 random bits. */
export function newTieBreaker(random: { bytes(count: number): Uint8Array }): bigint {
  return random.bytes(8).reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

/** Why a peer's credentials cannot be used; undefined if they can. Lengths below the RFC's minimum are taken as they are. */
export function credentialsFault({ ufrag, pwd }: IceCredentials): string | undefined {
  if (ufrag === "" || ufrag.length > MAX_SIZE) return `ice-ufrag has ${ufrag.length} characters, 4 to 256 are allowed`;
  if (pwd === "" || pwd.length > MAX_SIZE) return `ice-pwd has ${pwd.length} characters, 22 to 256 are allowed`;
  // the STUN USERNAME is "ufrag:ufrag": a colon inside would make it ambiguous
  return ufrag.includes(":") ? "ice-ufrag contains a colon" : undefined;
}

function token(random: { bytes(count: number): Uint8Array }, size: number): string {
  let text = "";
  // 248 = 4 * 62: bytes above it are thrown away so that all characters are equally likely
  while (text.length < size) {
    for (const byte of random.bytes(size)) {
      if (byte < 248 && text.length < size) text += ALPHABET[byte % ALPHABET.length];
    }
  }
  return text;
}
