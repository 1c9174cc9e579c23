/** The `answer` command. Everything that can refuse it comes before the first change. */
import { moveTransport } from "./bundle.ts";
import { type Call, type Leg, link } from "./call.ts";
import type { Directives } from "./directives.ts";
import { takeFragment } from "./fragment.ts";
import { closePorts } from "./local-ports.ts";
import { matchAnswer } from "./matching.ts";
import { exchange, sectionAt } from "./negotiation.ts";
import { mergeAnswer } from "./osrtp.ts";
import type { Outbox } from "./outbox.ts";
import { endWithoutPorts, isOwnLoop, LOOP_MESSAGE, NO_MEDIA, readSdp } from "./request.ts";
import { classifyFamilies, familiesOf, noteSignalling } from "./signalling.ts";
import { isAssociationError, partiesOfAnswer, settle } from "./tags.ts";
import type { CommandReply } from "./transition.ts";

export function answer(directives: Directives, out: Outbox): CommandReply {
  const { callId, fromTag, toTag, sdp: text, flags, sipCode } = directives;
  const { state, context } = out;
  if (!text) return { ok: false, reason: "No SDP body in message" };
  if (!callId) return { ok: false, reason: "No call-id in message" };
  if (!fromTag) return { ok: false, reason: "No from-tag in message" };
  if (!toTag) return { ok: false, reason: "No to-tag in message" };

  const call = state.calls.get(callId);
  if (!call) return { ok: false, reason: "Unknown call-id" };
  const read = readSdp(text, callId, directives, out);
  if ("refusal" in read) return read.refusal;
  const { sdp: given } = read;
  if (isOwnLoop(given, directives, out)) {
    out.log("info", callId, LOOP_MESSAGE);
    return { ok: true, body: { sdp: text } };
  }
  if (flags.has("fragment")) {
    takeFragment(call, given, directives, out);
    return { ok: true, body: {} };
  }
  if (given.media.length === 0) return NO_MEDIA;
  const parties = partiesOfAnswer(call, directives);
  if (isAssociationError(parties)) return { ok: false, ...parties };
  const offered = parties.sender.leg ?? parties.sender.insteadOf;
  const offerer = parties.receiver.leg;
  if (!offered || !offerer) return { ok: false, reason: "Invalid dialogue association" };
  const twins = offered.sections.some((section) => section.twinShown);
  const sdp = twins ? mergeAnswer(given, offered.sections) : given;
  const matches = matchAnswer(offered, offerer, sdp);
  if (matches.length === 0) {
    return { ok: false, reason: "Error rewriting SDP", detail: "no section of the answer belongs to one of the offer" };
  }

  const sender = settle(call, parties.sender, context.now);
  const receiver = settle(call, parties.receiver, context.now);
  if (sender !== offered) standIn(sender, offered, receiver);
  claimPorts(sender, out);
  decideFork(sender, receiver);
  if (sender.role === "UNKNOWN") sender.role = "TO_TAG";
  if (sipCode !== undefined && sipCode >= 200) sender.answeredFinally = true;
  noteSignalling(call, sender, receiver, directives, out);
  if (call.familyClass === undefined) classifyFamilies(call, familiesOf(sdp));

  const result = exchange({ phase: "answer", call, sender, receiver, sdp, twins: undefined, matches, directives }, out);
  if (typeof result !== "string") return endWithoutPorts(call, result, out);
  // Claimed for a section that this answer has not brought back.
  for (const section of sender.sections) if (section.rejected) closePorts(section, out);
  out.apply(call);
  return { ok: true, body: { sdp: result } };
}

/**
 * The answer decides: both parties talk to each other and to nobody else. What other branches still send the offerer
 * hears until they are deleted: one of them may be the next to play early media.
 */
function decideFork(sender: Leg, receiver: Leg): void {
  for (const partner of [...sender.partners]) if (partner !== receiver) sender.dissociate(partner);
  for (const partner of [...receiver.partners]) if (partner !== sender) receiver.decideAgainst(partner);
  sender.associate(receiver);
}

/** Makes `leg` look as the party `offered`, in whose name the offer went out, looked to the offerer. */
function standIn(leg: Leg, offered: Leg, offerer: Leg): void {
  leg.role = offered.role;
  leg.interface = offered.interface;
  leg.interfaceRequest = offered.interfaceRequest;
  leg.address = offered.address;
  leg.sent = offered.sent && { ...offered.sent };
  for (const model of offered.sections) {
    const section = sectionAt(leg, model.index - 1);
    section.type = model.type;
    section.protocol = model.protocol;
    section.isRtp = model.isRtp;
    section.mid = model.mid;
    section.announced = model.announced;
    section.rejected = model.rejected;
    section.rtcpMux = model.rtcpMux;
    section.presented = model.presented;
    section.presentedExtensions = model.presentedExtensions;
    section.bundled = model.bundled;
    section.bundleOffered = model.bundleOffered;
    section.passthrough = model.passthrough;
    section.twinShown = model.twinShown;
    const peer = model.peerIn(offerer);
    if (peer) link(section, peer);
  }
}

/**
 * Parties that answered the same offer were all shown the same ports; the one that answers now has them, since its media
 * goes there.
 */
function claimPorts(leg: Leg, out: Outbox): void {
  if (leg.sections.some((section) => section.ports)) return;
  const holder = siblings(leg.call, leg).find((each) => each.sections.some((section) => section.ports));
  if (!holder) return;
  for (const from of holder.sections) {
    const to = leg.sections[from.index - 1];
    if (!to) continue;
    if (holder.bundleOwner === from) leg.bundleOwner = to;
    moveTransport(from, to, out);
  }
}

function siblings(call: Call, leg: Leg): Leg[] {
  return call.legs.filter((each) => each !== leg && each.offeredAs === leg.offeredAs);
}
