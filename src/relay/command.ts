/**
 * Commands from the main thread to a worker: fixed-size records of 32-bit words, absolute in meaning, so that carrying one
 * out twice changes nothing.
 */
import { encodeSockaddr } from "../../ffi/sockaddr.ts";
import type { Family } from "../address.ts";
import { MAX_SINKS } from "../limits.ts";
import type { StreamSpec } from "../planes/plane.ts";
import { ADDRESS_WORDS, FLAG, LEARNING_MODES } from "./layout.ts";

/** `keys`, `sources` and `bundle` come before the `apply` that needs them; their layout is in `guard-command.ts`. */
export const COMMAND = { apply: 1, remove: 2, stop: 3, keys: 4, sources: 5, bundle: 6 } as const;

/** Word offsets. `remove` and `stop` use the first four only. */
export const RECORD = {
  kind: 0,
  slot: 1,
  incarnation: 2,
  sequence: 3,
  fd: 4,
  flags: 5,
  learning: 6,
  generation: 7,
  rtpSinkCount: 8,
  rtcpSinkCount: 9,
  rtpSinks: 10,
  rtcpSinks: 26,
  advertised: 42,
  payloadTypes: 50,
  words: 84,
} as const;

const PAYLOAD_TYPES = 128;

/** What the owner of the slots adds to a spec. */
export interface SpecContext {
  readonly incarnation: number;
  readonly sequence: number;
  readonly fd: number;
  readonly family: Family;
  /** Incarnation of a sink that this socket's worker can send from, 0 = it cannot. */
  sink(socket: number): number;
  /** Number of a clock rate in the shared table, 1-255; 0 when the table is full. */
  clockRate(hertz: number): number;
}

/** Writes an `apply` record over all of `record`; `bytes` is the same memory. */
export function encodeApply(record: Int32Array, bytes: Uint8Array, spec: StreamSpec, context: SpecContext): void {
  record.fill(0);
  record[RECORD.kind] = COMMAND.apply;
  record[RECORD.slot] = spec.socket;
  record[RECORD.incarnation] = context.incarnation;
  record[RECORD.sequence] = context.sequence;
  record[RECORD.fd] = context.fd;
  record[RECORD.flags] = flagsOf(spec, context.family);
  record[RECORD.learning] = LEARNING_MODES.indexOf(spec.learning);
  record[RECORD.generation] = spec.generation;
  record[RECORD.rtpSinkCount] = encodeSinks(record, RECORD.rtpSinks, spec.rtpSinks, context);
  record[RECORD.rtcpSinkCount] = encodeSinks(record, RECORD.rtcpSinks, spec.rtcpSinks, context);
  if (spec.remote) {
    const length = encodeSockaddr(bytes, RECORD.advertised * 4, spec.remote);
    // An address of the other family, or the wildcard, is nowhere this socket can send to.
    const reachable = (length === 16) === (context.family === 4) && spec.remote.port !== 0;
    if (!reachable || isWildcard(record, context.family)) {
      record.fill(0, RECORD.advertised, RECORD.advertised + ADDRESS_WORDS);
    }
  }
  const types = RECORD.payloadTypes * 4;
  for (const type of spec.payloadTypes) {
    if (type < 0 || type >= PAYLOAD_TYPES) continue;
    // A rate that found no room is measured as 8000 Hz: jitter is off, nothing else.
    bytes[types + type] = context.clockRate(spec.clockRates.get(type) ?? 8_000) || 1;
  }
}

function flagsOf(spec: StreamSpec, family: Family): number {
  return (
    (spec.isRtp ? FLAG.isRtp : 0) |
    (spec.component === "rtcp" ? FLAG.rtcpComponent : 0) |
    (spec.rtcpMux ? FLAG.rtcpMux : 0) |
    (spec.mayLearn ? FLAG.mayLearn : 0) |
    (spec.asymmetric ? FLAG.asymmetric : 0) |
    (spec.strictSource ? FLAG.strictSource : 0) |
    (spec.mediaHandover ? FLAG.mediaHandover : 0) |
    (spec.blackhole ? FLAG.blackhole : 0) |
    (spec.drop ? FLAG.drop : 0) |
    (spec.natWait ? FLAG.natWait : 0) |
    (spec.stripFeedback ? FLAG.stripFeedback : 0) |
    (spec.handUp.stun ? FLAG.handUpStun : 0) |
    (spec.handUp.dtls ? FLAG.handUpDtls : 0) |
    (spec.payloadTypes.length > 0 ? FLAG.checkPayload : 0) |
    (family === 6 ? FLAG.ipv6 : 0) |
    (spec.decrypt ? FLAG.decrypt : spec.awaitingKeys ? FLAG.awaitDecrypt : 0) |
    (spec.encrypt ? FLAG.encrypt : spec.awaitingKeys ? FLAG.awaitEncrypt : 0) |
    (spec.validated ? FLAG.validated : 0) |
    (spec.routes ? FLAG.routed : 0) |
    (spec.mid ? FLAG.tagged : 0) |
    (spec.wantsMid ? FLAG.wantsMid : 0)
  );
}

function encodeSinks(record: Int32Array, at: number, sinks: readonly number[], context: SpecContext): number {
  let count = 0;
  for (const socket of sinks) {
    if (count === MAX_SINKS) break;
    const incarnation = context.sink(socket);
    if (incarnation === 0) continue;
    record[at + count * 2] = socket;
    record[at + count * 2 + 1] = incarnation;
    count++;
  }
  return count;
}

function isWildcard(record: Int32Array, family: Family): boolean {
  const from = RECORD.advertised + (family === 4 ? 1 : 2);
  const to = from + (family === 4 ? 1 : 4);
  for (let i = from; i < to; i++) if (record[i] !== 0) return false;
  return true;
}
