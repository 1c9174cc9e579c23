/** SDES in the benchmark's calls: what each party speaks, its key, and the keys that the relay answers with (RFC 4568). */
import { type BenchSuite, keyBytes } from "./srtp-cipher.ts";

/** Suite of each party; undefined = plain RTP. */
export interface CallSecurity {
  readonly a: BenchSuite | undefined;
  readonly b: BenchSuite | undefined;
}

/** Keys under which the relay sends to A and to B, as in its `a=crypto` lines; undefined = plain. */
export type RelayKeys = readonly [facingA: string | undefined, facingB: string | undefined];

/** Key of a party, the same in all calls: its packets differ by SSRC. */
export function partyKey(party: "a" | "b", suite: BenchSuite): string {
  const key = Uint8Array.from({ length: keyBytes(suite) }, (_, i) => (i * 37 + (party === "a" ? 11 : 101)) & 255);
  return Buffer.from(key).toString("base64");
}

/** Lines of a party's SDP; `tag` is one character. */
export const cryptoLines = (party: "a" | "b", suite: BenchSuite | undefined, tag: string): string[] =>
  suite ? [`a=crypto:${tag} ${suite} inline:${partyKey(party, suite)}`] : [];

export const transport = (suite: BenchSuite | undefined): string => (suite ? "RTP/SAVP" : "RTP/AVP");

/** The relay's tag and key for a suite; throws with its words when it does not offer it. */
export function relayCrypto(reply: string, suite: BenchSuite): { readonly tag: string; readonly key: string } {
  const match = new RegExp(`^a=crypto:(\\d) ${suite} inline:([A-Za-z0-9+/=]+)`, "m").exec(reply);
  if (!match) throw new Error(`no a=crypto line for ${suite} in the reply: ${reply.slice(0, 1500)}`);
  return { tag: match[1]!, key: match[2]! };
}
