/**
 * Opportunistic SRTP in the manner of before RFC 8643: each section twice, secure and plain, with one port. Inside there is
 * only one section; the twin comes and goes at the edge.
 */
import type { MediaDescription, SessionDescription } from "../sdp/model.ts";
import { legacyTwins } from "../sdp/transport.ts";
import type { MediaSection } from "./call.ts";

/** The declined half of a pair. */
export interface Twin {
  /** It came before the secure one. */
  readonly before: boolean;
  readonly type: string;
  readonly formatText: string;
}

export interface MergedSdp {
  readonly sdp: SessionDescription;
  /** By place in `sdp.media`. */
  readonly twins: ReadonlyMap<number, Twin>;
}

/** The offer with the plain halves taken out. */
export function mergeOffer(sdp: SessionDescription): MergedSdp {
  const pairs = legacyTwins(sdp.media);
  const twins = new Map<number, Twin>();
  if (pairs.length === 0) return { sdp, twins };
  const media: MediaDescription[] = [];
  sdp.media.forEach((each, i) => {
    if (pairs.some(({ plain }) => plain === i)) return;
    const pair = pairs.find(({ secure }) => secure === i);
    if (pair) {
      const { type, formatText } = sdp.media[pair.plain]!;
      twins.set(media.length, { before: pair.plain < pair.secure, type, formatText });
    }
    media.push(each);
  });
  return { sdp: { ...sdp, media }, twins };
}

/** The answer of a party that was shown twins: of each pair the half that it took. */
export function mergeAnswer(sdp: SessionDescription, shown: readonly MediaSection[]): SessionDescription {
  const media: MediaDescription[] = [];
  let next = 0;
  for (const { twinShown } of shown) {
    const first = sdp.media[next++];
    if (!first) break;
    const second = twinShown ? sdp.media[next++] : undefined;
    media.push(second && (first.port === 0 || second.port !== 0) ? second : first);
  }
  media.push(...sdp.media.slice(next));
  return { ...sdp, media };
}
