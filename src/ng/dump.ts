/** Messages as the log shows them: on one line, whatever bytes they have. */
import { MAX_LOGGED_MESSAGE } from "../limits.ts";
import { NgDict, type NgReplyValue, type NgValue } from "./value.ts";

/** A request or reply in the manner of `{ "command": "ping", "limit": 3, "flags": [ "a" ] }`. */
export function dump(value: NgValue | NgReplyValue): string {
  if (typeof value === "string") return `"${printable(value).replaceAll('"', '\\"')}"`;
  if (typeof value === "number") return String(value);
  if (Array.isArray(value)) return value.length === 0 ? "[ ]" : `[ ${value.map(dump).join(", ")} ]`;
  const entries: Iterable<readonly [string, NgValue | NgReplyValue | undefined]> =
    value instanceof NgDict ? value.entries : value instanceof Map ? value : Object.entries(value);
  const members: string[] = [];
  for (const [key, item] of entries) if (item !== undefined) members.push(`${dump(key)}: ${dump(item)}`);
  return members.length === 0 ? "{ }" : `{ ${members.join(", ")} }`;
}

/** A message for the log, cut where it is too long to be read. */
export function excerpt(message: string): string {
  if (message.length <= MAX_LOGGED_MESSAGE) return printable(message);
  return `${printable(message.slice(0, MAX_LOGGED_MESSAGE))} … (${message.length} bytes)`;
}

/** A byte string without line ends, control characters and bytes beyond ASCII: those as `\r`, `\n`, `\x1b`. */
export function printable(text: string): string {
  if (/^[ -[\]-~]*$/.test(text)) return text;
  return text.replace(/[^ -[\]-~]/g, (character) => {
    if (character === "\\") return "\\\\";
    if (character === "\r") return "\\r";
    if (character === "\n") return "\\n";
    if (character === "\t") return "\\t";
    return `\\x${(character.charCodeAt(0) & 255).toString(16).padStart(2, "0")}`;
  });
}
