/**
 * The log as operators grep it: `INFO: [CALLID]: [core] message`. Levels per subsystem can be changed while running. A storm
 * of lines is cut per kind of line and counted, so that it can neither stall the daemon nor fill the disk unnoticed.
 *
 * Text is byte strings (one byte per character) as everywhere inside the program; control characters that came off the
 * network are written as `\xNN`, so nobody outside can forge a line.
 */
import { familyOf } from "../address.ts";
import { LOG_BURST, LOG_RATE, MAX_DEBUGGED_CALLS, MAX_LOG_CLASSES, MAX_LOG_REPEATS } from "../limits.ts";
import type { Channel, Facility, LogSettings, Subsystem } from "./vocabulary.ts";
import { LEVEL_MAX, LEVEL_NAMES, LEVEL_OFF, LEVELS, type LevelName, SUBSYSTEMS } from "./vocabulary.ts";

/** Where finished lines go. Must neither block nor throw. */
export interface LogSink {
  /** One line without line end. `severity` is a syslog severity 0-7; `time` Unix milliseconds. */
  write(line: string, severity: number, facility: Facility, time: number): void;
  /** Writes what waits, now, blocking: for the end of the process. */
  flush(): void;
  /** Resolves when everything written so far is out. */
  drain(): Promise<void>;
  /** Lines dropped since the last call because the reader did not keep up. */
  takeLost(): number;
}

export interface Log {
  /** True when such a line would be written: ask before building an expensive message. */
  enabled(level: LevelName, subsystem: Subsystem, context?: string): boolean;
  /** `context`: prefix in brackets, e.g. `CALLID`, `CALLID port 30000`, `CALLID/TAG/MEDIA port 30000`; undefined = none. */
  write(level: LevelName, subsystem: Subsystem, context: string | undefined, message: string): void;
  /** As {@link write}, at most once per 15 s for the same text and context: for the packet path. */
  limited(level: LevelName, subsystem: Subsystem, context: string | undefined, message: string): void;
  error(subsystem: Subsystem, message: string, context?: string): void;
  warning(subsystem: Subsystem, message: string, context?: string): void;
  notice(subsystem: Subsystem, message: string, context?: string): void;
  info(subsystem: Subsystem, message: string, context?: string): void;
  debug(subsystem: Subsystem, message: string, context?: string): void;
  /** A line of the CDR, RTCP or DTMF stream; nothing happens where the stream is off. */
  channel(channel: Channel, line: string): void;
  channelEnabled(channel: Channel): boolean;
  /** Level -1 (silent) to 8. Without a subsystem: all but `internals`, which is only ever set by name. Others are clamped. */
  setLevel(level: number, subsystem?: Subsystem): void;
  level(subsystem: Subsystem): number;
  /** SIGUSR1 and SIGUSR2: one level less or more everywhere. */
  shiftLevel(by: 1 | -1): void;
  /** Debug level for one call, whatever the levels are. False: too many such calls already. */
  debugCall(callId: string, on: boolean): boolean;
  /** Once a second: reports what was suppressed. */
  tick(): void;
  /** Lines not written because of the rate limits, since start. */
  readonly suppressed: number;
  /** Reports what was suppressed and writes out everything, blocking. */
  flush(): void;
  /** The same without blocking. */
  drain(): Promise<void>;
}

/** Same text and prefix at most once in this time, milliseconds. */
const REPEAT_WINDOW = 15_000;

interface Bucket {
  tokens: number;
  filledAt: number;
  suppressed: number;
  readonly level: LevelName;
  readonly subsystem: Subsystem;
  readonly sample: string;
}

/**
 * @param now Unix milliseconds
 * @param records where lines of the CDR, RTCP and DTMF streams go
 */
