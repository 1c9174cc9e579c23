/**
 * Log lines to the host's syslog daemon (RFC 3164 in the form of syslog(3), without host name): datagrams that are sent
 * without waiting. While the daemon is away or slow, lines wait in memory up to a limit, then they are dropped and counted.
 */
import { MAX_LOG_BACKLOG } from "../limits.ts";
import type { LogSink } from "./log.ts";
import { FACILITIES, type Facility } from "./vocabulary.ts";

/** Carries one datagram to the daemon. Must neither block nor throw. Returns 0 or the errno. */
export interface SyslogSocket {
  send(data: Uint8Array): number;
}

export interface SyslogSinkOptions {
  readonly socket: SyslogSocket;
  /** Ident before the process id: rsyslog's `programname`. */
  readonly name: string;
  readonly pid: number;
}

/**
 * Pause before the next try while the daemon does not take lines, milliseconds: short while it takes some (its queue may hold
 * no more than ten), twice as long each time it takes none.
 */
const RETRY = 2;
const RETRY_LONGEST = 1_000;
/** Longest line, bytes; what syslog daemons take by default is less. */
const MAX_LINE = 16_384;
/** No receiver will ever take this datagram. */
const EMSGSIZE = 90;

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"] as const;

export class SyslogSink implements LogSink {
  readonly #options: SyslogSinkOptions;
  #waiting: Buffer[] = [];
  #first = 0;
  #bytes = 0;
  #lost = 0;
  #pause = RETRY;
  #timer: NodeJS.Timeout | undefined;
  #drained: (() => void)[] = [];

  constructor(options: SyslogSinkOptions) {
    this.#options = options;
  }

  write(line: string, severity: number, facility: Facility, time: number): void {
    const { name, pid } = this.#options;
    const priority = FACILITIES[facility] * 8 + severity;
    const datagram = bytesOf(`<${priority}>${stamp(time)} ${name}[${pid}]: ${line}`);
    if (this.#first === this.#waiting.length && this.#timer === undefined && this.#send(datagram)) return;
    if (this.#bytes + datagram.length > MAX_LOG_BACKLOG) {
      this.#lost++;
      return;
    }
    this.#waiting.push(datagram);
    this.#bytes += datagram.length;
    this.#arm();
  }

  flush(): void {
    this.#sendWaiting();
  }

  drain(): Promise<void> {
    this.#sendWaiting();
    if (this.#first === this.#waiting.length) return Promise.resolve();
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  takeLost(): number {
    const lost = this.#lost;
    this.#lost = 0;
    return lost;
  }

  /** True when the line is done with. */
  #send(datagram: Uint8Array): boolean {
    const error = this.#options.socket.send(datagram);
    if (error === EMSGSIZE) this.#lost++;
    return error === 0 || error === EMSGSIZE;
  }

  #sendWaiting(): void {
    const waiting = this.#waiting;
    const before = this.#first;
    while (this.#first < waiting.length && this.#send(waiting[this.#first]!)) {
      this.#bytes -= waiting[this.#first]!.length;
      this.#first++;
    }
    if (this.#first > before) this.#pause = RETRY;
    if (this.#first < waiting.length) return;
    this.#waiting = [];
    this.#first = 0;
    for (const resolve of this.#drained.splice(0)) resolve();
  }

  #arm(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#pause = Math.min(RETRY_LONGEST, this.#pause * 2);
      this.#sendWaiting();
      if (this.#first < this.#waiting.length) this.#arm();
      else this.#pause = RETRY;
    }, this.#pause).unref();
  }
}

/** Byte strings go out as the bytes they stand for. */
function bytesOf(text: string): Buffer {
  const bytes = Buffer.from(text, "latin1");
  const whole = bytes.toString("latin1") === text ? bytes : Buffer.from(text, "utf8");
  return whole.length > MAX_LINE ? whole.subarray(0, MAX_LINE) : whole;
}

let stampedSecond = Number.NaN;
let stampText = "";

/** `Jan  9 17:04:05`, local time, day padded with a space (RFC 3164 section 4.1.2). */
function stamp(time: number): string {
  const second = Math.floor(time / 1_000);
  if (second === stampedSecond) return stampText;
  const date = new Date(time);
  const two = (n: number) => String(n).padStart(2, "0");
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  stampedSecond = second;
  stampText = `${MONTHS[date.getMonth()]} ${String(date.getDate()).padStart(2, " ")} ${clock}`;
  return stampText;
}
