/** The values of enumerated keys. */
import type { Directives, IceMode, LearningMode, Transport } from "../../call/directives.ts";
import type { ReplaceWord } from "../draft.ts";
import type { Reading } from "../reading.ts";
import { type Status, spell, type Word, type WordList } from "./entry.ts";

/** `pattern`: spellings as in {@link spell}; the first one is the canonical one. */
function word(pattern: string, status: Status, doc: string, apply: Word["apply"], separators?: string): Word {
  const spellings = spell(pattern, separators);
  return { name: spellings[0]!, spellings, status, doc, apply };
}

function list(
  name: string,
  words: readonly Word[],
  patterns: WordList["patterns"] = [],
  pattern?: WordList["pattern"],
): WordList {
  const bySpelling = new Map(words.flatMap((entry) => entry.spellings.map((spelling) => [spelling, entry] as const)));
  return { name, words, bySpelling, patterns, pattern };
}

/** Words of which the last one given counts and is kept for a later version under the key's name. */
function keeping(
  name: string,
  key: string,
  words: readonly [pattern: string, status: Status, doc: string][],
): WordList {
  return list(
    name,
    words.map(([pattern, status, doc]) => {
      const canonical = spell(pattern)[0]!;
      return word(pattern, status, doc, (reading) => reading.draft.keep(key, canonical));
    }),
  );
}

const ice = (mode: IceMode) => (reading: Reading) => {
  reading.draft.ice = mode;
};
const lite = (side: Directives["iceLite"]) => (reading: Reading) => {
  reading.draft.iceLite = side;
};

export const ICE = list("ICE", [
  word("remove", "honoured", "no ICE attributes in the output", ice("remove")),
  word("force", "honoured", "ICE in offers even when the sender had none", ice("force")),
  word("default", "honoured", "as the sender has it", ice("default")),
  word("optional", "honoured", "like `force`, but pass through where both sides have ICE", ice("optional")),
  word("force-relay|force_relay|force relay", "honoured", "pass through, our candidates as relays", ice("force-relay")),
  word("no-lite|lite-no|lite-off|lite-none", "honoured", "no ICE-lite", lite("off")),
  word("lite|lite-fw|lite-fwd|lite-forward|lite-offer", "honoured", "ICE-lite towards the receiver", lite("forward")),
  word(
    "lite-backward|lite-backwards|lite-reverse|lite-answer|lite-back|lite-bkw|lite-bk",
    "honoured",
    "ICE-lite towards the sender",
    lite("backward"),
  ),
  word("lite-both", "honoured", "ICE-lite on both sides", lite("both")),
  word("trickle", "honoured", "advertise trickle ICE (RFC 8840)", (reading) => {
    reading.draft.trickle = true;
  }),
  word("ice2|ICE2", "honoured", "advertise `ice2` (RFC 8445)", (reading) => {
    reading.draft.ice2 = true;
  }),
]);

export const ICE_LITE = list("ICE-lite", [
  word("off|none|no", "honoured", "no ICE-lite", lite("off")),
  word("forward|offer|fwd|fw", "honoured", "towards the receiver", lite("forward")),
  word("backward|backwards|reverse|answer|back|bkw|bk", "honoured", "towards the sender", lite("backward")),
  word("both", "honoured", "on both sides", lite("both")),
]);

const dtlsRole = (role: "passive" | "active") => (reading: Reading) => {
  if (reading.command === "answer") reading.note("not-honoured", `Ignoring 'DTLS=${role}' in an answer`);
  else reading.draft.dtls = role;
};

export const DTLS = list("DTLS", [
  word("passive", "honoured", "we wait for the handshake; offer and publish only", dtlsRole("passive")),
  word("active", "honoured", "we start the handshake; offer and publish only", dtlsRole("active")),
  word("off|no|disabled|disable", "honoured", "no DTLS", (reading) => {
    reading.draft.dtls = "off";
  }),
]);

export const DTLS_FINGERPRINT = list(
  "DTLS-fingerprint",
  ["sha-1", "sha-224", "sha-256", "sha-384", "sha-512"].map((hash) =>
    word(hash, "honoured", `hash of our \`a=fingerprint\``, (reading) => {
      reading.draft.dtlsFingerprint = hash;
    }),
  ),
);