export function createLog(
  settings: LogSettings,
  sink: LogSink,
  now: () => number = Date.now,
  records: LogSink = sink,
): Log {
  const levels: Record<Subsystem, number> = { ...settings.levels };
  const debugged = new Set<string>();
  const buckets = new Map<string, Bucket>();
  const repeats = new Map<string, number>();
  let suppressed = 0;
  let sweptAt = now();
  const marks = settings.markPrefix !== "" || settings.markSuffix !== "";
  const mark = (text: string) => settings.markPrefix + text + settings.markSuffix;

  function enabled(level: LevelName, subsystem: Subsystem, context?: string): boolean {
    const number = LEVELS[level];
    if (number <= levels[subsystem]) return true;
    return (
      debugged.size > 0 && context !== undefined && number <= LEVELS.debug && debugged.has(splitContext(context).id)
    );
  }

  /** Takes a token of this kind of line; false = suppressed. */
  function allowed(level: LevelName, subsystem: Subsystem, message: string, time: number): boolean {
    const kind = `${level}/${subsystem}/${message.slice(0, 60).replace(/[0-9a-f]*[0-9][0-9a-f]*/gi, "#")}`;
    let bucket = buckets.get(kind);
    if (!bucket) {
      if (buckets.size >= MAX_LOG_CLASSES) {
        report(time, true);
        buckets.clear();
      }
      bucket = { tokens: LOG_BURST, filledAt: time, suppressed: 0, level, subsystem, sample: message.slice(0, 60) };
      buckets.set(kind, bucket);
    }
    refill(bucket, time);
    if (bucket.tokens >= 1) {
      bucket.tokens--;
      return true;
    }
    bucket.suppressed++;
    suppressed++;
    return false;
  }

  /** One line per kind that lost lines; `all`: also where the storm is still on. */
  function report(time: number, all: boolean): void {
    sweptAt = time;
    const lost = sink.takeLost() + (records === sink ? 0 : records.takeLost());
    if (lost > 0) emit("warning", "core", undefined, `${lost} log lines were lost: their reader is too slow`, time);
    for (const bucket of buckets.values()) {
      if (bucket.suppressed === 0) continue;
      refill(bucket, time);
      if (!all && bucket.tokens < 1) continue;
      const count = bucket.suppressed;
      bucket.suppressed = 0;
      emit(bucket.level, bucket.subsystem, undefined, `suppressed ${count} lines like: ${bucket.sample}`, time);
    }
  }

  function emit(
    level: LevelName,
    subsystem: Subsystem,
    context: string | undefined,
    message: string,
    time: number,
  ): void {
    const number = LEVELS[level];
    const severity = Math.min(number, 7);
    if (settings.format === "json") {
      sink.write(jsonLine(level, subsystem, context, message, time), severity, settings.facility, time);
      return;
    }
    const prefix = `${LEVEL_NAMES[number]}: ${contextPrefix(context)}[${subsystem}] `;
    const text = message.replaceAll("\r\n", "\n");
    const lines = settings.splitLines ? text.split("\n").filter((line) => line !== "") : [text];
    for (const line of lines) {
      const clean = visible(marks ? markAddresses(line, mark) : line);
      for (const piece of pieces(clean, settings.maxLineLength)) {
        sink.write(prefix + piece, severity, settings.facility, time);
      }
    }
  }

  function contextPrefix(context: string | undefined): string {
    if (context === undefined) return "";
    if (settings.format === "default" && !marks) return `[${visible(context)}]: `;
    const { id, tag, index, port } = splitContext(context);
    if (settings.format === "default") {
      const branch = tag === undefined ? "" : `/${visible(tag)}/${index}`;
      return `[${mark(visible(id))}${branch}${port === undefined ? "" : ` port ${port}`}]: `;
    }
    const fields = [`ID="${mark(quoted(id))}"`];
    if (tag !== undefined) fields.push(`tag="${quoted(tag)}"`, `index="${index}"`);
    if (port !== undefined) fields.push(`port="${port}"`);
    return `[${fields.join(" ")}]: `;
  }

  function write(level: LevelName, subsystem: Subsystem, context: string | undefined, message: string): void {
    if (!enabled(level, subsystem, context)) return;
    const time = now();
    if (time - sweptAt >= 1_000) report(time, false);
    if (allowed(level, subsystem, message, time)) emit(level, subsystem, context, message, time);
  }

  function limited(level: LevelName, subsystem: Subsystem, context: string | undefined, message: string): void {
    if (!enabled(level, subsystem, context)) return;
    const time = now();
    const key = `${subsystem}\0${context ?? ""}\0${message}`;
    const last = repeats.get(key);
    // A clock set back must not silence the line for longer than the window.
    if (last !== undefined && time >= last && time - last < REPEAT_WINDOW) {
      suppressed++;
      return;
    }
    if (repeats.size >= MAX_LOG_REPEATS) repeats.clear();
    repeats.set(key, time);
    write(level, subsystem, context, message);
  }

  function setLevel(level: number, subsystem?: Subsystem): void {
    const number = Math.max(LEVEL_OFF, Math.min(LEVEL_MAX, Math.trunc(level)));
    if (Number.isNaN(number)) return;
    if (subsystem) levels[subsystem] = number;
    else for (const each of SUBSYSTEMS) if (each !== "internals") levels[each] = number;
  }

  return {
    enabled,
    write,
    limited,
    error: (subsystem, message, context) => write("error", subsystem, context, message),
    warning: (subsystem, message, context) => write("warning", subsystem, context, message),
    notice: (subsystem, message, context) => write("notice", subsystem, context, message),
    info: (subsystem, message, context) => write("info", subsystem, context, message),
    debug: (subsystem, message, context) => write("debug", subsystem, context, message),
    channelEnabled: (channel) => settings.channels[channel] !== undefined,
    channel(channel, line) {
      const facility = settings.channels[channel];
      if (facility) records.write(visible(line), LEVELS.info, facility, now());
    },
    setLevel,
    level: (subsystem) => levels[subsystem],
    shiftLevel(by) {
      for (const each of SUBSYSTEMS) if (each !== "internals") setLevel(Math.max(0, levels[each] + by), each);
    },
    debugCall(callId, on) {
      if (!on) debugged.delete(callId);
      else if (debugged.size >= MAX_DEBUGGED_CALLS && !debugged.has(callId)) return false;
      else debugged.add(callId);
      return true;
    },
    tick: () => report(now(), false),
    get suppressed() {
      return suppressed;
    },
    flush() {
      report(now(), true);
      sink.flush();
      if (records !== sink) records.flush();
    },
    drain() {
      report(now(), true);
      return records === sink ? sink.drain() : Promise.all([sink.drain(), records.drain()]).then(() => {});
    },
  };
}

