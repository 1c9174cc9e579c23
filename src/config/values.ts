/**
 * The kinds of value an option can have: how the text of a value is read, and how its right form is described. Nothing here
 * looks anything up; names of hosts and devices stay names.
 */
import { familyOf } from "../address.ts";

/** What reading a text gave. `note`: accepted, but worth telling. `write`: the right form, as an example. */
export type Read<V> =
  | { readonly ok: true; readonly value: V; readonly note?: string }
  | { readonly ok: false; readonly reason: string; readonly write?: string };

export interface ValueType<V> {
  /** Word for the value in `--help`; undefined: none is needed on the command line. */
  readonly placeholder: string | undefined;
  /** The right form, to follow "must be". */
  readonly form: string;
  /** Several values: `;` lists in rtpengine.conf, arrays in TOML, repeated on the command line. */
  readonly multiple: boolean;
  /** A `# text` after the value in rtpengine.conf is taken as a comment. Only where the value itself cannot hold one. */
  readonly comments: boolean;
  readonly unit?: string;
  /** Closed set of words, for shell completion and documentation. */
  readonly words?: readonly string[];
  /** One text, or the texts of all elements where `multiple`. */
  read(texts: readonly string[]): Read<V>;
}

/** A host as written and a port: `host` undefined = all addresses. */
export interface HostPort {
  readonly host: string | undefined;
  readonly port: number;
}

export interface RedisAddress extends HostPort {
  readonly host: string;
  readonly password: string | undefined;
  /** Undefined: not given. */
  readonly database: number | undefined;
}

const wrong = (reason: string, write?: string): { ok: false; reason: string; write?: string } =>
  write === undefined ? { ok: false, reason } : { ok: false, reason, write };

const last = (texts: readonly string[]): string => texts.at(-1) ?? "";

/** Empty where something must be: on the command line that is most often an unset shell variable. */
const EMPTY = "the value is empty (an unset variable?)";

/** Yes-words and no-words; the peer daemon knows the first two of each. */
const BOOLEANS: Readonly<Record<string, boolean>> = {
  true: true,
  "1": true,
  yes: true,
  on: true,
  false: false,
  "0": false,
  no: false,
  off: false,
};

export const boolean: ValueType<boolean> = {
  placeholder: undefined,
  form: "true or false",
  multiple: false,
  comments: true,
  words: ["true", "false"],
  read(texts) {
    const value = BOOLEANS[last(texts).toLowerCase()];
    return value === undefined ? wrong("must be true or false", "true") : { ok: true, value };
  },
};

interface Range {
  readonly min?: number;
  readonly max?: number;
  readonly unit?: string;
  readonly placeholder?: string;
  /** Value to show as the right form. */
  readonly example?: number;
}

export function integer(range: Range = {}): ValueType<number> {
  const form = `a whole number${rangeText(range)}`;
  const example = String(range.example ?? range.min ?? 1);
  return {
    placeholder: range.placeholder ?? "INT",
    form,
    multiple: false,
    comments: true,
    ...(range.unit !== undefined && { unit: range.unit }),
    read(texts) {
      const text = last(texts);
      if (text === "") return wrong(`${EMPTY}; it must be ${form}`, example);
      // The C library's number parser stops at the first space; what follows never mattered.
      const [, number, junk] = /^(\S+)\s*(.*)$/s.exec(text) ?? [];
      const value = wholeNumber(number ?? "");
      if (value === undefined) {
        const unit = /^[+-]?[0-9]+([a-z%]+)$/i.exec(number ?? "");
        if (unit) return wrong(`must be ${form}, without a unit`, /^[+-]?[0-9]+/.exec(number ?? "")?.[0] ?? example);
        return wrong(`must be ${form}`, example);
      }
      if (value === "ambiguous") {
        return wrong(
          "starts with 0, which some programs read as octal: leave the leading zeros out",
          (number ?? "").replace(/^([+-]?)0+(?=[0-9])/, "$1"),
        );
      }
      if (value < (range.min ?? -Infinity) || value > (range.max ?? Infinity) || !Number.isSafeInteger(value)) {
        return wrong(`must be ${form}`, example);
      }
      return junk
        ? { ok: true, value, note: `only the number ${value} counts; '${junk}' after it is ignored` }
        : { ok: true, value };
    },
  };
}

/** Decimal, `0x…`; leading zeros only where octal and decimal agree. */
function wholeNumber(text: string): number | "ambiguous" | undefined {
  const match = /^([+-]?)(0x[0-9a-f]+|[0-9]+)$/i.exec(text);
  if (!match) return undefined;
  const digits = match[2]!;
  const value = Number(digits);
  if (/^0[0-9]+$/.test(digits) && value > 7) return "ambiguous";
  return match[1] === "-" ? 0 - value : value;
}

