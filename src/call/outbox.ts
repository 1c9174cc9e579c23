/** Collects the effects of one event, in order. */

import type { Endpoint } from "../address.ts";
import type { SocketId, StreamCounters } from "../planes/plane.ts";
import type { LocalSocket } from "../relay/ports.ts";
import { type Call, type MediaSection, type PortSet, type Stream, streamsOf } from "./call.ts";
import type { CallState } from "./state.ts";
import { specsOf } from "./streams.ts";
import type { Context, Effect, LogLevel, StreamReader, Subsystem, TrafficTotals } from "./transition.ts";

/**
 * Reads each socket's counters once per event: reply, log and record of a call's end then agree, and a plane is not asked
 * again and again.
 */
class Readings implements StreamReader {
  private readonly taken = new Map<SocketId, StreamCounters>();

  constructor(private readonly reader: StreamReader) {}

  counters(socket: SocketId): StreamCounters {
    const known = this.taken.get(socket);
    if (known) return known;
    const counters = this.reader.counters(socket);
    this.taken.set(socket, counters);
    return counters;
  }

  lastPacketAt(socket: SocketId): number {
    return this.reader.lastPacketAt(socket);
  }

  totals(): { readonly user: TrafficTotals; readonly kernel: TrafficTotals } {
    return this.reader.totals();
  }
}

export class Outbox {
  readonly effects: Effect[] = [];
  /** Closed after the new specs are in force, so that nothing forwards to a socket that is gone. */
  private readonly closing: LocalSocket[] = [];

  /** Calls whose specs are no longer what the planes have. */
  private touched: Set<Call> | undefined;

  readonly context: Context;

  constructor(
    readonly state: CallState,
    context: Context,
  ) {
    this.context = { ...context, streams: new Readings(context.streams) };
  }

  log(level: LogLevel, context: string | undefined, message: string, subsystem: Subsystem = "core"): void {
    this.effects.push({ kind: "log", level, subsystem, context, message });
  }

  /** For what single packets cause. */
  logLimited(level: LogLevel, context: string, message: string): void {
    this.effects.push({ kind: "log", level, subsystem: "core", context, message, limited: true });
  }

  /** About one section. */
  logAt(section: MediaSection, level: LogLevel, message: string, subsystem: Subsystem): void {
    this.log(level, sectionLabel(section), message, subsystem);
  }

  /** The same, and kept in the call's journal. */
  note(section: MediaSection, level: LogLevel, text: string, subsystem: Subsystem): void {
    this.logAt(section, level, text, subsystem);
    const { leg, index } = section;
    leg.call.journal.add({ at: this.context.now, tag: leg.tag ?? "", section: index, text });
  }

  /** A datagram of our own (STUN, DTLS). */
  send(socket: SocketId, to: Endpoint, data: Uint8Array): void {
    this.effects.push({ kind: "send", socket, to, data });
  }

  /** What the sockets of this call have to do is not what it was. */
  touch(call: Call): void {
    this.touched ??= new Set();
    this.touched.add(call);
  }

  /** Schedules these sockets to be closed and keeps what they counted. */
  close(call: Call, set: PortSet): void {
    for (const stream of streamsOf(set)) this.closeStream(call, stream);
  }

  /** Puts the specs of the call in force. */
  apply(call: Call): void {
    this.touched?.delete(call);
    this.effects.push({ kind: "apply", specs: specsOf(call) });
  }

  closeStream(call: Call, stream: Stream): void {
    const counters = this.context.streams.counters(stream.socket.id);
    const kept = call.closed[stream.component];
    kept.packets += counters.packetsIn;
    kept.bytes += counters.bytesIn;
    kept.errors += counters.errorsIn;
    this.state.closed(stream);
    this.closing.push(stream.socket);
  }

  /** Puts what was touched in force, and the pending closes behind everything else. */
  flush(): void {
    if (this.touched) {
      for (const call of this.touched) if (this.state.calls.get(call.id) === call) this.apply(call);
      this.touched = undefined;
    }
    if (this.closing.length === 0) return;
    this.effects.push({ kind: "close", sockets: this.closing.splice(0) });
  }
}

/** Log prefix of a section: of its RTP stream where it has one. */
export function sectionLabel(section: MediaSection): string {
  const { leg, index, ports } = section;
  const name = `${leg.call.id}/${leg.name}/${index}`;
  return ports ? `${name} port ${ports.rtp.socket.port}` : name;
}
