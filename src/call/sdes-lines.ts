/** `a=crypto` lists that we print and the keys in them (RFC 4568). */
import type { SrtpKeys } from "../media/srtp/suites.ts";
import { srtpSuite } from "../media/srtp/suites.ts";
import { type CryptoKeys, cryptoKeys, cryptoSuite, encodeBase64, formatCryptoParams } from "../sdp/crypto.ts";
import type { CryptoLine } from "../sdp/model.ts";
import { allowedLines, missingSuites, nextTag, orderedLines, type SdesPolicy } from "../sdp/sdes.ts";
import type { Context } from "./transition.ts";

type Random = Context["random"];

const NO_MKI = new Uint8Array(0);

/** The keys of a line; undefined when they are malformed. */
export function srtpKeysOf(line: CryptoLine): SrtpKeys | undefined {
  const keys = cryptoKeys(line);
  const suite = keys && srtpSuite(keys.suite.name);
  if (!suite) return undefined;
  return {
    suite,
    masterKey: keys.key,
    masterSalt: keys.salt,
    mki: keys.mki ?? NO_MKI,
    unencryptedRtp: keys.unencryptedSrtp,
    unencryptedRtcp: keys.unencryptedSrtcp,
    unauthenticatedRtp: keys.unauthenticatedSrtp,
  };
}

/** Whether both protect packets in the very same way. */
export function sameKeys(a: SrtpKeys, b: SrtpKeys): boolean {
  return (
    a.suite === b.suite &&
    sameBytes(a.masterKey, b.masterKey) &&
    sameBytes(a.masterSalt, b.masterSalt) &&
    sameBytes(a.mki, b.mki) &&
    a.unencryptedRtp === b.unencryptedRtp &&
    a.unencryptedRtcp === b.unencryptedRtcp &&
    a.unauthenticatedRtp === b.unauthenticatedRtp
  );
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** Lines whose keys can be used, in their order. */
export function usableLines(lines: readonly CryptoLine[]): readonly CryptoLine[] {
  const usable = lines.filter((line) => cryptoKeys(line) !== undefined);
  return usable.length === lines.length ? lines : usable;
}

/**
 * The list of an offer: what the sender offers, with its tags and keys; what we offered to this party before; then all other
 * suites with keys of our own.
 *
 * @param given lines of the sender of the offer
 * @param before lines of our last offer to this party
 */
export function offeredLines(
  given: readonly CryptoLine[],
  before: readonly CryptoLine[],
  policy: SdesPolicy,
  random: Random,
): readonly CryptoLine[] {
  const lines = allowedLines(usableLines(given), policy).map((line) => printed(line, line.tag, policy));
  for (const line of allowedLines(before, policy)) {
    if (lines.some(({ suite }) => suite === line.suite)) continue;
    const taken = lines.some(({ tag }) => tag === line.tag);
    lines.push(printed(line, taken ? nextTag([...lines, ...before]) : line.tag, policy));
  }
  for (const suite of missingSuites(lines, policy)) lines.push(ownLine(nextTag(lines), suite, policy, random));
  return orderedLines(lines, policy.order);
}

/** A line with a key of our own. */
export function ownLine(tag: number, suite: string, policy: SdesPolicy, random: Random): CryptoLine {
  const { keyLength, saltLength } = cryptoSuite(suite)!;
  const { pad, lifetime, sessionParameters: session } = policy;
  return { tag, suite, params: formatCryptoParams(random.bytes(keyLength + saltLength), { pad, lifetime, session }) };
}

/** Another party's line as we print it: with its keys, but base64 and lifetime in our way. */
export function printed(line: CryptoLine, tag: number, { pad, lifetime }: SdesPolicy): CryptoLine {
  const keys = cryptoKeys(line);
  if (!keys) return { ...line, tag };
  let params = `inline:${encodeBase64(new Uint8Array([...keys.key, ...keys.salt]), pad)}`;
  if (lifetime) params += "|2^31";
  if (keys.mki) params += `|${mkiText(keys.mki)}`;
  for (const word of sessionWords(keys)) params += ` ${word}`;
  return { tag, suite: line.suite, params };
}

function mkiText(mki: Uint8Array): string {
  let value = 0n;
  for (const byte of mki) value = (value << 8n) | BigInt(byte);
  return `${value}:${mki.length}`;
}

function sessionWords({ unencryptedSrtp, unencryptedSrtcp, unauthenticatedSrtp }: CryptoKeys): string[] {
  const words: string[] = [];
  if (unencryptedSrtp) words.push("UNENCRYPTED_SRTP");
  if (unencryptedSrtcp) words.push("UNENCRYPTED_SRTCP");
  if (unauthenticatedSrtp) words.push("UNAUTHENTICATED_SRTP");
  return words;
}

/**
 * The offerer's line to answer: the suite named, else the one negotiated before (`static`), else its first after
 * `offerer_pref`. Undefined: it offered none that may be used.
 *
 * @param wanted the suite that the answerer has chosen, where it speaks SDES too
 * @param before the suite in use towards the offerer
 */
export function lineToAnswer(
  offered: readonly CryptoLine[],
  wanted: string | undefined,
  before: string | undefined,
  policy: SdesPolicy,
): CryptoLine | undefined {
  const lines = orderedLines(allowedLines(usableLines(offered), policy), policy.offererPreference);
  const bySuite = (suite: string | undefined) => lines.find((line) => line.suite === suite);
  return (policy.keepNegotiated ? bySuite(before) : undefined) ?? bySuite(wanted) ?? lines[0];
}
