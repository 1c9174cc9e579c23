/**
 * The pure heart: everything that happens to calls is one {@link CallEvent} put through `transition`. It reads no clock,
 * draws no randomness and owns no socket: these come in through {@link Context}; what has to happen outside comes back as
 * {@link Effect}s, in order.
 */
import type { Endpoint } from "../address.ts";
import type { NgReplyDict } from "../ng/value.ts";
import type { PlaneEvent, SocketId, StreamCounters, StreamSpec } from "../planes/plane.ts";
import type { LocalSocket, PortSource } from "../relay/ports.ts";
import { answer } from "./answer.ts";
import type { MediaSection } from "./call.ts";
import { timerDue } from "./connectivity.ts";
import { deleteCall } from "./delete.ts";
import type { Directives } from "./directives.ts";
import type { DtlsEnvironment } from "./dtls-transport.ts";
import { list } from "./list.ts";
import { offer } from "./offer.ts";
import { Outbox } from "./outbox.ts";
import { handlePlaneEvent } from "./plane-events.ts";
import { query } from "./query.ts";
import type { CallState } from "./state.ts";
import { measureRates, ngForm, statisticsTree } from "./statistics.ts";
import { endCall } from "./termination.ts";
import { checkTimeouts } from "./timeouts.ts";

export type LogLevel = "error" | "warning" | "notice" | "info" | "debug";
export type Subsystem = "core" | "codec" | "rtcp" | "ice" | "crypto" | "srtp" | "control" | "internals" | "http";

/** Reads what the planes counted. Values may be a packet old: planes write while we read. */
export interface StreamReader {
  counters(socket: SocketId): StreamCounters;
  lastPacketAt(socket: SocketId): number;
  /** Sums over all sockets ever open, by kind of plane. */
  totals(): { readonly user: TrafficTotals; readonly kernel: TrafficTotals };
}

export interface TrafficTotals {
  readonly packets: number;
  readonly bytes: number;
  readonly errors: number;
}

export interface Context {
  /** Unix time in milliseconds, with fraction. */
  readonly now: number;
  readonly random: { bytes(count: number): Uint8Array };
  readonly ports: PortSource;
  readonly streams: StreamReader;
  /** What nobody reads need not be written: false leaves out the call's final log block, or its record. Default true. */
  readonly finalStats?: boolean;
  readonly records?: boolean;
  /** Undefined: no DTLS. */
  readonly dtls?: DtlsEnvironment;
  /** Load of the host as the limits see it; read once a second by the driver. */
  readonly load: { readonly cpuPercent: number; readonly loadAverage: number; readonly bytesPerSecond: number };
}

export type CallEvent =
  /** `peer`: the controller's `address:port`, for `list sessions` and CDRs. */
  | { readonly kind: "command"; readonly directives: Directives; readonly peer: string }
  /** Once a second: timeouts and pending deletions. */
  | { readonly kind: "tick" }
  /** The time of {@link CallState.timers} has come. */
  | { readonly kind: "timer" }
  | { readonly kind: "plane"; readonly event: PlaneEvent }
  /** Without delete-delay, counted as forced. `reason`: default an operator's command. */
  | { readonly kind: "terminate"; readonly callId: string; readonly reason?: "operator" | "shutdown" };

export type Effect =
  /** Put these specs in force, before the reply is sent. All belong to one call. */
  | { readonly kind: "apply"; readonly specs: readonly StreamSpec[] }
  /** Stop forwarding to and from these sockets, then close them and give their ports back. */
  | { readonly kind: "close"; readonly sockets: readonly LocalSocket[] }
  | {
      readonly kind: "log";
      readonly level: LogLevel;
      readonly subsystem: Subsystem;
      /** Prefix in brackets: `CALLID`, `CALLID port 30000`, `CALLID/TAG/MEDIA port 30000`; undefined = none. */
      readonly context: string | undefined;
      readonly message: string;
      /** Caused by single packets: written at most once per 15 s for the same text and context. */
      readonly limited?: true;
    }
  /** One datagram from a socket of ours: STUN or DTLS. Losing it is no harm. */
  | { readonly kind: "send"; readonly socket: SocketId; readonly to: Endpoint; readonly data: Uint8Array }
  | { readonly kind: "call-started"; readonly callId: string }
  | { readonly kind: "call-ended"; readonly callId: string; readonly reason: EndReason; readonly cdr: string };

export type EndReason =
  | "REGULAR"
  | "FORCED"
  | "TIMEOUT"
  | "SILENT_TIMEOUT"
  | "FINAL_TIMEOUT"
  | "OFFER_TIMEOUT"
  | "UNKNOWN";

/** Answer to a command, without `result`: the ng room adds it. */
export type CommandReply =
  | { readonly ok: true; readonly body: NgReplyDict }
  /** `detail` goes into the extra reply key `error-detail`: what the literal error text cannot say. */
  | { readonly ok: false; readonly reason: string; readonly detail?: string; readonly loadLimit?: true };

export interface Outcome {
  /** Present for commands only. */
  readonly reply?: CommandReply;
  readonly effects: readonly Effect[];
}

/** Lets one event happen to the state. Deterministic given state, event and context; never throws on bad input. */
export function transition(state: CallState, event: CallEvent, context: Context): Outcome {
  const out = new Outbox(state, context);
  let reply: CommandReply | undefined;
  switch (event.kind) {
    case "command":
      reply = command(event.directives, event.peer, out);
      break;
    case "tick":
      measureRates(state, context);
      checkTimeouts(out);
      break;
    case "timer":
      runTimers(out);
      break;
    case "plane":
      handlePlaneEvent(event.event, out);
      break;
    case "terminate":
      terminate(event.callId, event.reason ?? "operator", out);
      break;
  }
  out.flush();
  return reply ? { reply, effects: out.effects } : { effects: out.effects };
}

/** Each owner once, even if it wants to be woken again at once. */
function runTimers(out: Outbox): void {
  const { timers } = out.state;
  const due: MediaSection[] = [];
  for (let one = timers.take(out.context.now); one; one = timers.take(out.context.now)) due.push(one);
  for (const section of due) timerDue(section, out);
}

function command(directives: Directives, peer: string, out: Outbox): CommandReply {
  const { state, context } = out;
  switch (directives.command) {
    case "offer":
      return offer(directives, peer, out);
    case "answer":
      return answer(directives, out);
    case "delete":
      return deleteCall(directives, out);
    case "query":
      return query(state, directives, context);
    case "list":
      return list(state, directives);
    case "statistics":
      return { ok: true, body: { statistics: ngForm(statisticsTree(state, context)) } };
    default:
      return { ok: false, reason: "Unrecognized command", detail: `'${directives.command}' is not implemented` };
  }
}

function terminate(callId: string, reason: "operator" | "shutdown", out: Outbox): void {
  const call = out.state.calls.get(callId);
  if (!call) return;
  if (reason === "operator") out.log("warning", callId, `Call Id (${callId}) successfully terminated by operator.`);
  else out.log("info", callId, "Closing call due to shutdown");
  endCall(call, "FORCED", out);
}
