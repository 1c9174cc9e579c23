/** The tree of `query` and `delete` replies; its keys and types are read by Kamailio's and OpenSIPS' statistics variables. */
import { type Endpoint, familyOf } from "../address.ts";
import type { NgReplyDict, NgReplyValue } from "../ng/value.ts";
import type { StreamCounters } from "../planes/plane.ts";
import type { PayloadFormat } from "../sdp/model.ts";
import type { Call, Leg, MediaSection, PortSet, Stream } from "./call.ts";
import type { Directives } from "./directives.ts";
import type { Journal } from "./journal.ts";
import type { CallState } from "./state.ts";
import { hasFeedback, wayOf } from "./streams.ts";
import type { CommandReply, Context } from "./transition.ts";
import { streamVerdict } from "./verdicts.ts";

export function query(state: CallState, { callId, fromTag, toTag }: Directives, context: Context): CommandReply {
  if (!callId) return { ok: false, reason: "No call-id in message" };
  const call = state.calls.get(callId);
  if (!call) return { ok: false, reason: "Unknown call-id" };
  return { ok: true, body: new QueryTree(state, context, true).call(call, toTag || fromTag || undefined) };
}

/** `tag`: only this party and the ones it receives from. */
export function callTree(state: CallState, call: Call, context: Context, tag?: string): NgReplyDict {
  return new QueryTree(state, context).call(call, tag);
}

class QueryTree {
  private readonly ssrcs = new Map<string, NgReplyDict>();
  private readonly totals = {
    RTP: { packets: 0, bytes: 0, errors: 0 },
    RTCP: { packets: 0, bytes: 0, errors: 0 },
  };
  private readonly global: boolean;
  private readonly inline: boolean;

  constructor(
    state: CallState,
    private readonly context: Context,
    /** With an opinion on each stream. */
    private readonly explain = false,
  ) {
    const { ssrcReporting } = state.settings;
    this.global = ssrcReporting === "full" || ssrcReporting === "global";
    this.inline = ssrcReporting === "full" || ssrcReporting === "inline";
  }

  call(call: Call, tag: string | undefined): NgReplyDict {
    const microseconds = Math.round(call.createdAt * 1000);
    const tags = new Map<string, NgReplyDict>();
    let untagged = 0;
    for (const leg of selected(call, tag)) {
      if (leg.tag === undefined) untagged += 1;
      tags.set(leg.tag ?? `<untagged ${untagged}>`, this.leg(leg));
    }
    for (const leg of call.legs) this.addTotals(leg);
    add(this.totals.RTP, call.closed.rtp);
    add(this.totals.RTCP, call.closed.rtcp);
    return {
      created: Math.floor(call.createdAt / 1000),
      created_us: microseconds % 1_000_000,
      created_ts: microseconds,
      "last signal": Math.floor(call.lastSignal / 1000),
      "last redis update": 0,
      metadata: call.metadata,
      SSRC: this.global ? this.ssrcs : undefined,
      tags,
      totals: this.totals,
      events: this.explain ? journalTree(call.journal) : undefined,
    };
  }

  private leg(leg: Leg): NgReplyDict {
    return {
      tag: leg.tag ?? "",
      "via-branch": leg.viaBranch,
      "tag-aliases": leg.aliases.length > 0 ? [...leg.aliases] : undefined,
      label: leg.label,
      created: Math.floor(leg.createdAt / 1000),
      metadata: leg.metadata,
      subscriptions: relations(leg, "sources"),
      subscribers: relations(leg, "sinks"),
      medias: leg.sections.map((section) => this.section(section)),
    };
  }

