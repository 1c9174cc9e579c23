/**
 * What the service manager is told (sd_notify(3)): ready, reloading, stopping, a line of status, and that we are alive. A
 * message is lines of `NAME=value` in one datagram.
 */

/** Carries one datagram to the manager; returns 0 or an errno. Must neither block nor throw. */
export interface NotifySocket {
  send(data: Uint8Array): number;
}

/** Keeps the manager from giving up while calls end: each message buys this time. Microseconds. */
const STOP_EXTENSION = 15_000_000;

/** Longest status line, characters. systemd shows one line. */
const MAX_STATUS = 256;

export class Notifier {
  readonly #socket: NotifySocket | undefined;
  /** CLOCK_MONOTONIC in microseconds, which RELOADING wants. */
  readonly #monotonic: () => number;
  #status = "";

  /** Without socket nothing is sent. */
  constructor(socket: NotifySocket | undefined, monotonic: () => number) {
    this.#socket = socket;
    this.#monotonic = monotonic;
  }

  ready(status: string): void {
    this.#status = oneLine(status);
    this.#send(["READY=1", `STATUS=${this.#status}`]);
  }

  /** Followed by {@link ready} when the reload is over, also when it has failed: the old configuration goes on. */
  reloading(): void {
    this.#send(["RELOADING=1", `MONOTONIC_USEC=${this.#monotonic()}`]);
  }

  /** Sent only when it differs from the last one. */
  status(text: string): void {
    const line = oneLine(text);
    if (line === this.#status) return;
    this.#status = line;
    this.#send([`STATUS=${line}`]);
  }

  alive(): void {
    this.#send(["WATCHDOG=1"]);
  }

  stopping(status: string): void {
    this.#status = oneLine(status);
    this.#send(["STOPPING=1", `STATUS=${this.#status}`]);
  }

  /** Stopping takes longer than the manager's own limit. */
  extendStop(): void {
    this.#send([`EXTEND_TIMEOUT_USEC=${STOP_EXTENSION}`]);
  }

  #send(lines: readonly string[]): void {
    // Should the manager not listen, there is nobody to tell, and nothing that would work less well.
    this.#socket?.send(Buffer.from(`${lines.join("\n")}\n`, "utf8"));
  }
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim().slice(0, MAX_STATUS);
}

/**
 * Milliseconds between two signs of life: half of what the manager allows, as it asks for. Undefined: the manager does not
 * watch, or watches another process.
 */
export function watchdogInterval(env: Readonly<Record<string, string | undefined>>, pid: number): number | undefined {
  const text = env["WATCHDOG_USEC"] ?? "";
  const watched = env["WATCHDOG_PID"];
  if (!/^[1-9][0-9]{0,15}$/.test(text)) return undefined;
  if (watched !== undefined && watched !== String(pid)) return undefined;
  return Math.max(1, Math.floor(Number(text) / 2_000));
}
