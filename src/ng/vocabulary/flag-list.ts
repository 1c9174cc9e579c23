/** Every flag of the list `flags`, and the prefixes that carry a value. */
import type { Directives } from "../../call/directives.ts";
import type { Reading } from "../reading.ts";
import { type FlagEntry, type PrefixEntry, type Status, spell, unescapeValue, type WordList } from "./entry.ts";
import { CODEC_KINDS, editAttribute, editCodecs, readWord } from "./values.ts";
import { BUNDLE, ENDPOINT_LEARNING, OSRTP, REPLACE, RTCP_MUX, SDES, T38 } from "./words.ts";

/** A flag that the core knows by its canonical name, unless `apply` says what it stands for. */
function flag(
  pattern: string,
  status: Status,
  doc: string,
  apply?: FlagEntry["apply"],
  commands?: readonly string[],
): FlagEntry {
  const spellings = spell(pattern);
  const name = spellings[0]!.toLowerCase();
  return { name, spellings, commands, status, doc, apply: apply ?? ((reading) => reading.draft.setFlag(name)) };
}

const passthrough = (on: boolean) => (reading: Reading) => {
  reading.draft.passthrough = on;
};

/** The usual demands of a browser in one word. */
function webrtc({ draft }: Reading): void {
  draft.transport = "UDP/TLS/RTP/SAVPF";
  draft.ice = "force";
  draft.trickle = true;
  draft.addRtcpMux("offer");
  draft.addRtcpMux("require");
  draft.setFlag("no-rtcp-attribute");
  draft.append("sdes", "off");
  draft.setFlag("generate-mid");
  draft.addBundle("offer");
  draft.addBundle("require");
}

const OFFER = ["offer"];
const ANSWER = ["answer"];
const DELETE = ["delete"];
const SUBSCRIBE = ["subscribe request"];

