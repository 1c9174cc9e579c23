/**
 * What happens to each received packet, the same for every engine: demultiplexing, source check and learning, statistics,
 * and sending on to the sinks. Nothing here allocates, waits or calls the system; the engine does that through
 * {@link PacketSender}.
 *
 * Accounting: every packet counted in is sent on, handed up, or counted under one drop reason; with several sinks once for
 * each. What fails at the sender is counted on the socket it should have left from (`send-failed`), all else on the socket
 * that received it.
 *
 * Order: STUN and DTLS go up first, as neither is media; then ICE's word on the source; then SRTP, so that nothing is
 * learned from or counted about a packet that is not authentic; only then the source check and statistics.
 */
import { MAX_PACKET } from "../limits.ts";
import { looksLikeDtls, looksLikeStun } from "../media/demux.ts";
import { addMid, MID_ROOM } from "../media/mid-extension.ts";
import { hasFeedback, isRtcp, isWholeCompound, stripFeedback } from "../media/rtcp.ts";
import { isRtp, rtpPayloadType } from "../media/rtp.ts";
import { SRTP_ERROR } from "../media/srtp/session.ts";
import { DROP_REASONS, type DropReason } from "../planes/plane.ts";
import type { Guards } from "./guards.ts";
import { FLAG, SLOT, SLOT_DOUBLE, SLOT_DOUBLES, SLOT_WORDS } from "./layout.ts";
import { REPORT, type ReportSink } from "./reports.ts";
import { observeRtp } from "./sequence.ts";
import { SOURCE_REFUSED, SourceCheck } from "./source-check.ts";
import type { TableViews } from "./table-views.ts";

export interface PacketSender {
  /**
   * Sends part of the engine's buffer from a socket to its destination (`SLOT.destination`, `SLOT.destinationLength`).
   * Returns 0 when it was sent or queued, else the errno; a queued packet that fails later goes to
   * {@link Forwarder.sendFailed}.
   */
  send(slot: number, offset: number, length: number): number;
  /** Makes sure that packets sent so far are not read from the buffer any more: the caller is about to change one. */
  flush(): void;
}

/** Received packets, as the forwarder sees them: all offsets are into these two views of one memory. */
export interface PacketBuffer {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  /** Where it is, for libraries. */
  readonly address: number;
  /** Offset of the engine's `Workspace`; packets have PACKET_TAIL bytes of room behind them. */
  readonly workspace: number;
}

function drops(reason: DropReason): number {
  return SLOT_DOUBLE.drops + DROP_REASONS.indexOf(reason);
}

const DROP_TRAFFIC = drops("drop-traffic");
const INVALID_RTP = drops("invalid-rtp");
const STRICT_SOURCE = drops("strict-source");
const BLACKHOLE = drops("blackhole");
const NO_SINK = drops("no-sink");
const NO_DESTINATION = drops("no-destination");
const NAT_WAIT = drops("nat-wait");
const FEEDBACK_ONLY = drops("feedback-only");
const OVERSIZE = drops("oversize");
const SEND_FAILED = drops("send-failed");
const HAND_UP_FULL = drops("hand-up-full");
const SRTP_AUTHENTICATION = drops("srtp-authentication");
const SRTP_REPLAY = drops("srtp-replay");
const AWAITING_KEYS = drops("awaiting-keys");
const NOT_VALIDATED = drops("not-validated");

/** Flags of sockets whose packets are not taken, or do not leave, just as they are. */
const GUARDED = FLAG.validated | FLAG.decrypt | FLAG.awaitDecrypt;
const CONDITIONAL = FLAG.natWait | FLAG.encrypt | FLAG.awaitEncrypt;
/** Flags of sockets whose RTP does not simply go to every sink. */
const BUNDLED = FLAG.routed | FLAG.tagged;
const EVERY_SINK = 0xff;

