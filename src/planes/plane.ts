/**
 * The contract between the call core's driver and whatever forwards packets. One contract suite
 * (`test/contract/plane.ts`) runs against every implementation; the userspace plane is the oracle.
 *
 * A *socket* is one bound local UDP socket, known by a small integer id (its slot in the shared stream table). A section
 * has an RTP socket and, unless muxed, an RTCP socket per leg.
 */
import type { Endpoint } from "../address.ts";
import type { LearningMode } from "../call/directives.ts";
import type { SrtpKeys } from "../media/srtp/suites.ts";

/** Slot of a local media socket; stable while the socket is open, reused afterwards. */
export type SocketId = number;

/** What one socket has to do from now on. Absolute: applying the same spec twice changes nothing. */
export interface StreamSpec {
  readonly socket: SocketId;
  /** Log prefix of the stream, e.g. `CALLID/TAG/1 port 30000`. */
  readonly label: string;
  readonly component: "rtp" | "rtcp";
  /** False: bytes are forwarded as they come (T.38 and unknown protocols). */
  readonly isRtp: boolean;
  /** RTP and RTCP share this socket (RFC 5761): packet types 194-223 go to `rtcpSinks`. */
  readonly rtcpMux: boolean;
  /** Remote endpoint from signalling; undefined = not known yet: nothing is sent there. */
  readonly remote: Endpoint | undefined;
  /** Both SDPs of this stream are known, so its endpoint may be learned. Until then packets are only forwarded. */
  readonly mayLearn: boolean;
  readonly learning: LearningMode;
  /** Destination stays what SDP says; the learned source only feeds the source check. */
  readonly asymmetric: boolean;
  readonly strictSource: boolean;
  readonly mediaHandover: boolean;
  /** The party declared that it does not send: its RTP is counted and dropped, its RTCP passes. */
  readonly blackhole: boolean;
  /** `drop-traffic`: everything is dropped. */
  readonly drop: boolean;
  /** `NAT-wait`: nothing is sent from this socket until something was received on it. */
  readonly natWait: boolean;
  /** RTCP sent from this socket loses feedback blocks (types 205, 206): the receiver's profile has none. */
  readonly stripFeedback: boolean;
  /** STUN or DTLS is spoken on this socket, so such packets are handed up instead of relayed. */
  readonly handUp: { readonly stun: boolean; readonly dtls: boolean };
  /** Negotiated payload types; others are forwarded but counted as errors. Empty = no check. */
  readonly payloadTypes: readonly number[];
  /** Clock rate in Hz by payload type, for jitter. Missing: 8000. */
  readonly clockRates: ReadonlyMap<number, number>;
  /** Sockets of other legs from which RTP received here is sent on, each to its own remote endpoint. */
  readonly rtpSinks: readonly SocketId[];
  /** The same for RTCP received here. */
  readonly rtcpSinks: readonly SocketId[];
  /**
   * BUNDLE: those of `rtpSinks` that RTP of a payload type goes to, where they are not all of them. Types that are not listed
   * go to all.
   */
  readonly routes?: ReadonlyMap<number, readonly SocketId[]> | undefined;
  /** BUNDLE: what RTP received here is called towards sinks that want to know, in a header extension (RFC 9143). */
  readonly mid?: { readonly id: number; readonly value: string } | undefined;
  /** BUNDLE: RTP that leaves here needs the `mid` of its source. */
  readonly wantsMid?: boolean | undefined;
  /** Changes with every signalling message: learning starts again (3 s window), confirmation is lost. */
  readonly generation: number;
  /**
   * SRTP of what arrives on this socket: nothing that does not authenticate has any effect. Undefined = packets are taken as
   * they come. Roll-over counters and replay state live as long as the same keys are applied.
   */
  readonly decrypt?: SrtpKeys | undefined;
  /** SRTP of what leaves from this socket; undefined = packets leave as they are. */
  readonly encrypt?: SrtpKeys | undefined;
  /**
   * ICE: sources whose checks were answered; packets from elsewhere are no media. Empty = none so far, undefined = no ICE. At
   * most MAX_VALIDATED_SOURCES count, the first ones. The destination is `remote`; it follows media from another validated
   * source, at most once per 3 s.
   */
  readonly validated?: readonly Endpoint[] | undefined;
  /** Encryption was agreed, keys are still to come: media of a direction without keys is dropped instead of relayed in clear. */
  readonly awaitingKeys?: boolean | undefined;
}

