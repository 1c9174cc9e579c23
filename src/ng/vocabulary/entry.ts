/** What entries of the flag table look like. */
import type { Reading } from "../reading.ts";
import type { NgValue } from "../value.ts";

/**
 * `honoured`: this version does it. `later`: accepted, decoded and reported as not honoured. `obsolete`: accepted,
 * ignored and reported.
 */
export type Status = "honoured" | "later" | "obsolete";

/** One value of an enumerated key. */
export interface Word {
  /** Canonical spelling. */
  readonly name: string;
  readonly spellings: readonly string[];
  readonly status: Status;
  readonly doc: string;
  readonly apply: (reading: Reading) => void;
}

/** The values of an enumerated key. */
export interface WordList {
  /** As the warning about an unknown value names it. */
  readonly name: string;
  readonly words: readonly Word[];
  readonly bySpelling: ReadonlyMap<string, Word>;
  /** Values made of a fixed beginning and something else, for documentation. */
  readonly patterns: readonly { readonly form: string; readonly status: Status; readonly doc: string }[];
  /** Takes such a value; false when it is none. */
  readonly pattern: ((reading: Reading, word: string) => boolean) | undefined;
}

export type KeyType =
  | "string"
  | "integer"
  | "address"
  | "list"
  | "dictionary"
  | "words"
  | "list of dictionaries"
  | "flag string";

/** A key of the dictionary. */
export interface KeyEntry {
  readonly name: string;
  readonly spellings: readonly string[];
  readonly type: KeyType;
  /** Where it means something; undefined = everywhere. Elsewhere it is ignored without a remark. */
  readonly commands: readonly string[] | undefined;
  readonly status: Status;
  readonly doc: string;
  readonly words?: WordList;
  readonly read: (reading: Reading, value: NgValue) => void;
}

/** A member of the list `flags`, or a word of an `rtpp-flags` string. */
export interface FlagEntry {
  /** Canonical name: hyphens, lower case. */
  readonly name: string;
  readonly spellings: readonly string[];
  readonly commands: readonly string[] | undefined;
  readonly status: Status;
  readonly doc: string;
  readonly apply: (reading: Reading) => void;
}

/** A flag that carries a value behind a fixed beginning. */
export interface PrefixEntry {
  readonly prefix: string;
  /** What follows, for documentation. */
  readonly value: string;
  /** Commands in which the prefix is known at all; undefined = every command. */
  readonly onlyIn: readonly string[] | undefined;
  readonly status: Status;
  readonly doc: string;
  /** False when the rest makes no sense: the flag is then unknown. */
  readonly apply: (reading: Reading, rest: string) => boolean;
}

/**
 * Every spelling that a pattern stands for: alternatives are separated by `|`; `~` is one of the separators, the same one
 * throughout a spelling.
 */
export function spell(pattern: string, separators = "- "): string[] {
  const out = new Set<string>();
  for (const alternative of pattern.split("|")) {
    if (!alternative.includes("~")) out.add(alternative);
    else for (const separator of separators) out.add(alternative.replaceAll("~", separator));
  }
  return [...out];
}

/** A string, or an integer in decimal; undefined for lists and dictionaries. */
export function asText(value: NgValue): string | undefined {
  if (typeof value === "string") return value;
  return typeof value === "number" ? String(value) : undefined;
}

/** An integer, or a string of one in decimal. */
export function asInteger(value: NgValue): number | undefined {
  if (typeof value === "number") return value;
  return typeof value === "string" && /^[+-]?[0-9]{1,15}$/.test(value) ? Number(value) : undefined;
}

/** The items of a list; a string is split at commas. Undefined for dictionaries. */
export function asItems(value: NgValue): readonly NgValue[] | undefined {
  if (typeof value === "string") return value === "" ? [] : value.includes(",") ? value.split(",") : [value];
  if (typeof value === "number") return [String(value)];
  return Array.isArray(value) ? (value as readonly NgValue[]) : undefined;
}

/** Escapes of values in lists: `--` is `=`, `..` is a space, since both have a meaning of their own in flag strings. */
export function unescapeValue(text: string): string {
  if (!text.includes("--") && !text.includes("..")) return text;
  return text.replace(/--|\.\./g, (pair) => (pair === "--" ? "=" : " "));
}
