/** What each local socket of a call has to do: the call as the forwarding planes see it. */
import type { Endpoint } from "../address.ts";
import { MAX_SINKS } from "../limits.ts";
import type { SocketId, StreamSpec } from "../planes/plane.ts";
import { MID_EXTENSION } from "../sdp/extensions.ts";
import type { PayloadFormat } from "../sdp/model.ts";
import { type Call, type MediaSection, type Stream, type StreamPair, streamsOf } from "./call.ts";
import { isTransparent } from "./protection.ts";
import { usableEndpoint } from "./reception.ts";

const NO_TYPES: readonly number[] = [];
const NO_RATES: ReadonlyMap<number, number> = new Map();
const NO_SINKS: readonly SocketId[] = [];
const NOBODY: readonly Endpoint[] = [];
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

/** The two components of a section: how each looks at the moment. */
interface Way {
  /** The socket that media leaves from. */
  readonly stream: Stream;
  readonly remote: Endpoint | undefined;
}

/** With ICE the selected pair, else what was signalled. */
export function wayOf(section: MediaSection, component: 1 | 2): Way | undefined {
  const { ports, ice } = section;
  const stream = component === 1 ? ports?.rtp : ports?.rtcp;
  if (!stream) return undefined;
  if (!ice.on) return { stream, remote: usableEndpoint(component === 1 ? section.remoteRtp : section.remoteRtcp) };
  const pair = ice.agent?.selected(component);
  if (!pair) return { stream, remote: undefined };
  const selected = streamsOf(ports!).find(({ socket }) => socket.id === pair.local.socket);
  return { stream: selected ?? stream, remote: pair.maySend ? pair.remote : undefined };
}

interface Sinks {
  readonly rtp: SocketId[];
  readonly rtcp: SocketId[];
}

/** Where what arrives for these sections goes on to. */
function sinksOf(sections: readonly MediaSection[]): Sinks {
  const rtp: SocketId[] = [];
  const rtcp: SocketId[] = [];
  for (const section of sections) {
    for (const { sink } of section.sinks) {
      const to = sink.carrier;
      const way = sink.rejected ? undefined : wayOf(to, 1);
      if (!way || rtp.length === MAX_SINKS || rtp.includes(way.stream.socket.id)) continue;
      rtp.push(way.stream.socket.id);
      const control = to.muxAgreed ? undefined : wayOf(to, 2);
      rtcp.push((control ?? way).stream.socket.id);
    }
  }
  return { rtp, rtcp };
}

function addSection(specs: StreamSpec[], call: Call, section: MediaSection): void {
  const { ice, protection, leg, isRtp, muxAgreed } = section;
  const members = section.bundled
    ? leg.sections.filter((each) => each.carrier === section && !each.rejected)
    : [section];
  const shared = members.length > 1;
  const sinks = sinksOf(members);
  const types: number[] = [];
  const rates = new Map<number, number>();
  for (const { formats, presented } of members) {
    addTypes(types, rates, formats);
    addTypes(types, rates, presented);
  }
  const plain = protection.state === "plain";
  const transparent = !plain && isTransparentSection(section);
  const known = section.announced && (ice.on || usableEndpoint(section.remoteRtp) !== undefined);
  const mid = shared ? undefined : midTowards(section);
  const wantsMid = members.some((each) => midExtension(each) !== undefined);
  const handUp =
    ice.agent || protection.dtls
      ? { stun: ice.agent !== undefined, dtls: protection.dtls !== undefined }
      : NOT_HANDED_UP;
  const blackhole = leg.blackhole || members.every(({ recv }) => !recv);
  const stripFeedback = isRtp && !members.some(hasFeedback);
  const prefix = `${call.id}/${leg.name}/${section.index} port `;
  const add = ({ socket }: Stream, component: 1 | 2) => {
    const first = component === 1;
    // Kept open but unused once the party shares one port.
    const unused = !first && muxAgreed;
    // Without ICE earlier ports send to the same peer; with it each socket has peers of its own.
    const way = ice.on ? wayOf(section, component) : undefined;
    const selected = way?.stream.socket.id === socket.id ? way.remote : undefined;
    const signalled = ice.on ? undefined : usableEndpoint(first ? section.remoteRtp : section.remoteRtcp);
    const remote = unused ? undefined : (selected ?? signalled);
    const keys = plain || transparent ? undefined : protection.keys(component);
    specs.push({
      socket: socket.id,
      label: prefix + socket.port,
      component: first ? "rtp" : "rtcp",
      isRtp,
      rtcpMux: first && muxAgreed,
      remote,
      // With ICE it is among validated sources only.
      mayLearn: known && !unused && (!ice.on || remote !== undefined),
      learning: section.learning,
      asymmetric: section.asymmetric,
      strictSource: section.strictSource,
      mediaHandover: section.mediaHandover,
      blackhole,
      drop: call.dropTraffic,
      natWait: section.natWait,
      stripFeedback,
      handUp,
      payloadTypes: first && isRtp ? types : NO_TYPES,
      clockRates: first && isRtp ? rates : NO_RATES,
      rtpSinks: first ? sinks.rtp : NO_SINKS,
      rtcpSinks: unused ? NO_SINKS : sinks.rtcp,
      routes: shared && first ? routesOf(members, sinks.rtp) : undefined,
      mid: first ? mid : undefined,
      wantsMid: (first && wantsMid) || undefined,
      generation: call.generation,
      decrypt: keys?.inbound,
      encrypt: keys?.outbound,
      validated: ice.on ? (ice.agent?.validatedSources(socket.id) ?? NOBODY) : undefined,
      awaitingKeys: plain ? undefined : protection.awaitingKeys(component),
    });
  };
  const addPair = ({ rtp, rtcp }: StreamPair) => {
    add(rtp, 1);
    if (rtcp) add(rtcp, 2);
  };
  for (const set of section.portSets()) {
    addPair(set);
    for (const pair of set.others) addPair(pair);
  }
}

