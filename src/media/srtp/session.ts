/**
 * One direction of SRTP and SRTCP: protects or unprotects packets in place (RFC 3711, RFC 7714). Works on an arena that
 * holds the packet; nothing is allocated per packet except on the first packet of an SSRC.
 */
import { deriveSessionKeys } from "./derive.ts";
import type { SrtpLibrary, SrtpPrimitives } from "./primitives.ts";
import type { SrtpKeys } from "./suites.ts";

/** Why a packet was refused: negative results of `protect` and `unprotect`. */
export const SRTP_ERROR = { malformed: -1, authentication: -2, replay: -3 } as const;

/** SSRCs followed per direction, as the reference does; the one unused longest makes room. */
const MAX_SSRCS = 20;
/** Sequence numbers behind the highest one that are still accepted once: more than a second of video. */
const REPLAY_WINDOW = 128;
/** SRTCP index is 31 bits wide. */
const SRTCP_INDEX_MASK = 0x7fff_ffff;

/** Scratch space in the arena for the time of one call, bytes: sessions of one thread may share it. */
export const SRTP_SCRATCH = 128;

/** Longest master key identifier (RFC 4568 section 6.1), bytes. */
export const MAX_MKI = 128;

/** What protection adds to a packet at most: SRTCP index, MKI, tag. There must be so much room behind each packet. Bytes. */
export const SRTP_OVERHEAD = 4 + MAX_MKI + 16;

/** Bytes of {@link SrtpSession}'s `room` for packets of up to `packet` bytes: clear text, and in SRTCP what is authenticated. */
export const srtpRoom = (packet: number) => 2 * packet + SRTP_OVERHEAD;
const AT = { iv: 0, trailer: 16, mac: 32, block: 64, mask: 80 } as const;

/** Per SSRC and kind: highest index and which of the last {@link REPLAY_WINDOW} were seen. */
class IndexState {
  used = 0;
  started = false;
  rollover = 0;
  highest = 0;
  readonly seen = new Uint32Array(REPLAY_WINDOW / 32);
  /** Next SRTCP index to send. */
  rtcpIndex = 0;
}

export class SrtpSession {
  readonly #rtp: SrtpPrimitives;
  readonly #rtcp: SrtpPrimitives;
  readonly #rtpSalt: Uint8Array;
  readonly #rtcpSalt: Uint8Array;
  readonly #bytes: Uint8Array;
  readonly #gcm: boolean;
  readonly #rtpTag: number;
  readonly #rtpStates = new Map<number, IndexState>();
  readonly #rtcpStates = new Map<number, IndexState>();
  #clock = 0;

  /**
   * @param scratch offset of {@link SRTP_SCRATCH} bytes in the arena, shared by the sessions of one thread
   * @param room offset of {@link srtpRoom} bytes, shared likewise: GCM decrypts there first
   */
  constructor(
    private readonly keys: SrtpKeys,
    library: SrtpLibrary,
    arena: { readonly address: number; readonly bytes: Uint8Array },
    private readonly scratch: number,
    private readonly room: number,
    /** Session keys given directly: for the test vectors of the RFCs. */
    derived = { rtp: deriveSessionKeys(keys, "rtp"), rtcp: deriveSessionKeys(keys, "rtcp") },
  ) {
    const { suite } = keys;
    this.#bytes = arena.bytes;
    this.#gcm = suite.cipher === "gcm";
    this.#rtpTag = keys.unauthenticatedRtp && !this.#gcm ? 0 : suite.rtpTagBytes;
    const { rtp, rtcp } = derived;
    this.#rtpSalt = rtp.salt;
    this.#rtcpSalt = rtcp.salt;
    this.#rtp = library(arena, suite.cipher, rtp.encryption, rtp.authentication);
    this.#rtcp = library(arena, suite.cipher, rtcp.encryption, rtcp.authentication);
    if (suite.cipher === "f8") {
      this.#rtpMask = library(arena, "f8", f8Mask(rtp.encryption, rtp.salt), rtp.authentication);
      this.#rtcpMask = library(arena, "f8", f8Mask(rtcp.encryption, rtcp.salt), rtcp.authentication);
    }
  }

  /** AES under the masked key, which turns the F8 IV into its key stream's constant (RFC 3711 section 4.1.2.1). */
  readonly #rtpMask: SrtpPrimitives | undefined;
  readonly #rtcpMask: SrtpPrimitives | undefined;

