/**
 * Sequences of requests as controllers send them, and worse: steps are plain data, so that a generator can make them and
 * shrink them, and everything that must hold after each of them is checked here.
 */
import type { MediaSection } from "../../../src/call/call.ts";
import type { Directives, Transport } from "../../../src/call/directives.ts";
import { MAX_ALIASES, MAX_LEGS, MAX_RETIRED_PORTS, MAX_SECTIONS, MAX_SINKS } from "../../../src/limits.ts";
import { isSdpError, parseSdp } from "../../../src/sdp/parse.ts";
import { fingerprint, interfaceAddress, Scene } from "./scene.ts";

export interface SectionStep {
  readonly type: number;
  readonly port: number;
  readonly direction: number;
  readonly mux: boolean;
  /** -1 = none. */
  readonly mid: number;
  readonly formats: number;
  /** Bits choose keys, fingerprints and ICE attributes. */
  readonly web: number;
}

export interface Step {
  readonly kind: number;
  readonly call: number;
  readonly from: number;
  /** -1 = none. */
  readonly to: number;
  readonly branch: number;
  readonly sections: readonly SectionStep[];
  readonly zero: boolean;
  readonly six: boolean;
  /** Bits choose options. */
  readonly options: number;
  /** Bits choose options about ICE, keys and bundling. */
  readonly web: number;
  readonly delay: number;
  /** Sockets that may still be had; beyond 40 no limit. */
  readonly budget: number;
}

export const KINDS = [
  "offer",
  "offer",
  "offer",
  "answer",
  "answer",
  "answer",
  "delete",
  "tick",
  "query",
  "junk",
] as const;
const TYPES = [
  "audio %p RTP/AVP %f",
  "audio %p RTP/SAVP %f",
  "audio %p UDP/TLS/RTP/SAVPF %f",
  "video %p RTP/AVPF 34",
  "image %p udptl t38",
  "message %p TCP/MSRP *",
  "application %p UDP/BFCP *",
] as const;
const FORMATS = ["8 0", "8", "0 8 101", "18", "9 0"] as const;
const DIRECTIONS = ["", "sendrecv", "sendonly", "recvonly", "inactive"] as const;
const JUNK = [
  "",
  "v=0\r\nx",
  "v=0\r\no=a 1 1 IN IP4 1.2.3.4\r\ns=-\r\nt=0 0\r\nm=audio 1 RTP/AVP 0\r\n",
  "hello",
] as const;
const FLAGS = [
  "port-latching",
  "new-branch",
  "generate-mid",
  "original-sendrecv",
  "full-rtcp-attribute",
  "to-tag",
  "allow-no-codec-media",
  "fast",
] as const;
const TRANSPORTS: readonly (Transport | undefined)[] = [
  undefined,
  undefined,
  "RTP/AVP",
  "RTP/AVPF",
  "RTP/SAVP",
  "udptl",
  "UDP/TLS/RTP/SAVPF",
];
const ICE = ["default", "remove", "force", "optional", "force-relay", "default", "default", "force"] as const;
const LITE = [undefined, undefined, undefined, "forward", "backward", "both", "off", undefined] as const;
const DTLS = [undefined, undefined, "passive", "off"] as const;
const SDES = [
  [],
  [],
  ["off"],
  ["nonew"],
  ["only-AES_CM_128_HMAC_SHA1_80"],
  ["prefer"],
  ["static"],
  ["lifetime"],
] as const;
const OSRTP = [[], [], [], ["accept"], ["offer"], ["offer-legacy"], ["accept-legacy"], ["accept-rfc"]] as const;
const BUNDLE = [
  [],
  [],
  ["accept"],
  ["offer"],
  ["offer", "require"],
  ["offer", "require", "strict"],
  ["reject"],
  ["accept"],
] as const;
const WEB_FLAGS = ["recrypt", "reset", "ice-reject", "passthrough", "no-tls-id", "fragment"] as const;
const KEY = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
const MUX = [[], ["offer"], ["offer", "require"], ["demux"], ["accept"], ["reject"]] as const;

export function newScene(): Scene {
  const addresses = [interfaceAddress("pub", "198.51.100.7"), interfaceAddress("pub", "2001:db8::7", 6)];
  const inside = [interfaceAddress("lan:1", "10.0.0.1"), interfaceAddress("lan:2", "10.0.0.2")];
  const interfaces = [
    { name: "pub", addresses },
    ...inside.map((address) => ({ name: address.interface, addresses: [address] })),
  ];
  return new Scene({ interfaces: { interfaces, aliases: new Map() }, maxSessions: 3, timeout: 30, deleteDelay: 5 });
}