function refill(bucket: Bucket, time: number): void {
  const passed = Math.max(0, time - bucket.filledAt);
  bucket.tokens = Math.min(LOG_BURST, bucket.tokens + (passed * LOG_RATE) / 1_000);
  bucket.filledAt = time;
}

/** The parts of `CALLID[/TAG/MEDIA][ port N]`. A call-id may hold slashes and spaces: the parts are taken from the end. */
function splitContext(context: string): { id: string; tag?: string; index?: string; port?: string } {
  const port = / port ([0-9]+)$/.exec(context);
  if (!port) return { id: context };
  const rest = context.slice(0, port.index);
  const branch = /^(.*)\/([^/]*)\/([0-9]+)$/s.exec(rest);
  if (!branch) return { id: rest, port: port[1]! };
  return { id: branch[1]!, tag: branch[2]!, index: branch[3]!, port: port[1]! };
}

/** Control characters become visible, so that one message stays one line. */
function visible(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (!/[\x00-\x1f\x7f]/.test(text)) return text;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return text.replace(/[\x00-\x1f\x7f]/g, (char) => {
    if (char === "\t") return char;
    if (char === "\n") return "\\n";
    if (char === "\r") return "\\r";
    return `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}

const quoted = (text: string) => visible(text).replace(/["\\]/g, "\\$&");

/** Breaks a long message; continuation lines start with `... `. */
function pieces(text: string, limit: number): string[] {
  if (limit <= 0 || text.length <= limit) return [text];
  const out = [text.slice(0, limit)];
  const step = Math.max(1, limit - 4);
  for (let at = limit; at < text.length; at += step) out.push(`... ${text.slice(at, at + step)}`);
  return out;
}

/** Wraps IPv4 and IPv6 addresses, with their port if they have one. */
function markAddresses(text: string, mark: (value: string) => string): string {
  return text.replace(
    /\[([0-9a-f:.]{2,45})\](?::[0-9]{1,5})?|[0-9a-f:.]{2,}/gi,
    (found, inside: string | undefined) => {
      if (inside !== undefined) return familyOf(inside) === 6 ? mark(found) : found;
      // Dots and colons of the sentence may follow: "…to 10.0.0.5:5060."
      const core = found.replace(/[.:]+$/, "");
      if (familyOf(found) !== undefined) return mark(found);
      const family = familyOf(core) ?? familyOf(core.replace(/:[0-9]{1,5}$/, ""));
      return family === undefined ? found : mark(core) + found.slice(core.length);
    },
  );
}

function jsonLine(
  level: LevelName,
  subsystem: Subsystem,
  context: string | undefined,
  message: string,
  time: number,
): string {
  const { id, tag, index, port } =
    context === undefined ? {} : (splitContext(context) as Partial<ReturnType<typeof splitContext>>);
  const entry = {
    time: new Date(time).toISOString(),
    level,
    subsystem,
    ...(id !== undefined && { "call-id": fromBytes(id) }),
    ...(tag !== undefined && { tag: fromBytes(tag), index: Number(index) }),
    ...(port !== undefined && { port: Number(port) }),
    message: fromBytes(message),
  };
  // ASCII only: the sink writes text as bytes.
  return JSON.stringify(entry).replace(
    /[\u007f-\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** A byte string read as UTF-8. Text that is no byte string is left alone. */
function fromBytes(text: string): string {
  const bytes = Buffer.from(text, "latin1");
  return bytes.toString("latin1") === text ? bytes.toString("utf8") : text;
}
