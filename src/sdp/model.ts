/**
 * The two shapes of a session description (RFC 8866): what a party sent ({@link SessionDescription}, made by
 * `parse.ts`), and what we send on ({@link OutputDescription}, printed by `write.ts` in the fixed order of the
 * reference). The output is generated from state; it is never an edited copy of the input.
 */
import type { Endpoint, Family } from "../address.ts";

export type Direction = "sendrecv" | "sendonly" | "recvonly" | "inactive";

export interface Origin {
  readonly username: string;
  readonly sessionId: string;
  readonly version: string;
  /** `IP4`/`IP6` as it came; an address that does not parse is tolerated and kept as text. */
  readonly addressType: string;
  readonly address: string;
}

/** A `c=` line. `address` is canonical where it is an IP address. */
export interface Connection {
  readonly family: Family;
  readonly address: string;
}

/** `b=` values that are remembered; undefined = not given. Units as SDP has them (kbit/s or bit/s). */
export interface Bandwidth {
  readonly AS?: number;
  readonly RR?: number;
  readonly RS?: number;
  readonly CT?: number;
  readonly TIAS?: number;
}

/** A payload type with all that belongs to it. `name` is undefined for a dynamic type without rtpmap. */
export interface PayloadFormat {
  /** 0-127. */
  readonly payloadType: number;
  readonly name: string | undefined;
  /** Hz. */
  readonly clockRate: number | undefined;
  readonly channels: number | undefined;
  readonly fmtp: string | undefined;
  /** Values of `a=rtcp-fb:<pt>` lines, in order, without the payload type. */
  readonly feedback: readonly string[];
}

/** `a=crypto` (RFC 4568). `params` is the whole text after the suite, verbatim: keys, lifetime, MKI, session parameters. */
export interface CryptoLine {
  readonly tag: number;
  readonly suite: string;
  readonly params: string;
}

/** `a=candidate` of UDP transport (RFC 8839 section 5.1). */
export interface Candidate {
  readonly foundation: string;
  readonly component: number;
  readonly priority: number;
  readonly endpoint: Endpoint;
  readonly type: "host" | "srflx" | "prflx" | "relay";
  readonly related: Endpoint | undefined;
}

/** `a=extmap` (RFC 8285). */
export interface HeaderExtension {
  readonly id: number;
  /** Text between id and URI, e.g. `/sendonly`. */
  readonly direction: string;
  readonly uri: string;
  readonly parameters: string;
}

/** Attributes that session level hands down to sections that lack them, and that sections have themselves. */
export interface MediaDefaults {
  readonly direction: Direction | undefined;
  readonly iceUfrag: string | undefined;
  readonly icePwd: string | undefined;
  readonly iceOptions: readonly string[];
  readonly iceLite: boolean;
  readonly fingerprint: { readonly hash: string; readonly value: string } | undefined;
  readonly setup: string | undefined;
  readonly tlsId: string | undefined;
  readonly extmap: readonly HeaderExtension[];
  readonly extmapAllowMixed: boolean;
}

/** One `m=` section as received. Session-level defaults have been applied to it. */
export interface MediaDescription extends MediaDefaults {
  /** `audio`, `video`, `image`, `message`, … */
  readonly type: string;
  /** 0 = rejected; `formats` is empty then if its payload types are no numbers. */
  readonly port: number;
  /** Number of consecutive port pairs, from `port/n`; 1 if absent. */
  readonly portCount: number;
  /** Protocol as it came. */
  readonly protocol: string;
  /** True for RTP/AVP and its relatives in any spelling. */
  readonly isRtp: boolean;
  /** The format text after the protocol, verbatim. */
  readonly formatText: string;
  /** RTP only: payload types in order of preference with what rtpmap/fmtp/rtcp-fb or RFC 3551 say of them. */
  readonly formats: readonly PayloadFormat[];
  readonly info: string | undefined;
  /** The section's own `c=`, else the session's; undefined only in fragments. */
  readonly connection: Connection | undefined;
  readonly bandwidth: Bandwidth;
  readonly mid: string | undefined;
  readonly label: string | undefined;
  /** `a=rtcp` port and, where given, address. */
  readonly rtcp: { readonly port: number; readonly address: string | undefined } | undefined;
  /** `a=rtcp-mux`, or an `a=rtcp` that names the RTP address and port itself. */
  readonly rtcpMux: boolean;
  readonly crypto: readonly CryptoLine[];
  readonly candidates: readonly Candidate[];
  readonly endOfCandidates: boolean;
  readonly bundleOnly: boolean;
  /** Milliseconds. */
  readonly ptime: number | undefined;
  readonly maxptime: number | undefined;
  /** The direction attribute as written in this section itself (not inherited). */
  readonly ownDirection: Direction | undefined;
  /** Attributes that are passed through verbatim (`name` or `name:value`, without `a=`), in order. */
  readonly others: readonly string[];
  /** Every attribute of the section verbatim and in order, for sections that are copied. */
  readonly all: readonly string[];
}

