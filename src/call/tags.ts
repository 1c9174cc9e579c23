/**
 * Which parties an offer or an answer is about (reference: the tag model). Finding them changes nothing: the result says
 * what to create and rename, and {@link settle} does it once the whole request is known to be good.
 */
import { MAX_LEGS } from "../limits.ts";
import type { SessionDescription } from "../sdp/model.ts";
import type { Call, Leg } from "./call.ts";
import type { Directives } from "./directives.ts";

/** A party found, or what the one to be made will look like. */
export interface Party {
  readonly leg: Leg | undefined;
  /** Tag to give to a party that has none. */
  readonly tag: string | undefined;
  /** Tag by which a party with another tag is known as well. */
  readonly alias: string | undefined;
  readonly viaBranch: string | undefined;
  readonly aliasKey: string | undefined;
  /** A new party that takes the place of this one: it answered the offer which this one was shown. */
  readonly insteadOf: Leg | undefined;
}

/** `sender` and `receiver` of the SDP in hand. */
export interface Parties {
  readonly sender: Party;
  readonly receiver: Party;
}

export interface AssociationError {
  readonly reason: "Invalid dialogue association";
  readonly detail: string;
}

const NOBODY: Party = {
  leg: undefined,
  tag: undefined,
  alias: undefined,
  viaBranch: undefined,
  aliasKey: undefined,
  insteadOf: undefined,
};

export function isAssociationError(found: Parties | AssociationError): found is AssociationError {
  return "reason" in found;
}

function refuse(detail: string): AssociationError {
  return { reason: "Invalid dialogue association", detail };
}

/** A: the party with `from-tag`, sender of the SDP. B: see the numbered steps. `call` is undefined for a new call. */
export function partiesOfOffer(
  call: Call | undefined,
  directives: Directives,
  sdp: SessionDescription,
): Parties | AssociationError {
  const { fromTag, viaBranch } = directives;
  const toTag = directives.toTag || undefined;
  if (!fromTag) return refuse("an offer needs a from-tag");
  if (toTag === fromTag) return refuse("from-tag and to-tag are the same");

  // 1. A by its tag, or as a party that sent the same SDP under another tag.
  const aliasKey = aliasKeyOf(directives, sdp);
  let a = call?.legByTag(fromTag);
  let alias: string | undefined;
  if (call && !a && aliasKey !== undefined) {
    a = call.legs.find((leg) => leg.aliasKey === aliasKey);
    if (a?.tag !== undefined) alias = fromTag;
  }
  if (alias !== undefined && a?.aliasesFull) return refuse(`the party '${a.name}' has too many tags`);
  const sender: Party = { ...NOBODY, leg: a, tag: fromTag, alias, aliasKey };

  const b = calleeOf(call, a, toTag, viaBranch);
  if (b && b === a) return refuse("from-tag and to-tag name the same party");
  const receiver: Party = { ...NOBODY, leg: b, tag: toTag, viaBranch };
  return withinLimit(call, { sender, receiver });
}

function calleeOf(
  call: Call | undefined,
  a: Leg | undefined,
  toTag: string | undefined,
  viaBranch: string | undefined,
): Leg | undefined {
  if (!call) return undefined;
  if (toTag !== undefined) {
    // 2. An existing dialogue.
    const known = call.legByTag(toTag);
    if (known) return known;
  }
  if (!a) return undefined;
  if (viaBranch !== undefined) {
    // 4. The branch known by this name, else a fork: another party.
    const branch = a.partners.findLast((leg) => leg.viaBranch === viaBranch);
    return branch && (toTag === undefined || branch.tag === undefined) ? branch : undefined;
  }
  // 3. and 5. The current partner; with a tag that nobody has, only one that has not been named yet.
  const partner = a.partners.at(-1);
  return partner && (toTag === undefined || partner.tag === undefined) ? partner : undefined;
}

/** Tags keep the orientation of the dialogue: `from-tag` is the original offerer A, `to-tag` the sender of this SDP. */
export function partiesOfAnswer(call: Call, directives: Directives): Parties | AssociationError {
  const { fromTag, toTag, viaBranch } = directives;
  if (!fromTag || !toTag) return refuse("an answer needs from-tag and to-tag");
  if (fromTag === toTag) return refuse("from-tag and to-tag are the same");
  const a = call.legByTag(fromTag);
  if (!a) return refuse(`no offer from a party with tag '${fromTag}'`);
  const receiver: Party = { ...NOBODY, leg: a };

  // 1. B by tag, by branch, or as A's partner.
  const named = call.legByTag(toTag);
  if (named === a) return refuse("from-tag and to-tag name the same party");
  if (named) return { sender: { ...NOBODY, leg: named, viaBranch }, receiver };
  const found =
    (viaBranch === undefined ? undefined : a.partners.findLast((leg) => leg.viaBranch === viaBranch)) ??
    (viaBranch === undefined ? undefined : call.legs.find((leg) => leg !== a && leg.viaBranch === viaBranch)) ??
    a.partners.findLast((leg) => leg.tag === undefined) ??
    a.partners.at(-1);
  if (!found) return refuse(`the party '${a.name}' has no open offer`);

  // 2. It has no name yet.
  if (found.tag === undefined) return { sender: { ...NOBODY, leg: found, tag: toTag, viaBranch }, receiver };

  // 3. It has another: one more name, or one more party.
  const settled = found.answeredFinally && !directives.flags.has("provisional");
  if (!directives.flags.has("new-branch") && !settled) {
    if (found.aliasesFull) return refuse(`the party '${found.name}' has too many tags`);
    return { sender: { ...NOBODY, leg: found, alias: toTag, viaBranch }, receiver };
  }
  const sender: Party = { ...NOBODY, tag: toTag, viaBranch, insteadOf: found };
  return withinLimit(call, { sender, receiver });
}

function withinLimit(call: Call | undefined, parties: Parties): Parties | AssociationError {
  const added = (parties.sender.leg ? 0 : 1) + (parties.receiver.leg ? 0 : 1);
  if ((call?.legs.length ?? 0) + added <= MAX_LEGS) return parties;
  return refuse(`the call has ${MAX_LEGS} parties already`);
}

/** Finds or makes the leg of a party and gives it its names. */
export function settle(call: Call, party: Party, now: number): Leg {
  const leg = party.leg ?? call.addLeg(now);
  // Only at birth: a re-INVITE in the other direction carries a branch that says nothing about this party.
  if (!party.leg) leg.viaBranch = party.viaBranch;
  if (leg.tag === undefined) leg.tag = party.tag;
  if (party.alias !== undefined && !leg.answersTo(party.alias)) leg.aliases.push(party.alias);
  if (party.aliasKey !== undefined) leg.aliasKey = party.aliasKey;
  if (party.insteadOf) leg.offeredAs = party.insteadOf.offeredAs;
  return leg;
}

/** `alias-key`: what stays the same when a user agent repeats its offer under a new tag. */
function aliasKeyOf({ aliasKey }: Directives, sdp: SessionDescription): string | undefined {
  if (aliasKey === "sdp" && sdp.origin) {
    const { username, sessionId, address } = sdp.origin;
    return `sdp ${username} ${sessionId} ${address}`;
  }
  if (aliasKey === "address") {
    const media = sdp.media.find((each) => each.port !== 0);
    if (media?.connection) return `address ${media.connection.address} ${media.port}`;
  }
  return undefined;
}
