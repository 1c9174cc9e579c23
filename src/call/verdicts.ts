/** The call as `src/doctor/verdict.ts` wants to see it: why a stream is heard, or is not. */
import {
  type DtlsState,
  type IceState,
  type SinkFacts,
  type StreamFacts,
  type Verdict,
  verdict,
} from "../doctor/verdict.ts";
import type { IceAgent } from "../media/ice/agent.ts";
import type { Call, Leg, MediaSection, Stream } from "./call.ts";
import type { DtlsTransport } from "./dtls-transport.ts";
import type { Outbox } from "./outbox.ts";
import { streamLabel } from "./plane-events.ts";
import { wayOf } from "./streams.ts";
import type { StreamReader } from "./transition.ts";

/** About the direction from the party of this stream to those who receive from it. `now`: Unix ms. */
export function streamVerdict(stream: Stream, reader: StreamReader, now: number): Verdict {
  return verdict(streamFacts(stream, reader, now));
}

export function streamFacts(stream: Stream, reader: StreamReader, now: number): StreamFacts {
  const { section, component } = stream;
  const { leg, ports, ice, protection } = section;
  const { call } = leg;
  const number = component === "rtp" ? 1 : 2;
  const current = stream === ports?.rtp || stream === ports?.rtcp;
  // With ICE media may have chosen another of our sockets than the one in the m= line.
  const { socket } = (current ? wayOf(section, number)?.stream : undefined) ?? stream;
  const companion = component === "rtp" ? ports?.rtcp : ports?.rtp;
  const sinks = sinksOf(section);
  return {
    now,
    lastSignal: call.lastSignal,
    party: nameOf(leg),
    component,
    isRtp: section.isRtp,
    local: section.announced ? { address: socket.address.advertised, port: socket.port } : undefined,
    signalled: component === "rtp" ? section.remoteRtp : section.remoteRtcp,
    answered: section.announced && section.description !== undefined && sinks.some(({ description }) => description),
    sends: section.recv,
    held: section.held,
    rejected: section.rejected || (section.sinks.length > 0 && sinks.length === 0),
    sharesPort: component === "rtcp" && section.muxAgreed,
    blocked: leg.blackhole,
    dropTraffic: call.dropTraffic,
    strictSource: section.strictSource,
    counters: reader.counters(socket.id),
    companionLastPacketAt: companion ? reader.lastPacketAt(companion.socket.id) : 0,
    retiredLastPacketAt: Math.max(0, ...section.retired.map(({ rtp }) => reader.lastPacketAt(rtp.socket.id))),
    ice: ice.on ? iceState(ice.agent, number) : undefined,
    dtls: protection.state === "dtls" ? dtlsState(protection.dtls, number) : undefined,
    sinks: sinks.flatMap((sink) => sinkFacts(sink, number, reader)),
  };
}

/** The other parties' sections that media goes out from. */
function sinksOf(section: MediaSection): MediaSection[] {
  return section.sinks.flatMap(({ sink }) => (sink.carrier.ports && !sink.rejected ? [sink] : []));
}

function sinkFacts(sink: MediaSection, component: 1 | 2, reader: StreamReader): SinkFacts[] {
  const { carrier } = sink;
  const way = (component === 2 && !carrier.muxAgreed ? wayOf(carrier, 2) : undefined) ?? wayOf(carrier, 1);
  if (!way) return [];
  const { socket } = way.stream;
  return [
    {
      party: nameOf(sink.leg),
      held: sink.held,
      natWait: sink.natWait,
      fixedAddress: sink.asymmetric || sink.learning === "off",
      local: { address: socket.address.advertised, port: socket.port },
      ice: carrier.ice.on ? iceState(carrier.ice.agent, way.stream.component === "rtp" ? 1 : 2) : undefined,
      signalled: way.stream.component === "rtp" ? carrier.remoteRtp : carrier.remoteRtcp,
      counters: reader.counters(socket.id),
    },
  ];
}

/** Numbers of parties without a tag differ from list to list. */
const nameOf = ({ tag }: Leg) => tag ?? "<untagged>";

/** A pair that media may use is all that matters here. */
function iceState(agent: IceAgent | undefined, component: 1 | 2): IceState {
  if (!agent) return "gathering";
  if (agent.selected(component)) return "nominated";
  return agent.state === "failed" ? "failed" : agent.state === "waiting" ? "gathering" : "checking";
}

function dtlsState(transport: DtlsTransport | undefined, component: 1 | 2): DtlsState {
  // Keys of before stay in force while a new association is attempted.
  if (transport?.keys(component)) return "finished";
  const state = transport?.views().find(([number]) => number === component)?.[1].state;
  switch (state) {
    case "connected":
      return "finished";
    case "failed":
    case "closed":
      return "failed";
    case "handshaking":
    case "unverified":
      return "handshake";
    default:
      return "waiting";
  }
}

/**
 * At the end of a call: a line for each direction that nothing got through although signalling promised media. Without any
 * media at all that is less alarming than audio in one direction only.
 */
export function logSilence(call: Call, out: Outbox): void {
  const { streams, now } = out.context;
  const sent = ({ socket }: Stream) => streams.counters(socket.id).packetsOut;
  for (const { sections } of call.legs) {
    for (const section of sections) {
      const stream = section.isRtp ? section.ports?.rtp : undefined;
      const sinks = sinksOf(section).flatMap(({ carrier }) => wayOf(carrier, 1)?.stream ?? []);
      if (!stream || sinks.length === 0 || sinks.some((sink) => sent(sink) > 0)) continue;
      const oneWay = sent(stream) > 0;
      if (!oneWay && out.context.finalStats === false) continue;
      // As of its last packet: that media ends before the call does is no news.
      const at = streams.lastPacketAt(stream.socket.id) || now;
      const { state, cause, finding, fix } = streamVerdict(stream, streams, at);
      if (state !== "fault") continue;
      const what = oneWay ? "One-way media" : "No media";
      out.log(oneWay ? "warning" : "info", streamLabel(stream), `${what} (${cause}): ${finding} ${fix}`.trimEnd());
    }
  }
}
