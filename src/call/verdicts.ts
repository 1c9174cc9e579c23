/** The call as `src/doctor/verdict.ts` wants to see it: why a stream is heard, or is not. */
import type { Endpoint } from "../address.ts";
import { type SinkFacts, type StreamFacts, type Verdict, verdict } from "../doctor/verdict.ts";
import type { Call, MediaSection, PortSet, Stream } from "./call.ts";
import type { Outbox } from "./outbox.ts";
import { streamLabel } from "./plane-events.ts";
import type { StreamReader } from "./transition.ts";

/** About the direction from the party of this stream to those who receive from it. `now`: Unix ms. */
export function streamVerdict(stream: Stream, reader: StreamReader, now: number): Verdict {
  return verdict(streamFacts(stream, reader, now));
}

export function streamFacts({ section, component, socket }: Stream, reader: StreamReader, now: number): StreamFacts {
  const { leg, ports } = section;
  const { call } = leg;
  const companion = component === "rtp" ? ports?.rtcp : ports?.rtp;
  const signalled = component === "rtp" ? section.remoteRtp : section.remoteRtcp;
  const sinks = section.sinks.filter(({ sink }) => sink.ports && !sink.rejected).map(({ sink }) => sink);
  return {
    now,
    lastSignal: call.lastSignal,
    party: leg.name,
    component,
    isRtp: section.isRtp,
    local: section.announced ? { address: socket.address.advertised, port: socket.port } : undefined,
    signalled,
    answered: section.announced && section.description !== undefined && sinks.some(({ description }) => description),
    sends: section.recv,
    rejected: section.rejected || (section.sinks.length > 0 && sinks.length === 0),
    sharesPort: component === "rtcp" && section.muxAgreed,
    blocked: leg.blackhole,
    dropTraffic: call.dropTraffic,
    strictSource: section.strictSource,
    counters: reader.counters(socket.id),
    companionLastPacketAt: companion ? reader.lastPacketAt(companion.socket.id) : 0,
    retiredLastPacketAt: Math.max(0, ...section.retired.map(({ rtp }) => reader.lastPacketAt(rtp.socket.id))),
    sinks: sinks.map((sink) => sinkFacts(sink, sink.ports!, component, reader)),
  };
}

function sinkFacts(sink: MediaSection, ports: PortSet, component: "rtp" | "rtcp", reader: StreamReader): SinkFacts {
  const stream = component === "rtcp" && !sink.muxAgreed && ports.rtcp ? ports.rtcp : ports.rtp;
  const signalled: Endpoint | undefined = stream.component === "rtp" ? sink.remoteRtp : sink.remoteRtcp;
  return {
    party: sink.leg.name,
    held: sink.held,
    natWait: sink.natWait,
    fixedAddress: sink.asymmetric || sink.learning === "off",
    local: { address: stream.socket.address.advertised, port: stream.socket.port },
    signalled,
    counters: reader.counters(stream.socket.id),
  };
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
      const sinks = section.sinks.flatMap(({ sink }) => (sink.ports && !sink.rejected ? [sink.ports.rtp] : []));
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
