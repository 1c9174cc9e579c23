/** Media transport protocols (third field of `m=`): which are RTP, secure, with feedback; opportunistic SRTP. */
import type { Transport } from "../call/directives.ts";
import type { MediaDescription } from "./model.ts";

/** What a known protocol means. */
export interface TransportProfile {
  /** The name as we print it. */
  readonly name: Transport;
  readonly rtp: boolean;
  /** SRTP (RFC 3711). */
  readonly secure: boolean;
  /** RTCP feedback profile (RFC 4585, RFC 5124). */
  readonly feedback: boolean;
  /** The name itself demands DTLS-SRTP (RFC 5764). */
  readonly dtls: boolean;
}

const profile = (
  name: Transport,
  rtp: boolean,
  secure: boolean,
  feedback: boolean,
  dtls: boolean,
): TransportProfile => ({
  name,
  rtp,
  secure,
  feedback,
  dtls,
});

const AVP = profile("RTP/AVP", true, false, false, false);
const SAVP = profile("RTP/SAVP", true, true, false, false);
const AVPF = profile("RTP/AVPF", true, false, true, false);
const SAVPF = profile("RTP/SAVPF", true, true, true, false);
const TLS_SAVP = profile("UDP/TLS/RTP/SAVP", true, true, false, true);
const TLS_SAVPF = profile("UDP/TLS/RTP/SAVPF", true, true, true, true);
const UDPTL = profile("udptl", false, false, false, false);

const PROFILES: ReadonlyMap<string, TransportProfile> = new Map([
  ["RTP/AVP", AVP],
  ["RTP/SAVP", SAVP],
  ["RTP/AVPF", AVPF],
  ["RTP/SAVPF", SAVPF],
  ["UDP/TLS/RTP/SAVP", TLS_SAVP],
  ["UDP/TLS/RTP/SAVPF", TLS_SAVPF],
  ["UDPTL", UDPTL],
]);

/** Profile of a protocol name in any case; undefined when it is none we know: such media pass as text. */
export function transportProfile(protocol: string): TransportProfile | undefined {
  return PROFILES.get(protocol) ?? PROFILES.get(protocol.toUpperCase());
}

/** True for RTP/AVP and its relatives in any case. */
export function isRtpProtocol(protocol: string): boolean {
  return transportProfile(protocol)?.rtp ?? false;
}

/** True for SRTP by name; opportunistic SRTP has a plain name: see {@link isOpportunistic}. */
export function isSecure(protocol: string): boolean {
  return transportProfile(protocol)?.secure ?? false;
}

/** True for profiles with RTCP feedback. */
export function hasFeedback(protocol: string): boolean {
  return transportProfile(protocol)?.feedback ?? false;
}

/** The name to print: known protocols in their canonical spelling (`udptl` in lower case), others as they are. */
export function canonicalProtocol(protocol: string): string {
  return transportProfile(protocol)?.name ?? protocol;
}

/**
 * Opportunistic SRTP (RFC 8643): a plain `RTP/AVP(F)` section that carries keys all the same. It is SRTP with the plain
 * name.
 */
export function isOpportunistic(media: Pick<MediaDescription, "protocol" | "crypto" | "fingerprint">): boolean {
  const known = transportProfile(media.protocol);
  return known?.rtp === true && !known.secure && (media.crypto.length > 0 || media.fingerprint !== undefined);
}

/** The profile in effect: that of the name, but secure where keys make it opportunistic SRTP. */
export function effectiveProfile(
  media: Pick<MediaDescription, "protocol" | "crypto" | "fingerprint">,
): TransportProfile | undefined {
  const known = transportProfile(media.protocol);
  return known && isOpportunistic(media) ? (known.feedback ? SAVPF : SAVP) : known;
}

/** The plain counterpart of a profile, feedback kept; `udptl` stays what it is. */
export function plainTransport(transport: Transport): Transport {
  const known = transportProfile(transport);
  return known?.rtp ? (known.feedback ? "RTP/AVPF" : "RTP/AVP") : transport;
}

/** A pair of sections that are one media offered twice, secure and plain (legacy way of OSRTP). Indexes of `media`. */
export interface LegacyTwins {
  readonly secure: number;
  readonly plain: number;
}

/**
 * Finds legacy OSRTP twins: neighbouring sections of one type and one non-zero port, one SRTP and one plain RTP by name,
 * in either order. A section belongs to one pair at most.
 */
export function legacyTwins(media: readonly Pick<MediaDescription, "type" | "port" | "protocol">[]): LegacyTwins[] {
  const twins: LegacyTwins[] = [];
  for (let i = 0; i + 1 < media.length; i++) {
    const [one, two] = [media[i]!, media[i + 1]!];
    if (one.port === 0 || one.port !== two.port || one.type !== two.type) continue;
    const [first, second] = [transportProfile(one.protocol), transportProfile(two.protocol)];
    if (!first?.rtp || !second?.rtp || first.secure === second.secure) continue;
    twins.push(first.secure ? { secure: i, plain: i + 1 } : { secure: i + 1, plain: i });
    i++;
  }
  return twins;
}