function addTypes(types: number[], rates: Map<number, number>, formats: readonly PayloadFormat[]): void {
  for (const { payloadType, clockRate } of formats) {
    if (!types.includes(payloadType)) types.push(payloadType);
    if (clockRate !== undefined && !rates.has(payloadType)) rates.set(payloadType, clockRate);
  }
}

/** Bundled sections are told apart by their payload types, which are unique among them (RFC 9143 section 9.1). */
function routesOf(
  members: readonly MediaSection[],
  all: readonly SocketId[],
): ReadonlyMap<number, readonly SocketId[]> {
  const routes = new Map<number, readonly SocketId[]>();
  for (const member of members) {
    const own = member.recv ? sinksOf([member]).rtp.filter((socket) => all.includes(socket)) : NO_SINKS;
    for (const { payloadType } of [...member.formats, ...member.presented]) {
      if (!routes.has(payloadType)) routes.set(payloadType, own);
    }
  }
  return routes;
}

/** What a party that knows the MID extension has to find in what comes from this section. */
function midTowards(section: MediaSection): StreamSpec["mid"] {
  for (const { sink } of section.sinks) {
    const extension = midExtension(sink);
    if (extension && sink.mid !== undefined) return { id: extension.id, value: sink.mid };
  }
  return undefined;
}

/** The extension as agreed with this party, or as we offered it. */
function midExtension({ presentedExtensions, description, bundled, bundleOffered }: MediaSection) {
  if (presentedExtensions.length === 0 || !(bundled || bundleOffered)) return undefined;
  const shown = presentedExtensions.find(({ uri }) => uri === MID_EXTENSION);
  if (!shown || !description) return shown;
  return description.extmap.some(({ uri }) => uri === MID_EXTENSION) ? shown : undefined;
}

/** Both sides use the same keys, and nobody else is concerned: packets can go through as they are. */
function isTransparentSection(section: MediaSection): boolean {
  if (section.protection.state !== "sdes") return false;
  const { sinks, sources } = section;
  const peer = sinks[0]?.sink;
  if (!peer || section.bundled || peer.bundled || sinks.length > 1 || sources.length > 1) return false;
  if (sources[0]?.source !== peer || peer.sinks.length > 1 || peer.sources.length > 1) return false;
  return isTransparent(section.protection, peer.protection);
}

/** A feedback profile, or `a=rtcp-fb` in spite of its absence (RFC 4585, section 4.2). */
export function hasFeedback(section: MediaSection): boolean {
  if (section.protocol.endsWith("F")) return true;
  const formats = section.description ? section.formats : section.presented;
  for (const { feedback } of formats) if (feedback.length > 0) return true;
  return section.description?.others.some((attribute) => attribute.startsWith("rtcp-fb:")) ?? false;
}
