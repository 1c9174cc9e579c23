/**
 * The one table of everything that a request can say ({@link KEYS}, {@link FLAGS}, {@link PREFIXES}), and what is derived
 * from it: the decoding of dictionaries, of `rtpp-flags` strings and of templates into {@link Directives}.
 * `docs/flags.md` is printed from it by `tools/flag-docs.ts`.
 */
import type { Directives, Transport } from "../call/directives.ts";
import { MAX_TEMPLATE_DEPTH } from "../limits.ts";
import { type Note, Reading } from "./reading.ts";
import { type FlagToken, parseFlagString } from "./rtpp-flags.ts";
import type { NgDict, NgValue } from "./value.ts";
import { asItems, asText, type FlagEntry, type KeyEntry } from "./vocabulary/entry.ts";
import { FLAGS, PREFIXES } from "./vocabulary/flag-list.ts";
import { keyEntries } from "./vocabulary/keys.ts";
import { CODEC_KINDS, editCodecs, readTexts, readWord } from "./vocabulary/values.ts";
import { TRANSPORT } from "./vocabulary/words.ts";

export { FLAGS, PREFIXES } from "./vocabulary/flag-list.ts";

export const KEYS: readonly KeyEntry[] = keyEntries({
  flags: readFlags,
  flagString: (reading, value) => {
    const text = asText(value);
    if (text === undefined) reading.badValue("rtpp-flags", value);
    else readFlagString(reading, text);
  },
  template: (reading, value) => {
    const name = asText(value);
    if (name === undefined) reading.badValue("template", value);
    else if (!applyTemplate(reading, name)) reading.note("unknown-value", `Unknown template: '${name}'`);
  },
});

const KEY_BY_SPELLING: ReadonlyMap<string, KeyEntry> = new Map(
  KEYS.flatMap((entry) => entry.spellings.map((spelling) => [spelling, entry] as const)),
);
const FLAG_BY_SPELLING: ReadonlyMap<string, FlagEntry> = new Map(
  FLAGS.flatMap((entry) => entry.spellings.map((spelling) => [spelling, entry] as const)),
);

/** What a request asks for and the remarks on it; or why it has to be refused (`error-reason`). */
export type DecodedRequest =
  | { readonly directives: Directives; readonly notes: readonly Note[]; readonly error?: undefined }
  | { readonly error: string; readonly notes: readonly Note[] };

/**
 * Decodes a request by the table: template `default`, template of the command's name, then the keys in wire order, later
 * ones over earlier ones. Unknown keys and flags become notes.
 */
export function decodeRequest(
  command: string,
  dict: NgDict,
  templates: ReadonlyMap<string, string> = NO_TEMPLATES,
): DecodedRequest {
  const reading = new Reading(command, templates);
  if (templates.size > 0) {
    applyTemplate(reading, "default");
    if (command !== "default") applyTemplate(reading, command);
  }
  for (const [key, value] of dict.entries) readKey(reading, key, value);
  if (reading.error !== undefined) return { error: reading.error, notes: reading.notes };
  return { directives: reading.draft, notes: reading.notes };
}

const NO_TEMPLATES: ReadonlyMap<string, string> = new Map();

function readKey(reading: Reading, key: string, value: NgValue): void {
  const entry = KEY_BY_SPELLING.get(key);
  if (entry) entry.read(reading, value);
  else reading.note("unknown-key", `Unknown dictionary key encountered: '${key}'`);
}

function readFlags(reading: Reading, value: NgValue): void {
  const items = asItems(value);
  if (!items) {
    reading.badValue("flags", value);
    return;
  }
  for (const item of items) {
    const flag = asText(item);
    if (flag === undefined) reading.badValue("flags", item);
    else readFlag(reading, flag);
  }
}

