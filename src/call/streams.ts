/** What each local socket of a call has to do: the call as the forwarding planes see it. */
import type { Endpoint } from "../address.ts";
import { MAX_SINKS } from "../limits.ts";
import type { SocketId, StreamSpec } from "../planes/plane.ts";
import type { Call, MediaSection, PortSet } from "./call.ts";
import { isZero } from "./reception.ts";

const NO_TYPES: readonly number[] = [];
const NO_RATES: ReadonlyMap<number, number> = new Map();
const NO_SINKS: readonly SocketId[] = [];
const NOT_HANDED_UP = { stun: false, dtls: false } as const;

/** Specs for every open socket of the call. Absolute: they replace all earlier ones. */
export function specsOf(call: Call): StreamSpec[] {
  const specs: StreamSpec[] = [];
  for (const leg of call.legs) {
    for (const section of leg.sections) {
      if (section.ports) addSection(specs, call, section);
    }
  }
  return specs;
}

function addSection(specs: StreamSpec[], call: Call, section: MediaSection): void {
  const rtpSinks: SocketId[] = [];
  const rtcpSinks: SocketId[] = [];
  for (const { sink } of section.sinks) {
    if (!sink.ports || sink.rejected || rtpSinks.length === MAX_SINKS) continue;
    rtpSinks.push(sink.ports.rtp.socket.id);
    rtcpSinks.push((rtcpStream(sink, sink.ports) ?? sink.ports.rtp).socket.id);
  }
  const types: number[] = [];
  const rates = new Map<number, number>();
  for (const list of [section.formats, section.presented]) {
    for (const { payloadType, clockRate } of list) {
      if (!types.includes(payloadType)) types.push(payloadType);
      if (clockRate !== undefined && !rates.has(payloadType)) rates.set(payloadType, clockRate);
    }
  }
  const label = `${call.id}/${section.leg.name}/${section.index} port `;
  const { isRtp, learning, asymmetric, strictSource, mediaHandover, natWait, muxAgreed } = section;
  const { generation, dropTraffic: drop } = call;
  const blackhole = !section.recv || section.leg.blackhole;
  const stripFeedback = isRtp && !hasFeedback(section);
  const remoteRtp = usable(section.remoteRtp);
  const remoteRtcp = usable(section.remoteRtcp);
  const known = section.announced && remoteRtp !== undefined;
  for (const { rtp, rtcp } of section.portSets()) {
    specs.push({
      socket: rtp.socket.id,
      label: label + rtp.socket.port,
      component: "rtp",
      isRtp,
      rtcpMux: muxAgreed,
      remote: remoteRtp,
      mayLearn: known,
      learning,
      asymmetric,
      strictSource,
      mediaHandover,
      blackhole,
      drop,
      natWait,
      stripFeedback,
      handUp: NOT_HANDED_UP,
      payloadTypes: isRtp ? types : NO_TYPES,
      clockRates: isRtp ? rates : NO_RATES,
      rtpSinks,
      rtcpSinks,
      generation,
    });
    if (!rtcp) continue;
    // Kept open but unused once the party shares one port.
    const unused = muxAgreed;
    specs.push({
      socket: rtcp.socket.id,
      label: label + rtcp.socket.port,
      component: "rtcp",
      isRtp,
      rtcpMux: false,
      remote: unused ? undefined : remoteRtcp,
      mayLearn: known && !unused,
      learning,
      asymmetric,
      strictSource,
      mediaHandover,
      blackhole,
      drop,
      natWait,
      stripFeedback,
      handUp: NOT_HANDED_UP,
      payloadTypes: NO_TYPES,
      clockRates: NO_RATES,
      rtpSinks: NO_SINKS,
      rtcpSinks: unused ? NO_SINKS : rtcpSinks,
      generation,
    });
  }
}

function rtcpStream(section: MediaSection, ports: PortSet) {
  return section.muxAgreed ? undefined : ports.rtcp;
}

/** Nothing is sent to a party on hold, nor to port 0. */
function usable(remote: Endpoint | undefined): Endpoint | undefined {
  return remote && remote.port !== 0 && !isZero(remote.address) ? remote : undefined;
}

/** A feedback profile, or `a=rtcp-fb` in spite of its absence (RFC 4585, section 4.2). */
export function hasFeedback(section: MediaSection): boolean {
  if (section.protocol.endsWith("F")) return true;
  const formats = section.description ? section.formats : section.presented;
  for (const { feedback } of formats) if (feedback.length > 0) return true;
  return section.description?.others.some((attribute) => attribute.startsWith("rtcp-fb:")) ?? false;
}
