/**
 * SDES keys (RFC 4568) between two SRTP parties: lines go through with their keys, so both sides use the same ones and
 * packets need no decryption on their way.
 */
import type { CryptoLine, MediaDescription } from "../sdp/model.ts";
import { allowedLines, orderedLines, sdesPolicy } from "../sdp/sdes.ts";
import { effectiveProfile, isOpportunistic, transportProfile } from "../sdp/transport.ts";
import type { MediaSection } from "./call.ts";
import type { Directives } from "./directives.ts";
import type { Outbox } from "./outbox.ts";

const NONE: readonly CryptoLine[] = [];

/** Lines to print for the receiver. A leg that would need keys of our own gets none yet, and the log says so. */
export function presentCrypto(
  from: MediaSection,
  to: MediaSection,
  directives: Directives,
  phase: "offer" | "answer",
  out: Outbox,
): readonly CryptoLine[] {
  const media = from.description;
  if (!media?.isRtp) return NONE;
  const lines = phase === "offer" ? offeredLines(to, media, directives) : answeredLine(from, to, media);
  const wanted = (transportProfile(to.protocol)?.secure ?? false) || lines.length > 0;
  const given = effectiveProfile(media)?.secure ?? false;
  if (wanted !== given || (wanted && lines.length === 0)) {
    out.log(
      "warning",
      to.leg.call.id,
      `Media #${to.index}: ${media.protocol} to ${to.protocol} needs keys of our own, which this version cannot ` +
        "make: the parties will not understand each other's packets",
      "srtp",
    );
  }
  return lines;
}

function offeredLines(
  to: MediaSection,
  media: MediaDescription,
  { sdes, transport }: Directives,
): readonly CryptoLine[] {
  if (media.crypto.length === 0) return NONE;
  const secure = transportProfile(to.protocol)?.secure ?? false;
  // Opportunistic SRTP keeps the plain name and the keys unless a protocol is asked for (RFC 8643).
  if (!secure && !(isOpportunistic(media) && transport === undefined)) return NONE;
  if (sdes.length === 0) return media.crypto;
  const policy = sdesPolicy(sdes);
  return policy.off ? NONE : orderedLines(allowedLines(media.crypto, policy), policy.order);
}

/** The line the answerer chose, under the tag that its suite has in the offerer's list. */
function answeredLine(from: MediaSection, to: MediaSection, media: MediaDescription): readonly CryptoLine[] {
  const [chosen] = media.crypto;
  if (!chosen || !from.presentedCrypto.some(({ suite }) => suite === chosen.suite)) return NONE;
  const offered = to.description?.crypto.find(({ suite }) => suite === chosen.suite);
  return offered ? [{ tag: offered.tag, suite: chosen.suite, params: chosen.params }] : NONE;
}
