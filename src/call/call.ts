/**
 * What the core remembers of calls. These objects are the mutable aggregate behind `transition`: they hold no behaviour
 * beyond look-ups and bookkeeping of their own relations, and nothing outside this room keeps a reference to them.
 *
 *     Call 1-n Leg 1-n MediaSection 1-1 PortSet 1-2 Stream
 *     MediaSection n-n MediaSection through Subscription: "the sink receives what the source sent"
 */
import type { Endpoint, Family } from "../address.ts";
import { MAX_ALIASES } from "../limits.ts";
import type { InterfaceAddress, LocalSocket } from "../relay/ports.ts";
import type { HeaderExtension, MediaDescription, PayloadFormat } from "../sdp/model.ts";
import type { LearningMode } from "./directives.ts";
import { Journal } from "./journal.ts";
import type { Twin } from "./osrtp.ts";
import { Protection } from "./protection.ts";
import { SectionIce } from "./section-ice.ts";
import type { LogicalInterface } from "./settings.ts";
import type { Timed } from "./timer-queue.ts";

export type SubscriptionKind = "offer/answer" | "pub/sub";

/** Media that arrives for `source` is sent on to the party behind `sink`. */
export interface Subscription {
  readonly source: MediaSection;
  readonly sink: MediaSection;
  readonly kind: SubscriptionKind;
}

/** One component of a section: a local socket of ours. */
export interface Stream {
  readonly section: MediaSection;
  readonly component: "rtp" | "rtcp";
  readonly socket: LocalSocket;
  /** Unix ms; stands in for the last packet until one arrives. */
  readonly openedAt: number;
}

/** RTP and RTCP on one local address. */
export interface StreamPair {
  readonly rtp: Stream;
  /** Absent where only one port was taken because RTP and RTCP share it. */
  readonly rtcp: Stream | undefined;
}

/** The sockets that one party was told to send to, all at once. */
export interface PortSet extends StreamPair {
  /** With ICE: sockets on the other addresses of the interface, candidates beside the ones in `c=` and `m=`. */
  readonly others: StreamPair[];
  /**
   * Where the other party of the dialogue had its media when these ports were shown. A different endpoint later means
   * another media stream, which gets ports of its own so that packets of the two never mix.
   */
  peer: Endpoint | undefined;
}

/**
 * One `m=` section of one party. Sections never change place within their leg. Ports, ICE and keys of a bundled section are
 * those of its {@link carrier}.
 */
export class MediaSection implements Timed {
  type = "audio";
  /** Protocol spoken with this party, as printed in its m= line. */
  protocol = "RTP/AVP";
  isRtp = true;
  /** Text after the protocol of the m= line this party sent last. */
  formatText = "";
  mid: string | undefined;
  /** What this party said last; undefined until it said anything. */
  description: MediaDescription | undefined;
  /** We have told this party where to send its media. */
  announced = false;
  /** The section is switched off (port 0) by either side. It keeps its place and may come back. */
  rejected = false;
  /** We send to this party: it wants to receive. */
  send = true;
  /** We receive from this party: it wants to send. What comes in while false is dropped. */
  recv = true;
  /** The party gave the zero address: hold as of RFC 2543. */
  held = false;

  ports: PortSet | undefined;
  /** Earlier ports of this section, newest first; they still forward, for the other branches of a fork and late packets. */
  readonly retired: PortSet[] = [];
  /** Where the party told us to send to, also when that is the zero address. */
  remoteRtp: Endpoint | undefined;
  remoteRtcp: Endpoint | undefined;

  /** `a=rtcp-mux` was offered by or to this party, or is in effect. */
  rtcpMux = false;
  /** RTP and RTCP of this party share one port: offer and answer agreed. */
  muxAgreed = false;
  /** The party's own last offer had rtcp-mux. */
  muxOffered = false;
  /** What the offer's flags decided about the answer: accept or refuse mux whatever the other side says. */
  muxAnswer: "accept" | "reject" | undefined;

  asymmetric = false;
  strictSource = false;
  mediaHandover = false;
  natWait = false;
  unidirectional = false;
  learning: LearningMode = "heuristic";
  /** The party's address is one of our own: two relays, or one twice, in a row. */
  loopCheck = false;