function readFlag(reading: Reading, flag: string): void {
  const entry = FLAG_BY_SPELLING.get(flag);
  if (entry) {
    entry.apply(reading);
    if (entry.status === "later") reading.notHonoured(flag);
    return;
  }
  for (const { prefix, onlyIn, apply } of PREFIXES) {
    if (!flag.startsWith(prefix)) continue;
    if (onlyIn && !onlyIn.includes(reading.command)) continue;
    if (apply(reading, flag.slice(prefix.length))) return;
  }
  reading.note("unknown-flag", `Unknown flag encountered: '${flag}'`);
}

function applyTemplate(reading: Reading, name: string): boolean {
  const text = reading.templates.get(name);
  if (text === undefined) return false;
  if (reading.templateDepth >= MAX_TEMPLATE_DEPTH) {
    reading.note("unknown-value", `Template '${name}' is part of itself`);
    return true;
  }
  reading.templateDepth++;
  readFlagString(reading, text);
  reading.templateDepth--;
  return true;
}

/** `codec-strip=X` and the like, which only flag strings know. */
const CODEC_KEYS: ReadonlyMap<string, (typeof CODEC_KINDS)[number]> = new Map([
  ["transcode", "transcode"],
  ...CODEC_KINDS.map((kind) => [`codec-${kind}`, kind] as const),
]);

/** Words of flag strings that change one part of the transport protocol. */
const TRANSPORT_WORDS: ReadonlyMap<string, (bits: TransportBits) => void> = new Map([
  ["RTP", (bits) => setBit(bits, "srtp", false)],
  ["SRTP", (bits) => setBit(bits, "srtp", true)],
  ["AVP", (bits) => setBit(bits, "feedback", false)],
  ["AVPF", (bits) => setBit(bits, "feedback", true)],
  ["DTLS", (bits) => setBit(bits, "tls", true)],
]);

interface TransportBits {
  srtp: boolean;
  feedback: boolean;
  tls: boolean;
}

function setBit(bits: TransportBits, bit: keyof TransportBits, on: boolean): void {
  bits[bit] = on;
}

function bitsOf(transport: Transport | "accept" | undefined): TransportBits {
  const name = transport ?? "RTP/AVP";
  return { srtp: name.includes("SAVP"), feedback: name.endsWith("F"), tls: name.startsWith("UDP/TLS") };
}

function transportOf({ srtp, feedback, tls }: TransportBits): Transport {
  if (tls) return feedback ? "UDP/TLS/RTP/SAVPF" : "UDP/TLS/RTP/SAVP";
  return `RTP/${srtp ? "S" : ""}AVP${feedback ? "F" : ""}`;
}

/** Applies a flag string: `rtpp-flags`, or a template. */
function readFlagString(reading: Reading, text: string): void {
  const { draft } = reading;
  let interfaces = 0;
  const addInterface = (name: string) => {
    interfaces++;
    if (interfaces === 1) draft.fromInterface = name;
    else if (interfaces === 2) draft.toInterface = name;
    else reading.note("unknown-value", `Too many interfaces in 'direction': '${name}'`);
  };

  const flag = (word: string) => {
    const bit = TRANSPORT_WORDS.get(word);
    if (bit) {
      const bits = bitsOf(draft.transport);
      bit(bits);
      draft.transport = transportOf(bits);
    } else if (word.includes("/") && TRANSPORT.bySpelling.has(word)) readWord(TRANSPORT, reading, word);
    else if (word === "internal" || word === "external") addInterface(word);
    else readFlag(reading, word);
  };
  const key = ({ key: name, value }: { readonly key: string; readonly value: NgValue }) => {
    const codec = CODEC_KEYS.get(name);
    if (name === "direction") readTexts(name, reading, value, addInterface);
    else if (codec && typeof value === "string") editCodecs(reading, codec, value);
    else if (codec) readTexts(name, reading, value, (item) => editCodecs(reading, codec, item));
    else readKey(reading, name, value);
    if (name === "to-tag") draft.setFlag("to-tag");
    else if (name === "from-tag") draft.setFlag("directional");
  };

  for (const token of parseFlagString(text)) {
    if (hasValue(token)) key(token);
    else flag(token.key);
  }
}

function hasValue(token: FlagToken): token is { readonly key: string; readonly value: NgValue } {
  return token.value !== undefined;
}