/** Suites of `a=crypto` (RFC 4568, RFC 6188, RFC 7714), our order of preference. */
export const CRYPTO_SUITES = [
  "AEAD_AES_256_GCM",
  "AEAD_AES_128_GCM",
  "AES_256_CM_HMAC_SHA1_80",
  "AES_256_CM_HMAC_SHA1_32",
  "AES_192_CM_HMAC_SHA1_80",
  "AES_192_CM_HMAC_SHA1_32",
  "AES_CM_128_HMAC_SHA1_80",
  "AES_CM_128_HMAC_SHA1_32",
  "F8_128_HMAC_SHA1_80",
  "F8_128_HMAC_SHA1_32",
  "NULL_HMAC_SHA1_80",
  "NULL_HMAC_SHA1_32",
] as const;
const SUITES: ReadonlySet<string> = new Set(CRYPTO_SUITES);

const sdes = (option: string) => (reading: Reading) => reading.draft.append("sdes", option);
const sdesWord = (pattern: string, status: Status, doc: string): Word =>
  word(pattern, status, doc, sdes(spell(pattern)[0]!));

export const SDES = list(
  "SDES",
  [
    sdesWord("off|no|disable|disabled", "honoured", "do not offer SDES"),
    sdesWord("nonew", "honoured", "no suites of our own besides those received"),
    sdesWord("pad", "honoured", "keep the padding of base64 keys"),
    sdesWord("lifetime", "honoured", "append `2^31` to generated keys"),
    sdesWord("static", "honoured", "keep the suite negotiated before in the answer to a re-INVITE"),
    sdesWord("prefer|priority", "honoured", "choose SDES where a party offers it and DTLS"),
    sdesWord("unencrypted_srtp|UNENCRYPTED_SRTP", "honoured", "offer this session parameter"),
    sdesWord("unencrypted_srtcp|UNENCRYPTED_SRTCP", "honoured", "offer this session parameter"),
    sdesWord("unauthenticated_srtp|UNAUTHENTICATED_SRTP", "honoured", "offer this session parameter"),
    sdesWord("encrypted_srtp|ENCRYPTED_SRTP", "honoured", "refuse `UNENCRYPTED_SRTP`"),
    sdesWord("encrypted_srtcp|ENCRYPTED_SRTCP", "honoured", "refuse `UNENCRYPTED_SRTCP`"),
    sdesWord("authenticated_srtp|AUTHENTICATED_SRTP", "honoured", "refuse `UNAUTHENTICATED_SRTP`"),
  ],
  [
    { form: "only-<SUITE>", status: "honoured", doc: "only these suites" },
    { form: "no-<SUITE>", status: "honoured", doc: "not these suites" },
    { form: "order:<SUITE>;<SUITE>;…", status: "honoured", doc: "order of the outgoing list" },
    { form: "offerer_pref:<SUITE>;<SUITE>;…", status: "honoured", doc: "preference in the answer to the offerer" },
  ],
  (reading, option) => {
    if (option.startsWith("only-") ? SUITES.has(option.slice(5)) : SUITES.has(option.slice(3)) && /^no-/.test(option)) {
      reading.draft.append("sdes", option);
      return true;
    }
    const ordered = /^(?:order|offerer_pref):(.*)$/.exec(option);
    if (!ordered?.[1]?.split(";").every((suite) => SUITES.has(suite))) return false;
    reading.draft.append("sdes", option);
    return true;
  },
);

const osrtp = (pattern: string, doc: string): Word =>
  word(pattern, "honoured", doc, (reading) => reading.draft.append("osrtp", spell(pattern)[0]!));

export const OSRTP = list("OSRTP", [
  osrtp("accept-rfc|accept-RFC", "accept OSRTP of RFC 8643"),
  osrtp("accept-legacy", "accept RTP/AVP with crypto in the manner of before the RFC"),
  osrtp("accept", "accept both"),
  osrtp("offer|offer-RFC|offer-rfc", "offer OSRTP of RFC 8643"),
  osrtp("offer-legacy", "offer two sections, one encrypted"),
]);

export const RTCP_MUX = list("rtcp-mux", [
  word("accept", "honoured", "accept towards the sender even if the receiver refuses", (r) =>
    r.draft.addRtcpMux("accept"),
  ),
  word("demux", "honoured", "do not offer it, accept it towards the sender", (r) => r.draft.addRtcpMux("demux")),
  word("offer", "honoured", "always offer it", (r) => r.draft.addRtcpMux("offer")),
  word("reject", "honoured", "do not accept it towards the sender", (r) => r.draft.addRtcpMux("reject")),
  word("require", "honoured", "offer it with one port only; implies `offer`", (r) => {
    r.draft.addRtcpMux("offer");
    r.draft.addRtcpMux("require");
  }),
]);

const bundleOffer = ({ draft }: Reading) => {
  draft.addBundle("offer");
  draft.setFlag("generate-mid");
};
const bundleRequire = (reading: Reading) => {
  bundleOffer(reading);
  reading.draft.addBundle("require");
};

