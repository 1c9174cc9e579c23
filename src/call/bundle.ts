/** Several sections of a party on one transport (BUNDLE, RFC 9143): who takes part, and whose transport it is. */
import type { SessionDescription } from "../sdp/model.ts";
import type { Leg, MediaSection, Stream } from "./call.ts";
import { endTransport } from "./connectivity.ts";
import type { Directives } from "./directives.ts";
import { closePorts } from "./local-ports.ts";
import type { Outbox } from "./outbox.ts";

/** Mids of the first BUNDLE group, in its order. */
export function bundledMids({ groups }: SessionDescription): readonly string[] {
  const group = groups.find((each) => each.startsWith("BUNDLE "));
  return group
    ? group
        .split(" ")
        .slice(1)
        .filter((mid) => mid !== "")
    : [];
}

/** Before the ports of an offer are taken. */
export function offerBundle(
  from: MediaSection,
  to: MediaSection,
  mids: readonly string[],
  { bundle }: Directives,
): void {
  const accepted = bundle.has("accept") && !bundle.has("reject");
  from.bundled = accepted && from.isRtp && from.mid !== undefined && mids.includes(from.mid);
  to.bundleOffered = bundle.has("offer") && to.isRtp;
  to.bundled = to.bundleOffered && (bundle.has("require") || to.bundled);
}

/** Before the ports of an answer are taken. */
export function answerBundle(from: MediaSection, to: MediaSection, mids: readonly string[]): void {
  const agreed = from.bundleOffered && from.mid !== undefined && mids.includes(from.mid) && from.muxAgreed;
  // What was offered with one port only has nowhere else to go.
  const alone = from.bundled && from !== from.carrier;
  from.bundled = agreed || alone;
  to.bundled &&= to.muxAgreed;
}

/**
 * Once it is known which sections there are: one of the bundled ones has the transport, and the others none. A transport
 * whose section was rejected goes on with another one (RFC 9143 section 7.5.2).
 */
export function settleBundle(leg: Leg, out: Outbox): void {
  const before = leg.bundleOwner;
  if (!before && !leg.sections.some(({ bundled }) => bundled)) return;
  const members = leg.sections.filter(({ bundled, rejected }) => bundled && !rejected);
  const owner = before && members.includes(before) ? before : members[0];
  leg.bundleOwner = owner;
  if (before?.rejected) {
    if (owner && !owner.ports) moveTransport(before, owner, out);
    endTransport(before, out);
    closePorts(before, out);
  }
  for (const member of members) {
    if (member === owner) continue;
    endTransport(member, out);
    closePorts(member, out);
  }
}

/** Ports, ICE and keys of one section become another one's. */
export function moveTransport(from: MediaSection, to: MediaSection, { state }: Outbox): void {
  const sets = from.portSets().map((set) => ({
    ...pair(set),
    others: set.others.map(pair),
    peer: set.peer,
  }));
  to.retired.push(...(from.ports ? sets.slice(1) : sets));
  to.ports = from.ports ? sets[0] : undefined;
  from.ports = undefined;
  from.retired.length = 0;
  [from.ice, to.ice] = [to.ice, from.ice];
  [from.protection, to.protection] = [to.protection, from.protection];
  const at = from.timerPlace >= 0 ? from.timerAt : undefined;
  state.timers.set(from, undefined);
  state.timers.set(to, at);

  function pair({ rtp, rtcp }: { readonly rtp: Stream; readonly rtcp: Stream | undefined }) {
    return { rtp: move(rtp), rtcp: rtcp && move(rtcp) };
  }

  function move(stream: Stream): Stream {
    const moved = { ...stream, section: to };
    state.streams.set(moved.socket.id, moved);
    return moved;
  }
}

/** The group line of a party: the owner first. */
export function groupOf(leg: Leg, shown: (section: MediaSection) => boolean): string | undefined {
  const members = leg.sections.filter((each) => each.mid !== undefined && shown(each));
  if (members.length === 0) return undefined;
  const owner = leg.bundleOwner && members.includes(leg.bundleOwner) ? leg.bundleOwner : members[0];
  return `BUNDLE ${[owner, ...members.filter((each) => each !== owner)].map((each) => each!.mid).join(" ")}`;
}
