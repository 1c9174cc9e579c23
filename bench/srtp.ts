/**
 * `bench srtp`: what encryption costs on the packet path. The same calls as in the `cpu` part of `bench relay`, but with
 * SDES on one side or with another suite on either: each packet is decrypted, encrypted or both, and the load generator
 * checks that what arrives is authentic and, in clear, what was sent.
 */
import type { Field } from "./field.ts";
import { pairs, peerWithin, printRelay, type RelayFigures, rounds } from "./relay.ts";
import type { CallSecurity } from "./secure-call.ts";
import { type LibraryFigures, libraryPart } from "./srtp-library.ts";

const PARTS: Readonly<Record<string, readonly [title: string, security: CallSecurity]>> = {
  sdes: ["AES_CM_128_HMAC_SHA1_80 to plain RTP", { a: "AES_CM_128_HMAC_SHA1_80", b: undefined }],
  gcm: ["AEAD_AES_128_GCM to plain RTP", { a: "AEAD_AES_128_GCM", b: undefined }],
  bridge: ["AES_CM_128_HMAC_SHA1_80 to AEAD_AES_128_GCM", { a: "AES_CM_128_HMAC_SHA1_80", b: "AEAD_AES_128_GCM" }],
};

export async function srtpBenchmark(field: Field): Promise<object> {
  const { options } = field;
  for (const part of options.parts)
    if (!PARTS[part] && part !== "library")
      throw new Error(`--parts ${part}: one of library, ${Object.keys(PARTS).join(", ")}`);
  const summary: Record<string, readonly RelayFigures[] | readonly LibraryFigures[]> = {};
  if (options.parts.length === 0 || options.parts.includes("library")) summary["library"] = libraryPart();
  for (const [part, [title, security]] of Object.entries(PARTS)) {
    if (options.parts.length > 0 && !options.parts.includes(part)) continue;
    const all: RelayFigures[] = [];
    for (const calls of options.quick ? options.calls.slice(-1) : options.calls) {
      const entrants = await field.enter(pairs(field, options.threads));
      for (const entrant of entrants) await field.setUp(entrant, calls, true, security);
      await field.settle(entrants);
      const point = await rounds(field, entrants, { calls }, peerWithin(entrants));
      printRelay(`CPU per relayed packet, ${title}, ${calls} calls x 2 x 50 packets/s`, point);
      all.push(...point);
      await field.leave();
    }
    summary[part] = all;
  }
  return summary;
}