  /** Formats this party listed, and the ones we listed to it. */
  formats: readonly PayloadFormat[] = [];
  presented: readonly PayloadFormat[] = [];
  presentedExtensions: readonly HeaderExtension[] = [];
  /** `extmap` `mask` of this party's offer, for the answer. */
  maskedExtensions: readonly string[] = [];
  /** Milliseconds; `ptime-reverse` of this party's offer, for the answer. */
  ptimeReverse: number | undefined;

  ice = new SectionIce();
  protection = new Protection();
  /** This section and others of the party share the transport of one of them (RFC 9143). */
  bundled = false;
  /** The party offered to bundle this section, and that was to be accepted; or we offered it. */
  bundleOffered = false;
  /**
   * Attributes of ICE and keys go through as they are: with candidates of ours added (`add`, `relay`), or without anything of
   * ours in the media path (`untouched`).
   */
  passthrough: "add" | "relay" | "untouched" | undefined;
  /** The same media was offered as SRTP and as plain RTP (legacy OSRTP); `before`: the plain one came first. */
  twin: Twin | undefined;
  /** We show this party an offer of such twins. */
  twinShown = false;

  timerPlace = -1;
  timerAt = 0;

  readonly sinks: Subscription[] = [];
  readonly sources: Subscription[] = [];

  constructor(
    readonly leg: Leg,
    /** From 1, as in query replies. */
    readonly index: number,
  ) {}

  /** The section of `leg` that this one exchanges media with as offerer or answerer. */
  peerIn(leg: Leg): MediaSection | undefined {
    for (const { sink, kind } of this.sinks) if (sink.leg === leg && kind === "offer/answer") return sink;
    return undefined;
  }

  /** The section whose transport this one uses: itself unless bundled. */
  get carrier(): MediaSection {
    return this.bundled ? (this.leg.bundleOwner ?? this) : this;
  }

  /** All streams with an open socket, current ones first. */
  streams(): Stream[] {
    const out: Stream[] = [];
    for (const set of this.portSets()) out.push(...streamsOf(set));
    return out;
  }

  portSets(): readonly PortSet[] {
    if (!this.ports) return this.retired;
    return this.retired.length === 0 ? [this.ports] : [this.ports, ...this.retired];
  }
}

export function streamsOf(set: PortSet): Stream[] {
  const list = set.rtcp ? [set.rtp, set.rtcp] : [set.rtp];
  for (const { rtp, rtcp } of set.others) {
    list.push(rtp);
    if (rtcp) list.push(rtcp);
  }
  return list;
}

/** How `o=` and `s=` looked in the SDPs sent to one party; the `replace` options refer to the first of them. */
export interface SentOrigin {
  username: string;
  sessionId: string;
  name: string;
  /** Own version counter; undefined until the version is first replaced. */
  version: string | undefined;
  address: { readonly address: string; readonly family: Family } | undefined;
  /** The last SDP text, to tell whether the next one differs. */
  text: string | undefined;
}

/** One party of a call: a *monologue* in the words of the ng protocol. */
export class Leg {
  /** Unknown for a callee until its first answer. */
  tag: string | undefined;
  viaBranch: string | undefined;
  readonly aliases: string[] = [];
  label: string | undefined;
  metadata: string | undefined;
  /** Key by which a repeated offer with another tag is recognised (`alias-key`). */
  aliasKey: string | undefined;
  /** Offerer, answerer or not known: `FROM_TAG`, `TO_TAG`, `UNKNOWN` in CDRs. */
  role: "FROM_TAG" | "TO_TAG" | "UNKNOWN" = "UNKNOWN";
  readonly sections: MediaSection[] = [];
  /** Parties in offer/answer with this one, the latest last. */
  readonly partners: Leg[] = [];
  /** A final SIP response (>= 200) named this party: its tag is settled. */
  answeredFinally = false;
  blackhole = false;
  /** Unix ms at which this party is removed; undefined = not scheduled. */
  deleteAt: number | undefined;
  interface: LogicalInterface | undefined;
  /** The name by which `interface` was asked for: a rotation is not repeated for it. */
  interfaceRequest: string | undefined;
  address: InterfaceAddress | undefined;
  sent: SentOrigin | undefined;
  /** The section whose transport all bundled ones share. */
  bundleOwner: MediaSection | undefined;
  /** Legs made from one offered leg by answers with different tags share the ports that offer showed. */
  offeredAs: Leg;