export class Forwarder {
  readonly #table: TableViews;
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;
  readonly #buffer: PacketBuffer;
  readonly #sender: PacketSender;
  readonly #reports: ReportSink;
  readonly #sourceCheck: SourceCheck;
  readonly #guards: Guards;
  /** Where the last encrypted packet starts. */
  #sealedAt = 0;
  /** Wall clock in milliseconds and its whole seconds; monotonic milliseconds. Read once per batch. */
  #now = 0;
  #second = 0;
  #arrival = 0;

  constructor(table: TableViews, buffer: PacketBuffer, sender: PacketSender, reports: ReportSink, guards: Guards) {
    this.#table = table;
    this.#words = table.words;
    this.#doubles = table.doubles;
    this.#buffer = buffer;
    this.#sender = sender;
    this.#reports = reports;
    this.#sourceCheck = new SourceCheck(table, reports);
    this.#guards = guards;
  }

  /** The times that packets of the coming batch are given, in milliseconds. */
  startBatch(wallClock: number, monotonic: number): void {
    this.#now = wallClock;
    this.#second = Math.floor(wallClock / 1_000) | 0;
    this.#arrival = monotonic;
  }

  /**
   * One packet from the socket of `slot`.
   * @param offset byte where it starts in the buffer
   * @param length its length on the wire; only {@link MAX_PACKET} bytes need to be in the buffer
   * @param source word of the buffer where the sender's sockaddr starts
   */
  receive(slot: number, offset: number, length: number, source: number): void {
    const doubles = this.#doubles;
    const word = slot * SLOT_WORDS;
    const double = slot * SLOT_DOUBLES;
    const flags = this.#words[word + SLOT.flags]!;
    const { bytes } = this.#buffer;
    doubles[double + SLOT_DOUBLE.packetsIn] = doubles[double + SLOT_DOUBLE.packetsIn]! + 1;
    doubles[double + SLOT_DOUBLE.bytesIn] = doubles[double + SLOT_DOUBLE.bytesIn]! + length;
    if (flags & FLAG.drop) {
      // An operator's silence is not the peer's: the call must not time out of it.
      doubles[double + SLOT_DOUBLE.lastPacketAt] = this.#now;
      this.#drop(double, DROP_TRAFFIC);
      return;
    }
    if (length > MAX_PACKET) {
      this.#reject(double, OVERSIZE);
      return;
    }
    if (
      ((flags & FLAG.handUpStun) !== 0 && looksLikeStun(bytes, offset, length)) ||
      ((flags & FLAG.handUpDtls) !== 0 && looksLikeDtls(bytes, offset, length))
    ) {
      this.#handUp(slot, double, offset, length, source);
      return;
    }
    let rtcp = false;
    if (flags & FLAG.isRtp) {
      rtcp = isRtcp(bytes, offset, length);
      if (!rtcp && !isRtp(bytes, offset, length)) {
        this.#reject(double, INVALID_RTP);
        return;
      }
    }
    let size = length;
    if (flags & GUARDED) {
      size = this.#admit(slot, double, flags, rtcp, offset, length, source);
      if (size < 0) return;
    }
    if (flags & FLAG.mayLearn) {
      const stray = rtcp && (flags & (FLAG.rtcpComponent | FLAG.rtcpMux)) === 0;
      if (flags & FLAG.validated) this.#sourceCheck.follow(slot, this.#buffer.words, source, stray, this.#now);
      else if (this.#sourceCheck.accept(slot, this.#buffer.words, source, stray, this.#now) === SOURCE_REFUSED) {
        this.#reject(double, STRICT_SOURCE);
        return;
      }
    }
    doubles[double + SLOT_DOUBLE.lastPacketAt] = this.#now;
    if (!rtcp) {
      if (flags & FLAG.isRtp) this.#observe(slot, word, double, flags, offset, source);
      if (flags & FLAG.blackhole) {
        this.#drop(double, BLACKHOLE);
        return;
      }
    }
    this.#forward(slot, word, double, flags, rtcp, offset, size);
  }