export const BUNDLE = list("BUNDLE", [
  word("accept", "honoured", "accept bundling towards the sender", (r) => r.draft.addBundle("accept")),
  word("reject", "honoured", "do not accept bundling towards the sender", (r) => r.draft.addBundle("reject")),
  word("offer", "honoured", "offer it; implies `generate-mid`", bundleOffer),
  word("require", "honoured", "offer it with one port only; implies `offer`", bundleRequire),
  word("strict", "honoured", "refuse sections outside the bundle; implies `require`", (reading) => {
    bundleRequire(reading);
    reading.draft.addBundle("strict");
  }),
]);

const replace = (pattern: string, doc: string, value: ReplaceWord): Word =>
  word(pattern, "honoured", doc, (reading) => reading.draft.addReplace(value));

export const REPLACE = list("replace", [
  replace("origin", "address of `o=`", "origin"),
  replace("origin-full|origin full|origin_full", "`o=` as a whole", "origin-full"),
  replace("username", "user name of `o=`", "username"),
  replace("session-name|session name", "`s=`", "session-name"),
  replace("sdp-version|SDP-version|sdp version|SDP version", "version of `o=` when the SDP changed", "sdp-version"),
  replace(
    "force-increment-sdp-ver|force-increment-SDP-ver|force increment sdp ver|force increment SDP ver",
    "version of `o=` with every message",
    "force-increment-sdp-ver",
  ),
  replace("zero-address|zero address", "`0.0.0.0` of held sections by a real address", "zero-address"),
  word("session-connection|session connection", "obsolete", "`c=` is always rewritten", (reading) =>
    reading.note("obsolete", "Unknown 'replace' flag encountered: 'session-connection'"),
  ),
]);

const t38 = (pattern: string, doc: string): Word =>
  word(pattern, "later", doc, (reading) => reading.draft.append("t38", spell(pattern)[0]!.toLowerCase()));

/** `no-V17`: with hyphen or space, V in either case, with or without the dot. */
const modem = (version: string): Word =>
  t38(
    `no~V${version}|no~V.${version}|no~v${version}|no~v.${version}`,
    `without modem standard V.${version.replace("ter", " ter")}`,
  );

export const T38 = list("T.38", [
  t38("decode", "offer audio where the sender has T.38"),
  t38("force", "offer T.38 where the sender has audio"),
  t38("stop", "end the gateway"),
  t38("no~ECM|no~ecm", "without error correction mode"),
  modem("17"),
  modem("27ter"),
  modem("29"),
  modem("34"),
  t38("no~IAF|no~iaf", "without Internet-aware fax"),
  t38("FEC|fec", "forward error correction instead of redundancy"),
]);

const learning = (mode: LearningMode, doc: string): Word =>
  word(mode, "honoured", doc, (reading) => {
    reading.draft.learning = mode;
  });

export const ENDPOINT_LEARNING = list("endpoint-learning", [
  learning("off", "stay with the address of the SDP"),
  learning("immediate", "take the first packet's source"),
  learning("delayed", "take the source seen after 3 s"),
  learning("heuristic", "prefer sources that resemble the address of the SDP, for 3 s"),
]);

export const ADDRESS_FAMILY = list("address-family", [
  word("IP4|ip4", "honoured", "IPv4", (reading) => {
    reading.draft.addressFamily = 4;
  }),
  word("IP6|ip6", "honoured", "IPv6", (reading) => {
    reading.draft.addressFamily = 6;
  }),
]);

const transport = (name: Transport | "accept", status: Status, doc: string): Word =>
  word(name.toUpperCase(), status, doc, (reading) => {
    reading.draft.transport = name;
  });

/** Compared in upper case. */
export const TRANSPORT = list("transport-protocol", [
  transport("RTP/AVP", "honoured", "plain RTP"),
  transport("RTP/AVPF", "honoured", "plain RTP with feedback (RFC 4585)"),
  transport("RTP/SAVP", "honoured", "SRTP"),
  transport("RTP/SAVPF", "honoured", "SRTP with feedback (RFC 5124)"),
  transport("UDP/TLS/RTP/SAVP", "honoured", "DTLS-SRTP (RFC 5764)"),
  transport("UDP/TLS/RTP/SAVPF", "honoured", "DTLS-SRTP with feedback"),
  transport("udptl", "later", "T.38"),
  transport("accept", "honoured", "keep the protocol of the received answer"),
]);