export function decimal(range: Range = {}): ValueType<number> {
  const form = `a number${rangeText(range)}, with a decimal point`;
  return {
    placeholder: range.placeholder ?? "FLOAT",
    form,
    multiple: false,
    comments: true,
    ...(range.unit !== undefined && { unit: range.unit }),
    read(texts) {
      const text = last(texts);
      if (text === "") return wrong(`${EMPTY}; it must be ${form}`, "1.5");
      const number = text.split(/\s/)[0]!;
      if (/^[+-]?[0-9]+,[0-9]+$/.test(number))
        return wrong("needs a decimal point, not a comma", number.replace(",", "."));
      if (!/^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?$/i.test(number)) return wrong(`must be ${form}`, "1.5");
      const value = Number(number);
      if (!Number.isFinite(value) || value < (range.min ?? -Infinity) || value > (range.max ?? Infinity)) {
        return wrong(`must be ${form}`, String(range.min ?? 1));
      }
      return { ok: true, value };
    },
  };
}

function rangeText({ min, max, unit }: Range): string {
  const of = unit === undefined ? "" : ` of ${unit}`;
  if (min !== undefined && max !== undefined) return `${of} from ${min} to ${max}`;
  if (min !== undefined) return `${of}, at least ${min}`;
  if (max !== undefined) return `${of}, at most ${max}`;
  return of;
}

export function string(placeholder = "STRING", form = "a text"): ValueType<string> {
  return {
    placeholder,
    form,
    multiple: false,
    comments: false,
    read: (texts) => ({ ok: true, value: last(texts) }),
  };
}

export const path: ValueType<string> = {
  placeholder: "PATH",
  form: "a path",
  multiple: false,
  comments: false,
  read(texts) {
    const value = last(texts);
    if (value === "") return wrong(`${EMPTY}; it must be a path`);
    return value.includes("\0") ? wrong("must be a path, without zero bytes") : { ok: true, value };
  },
};

/** One of some words, whatever the case. `synonyms`: other spellings, in lower case. */
export function oneOf<const W extends string>(
  words: readonly W[],
  synonyms: Readonly<Record<string, W>> = {},
  placeholder?: string,
): ValueType<W> {
  const form = `one of ${words.join(", ")}`;
  return {
    placeholder: placeholder ?? words.join("|"),
    form,
    multiple: false,
    comments: true,
    words,
    read(texts) {
      const text = last(texts).toLowerCase();
      const value = words.find((word) => word.toLowerCase() === text) ?? synonyms[text];
      return value === undefined ? wrong(`must be ${form}`, nearest(text, words) ?? words[0]) : { ok: true, value };
    },
  };
}

/** Several values of a kind. */
export function listOf<V>(element: ValueType<V>): ValueType<readonly V[]> {
  return {
    placeholder: element.placeholder,
    form: `${element.form} (several may be given)`,
    multiple: true,
    comments: element.comments,
    ...(element.unit !== undefined && { unit: element.unit }),
    ...(element.words !== undefined && { words: element.words }),
    read(texts) {
      const values: V[] = [];
      let note: string | undefined;
      for (const text of texts) {
        const read = element.read([text]);
        if (!read.ok) {
          const which = texts.length > 1 ? `'${text}' ` : "";
          return read.write === undefined ? wrong(which + read.reason) : wrong(which + read.reason, read.write);
        }
        values.push(read.value);
        note ??= read.note;
      }
      return note === undefined ? { ok: true, value: values } : { ok: true, value: values, note };
    },
  };
}

/** `IP:PORT`, `[IPv6]:PORT`, `HOST:PORT`, and where allowed a bare `PORT`. */
export function hostPort(options: { readonly barePort: boolean; readonly example: string }): ValueType<HostPort> {
  const form = options.barePort
    ? "IP:PORT, [IPv6]:PORT, HOST:PORT or a bare PORT"
    : "IP:PORT, [IPv6]:PORT or HOST:PORT";
  return {
    placeholder: options.barePort ? "[HOST:]PORT" : "HOST:PORT",
    form,
    multiple: false,
    comments: true,
    read(texts) {
      const text = last(texts);
      const parsed = parseHostPort(text);
      if (typeof parsed === "string") {
        return wrong(`${parsed}; it must be ${form}`, suggestion(text, options.example));
      }
      if (parsed.host === undefined && !options.barePort)
        return wrong(`has no host; it must be ${form}`, options.example);
      return { ok: true, value: parsed };
    },
  };
}

/** A word that is meant as a switch, or an address without its port, gets the form that was probably meant. */
function suggestion(text: string, example: string): string {
  const v6 = unbracketed(text);
  if (v6) return `[${v6.host}]:${v6.port}`;
  const bare = text.replace(/^\[|\]$/g, "");
  const family = familyOf(bare);
  const port = example.slice(example.lastIndexOf(":") + 1);
  if (family === 4) return `${bare}:${port}`;
  return family === 6 ? `[${bare}]:${port}` : example;
}

