/**
 * Codec parameters (`a=fmtp`) that are printed anew instead of verbatim: opus (RFC 7587 section 6.1) and EVS (3GPP TS
 * 26.445 annex A.3). Parameters come in one fixed order joined by `; `.
 */
import type { PayloadFormat } from "./model.ts";

const OPUS: readonly string[] = [
  "stereo",
  "sprop-stereo",
  "useinbandfec",
  "usedtx",
  "cbr",
  "maxplaybackrate",
  "maxaveragebitrate",
  "sprop-maxcapturerate",
  "minptime",
];

const EVS: readonly string[] = [
  "evs-mode-switch",
  "hf-only",
  "dtx",
  "dtx-recv",
  "max-red",
  "channels",
  "cmr",
  "br",
  "br-send",
  "br-recv",
  "bw",
  "bw-send",
  "bw-recv",
  "ch-send",
  "ch-recv",
  "ch-aw-recv",
  "mode-set",
  "mode-change-period",
  "mode-change-capability",
  "mode-change-neighbor",
];

/** Text after `a=fmtp:<pt> ` as we print it; undefined = no line. */
export function printedFmtp({ name, fmtp }: Pick<PayloadFormat, "name" | "fmtp">): string | undefined {
  if (fmtp === undefined || name === undefined) return fmtp;
  if (name.length === 4 && name.toLowerCase() === "opus") return opus(fmtp);
  if (name.length === 3 && name.toLowerCase() === "evs") return evs(fmtp);
  return fmtp;
}

/** Every opus parameter is a whole number; unknown and malformed ones are lost. */
function opus(fmtp: string): string | undefined {
  const given = parameters(fmtp);
  let text = "";
  for (const name of OPUS) {
    const value = given.get(name);
    if (value === undefined || !isWholeNumber(value)) continue;
    text += `${text === "" ? "" : "; "}${name}=${Number(value)}`;
  }
  return text === "" ? undefined : text;
}

/** Values stay as they came; parameters we do not know follow the known ones in their own order. */
function evs(fmtp: string): string | undefined {
  const given = parameters(fmtp);
  const parts: string[] = [];
  for (const name of EVS) {
    const value = given.get(name);
    if (value === undefined) continue;
    parts.push(value === "" ? name : `${name}=${value}`);
    given.delete(name);
  }
  for (const [name, value] of given) parts.push(value === "" ? name : `${name}=${value}`);
  return parts.length === 0 ? undefined : parts.join("; ");
}

/** `name=value` pairs between semicolons, names in lower case; the first of equal names counts. */
export function parameters(fmtp: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const part of fmtp.split(";")) {
    const equals = part.indexOf("=");
    const name = (equals < 0 ? part : part.slice(0, equals)).trim().toLowerCase();
    if (name !== "" && !found.has(name)) found.set(name, equals < 0 ? "" : part.slice(equals + 1).trim());
  }
  return found;
}

function isWholeNumber(text: string): boolean {
  if (text.length === 0 || text.length > 9) return false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x30 || code > 0x39) return false;
  }
  return true;
}
