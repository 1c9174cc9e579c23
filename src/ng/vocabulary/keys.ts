/** Every key of a request's dictionary. */

import { detached } from "../byte-string.ts";
import type { IntegerField, ListField, TextField } from "../draft.ts";
import type { Reading } from "../reading.ts";
import type { NgValue } from "../value.ts";
import { asInteger, asText, type KeyEntry, type KeyType, type Status, spell, type WordList } from "./entry.ts";
import {
  readAddress,
  readAttributeEdits,
  readCodecs,
  readExtmap,
  readMediaRemove,
  readReceivedFrom,
  readTexts,
  readWord,
  readWords,
} from "./values.ts";
import {
  ADDRESS_FAMILY,
  ALIAS_KEY,
  ALL,
  AUDIO_PLAYER,
  BUNDLE,
  DROP_TRAFFIC,
  DTLS,
  DTLS_FINGERPRINT,
  DTMF_SECURITY,
  DTMF_SECURITY_TRIGGER,
  DTMF_SECURITY_TRIGGER_END,
  ENDPOINT_LEARNING,
  GENERATE_RTCP,
  ICE,
  ICE_LITE,
  MEDIA_ECHO,
  OSRTP,
  PASSTHROUGH,
  RECORD_CALL,
  REPLACE,
  RTCP_MUX,
  SDES,
  SIP_MESSAGE_TYPE,
  SUPPORTS,
  T38,
  TRANSPORT,
} from "./words.ts";

interface Extras {
  readonly commands?: readonly string[];
  readonly status?: Status;
  readonly separators?: string;
}

function key(
  pattern: string,
  type: KeyType,
  doc: string,
  read: KeyEntry["read"],
  { commands, status = "honoured", separators }: Extras = {},
): KeyEntry {
  const spellings = spell(pattern, separators);
  const name = spellings[0]!;
  const elsewhere = (reading: Reading) => commands !== undefined && !commands.includes(reading.command);
  const checked: KeyEntry["read"] =
    commands === undefined
      ? read
      : (reading, value) => {
          if (!elsewhere(reading)) read(reading, value);
        };
  const reported: KeyEntry["read"] =
    status !== "later"
      ? checked
      : (reading, value) => {
          if (!elsewhere(reading)) reading.notHonoured(name);
          checked(reading, value);
        };
  return { name, spellings, type, commands, status, doc, read: reported };
}

/** Fields that a call keeps: see {@link detached}. */
const KEPT: ReadonlySet<TextField> = new Set(["callId", "fromTag", "toTag", "viaBranch", "label", "metadata"]);

function text(pattern: string, field: TextField, doc: string, extras?: Extras): KeyEntry {
  const kept = KEPT.has(field);
  const entry = key(
    pattern,
    "string",
    doc,
    (reading, value) => {
      const given = typeof value === "string" ? value : asText(value);
      if (given === undefined) reading.badValue(entry.name, value);
      else reading.draft[field] = kept ? detached(given) : given;
    },
    extras,
  );
  return entry;
}

function integer(
  pattern: string,
  field: IntegerField,
  doc: string,
  extras?: Extras & { readonly min?: number; readonly max?: number },
): KeyEntry {
  const entry = key(
    pattern,
    "integer",
    doc,
    (reading, value) => {
      const number = asInteger(value);
      if (number === undefined || number < (extras?.min ?? -Infinity) || number > (extras?.max ?? Infinity)) {
        reading.badValue(entry.name, value);
      } else reading.draft[field] = number;
    },
    extras,
  );
  return entry;
}

function list(pattern: string, field: ListField, doc: string): KeyEntry {
  const entry = key(pattern, "list", doc, (reading, value) =>
    readTexts(entry.name, reading, value, (item) => reading.draft.append(field, item)),
  );
  return entry;
}

function words(pattern: string, of: WordList, doc: string, extras?: Extras): KeyEntry {
  const status = of.words.some((word) => word.status === "honoured") ? "honoured" : "later";
  // Remarks come from the single values, so the key itself counts as honoured.
  const entry = key(pattern, "words", doc, (reading, value) => readWords(of, reading, value), extras);
  return { ...entry, status, words: of };
}

/** A key of features to come: its value is kept as it came. */
function later(pattern: string, type: KeyType, doc: string, separators?: string): KeyEntry {
  const extras: Extras = separators === undefined ? { status: "later" } : { status: "later", separators };
  const entry = key(pattern, type, doc, (reading, value) => reading.draft.keep(entry.name, value), extras);
  return entry;
}

/** Keys that are looked up before or besides the others. */
function elsewhere(pattern: string, type: KeyType, doc: string, commands?: readonly string[]): KeyEntry {
  return key(pattern, type, doc, () => {}, commands === undefined ? {} : { commands });
}

