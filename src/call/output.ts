/** The SDP that one party gets for what the other one said: generated from state, in the order of the reference. */
import { familyOf } from "../address.ts";
import { allowMixed } from "../sdp/extensions.ts";
import type { Connection, MediaDescription, OutputMedia, SessionDescription } from "../sdp/model.ts";
import { writeSdp } from "../sdp/write.ts";
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
  const media = presented.map((each) => outputMedia(each, directives, phase));
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
    groups: [],
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
  if (section.type === "message" && media?.connection && !section.rejected) {
    // Not proxied: address and port stay the sender's.
    const { formatText, connection, port, all } = media;
    return { ...base, port, formatText, connection, copied: all };
  }
  const { ports } = section;
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
  if (!section.isRtp) {
    return { ...base, port, formatText: media.formatText, connection, copied: media.all.filter(isNotIce) };
  }
  const { flags } = directives;
  const list = section.presented.map(({ payloadType }) => payloadType).join(" ");
  const rtcpPort = section.muxAgreed || !ports.rtcp ? port : ports.rtcp.socket.port;
  const shown = directives.mediaAddress ?? address.advertised;
  const family = familyOf(shown) ?? address.family;
  return {
    ...base,
    port,
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
    crypto: section.presentedCrypto,
    ptime: shownPtime(section, media, directives, phase),
    maxptime: media.maxptime,
  };
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

function ourConnection(
  section: MediaSection,
  sender: MediaSection | undefined,
  { mediaAddress, replace }: Directives,
): Connection {
  const { address } = section.ports!.rtp.socket;
  if (sender?.held && !replace.has("zero-address")) return zeroConnection(section);
  if (mediaAddress === undefined) return { family: address.family, address: address.advertised };
  return { family: familyOf(mediaAddress) ?? address.family, address: mediaAddress };
}

function zeroConnection(section: MediaSection): Connection {
  const family = section.ports?.rtp.socket.address.family ?? section.leg.address?.family ?? 4;
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
