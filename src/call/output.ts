/** The SDP that one party gets for what the other one said: generated from state, in the order of the reference. */
import { familyOf } from "../address.ts";
import { certificateFingerprint } from "../media/dtls/certificate.ts";
import { ownFingerprintHash } from "../media/dtls/setup.ts";
import type { IceAgent } from "../media/ice/agent.ts";
import { formatCandidate } from "../media/ice/candidate.ts";
import { allowMixed } from "../sdp/extensions.ts";
import type { Connection, MediaDescription, OutputMedia, SessionDescription } from "../sdp/model.ts";
import { plainTransport, transportProfile } from "../sdp/transport.ts";
import { writeSdp } from "../sdp/write.ts";
import { groupOf } from "./bundle.ts";
import type { Leg, MediaSection } from "./call.ts";
import type { Directives } from "./directives.ts";
import { countsVersion, originFor, settleVersion } from "./origin.ts";
import { shownDirection } from "./reception.ts";
import type { CallSettings } from "./settings.ts";

/** A section of the receiver and what is said about it now. */
export interface Presented {
  readonly section: MediaSection;
  /** Undefined: the sender's SDP says nothing about it. */
  readonly media: MediaDescription | undefined;
  readonly sender: MediaSection | undefined;
}

/** The SDP text for `receiver`. */
export function describe(
  receiver: Leg,
  presented: readonly Presented[],
  sdp: SessionDescription,
  directives: Directives,
  settings: CallSettings,
  phase: "offer" | "answer",
): string {
  const { origin, name } = originFor(receiver, sdp, directives, receiver.address);
  const media: OutputMedia[] = [];
  for (const each of presented) {
    const shown = outputMedia(each, directives, phase);
    if (each.section.twin || each.section.twinShown) media.push(...withTwin(each, shown, phase));
    else media.push(shown);
  }
  const owner = presented.find(({ section }) => !section.rejected && section.carrier.ports);
  const description = {
    origin,
    name,
    info: sdp.info,
    uri: sdp.uri,
    email: sdp.email,
    phone: sdp.phone,
    bandwidth: sdp.bandwidth,
    timing: sdp.timing ?? "0 0",
    loopId: directives.flags.has("loop-protect") ? settings.instanceId : undefined,
    iceLite: owner?.section.carrier.ice.agent?.lite ?? false,
    groups: groupsFor(receiver, presented, sdp, phase),
    others: sdp.others,
    media,
  };
  const text = writeSdp(description, directives.sdpAttr);
  const { sent } = receiver;
  if (!sent || !countsVersion(directives.replace)) return text;
  const version = settleVersion(sent, text, directives);
  const final =
    version === origin.version
      ? text
      : writeSdp({ ...description, origin: { ...origin, version } }, directives.sdpAttr);
  sent.version = version;
  sent.text = final;
  return final;
}

