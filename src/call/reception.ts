/** What a party's own SDP says about one of its sections. */
import { type Endpoint, familyOf } from "../address.ts";
import type { Direction, MediaDescription } from "../sdp/model.ts";
import type { MediaSection } from "./call.ts";
import type { Directives } from "./directives.ts";
import type { CallSettings } from "./settings.ts";

/** `0.0.0.0` and `::`; addresses in descriptions are canonical. */
export function isZero(address: string): boolean {
  return address === "0.0.0.0" || address === "::";
}

/** Where something can be sent to: not to a party on hold, not to port 0, not to the discard port that stands for ICE. */
export function usableEndpoint(remote: Endpoint | undefined): Endpoint | undefined {
  return remote && remote.port !== 0 && remote.port !== DISCARD_PORT && !isZero(remote.address) ? remote : undefined;
}

const DISCARD_PORT = 9;

/** Port 9 at the zero address stands for "candidates will follow" (RFC 8840 section 4.1.1), not for hold. */
export function isTrickle(media: MediaDescription): boolean {
  if (media.iceOptions.length > 0) return media.iceOptions.includes("trickle");
  return media.port === DISCARD_PORT && media.connection !== undefined && isZero(media.connection.address);
}

/** Takes over everything `media` says; the other party's section is not touched. */
export function receive(
  section: MediaSection,
  media: MediaDescription,
  directives: Directives,
  settings: CallSettings,
): void {
  section.description = media;
  section.type = media.type;
  section.isRtp = media.isRtp;
  section.formatText = media.formatText;
  section.formats = media.formats;
  if (media.mid !== undefined) section.mid = media.mid;
  section.rejected = media.port === 0;
  if (section.rejected) {
    section.remoteRtp = undefined;
    section.remoteRtcp = undefined;
    section.held = false;
    return;
  }
  section.held = media.connection !== undefined && isZero(media.connection.address) && !isTrickle(media);
  const direction = media.direction ?? "sendrecv";
  section.recv = direction === "sendrecv" || direction === "sendonly";
  section.send = !section.held && (direction === "sendrecv" || direction === "recvonly");
  receiveEndpoints(section, media, directives, settings);
  const { flags } = directives;
  section.asymmetric = flags.has("asymmetric");
  section.strictSource = flags.has("strict-source");
  section.mediaHandover = flags.has("media-handover");
  section.natWait = flags.has("nat-wait");
  section.unidirectional = flags.has("unidirectional");
  section.learning = directives.learning ?? settings.endpointLearning;
}

/** The address that counts instead of those in the SDP: where the SIP message came from, if the SDP is not trusted. */
export function sourceAddress({ flags, receivedFrom }: Directives, { sipSource }: CallSettings): string | undefined {
  const distrust = flags.has("sip-source-address") || (sipSource && !flags.has("trust-address"));
  return distrust ? receivedFrom : undefined;
}

function receiveEndpoints(
  section: MediaSection,
  media: MediaDescription,
  directives: Directives,
  settings: CallSettings,
): void {
  // ICE finds the way by itself: its addresses are not to be tampered with.
  const ice = media.iceUfrag !== undefined;
  const source = section.held || ice ? undefined : sourceAddress(directives, settings);
  const address = source ?? media.connection?.address;
  if (address === undefined) return;
  section.remoteRtp = { address, port: media.port };
  section.remoteRtcp = rtcpEndpoint(media, address, source !== undefined || section.held);
  section.loopCheck = settings.interfaces.interfaces.some((each) =>
    each.addresses.some(({ local, advertised }) => advertised === address || local === address),
  );
}

function rtcpEndpoint(media: MediaDescription, address: string, ignoreAddress: boolean): Endpoint | undefined {
  const { rtcp } = media;
  const placeholder = rtcp?.port === DISCARD_PORT && (rtcp.address === undefined || isZero(rtcp.address));
  if (rtcp && !placeholder) {
    const own = ignoreAddress || rtcp.address === undefined || familyOf(rtcp.address) === undefined;
    return { address: own ? address : rtcp.address!, port: rtcp.port };
  }
  return media.port < 65_535 ? { address, port: media.port + 1 } : undefined;
}

/** The direction to show to the other party, after hold handling. */
export function shownDirection(sender: MediaSection): Direction {
  if (sender.recv) return sender.send ? "sendrecv" : "sendonly";
  return sender.send ? "recvonly" : "inactive";
}
