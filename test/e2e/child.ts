/** A process of the scenario: its output is kept line by line, and it is ended by its own process id. */
import type { Subprocess } from "bun";
import { Feed, within } from "./deadline.ts";

/** The system ends the process should we end before our scenes do (prctl PR_SET_PDEATHSIG). */
const WITH_US = Bun.which("setpriv") ? ["setpriv", "--pdeathsig", "TERM"] : [];

export class Child {
  readonly log = new Feed<string>();
  readonly #process: Subprocess<"ignore", "pipe", "pipe">;
  readonly #output: Promise<unknown>;

  constructor(
    readonly name: string,
    command: readonly string[],
    options: { cwd?: string; env?: Record<string, string> } = {},
  ) {
    this.#process = Bun.spawn([...WITH_US, ...command], {
      cwd: options.cwd ?? process.cwd(),
      env: { ...process.env, ...options.env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    this.#output = Promise.all([this.#collect(this.#process.stdout), this.#collect(this.#process.stderr)]);
  }

  async #collect(stream: ReadableStream<Uint8Array>) {
    const decoder = new TextDecoder("latin1");
    let rest = "";
    for await (const chunk of stream) {
      const lines = (rest + decoder.decode(chunk)).split("\n");
      rest = lines.pop()!;
      for (const line of lines) this.log.push(line);
    }
    if (rest) this.log.push(rest);
  }

  get pid(): number {
    return this.#process.pid;
  }

  get running(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Resolves with the exit status, or the signal's name, when the process has ended and its output is read. */
  async ended(timeoutMs: number): Promise<number | string> {
    await within(this.#process.exited, timeoutMs, `the end of ${this.name}`);
    await within(this.#output, 2_000, `the end of the output of ${this.name}`);
    return this.#process.signalCode ?? this.#process.exitCode ?? "unknown";
  }

  async logged(pattern: RegExp, timeoutMs = 3_000, from = 0): Promise<string> {
    return await this.log.first((line) => pattern.test(line), timeoutMs, `${pattern} in the log of ${this.name}`, from);
  }

  /** The promise's result, or an error when the process ended and `graceMs` later it still has none. */
  async whileRunning<T>(promise: Promise<T>, graceMs = 0): Promise<T> {
    const dead = this.#process.exited.then(async (status) => {
      await Bun.sleep(graceMs);
      throw new Error(`${this.name} ended with status ${this.#process.signalCode ?? status}`);
    });
    dead.catch(() => {}); // the process may well end later
    return await Promise.race([promise, dead]);
  }

  /** SIGTERM, and after 5 s SIGKILL. */
  async stop(): Promise<void> {
    if (!this.running) return;
    this.#process.kill("SIGTERM");
    try {
      await within(this.#process.exited, 5_000, `the end of ${this.name}`);
    } catch {
      console.log(`# ${this.name} did not end on SIGTERM in 5 s: killed`);
      this.#process.kill("SIGKILL");
      await this.#process.exited;
    }
  }
}
