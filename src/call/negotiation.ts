/**
 * One SDP from one party to another: what an offer and an answer have in common. By the time this runs the request is known
 * to be good; only ports may still be refused.
 */
import { type Family, familyOf } from "../address.ts";
import type { InterfaceAddress, PortFailure } from "../relay/ports.ts";
import type { MediaDescription, SessionDescription } from "../sdp/model.ts";
import { canonicalProtocol, isSecure } from "../sdp/transport.ts";
import { answerBundle, bundledMids, offerBundle, settleBundle } from "./bundle.ts";
import { type Call, type Leg, link, MediaSection } from "./call.ts";
import { presentFormats } from "./codecs.ts";
import { advanceDtls, endTransport } from "./connectivity.ts";
import type { Directives } from "./directives.ts";
import { presentExtensions } from "./extensions.ts";
import { answerIce, exchangeIce, offerIce } from "./ice-exchange.ts";
import { chooseAddress, chooseInterface } from "./interfaces.ts";
import { answerKeys, offerKeys } from "./keying.ts";
import { closePorts, LocalPorts, portFailureText } from "./local-ports.ts";
import type { SectionMatch } from "./matching.ts";
import type { Twin } from "./osrtp.ts";
import type { Outbox } from "./outbox.ts";
import { describe, isUnproxied, type Presented } from "./output.ts";
import { protocolTowards } from "./profile.ts";
import { isZero, receive, sourceAddress } from "./reception.ts";
import { answerMux, offerMux } from "./rtcp-mux.ts";

export interface Exchange {
  readonly phase: "offer" | "answer";
  readonly call: Call;
  readonly sender: Leg;
  readonly receiver: Leg;
  readonly sdp: SessionDescription;
  /** Declined halves of legacy OSRTP pairs in an offer, by place in `sdp.media`. */
  readonly twins: ReadonlyMap<number, Twin> | undefined;
  readonly matches: readonly SectionMatch[];
  readonly directives: Directives;
}

/** No port was to be had: the call cannot go on. */
export interface OutOfPorts {
  readonly failure: PortFailure;
  readonly detail: string;
}

/** Brings both parties to what the SDP says and returns the text for the receiver. */
export function exchange(work: Exchange, out: Outbox): string | OutOfPorts {
  const { phase, call, sender, receiver, sdp, matches, directives } = work;
  const { settings } = out.state;
  sender.address = senderAddress(work, out);
  receiver.address = receiverAddress(work, out);
  if (!sender.address || !receiver.address) {
    const message = "no interface is configured";
    return { failure: { kind: "other", message }, detail: message };
  }
  const ports = new LocalPorts(call, out);

  const presented: Presented[] = [];
  const pairs: Pair[] = [];
  const mids = sdp.groups.length === 0 ? NO_MIDS : bundledMids(sdp);
  for (const match of matches) {
    const { media } = match;
    const from = sectionAt(sender, match.sender);
    const before = { known: from.description !== undefined, receiving: from.send };
    receive(from, media, directives, settings);
    if (work.twins) from.twin = work.twins.size > 0 ? work.twins.get(sdp.media.indexOf(media)) : undefined;
    if (match.receiver === undefined) {
      rejectPair(from, undefined, out);
      continue;
    }
    const to = sectionAt(receiver, match.receiver);
    link(from, to);
    presented[match.receiver] = { section: to, media, sender: from };
    // A section that is proxied cannot be answered by one that is not, nor the reverse.
    const mismatch = phase === "answer" && (media.type === "message") !== (to.type === "message");
    if (phase === "offer") prepareForOffer(from, to, media, mids, directives);
    else if (!mismatch) prepareForAnswer(from, to, media, mids, directives);
    const formats = presentFormats(from, to, directives, phase, out);
    const refused = phase === "answer" && to.description?.port === 0;
    if (media.port === 0 || formats === undefined || refused || mismatch) {
      // Emptied lists are not kept: the original text is shown.
      if (formats === undefined) to.presented = [];
      rejectPair(from, to, out);
      continue;
    }
    to.presented = formats;
    to.presentedExtensions = presentExtensions(from, to, directives, phase);
    to.rejected = false;
    // What one party does not send the other one does not receive.
    to.recv = from.send;
    to.send = from.recv;
    to.announced = true;
    if (!isUnproxied(to)) pairs.push({ from, to, media, before });
  }
  settleLeftOut(work, presented, out);
  settleBundle(sender, out);
  settleBundle(receiver, out);
  for (const pair of pairs) {
    if (providePorts(work, pair, ports)) continue;
    ports.giveBack();
    const { failure, address } = ports.refused!;
    return { failure, detail: portFailureText(failure, address) };
  }
  for (const pair of pairs) exchangeTransport(work, pair, ports, out);
  return describe(receiver, presented, sdp, directives, settings, phase);
}

const NO_MIDS: readonly string[] = [];

/** A section of the SDP that is not rejected. */
interface Pair {
  readonly from: MediaSection;
  readonly to: MediaSection;
  readonly media: MediaDescription;
  /** What was known of the sender. */
  readonly before: { readonly known: boolean; readonly receiving: boolean };
}

/** ICE and keys, once ports are there and every section has found its transport. */
function exchangeTransport(
  { phase, directives }: Exchange,
  { from, to, media, before }: Pair,
  ports: LocalPorts,
  out: Outbox,
): void {
  if (from.ice.on || to.ice.on || from.ice.agent || to.ice.agent) {
    exchangeIce(phase, from, to, directives, ports, out);
  }
  if (phase === "offer") offerKeys(from, to, media, !before.known, directives, out);
  else answerKeys(from, to, media, directives, out);
  for (const section of [from.carrier, to.carrier]) if (section.protection.dtls) advanceDtls(section, out);
}