  /** Encrypts and signs the RTP packet of `length` bytes at `at`; the new length, or a negative {@link SRTP_ERROR}. */
  protectRtp(at: number, length: number): number {
    const header = rtpHeaderLength(this.#bytes, at, length);
    if (header < 0) return SRTP_ERROR.malformed;
    const state = this.#state(this.#rtpStates, ssrcAt(this.#bytes, at + 8));
    const sequence = (this.#bytes[at + 2]! << 8) | this.#bytes[at + 3]!;
    const rollover = estimateRollover(state, sequence);
    advance(state, sequence, rollover);
    const end = at + length;
    this.#writeTrailer(rollover);
    if (this.#gcm) {
      this.#gcmIv(at, rollover, sequence);
      const payload = this.keys.unencryptedRtp ? 0 : length - header;
      this.#rtp.seal(at, length - payload, end - payload, payload, this.scratch + AT.iv, end);
      return this.#appendMki(end + 16) - at;
    }
    if (!this.keys.unencryptedRtp) this.#cryptRtp(at, header, length, rollover, sequence);
    if (this.#rtpTag === 0) return this.#appendMki(end) - at;
    this.#rtp.sign(at, length, this.scratch + AT.trailer, this.scratch + AT.mac);
    const tagAt = this.#appendMki(end);
    this.#bytes.copyWithin(tagAt, this.scratch + AT.mac, this.scratch + AT.mac + this.#rtpTag);
    return tagAt + this.#rtpTag - at;
  }

  /** Checks and decrypts the SRTP packet; the new length, or a negative {@link SRTP_ERROR} with the packet unchanged. */
  unprotectRtp(at: number, length: number): number {
    const bytes = this.#bytes;
    const mki = this.keys.mki.length;
    const plainEnd = at + length - this.#rtpTag - mki;
    const header = rtpHeaderLength(bytes, at, plainEnd - at);
    if (header < 0) return SRTP_ERROR.malformed;
    const ssrc = ssrcAt(bytes, at + 8);
    const known = this.#rtpStates.get(ssrc);
    const state = known ?? FRESH;
    const sequence = (bytes[at + 2]! << 8) | bytes[at + 3]!;
    // The likely roll-over count first; its neighbours and 0 only when that fails: we may have joined late or missed much.
    const likely = estimateRollover(state, sequence);
    let rollover = likely;
    let result = this.#open(at, header, plainEnd, rollover, sequence);
    if (result < 0 && this.#rtpTag > 0) {
      for (let i = 0; i < 3; i++) {
        const guess = i === 0 ? likely + 1 : i === 1 ? likely - 1 : 0;
        if (guess < 0 || guess === likely) continue;
        result = this.#open(at, header, plainEnd, guess, sequence);
        if (result >= 0) {
          rollover = guess;
          break;
        }
      }
    }
    if (result < 0) return result;
    if (known && replayed(known, sequence, rollover)) return SRTP_ERROR.replay;
    // Only an authentic packet may make state: a forged SSRC must not push out a real one.
    advance(known ?? this.#state(this.#rtpStates, ssrc), sequence, rollover);
    if (this.#gcm) {
      if (!this.keys.unencryptedRtp) bytes.copyWithin(at + header, this.room, this.room + plainEnd - at - header);
    } else if (!this.keys.unencryptedRtp) this.#cryptRtp(at, header, plainEnd - at, rollover, sequence);
    return plainEnd - at;
  }

  /** Encrypts and signs the compound RTCP packet; the new length or a negative {@link SRTP_ERROR}. */
  protectRtcp(at: number, length: number): number {
    if (length < 8) return SRTP_ERROR.malformed;
    const state = this.#state(this.#rtcpStates, ssrcAt(this.#bytes, at + 4));
    const index = state.rtcpIndex;
    state.rtcpIndex = (index + 1) & SRTCP_INDEX_MASK;
    // Nothing is encrypted under the NULL cipher, and libsrtp refuses packets that claim so.
    const encrypted = !this.keys.unencryptedRtcp && this.keys.suite.cipher !== "null";
    const end = at + length;
    if (this.#gcm) {
      this.#writeWord(this.scratch + AT.trailer, encrypted ? (index | 0x8000_0000) >>> 0 : index);
      this.#gcmRtcpIv(at, index);
      this.#bytes.copyWithin(this.room, at, at + (encrypted ? 8 : length));
      const aad = encrypted ? 8 : length;
      this.#bytes.copyWithin(this.room + aad, this.scratch + AT.trailer, this.scratch + AT.trailer + 4);
      this.#rtcp.seal(this.room, aad + 4, at + aad, length - aad, this.scratch + AT.iv, end);
      this.#bytes.copyWithin(end + 16, this.scratch + AT.trailer, this.scratch + AT.trailer + 4);
      return this.#appendMki(end + 20) - at;
    }
    if (encrypted) this.#cryptRtcp(at, length, index);
    this.#writeWord(end, encrypted ? (index | 0x8000_0000) >>> 0 : index);
    this.#rtcp.sign(at, length + 4, -1, this.scratch + AT.mac);
    const tagAt = this.#appendMki(end + 4);
    const tag = this.keys.suite.rtcpTagBytes;
    this.#bytes.copyWithin(tagAt, this.scratch + AT.mac, this.scratch + AT.mac + tag);
    return tagAt + tag - at;
  }

  /** Checks and decrypts the SRTCP packet; the new length, or a negative {@link SRTP_ERROR} with the packet unchanged. */
  unprotectRtcp(at: number, length: number): number {
    const bytes = this.#bytes;
    const mki = this.keys.mki.length;
    const tag = this.keys.suite.rtcpTagBytes;
    const plain = length - tag - mki - 4;
    if (plain < 8) return SRTP_ERROR.malformed;
    const end = at + plain;
    const wordAt = this.#gcm ? end + 16 : end;
    const word = ssrcAt(bytes, wordAt);
    const encrypted = word >= 0x8000_0000;
    const index = word & SRTCP_INDEX_MASK;
    const ssrc = ssrcAt(bytes, at + 4);
    const known = this.#rtcpStates.get(ssrc);
    const aad = encrypted ? 8 : plain;
    if (this.#gcm) {
      const assembled = this.room + plain;
      bytes.copyWithin(assembled, at, at + aad);
      bytes.copyWithin(assembled + aad, wordAt, wordAt + 4);
      this.#gcmRtcpIv(at, index);
      const good = this.#rtcp.open(assembled, aad + 4, at + aad, plain - aad, this.room, this.scratch + AT.iv, end);
      if (!good) return SRTP_ERROR.authentication;
    } else {
      this.#rtcp.sign(at, plain + 4, -1, this.scratch + AT.mac);
      if (!sameBytes(bytes, end + 4 + mki, this.scratch + AT.mac, tag)) return SRTP_ERROR.authentication;
    }
    if (known && replayed(known, index & 0xffff, index >>> 16)) return SRTP_ERROR.replay;
    advance(known ?? this.#state(this.#rtcpStates, ssrc), index & 0xffff, index >>> 16);
    if (encrypted) {
      if (this.#gcm) bytes.copyWithin(at + 8, this.room, this.room + plain - 8);
      else this.#cryptRtcp(at, plain, index);
    }
    return plain;
  }

  close(): void {
    for (const primitives of [this.#rtp, this.#rtcp, this.#rtpMask, this.#rtcpMask]) primitives?.close();
  }

  /** Authenticates an RTP packet under one guess of the roll-over counter; GCM leaves the clear text in `room`. */
  #open(at: number, header: number, plainEnd: number, rollover: number, sequence: number): number {
    if (this.#gcm) {
      this.#gcmIv(at, rollover, sequence);
      const payload = this.keys.unencryptedRtp ? 0 : plainEnd - at - header;
      const aad = plainEnd - at - payload;
      const good = this.#rtp.open(at, aad, at + aad, payload, this.room, this.scratch + AT.iv, plainEnd);
      return good ? 0 : SRTP_ERROR.authentication;
    }
    if (this.#rtpTag === 0) return 0;
    this.#writeTrailer(rollover);
    this.#rtp.sign(at, plainEnd - at, this.scratch + AT.trailer, this.scratch + AT.mac);
    const tagAt = plainEnd + this.keys.mki.length;
    return sameBytes(this.#bytes, tagAt, this.scratch + AT.mac, this.#rtpTag) ? 0 : SRTP_ERROR.authentication;
  }

  #cryptRtp(at: number, header: number, length: number, rollover: number, sequence: number): void {
    const bytes = this.#bytes;
    const iv = this.scratch + AT.iv;
    if (length <= header) return;
    if (this.keys.suite.cipher === "cm") {
      // IV = salt << 16 XOR SSRC << 64 XOR index << 16 (RFC 3711 section 4.1.1)
      this.#saltIv(this.#rtpSalt);
      for (let i = 0; i < 4; i++) bytes[iv + 4 + i]! ^= bytes[at + 8 + i]!;
      bytes[iv + 8]! ^= rollover >>> 24;
      bytes[iv + 9]! ^= rollover >>> 16;
      bytes[iv + 10]! ^= rollover >>> 8;
      bytes[iv + 11]! ^= rollover;
      bytes[iv + 12]! ^= sequence >>> 8;
      bytes[iv + 13]! ^= sequence;
      this.#rtp.counter(at + header, length - header, iv);
    } else if (this.keys.suite.cipher === "f8") {
      // IV = 0 || M || PT || SEQ || TS || SSRC || ROC (RFC 3711 section 4.1.2.2)
      bytes[iv] = 0;
      bytes.copyWithin(iv + 1, at + 1, at + 12);
      this.#writeWord(iv + 12, rollover);
      this.#cryptF8(this.#rtp, this.#rtpMask!, at + header, length - header);
    }
  }

  #cryptRtcp(at: number, length: number, index: number): void {
    const bytes = this.#bytes;
    const iv = this.scratch + AT.iv;
    if (this.keys.suite.cipher === "cm") {
      this.#saltIv(this.#rtcpSalt);
      for (let i = 0; i < 4; i++) bytes[iv + 4 + i]! ^= bytes[at + 4 + i]!;
      bytes[iv + 10]! ^= index >>> 24;
      bytes[iv + 11]! ^= index >>> 16;
      bytes[iv + 12]! ^= index >>> 8;
      bytes[iv + 13]! ^= index;
      this.#rtcp.counter(at + 8, length - 8, iv);
    } else if (this.keys.suite.cipher === "f8") {
      // IV = 0 (32 bits) || E and index || first 8 bytes of the packet (RFC 3711 section 4.1.2.3)
      this.#writeWord(iv, 0);
      this.#writeWord(iv + 4, (index | 0x8000_0000) >>> 0);
      bytes.copyWithin(iv + 8, at, at + 8);
      this.#cryptF8(this.#rtcp, this.#rtcpMask!, at + 8, length - 8);
    }
  }

  /** S(j) = E(k, IV' XOR j XOR S(j-1)) (RFC 3711 section 4.1.2.1). */
  #cryptF8(cipher: SrtpPrimitives, mask: SrtpPrimitives, at: number, length: number): void {
    const bytes = this.#bytes;
    const iv = this.scratch + AT.iv;
    const block = this.scratch + AT.block;
    const constant = this.scratch + AT.mask;
    mask.block(constant, iv);
    bytes.fill(0, block, block + 16);
    for (let done = 0, j = 0; done < length; done += 16, j++) {
      for (let i = 0; i < 16; i++) bytes[block + i]! ^= bytes[constant + i]!;
      bytes[block + 15]! ^= j;
      bytes[block + 14]! ^= j >>> 8;
      cipher.block(block, block);
      const count = Math.min(16, length - done);
      for (let i = 0; i < count; i++) bytes[at + done + i]! ^= bytes[block + i]!;
    }
  }

  #saltIv(salt: Uint8Array): void {
    const iv = this.scratch + AT.iv;
    for (let i = 0; i < 14; i++) this.#bytes[iv + i] = salt[i]!;
    this.#bytes[iv + 14] = 0;
    this.#bytes[iv + 15] = 0;
  }

  /** 00 || SSRC || ROC || SEQ, XOR salt (RFC 7714 section 8.1). */
  #gcmIv(at: number, rollover: number, sequence: number): void {
    const bytes = this.#bytes;
    const iv = this.scratch + AT.iv;
    bytes[iv] = 0;
    bytes[iv + 1] = 0;
    bytes.copyWithin(iv + 2, at + 8, at + 12);
    this.#writeWord(iv + 6, rollover);
    bytes[iv + 10] = sequence >>> 8;
    bytes[iv + 11] = sequence;
    for (let i = 0; i < 12; i++) bytes[iv + i]! ^= this.#rtpSalt[i]!;
  }

  /** 00 || SSRC || 00 || index, XOR salt (RFC 7714 section 9.1). */
  #gcmRtcpIv(at: number, index: number): void {
    const bytes = this.#bytes;
    const iv = this.scratch + AT.iv;
    bytes.fill(0, iv, iv + 12);
    bytes.copyWithin(iv + 2, at + 4, at + 8);
    this.#writeWord(iv + 8, index);
    for (let i = 0; i < 12; i++) bytes[iv + i]! ^= this.#rtcpSalt[i]!;
  }

  #appendMki(at: number): number {
    const { mki } = this.keys;
    for (let i = 0; i < mki.length; i++) this.#bytes[at + i] = mki[i]!;
    return at + mki.length;
  }

  #writeTrailer(rollover: number): void {
    this.#writeWord(this.scratch + AT.trailer, rollover);
  }

  #writeWord(at: number, value: number): void {
    const bytes = this.#bytes;
    bytes[at] = value >>> 24;
    bytes[at + 1] = value >>> 16;
    bytes[at + 2] = value >>> 8;
    bytes[at + 3] = value;
  }

