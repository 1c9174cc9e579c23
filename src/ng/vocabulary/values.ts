/** How values of keys are read, whichever key they belong to. */
import { canonicalAddress } from "../../address.ts";
import type { CodecEdits } from "../../call/directives.ts";
import type { Reading } from "../reading.ts";
import { NgDict, type NgValue } from "../value.ts";
import { asItems, asText, unescapeValue, type WordList } from "./entry.ts";

/** One value of an enumerated key. `shown`: the key as the remark about a value of a later version shows it. */
export function readWord(list: WordList, reading: Reading, text: string, shown = list.name): void {
  const word = list.bySpelling.get(text);
  if (word) {
    word.apply(reading);
    if (word.status === "later") reading.notHonoured(`${shown}=${text}`);
  } else if (!list.pattern?.(reading, text)) reading.unknownWord(list.name, text);
}

/** All values of an enumerated key: a list, or a string split at commas. */
export function readWords(list: WordList, reading: Reading, value: NgValue): void {
  if (typeof value === "string" && list.bySpelling.has(value)) {
    readWord(list, reading, value);
    return;
  }
  const items = asItems(value);
  if (!items) {
    reading.badValue(list.name, value);
    return;
  }
  for (const item of items) {
    const text = asText(item);
    if (text === undefined) reading.badValue(list.name, item);
    else readWord(list, reading, text);
  }
}

/** Strings of a list, unescaped; anything else in it is left out with a remark. */
export function readTexts(name: string, reading: Reading, value: NgValue, take: (text: string) => void): void {
  const items = asItems(value);
  if (!items) {
    reading.badValue(name, value);
    return;
  }
  for (const item of items) {
    const text = asText(item);
    if (text === undefined) reading.badValue(name, item);
    else take(unescapeValue(text));
  }
}

/** An IP address in canonical form, in brackets or not; undefined and a remark when it is none. */
export function readAddress(name: string, reading: Reading, value: NgValue): string | undefined {
  const text = asText(value)?.replace(/^\[(.*)\]$/, "$1");
  const address = text === undefined ? undefined : canonicalAddress(text);
  if (address === undefined) reading.badValue(name, value);
  return address;
}

/** [`IP4`|`IP6`, address], or the address alone. */
export function readReceivedFrom(reading: Reading, value: NgValue): void {
  const items = asItems(value) ?? [];
  const last = items[items.length - 1];
  if (last === undefined || items.length > 2) {
    reading.badValue("received-from", value);
    return;
  }
  reading.draft.receivedFrom = readAddress("received-from", reading, last) ?? reading.draft.receivedFrom;
}

/** Codec list changes: what each kind is called, and those that need a transcoder. */
export const CODEC_KINDS: readonly (keyof CodecEdits)[] = [
  "strip",
  "offer",
  "except",
  "ignore",
  "mask",
  "transcode",
  "accept",
  "consume",
  "set",
];
const TRANSCODING: ReadonlySet<string> = new Set(["mask", "transcode", "accept", "consume", "set"]);
/** Commands in which transcoding changes mean something; elsewhere they are ignored without a word. */
const TRANSCODING_COMMANDS: ReadonlySet<string> = new Set(["offer", "publish", "subscribe request", "play media"]);

export function editCodecs(reading: Reading, kind: keyof CodecEdits, codec: string): void {
  if (codec === "") return;
  if (TRANSCODING.has(kind)) {
    if (!TRANSCODING_COMMANDS.has(reading.command)) return;
    reading.notHonoured(`codec-${kind}`);
  }
  reading.draft.editCodecs(kind, unescapeValue(codec));
}

export function readCodecs(reading: Reading, value: NgValue): void {
  if (!(value instanceof NgDict)) {
    reading.badValue("codec", value);
    return;
  }
  for (const [name, codecs] of value.entries) {
    const kind = CODEC_KINDS.find((known) => known === name);
    if (!kind) reading.unknownWord("codec", name);
    // A `set` carries fmtp text, in which commas have a meaning of their own.
    else if (kind === "set" && typeof codecs === "string") editCodecs(reading, kind, codecs);
    else readTexts(`codec-${kind}`, reading, codecs, (codec) => editCodecs(reading, kind, codec));
  }
}