export const ALIAS_KEY = list("alias-key", [
  word("none|off|no", "honoured", "parties are known by their tag alone", (reading) => {
    reading.draft.aliasKey = "none";
  }),
  word("sdp|SDP", "honoured", "also by an equal SDP", (reading) => {
    reading.draft.aliasKey = "sdp";
  }),
  word("address|endpoint", "honoured", "also by an equal media address", (reading) => {
    reading.draft.aliasKey = "address";
  }),
]);

export const SIP_MESSAGE_TYPE = list("sip-message-type", [
  word(
    "request|sip~request|SIP~request",
    "honoured",
    "the SDP came in a request",
    (reading) => {
      reading.draft.sipMessageType = "request";
    },
    "-_ ",
  ),
  word(
    "reply|response|sip~reply|SIP~reply|sip~response|SIP~response",
    "honoured",
    "the SDP came in a reply",
    (reading) => {
      reading.draft.sipMessageType = "reply";
    },
    "-_ ",
  ),
]);

export const SUPPORTS = list("supports", [
  word("load limit|load-limit", "honoured", "the client understands `result` = `load limit`", (reading) => {
    reading.draft.supportsLoadLimit = true;
  }),
]);

const echo = (value: Directives["mediaEcho"]) => (reading: Reading) => {
  reading.draft.mediaEcho = value;
};

export const MEDIA_ECHO = list("media-echo", [
  word("blackhole|sinkhole", "honoured", "discard media", echo("blackhole")),
  word("forward|fwd|fw", "later", "send the receiver its own media", echo("forward")),
  word("backward|backwards|reverse|back|bkw|bk", "later", "send the sender its own media", echo("backward")),
  word("both", "later", "both", echo("both")),
]);

export const DROP_TRAFFIC = list("drop-traffic", [
  word("start", "honoured", "drop all media of the call", (reading) => {
    reading.draft.dropTraffic = "start";
  }),
  word("stop", "honoured", "forward it again", (reading) => {
    reading.draft.dropTraffic = "stop";
  }),
]);

export const PASSTHROUGH = list("passthrough", [
  word("on|yes|enable|enabled", "honoured", "leave ICE and crypto attributes as they are", (reading) => {
    reading.draft.passthrough = true;
  }),
  word("off|no|disable|disabled", "honoured", "the default", (reading) => {
    reading.draft.passthrough = false;
  }),
]);

export const GENERATE_RTCP = list("generate-RTCP", [
  word("on", "later", "send reports of our own", (reading) => {
    reading.draft.generateRtcp = true;
  }),
  word("off", "honoured", "forward those of the parties", (reading) => {
    reading.draft.generateRtcp = false;
  }),
]);

export const RECORD_CALL = list("record-call", [
  word("on|yes", "later", "record the call", (reading) => {
    reading.draft.recordCall = "on";
  }),
  word("off|no", "honoured", "do not", (reading) => {
    reading.draft.recordCall = "off";
  }),
  word("discard", "later", "delete what was recorded", (reading) => {
    reading.draft.recordCall = "discard";
  }),
]);

const all = (value: Directives["all"]) => (reading: Reading) => {
  reading.draft.all = value;
};

export const ALL = list("all", [
  word("all", "later", "every party or flow", all("all")),
  word("none", "honoured", "the selected ones", all("none")),
  word("offer-answer", "later", "flows between offerer and answerer", all("offer-answer")),
  word("not-offer-answer|non-offer-answer|except-offer-answer", "later", "all other flows", all("not-offer-answer")),
  word("flows", "later", "all flows of the party", all("flows")),
]);

export const AUDIO_PLAYER = keeping("audio-player", "audio-player", [
  ["default", "honoured", "as configured"],
  ["on|yes|enable|enabled|transcode|transcoding", "later", "play out audio at an even pace where it is transcoded"],
  ["off|no|disable|disabled", "honoured", "forward packets as they come"],
  ["force|forced|always|everything", "later", "play out audio at an even pace"],
]);

const DTMF_MODES: readonly [string, Status, string][] = [
  ["drop", "later", "drop event packets"],
  ["DTMF", "later", "replace by other events"],
  ["off", "later", "no protection"],
  ["random", "later", "replace by random events"],
  ["silence", "later", "replace by silence"],
  ["tone", "later", "replace by a tone"],
  ["zero", "later", "replace by event 0"],
];

export const DTMF_SECURITY = keeping("DTMF-security", "dtmf-security", [...DTMF_MODES]);
export const DTMF_SECURITY_TRIGGER = keeping("DTMF-security-trigger", "dtmf-security-trigger", [...DTMF_MODES]);
export const DTMF_SECURITY_TRIGGER_END = keeping("DTMF-security-trigger-end", "dtmf-security-trigger-end", [
  ...DTMF_MODES,
]);