  constructor(
    readonly call: Call,
    readonly createdAt: number,
    /** Distinguishes parties that have no tag. */
    readonly serial: number,
  ) {
    this.offeredAs = this;
  }

  answersTo(tag: string): boolean {
    return this.tag === tag || this.aliases.includes(tag);
  }

  /** Text for replies and logs: the tag, or `<untagged N>`. */
  get name(): string {
    return this.tag ?? `<untagged ${this.serial}>`;
  }

  get aliasesFull(): boolean {
    return this.aliases.length >= MAX_ALIASES;
  }

  /** Makes `other` the latest partner of this leg and the reverse. */
  associate(other: Leg): void {
    moveLast(this.partners, other);
    moveLast(other.partners, this);
  }

  /** Ends offer/answer with `other`: no media between the two any more. */
  dissociate(other: Leg): void {
    this.decideAgainst(other);
    for (const section of other.sections) {
      for (let peer = section.peerIn(this); peer; peer = section.peerIn(this)) unlink(section, peer);
    }
  }

  /** Ends offer/answer with `other`, which gets no more media from this leg but is still heard. */
  decideAgainst(other: Leg): void {
    drop(this.partners, other);
    drop(other.partners, this);
    for (const section of this.sections) {
      for (let peer = section.peerIn(other); peer; peer = section.peerIn(other)) unlink(section, peer);
    }
  }
}

/** Media of both sections flows to the other. */
export function link(a: MediaSection, b: MediaSection): void {
  linkOneWay(a, b);
  linkOneWay(b, a);
}

function linkOneWay(source: MediaSection, sink: MediaSection): void {
  if (source.peerIn(sink.leg) === sink) return;
  const subscription: Subscription = { source, sink, kind: "offer/answer" };
  source.sinks.push(subscription);
  sink.sources.push(subscription);
}

/** No more media of `source` for `sink`. */
function unlink(source: MediaSection, sink: MediaSection): void {
  const subscription = source.sinks.find((each) => each.sink === sink && each.kind === "offer/answer");
  if (!subscription) return;
  drop(source.sinks, subscription);
  drop(sink.sources, subscription);
}

export class Call {
  readonly legs: Leg[] = [];
  /** Unix ms of the last offer, answer or similar. */
  lastSignal: number;
  deleteAt: number | undefined;
  metadata: string | undefined;
  xmlrpcCallback: string | undefined;
  dropTraffic = false;
  /** Grows with every signalling message: endpoints are learned again. */
  generation = 0;
  /** What was decided, for those who have to explain it. */
  readonly journal = new Journal();
  /** Packets of sockets that are closed already, so that totals do not shrink. */
  readonly closed = { rtp: { packets: 0, bytes: 0, errors: 0 }, rtcp: { packets: 0, bytes: 0, errors: 0 } };
  /** Address families seen in the first offer, and the class of the call once answered. */
  offeredFamilies: ReadonlySet<Family> = new Set();
  familyClass: "ipv4" | "ipv6" | "mixed" | undefined;
  private legSerial = 0;

  constructor(
    readonly id: string,
    /** Unix ms with fraction. */
    readonly createdAt: number,
    /** Controller `address:port`. */
    readonly createdBy: string,
    /** Chooses the worker: all sockets of a call go to one. */
    readonly affinity: number,
    public tos: number,
  ) {
    this.lastSignal = createdAt;
  }

  addLeg(now: number): Leg {
    this.legSerial += 1;
    const leg = new Leg(this, now, this.legSerial);
    this.legs.push(leg);
    return leg;
  }

  legByTag(tag: string): Leg | undefined {
    for (const leg of this.legs) if (leg.tag === tag) return leg;
    for (const leg of this.legs) if (leg.aliases.includes(tag)) return leg;
    return undefined;
  }

  hasStreams(): boolean {
    return this.legs.some((leg) => leg.sections.some((section) => section.ports !== undefined));
  }
}

function moveLast<T>(list: T[], item: T): void {
  drop(list, item);
  list.push(item);
}

export function drop<T>(list: T[], item: T): void {
  const at = list.indexOf(item);
  if (at >= 0) list.splice(at, 1);
}
