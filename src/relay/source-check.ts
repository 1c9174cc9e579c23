/**
 * Endpoint learning and source check of one socket: where its peer really is, and whether a packet comes from there.
 *
 * A socket's slot has three addresses: `advertised` (SDP), `expected` (where packets should come from) and `destination`
 * (where packets go). Learning moves the last two together, or, with `asymmetric`, only `expected`.
 */
import {
  ADDRESS_WORDS,
  FLAG,
  LEARN_DELAYED,
  LEARN_HEURISTIC,
  LEARN_IMMEDIATE,
  SLOT,
  SLOT_DOUBLE,
  SLOT_DOUBLES,
  SLOT_WORDS,
  STATE,
} from "./layout.ts";
import { REPORT, type ReportSink } from "./reports.ts";
import type { TableViews } from "./table-views.ts";

/** AF_INET6 in the low half of a sockaddr's first word. */
const FAMILY_MASK = 0xffff;
const FAMILY_V4 = 2;

/** Results of {@link SourceCheck.accept}. */
export const SOURCE_ACCEPTED = 0;
export const SOURCE_REFUSED = 1;

/** The endpoint of an ICE peer follows its media at most once per so many milliseconds. */
const FOLLOW_INTERVAL = 3_000;

export class SourceCheck {
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;
  readonly #reports: ReportSink;

  constructor(table: TableViews, reports: ReportSink) {
    this.#words = table.words;
    this.#doubles = table.doubles;
    this.#reports = reports;
  }

  /**
   * Looks at the source of one packet of a socket that may learn. `stray`: RTCP on a port that is for RTP alone, which
   * never moves or confirms anything.
   * @param now wall clock, milliseconds
   */
  accept(slot: number, from: Int32Array, at: number, stray: boolean, now: number): number {
    const words = this.#words;
    const base = slot * SLOT_WORDS;
    if (words[base + SLOT.state]! & STATE.confirmed) {
      if (sameAddress(from, at, words, base + SLOT.expected)) return SOURCE_ACCEPTED;
      return this.#moved(slot, base, from, at, stray, now);
    }
    // A party on hold (no address signalled) has nothing to compare with.
    if (words[base + SLOT.advertised] === 0) return SOURCE_ACCEPTED;
    return this.#learn(slot, base, from, at, stray, now);
  }

  /** With ICE every source was checked before: media from another validated one than so far moves the endpoint. */
  follow(slot: number, from: Int32Array, at: number, stray: boolean, now: number): void {
    const base = slot * SLOT_WORDS;
    if (stray || sameAddress(from, at, this.#words, base + SLOT.expected)) return;
    const until = slot * SLOT_DOUBLES + SLOT_DOUBLE.learnUntil;
    if (now < this.#doubles[until]!) return;
    this.#doubles[until] = now + FOLLOW_INTERVAL;
    this.#adopt(base, from, at);
    this.#reports.event(REPORT.endpointChanged, slot, 0, from, at, undefined, 0);
  }

  /** A confirmed peer's packet from elsewhere. */
  #moved(slot: number, base: number, from: Int32Array, at: number, stray: boolean, now: number): number {
    const flags = this.#words[base + SLOT.flags]!;
    if (flags & FLAG.mediaHandover) {
      if (stray) return SOURCE_ACCEPTED;
      this.#adopt(base, from, at);
      this.#reports.event(REPORT.endpointChanged, slot, 0, from, at, undefined, 0);
      return SOURCE_ACCEPTED;
    }
    if (flags & FLAG.strictSource) return this.#refuse(slot, base, from, at, now);
    if (!stray) this.note(slot, from, at, now);
    return SOURCE_ACCEPTED;
  }

  /** Remembers the source of a packet that changed nothing: where a misplaced party really is. */
  note(slot: number, from: Int32Array, at: number, now: number): void {
    const words = this.#words;
    const base = slot * SLOT_WORDS;
    this.#doubles[slot * SLOT_DOUBLES + SLOT_DOUBLE.otherSourceAt] = now;
    if (sameAddress(from, at, words, base + SLOT.otherSource)) return;
    beginChange(words, base);
    copyAddress(words, base + SLOT.otherSource, from, at);
    endChange(words, base);
  }

  #learn(slot: number, base: number, from: Int32Array, at: number, stray: boolean, now: number): number {
    const words = this.#words;
    const mode = words[base + SLOT.learning]!;
    const late = now >= this.#doubles[slot * SLOT_DOUBLES + SLOT_DOUBLE.learnUntil]!;
    if (mode === LEARN_HEURISTIC) {
      const rank = rankOf(from, at, words, base + SLOT.advertised);
      if (rank > words[base + SLOT.bestRank]!) {
        // Somebody better was heard: this one changes nothing, but after the learning time it ends it.
        if (late && !stray) this.#confirm(slot, base);
        if (words[base + SLOT.flags]! & FLAG.strictSource) return this.#refuse(slot, base, from, at, now);
        if (!stray) this.note(slot, from, at, now);
        return SOURCE_ACCEPTED;
      }
      if (stray) return SOURCE_ACCEPTED;
      words[base + SLOT.bestRank] = rank;
      this.#adopt(base, from, at);
      if (rank === 0 || late) this.#confirm(slot, base);
      return SOURCE_ACCEPTED;
    }
    if (stray) return SOURCE_ACCEPTED;
    if (mode === LEARN_IMMEDIATE || mode === LEARN_DELAYED) {
      this.#adopt(base, from, at);
      if (late || mode === LEARN_IMMEDIATE) this.#confirm(slot, base);
    } else this.#confirm(slot, base);
    return SOURCE_ACCEPTED;
  }

  #adopt(base: number, from: Int32Array, at: number): void {
    const words = this.#words;
    const asymmetric = (words[base + SLOT.flags]! & FLAG.asymmetric) !== 0;
    if (
      sameAddress(from, at, words, base + SLOT.expected) &&
      (asymmetric || sameAddress(from, at, words, base + SLOT.destination))
    ) {
      return;
    }
    beginChange(words, base);
    copyAddress(words, base + SLOT.expected, from, at);
    if (!asymmetric) {
      copyAddress(words, base + SLOT.destination, from, at);
      words[base + SLOT.destinationLength] = addressLength(from, at);
    }
    endChange(words, base);
  }

