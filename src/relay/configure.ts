/** Carries commands out on the slots of a worker: between batches, on the worker's thread, so no packet sees half of one. */
import { MAX_SINKS } from "../limits.ts";
import { RECORD } from "./command.ts";
import { FLAG, LEARN_OFF, NO_RANK, SLOT, SLOT_DOUBLE, SLOT_DOUBLES, SLOT_WORDS, STATE } from "./layout.ts";
import { REPORT, type ReportSink } from "./reports.ts";
import { selectClock } from "./sequence.ts";
import { addressLength, beginChange, copyAddress, endChange, sameAddress } from "./source-check.ts";
import type { TableViews } from "./table-views.ts";

const PAYLOAD_WORDS = 32;

/**
 * Puts an `apply` record in force.
 * @param now wall clock, milliseconds; @param learnTime length of provisional learning, milliseconds
 */
export function applyCommand(
  table: TableViews,
  record: Int32Array,
  reports: ReportSink,
  now: number,
  learnTime: number,
): void {
  const { words, doubles } = table;
  const slot = record[RECORD.slot]!;
  const base = slot * SLOT_WORDS;
  const double = slot * SLOT_DOUBLES;
  const incarnation = record[RECORD.incarnation]!;
  const isNew = words[base + SLOT.incarnation] !== incarnation;
  beginChange(words, base);
  if (isNew) {
    clearSlot(words, base);
    words[base + SLOT.incarnation] = incarnation;
  }
  words[base + SLOT.fd] = record[RECORD.fd]!;
  const before = words[base + SLOT.flags]!;
  const flags = record[RECORD.flags]!;
  const learning = record[RECORD.learning]!;
  const generation = record[RECORD.generation]!;
  const restart =
    isNew ||
    generation !== words[base + SLOT.generation] ||
    learning !== words[base + SLOT.learning] ||
    (flags & ~before & FLAG.mayLearn) !== 0;
  words[base + SLOT.flags] = flags;
  words[base + SLOT.learning] = learning;
  words[base + SLOT.generation] = generation;
  words[base + SLOT.rtpSinkCount] = record[RECORD.rtpSinkCount]!;
  words[base + SLOT.rtcpSinkCount] = record[RECORD.rtcpSinkCount]!;
  for (let i = 0; i < MAX_SINKS * 2; i++) {
    words[base + SLOT.rtpSinks + i] = record[RECORD.rtpSinks + i]!;
    words[base + SLOT.rtcpSinks + i] = record[RECORD.rtcpSinks + i]!;
  }
  for (let i = 0; i < PAYLOAD_WORDS; i++) words[base + SLOT.payloadTypes + i] = record[RECORD.payloadTypes + i]!;
  const payloadType = words[base + SLOT.payloadType]!;
  if (payloadType >= 0) selectClock(table, base, double, payloadType);
  setAddresses(words, base, record, flags, learning, before);
  let confirmed = false;
  if (restart) {
    words[base + SLOT.bestRank] = NO_RANK;
    doubles[double + SLOT_DOUBLE.learnUntil] = now + learnTime;
    // With ICE the endpoint is one that answered a check.
    const settled = learning === LEARN_OFF || (flags & FLAG.validated) !== 0;
    confirmed = settled && (flags & FLAG.mayLearn) !== 0 && words[base + SLOT.advertised] !== 0;
    const state = words[base + SLOT.state]! & ~STATE.confirmed;
    words[base + SLOT.state] = confirmed ? state | STATE.confirmed : state;
  }
  words[base + SLOT.applied] = record[RECORD.sequence]!;
  endChange(words, base);
  if (confirmed) reports.event(REPORT.confirmed, slot, 0, words, base + SLOT.destination, undefined, 0);
}

/**
 * Where the peer is known to be stays known as long as signalling says the same about it: a re-INVITE of a party behind NAT
 * must not cut its media off until it sends again.
 */
function setAddresses(
  words: Int32Array,
  base: number,
  record: Int32Array,
  flags: number,
  learning: number,
  before: number,
): void {
  const advertised = base + SLOT.advertised;
  const same = sameAddress(record, RECORD.advertised, words, advertised) && words[advertised] !== 0;
  const sdpOnly = learning === LEARN_OFF || (flags & FLAG.asymmetric) !== 0;
  copyAddress(words, advertised, record, RECORD.advertised);
  if (!same || learning === LEARN_OFF) copyAddress(words, base + SLOT.expected, record, RECORD.advertised);
  if (!same || sdpOnly) copyAddress(words, base + SLOT.destination, record, RECORD.advertised);
  else if (before & FLAG.asymmetric) copyAddress(words, base + SLOT.destination, words, base + SLOT.expected);
  words[base + SLOT.destinationLength] = addressLength(words, base + SLOT.destination);
}

function clearSlot(words: Int32Array, base: number): void {
  for (let i = 0; i < SLOT_WORDS; i++) if (i !== SLOT.version) words[base + i] = 0;
  words[base + SLOT.payloadType] = -1;
  words[base + SLOT.restartSequence] = -1;
}

/**
 * Ends a socket's service: nobody's sink any more, nothing to send to. Counters and addresses stay readable. Returns the
 * descriptor that was in use, -1 when the socket was not (any more) served here.
 */
export function removeCommand(table: TableViews, record: Int32Array): number {
  const { words } = table;
  const base = record[RECORD.slot]! * SLOT_WORDS;
  if (words[base + SLOT.incarnation] !== record[RECORD.incarnation]) return -1;
  const fd = words[base + SLOT.fd]!;
  beginChange(words, base);
  words[base + SLOT.fd] = -1;
  words[base + SLOT.flags] = 0;
  words[base + SLOT.rtpSinkCount] = 0;
  words[base + SLOT.rtcpSinkCount] = 0;
  words[base + SLOT.destinationLength] = 0;
  words[base + SLOT.applied] = record[RECORD.sequence]!;
  endChange(words, base);
  return fd;
}