export function readExtmap(reading: Reading, value: NgValue): void {
  if (!(value instanceof NgDict)) {
    reading.badValue("extmap", value);
    return;
  }
  for (const [name, uris] of value.entries) {
    if (name === "strip") readTexts("extmap", reading, uris, (uri) => reading.draft.append("extmapStrip", uri));
    else if (name === "mask") readTexts("extmap", reading, uris, (uri) => reading.draft.append("extmapMask", uri));
    else reading.unknownWord("extmap", name);
  }
}

/** Section names of `sdp-attr`; two names for the session level. */
const ATTRIBUTE_SECTIONS: ReadonlyMap<string, string> = new Map([
  ["none", "global"],
  ["global", "global"],
  ["audio", "audio"],
  ["video", "video"],
  ["text", "text"],
  ["image", "image"],
  ["message", "message"],
  ["application", "application"],
  ["other", "other"],
]);

/** Media types of `sdp-media-remove`. */
const MEDIA_TYPES: ReadonlySet<string> = new Set(
  [...ATTRIBUTE_SECTIONS.values()].filter((section) => section !== "global"),
);

export const ATTRIBUTE_ERRORS = {
  type: "wrong type used",
  content: "wrong content given",
  section: "unsupported sdp section",
  command: "unknown manipulation command",
  token: "invalid token given",
} as const;

/** {section: {`add`: […], `remove`: […], `substitute`: [[from, to], …]}}; anything else refuses the request. */
export function readAttributeEdits(reading: Reading, value: NgValue): void {
  if (!(value instanceof NgDict)) {
    reading.refuse(ATTRIBUTE_ERRORS.type);
    return;
  }
  for (const [section, commands] of value.entries) {
    if (!ATTRIBUTE_SECTIONS.has(section)) {
      reading.refuse(ATTRIBUTE_ERRORS.section);
      return;
    }
    if (!(commands instanceof NgDict)) {
      reading.refuse(ATTRIBUTE_ERRORS.content);
      return;
    }
    for (const [command, items] of commands.entries) {
      if (!isAttributeCommand(command)) {
        reading.refuse(ATTRIBUTE_ERRORS.command);
        return;
      }
      // One attribute may come without a list around it; it is not split, for commas belong to attributes.
      const list = typeof items === "string" ? [items] : items;
      if (!Array.isArray(list)) {
        reading.refuse(ATTRIBUTE_ERRORS.content);
        return;
      }
      for (const item of list as readonly NgValue[]) {
        if (!editAttribute(reading, command, section, item)) {
          reading.refuse(ATTRIBUTE_ERRORS.token);
          return;
        }
      }
    }
  }
}

type AttributeCommand = "add" | "remove" | "substitute";
function isAttributeCommand(text: string): text is AttributeCommand {
  return text === "add" || text === "remove" || text === "substitute";
}

/** One change; false when it is none. */
export function editAttribute(reading: Reading, command: AttributeCommand, section: string, item: NgValue): boolean {
  const canonical = ATTRIBUTE_SECTIONS.get(section);
  if (canonical === undefined) return false;
  const edits = reading.draft.attributeEdits(canonical);
  if (command === "substitute") {
    const pair = typeof item === "string" ? splitPair(item) : item;
    if (!Array.isArray(pair) || pair.length !== 2) return false;
    const [from, to] = pair as readonly NgValue[];
    if (typeof from !== "string" || typeof to !== "string" || from === "" || breaksLine(from + to)) return false;
    edits.substitute.push([unescapeValue(from), unescapeValue(to)]);
    return true;
  }
  if (typeof item !== "string" || item === "" || breaksLine(item)) return false;
  edits[command].push(unescapeValue(item));
  return true;
}

/** `from>to`. */
function splitPair(text: string): string[] {
  const at = text.indexOf(">");
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

/** A line end inside an attribute would put lines of the client's making into the SDP. */
function breaksLine(text: string): boolean {
  return /[\r\n\0]/.test(text);
}

export function readMediaRemove(reading: Reading, value: NgValue): void {
  if (!Array.isArray(value)) {
    reading.refuse(ATTRIBUTE_ERRORS.type);
    return;
  }
  for (const type of value as readonly NgValue[]) {
    if (typeof type !== "string") {
      reading.refuse(ATTRIBUTE_ERRORS.type);
      return;
    }
    if (!MEDIA_TYPES.has(type)) {
      reading.refuse(ATTRIBUTE_ERRORS.section);
      return;
    }
    reading.draft.removeMedia(type);
  }
}
