/** The `offer` command. Everything that can refuse it comes before the first change. */
import { MAX_SECTIONS } from "../limits.ts";
import { Call } from "./call.ts";
import type { Directives } from "./directives.ts";
import { takeFragment } from "./fragment.ts";
import { exceededLimit } from "./load-limits.ts";
import { matchOffer } from "./matching.ts";
import { exchange } from "./negotiation.ts";
import { mergeOffer, type Twin } from "./osrtp.ts";
import type { Outbox } from "./outbox.ts";
import { endWithoutPorts, isOwnLoop, LOOP_MESSAGE, NO_MEDIA, readSdp, tooManySections } from "./request.ts";
import { familiesOf, noteSignalling } from "./signalling.ts";
import { isAssociationError, partiesOfOffer, settle } from "./tags.ts";
import { discardCall } from "./termination.ts";
import type { CommandReply } from "./transition.ts";

const NO_TWINS: ReadonlyMap<number, Twin> = new Map();

export function offer(directives: Directives, peer: string, out: Outbox): CommandReply {
  const { callId, fromTag, sdp: text, flags } = directives;
  const { state, context } = out;
  if (!text) return { ok: false, reason: "No SDP body in message" };
  if (!callId) return { ok: false, reason: "No call-id in message" };
  if (!fromTag) return { ok: false, reason: "No from-tag in message" };

  const known = state.calls.get(callId);
  if (!known) {
    const limit = exceededLimit(state, callId, context, out);
    if (limit !== undefined) return { ok: false, reason: limit, loadLimit: true };
  }
  const read = readSdp(text, callId, directives, out);
  if ("refusal" in read) return read.refusal;
  const { sdp: given } = read;
  if (isOwnLoop(given, directives, out)) {
    out.log("info", callId, LOOP_MESSAGE);
    return { ok: true, body: { sdp: text } };
  }
  if (flags.has("fragment")) {
    takeFragment(known, given, directives, out);
    return { ok: true, body: {} };
  }
  const legacy = directives.osrtp.includes("accept") || directives.osrtp.includes("accept-legacy");
  const { sdp, twins } = legacy ? mergeOffer(given) : { sdp: given, twins: NO_TWINS };
  if (sdp.media.length === 0) return NO_MEDIA;
  const parties = partiesOfOffer(known, directives, sdp);
  if (isAssociationError(parties)) return { ok: false, ...parties };
  const removed = removedTypes(directives);
  const matches = matchOffer(parties.sender.leg, parties.receiver.leg, sdp, removed);
  if (!matches) return tooManySections(MAX_SECTIONS);
  if (matches.every((match) => match.receiver === undefined)) return NO_MEDIA;

  const call = known ?? createCall(callId, peer, directives, out);
  const sender = settle(call, parties.sender, context.now);
  const receiver = settle(call, parties.receiver, context.now);
  sender.associate(receiver);
  if (sender.role === "UNKNOWN") sender.role = "FROM_TAG";
  if (receiver.role === "UNKNOWN") receiver.role = "TO_TAG";
  noteSignalling(call, sender, receiver, directives, out);
  if (call.offeredFamilies.size === 0) call.offeredFamilies = familiesOf(sdp);

  const result = exchange({ phase: "offer", call, sender, receiver, sdp, twins, matches, directives }, out);
  if (typeof result !== "string") {
    if (known) return endWithoutPorts(call, result, out);
    discardCall(call, out);
    return { ok: false, reason: "Ran out of ports", detail: result.detail };
  }
  if (!known) out.effects.push({ kind: "call-started", callId });
  out.apply(call);
  return { ok: true, body: { sdp: result } };
}

function createCall(callId: string, peer: string, { tos }: Directives, out: Outbox): Call {
  const { state, context } = out;
  out.log("notice", callId, "Creating new call");
  const call = new Call(callId, context.now, peer, state.nextAffinity(), tos ?? state.settings.tos);
  state.calls.set(callId, call);
  return call;
}

const LISTED_TYPES: ReadonlySet<string> = new Set(["audio", "video", "image", "message", "text", "application"]);

/** `sdp-media-remove`: the receiver does not see sections of these types; `other` stands for all unlisted ones. */
function removedTypes({ sdpMediaRemove }: Directives): (type: string) => boolean {
  if (sdpMediaRemove.size === 0) return () => false;
  return (type) => sdpMediaRemove.has(LISTED_TYPES.has(type) ? type : "other");
}