  /** A packet that {@link PacketSender.send} had taken did not leave after all. */
  sendFailed(slot: number, length: number, errno: number): void {
    const double = slot * SLOT_DOUBLES;
    this.#doubles[double + SLOT_DOUBLE.packetsOut] = this.#doubles[double + SLOT_DOUBLE.packetsOut]! - 1;
    this.#doubles[double + SLOT_DOUBLE.bytesOut] = this.#doubles[double + SLOT_DOUBLE.bytesOut]! - length;
    this.#countSendError(slot, double, errno);
  }

  /** The system refused to give us a packet of this socket; benign or not is the engine's to say. */
  receiveFailed(slot: number, errno: number): void {
    const word = slot * SLOT_WORDS;
    const double = slot * SLOT_DOUBLES;
    this.#doubles[double + SLOT_DOUBLE.errorsIn] = this.#doubles[double + SLOT_DOUBLE.errorsIn]! + 1;
    if (this.#words[word + SLOT.receiveReported] === this.#second) return;
    this.#words[word + SLOT.receiveReported] = this.#second;
    this.#reports.event(REPORT.receiveError, slot, errno, undefined, 0, undefined, 0);
  }

  #drop(double: number, reason: number): void {
    this.#doubles[double + reason] = this.#doubles[double + reason]! + 1;
    this.#doubles[double + SLOT_DOUBLE.lastDropAt] = this.#now;
    // A slot has twice as many words as doubles.
    this.#words[double * 2 + SLOT.lastDrop] = reason - SLOT_DOUBLE.drops;
  }

