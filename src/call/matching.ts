/**
 * Which section of either party an `m=` line is about: by `a=mid` where both have it (RFC 5888), else by place. Worked out
 * before anything changes.
 */
import { MAX_SECTIONS } from "../limits.ts";
import type { MediaDescription, SessionDescription } from "../sdp/model.ts";
import type { Leg, MediaSection } from "./call.ts";

export interface SectionMatch {
  readonly media: MediaDescription;
  /** Places in `sections` of the two legs; one past the end means a new section. */
  readonly sender: number;
  /** Undefined: the receiver does not see this section (`sdp-media-remove`). */
  readonly receiver: number | undefined;
}

/** Undefined when a leg would get more sections than {@link MAX_SECTIONS}. */
export function matchOffer(
  sender: Leg | undefined,
  receiver: Leg | undefined,
  sdp: SessionDescription,
  removed: (type: string) => boolean,
): SectionMatch[] | undefined {
  const senders = placesBySender(sender?.sections ?? [], sdp.media, true);
  const receivers = new Places(receiver?.sections ?? []);
  const known = sdp.media.map((_, i) => {
    const peer = receiver && sender?.sections[senders[i]!]?.peerIn(receiver);
    if (peer) receivers.take(peer.index - 1);
    return peer ? peer.index - 1 : undefined;
  });
  const matches = sdp.media.map((media, i) => {
    let place = known[i];
    if (place === undefined && !removed(media.type)) {
      const free = (section: MediaSection) => !sender || !section.sources.some(({ source }) => source.leg === sender);
      place = receivers.byMid(media.mid, free) ?? receivers.byPlace(i, free) ?? receivers.append();
    }
    return { media, sender: senders[i]!, receiver: place !== undefined && removed(media.type) ? undefined : place };
  });
  if (receivers.count > MAX_SECTIONS || Math.max(0, ...senders) >= MAX_SECTIONS) return undefined;
  return matches;
}

/** `sender`: the answerer, or the leg whose offer is answered. Sections that were never offered are left out. */
export function matchAnswer(sender: Leg, receiver: Leg, sdp: SessionDescription): SectionMatch[] {
  const senders = placesBySender(sender.sections, sdp.media, false);
  const receivers = new Places(receiver.sections);
  const known = senders.map((place) => {
    const peer = sender.sections[place]?.peerIn(receiver);
    return peer && receivers.take(peer.index - 1);
  });
  // A section that stands for another one of the answerer is not free, mentioned or not.
  const free = (section: MediaSection) => section.peerIn(sender) === undefined;
  const matches: SectionMatch[] = [];
  sdp.media.forEach((media, i) => {
    const place = senders[i]!;
    const section = sender.sections[place];
    if (!section) return;
    const opposite = known[i] ?? receivers.byMid(section.mid, free) ?? receivers.byPlace(place, free);
    if (opposite !== undefined) matches.push({ media, sender: place, receiver: opposite });
  });
  return matches;
}

/** For each m= line the place of its section within the leg that sent it. */
function placesBySender(
  sections: readonly MediaSection[],
  media: readonly MediaDescription[],
  grow: boolean,
): number[] {
  const places = new Places(sections);
  const byMid = media.map((each) => places.byMid(each.mid, everySection));
  return byMid.map(
    (place, i) => place ?? places.byPlace(i, everySection) ?? (grow ? places.append() : sections.length),
  );
}

const everySection = () => true;

/** Sections of one leg while they are being given away. */
class Places {
  private readonly taken = new Set<number>();
  count: number;

  constructor(private readonly sections: readonly MediaSection[]) {
    this.count = sections.length;
  }

  take(place: number): number {
    this.taken.add(place);
    return place;
  }

  byMid(mid: string | undefined, usable: (section: MediaSection) => boolean): number | undefined {
    if (mid === undefined) return undefined;
    const at = this.sections.findIndex((each, i) => each.mid === mid && !this.taken.has(i) && usable(each));
    return at < 0 ? undefined : this.take(at);
  }

  byPlace(place: number, usable: (section: MediaSection) => boolean): number | undefined {
    const section = this.sections[place];
    return section && !this.taken.has(place) && usable(section) ? this.take(place) : undefined;
  }

  append(): number {
    this.count += 1;
    return this.count - 1;
  }
}
