/**
 * What RTP headers tell about a stream on its way to us: sequence numbers (RFC 3550, appendix A.1) with a window that tells
 * duplicates from late packets, and jitter (section 6.4.1, appendix A.8). State is in the socket's slot.
 */
import { rtpSequence, rtpSsrc, rtpTimestamp } from "../media/rtp.ts";
import { SLOT, SLOT_DOUBLE, STATE } from "./layout.ts";
import type { TableViews } from "./table-views.ts";

/** A larger jump forward is a restart, once the next packet agrees (RFC 3550: MAX_DROPOUT). */
const MAX_GAP = 3_000;
/** Sequence numbers for which duplicates are recognised. */
const WINDOW = 64;
/** Older packets than this are a restart, once the next packet agrees (RFC 3550: MAX_MISORDER). */
const MAX_LATE = 100;

/** Counts one RTP packet. `word`, `double`: start of the slot in the two views; `arrival`: monotonic milliseconds. */
export function observeRtp(
  table: TableViews,
  word: number,
  double: number,
  bytes: Uint8Array,
  offset: number,
  payloadType: number,
  arrival: number,
): void {
  const { words } = table;
  const ssrc = rtpSsrc(bytes, offset);
  const sequence = rtpSequence(bytes, offset);
  const state = words[word + SLOT.state]!;
  if (payloadType !== words[word + SLOT.payloadType]) {
    words[word + SLOT.payloadType] = payloadType;
    selectClock(table, word, double, payloadType);
  }
  if ((state & STATE.hasSsrc) === 0 || ssrc !== words[word + SLOT.ssrc]) {
    words[word + SLOT.ssrc] = ssrc;
    words[word + SLOT.state] = (words[word + SLOT.state]! | STATE.hasSsrc) & ~STATE.hasTimestamp;
    table.doubles[double + SLOT_DOUBLE.jitter] = 0;
    restart(words, word, sequence);
  } else countSequence(words, word, sequence);
  measureJitter(table, word, double, rtpTimestamp(bytes, offset), arrival);
}

function restart(words: Int32Array, word: number, sequence: number): void {
  words[word + SLOT.highestSequence] = sequence;
  words[word + SLOT.restartSequence] = -1;
  words[word + SLOT.seenLow] = 1;
  words[word + SLOT.seenHigh] = 0;
}

function countSequence(words: Int32Array, word: number, sequence: number): void {
  const highest = words[word + SLOT.highestSequence]!;
  const ahead = (sequence - highest) & 0xffff;
  if (ahead === 0) {
    words[word + SLOT.duplicates] = words[word + SLOT.duplicates]! + 1;
  } else if (ahead < MAX_GAP) {
    words[word + SLOT.lost] = words[word + SLOT.lost]! + ahead - 1;
    words[word + SLOT.highestSequence] = (highest + ahead) | 0;
    words[word + SLOT.restartSequence] = -1;
    shiftWindow(words, word, ahead);
  } else {
    const behind = 0x1_0000 - ahead;
    if (behind <= MAX_LATE) countLate(words, word, behind);
    else if (sequence === words[word + SLOT.restartSequence]) restart(words, word, sequence);
    else words[word + SLOT.restartSequence] = (sequence + 1) & 0xffff;
  }
}

/** Moves the window of seen sequence numbers; the newest one is seen. */
function shiftWindow(words: Int32Array, word: number, by: number): void {
  const low = words[word + SLOT.seenLow]!;
  if (by < 32) {
    words[word + SLOT.seenHigh] = (words[word + SLOT.seenHigh]! << by) | (low >>> (32 - by));
    words[word + SLOT.seenLow] = (low << by) | 1;
  } else {
    words[word + SLOT.seenHigh] = by < WINDOW ? low << (by - 32) : 0;
    words[word + SLOT.seenLow] = 1;
  }
}

function countLate(words: Int32Array, word: number, behind: number): void {
  if (behind < WINDOW) {
    const field = word + (behind < 32 ? SLOT.seenLow : SLOT.seenHigh);
    const bit = 1 << (behind & 31);
    if (words[field]! & bit) {
      words[word + SLOT.duplicates] = words[word + SLOT.duplicates]! + 1;
      return;
    }
    words[field] = words[field]! | bit;
  }
  words[word + SLOT.reordered] = words[word + SLOT.reordered]! + 1;
  // It was counted as lost when its successor came; before the first packet there was no such count.
  if (words[word + SLOT.lost]! > 0) words[word + SLOT.lost] = words[word + SLOT.lost]! - 1;
}

/** Takes the clock of a payload type. Timestamps of different clocks cannot be compared: measuring starts again. */
export function selectClock(table: TableViews, word: number, double: number, payloadType: number): void {
  const rate = table.clockRates[table.bytes[(word + SLOT.payloadTypes) * 4 + payloadType]!]!;
  const clock = (rate > 0 ? rate : 8_000) / 1_000;
  if (clock === table.doubles[double + SLOT_DOUBLE.clock]) return;
  table.doubles[double + SLOT_DOUBLE.clock] = clock;
  table.words[word + SLOT.state] = table.words[word + SLOT.state]! & ~STATE.hasTimestamp;
}

/**
 * Packets with the timestamp of their predecessor (a video frame's, a telephone event's) were not sampled at another time
 * and are left out.
 */
function measureJitter(table: TableViews, word: number, double: number, timestamp: number, arrival: number): void {
  const { words, doubles } = table;
  if (words[word + SLOT.state]! & STATE.hasTimestamp) {
    const step = (timestamp - words[word + SLOT.lastTimestamp]!) | 0;
    if (step === 0) return;
    const elapsed = (arrival - doubles[double + SLOT_DOUBLE.lastArrival]!) * doubles[double + SLOT_DOUBLE.clock]!;
    const jitter = doubles[double + SLOT_DOUBLE.jitter]!;
    doubles[double + SLOT_DOUBLE.jitter] = jitter + (Math.abs(elapsed - step) - jitter) / 16;
  }
  words[word + SLOT.state] = words[word + SLOT.state]! | STATE.hasTimestamp;
  words[word + SLOT.lastTimestamp] = timestamp;
  doubles[double + SLOT_DOUBLE.lastArrival] = arrival;
}
