/**
 * Log lines to a file descriptor, usually stderr. Writing happens in the runtime's thread pool, one block at a time, so a
 * reader that has stopped reading costs memory up to a limit and then lines, but never time of the event loop.
 */
import { write, writeSync } from "node:fs";
import { MAX_LOG_BACKLOG } from "../limits.ts";
import type { LogSink } from "./log.ts";
import type { Facility } from "./vocabulary.ts";

export interface StderrSinkOptions {
  readonly fd: number;
  /** Write the time before each line. */
  readonly timestamps: boolean;
  /** Write `<N>` before each line, which journald turns into the record's priority. */
  readonly priorities: boolean;
}

/** Pause before the next try when the descriptor is non-blocking and full, milliseconds. */
const RETRY = 20;
/** How long {@link LogSink.flush} waits for a block that is on its way in the thread pool, milliseconds. */
const FLUSH_WAIT = 50;

export class StderrSink implements LogSink {
  readonly #options: StderrSinkOptions;
  #waiting: string[] = [];
  /** Characters in `#waiting`; one character is one byte but for text that is no byte string. */
  #size = 0;
  #lost = 0;
  #block: Buffer | undefined;
  #drained: (() => void)[] = [];
  #dead = false;
  /** A block the full descriptor did not take. */
  #retry: { readonly block: Buffer; readonly timer: NodeJS.Timeout } | undefined;

  constructor(options: StderrSinkOptions) {
    this.#options = options;
  }

  takeLost(): number {
    const lost = this.#lost;
    this.#lost = 0;
    return lost;
  }

  write(line: string, severity: number, _facility: Facility, time: number): void {
    if (this.#dead) return;
    if (this.#size + line.length > MAX_LOG_BACKLOG) {
      this.#lost++;
      return;
    }
    const priority = this.#options.priorities ? `<${severity}>` : "";
    const stamp = this.#options.timestamps ? `[${localTime(time)}] ` : "";
    const text = `${priority}${stamp}${line}\n`;
    this.#waiting.push(text);
    this.#size += text.length;
    if (this.#block === undefined) {
      // Lines of one turn of the event loop leave as one block.
      this.#block = Buffer.alloc(0);
      setImmediate(() => this.#next());
    }
  }

  /** Blocks while the descriptor does: an orderly end awaits {@link drain} with a time limit instead. */
  flush(): void {
    if (this.#dead) return;
    // The block in the thread pool gets a moment to leave first: the order of lines matters.
    if (this.#retry === undefined && this.#block !== undefined && this.#block.length > 0) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FLUSH_WAIT);
    }
    let rest = this.#take();
    if (this.#retry !== undefined) {
      clearTimeout(this.#retry.timer);
      rest = Buffer.concat([this.#retry.block, rest]);
      this.#retry = undefined;
      this.#block = undefined;
    }
    for (let tries = 0; rest.length > 0 && tries < 100; ) {
      try {
        rest = rest.subarray(writeSync(this.#options.fd, rest));
      } catch (error) {
        if (!isCode(error, "EAGAIN")) return;
        tries++;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      }
    }
    if (this.#block === undefined) for (const resolve of this.#drained.splice(0)) resolve();
  }

  drain(): Promise<void> {
    if (this.#block === undefined) return Promise.resolve();
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  #take(): Buffer {
    const text = this.#waiting.join("");
    this.#waiting = [];
    this.#size = 0;
    // Byte strings go out as the bytes they stand for.
    const bytes = Buffer.from(text, "latin1");
    return bytes.toString("latin1") === text ? bytes : Buffer.from(text, "utf8");
  }

  #next(): void {
    const block = this.#take();
    if (block.length === 0) {
      this.#block = undefined;
      for (const resolve of this.#drained.splice(0)) resolve();
      return;
    }
    this.#send(block);
  }

  #send(block: Buffer): void {
    this.#block = block;
    write(this.#options.fd, block, 0, block.length, null, (error, written) => {
      if (error && isCode(error, "EAGAIN")) {
        const timer = setTimeout(() => {
          this.#retry = undefined;
          this.#send(block);
        }, RETRY);
        this.#retry = { block, timer };
      } else if (error) {
        // The reader is gone (EPIPE, EIO): nobody can be told.
        this.#dead = true;
        this.#waiting = [];
        this.#lost = 0;
        this.#next();
      } else if (written < block.length) this.#send(block.subarray(written));
      else this.#next();
    });
  }
}

function isCode(error: unknown, code: string): boolean {
  return typeof error === "object" && error !== null && "code" in error && error.code === code;
}

/** `2026-01-31 17:04:05.123` in local time. */
function localTime(time: number): string {
  const date = new Date(time);
  const two = (n: number) => String(n).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${day} ${clock}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}