/**
 * Why packets were not forwarded. Every drop is counted under exactly one of these: once per packet, or once per sink that
 * did not get it; on the socket that received it, `send-failed` on the one it should have left from. So over the sockets of
 * a call packets in = packets out + drops (+ packets handed up), where each has one sink.
 */
/**
 * `kernel-queue`: dropped by the system, because the socket's queue was full, before the plane had them; all other reasons
 * are for packets that count as received.
 */
export const DROP_REASONS = [
  "drop-traffic",
  "invalid-rtp",
  "strict-source",
  "blackhole",
  "no-sink",
  "no-destination",
  "nat-wait",
  "feedback-only",
  "oversize",
  "send-failed",
  "hand-up-full",
  "srtp-authentication",
  "srtp-replay",
  "awaiting-keys",
  "not-validated",
  "kernel-queue",
] as const;
export type DropReason = (typeof DROP_REASONS)[number];

/** Counters of one socket since it was opened. Times are milliseconds of the caller's clock (Unix time). */
export interface StreamCounters {
  readonly packetsIn: number;
  readonly bytesIn: number;
  readonly errorsIn: number;
  readonly packetsOut: number;
  readonly bytesOut: number;
  readonly errorsOut: number;
  readonly drops: Readonly<Record<DropReason, number>>;
  /** 0 = nothing received yet. */
  readonly lastPacketAt: number;
  /** Where packets are sent to now: signalled, provisional or learned. */
  readonly endpoint: Endpoint | undefined;
  readonly confirmed: boolean;
  /** Last SSRC seen in RTP received here; undefined = none. */
  readonly ssrc: number | undefined;
  /** Last RTP payload type received; undefined = none. */
  readonly payloadType: number | undefined;
  /** Extended highest sequence number, packets lost so far by sequence gaps, duplicates, reordered packets. */
  readonly highestSequence: number;
  readonly lost: number;
  readonly duplicates: number;
  readonly reordered: number;
  readonly lastTimestamp: number;
  /** Interarrival jitter in RTP timestamp units (RFC 3550 section 6.4.1). */
  readonly jitter: number;
  /** TOS byte of the last packet is not tracked by every plane; undefined then. */
  readonly tos: number | undefined;
  /**
   * For the question why there is no audio; left out by planes that cannot tell. The source of the last packet that did not
   * come from where it was expected, refused or not; errno of the last packet that could not be sent; reason of the last drop
   * of what was received. Times: 0 = never.
   */
  readonly otherSource?: Endpoint | undefined;
  readonly otherSourceAt?: number;
  readonly sendErrno?: number;
  readonly sendFailedAt?: number;
  readonly lastDrop?: DropReason | undefined;
  readonly lastDropAt?: number;
  readonly lastSentAt?: number;
}

/** What a plane tells its owner, in order per socket. Delivered on the main thread. */
export type PlaneEvent =
  | { readonly kind: "confirmed"; readonly socket: SocketId; readonly endpoint: Endpoint }
  | { readonly kind: "endpoint-changed"; readonly socket: SocketId; readonly endpoint: Endpoint }
  | {
      readonly kind: "strict-source";
      readonly socket: SocketId;
      readonly source: Endpoint;
      readonly expected: Endpoint;
    }
  | {
      readonly kind: "unknown-payload-type";
      readonly socket: SocketId;
      readonly payloadType: number;
      readonly source: Endpoint;
    }
  | { readonly kind: "send-error"; readonly socket: SocketId; readonly errno: number }
  /** The system did not give us packets of this socket. */
  | { readonly kind: "receive-error"; readonly socket: SocketId; readonly errno: number }
  | { readonly kind: "packet"; readonly socket: SocketId; readonly source: Endpoint; readonly data: Uint8Array };

export interface ForwardingPlane {
  readonly name: "userspace" | "module" | "ebpf";
  /** Puts these specs in force. All sockets named in one call belong to one worker and change together. */
  apply(specs: readonly StreamSpec[]): void;
  /** Forwarding to and from these sockets ends; counters stay readable until the sockets are closed. */
  remove(sockets: readonly SocketId[]): void;
  counters(socket: SocketId): StreamCounters;
  /** Milliseconds (Unix) of the last packet on this socket, 0 = none: the cheap part of {@link counters}. */
  lastPacketAt(socket: SocketId): number;
  close(): void;
}