  #confirm(slot: number, base: number): void {
    this.#words[base + SLOT.state] = this.#words[base + SLOT.state]! | STATE.confirmed;
    this.#reports.event(REPORT.confirmed, slot, 0, this.#words, base + SLOT.destination, undefined, 0);
  }

  #refuse(slot: number, base: number, from: Int32Array, at: number, now: number): number {
    this.note(slot, from, at, now);
    const second = Math.floor(now / 1_000) | 0;
    if (this.#words[base + SLOT.strictReported] !== second) {
      this.#words[base + SLOT.strictReported] = second;
      this.#reports.event(REPORT.strictSource, slot, 0, from, at, this.#words, base + SLOT.expected);
    }
    return SOURCE_REFUSED;
  }
}

/** Heuristic rank of a source: 0 the advertised one, 1 other port, 2 other address, 3 both. */
export function rankOf(from: Int32Array, at: number, advertised: Int32Array, base: number): number {
  const port = from[at]! >>> 16 === advertised[base]! >>> 16 ? 0 : 1;
  return (sameHost(from, at, advertised, base) ? 0 : 2) + port;
}

/** Same address and port. Flow information and scope do not count. */
export function sameAddress(a: Int32Array, at: number, b: Int32Array, bt: number): boolean {
  return a[at] === b[bt] && sameHost(a, at, b, bt);
}

function sameHost(a: Int32Array, at: number, b: Int32Array, bt: number): boolean {
  if (((a[at]! ^ b[bt]!) & FAMILY_MASK) !== 0) return false;
  if ((a[at]! & FAMILY_MASK) === FAMILY_V4) return a[at + 1] === b[bt + 1];
  return a[at + 2] === b[bt + 2] && a[at + 3] === b[bt + 3] && a[at + 4] === b[bt + 4] && a[at + 5] === b[bt + 5];
}

/** Length of the sockaddr at a word, 0 when there is none. */
export function addressLength(words: Int32Array, at: number): number {
  const family = words[at]! & FAMILY_MASK;
  if (family === 0) return 0;
  return family === FAMILY_V4 ? 16 : 28;
}

/** Copies one sockaddr; what is behind an IPv4 one is cleared, whatever the kernel left there. */
export function copyAddress(to: Int32Array, at: number, from: Int32Array, ft: number): void {
  const used = addressLength(from, ft) >> 2;
  for (let i = 0; i < ADDRESS_WORDS; i++) to[at + i] = i < used ? from[ft + i]! : 0;
}

/** From here until {@link endChange} readers of the slot's addresses wait. */
export function beginChange(words: Int32Array, base: number): void {
  Atomics.store(words, base + SLOT.version, (words[base + SLOT.version]! + 1) | 1);
}

export function endChange(words: Int32Array, base: number): void {
  Atomics.store(words, base + SLOT.version, words[base + SLOT.version]! + 1);
}