/** `::1:2223`: read as an address alone it would be valid too, but hardly anybody's. */
function unbracketed(text: string): { readonly host: string; readonly port: string } | undefined {
  const match = /^(.*):([0-9]{2,5})$/.exec(text);
  return match && familyOf(match[1]!) === 6 ? { host: match[1]!, port: match[2]! } : undefined;
}

/** The reason as text when it is none. */
export function parseHostPort(text: string): HostPort | string {
  if (text === "") return EMPTY;
  if (/^[0-9]+$/.test(text)) {
    const port = portNumber(text);
    return port === undefined ? `'${text}' is no port (1 to 65535)` : { host: undefined, port };
  }
  const match = /^\[([^\]]*)\]:([^:]*)$/.exec(text) ?? /^([^:[\]]*):([^:]*)$/.exec(text);
  if (!match) {
    if (unbracketed(text)) return "an IPv6 address needs brackets in front of a port";
    if (familyOf(text.replace(/^\[|\]$/g, "")) !== undefined) return "the port is missing";
    return "it has no port";
  }
  const [, host, digits] = match;
  const port = portNumber(digits!);
  if (port === undefined) return `'${digits}' is no port (1 to 65535)`;
  if (text.startsWith("[") && familyOf(host!) !== 6) return `'${host}' is no IPv6 address`;
  if (host === "" || host === "*") return { host: undefined, port };
  if (!isHost(host!)) return `'${host}' is neither an address nor a host name`;
  return { host: host!, port };
}

function portNumber(text: string): number | undefined {
  if (!/^[0-9]{1,5}$/.test(text)) return undefined;
  const port = Number(text);
  return port >= 1 && port <= 65_535 ? port : undefined;
}

/** An address, or a name as RFC 1123 section 2.1 has it; underscores occur in containers. All digits and dots is no name. */
export function isHost(text: string): boolean {
  if (familyOf(text) !== undefined) return true;
  if (/^[0-9.]+$/.test(text) || text.length > 253) return false;
  return text
    .split(".")
    .every(
      (label, i, all) =>
        /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(label) || (label === "" && i > 0 && i === all.length - 1),
    );
}

/** `[PASSWORD@]HOST:PORT[/DB]`. */
export const redisAddress: ValueType<RedisAddress> = {
  placeholder: "[PW@]HOST:PORT/DB",
  form: "[PASSWORD@]HOST:PORT/DB",
  multiple: false,
  comments: false,
  read(texts) {
    const text = last(texts);
    // The password may hold an @ itself; a host cannot.
    const at = text.lastIndexOf("@");
    const password = at < 0 ? undefined : text.slice(0, at);
    const [, address, database] = /^([^/]*)(?:\/(.*))?$/s.exec(text.slice(at + 1)) ?? [];
    const parsed = parseHostPort(address ?? "");
    if (typeof parsed === "string") return wrong(`${parsed}; it must be ${this.form}`, "127.0.0.1:6379/0");
    if (parsed.host === undefined) return wrong(`has no host; it must be ${this.form}`, `127.0.0.1:${parsed.port}/0`);
    if (database !== undefined && !/^[0-9]{1,6}$/.test(database)) {
      return wrong(`'${database}' is no database number`, `${address}/0`);
    }
    const value = {
      host: parsed.host,
      port: parsed.port,
      password,
      database: database === undefined ? undefined : Number(database),
    };
    return { ok: true, value };
  },
};

export const url: ValueType<string> = {
  placeholder: "URL",
  form: "a URL that starts with http:// or https://",
  multiple: false,
  comments: false,
  read(texts) {
    const value = last(texts);
    if (/^https?:\/\/[^\s]+$/i.test(value)) return { ok: true, value };
    return wrong(`must be ${this.form}`, "http://127.0.0.1:8090/");
  },
};

/** The word that was probably meant, undefined when none is close. */
export function nearest(text: string, words: readonly string[]): string | undefined {
  let best: string | undefined;
  // Two slips in a word of six letters or more, one in a shorter one.
  let limit = (text.length >= 6 ? 2 : 1) + 1;
  for (const word of words) {
    const distance = editDistance(text, word, limit);
    if (distance < limit) [best, limit] = [word, distance];
  }
  return best;
}

/** Optimal string alignment distance (insert, delete, replace, swap neighbours); `limit` when it is that or more. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit || a.length > 64) return limit;
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min(previous[j]! + 1, current[j - 1]! + 1, previous[j - 1]! + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, before[j - 2]! + 1);
      current.push(cost);
    }
    [before, previous] = [previous, current];
  }
  return Math.min(limit, previous[b.length]!);
}