function sdpOf(step: Step): string {
  const family = step.six ? "IP6" : "IP4";
  const own = step.six ? `2001:db8::${step.from + 10}` : `192.0.2.${step.from + 10}`;
  const connection = step.zero ? (step.six ? "::" : "0.0.0.0") : own;
  const mids = step.sections.filter(({ mid }) => mid >= 0).map(({ mid }) => mid);
  const lines = [
    "v=0",
    `o=- ${step.from} ${step.delay} IN ${family} ${own}`,
    "s=-",
    ...(step.web & 0x20000 ? [`a=group:BUNDLE ${mids.join(" ")}`] : []),
    `c=IN ${family} ${connection}`,
    "t=0 0",
  ];
  for (const section of step.sections) {
    const line = TYPES[section.type % TYPES.length]!;
    lines.push(
      `m=${line.replace("%p", String(section.port)).replace("%f", FORMATS[section.formats % FORMATS.length]!)}`,
    );
    if (section.mid >= 0) lines.push(`a=mid:${section.mid}`);
    const direction = DIRECTIONS[section.direction % DIRECTIONS.length]!;
    if (direction !== "") lines.push(`a=${direction}`);
    if (section.mux) lines.push("a=rtcp-mux");
    lines.push(...webLines(section, step));
  }
  return `${lines.join("\r\n")}\r\n`;
}

/** Keys, fingerprints and ICE attributes of a section. */
function webLines({ web }: SectionStep, { from, delay }: Step): string[] {
  const lines: string[] = [];
  if (web & 1) lines.push(`a=crypto:1 AES_CM_128_HMAC_SHA1_80 ${KEY}`, `a=crypto:2 AEAD_AES_128_GCM ${KEY}`);
  if (web & 2) lines.push(`a=crypto:${web & 4 ? 3 : 1} AES_CM_128_HMAC_SHA1_32 ${KEY}`);
  if (web & 8) {
    const byte = web & 16 ? "AA" : `0${from}`;
    lines.push(`a=fingerprint:sha-256 ${Array.from({ length: 32 }, () => byte).join(":")}`);
    lines.push(`a=setup:${["actpass", "active", "passive", "holdconn"][(web >> 5) & 3]}`);
    if (web & 128) lines.push(`a=tls-id:0123456789012345678901234${from}`);
  }
  if (web & 256) {
    // A restart now and then.
    lines.push(`a=ice-ufrag:uf${from}${delay >> 2}`, `a=ice-pwd:0123456789012345678901234${from}`);
    if (web & 512) lines.push("a=ice-options:trickle");
    if (web & 1024) lines.push(`a=candidate:1 1 udp 2122260223 192.0.2.${from + 10} 50000 typ host`);
    if (web & 2048) lines.push("a=ice-lite");
  }
  return lines;
}

function directivesOf(step: Step): Partial<Directives> {
  const { options } = step;
  const kind = KINDS[step.kind % KINDS.length]!;
  return {
    command: kind === "junk" ? (options & 1 ? "offer" : "answer") : kind,
    callId: `call ${step.call}`,
    fromTag: kind === "delete" && options & 1 ? undefined : `tag ${step.from}`,
    toTag: step.to < 0 ? undefined : `tag ${step.to}`,
    viaBranch: step.branch < 0 ? undefined : `branch ${step.branch}`,
    sdp:
      kind === "junk" ? JUNK[options % JUNK.length] : kind === "offer" || kind === "answer" ? sdpOf(step) : undefined,
    flags: new Set([
      ...FLAGS.filter((_, i) => options & (1 << i)),
      ...WEB_FLAGS.filter((_, i) => step.web & (0x40000 << (i * 2)) && step.web & (0x80000 << (i * 2))),
    ]),
    ice: ICE[step.web & 7]!,
    iceLite: LITE[(step.web >> 3) & 7],
    dtls: DTLS[(step.web >> 6) & 3],
    sdes: SDES[(step.web >> 8) & 7]!,
    osrtp: OSRTP[(step.web >> 11) & 7]!,
    bundle: new Set<"accept" | "offer" | "require" | "strict" | "reject">(BUNDLE[(step.web >> 14) & 7]),
    transport: TRANSPORTS[(options >> 8) % TRANSPORTS.length],
    rtcpMux: new Set(MUX[(options >> 3) % MUX.length]),
    toInterface: options & 0x1000 ? "lan" : undefined,
    fromInterface: options & 0x2000 ? "pub" : undefined,
    addressFamily: options & 0x4000 ? 6 : undefined,
    sdpMediaRemove: options & 0x8000 ? new Set(["video"]) : new Set(),
    replace: options & 0x10000 ? new Set(["origin-full" as const]) : new Set(),
    dropTraffic: options & 0x20000 ? "start" : undefined,
    sipCode: options & 0x40000 ? 200 : undefined,
    receivedFrom: options & 0x80000 ? "203.0.113.5" : undefined,
    aliasKey: options & 0x100000 ? "sdp" : "none",
    deleteDelay: step.delay % 3 === 0 ? undefined : step.delay % 3,
  };
}

