/** Collects the effects of one event, in order. */

import type { SocketId, StreamCounters } from "../planes/plane.ts";
import type { LocalSocket } from "../relay/ports.ts";
import type { Call, PortSet, Stream } from "./call.ts";
import type { CallState } from "./state.ts";
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

  /** Schedules these sockets to be closed and keeps what they counted. */
  close(call: Call, set: PortSet): void {
    this.closeStream(call, set.rtp);
    if (set.rtcp) this.closeStream(call, set.rtcp);
  }

  private closeStream(call: Call, stream: Stream): void {
    const counters = this.context.streams.counters(stream.socket.id);
    const kept = call.closed[stream.component];
    kept.packets += counters.packetsIn;
    kept.bytes += counters.bytesIn;
    kept.errors += counters.errorsIn;
    this.state.closed(stream);
    this.closing.push(stream.socket);
  }

  /** Puts the pending closes behind everything else. */
  flush(): void {
    if (this.closing.length === 0) return;
    this.effects.push({ kind: "close", sockets: this.closing.splice(0) });
  }
}