export const FLAGS: readonly FlagEntry[] = [
  // Address trust
  flag("trust~address", "honoured", "use the addresses of the SDP (default)"),
  flag("SIP~source~address", "honoured", "use `received-from` instead of the addresses of the SDP"),

  // Learning
  flag("asymmetric", "honoured", "never overwrite the address of the SDP by learning"),
  flag("unidirectional", "honoured", "confirm ports without waiting for packets"),
  flag("strict~source", "honoured", "after learning drop packets from other sources"),
  flag("media~handover", "honoured", "after learning follow changes of the source"),

  // Ports and NAT
  flag("port~latching", "honoured", "keep local ports when the remote port changes"),
  flag("no~port~latching", "honoured", "do not keep them"),
  flag("pierce~NAT", "later", "send small packets to open a pinhole until media arrives"),
  flag("NAT~wait", "honoured", "send nothing to this party until something was received from it"),

  // SDP output
  flag("loop~protect", "honoured", "add `a=rtpengine` and return an SDP that has ours untouched"),
  flag("original~sendrecv", "honoured", "keep direction attributes"),
  flag("inactive", "later", "offer `inactive`", undefined, SUBSCRIBE),
  flag("generate~mid", "honoured", "add `a=mid`"),
  flag("full~rtcp~attribute", "honoured", "`a=rtcp` with address"),
  flag("no~rtcp~attribute", "honoured", "no `a=rtcp`"),
  flag("no~tls~id", "honoured", "no `a=tls-id`"),
  flag("strip~extmap", "honoured", "same as `extmap` `strip` `all`", ({ draft }) => draft.append("extmapStrip", "all")),
  flag("pad~crypto", "honoured", "same as `SDES` `pad`", ({ draft }) => draft.append("sdes", "pad")),

  // ICE
  flag("ICE~reject|reject~ICE", "honoured", "answer the offerer without ICE"),
  flag("trickle~ICE", "honoured", "advertise trickle ICE to the receiver", ({ draft }) => {
    draft.trickle = true;
  }),
  flag("fragment", "honoured", "the SDP is a trickle ICE fragment (RFC 8840)"),

  // RTCP
  flag("generate~RTCP", "later", "send reports of our own", ({ draft }) => {
    draft.generateRtcp = true;
  }),
  flag("mirror~RTCP|RTCP~mirror", "later", "forward the subscriber's RTCP to the source", undefined, SUBSCRIBE),

  // Branches
  flag("new~branch", "honoured", "an answer with a new to-tag makes a new party instead of an alias"),
  flag("provisional", "honoured", "permit a changed to-tag even after a final reply"),
  flag("to-tag|to_tag|to tag", "honoured", "honour the key `to-tag`", undefined, DELETE),
  flag("reset", "honoured", "forget that the receiver refused ICE or SRTP", undefined, OFFER),

  // Codecs
  flag("no~codec~renegotiation|reuse~codecs", "later", "codecs preferred before stay preferred"),
  flag("static~codecs|static~codec", "later", "keep the list sent to the receiver before", undefined, OFFER),
  flag("single~codec", "honoured", "leave only the first codec", undefined, ANSWER),
  flag(
    "allow~asymmetric~codecs|allow~asymmetric~codec",
    "honoured",
    "accept an answer with other payload type numbers",
  ),
  flag("allow~transcoding", "later", "accept a partial answer", undefined, ["subscribe answer"]),
  flag("force~transcoding", "later", "transcode even between equal codecs"),
  flag("always~transcode", "later", "same as `codec` `accept` `all`", ({ draft }) => draft.editCodecs("accept", "all")),
  flag(
    ["codec~media", "codec~medias"].flatMap((what) => [`allow~no~${what}`, `allow~empty~${what}`]).join("|"),
    "honoured",
    "reject sections without codecs instead of restoring their list",
  ),
  ...["asymmetric~codecs", "symmetric~codecs", "reorder~codecs"].map((pattern) =>
    flag(pattern, "obsolete", "always so", (reading) => reading.obsolete(pattern.replaceAll("~", "-"))),
  ),

  // Recording
  flag("record~call", "later", "record the call", ({ draft }) => {
    draft.recordCall = "on";
  }),
  flag("discard~recording", "later", "delete what was recorded"),
  flag("exclude~recording", "later", "do not record this party"),
  flag("recording~vsc", "later", "vertical service codes for recording"),
  flag("recording~announcement", "later", "play a file when recording starts"),
  flag("skip~recording~db|skip~recording~database", "later", "recording without database entry"),

  // Crypto
  flag("recrypt", "honoured", "decrypt and encrypt again between SRTP parties"),

  // DTMF and media
  flag("inject~DTMF", "later", "permit `play DTMF`"),
  flag("detect~DTMF", "later", "detect DTMF tones in audio"),
  flag("block~DTMF", "later", "suppress DTMF events"),
  flag("block~short|block~shorts|block~short~packets", "later", "drop short packets"),
  flag("block~egress", "later", "while a player is active suppress other media to the party"),
  flag("egress", "later", "copy what the party is sent", undefined, SUBSCRIBE),
  flag("no~jitter~buffer", "honoured", "no jitter buffer"),

  // Player
  flag("audio~player|player", "later", "even pace of transcoded audio", ({ draft }) =>
    draft.keep("audio-player", "on"),
  ),
  flag("no~player|no~audio~player", "honoured", "packets are forwarded as they come", ({ draft }) =>
    draft.keep("audio-player", "off"),
  ),
  flag("early~media", "later", "start the audio player with the offer"),

  // Subscriptions and topology
  flag("mix|mixed", "later", "one section per type for all sources"),
  flag("bidirectional", "later", "both directions"),
  flag("directional", "honoured", "honour `from-tag` in media commands"),
  flag("all", "later", "every party", ({ draft }) => {
    draft.all = "all";
  }),
  flag("unsubscribe", "later", "drop existing subscriptions first"),
  flag("SIPREC|siprec", "later", "labels and parties in the reply"),

  // Control
  flag("fatal", "honoured", "an unknown call is an error", undefined, DELETE),
  flag("fast", "honoured", "no statistics in the reply", undefined, DELETE),
  flag("no~redis~update", "honoured", "do not write the call to Redis"),
  flag("debug|debugging", "later", "debug log of this call"),
  flag("passthrough", "honoured", "leave ICE and crypto attributes as they are", passthrough(true)),
  flag("no~passthrough", "honoured", "the default", passthrough(false)),

  // Macro
  flag(
    "webrtc|webRTC|WebRTC|WebRtc",
    "honoured",
    "UDP/TLS/RTP/SAVPF, ICE force, trickle, rtcp-mux offer and require, no-rtcp-attribute, SDES off, generate-mid, bundle offer and require",
    webrtc,
  ),
];

