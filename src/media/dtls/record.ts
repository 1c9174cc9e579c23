/** DTLS records (RFC 6347 section 4.1): the 13-byte header, several of them in one datagram. */
import { CONTENT, DTLS_1_0, DTLS_1_2, RECORD, RECORD_HEADER_SIZE } from "./wire.ts";

/** Records of one datagram that are looked at. A whole flight is 5 to 7. */
const MAX_RECORDS = 32;

/** Where one record lies in its datagram. */
export interface RecordView {
  readonly type: number;
  readonly epoch: number;
  /** 0 … 2^48-1. */
  readonly sequence: number;
  /** The datagram. */
  readonly bytes: Uint8Array;
  /** Offset of the header. */
  readonly at: number;
  /** The fragment: what follows the header. No copy. */
  readonly fragment: Uint8Array;
}

/**
 * The records of a datagram, in order. Reading stops at the first that is none (RFC 6347 section 4.1.2.7: discard, tell
 * nobody); `whole` is false then.
 */
export function readRecords(datagram: Uint8Array): {
  readonly records: readonly RecordView[];
  readonly whole: boolean;
} {
  const records: RecordView[] = [];
  let at = 0;
  while (at < datagram.length) {
    const record = readRecord(datagram, at);
    if (!record || records.length === MAX_RECORDS) return { records, whole: false };
    records.push(record);
    at += RECORD_HEADER_SIZE + record.fragment.length;
  }
  return { records, whole: records.length > 0 };
}

/** The record whose header is at `at`; undefined when there is none. */
export function readRecord(bytes: Uint8Array, at = 0): RecordView | undefined {
  if (bytes.length < at + RECORD_HEADER_SIZE) return undefined;
  const type = bytes[at + RECORD.type]!;
  if (type < CONTENT.changeCipherSpec || type > CONTENT.applicationData) return undefined;
  const version = readU16(bytes, at + RECORD.version);
  // The first ClientHello and HelloVerifyRequest carry 1.0 (section 4.2.1).
  if (version !== DTLS_1_2 && version !== DTLS_1_0) return undefined;
  const length = readU16(bytes, at + RECORD.length);
  const start = at + RECORD_HEADER_SIZE;
  if (start + length > bytes.length) return undefined;
  return {
    type,
    epoch: readU16(bytes, at + RECORD.epoch),
    sequence: readU16(bytes, at + RECORD.sequence) * 2 ** 32 + readU32(bytes, at + RECORD.sequence + 2),
    bytes,
    at,
    fragment: bytes.subarray(start, start + length),
  };
}

/** Header for a fragment of `length` bytes. */
export function recordHeader(
  type: number,
  version: number,
  epoch: number,
  sequence: number,
  length: number,
): Uint8Array {
  const high = Math.floor(sequence / 2 ** 32);
  const low = sequence >>> 0;
  return Uint8Array.of(
    type,
    version >> 8,
    version,
    epoch >> 8,
    epoch,
    high >> 8,
    high,
    low >>> 24,
    low >>> 16,
    low >>> 8,
    low,
    length >> 8,
    length,
  );
}

/** A record without protection (epoch 0). */
export function plainRecord(type: number, version: number, sequence: number, fragment: Uint8Array): Uint8Array {
  return Buffer.concat([recordHeader(type, version, 0, sequence, fragment.length), fragment]);
}

export function readU16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

export function readU24(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
}

function readU32(bytes: Uint8Array, at: number): number {
  return readU16(bytes, at) * 65_536 + readU16(bytes, at + 2);
}