export interface SessionDescription {
  readonly origin: Origin | undefined;
  readonly name: string | undefined;
  readonly info: string | undefined;
  readonly uri: string | undefined;
  readonly email: string | undefined;
  readonly phone: string | undefined;
  readonly bandwidth: Bandwidth;
  readonly timing: string | undefined;
  readonly connection: Connection | undefined;
  /** `a=group` lines verbatim (without `a=group:`), in order. */
  readonly groups: readonly string[];
  /** Value of `a=rtpengine`: instance ids, for loop protection. */
  readonly loopIds: readonly string[];
  readonly defaults: MediaDefaults;
  readonly others: readonly string[];
  /** Candidates before the first `m=`: only trickle fragments have them there (RFC 8840 section 9). */
  readonly candidates: readonly Candidate[];
  readonly endOfCandidates: boolean;
  readonly media: readonly MediaDescription[];
  /** Log messages about lines that were ignored, in order: malformed `a=crypto` and `a=rtcp`. */
  readonly warnings: readonly string[];
}

/** Why a text is no usable session description. */
export interface SdpError {
  /**
   * `syntax`: reply `Failed to parse SDP`, log `Error parsing SDP at offset N: <reason>`.
   * `incomplete`: reply `Incomplete SDP specification`.
   */
  readonly kind: "syntax" | "incomplete";
  /** Byte offset of the offending line. */
  readonly offset: number;
  readonly reason: string;
}

/** A section as we print it; fields are printed in the order of the reference, 2.2. */
export interface OutputMedia {
  readonly type: string;
  /** 0 = rejected: printing stops after bandwidth, mid and label. */
  readonly port: number;
  readonly protocol: string;
  /** Text after the protocol: payload types in order, or the original format text. */
  readonly formatText: string;
  readonly info: string | undefined;
  readonly connection: Connection;
  readonly bandwidth: Bandwidth;
  readonly mid: string | undefined;
  readonly label: string | undefined;
  readonly bundleOnly?: boolean;
  /** A copied section (reference, 2.3): after `b=` only these attributes follow, and `mid` etc. are not printed. */
  readonly copied?: readonly string[];
  /** The `m=` line alone: the declined twin of a legacy OSRTP pair. */
  readonly bare?: boolean;
  readonly formats: readonly PayloadFormat[];
  readonly extmapAllowMixed: boolean;
  readonly extmap: readonly HeaderExtension[];
  readonly others: readonly string[];
  /** undefined: not printed (`original-sendrecv`, or T.38). */
  readonly direction: Direction | undefined;
  /** `a=rtcp` value, e.g. `30001` or `30001 IN IP4 198.51.100.7`. */
  readonly rtcp: string | undefined;
  readonly rtcpMux: boolean;
  readonly crypto: readonly CryptoLine[];
  readonly setup?: string;
  readonly fingerprint?: { readonly hash: string; readonly value: string };
  readonly tlsId?: string;
  readonly ptime: number | undefined;
  readonly maxptime: number | undefined;
  readonly iceUfrag?: string;
  readonly icePwd?: string;
  readonly iceOptions?: string;
  /** Candidate values verbatim, without `a=candidate:`. */
  readonly candidates?: readonly string[];
  readonly remoteCandidates?: string;
  readonly endOfCandidates?: boolean;
}

/** What goes out, before `sdp-attr` edits. */
export interface OutputDescription {
  readonly origin: Origin;
  readonly name: string;
  readonly info: string | undefined;
  readonly uri: string | undefined;
  readonly email: string | undefined;
  readonly phone: string | undefined;
  readonly bandwidth: Bandwidth;
  readonly timing: string;
  readonly loopId: string | undefined;
  /** Name of the attribute that says music on hold is playing, while it does. */
  readonly mohAttribute?: string | undefined;
  readonly iceLite?: boolean;
  readonly groups: readonly string[];
  readonly others: readonly string[];
  readonly media: readonly OutputMedia[];
}
