/**
 * Calls as operators see them: plain, read-only copies of what the core knows and the planes counted. Command line, HTTP
 * API and live displays are made of these, so none of them holds on to the core's own objects.
 */
import type { Endpoint } from "../address.ts";
import type { Verdict } from "../doctor/verdict.ts";
import type { StreamCounters } from "../planes/plane.ts";
import type { Call, Leg, MediaSection, Stream } from "./call.ts";
import type { JournalEntry } from "./journal.ts";
import { codecName } from "./query.ts";
import type { CallState } from "./state.ts";
import type { StreamReader } from "./transition.ts";
import { streamVerdict } from "./verdicts.ts";

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
  /** Decisions about its media, oldest first. */
  readonly journal: readonly JournalEntry[];
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
  /** Why this party is heard, or is not; undefined for sockets that only forward what is late. */
  readonly verdict: Verdict | undefined;
}

/** All calls, oldest first. */
export function* callSummaries(state: CallState): Generator<CallSummary> {
  for (const call of state.calls.values()) yield summary(call);
}

/** One call in full; undefined when there is none of this id. `now`: Unix ms. */
export function callView(state: CallState, callId: string, streams: StreamReader, now: number): CallView | undefined {
  const call = state.calls.get(callId);
  if (!call) return undefined;
  const legs = call.legs.map((leg) => legView(leg, streams, now));
  return { ...summary(call), tos: call.tos, legs, journal: call.journal.entries };
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

function legView(leg: Leg, streams: StreamReader, now: number): LegView {
  return {
    tag: leg.tag ?? "",
    role: leg.role,
    label: leg.label ?? "",
    viaBranch: leg.viaBranch ?? "",
    aliases: [...leg.aliases],
    createdAt: leg.createdAt,
    receivesFrom: leg.sections.flatMap(({ sources }) => sources.map(({ source }) => relation(source))),
    sendsTo: leg.sections.flatMap(({ sinks }) => sinks.map(({ sink }) => relation(sink))),
    sections: leg.sections.map((section) => sectionView(section, streams, now)),
  };
}

function relation(section: MediaSection): RelationView {
  return { tag: section.leg.tag ?? "", index: section.index };
}

function sectionView(section: MediaSection, reader: StreamReader, now: number): SectionView {
  const streams: StreamView[] = [];
  for (const set of section.portSets()) {
    const retired = set !== section.ports;
    streams.push(streamView(set.rtp, retired, reader, now));
    if (set.rtcp) streams.push(streamView(set.rtcp, retired, reader, now));
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

function streamView(stream: Stream, retired: boolean, reader: StreamReader, now: number): StreamView {
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
    verdict: retired ? undefined : streamVerdict(stream, reader, now),
  };
}