function wordPrefix(prefix: string, of: WordList, doc: string, onlyIn?: readonly string[]): PrefixEntry {
  const status = of.words.some((word) => word.status === "honoured") ? "honoured" : "later";
  return {
    prefix,
    value: of.words.map((word) => word.name).join(", "),
    onlyIn,
    status,
    doc,
    apply: (reading, rest) => {
      readWord(of, reading, rest);
      return true;
    },
  };
}

function codecPrefix(prefix: string, kind: keyof Directives["codec"], onlyIn?: readonly string[]): PrefixEntry {
  const status = kind === "strip" || kind === "offer" || kind === "except" || kind === "ignore" ? "honoured" : "later";
  return {
    prefix,
    value: "codec",
    onlyIn,
    status,
    doc: `same as \`codec\` \`${kind}\``,
    apply: (reading, rest) => {
      editCodecs(reading, kind, rest);
      return true;
    },
  };
}

function attributePrefix(command: "add" | "remove" | "substitute"): PrefixEntry {
  return {
    prefix: `sdp-attr-${command}-`,
    value: command === "substitute" ? "section-from>to" : "section-attribute",
    onlyIn: undefined,
    status: "honoured",
    doc: `same as \`sdp-attr\` section \`${command}\``,
    apply: (reading, rest) => {
      const dash = rest.indexOf("-");
      return dash > 0 && editAttribute(reading, command, rest.slice(0, dash), rest.slice(dash + 1));
    },
  };
}

const SDP_MAKERS = ["offer", "subscribe request", "publish"];

/** Longer prefixes first where one begins like another. */
export const PREFIXES: readonly PrefixEntry[] = [
  wordPrefix("endpoint-learning-", ENDPOINT_LEARNING, "same as `endpoint-learning`"),
  {
    prefix: "from-tags-",
    value: "tag",
    onlyIn: undefined,
    status: "honoured",
    doc: "one of `from-tags`",
    apply: (reading, rest) => {
      reading.draft.append("fromTags", unescapeValue(rest));
      return true;
    },
  },
  wordPrefix("OSRTP-", OSRTP, "same as `OSRTP`"),
  wordPrefix("replace-", REPLACE, "same as `replace`"),
  wordPrefix("rtcp-mux-", RTCP_MUX, "same as `rtcp-mux`"),
  wordPrefix("BUNDLE-", BUNDLE, "same as `bundle`"),
  wordPrefix("SDES-", SDES, "same as `SDES`"),
  ...CODEC_KINDS.map((kind) =>
    codecPrefix(`codec-${kind}-`, kind, kind === "mask" || kind === "transcode" ? SDP_MAKERS : undefined),
  ),
  codecPrefix("transcode-", "transcode", SDP_MAKERS),
  attributePrefix("add"),
  attributePrefix("remove"),
  attributePrefix("substitute"),
  wordPrefix("T38-", T38, "same as `T.38`", SDP_MAKERS),
  wordPrefix("T.38-", T38, "same as `T.38`", SDP_MAKERS),
];
