/**
 * Commands that give a worker the keys and the validated sources of a socket. Kept apart from `apply`, so that calls without
 * encryption and ICE carry none of it. Keys travel derived (RFC 3711 section 4.3): the worker's packets need not wait for that.
 */
import { encodeSockaddr } from "../../ffi/sockaddr.ts";
import type { Endpoint } from "../address.ts";
import { MAX_VALIDATED_SOURCES } from "../limits.ts";
import { MAX_MID } from "../media/mid-extension.ts";
import { AUTHENTICATION_KEY, deriveSessionKeys, type SessionKeys } from "../media/srtp/derive.ts";
import { MAX_MKI } from "../media/srtp/session.ts";
import { SRTP_SUITES, type SrtpKeys } from "../media/srtp/suites.ts";
import type { StreamSpec } from "../planes/plane.ts";
import { COMMAND, RECORD } from "./command.ts";
import { ADDRESS_WORDS } from "./layout.ts";

export type Direction = "decrypt" | "encrypt";

/** The part of a spec that these commands carry. */
export type GuardSpec = Pick<StreamSpec, Direction | "validated" | "routes" | "mid">;

/** Whether key and salt have the lengths that the suite needs. */
function wholeKeys({ suite, masterKey, masterSalt }: SrtpKeys): boolean {
  return masterKey.length === suite.keyBytes && masterSalt.length === suite.saltBytes;
}

/** Whether a session made with one would go on unchanged with the other. */
export function sameKeys(a: SrtpKeys | undefined, b: SrtpKeys | undefined): boolean {
  if (a === b || a === undefined || b === undefined) return a === b;
  return (
    a.suite.name === b.suite.name &&
    a.unencryptedRtp === b.unencryptedRtp &&
    a.unencryptedRtcp === b.unencryptedRtcp &&
    a.unauthenticatedRtp === b.unauthenticatedRtp &&
    Buffer.compare(a.masterKey, b.masterKey) === 0 &&
    Buffer.compare(a.masterSalt, b.masterSalt) === 0 &&
    Buffer.compare(a.mki, b.mki) === 0
  );
}

/** Word offsets of a `keys` record behind the common head; material and MKI are bytes. */
const KEYS = { direction: 4, suite: 5, exemptions: 6, mkiLength: 7, rtp: 8, rtcp: 26, mki: 44 } as const;
/** Byte offsets of one kind's session keys. */
const MATERIAL = { encryption: 0, authentication: 32, salt: 52 } as const;
const EXEMPT = { rtpEncryption: 1, rtcpEncryption: 2, rtpAuthentication: 4 } as const;

/** Word offsets of a `sources` record. */
const SOURCES = { count: 4, first: 8 } as const;

/** Who a command is for. */
export interface CommandHead {
  readonly slot: number;
  readonly incarnation: number;
  readonly sequence: number;
}

/**
 * Writes a `keys` record over all of `record`; `bytes` is the same memory. What is no key of its suite ends the session that
 * was there: the stream waits for keys then.
 */
export function encodeKeys(
  record: Int32Array,
  bytes: Uint8Array,
  head: CommandHead,
  direction: Direction,
  keys: SrtpKeys,
): void {
  writeHead(record, COMMAND.keys, head);
  record[KEYS.direction] = direction === "decrypt" ? 0 : 1;
  record[KEYS.suite] = wholeKeys(keys) ? SRTP_SUITES.findIndex(({ name }) => name === keys.suite.name) : -1;
  if (record[KEYS.suite] === -1) return;
  record[KEYS.exemptions] =
    (keys.unencryptedRtp ? EXEMPT.rtpEncryption : 0) |
    (keys.unencryptedRtcp ? EXEMPT.rtcpEncryption : 0) |
    (keys.unauthenticatedRtp ? EXEMPT.rtpAuthentication : 0);
  const mki = keys.mki.subarray(0, MAX_MKI);
  record[KEYS.mkiLength] = mki.length;
  bytes.set(mki, KEYS.mki * 4);
  for (const kind of ["rtp", "rtcp"] as const) {
    const derived = deriveSessionKeys(keys, kind);
    for (const field of ["encryption", "authentication", "salt"] as const) {
      bytes.set(derived[field], KEYS[kind] * 4 + MATERIAL[field]);
    }
  }
}

export interface DecodedKeys {
  /** Without the master key, which the worker never sees. */
  readonly keys: SrtpKeys;
  readonly derived: { readonly rtp: SessionKeys; readonly rtcp: SessionKeys };
}

/** Which session a `keys` record is for. */
export function keysDirection(record: Int32Array): Direction {
  return record[KEYS.direction] === 0 ? "decrypt" : "encrypt";
}

