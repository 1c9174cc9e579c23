/** Cipher suites: ECDHE with AES-GCM only (RFC 5289), as RFC 7525 and RFC 8827 section 6.5 ask. Nothing with CBC or without PFS. */

export interface CipherSuite {
  readonly id: number;
  /** OpenSSL's name. */
  readonly name: string;
  /** The kind of certificate it goes with. */
  readonly authentication: "ec" | "rsa";
  /** Name for the AEAD in `node:crypto`. */
  readonly cipher: "aes-128-gcm" | "aes-256-gcm";
  readonly keyBytes: 16 | 32;
  /** Hash of the PRF and of the transcript. */
  readonly hash: "sha256" | "sha384";
}

/** In order of preference. AES-128 first: DTLS carries nothing but its own handshake here. */
export const CIPHER_SUITES: readonly CipherSuite[] = [
  suite(0xc02b, "ECDHE-ECDSA-AES128-GCM-SHA256", "ec", 16),
  suite(0xc02f, "ECDHE-RSA-AES128-GCM-SHA256", "rsa", 16),
  suite(0xc02c, "ECDHE-ECDSA-AES256-GCM-SHA384", "ec", 32),
  suite(0xc030, "ECDHE-RSA-AES256-GCM-SHA384", "rsa", 32),
];

function suite(id: number, name: string, authentication: "ec" | "rsa", keyBytes: 16 | 32): CipherSuite {
  return keyBytes === 16
    ? { id, name, authentication, cipher: "aes-128-gcm", keyBytes, hash: "sha256" }
    : { id, name, authentication, cipher: "aes-256-gcm", keyBytes, hash: "sha384" };
}

/** What OpenSSL's group words (ciphers(1)) select among our suites. Words of other suites select none. */
const WORDS: ReadonlyMap<string, (suite: CipherSuite) => boolean> = new Map([
  ...["DEFAULT", "ALL", "HIGH", "COMPLEMENTOFDEFAULT", "FIPS", "TLSv1.2", "AES", "AESGCM"].map(all),
  ...["ECDHE", "EECDH", "kECDHE", "kEECDH", "ECDH"].map(all),
  ...["ECDSA", "aECDSA"].map((word) => [word, ({ authentication }: CipherSuite) => authentication === "ec"] as const),
  ["aRSA", ({ authentication }) => authentication === "rsa"],
  ["AES128", ({ keyBytes }) => keyBytes === 16],
  ["AES256", ({ keyBytes }) => keyBytes === 32],
  ["SHA256", ({ hash }) => hash === "sha256"],
  ["SHA384", ({ hash }) => hash === "sha384"],
]);

function all(word: string): readonly [string, (suite: CipherSuite) => boolean] {
  return [word, () => word !== "COMPLEMENTOFDEFAULT"];
}

/**
 * The suites that a cipher list in OpenSSL's syntax leaves of ours, in its order: `DEFAULT:!aRSA`, names, `+`, `-`, `!` and
 * `+` inside a word. Suites that we do not have are skipped; an empty result means that the list allows none of ours.
 */
export function cipherSuites(list: string): readonly CipherSuite[] {
  let chosen: CipherSuite[] = [];
  const killed = new Set<CipherSuite>();
  for (const token of list.split(/[:, ]+/)) {
    if (token === "" || token.startsWith("@")) continue;
    const [, operator = "", words = ""] = /^([-!+]?)(.*)$/.exec(token)!;
    const matching = CIPHER_SUITES.filter((candidate) => words.split("+").every((word) => matches(candidate, word)));
    const others = chosen.filter((kept) => !matching.includes(kept));
    if (operator === "!") for (const gone of matching) killed.add(gone);
    if (operator === "!" || operator === "-") chosen = others;
    else if (operator === "+") chosen = [...others, ...chosen.filter((kept) => matching.includes(kept))];
    else chosen.push(...matching.filter((found) => !killed.has(found) && !chosen.includes(found)));
  }
  return chosen;
}

function matches(candidate: CipherSuite, word: string): boolean {
  return candidate.name === word || (WORDS.get(word)?.(candidate) ?? false);
}