function outputMedia(
  { section, media, sender }: Presented,
  directives: Directives,
  phase: "offer" | "answer",
): OutputMedia {
  const base = {
    type: section.type,
    protocol: section.protocol,
    info: media?.info,
    bandwidth: media?.bandwidth ?? {},
    mid: section.mid,
    label: media?.label,
    extmapAllowMixed: false,
    extmap: [],
    others: [],
    formats: [],
    direction: undefined,
    rtcp: undefined,
    rtcpMux: false,
    crypto: [],
    ptime: undefined,
    maxptime: undefined,
  };
  if (isUnproxied(section) && media?.connection && !section.rejected) {
    // Address and port stay the sender's.
    const { formatText, connection, port, all } = media;
    return { ...base, port, formatText, connection, copied: all };
  }
  const { carrier } = section;
  const { ports } = carrier;
  if (section.rejected || !ports) {
    return {
      ...base,
      port: 0,
      formatText: rejectedFormats(section, media, phase),
      connection: zeroConnection(section),
    };
  }
  const { port, address } = ports.rtp.socket;
  const connection = ourConnection(section, sender, directives);
  if (!media || !sender) {
    // An answer that leaves the section out altogether.
    return { ...base, port, formatText: rejectedFormats(section, media, phase), connection: zeroConnection(section) };
  }
  const ice = iceAttributes(section, directives, phase);
  if (section.passthrough) return passedThrough(base, section, media, port, connection, ice);
  if (!section.isRtp) {
    const { iceUfrag, icePwd, iceOptions, candidates, endOfCandidates } = ice;
    const copied = media.all.filter(isNotIce);
    if (iceUfrag !== undefined) copied.push(`ice-ufrag:${iceUfrag}`, `ice-pwd:${icePwd}`);
    if (iceOptions !== undefined) copied.push(`ice-options:${iceOptions}`);
    return { ...base, port, formatText: media.formatText, connection, copied, ...pick(candidates, endOfCandidates) };
  }
  const { flags } = directives;
  const list = section.presented.map(({ payloadType }) => payloadType).join(" ");
  const rtcpPort = carrier.muxAgreed || !ports.rtcp ? port : ports.rtcp.socket.port;
  const shown = directives.mediaAddress ?? address.advertised;
  const family = familyOf(shown) ?? address.family;
  // Chosen together with the owner of the bundle, or not at all.
  const bundleOnly = phase === "offer" && section !== carrier;
  const own: OutputMedia = {
    ...base,
    port: bundleOnly && directives.bundle.has("strict") ? 0 : port,
    bundleOnly,
    formatText: list === "" ? media.formatText || "0" : list,
    connection,
    formats: section.presented,
    extmap: section.presentedExtensions,
    extmapAllowMixed: allowMixed(section.presentedExtensions, section.description),
    others: media.others,
    // `original-sendrecv` has it among the others, as it came.
    direction: flags.has("original-sendrecv") ? undefined : shownDirection(sender),
    rtcp: flags.has("no-rtcp-attribute")
      ? undefined
      : flags.has("full-rtcp-attribute")
        ? `${rtcpPort} IN IP${family} ${shown}`
        : String(rtcpPort),
    rtcpMux: section.rtcpMux,
    crypto: carrier.protection.printed,
    ptime: shownPtime(section, media, directives, phase),
    maxptime: media.maxptime,
  };
  if (ice === NO_ICE && carrier.protection.setup === undefined) return own;
  return { ...own, ...dtlsAttributes(carrier, directives), ...ice };
}

function shownPtime(
  section: MediaSection,
  media: MediaDescription,
  directives: Directives,
  phase: "offer" | "answer",
): number | undefined {
  if (phase === "offer") return directives.ptime ?? media.ptime;
  return section.ptimeReverse ?? media.ptime;
}

/** An answer repeats the answerer's list, an offer the last one that the receiver saw. */
function rejectedFormats(
  section: MediaSection,
  media: MediaDescription | undefined,
  phase: "offer" | "answer",
): string {
  const list = section.isRtp ? section.presented.map(({ payloadType }) => payloadType).join(" ") : "";
  if (phase === "offer" && list !== "") return list;
  if (media) return media.formatText || "0";
  const own = section.description;
  if (own && own.isRtp === section.isRtp && own.formatText !== "") return own.formatText;
  return list || "0";
}

/** Media that does not come to us at all. */
export function isUnproxied(section: MediaSection): boolean {
  return section.type === "message" || section.passthrough === "untouched";
}

/** The other half of a legacy OSRTP pair: offered beside the secure section, or declined. */
function withTwin({ section }: Presented, media: OutputMedia, phase: "offer" | "answer"): readonly OutputMedia[] {
  if (phase === "offer") {
    if (!section.twinShown || media.port === 0) return [media];
    const protocol = plainTransport(transportProfile(section.protocol)?.name ?? "RTP/SAVP");
    const { setup: _, fingerprint: __, tlsId: ___, ...plain } = media;
    return [{ ...plain, protocol, crypto: [] }, media];
  }
  const { twin } = section;
  if (!twin) return [media];
  const { before, type, formatText } = twin;
  const declined: OutputMedia = { ...media, type, port: 0, protocol: "RTP/AVP", formatText, bare: true };
  return before ? [declined, media] : [media, declined];
}

function groupsFor(
  receiver: Leg,
  presented: readonly Presented[],
  sdp: SessionDescription,
  phase: "offer" | "answer",
): readonly string[] {
  let some = false;
  for (const { section } of presented) {
    if (section.passthrough) return sdp.groups;
    some ||= section.bundled || section.bundleOffered;
  }
  if (!some) return NO_GROUPS;
  const shown = ({ rejected, bundled, bundleOffered }: MediaSection) =>
    !rejected && (bundled || (phase === "offer" && bundleOffered));
  const group = groupOf(receiver, shown);
  return group === undefined ? [] : [group];
}