/** Reads a `keys` record; the results are copies. Undefined when there are none. */
export function decodeKeys(record: Int32Array): DecodedKeys | undefined {
  const suite = SRTP_SUITES[record[KEYS.suite]!];
  if (!suite) return undefined;
  const bytes = new Uint8Array(record.buffer, record.byteOffset, RECORD.words * 4);
  const exemptions = record[KEYS.exemptions]!;
  const material = (kind: "rtp" | "rtcp"): SessionKeys => {
    const part = (at: number, length: number) => bytes.slice(KEYS[kind] * 4 + at, KEYS[kind] * 4 + at + length);
    return {
      encryption: part(MATERIAL.encryption, suite.keyBytes),
      authentication: part(MATERIAL.authentication, suite.cipher === "gcm" ? 0 : AUTHENTICATION_KEY),
      salt: part(MATERIAL.salt, suite.saltBytes),
    };
  };
  return {
    keys: {
      suite,
      masterKey: new Uint8Array(),
      masterSalt: new Uint8Array(),
      mki: bytes.slice(KEYS.mki * 4, KEYS.mki * 4 + record[KEYS.mkiLength]!),
      unencryptedRtp: (exemptions & EXEMPT.rtpEncryption) !== 0,
      unencryptedRtcp: (exemptions & EXEMPT.rtcpEncryption) !== 0,
      unauthenticatedRtp: (exemptions & EXEMPT.rtpAuthentication) !== 0,
    },
    derived: { rtp: material("rtp"), rtcp: material("rtcp") },
  };
}

/** Writes a `sources` record over all of `record`; `bytes` is the same memory. */
export function encodeSources(
  record: Int32Array,
  bytes: Uint8Array,
  head: CommandHead,
  sources: readonly Endpoint[],
): void {
  writeHead(record, COMMAND.sources, head);
  const known = sources.slice(0, MAX_VALIDATED_SOURCES);
  record[SOURCES.count] = known.length;
  for (const [i, source] of known.entries()) encodeSockaddr(bytes, (SOURCES.first + i * ADDRESS_WORDS) * 4, source);
}

/** Copies the addresses of a `sources` record, {@link ADDRESS_WORDS} each. */
export function decodeSources(record: Int32Array): Int32Array {
  return record.slice(SOURCES.first, SOURCES.first + record[SOURCES.count]! * ADDRESS_WORDS);
}

/** Word offsets of a `bundle` record; masks (128 bytes, bit n = sink n) and MID are bytes. */
const BUNDLE = { id: 4, length: 5, mid: 6, masks: 10 } as const;
const PAYLOAD_TYPES = 128;
const EVERY_SINK = 0xff;

/**
 * Writes a `bundle` record over all of `record`; `bytes` is the same memory.
 *
 * @param sinks RTP sinks in the order of the `apply` record
 */
export function encodeBundle(
  record: Int32Array,
  bytes: Uint8Array,
  head: CommandHead,
  { routes, mid }: Pick<GuardSpec, "routes" | "mid">,
  sinks: readonly number[],
): void {
  writeHead(record, COMMAND.bundle, head);
  const masks = BUNDLE.masks * 4;
  bytes.fill(EVERY_SINK, masks, masks + PAYLOAD_TYPES);
  for (const [type, wanted] of routes ?? []) {
    if (type < 0 || type >= PAYLOAD_TYPES) continue;
    let mask = 0;
    for (const socket of wanted) {
      const place = sinks.indexOf(socket);
      if (place >= 0 && place < 8) mask |= 1 << place;
    }
    bytes[masks + type] = mask;
  }
  // Longer names do not fit the short form of the extension; the peer then tells the sections apart by payload type.
  if (!mid || mid.value === "" || mid.value.length > MAX_MID || mid.id < 1 || mid.id > 14) return;
  record[BUNDLE.id] = mid.id;
  record[BUNDLE.length] = mid.value.length;
  bytes.set(Buffer.from(mid.value, "latin1"), BUNDLE.mid * 4);
}

export interface DecodedBundle {
  readonly masks: Uint8Array;
  /** 0 = none. */
  readonly id: number;
  readonly mid: Uint8Array;
}

/** Reads a `bundle` record; the results are copies. */
export function decodeBundle(record: Int32Array): DecodedBundle {
  const bytes = new Uint8Array(record.buffer, record.byteOffset, RECORD.words * 4);
  return {
    masks: bytes.slice(BUNDLE.masks * 4, BUNDLE.masks * 4 + PAYLOAD_TYPES),
    id: record[BUNDLE.id]!,
    mid: bytes.slice(BUNDLE.mid * 4, BUNDLE.mid * 4 + record[BUNDLE.length]!),
  };
}

function writeHead(record: Int32Array, kind: number, { slot, incarnation, sequence }: CommandHead): void {
  record.fill(0);
  record[RECORD.kind] = kind;
  record[RECORD.slot] = slot;
  record[RECORD.incarnation] = incarnation;
  record[RECORD.sequence] = sequence;
}