  /** A drop that is an error of the sender. */
  #reject(double: number, reason: number): void {
    this.#doubles[double + SLOT_DOUBLE.errorsIn] = this.#doubles[double + SLOT_DOUBLE.errorsIn]! + 1;
    this.#drop(double, reason);
  }

  #handUp(slot: number, double: number, offset: number, length: number, source: number): void {
    const { bytes, words } = this.#buffer;
    if (!this.#reports.packet(slot, bytes, offset, length, words, source)) {
      this.#drop(double, HAND_UP_FULL);
      return;
    }
    this.#doubles[double + SLOT_DOUBLE.lastPacketAt] = this.#now;
    this.#doubles[double + SLOT_DOUBLE.handedUp] = this.#doubles[double + SLOT_DOUBLE.handedUp]! + 1;
  }

  /** ICE and SRTP of what arrives. Returns the length of the packet in clear, or -1: it was dropped and counted. */
  #admit(
    slot: number,
    double: number,
    flags: number,
    rtcp: boolean,
    offset: number,
    length: number,
    source: number,
  ): number {
    const guard = this.#guards.at(slot);
    if ((flags & FLAG.validated) !== 0 && !guard?.knows(this.#buffer.words, source)) {
      this.#sourceCheck.note(slot, this.#buffer.words, source, this.#now);
      this.#drop(double, NOT_VALIDATED);
      return -1;
    }
    if (flags & FLAG.awaitDecrypt) {
      this.#drop(double, AWAITING_KEYS);
      return -1;
    }
    // SRTP is for RTP: what else was agreed on comes as it is.
    if ((flags & FLAG.decrypt) === 0 || (flags & FLAG.isRtp) === 0) return length;
    const session = guard?.decrypt;
    if (!session) {
      this.#drop(double, AWAITING_KEYS);
      return -1;
    }
    const clear = rtcp ? session.unprotectRtcp(offset, length) : session.unprotectRtp(offset, length);
    if (clear >= 0) return clear;
    // Networks repeat packets; a second copy is nobody's error.
    if (clear === SRTP_ERROR.replay) this.#drop(double, SRTP_REPLAY);
    else this.#reject(double, clear === SRTP_ERROR.authentication ? SRTP_AUTHENTICATION : INVALID_RTP);
    return -1;
  }

  #observe(slot: number, word: number, double: number, flags: number, offset: number, source: number): void {
    const { bytes } = this.#buffer;
    const payloadType = rtpPayloadType(bytes, offset);
    observeRtp(this.#table, word, double, bytes, offset, payloadType, this.#arrival);
    if (flags & FLAG.checkPayload && this.#table.bytes[(word + SLOT.payloadTypes) * 4 + payloadType] === 0) {
      this.#doubles[double + SLOT_DOUBLE.errorsIn] = this.#doubles[double + SLOT_DOUBLE.errorsIn]! + 1;
      if (this.#words[word + SLOT.payloadReported] === this.#second) return;
      this.#words[word + SLOT.payloadReported] = this.#second;
      this.#reports.event(REPORT.unknownPayloadType, slot, payloadType, this.#buffer.words, source, undefined, 0);
    }
  }

  #forward(
    slot: number,
    word: number,
    double: number,
    flags: number,
    rtcp: boolean,
    offset: number,
    length: number,
  ): void {
    const words = this.#words;
    let list = word + (rtcp ? SLOT.rtcpSinks : SLOT.rtpSinks);
    let count = words[word + (rtcp ? SLOT.rtcpSinkCount : SLOT.rtpSinkCount)]!;
    if (count === 0) {
      if (rtcp && (flags & (FLAG.rtcpComponent | FLAG.rtcpMux)) === 0) {
        // RTCP where none was agreed, and nowhere better to send it: as it came, to where the RTP goes.
        list = word + SLOT.rtpSinks;
        count = words[word + SLOT.rtpSinkCount]!;
      } else if (!rtcp && flags & FLAG.rtcpComponent) {
        list = word + SLOT.rtcpSinks;
        count = words[word + SLOT.rtcpSinkCount]!;
      }
      if (count === 0) {
        this.#drop(double, NO_SINK);
        return;
      }
    }
    const { bytes } = this.#buffer;
    if ((flags & BUNDLED) !== 0 && !rtcp) {
      this.#forwardBundled(slot, double, flags, list, count, offset, length);
      return;
    }
    const feedback = rtcp && isWholeCompound(bytes, offset, length) && hasFeedback(bytes, offset, length);
    let stripping = false;
    const only = count === 1;
    for (let i = 0; i < count; i++) {
      const sink = words[list + i * 2]!;
      if (feedback && words[sink * SLOT_WORDS + SLOT.flags]! & FLAG.stripFeedback) stripping = true;
      else this.#deliver(double, sink, words[list + i * 2 + 1]!, rtcp, only, offset, length);
    }
    if (!stripping) return;
    // The unchanged packet must be on its way before it is shortened in place for the others.
    this.#sender.flush();
    const rest = stripFeedback(bytes, offset, length);
    for (let i = 0; i < count; i++) {
      const sink = words[list + i * 2]!;
      if ((words[sink * SLOT_WORDS + SLOT.flags]! & FLAG.stripFeedback) === 0) continue;
      if (rest === 0) this.#drop(double, FEEDBACK_ONLY);
      else this.#deliver(double, sink, words[list + i * 2 + 1]!, rtcp, only, offset, rest);
    }
  }

  /** RTP of a section that shares its transport, or goes to one that does. */
  #forwardBundled(
    slot: number,
    double: number,
    flags: number,
    list: number,
    count: number,
    offset: number,
    length: number,
  ): void {
    const words = this.#words;
    const bundle = this.#guards.at(slot)?.bundle;
    const routed = (flags & FLAG.routed) !== 0 && bundle !== undefined;
    const mask = routed ? bundle.masks[rtpPayloadType(this.#buffer.bytes, offset)]! : EVERY_SINK;
    let delivered = false;
    for (let i = 0; i < count; i++) {
      if ((mask & (1 << i)) === 0) continue;
      delivered = true;
      const sink = words[list + i * 2]!;
      const incarnation = words[list + i * 2 + 1]!;
      const named =
        bundle !== undefined && bundle.id !== 0 && (words[sink * SLOT_WORDS + SLOT.flags]! & FLAG.wantsMid) !== 0;
      if (named) {
        const at = this.#copyRoom(length + MID_ROOM);
        const size = addMid(this.#buffer.bytes, offset, length, bundle.id, bundle.mid, at);
        if (size >= 0) {
          this.#deliver(double, sink, incarnation, false, true, at, size);
          continue;
        }
      }
      this.#deliver(double, sink, incarnation, false, count === 1, offset, length);
    }
    if (!delivered) this.#drop(double, NO_SINK);
  }

  /** Room for a copy of so many bytes in the workspace. */
  #copyRoom(length: number): number {
    const { workspace } = this.#guards;
    const at = workspace.copy(length);
    if (at >= 0) return at;
    this.#sender.flush();
    workspace.reuse();
    return workspace.copy(length);
  }

  /** `only`: nobody else gets this packet, so it may be changed where it is. */
  #deliver(
    double: number,
    sink: number,
    incarnation: number,
    rtcp: boolean,
    only: boolean,
    offset: number,
    length: number,
  ): void {
    const words = this.#words;
    const doubles = this.#doubles;
    const word = sink * SLOT_WORDS;
    const out = sink * SLOT_DOUBLES;
    // The slot may have been given to another call meanwhile.
    if (words[word + SLOT.incarnation] !== incarnation) {
      this.#drop(double, NO_SINK);
      return;
    }
    if (words[word + SLOT.destinationLength] === 0) {
      this.#drop(double, NO_DESTINATION);
      return;
    }
    let at = offset;
    let size = length;
    const flags = words[word + SLOT.flags]!;
    if (flags & CONDITIONAL) {
      if ((flags & FLAG.natWait) !== 0 && doubles[out + SLOT_DOUBLE.packetsIn] === 0) {
        this.#drop(double, NAT_WAIT);
        return;
      }
      if (flags & FLAG.awaitEncrypt) {
        this.#drop(double, AWAITING_KEYS);
        return;
      }
      if (flags & FLAG.encrypt) {
        size = this.#seal(double, sink, rtcp, only, offset, length);
        if (size < 0) return;
        at = this.#sealedAt;
      }
    }
    const errno = this.#sender.send(sink, at, size);
    if (errno !== 0) {
      this.#countSendError(sink, out, errno);
      return;
    }
    doubles[out + SLOT_DOUBLE.packetsOut] = doubles[out + SLOT_DOUBLE.packetsOut]! + 1;
    doubles[out + SLOT_DOUBLE.bytesOut] = doubles[out + SLOT_DOUBLE.bytesOut]! + size;
    doubles[out + SLOT_DOUBLE.lastSentAt] = this.#now;
  }

  /** Encrypts for one sink, to `#sealedAt`. Returns the new length, or -1: it was dropped and counted. */
  #seal(double: number, sink: number, rtcp: boolean, only: boolean, offset: number, length: number): number {
    const session = this.#guards.at(sink)?.encrypt;
    if (!session) {
      this.#drop(double, AWAITING_KEYS);
      return -1;
    }
    let at = offset;
    if (!only) {
      at = this.#copyRoom(length);
      this.#buffer.bytes.copyWithin(at, offset, offset + length);
    }
    const sealed = rtcp ? session.protectRtcp(at, length) : session.protectRtp(at, length);
    if (sealed < 0) {
      this.#reject(double, INVALID_RTP);
      return -1;
    }
    this.#sealedAt = at;
    return sealed;
  }

  #countSendError(slot: number, double: number, errno: number): void {
    this.#doubles[double + SLOT_DOUBLE.errorsOut] = this.#doubles[double + SLOT_DOUBLE.errorsOut]! + 1;
    // Not by #drop: the time and reason there are about what this socket received.
    this.#doubles[double + SEND_FAILED] = this.#doubles[double + SEND_FAILED]! + 1;
    this.#doubles[double + SLOT_DOUBLE.sendFailedAt] = this.#now;
    this.#words[slot * SLOT_WORDS + SLOT.sendErrno] = errno;
    const reported = slot * SLOT_WORDS + SLOT.sendReported;
    if (this.#words[reported] === this.#second) return;
    this.#words[reported] = this.#second;
    this.#reports.event(REPORT.sendError, slot, errno, undefined, 0, undefined, 0);
  }
}
