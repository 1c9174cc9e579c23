/** Trickle ICE fragments (RFC 8840): candidates that come after, or before, the SDP they belong to. */
import { MAX_CANDIDATES } from "../limits.ts";
import type { Candidate, SessionDescription } from "../sdp/model.ts";
import type { Call, Leg, MediaSection } from "./call.ts";
import { runIce } from "./connectivity.ts";
import type { Directives } from "./directives.ts";
import type { Outbox } from "./outbox.ts";

export function takeFragment(call: Call | undefined, sdp: SessionDescription, given: Directives, out: Outbox): void {
  const leg = call && senderOf(call, given);
  if (!call || !leg) {
    out.log("debug", given.callId, "ICE fragment for a party that is not known", "ice");
    return;
  }
  const common = sdp.defaults.iceUfrag;
  if (sdp.candidates.length > 0) {
    // Without m= lines: for the first transport there is.
    const section = leg.sections.find((each) => !each.rejected);
    if (section) take(section.carrier, common, sdp.candidates, sdp.endOfCandidates, out);
  }
  sdp.media.forEach((media, i) => {
    const byMid = media.mid === undefined ? undefined : leg.sections.find(({ mid }) => mid === media.mid);
    const section = byMid ?? leg.sections[i];
    if (!section || section.rejected) return;
    take(section.carrier, media.iceUfrag ?? common, media.candidates, media.endOfCandidates, out);
  });
}

/** The party may not have answered yet: then it has no tag, or another branch has it. */
function senderOf(call: Call, { command, fromTag, toTag, viaBranch }: Directives): Leg | undefined {
  const [own, other] = command === "answer" ? [toTag, fromTag] : [fromTag, toTag];
  const named = own === undefined ? undefined : call.legByTag(own);
  if (named) return named;
  const branch = viaBranch === undefined ? undefined : call.legs.findLast((leg) => leg.viaBranch === viaBranch);
  const partner = other === undefined ? undefined : call.legByTag(other);
  return branch ?? partner?.partners.findLast((leg) => leg.tag === undefined);
}

function take(
  section: MediaSection,
  ufrag: string | undefined,
  candidates: readonly Candidate[],
  complete: boolean,
  out: Outbox,
): void {
  const { ice } = section;
  if (!ice.on) return;
  const usable = candidates.filter(({ component }) => component === 1 || component === 2);
  if (!ice.agent) {
    ice.early = [...ice.early, ...usable.map((candidate) => ({ ufrag, candidate }))].slice(0, MAX_CANDIDATES);
    return;
  }
  runIce(section, out, (agent) => agent.addCandidates(usable, out.context, ufrag));
  if (complete) ice.agent.endOfCandidates();
}
