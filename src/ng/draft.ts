/** Directives while a request is being read. */
import type { Family } from "../address.ts";
import type { AttributeEdits, CodecEdits, Directives, IceMode, LearningMode, Transport } from "../call/directives.ts";

/** What all requests share that do not fill a list: never written to, see {@link append}. */
const NO_ITEMS: string[] = [];
const NO_WORDS: Set<never> = new Set<never>();
const NO_EXTRA: Map<string, unknown> = new Map();
const NO_EDITS: Map<string, MutableAttributeEdits> = new Map();

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer I)[] ? I[] : T[K] };
export type MutableAttributeEdits = Mutable<AttributeEdits>;
export type MutableCodecEdits = Mutable<CodecEdits>;

const NO_CODEC: MutableCodecEdits = {
  strip: NO_ITEMS,
  offer: NO_ITEMS,
  except: NO_ITEMS,
  ignore: NO_ITEMS,
  mask: NO_ITEMS,
  transcode: NO_ITEMS,
  accept: NO_ITEMS,
  consume: NO_ITEMS,
  set: NO_ITEMS,
};

type ElementOf<T> = T extends ReadonlySet<infer I> ? I : never;
export type RtcpMuxWord = ElementOf<Directives["rtcpMux"]>;
export type BundleWord = ElementOf<Directives["bundle"]>;
export type ReplaceWord = ElementOf<Directives["replace"]>;

/** Fields that hold plain text. */
export type TextField =
  | "callId"
  | "fromTag"
  | "toTag"
  | "viaBranch"
  | "label"
  | "toLabel"
  | "setLabel"
  | "address"
  | "metadata"
  | "sdp"
  | "xmlrpcCallback"
  | "fromInterface"
  | "toInterface";

/** Fields that hold an integer. */
export type IntegerField = "sipCode" | "limit" | "tos" | "deleteDelay" | "ptime" | "ptimeReverse";

/** Fields that hold a list of words or names. */
export type ListField = "fromTags" | "sdes" | "osrtp" | "extmapStrip" | "extmapMask" | "t38";

export class Draft implements Directives {
  readonly command: string;

  callId: string | undefined = undefined;
  fromTag: string | undefined = undefined;
  toTag: string | undefined = undefined;
  viaBranch: string | undefined = undefined;
  fromTags: string[] = NO_ITEMS;
  label: string | undefined = undefined;
  toLabel: string | undefined = undefined;
  setLabel: string | undefined = undefined;
  address: string | undefined = undefined;
  aliasKey: Directives["aliasKey"] = "none";
  metadata: string | undefined = undefined;

  sdp: string | undefined = undefined;
  receivedFrom: string | undefined = undefined;
  sipMessageType: Directives["sipMessageType"] = undefined;
  sipCode: number | undefined = undefined;
  supportsLoadLimit = false;
  xmlrpcCallback: string | undefined = undefined;
  limit: number | undefined = undefined;

  fromInterface: string | undefined = undefined;
  toInterface: string | undefined = undefined;
  mediaAddress: string | undefined = undefined;
  addressFamily: Family | undefined = undefined;
  transport: Transport | "accept" | undefined = undefined;
  learning: LearningMode | undefined = undefined;
  mediaEcho: Directives["mediaEcho"] = undefined;
  dropTraffic: Directives["dropTraffic"] = undefined;
  passthrough: boolean | undefined = undefined;
  tos: number | undefined = undefined;
  deleteDelay: number | undefined = undefined;

  ice: IceMode = "default";
  iceLite: Directives["iceLite"] = undefined;
  trickle = false;
  ice2 = false;
  dtls: Directives["dtls"] = undefined;
  dtlsFingerprint: string | undefined = undefined;
  sdes: string[] = NO_ITEMS;
  osrtp: string[] = NO_ITEMS;
  rtcpMux: Set<RtcpMuxWord> = NO_WORDS;
  bundle: Set<BundleWord> = NO_WORDS;
  extmapStrip: string[] = NO_ITEMS;
  extmapMask: string[] = NO_ITEMS;
  generateRtcp: boolean | undefined = undefined;

  replace: Set<ReplaceWord> = NO_WORDS;
  sdpAttr: Map<string, MutableAttributeEdits> = NO_EDITS;
  sdpMediaRemove: Set<string> = NO_WORDS;
  ptime: number | undefined = undefined;
  ptimeReverse: number | undefined = undefined;
  codec: MutableCodecEdits = NO_CODEC;

  t38: string[] = NO_ITEMS;
  recordCall: Directives["recordCall"] = undefined;
  all: Directives["all"] = undefined;

  flags: Set<string> = NO_WORDS;
  extra: Map<string, unknown> = NO_EXTRA;

  constructor(command: string) {
    this.command = command;
  }

  append(field: ListField, item: string): void {
    if (this[field] === NO_ITEMS) this[field] = [item];
    else this[field].push(item);
  }

  editCodecs(kind: keyof CodecEdits, codec: string): void {
    if (this.codec === NO_CODEC) this.codec = { ...NO_CODEC };
    if (this.codec[kind] === NO_ITEMS) this.codec[kind] = [codec];
    else this.codec[kind].push(codec);
  }

  /** The edits of one section (`global` or a media type), made when they are new. */
  attributeEdits(section: string): MutableAttributeEdits {
    if (this.sdpAttr === NO_EDITS) this.sdpAttr = new Map();
    const known = this.sdpAttr.get(section);
    if (known) return known;
    const edits: MutableAttributeEdits = { add: [], remove: [], substitute: [] };
    this.sdpAttr.set(section, edits);
    return edits;
  }

  setFlag(flag: string): void {
    if (this.flags === NO_WORDS) this.flags = new Set([flag]);
    else this.flags.add(flag);
  }

  addRtcpMux(word: RtcpMuxWord): void {
    if (this.rtcpMux === NO_WORDS) this.rtcpMux = new Set([word]);
    else this.rtcpMux.add(word);
  }

  addBundle(word: BundleWord): void {
    if (this.bundle === NO_WORDS) this.bundle = new Set([word]);
    else this.bundle.add(word);
  }

  addReplace(word: ReplaceWord): void {
    if (this.replace === NO_WORDS) this.replace = new Set([word]);
    else this.replace.add(word);
  }

  removeMedia(type: string): void {
    if (this.sdpMediaRemove === NO_WORDS) this.sdpMediaRemove = new Set([type]);
    else this.sdpMediaRemove.add(type);
  }

  keep(name: string, value: unknown): void {
    if (this.extra === NO_EXTRA) this.extra = new Map([[name, value]]);
    else this.extra.set(name, value);
  }
}