/** Performs the step and returns what was said. Throws when something that must hold does not. */
export function perform(scene: Scene, step: Step, places: Map<MediaSection, number>): string {
  scene.ports.budget = step.budget > 40 ? Number.POSITIVE_INFINITY : step.budget;
  scene.ports.failure = { kind: step.options & 1 ? "exhausted" : "EMFILE", message: "for the test" };
  const kind = KINDS[step.kind % KINDS.length];
  if (kind === "tick") {
    scene.pass(step.delay);
    checkState(scene, places);
    return "";
  }
  const before = fingerprint(scene);
  const given = directivesOf(step);
  const reply = scene.command(given);
  checkState(scene, places);
  if (!reply.ok) {
    if (reply.reason !== "Ran out of ports" && fingerprint(scene) !== before) {
      throw new Error(`a refused request changed the state: ${reply.reason}`);
    }
    return `${reply.reason} ${reply.detail ?? ""}`;
  }
  const { sdp } = reply.body;
  if (typeof sdp !== "string") return JSON.stringify(Object.keys(reply.body));
  checkReply(scene, given, sdp);
  return sdp;
}

function checkReply(
  scene: Scene,
  { callId, command, fromTag, toTag, sdp: sent = "" }: Partial<Directives>,
  sdp: string,
): void {
  // The declined half of a legacy OSRTP pair is an m= line without an address.
  const parsed = parseSdp(sdp.replace(/(m=[^ ]+ 0 RTP\/AVP [^\r]*\r\n)(?=m=|$)/g, "$1c=IN IP4 0.0.0.0\r\n"), {
    fragment: false,
    rejectEmptyLine: true,
  });
  if (isSdpError(parsed)) throw new Error(`the reply does not parse: ${parsed.reason}\n${sdp}`);
  const call = scene.state.calls.get(callId ?? "");
  const sender = call?.legByTag((command === "offer" ? fromTag : toTag) ?? "");
  const receiver = command === "offer" ? sender?.partners.at(-1) : call?.legByTag(fromTag ?? "");
  if (!sender || !receiver) throw new Error("a party is missing after a good request");
  // Legacy OSRTP shows more m= lines than there are sections.
  if (receiver.sections.some(({ twin, twinShown }) => twin || twinShown)) return;
  const count = parsed.media.length;
  if (count !== receiver.sections.length) throw new Error(`${count} sections shown of ${receiver.sections.length}`);
  if (command === "answer" && count < receiver.sections.filter(({ description }) => description).length) {
    throw new Error("the offerer gets fewer sections than it offered");
  }
  parsed.media.forEach((media, i) => {
    const section = receiver.sections[i]!;
    const own = section.type !== "message" && section.passthrough === undefined;
    if (media.port !== 0 && own && media.port !== section.carrier.ports?.rtp.socket.port) {
      throw new Error(`port ${media.port} is not that of section ${i + 1}`);
    }
    if (section.rejected !== (media.port === 0 && !media.bundleOnly))
      throw new Error(`section ${i + 1} is rejected and shown, or neither`);
  });
  if (sent !== "" && sdp.includes("192.0.2.") && !sdp.includes("m=message") && !sdp.includes("o=")) {
    throw new Error("the sender's address leaks");
  }
}

