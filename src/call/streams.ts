/** What each local socket of a call has to do: the call as the forwarding planes see it. */
import type { Endpoint } from "../address.ts";
import { MAX_SINKS } from "../limits.ts";
import type { SocketId, StreamSpec } from "../planes/plane.ts";
import { MID_EXTENSION } from "../sdp/extensions.ts";
import { type Call, type MediaSection, type Stream, streamsOf } from "./call.ts";
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
  const { ice, protection, leg } = section;
  const members = section.bundled
    ? leg.sections.filter((each) => each.carrier === section && !each.rejected)
    : [section];
  const sinks = sinksOf(members);
  const types: number[] = [];
  const rates = new Map<number, number>();
  for (const { formats, presented } of members) {
    for (const list of [formats, presented]) {
      for (const { payloadType, clockRate } of list) {
        if (!types.includes(payloadType)) types.push(payloadType);
        if (clockRate !== undefined && !rates.has(payloadType)) rates.set(payloadType, clockRate);
      }
    }
  }
  const { isRtp, learning, asymmetric, strictSource, mediaHandover, natWait, muxAgreed } = section;
  const { generation, dropTraffic: drop } = call;
  const transparent = isTransparentSection(section);
  const known = section.announced && (ice.on || usableEndpoint(section.remoteRtp) !== undefined);
  const mid = members.length === 1 ? midTowards(section) : undefined;
  const wantsMid = members.some((each) => midExtension(each) !== undefined);
  const handUp =
    ice.agent || protection.dtls
      ? { stun: ice.agent !== undefined, dtls: protection.dtls !== undefined }
      : NOT_HANDED_UP;
  const blackhole = leg.blackhole || members.every(({ recv }) => !recv);
  const common = {
    isRtp,
    learning,
    asymmetric,
    strictSource,
    mediaHandover,
    blackhole,
    drop,
    natWait,
    stripFeedback: isRtp && !members.some(hasFeedback),
    handUp,
    generation,
  };
  const ways = { 1: wayOf(section, 1), 2: wayOf(section, 2) } as const;
  const add = (stream: Stream, component: 1 | 2) => {
    const { socket } = stream;
    // Kept open but unused once the party shares one port.
    const unused = component === 2 && muxAgreed;
    const way = ways[component];
    // Without ICE earlier ports send to the same peer; with it each socket has peers of its own.
    const signalled = component === 1 ? section.remoteRtp : section.remoteRtcp;
    const selected = way?.stream.socket.id === socket.id ? way.remote : undefined;
    const remote = ice.on ? selected : usableEndpoint(signalled);
    const keys = transparent ? undefined : protection.keys(component);
    specs.push({
      ...common,
      socket: socket.id,
      label: `${call.id}/${leg.name}/${section.index} port ${socket.port}`,
      component: component === 1 ? "rtp" : "rtcp",
      rtcpMux: component === 1 && muxAgreed,
      remote: unused ? undefined : remote,
      // With ICE it is among validated sources only.
      mayLearn: known && !unused && (!ice.on || remote !== undefined),
      payloadTypes: component === 1 && isRtp ? types : NO_TYPES,
      clockRates: component === 1 && isRtp ? rates : NO_RATES,
      rtpSinks: component === 1 ? sinks.rtp : NO_SINKS,
      rtcpSinks: unused ? NO_SINKS : sinks.rtcp,
      ...(mid && component === 1 ? { mid } : undefined),
      ...(wantsMid && component === 1 ? { wantsMid } : undefined),
      ...(component === 1 && members.length > 1 ? { routes: routesOf(members, sinks.rtp) } : undefined),
      ...(protection.state === "plain"
        ? undefined
        : { decrypt: keys?.inbound, encrypt: keys?.outbound, awaitingKeys: protection.awaitingKeys(component) }),
      ...(ice.on ? { validated: ice.agent?.validatedSources(socket.id) ?? NOBODY } : undefined),
    });
  };
  for (const set of section.portSets()) {
    for (const { rtp, rtcp } of [set, ...set.others]) {
      add(rtp, 1);
      if (rtcp) add(rtcp, 2);
    }
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
