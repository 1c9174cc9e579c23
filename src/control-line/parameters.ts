/** The numbers that `list` shows and `set` changes: their texts, which scripts match on, and their bounds. */
import type { Operator, ParameterName } from "./operator.ts";

export interface Parameter {
  readonly name: ParameterName;
  /** Value in `help`. */
  readonly params: string;
  readonly help: string;
  /** Line of `list NAME`, without its end. */
  shown(value: number): string;
  /** Reads the argument of `set NAME`. */
  read(text: string): number | { readonly failure: string };
  /** Reply of `set NAME`, without its end; `value`: what is in force now. */
  success(value: number): string;
  /** Name and number in `params diff`; undefined: not part of it. */
  readonly difference?: { readonly name: string; readonly factor: number };
}

type NumberText = number | "no digits found" | "errno=34" | "errno=0";

/** Reads a number as C's parser does: what follows it does not matter. ERANGE is 34. */
function numberOf(text: string, kind: "uint" | "int" | "float"): NumberText {
  const pattern = kind === "float" ? /^\s*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?)/i : /^\s*([+-]?[0-9]+)/;
  const digits = pattern.exec(text)?.[1];
  if (digits === undefined) return "no digits found";
  const value = Number(digits);
  if (!Number.isFinite(value) || (kind !== "float" && !Number.isSafeInteger(value))) return "errno=34";
  if (kind !== "int" && value < 0) return "errno=0";
  return value === 0 ? 0 : value;
}

/** `Success setting WORD to N`, `Fail setting WORD to X; …`. */
function plain(
  name: ParameterName,
  kind: "uint" | "int" | "float",
  help: string,
  shown: (value: number) => string,
  options: {
    readonly word?: string;
    readonly format?: (value: number) => string;
    readonly check?: (value: number) => string | undefined;
    readonly difference?: { readonly name: string; readonly factor: number };
  } = {},
): Parameter {
  const word = options.word ?? name;
  const format = options.format ?? String;
  return {
    name,
    params: `<${kind}>`,
    help,
    shown,
    read(text) {
      const value = numberOf(text, kind);
      const wrong = typeof value === "string" ? value : options.check?.(value);
      return wrong === undefined ? (value as number) : { failure: `Fail setting ${word} to ${text}; ${wrong}` };
    },
    success: (value) => `Success setting ${word} to ${format(value)}`,
    ...(options.difference && { difference: options.difference }),
  };
}

/** `Success setting WORD to N`, `Invalid WORD value N, must be …`. */
function bounded(
  name: ParameterName,
  kind: "uint" | "int",
  word: string,
  help: string,
  bounds: { readonly min: number; readonly max?: number; readonly text: string; readonly short?: true },
  difference?: { readonly name: string; readonly factor: number },
): Parameter {
  return {
    name,
    params: `<${kind}>`,
    help,
    shown: String,
    read(text) {
      const value = numberOf(text, "int");
      if (typeof value === "number" && value >= bounds.min && value <= (bounds.max ?? Number.MAX_SAFE_INTEGER)) {
        return value;
      }
      return {
        failure: bounds.short ? `Invalid ${word} value` : `Invalid ${word} value ${text}, must be ${bounds.text}`,
      };
    },
    success: (value) => `Success setting ${word} to ${value}`,
    ...(difference && { difference }),
  };
}

/** Seconds inside, microseconds in `params`. */
const MICROSECONDS = 1_000_000;
const configured =
  (what: string, format: (value: number) => string = String) =>
  (value: number) =>
    `Maximum ${what} configured on rtpengine: ${format(value)}`;
const oneDecimal = (value: number) => value.toFixed(1);
const twoDecimals = (value: number) => value.toFixed(2);
const raw = (name: string, factor = 1) => ({ name, factor });

export const PARAMETERS: readonly Parameter[] = [
  {
    ...plain("maxsessions", "int", "greatest number of parallel calls, -1 = no limit", configured("sessions"), {
      check: (value) => (value < -1 ? "either positive or -1 values allowed" : undefined),
      difference: raw("max-sessions"),
    }),
    success: (value) => `Success setting maxsessions to ${value}${value === -1 ? "; disable feature" : ""}`,
  },
  plain(
    "maxcpu",
    "float",
    "CPU use in percent above which new calls are refused",
    configured("CPU usage", oneDecimal),
    {
      format: oneDecimal,
      difference: raw("max-cpu", 100),
    },
  ),
  plain("maxload", "float", "load average above which new calls are refused", configured("load average", twoDecimals), {
    format: twoDecimals,
    difference: raw("max-load", 100),
  }),
  plain("maxbw", "uint", "traffic in bytes/s above which new calls are refused", configured("bandwidth"), {
    difference: raw("max-bw"),
  }),
  // All four say "timeout".
  plain("timeout", "uint", "seconds without media until a call is closed", (value) => `TIMEOUT=${value}`, {
    difference: raw("timeout", MICROSECONDS),
  }),
  plain("silenttimeout", "uint", "the same for muted and held calls", (value) => `SILENT_TIMEOUT=${value}`, {
    word: "timeout",
    difference: raw("silent-timeout", MICROSECONDS),
  }),
  plain("offertimeout", "uint", "seconds until a call without answer is closed", (value) => `OFFER_TIMEOUT=${value}`, {
    word: "timeout",
    difference: raw("offer-timeout", MICROSECONDS),
  }),
  plain("finaltimeout", "uint", "greatest age of a call in seconds, 0 = none", (value) => `FINAL_TIMEOUT=${value}`, {
    word: "timeout",
    difference: raw("final-timeout", MICROSECONDS),
  }),
  plain("redisallowederrors", "int", "Redis errors until it is not used for a while", String, {
    word: "redis-allowed-errors",
    difference: raw("redis_allowed_errors"),
  }),
  bounded(
    "redisdisabletime",
    "uint",
    "redis-disable-time",
    "length of that while in seconds",
    { min: 0, text: ">= 0" },
    raw("redis_disable_time"),
  ),
  bounded(
    "redisconnecttimeout",
    "uint",
    "redis-connect-timeout",
    "longest wait for a Redis connection, milliseconds",
    { min: 1, text: "> 0" },
    raw("redis_connect_timeout-db"),
  ),
  bounded(
    "rediscmdtimeout",
    "uint",
    "redis-cmd-timeout",
    "longest wait for a Redis reply, milliseconds, 0 = none",
    { min: 0, text: ">= 0" },
    raw("redis_cmd_timeout"),
  ),
  bounded(
    "controltos",
    "uint",
    "control-tos",
    "ToS byte of control replies over UDP",
    { min: 0, max: 255, text: "between 0 and 255" },
    raw("control-tos"),
  ),
  bounded("deletedelay", "uint", "delete-delay", "seconds between delete and the end of the call", {
    min: 0,
    text: "",
    short: true,
  }),
];

export const parameterNamed = (name: ParameterName): Parameter => PARAMETERS.find((each) => each.name === name)!;

/** Lines of `params diff`: what was changed since the start. */
export function differences(operator: Operator): string[] {
  return PARAMETERS.flatMap(({ name, difference }) => {
    if (!difference) return [];
    const before = operator.initialParameter(name);
    const now = operator.parameter(name);
    if (before === now) return [];
    const number = (value: number) => String(Math.round(value * difference.factor));
    return [`${difference.name}: ${number(before)} => ${number(now)}`];
  });
}
