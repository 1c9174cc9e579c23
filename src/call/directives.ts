/**
 * What a SIP proxy asks for with one ng message, decoded: the call core works on this and knows neither bencode nor the
 * spelling of flags. `src/ng/flags.ts` produces it from the one flag table.
 */
import type { Family } from "../address.ts";

/** RTP profiles by their SDP names, plus what is not RTP. */
export type Transport =
  | "RTP/AVP"
  | "RTP/SAVP"
  | "RTP/AVPF"
  | "RTP/SAVPF"
  | "UDP/TLS/RTP/SAVP"
  | "UDP/TLS/RTP/SAVPF"
  | "udptl";

export type LearningMode = "off" | "immediate" | "delayed" | "heuristic";

export type IceMode = "default" | "remove" | "force" | "optional" | "force-relay";

/** `sdp-attr` commands for one section type: see the reference, 4.7. */
export interface AttributeEdits {
  readonly add: readonly string[];
  readonly remove: readonly string[];
  readonly substitute: readonly (readonly [from: string, to: string])[];
}

/** Codec list changes that need no transcoder (`strip`, `offer`, `except`, `ignore`) and those that do. */
export interface CodecEdits {
  readonly strip: readonly string[];
  readonly offer: readonly string[];
  readonly except: readonly string[];
  readonly ignore: readonly string[];
  readonly mask: readonly string[];
  readonly transcode: readonly string[];
  readonly accept: readonly string[];
  readonly consume: readonly string[];
  readonly set: readonly string[];
}

/**
 * One decoded request. Absent scalars are undefined, lists and sets are empty: "not given" and "given empty" mean the same.
 * Times in milliseconds where the wire has milliseconds, seconds where it has seconds (named so).
 */
export interface Directives {
  readonly command: string;

  readonly callId: string | undefined;
  /** As on the wire; in an `answer` this is the tag of the original offerer. */
  readonly fromTag: string | undefined;
  readonly toTag: string | undefined;
  readonly viaBranch: string | undefined;
  readonly fromTags: readonly string[];
  readonly label: string | undefined;
  readonly toLabel: string | undefined;
  readonly setLabel: string | undefined;
  readonly address: string | undefined;
  readonly aliasKey: "none" | "sdp" | "address";
  readonly metadata: string | undefined;

  readonly sdp: string | undefined;
  /** SIP source address, canonical. */
  readonly receivedFrom: string | undefined;
  readonly sipMessageType: "request" | "reply" | undefined;
  readonly sipCode: number | undefined;
  readonly supportsLoadLimit: boolean;
  readonly xmlrpcCallback: string | undefined;
  readonly limit: number | undefined;

  /** Logical interface names: towards the sender of the SDP, towards its receiver. */
  readonly fromInterface: string | undefined;
  readonly toInterface: string | undefined;
  readonly mediaAddress: string | undefined;
  readonly addressFamily: Family | undefined;
  /** `accept`: keep the protocol of the received answer. */
  readonly transport: Transport | "accept" | undefined;
  readonly learning: LearningMode | undefined;
  readonly mediaEcho: "blackhole" | "forward" | "backward" | "both" | undefined;
  readonly dropTraffic: "start" | "stop" | undefined;
  readonly passthrough: boolean | undefined;
  /** Whole TOS byte, 0-255. */
  readonly tos: number | undefined;
  /** Seconds; negative = the configured default. */
  readonly deleteDelay: number | undefined;

  readonly ice: IceMode;
  readonly iceLite: "off" | "forward" | "backward" | "both" | undefined;
  readonly trickle: boolean;
  readonly ice2: boolean;
  readonly dtls: "passive" | "active" | "off" | undefined;
  readonly dtlsFingerprint: string | undefined;
  /** Raw SDES option words (`off`, `only-…`, `no-…`, `pad`, …) in order. */
  readonly sdes: readonly string[];
  readonly osrtp: readonly string[];
  readonly rtcpMux: ReadonlySet<"accept" | "demux" | "offer" | "reject" | "require">;
  readonly bundle: ReadonlySet<"accept" | "offer" | "reject" | "require" | "strict">;
  readonly extmapStrip: readonly string[];
  readonly extmapMask: readonly string[];
  readonly generateRtcp: boolean | undefined;

  readonly replace: ReadonlySet<
    "origin" | "origin-full" | "username" | "session-name" | "sdp-version" | "force-increment-sdp-ver" | "zero-address"
  >;
  /** Key: `global` or a media type. */
  readonly sdpAttr: ReadonlyMap<string, AttributeEdits>;
  readonly sdpMediaRemove: ReadonlySet<string>;
  /** Milliseconds. */
  readonly ptime: number | undefined;
  readonly ptimeReverse: number | undefined;
  readonly codec: CodecEdits;

  /** `T.38` option words. */
  readonly t38: readonly string[];
  readonly recordCall: "on" | "off" | "discard" | undefined;
  /** `all` key of the media commands. */
  readonly all: "all" | "none" | "offer-answer" | "not-offer-answer" | "flows" | undefined;

  /**
   * Flags that are on, by their canonical hyphenated name in lower case as the flag table lists it (`trust-address`,
   * `sip-source-address`, `asymmetric`, `strict-source`, `media-handover`, `port-latching`, `no-port-latching`,
   * `loop-protect`, `original-sendrecv`, `generate-mid`, `full-rtcp-attribute`, `no-rtcp-attribute`, `single-codec`,
   * `to-tag`, `fatal`, `fast`, `new-branch`, `provisional`, `fragment`, `reset`, …).
   */
  readonly flags: ReadonlySet<string>;

  /** Keys of commands whose behaviour is not in the core yet, for later use; values as they came. */
  readonly extra: ReadonlyMap<string, unknown>;
}
