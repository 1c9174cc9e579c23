/**
 * Calls as operators see them: plain, read-only copies of what the core knows and the planes counted. Command line, HTTP
 * API and live displays are made of these, so none of them holds on to the core's own objects.
 */
import type { Endpoint } from "../address.ts";
import type { StreamCounters } from "../planes/plane.ts";
import type { Call, Leg, MediaSection, Stream } from "./call.ts";
import { codecName } from "./query.ts";
import type { CallState } from "./state.ts";
import type { StreamReader } from "./transition.ts";

/** One line of a list of calls. Times are Unix milliseconds; texts are byte strings. */
export interface CallSummary {
  readonly callId: string;
  readonly createdAt: number;
  /** Controller `address:port`. */
  readonly createdBy: string;
  readonly lastSignal: number;
  /** Marked for deletion, which happens after the delete delay. */
  readonly deleting: boolean;
  readonly parties: number;
  readonly metadata: string | undefined;
}

export interface CallView extends CallSummary {
  /** TOS byte of its media. */
  readonly tos: number;
  readonly legs: readonly LegView[];
}

export interface LegView {
  readonly tag: string;
  readonly role: Leg["role"];
  readonly label: string;
  readonly viaBranch: string;
  readonly aliases: readonly string[];
  readonly createdAt: number;
  /** Media that this party receives, and who receives its own. */
  readonly receivesFrom: readonly RelationView[];
  readonly sendsTo: readonly RelationView[];
  readonly sections: readonly SectionView[];
}

/** One `m=` section of another party. */
export interface RelationView {
  readonly tag: string;
  readonly index: number;
}

export interface SectionView {
  /** From 1. */
  readonly index: number;
  readonly type: string;
  readonly protocol: string;
  /** Of the last payload type received; undefined where none was, or where it has no name. */
  readonly codec: string | undefined;
  /** The party sends, the party receives, as it declared. */
  readonly sends: boolean;
  readonly receives: boolean;
  readonly rejected: boolean;
  readonly rtcpMux: boolean;
  /** Current sockets first, then the ones that still forward for late packets. */
  readonly streams: readonly StreamView[];
}

export interface StreamView {
  readonly component: Stream["component"];
  readonly local: Endpoint;
  readonly interface: string;
  /** Where packets go: learned, else as signalled. */
  readonly remote: Endpoint | undefined;
  readonly signalled: Endpoint | undefined;
  /** Replaced by newer sockets; forwards what is still under way. */
  readonly retired: boolean;
  readonly openedAt: number;
  readonly counters: StreamCounters;
}

/** All calls, oldest first. */
export function* callSummaries(state: CallState): Generator<CallSummary> {
  for (const call of state.calls.values()) yield summary(call);
}

/** One call in full; undefined when there is none of this id. */
export function callView(state: CallState, callId: string, streams: StreamReader): CallView | undefined {
  const call = state.calls.get(callId);
  if (!call) return undefined;
  return { ...summary(call), tos: call.tos, legs: call.legs.map((leg) => legView(leg, streams)) };
}

/** Answered calls by the address families of their media. */
export function familyClasses(state: CallState): {
  readonly ipv4: number;
  readonly ipv6: number;
  readonly mixed: number;
} {
  const count = { ipv4: 0, ipv6: 0, mixed: 0 };
  for (const { familyClass } of state.calls.values()) if (familyClass) count[familyClass] += 1;
  return count;
}

function summary(call: Call): CallSummary {
  return {
    callId: call.id,
    createdAt: call.createdAt,
    createdBy: call.createdBy,
    lastSignal: call.lastSignal,
    deleting: call.deleteAt !== undefined,
    parties: call.legs.length,
    metadata: call.metadata,
  };
}

function legView(leg: Leg, streams: StreamReader): LegView {
  return {
    tag: leg.tag ?? "",
    role: leg.role,
    label: leg.label ?? "",
    viaBranch: leg.viaBranch ?? "",
    aliases: [...leg.aliases],
    createdAt: leg.createdAt,
    receivesFrom: leg.sections.flatMap(({ sources }) => sources.map(({ source }) => relation(source))),
    sendsTo: leg.sections.flatMap(({ sinks }) => sinks.map(({ sink }) => relation(sink))),
    sections: leg.sections.map((section) => sectionView(section, streams)),
  };
}

function relation(section: MediaSection): RelationView {
  return { tag: section.leg.tag ?? "", index: section.index };
}

function sectionView(section: MediaSection, reader: StreamReader): SectionView {
  const streams: StreamView[] = [];
  for (const set of section.portSets()) {
    const retired = set !== section.ports;
    streams.push(streamView(set.rtp, retired, reader));
    if (set.rtcp) streams.push(streamView(set.rtcp, retired, reader));
  }
  const payloadType = section.ports && streams[0]?.counters.payloadType;
  return {
    index: section.index,
    type: section.type,
    protocol: section.protocol,
    codec: payloadType === undefined ? undefined : codecName(section, payloadType),
    sends: section.recv,
    receives: section.send,
    rejected: section.rejected,
    rtcpMux: section.rtcpMux,
    streams,
  };
}

function streamView(stream: Stream, retired: boolean, reader: StreamReader): StreamView {
  const { section, component, socket, openedAt } = stream;
  const counters = reader.counters(socket.id);
  const signalled = component === "rtp" ? section.remoteRtp : section.remoteRtcp;
  return {
    component,
    local: { address: socket.address.local, port: socket.port },
    interface: socket.address.interface,
    remote: counters.endpoint ?? signalled,
    signalled,
    retired,
    openedAt,
    counters,
  };
}