function interfaces(reading: Reading, value: NgValue): void {
  const names: string[] = [];
  readTexts("direction", reading, value, (name) => names.push(name));
  if (names.length > 2) reading.note("unknown-value", `Too many interfaces in 'direction': '${names[2]}'`);
  reading.draft.fromInterface = names[0] ?? reading.draft.fromInterface;
  reading.draft.toInterface = names[1] ?? reading.draft.toInterface;
}

function transport(reading: Reading, value: NgValue): void {
  readTexts("transport-protocol", reading, value, (name) => readWord(TRANSPORT, reading, name.toUpperCase()));
}

const OFFER = ["offer"];

/** What follows needs the rest of the table: `flags.ts` supplies it. */
export interface FlagReaders {
  readonly flags: KeyEntry["read"];
  readonly flagString: KeyEntry["read"];
  readonly template: KeyEntry["read"];
}

export function keyEntries(readers: FlagReaders): readonly KeyEntry[] {
  return [
    // Identification
    elsewhere("command", "string", "what to do"),
    text("call~id|call~ID", "callId", "call identifier"),
    text("from~tag", "fromTag", "party that sent this SDP; in an answer the party that made the offer"),
    text("to~tag", "toTag", "the other party; in an answer the sender of this SDP", { separators: "-_ " }),
    text("via-branch", "viaBranch", "branch identifier for forking"),
    list("from~tags", "fromTags", "several sources"),
    text("from~label|label", "label", "label to give to the party, or to select it by"),
    text("to~label", "toLabel", "label of the other party"),
    text("set~label", "setLabel", "label to give where `label` selects"),
    text("address", "address", "select a party by its media address"),
    later("to~call~id|to~call~ID", "string", "second call of `connect`"),
    later("calls", "list", "calls of `mesh`"),
    later("tags", "list of dictionaries", "parties of `mesh`"),
    later("source~tag", "string", "party whose audio is injected"),
    later("source~call~id|source~call~ID", "string", "call of that party"),
    later("instance", "string", "instance of `transform`"),
    words("alias-key", ALIAS_KEY, "recognise a repeated offer with another from-tag"),
    text("metadata", "metadata", "free text kept with the call"),

    // SDP and message context
    text("sdp|SDP", "sdp", "session description"),
    key(
      "received~from",
      "list",
      "source address of the SIP message: [`IP4` or `IP6`, address], or the address alone",
      readReceivedFrom,
    ),
    words("sip~message~type|SIP~message~type", SIP_MESSAGE_TYPE, "kind of the SIP message", { separators: "-_ " }),
    integer("sip~code|SIP~code|sip~response~code|SIP~response~code", "sipCode", "status code of the SIP reply", {
      separators: "-_ ",
      min: 0,
      max: 999,
    }),
    words("supports", SUPPORTS, "what the client understands"),
    key("template", "string", "apply a template of the configuration here", readers.template),
    key("flags", "list", "flags, see below", readers.flags),
    key("rtpp-flags|rtpp_flags|rtpp flags", "flag string", "flags and keys in one string", readers.flagString),
    text("xmlrpc-callback|XMLRPC-callback", "xmlrpcCallback", "address for XML-RPC calls on timeout", {
      status: "later",
    }),
    elsewhere("limit", "integer", "most call IDs to list; default 32", ["list"]),
    elsewhere("body", "string", "line for `cli`", ["cli"]),

    // Media path
    key("direction", "list", "interfaces towards the sender and towards the receiver", interfaces),
    text("from~interface", "fromInterface", "interface towards the sender"),
    text("to~interface", "toInterface", "interface towards the receiver"),
    later("interface", "string", "interface of commands with one party"),
    later("inbound~peer", "address", "choose the interface towards the sender by the route to this address"),
    later("outbound~peer", "address", "choose the interface towards the receiver by the route to this address"),
    later("peer", "address", "choose the interface by the route to this address"),
    key("media~address", "address", "address to show in the SDP", (reading, value) => {
      reading.draft.mediaAddress = readAddress("media-address", reading, value) ?? reading.draft.mediaAddress;
    }),
    words("address~family", ADDRESS_FAMILY, "address family towards the receiver"),
    {
      ...key("transport~protocol", "words", "RTP profile towards the receiver, in any case", transport),
      words: TRANSPORT,
    },
    words("endpoint~learning", ENDPOINT_LEARNING, "how the media address of this party is learned"),
    words("media~echo", MEDIA_ECHO, "discard or echo media"),
    words("drop~traffic", DROP_TRAFFIC, "drop all media of the call"),
    words("passthrough|passthru", PASSTHROUGH, "leave ICE and crypto attributes as they are"),
    integer("TOS|tos", "tos", "TOS byte of sent media", { min: 0, max: 255 }),
    integer("delete~delay", "deleteDelay", "seconds until deletion; negative = as configured", { separators: "-_ " }),
    later("delay~buffer", "integer", "audio delay in ms"),

    // ICE, DTLS, SDES, OSRTP
    words("ICE|ice", ICE, "ICE towards the receiver"),
    words("ICE~lite|ice~lite", ICE_LITE, "ICE-lite"),
    words("DTLS|dtls|DTLS-reverse|dtls-reverse", DTLS, "DTLS-SRTP"),
    words("DTLS~fingerprint|dtls~fingerprint", DTLS_FINGERPRINT, "hash of our certificate's fingerprint"),
    words("SDES|sdes", SDES, "keys in the SDP"),
    words("OSRTP|osrtp", OSRTP, "opportunistic SRTP"),
    words("rtcp~mux|RTCP~mux", RTCP_MUX, "RTP and RTCP on one port"),
    words("bundle|BUNDLE", BUNDLE, "several sections on one port"),
    key("extmap", "dictionary", "header extensions to `strip` or `mask`: URIs or `all`", readExtmap),
    words("generate~RTCP|generate~rtcp", GENERATE_RTCP, "reports of our own"),

    // SDP editing
    words("replace", REPLACE, "parts of the SDP to replace besides addresses and ports"),
    key(
      "sdp-attr|SDP-attr|sdp attr|SDP attr",
      "dictionary",
      "attributes to `add`, `remove` and `substitute`, by section",
      readAttributeEdits,
    ),
    key("sdp~media~remove|SDP~media~remove", "list", "media types whose sections are dropped", readMediaRemove, {
      separators: "-_ ",
    }),
    integer("ptime", "ptime", "packet length towards the receiver, ms", { commands: OFFER, min: 0, max: 1_000 }),
    integer("ptime~reverse|reverse~ptime", "ptimeReverse", "packet length towards the sender, ms", {
      commands: OFFER,
      min: 0,
      max: 1_000,
    }),
    key("codec|codecs", "dictionary", "codec list changes, see below", readCodecs),

    // T.38, DTMF, recording, player
    words("T38|T.38|t38|t.38", T38, "T.38 gateway"),
    later("T38~version|T.38~version|t38~version|t.38~version", "integer", "T.38 version"),
    later("DTMF~delay|dtmf~delay", "integer", "event delay in ms"),
    words("DTMF~security|dtmf~security", DTMF_SECURITY, "what becomes of DTMF events"),
    words("DTMF~security~trigger|dtmf~security~trigger", DTMF_SECURITY_TRIGGER, "the same after the trigger"),
    words(
      "DTMF~security~trigger~end|dtmf~security~trigger~end",
      DTMF_SECURITY_TRIGGER_END,
      "the same after the end trigger",
    ),
    later(
      "dtmf~log~dest|DTMF~log~dest|dtmf~log~destination|DTMF~log~destination",
      "string",
      "`address:port` for DTMF events of this call",
    ),
    later("trigger", "string", "digits that start a mode"),
    later("trigger~end|end~trigger", "string", "digits that end it"),
    later("trigger~end~time|end~trigger~time", "integer", "its longest time, ms"),
    later("trigger~end~digits|end~trigger~digits", "integer", "its most digits"),
    later("frequency|frequencies", "list", "Hz of the tone"),
    later("volume", "integer", "level of the event or tone in dB"),
    later("code|digit", "string", "event 0-15 or its character"),
    later("duration", "integer", "length of the event, ms"),
    later("pause", "integer", "pause after the event, ms"),
    words("record~call", RECORD_CALL, "recording of the call"),
    later(
      "output~destination|output~dest|output~file|recording~destination|recording~dest|recording~file",
      "string",
      "name of the recording",
    ),
    later(
      ["path", "dir", "directory", "folder"].map((word) => `recording~${word}|output~${word}`).join("|"),
      "string",
      "directory of the recording",
    ),
    later("recording~pattern|output~pattern", "string", "pattern of the recording's name"),
    later("recording~media~slot~offer", "integer", "slot of the offerer's media"),
    later("recording~media~slot~answer", "integer", "slot of the answerer's media"),
    later("recording~media~slots", "integer", "number of slots"),
    ...["start", "stop", "start-stop", "pause", "pause-resume", "start-pause-resume"].map((action) =>
      later(
        ["vsc", "VSC"].flatMap((vsc) => [`${vsc}-${action}-rec`, `${vsc}-${action}-recording`]).join("|"),
        "string",
        `vertical service code: ${action.replace("-", ", ").replace("-", ", ")} recording`,
      ),
    ),
    later("file", "string", "file to play"),
    later("blob", "string", "bytes to play"),
    later("blob64", "string", "bytes to play in base64"),
    later("db~id", "integer", "database entry to play"),
    later("repeat~times", "integer", "times to play"),
    later("repeat~duration", "integer", "longest playing time, ms"),
    later("start~pos", "integer", "frame to start at"),
    words("audio-player|audio player|player", AUDIO_PLAYER, "even pace of transcoded audio"),
    later("moh|MoH|MOH", "dictionary", "music on hold"),
    later("media|medias", "list of dictionaries", "sections of `transform` and `create`"),
    words("all", ALL, "scope of a media command"),
  ];
}
