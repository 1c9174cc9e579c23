/**
 * The grammar of flag strings (`rtpp-flags`, templates): words separated by spaces, `key=value`, `key=[a b]` for lists
 * and `key=[k=v l=[x y]]` for dictionaries, nested at will. Inside values `--` is `=` and `..` is a space.
 */
import { MAX_NG_DEPTH } from "../limits.ts";
import { NgDict, type NgValue } from "./value.ts";
import { unescapeValue } from "./vocabulary/entry.ts";

/** A word alone (a flag), or a key with its value. */
export interface FlagToken {
  readonly key: string;
  readonly value: NgValue | undefined;
}

/** Keys whose value has to stay as it is, byte by byte: identifiers, and paths in which `..` is a directory. */
const VERBATIM: ReadonlySet<string> = new Set([
  "call-id",
  "from-tag",
  "to-tag",
  "via-branch",
  "label",
  "from-label",
  "to-label",
  "set-label",
  "file",
  "blob64",
]);

/** Reads a flag string. There are no errors: what has no end ends with the string. */
export function parseFlagString(text: string): FlagToken[] {
  const tokens: FlagToken[] = [];
  const end = text.length;
  let at = 0;
  while (at < end) {
    if (isSpace(text, at)) {
      at++;
      continue;
    }
    const start = at;
    while (at < end && text[at] !== "=" && !isSpace(text, at)) at++;
    const key = text.slice(start, at);
    if (text[at] !== "=") {
      tokens.push({ key, value: undefined });
      continue;
    }
    at++;
    if (text[at] === "[") {
      const group = bracket(text, at, 1);
      tokens.push({ key, value: group.value });
      at = group.end;
      continue;
    }
    const from = at;
    while (at < end && !isSpace(text, at)) at++;
    const value = text.slice(from, at);
    tokens.push({ key, value: VERBATIM.has(key) ? value : unescapeValue(value) });
  }
  return tokens;
}

/** What `[` at `at` opens: a dictionary when its first element is `key=…`, else a list. */
function bracket(text: string, at: number, depth: number): { readonly value: NgValue; readonly end: number } {
  const items: NgValue[] = [];
  const entries: [string, NgValue][] = [];
  const end = text.length;
  let isDict: boolean | undefined;
  at++;
  while (at < end && text[at] !== "]") {
    if (isSpace(text, at)) {
      at++;
      continue;
    }
    if (text[at] === "[" && depth < MAX_NG_DEPTH) {
      isDict ??= false;
      const group = bracket(text, at, depth + 1);
      items.push(group.value);
      at = group.end;
      continue;
    }
    const start = at;
    while (at < end && text[at] !== "]" && !isSpace(text, at) && !(text[at] === "=" && isDict !== false)) at++;
    const word = text.slice(start, at);
    isDict ??= text[at] === "=";
    if (!isDict) {
      items.push(unescapeValue(word));
      continue;
    }
    if (text[at] !== "=") {
      entries.push([word, ""]);
      continue;
    }
    at++;
    if (text[at] === "[" && depth < MAX_NG_DEPTH) {
      const group = bracket(text, at, depth + 1);
      entries.push([word, group.value]);
      at = group.end;
      continue;
    }
    const from = at;
    while (at < end && text[at] !== "]" && !isSpace(text, at)) at++;
    entries.push([word, unescapeValue(text.slice(from, at))]);
  }
  return { value: isDict ? new NgDict(entries) : items, end: at + 1 };
}

function isSpace(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code === 0x20 || (code >= 0x09 && code <= 0x0d);
}
