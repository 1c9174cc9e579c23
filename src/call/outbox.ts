/** Collects the effects of one event, in order. */
import type { LocalSocket } from "../relay/ports.ts";
import type { Call, PortSet, Stream } from "./call.ts";
import type { CallState } from "./state.ts";
import type { Context, Effect, LogLevel, Subsystem } from "./transition.ts";

export class Outbox {
  readonly effects: Effect[] = [];
  /** Closed after the new specs are in force, so that nothing forwards to a socket that is gone. */
  private readonly closing: LocalSocket[] = [];

  constructor(
    readonly state: CallState,
    readonly context: Context,
  ) {}

  log(level: LogLevel, context: string | undefined, message: string, subsystem: Subsystem = "core"): void {
    this.effects.push({ kind: "log", level, subsystem, context, message });
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