  #state(states: Map<number, IndexState>, ssrc: number): IndexState {
    let state = states.get(ssrc);
    if (!state) {
      if (states.size >= MAX_SSRCS) forgetOldest(states);
      state = new IndexState();
      states.set(ssrc, state);
    }
    state.used = ++this.#clock;
    return state;
  }
}

/** Stands for an SSRC that has not been seen: never written to. */
const FRESH: Readonly<IndexState> = new IndexState();

/** k XOR (salt || 0x55...) (RFC 3711 section 4.1.2.1). */
function f8Mask(key: Uint8Array, salt: Uint8Array): Uint8Array {
  return key.map((byte, i) => byte ^ (salt[i] ?? 0x55));
}

function forgetOldest(states: Map<number, IndexState>): void {
  let oldest: number | undefined;
  let used = Number.POSITIVE_INFINITY;
  for (const [ssrc, state] of states) if (state.used < used) [oldest, used] = [ssrc, state.used];
  if (oldest !== undefined) states.delete(oldest);
}

/** RTP header with CSRCs and extension, bytes; negative when the packet is no RTP or too short for it (RFC 3550 5.1). */
function rtpHeaderLength(bytes: Uint8Array, at: number, length: number): number {
  if (length < 12 || bytes[at]! >> 6 !== 2) return -1;
  let header = 12 + (bytes[at]! & 15) * 4;
  if (bytes[at]! & 0x10) {
    if (length < header + 4) return -1;
    header += 4 + ((bytes[at + header + 2]! << 8) | bytes[at + header + 3]!) * 4;
  }
  return header <= length ? header : -1;
}

function ssrcAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

/** The roll-over count under which this sequence number is nearest to the highest one (RFC 3711 section 3.3.1). */
function estimateRollover(state: Readonly<IndexState>, sequence: number): number {
  if (!state.started) return 0;
  const difference = sequence - state.highest;
  if (difference > 0x8000) return state.rollover > 0 ? state.rollover - 1 : 0;
  if (difference < -0x8000) return state.rollover + 1;
  return state.rollover;
}

/** True when the packet is older than the window or was seen before (RFC 3711 section 3.3.2). */
function replayed(state: IndexState, sequence: number, rollover: number): boolean {
  if (!state.started) return false;
  const behind = (state.rollover - rollover) * 0x1_0000 + state.highest - sequence;
  if (behind < 0) return false;
  if (behind >= REPLAY_WINDOW) return true;
  const bit = sequence % REPLAY_WINDOW;
  return (state.seen[bit >> 5]! & (1 << (bit & 31))) !== 0;
}

/** Notes that this index was sent or accepted. */
function advance(state: IndexState, sequence: number, rollover: number): void {
  const ahead = state.started ? (rollover - state.rollover) * 0x1_0000 + sequence - state.highest : REPLAY_WINDOW;
  if (ahead > 0) {
    if (ahead >= REPLAY_WINDOW) state.seen.fill(0);
    else for (let i = 1; i <= ahead; i++) clearBit(state.seen, (sequence - ahead + i + 0x1_0000) % REPLAY_WINDOW);
    state.highest = sequence;
    state.rollover = rollover;
    state.started = true;
  }
  const bit = sequence % REPLAY_WINDOW;
  state.seen[bit >> 5]! |= 1 << (bit & 31);
}

function clearBit(seen: Uint32Array, bit: number): void {
  seen[bit >> 5]! &= ~(1 << (bit & 31));
}

/** Compares without leaving early: the time must not tell how much of a forged tag was right. */
function sameBytes(bytes: Uint8Array, a: number, b: number, length: number): boolean {
  let difference = 0;
  for (let i = 0; i < length; i++) difference |= bytes[a + i]! ^ bytes[b + i]!;
  return difference === 0;
}