  private section(section: MediaSection): NgReplyDict {
    const { ports } = section;
    // With ICE media may go over other sockets than those in c= and m=.
    const used = ports && { rtp: wayOf(section, 1)!.stream, rtcp: wayOf(section, 2)?.stream };
    const rtp = used && this.context.streams.counters(used.rtp.socket.id);
    const streams: NgReplyDict[] = [];
    if (ports && used && rtp) {
      streams.push(this.stream(section, ports, used.rtp, rtp));
      if (used.rtcp) {
        streams.push(this.stream(section, ports, used.rtcp, this.context.streams.counters(used.rtcp.socket.id)));
      }
    }
    const ingress = rtp?.ssrc === undefined ? [] : [this.ssrc(rtp.ssrc, rtp.packetsIn, rtp.bytesIn, rtp)];
    const egress: NgReplyDict[] = [];
    for (const { source } of section.sources) {
      const from = rtp && wayOf(source.carrier, 1);
      if (!from) continue;
      const sent = this.context.streams.counters(from.stream.socket.id);
      if (sent.ssrc !== undefined) egress.push(this.ssrc(sent.ssrc, rtp.packetsOut, rtp.bytesOut, sent));
    }
    const codec = rtp?.payloadType === undefined ? undefined : codecName(section, rtp.payloadType);
    return {
      index: section.index,
      type: section.type,
      protocol: section.protocol,
      codec,
      streams,
      flags: sectionFlags(section),
      "ingress SSRCs": this.inline ? ingress : undefined,
      "egress SSRCs": this.inline ? egress : undefined,
    };
  }

  /** An entry of the per-media lists; what came in is also listed by SSRC for the whole call. */
  private ssrc(ssrc: number, packets: number, bytes: number, stream: StreamCounters): NgReplyDict {
    const entry = {
      bytes,
      packets,
      "last RTP timestamp": stream.lastTimestamp,
      "last RTP seq": stream.highestSequence,
      "cumulative loss": stream.lost > 0 ? stream.lost : undefined,
    };
    const key = String(ssrc);
    if (packets === stream.packetsIn || !this.ssrcs.has(key)) this.ssrcs.set(key, entry);
    return { SSRC: ssrc, ...entry };
  }

  private stream(section: MediaSection, ports: PortSet, stream: Stream, counters: StreamCounters): NgReplyDict {
    const { socket, openedAt, component } = stream;
    const advertised = component === "rtp" ? section.remoteRtp : section.remoteRtcp;
    const lastPacket = Math.floor(counters.lastPacketAt / 1000);
    return {
      "local port": socket.port,
      "local address": socket.address.local,
      family: `IPv${socket.address.family}`,
      endpoint: endpointTree(counters.endpoint ?? advertised),
      "advertised endpoint": endpointTree(advertised),
      "crypto suite": section.protection.keys(component === "rtp" ? 1 : 2)?.inbound.suite.name,
      "last packet": lastPacket || Math.floor(openedAt / 1000),
      "last kernel packet": 0,
      "last user packet": lastPacket,
      SSRC: counters.ssrc,
      flags: streamFlags(section, ports, component, counters.confirmed, advertised !== undefined),
      stats: { packets: counters.packetsIn, bytes: counters.bytesIn, errors: counters.errorsIn },
      stats_out: { packets: counters.packetsOut, bytes: counters.bytesOut, errors: counters.errorsOut },
      dropped: this.explain ? dropped(counters) : undefined,
      verdict: this.explain ? { ...streamVerdict(stream, this.context.streams, this.context.now) } : undefined,
    };
  }

  private addTotals(leg: Leg): void {
    for (const section of leg.sections) {
      for (const { component, socket } of section.streams()) {
        const { packetsIn, bytesIn, errorsIn } = this.context.streams.counters(socket.id);
        const total = component === "rtp" ? this.totals.RTP : this.totals.RTCP;
        add(total, { packets: packetsIn, bytes: bytesIn, errors: errorsIn });
      }
    }
  }
}

/** Decisions about the call, oldest first; times are Unix seconds with microseconds as text, like those of the log. */
function journalTree({ entries, dropped }: Journal): NgReplyValue | undefined {
  if (entries.length === 0) return undefined;
  const list: NgReplyDict[] = entries.map(({ at, tag, section, text }) => ({
    time: (at / 1000).toFixed(6),
    tag,
    media: section || undefined,
    event: text,
  }));
  if (dropped > 0) list.push({ event: `${dropped} events in the middle were left out` });
  return list;
}

/** Packets by reason, where there are any. */
function dropped({ drops }: StreamCounters): NgReplyDict | undefined {
  const some = Object.entries(drops).filter(([, count]) => count > 0);
  return some.length > 0 ? Object.fromEntries(some) : undefined;
}

interface Traffic {
  packets: number;
  bytes: number;
  errors: number;
}