const NO_GROUPS: readonly string[] = [];

type IceAttributes = Pick<
  OutputMedia,
  "iceUfrag" | "icePwd" | "iceOptions" | "candidates" | "remoteCandidates" | "endOfCandidates"
>;

const NO_ICE: IceAttributes = {};

function iceAttributes(section: MediaSection, { trickle, ice2 }: Directives, phase: "offer" | "answer"): IceAttributes {
  const { carrier } = section;
  const { agent, on, trickles } = carrier.ice;
  if (!agent || !on) return NO_ICE;
  const { ufrag, pwd } = agent.credentials;
  const announces = trickle || trickles;
  const options = [announces ? "trickle" : "", ice2 ? "ice2" : ""].filter((word) => word !== "").join(" ");
  const selected = phase === "offer" && agent.state === "completed" && agent.role === "controlling";
  return {
    iceUfrag: ufrag,
    icePwd: pwd,
    ...(options === "" ? {} : { iceOptions: options }),
    candidates: agent.candidates.map(formatCandidate),
    ...(selected ? { remoteCandidates: remoteCandidates(agent) } : {}),
    endOfCandidates: announces,
  };
}

function remoteCandidates(agent: IceAgent): string {
  const chosen: string[] = [];
  for (const component of [1, 2] as const) {
    const pair = component <= agent.components ? agent.selected(component) : undefined;
    if (pair) chosen.push(`${component} ${pair.remote.address} ${pair.remote.port}`);
  }
  return chosen.join(" ");
}

function dtlsAttributes(
  carrier: MediaSection,
  { dtlsFingerprint, flags }: Directives,
): Pick<OutputMedia, "setup" | "fingerprint" | "tlsId"> {
  const { setup, dtls } = carrier.protection;
  if (setup === undefined || !dtls) return {};
  const hash = ownFingerprintHash(carrier.description?.fingerprint?.hash, dtlsFingerprint);
  return {
    setup,
    fingerprint: certificateFingerprint(dtls.certificate, hash),
    ...(flags.has("no-tls-id") ? {} : { tlsId: dtls.tlsId }),
  };
}

/** All that the sender has, its address too, and our candidates beside its own. */
function passedThrough(
  base: Omit<OutputMedia, "port" | "formatText" | "connection">,
  section: MediaSection,
  media: MediaDescription,
  port: number,
  connection: Connection,
  { candidates }: IceAttributes,
): OutputMedia {
  const { formatText, all } = media;
  const copied = all.filter((attribute) => attribute !== "end-of-candidates");
  const own = section.passthrough !== undefined && media.connection;
  return {
    ...base,
    port: own ? media.port : port,
    formatText,
    connection: own ? media.connection : connection,
    copied,
    ...pick(candidates, media.endOfCandidates),
  };
}

function pick(
  candidates: readonly string[] | undefined,
  endOfCandidates: boolean | undefined,
): Pick<OutputMedia, "candidates" | "endOfCandidates"> {
  return { ...(candidates ? { candidates } : {}), ...(endOfCandidates ? { endOfCandidates } : {}) };
}

function ourConnection(
  section: MediaSection,
  sender: MediaSection | undefined,
  { mediaAddress, replace }: Directives,
): Connection {
  const { address } = section.carrier.ports!.rtp.socket;
  const held = sender?.held && !section.carrier.ice.on;
  if (held && !replace.has("zero-address")) return zeroConnection(section);
  if (mediaAddress === undefined) return { family: address.family, address: address.advertised };
  return { family: familyOf(mediaAddress) ?? address.family, address: mediaAddress };
}

function zeroConnection(section: MediaSection): Connection {
  const family = section.carrier.ports?.rtp.socket.address.family ?? section.leg.address?.family ?? 4;
  return { family, address: family === 6 ? "::" : "0.0.0.0" };
}

/** Copied sections of proxied media lose the ICE attributes: the addresses in them would lead around us. */
function isNotIce(attribute: string): boolean {
  return !(
    attribute.startsWith("candidate:") ||
    attribute.startsWith("ice-") ||
    attribute.startsWith("remote-candidates:") ||
    attribute === "end-of-candidates"
  );
}