/** The section at this place, made when it is new. */
export function sectionAt(leg: Leg, place: number): MediaSection {
  while (leg.sections.length <= place) leg.sections.push(new MediaSection(leg, leg.sections.length + 1));
  return leg.sections[place]!;
}

function prepareForOffer(
  from: MediaSection,
  to: MediaSection,
  media: MediaDescription,
  mids: readonly string[],
  directives: Directives,
): void {
  to.protocol = protocolTowards(to, media, directives);
  from.protocol = canonicalProtocol(media.protocol);
  to.type = media.type;
  to.isRtp = media.isRtp;
  if (media.mid !== undefined) to.mid = media.mid;
  else if (directives.flags.has("generate-mid")) to.mid ??= String(to.index);
  from.ptimeReverse = directives.ptimeReverse;
  offerBundle(from, to, mids, directives);
  offerMux(from, to, media.rtcpMux, directives.rtcpMux);
  offerIce(from, to, media, directives);
  to.twinShown = directives.osrtp.includes("offer-legacy") && isSecure(to.protocol);
}

function prepareForAnswer(
  from: MediaSection,
  to: MediaSection,
  media: MediaDescription,
  mids: readonly string[],
  directives: Directives,
): void {
  const { transport } = directives;
  from.protocol = canonicalProtocol(media.protocol);
  // Answers speak the offerer's own protocol unless told otherwise.
  if (transport === "accept" || !media.isRtp) to.protocol = canonicalProtocol(media.protocol);
  else if (transport !== undefined && transport !== "udptl") to.protocol = transport;
  to.type = media.type;
  to.isRtp = media.isRtp;
  answerMux(from, to, media.rtcpMux);
  answerBundle(from, to, mids);
  answerIce(from, to, media, directives);
}

function rejectPair(from: MediaSection, to: MediaSection | undefined, out: Outbox): void {
  for (const section of to ? [from, to] : [from]) {
    section.rejected = true;
    section.bundled = false;
    // Others may live on its transport: see settleBundle.
    if (section.leg.bundleOwner === section) continue;
    endTransport(section, out);
    closePorts(section, out);
  }
}

/** Receiver first: the ports it is shown are the ones the request is about. */
function providePorts(
  { phase, sender, receiver, directives }: Exchange,
  { from, to, before }: Pair,
  ports: LocalPorts,
): boolean {
  const { flags } = directives;
  const peer = from.remoteRtp;
  // ICE finds out by itself that the peer has moved.
  const iceLatch = to.ice.on && !flags.has("no-port-latching");
  const latch = flags.has("port-latching") || iceLatch || (before.known && !before.receiving);
  const wanted = to.muxAgreed ? 1 : 2;
  if (to.carrier === to && !ports.ensure(to, receiver.address!, wanted, peer, latch)) return false;
  // The sender's own ports: it was told them before, or will be with the answer.
  if (from.carrier !== from || (phase === "answer" && from.ports)) return true;
  return ports.ensure(from, sender.address!, from.muxAgreed ? 1 : 2, to.remoteRtp, true);
}

/** Sections of the receiver that this SDP says nothing about. */
function settleLeftOut({ phase, sender, receiver, matches }: Exchange, presented: Presented[], out: Outbox): void {
  for (const section of receiver.sections) {
    const place = section.index - 1;
    if (presented[place]) continue;
    presented[place] = { section, media: undefined, sender: undefined };
    const peer = section.peerIn(sender);
    // An answer that is short of a section leaves it open; a section nobody was asked about is off.
    if (phase === "offer" || !peer?.ports || !section.ports) rejectPair(section, peer, out);
  }
  if (phase !== "offer" || sender.sections.length === matches.length) return;
  const mentioned = new Set(matches.map((match) => match.sender));
  for (const section of sender.sections) {
    if (!mentioned.has(section.index - 1)) rejectPair(section, undefined, out);
  }
}

/** Towards the sender: the side of the network it was given before, or the one asked for now. */
function senderAddress({ phase, sender, sdp, directives }: Exchange, out: Outbox): InterfaceAddress | undefined {
  // An answerer knows its ports already and would not hear of others.
  const answered = phase === "answer" && sender.address !== undefined;
  const chosen = chooseInterface(out.state, sender, answered ? undefined : directives.fromInterface, out);
  if (answered && sender.address && chosen?.addresses.includes(sender.address)) return sender.address;
  const source = sourceAddress(directives, out.state.settings);
  const family =
    (source === undefined ? undefined : familyOf(source)) ??
    familyOfSdp(sdp, false) ??
    sender.address?.family ??
    familyOfSdp(sdp, true);
  return chosen && chooseAddress(sender, chosen, family ?? 4, out);
}

/** Towards the receiver: the family asked for, the one it uses, the one it was shown, or the sender's. */
function receiverAddress({ sender, receiver, directives }: Exchange, out: Outbox): InterfaceAddress | undefined {
  const chosen = chooseInterface(out.state, receiver, directives.toInterface, out);
  const family =
    directives.addressFamily ?? usedFamily(receiver) ?? receiver.address?.family ?? sender.address?.family ?? 4;
  return chosen && chooseAddress(receiver, chosen, family, out);
}

/** The family of the media; a zero address means hold and says little about it. */
function familyOfSdp({ media }: SessionDescription, zero: boolean): Family | undefined {
  for (const { connection, port } of media) {
    if (connection && port !== 0 && isZero(connection.address) === zero) return connection.family;
  }
  return undefined;
}

function usedFamily({ sections }: Leg): Family | undefined {
  for (const { remoteRtp } of sections) {
    if (remoteRtp && !isZero(remoteRtp.address)) return remoteRtp.address.includes(":") ? 6 : 4;
  }
  return undefined;
}