function checkState(scene: Scene, places: Map<MediaSection, number>): void {
  const used = new Set<number>();
  for (const call of scene.state.calls.values()) {
    if (call.legs.length > MAX_LEGS) throw new Error("too many legs");
    for (const leg of call.legs) {
      if (leg.call !== call) throw new Error("a leg of another call");
      if (leg.aliases.length > MAX_ALIASES) throw new Error("too many aliases");
      if (leg.sections.length > MAX_SECTIONS) throw new Error("too many sections");
      for (const partner of leg.partners) {
        if (!call.legs.includes(partner)) throw new Error("a partner that is gone");
        if (!partner.partners.includes(leg)) throw new Error("a partner that does not know it");
      }
      leg.sections.forEach((section, i) => {
        checkSection(section, i, used);
        const place = places.get(section);
        if (place !== undefined && place !== i) throw new Error("a section has moved");
        places.set(section, i);
      });
    }
  }
  const open = [...scene.ports.open.keys()].sort((a, b) => a - b).join();
  if ([...used].sort((a, b) => a - b).join() !== open) throw new Error(`sockets ${open} are open, ${[...used]} in use`);
  if ([...scene.state.streams.keys()].sort((a, b) => a - b).join() !== open)
    throw new Error("the socket index is wrong");
  if ([...scene.specs.keys()].sort((a, b) => a - b).join() !== open) throw new Error("a socket without orders");
  const counted = [...scene.state.socketsByAddress.values()].reduce((sum, count) => sum + count, 0);
  if (counted !== used.size) throw new Error("the port usage is wrong");
  if (!Number.isFinite(scene.state.timers.next ?? 0)) throw new Error("a timer without a time");
  for (const spec of scene.specs.values()) {
    if (spec.rtpSinks.length > MAX_SINKS || spec.rtcpSinks.length > MAX_SINKS) throw new Error("too many sinks");
    for (const sink of [...spec.rtpSinks, ...spec.rtcpSinks]) {
      if (!scene.ports.open.has(sink)) throw new Error(`socket ${spec.socket} forwards to a closed one`);
      if (sink === spec.socket) throw new Error(`socket ${spec.socket} forwards to itself`);
    }
  }
}

function checkSection(section: MediaSection, index: number, used: Set<number>): void {
  if (section.rejected && (section.bundled || section.ice.agent || section.protection.dtls)) {
    throw new Error("a rejected section still has a transport");
  }
  if (section.carrier !== section && (section.ports || section.ice.agent || section.protection.dtls)) {
    throw new Error("a bundled section has a transport of its own");
  }
  if (section.bundled && section.leg.bundleOwner?.rejected) {
    throw new Error("the transport of a bundle is that of a rejected section");
  }
  if (section.timerPlace >= 0 && !section.ice.agent && !section.protection.dtls) throw new Error("a timer for nothing");
  if (section.index !== index + 1) throw new Error("a section with a wrong index");
  if (section.retired.length > MAX_RETIRED_PORTS) throw new Error("too many retired ports");
  if (section.rejected && section.streams().length > 0) throw new Error("a rejected section holds ports");
  for (const stream of section.streams()) {
    if (stream.section !== section) throw new Error("a stream of another section");
    if (used.has(stream.socket.id)) throw new Error("a socket used twice");
    used.add(stream.socket.id);
  }
  for (const subscription of section.sinks) {
    if (subscription.source !== section || !subscription.sink.sources.includes(subscription)) {
      throw new Error("a one-sided subscription");
    }
    if (!section.leg.call.legs.includes(subscription.sink.leg))
      throw new Error("a subscription to a party that is gone");
    // A branch that lost is still heard, but hears nothing.
    const mutual = subscription.sink.peerIn(section.leg) !== undefined;
    if (mutual && !section.leg.partners.includes(subscription.sink.leg))
      throw new Error("a subscription to no partner");
  }
  for (const subscription of section.sources) {
    if (!subscription.source.sinks.includes(subscription)) throw new Error("a one-sided subscription");
  }
}

/** Ends all calls; nothing may be left then. */
export function finish(scene: Scene): void {
  for (const callId of [...scene.state.calls.keys()]) scene.happen({ kind: "terminate", callId });
  if (scene.ports.open.size > 0) throw new Error(`${scene.ports.open.size} sockets leaked`);
  if (scene.specs.size > 0) throw new Error("orders for sockets that are gone");
  if (scene.state.timers.size > 0) throw new Error("timers of calls that are gone");
  if (scene.state.streams.size > 0 || scene.state.socketsByAddress.size > 0) throw new Error("the index leaks");
}

/** A whole sequence on a new scene; returns everything that was said. */
export function play(steps: readonly Step[]): string[] {
  const scene = newScene();
  const places = new Map<MediaSection, number>();
  const said = steps.map((step) => perform(scene, step, places));
  finish(scene);
  return said;
}