function add(total: Traffic, more: Readonly<Traffic>): void {
  total.packets += more.packets;
  total.bytes += more.bytes;
  total.errors += more.errors;
}

function selected(call: Call, tag: string | undefined): readonly Leg[] {
  if (tag === undefined) return call.legs;
  const leg = call.legByTag(tag);
  if (!leg) return [];
  const legs = new Set([leg]);
  for (const section of leg.sections) for (const { source } of section.sources) legs.add(source.leg);
  return [...legs];
}

/** The parties a leg receives from or sends to, each once. */
function relations(leg: Leg, side: "sources" | "sinks"): NgReplyDict[] {
  const seen = new Map<Leg, NgReplyDict>();
  for (const section of leg.sections) {
    for (const subscription of section[side]) {
      const other = side === "sources" ? subscription.source.leg : subscription.sink.leg;
      if (!seen.has(other)) seen.set(other, { tag: other.tag ?? "", type: subscription.kind });
    }
  }
  return [...seen.values()];
}

function endpointTree(endpoint: Endpoint | undefined): NgReplyDict {
  if (!endpoint) return {};
  const { address, port } = endpoint;
  return { family: `IPv${familyOf(address) ?? 4}`, address, port };
}

/** In the order of the reference. */
function sectionFlags(section: MediaSection): NgReplyValue {
  const flags: string[] = [];
  const put = (on: boolean, flag: string) => {
    if (on) flags.push(flag);
  };
  put(section.description !== undefined, "initialized");
  put(section.asymmetric, "asymmetric");
  put(section.send && !section.rejected, "send");
  put(section.recv && !section.rejected, "recv");
  put(section.rtcpMux, "rtcp-mux");
  const { ice, protection } = section.carrier;
  const dtls = protection.state === "dtls" ? protection.dtls : undefined;
  put(dtls !== undefined, "DTLS-SRTP");
  put(dtls?.role === "active", "DTLS role active");
  put(dtls?.role === "passive", "DTLS role passive");
  put(protection.state === "sdes", "SDES");
  put(section.passthrough !== undefined, "passthrough");
  put(ice.on, "ICE");
  put(ice.on && ice.trickles, "trickle ICE");
  put(ice.on && ice.agent?.role === "controlling", "ICE controlling");
  put(ice.on && ice.agent?.remote?.lite === true, "ICE-lite peer");
  put(ice.on && ice.agent?.lite === true, "ICE-lite self");
  put(section.unidirectional, "unidirectional");
  put(section.loopCheck, "loop check");
  put(section.isRtp && hasFeedback(section), "RTCP feedback");
  put(section.leg.blackhole, "blackhole");
  put(section.twin?.before === true || section.twinShown, "legacy OSRTP");
  put(section.twin !== undefined && !section.twin.before, "reverse legacy OSRTP");
  return flags;
}

function streamFlags(
  section: MediaSection,
  ports: PortSet,
  component: "rtp" | "rtcp",
  confirmed: boolean,
  filled: boolean,
): readonly string[] {
  const flags: string[] = [];
  if (component === "rtp") {
    if (section.isRtp) flags.push("RTP");
    if (section.isRtp && (section.rtcpMux || !ports.rtcp)) flags.push("RTCP");
  } else {
    if (section.isRtp) flags.push("RTCP");
    if (section.isRtp && section.rtcpMux) flags.push("fallback RTCP");
  }
  if (filled) flags.push("filled");
  if (confirmed) flags.push("confirmed");
  if (section.protection.state === "dtls" && section.protection.keys(component === "rtp" ? 1 : 2)) {
    flags.push("DTLS fingerprint verified");
  }
  if (section.strictSource) flags.push("strict source address");
  if (section.mediaHandover) flags.push("media handover");
  return flags;
}

/** `name/clockrate[/channels]` of a payload type, as the party or we listed it. */
export function codecName(section: MediaSection, payloadType: number): string | undefined {
  const named = (format: PayloadFormat) => format.payloadType === payloadType && format.name !== undefined;
  const format = section.formats.find(named) ?? section.presented.find(named);
  if (!format) return undefined;
  const { name, clockRate, channels } = format;
  const rate = clockRate === undefined ? "" : `/${clockRate}`;
  return `${name}${rate}${channels !== undefined && channels > 1 ? `/${channels}` : ""}`;
}
