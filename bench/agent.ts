/**
 * Child processes of a benchmark that take orders: one JSON request per line on stdin, one JSON answer per line on
 * stdout. They run elsewhere than the benchmark itself (another network namespace, a pinned CPU), hence processes.
 * A child ends when its stdin closes, so none outlives the benchmark.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

export interface Placement {
  /** Path of the network namespace, or undefined for the caller's own. */
  readonly namespace: string | undefined;
  /** CPUs it may run on. */
  readonly cpus: readonly number[];
  /** Niceness, added to the caller's. */
  readonly nice: number;
}

const WANTED_FILES = 262_144;

/** Open files a child may have: enough for 60,000 ports where the system allows it, otherwise the hard limit. */
export const openFileLimit: number = (() => {
  if (spawnSync("prlimit", [`--nofile=${WANTED_FILES}:${WANTED_FILES}`, "true"]).status === 0) return WANTED_FILES;
  return Number(/^Max open files\s+\d+\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1"))?.[1] ?? 1024);
})();

/** The command in front of which the placement is put. Every wrapper execs in place, so the pid is the program's own. */
export function placed(placement: Placement, command: readonly string[]): string[] {
  return [
    ...(placement.namespace ? ["nsenter", `--net=${placement.namespace}`, "--"] : []),
    "prlimit",
    `--nofile=${openFileLimit}:${openFileLimit}`,
    "taskset",
    "-c",
    placement.cpus.join(","),
    ...(placement.nice ? ["nice", "-n", String(placement.nice)] : []),
    // A benchmark that is killed outright takes its children with it.
    "setpriv",
    "--pdeathsig",
    "KILL",
    ...command,
  ];
}

export class Agent<Request extends { do: string }> {
  readonly #child: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly #waiting: { resolve: (answer: unknown) => void; reject: (error: Error) => void }[] = [];

  constructor(
    readonly script: string,
    placement: Placement,
  ) {
    this.#child = Bun.spawn(placed(placement, [process.execPath, "run", script]), {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    });
    void this.#read();
    void this.#child.exited.then((status) => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error(`${script} ended with status ${status}`));
    });
  }

  get pid(): number {
    return this.#child.pid;
  }

  async #read(): Promise<void> {
    let rest = "";
    const decoder = new TextDecoder();
    for await (const chunk of this.#child.stdout) {
      rest += decoder.decode(chunk, { stream: true });
      for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n")) {
        const answer = JSON.parse(rest.slice(0, end)) as { error?: string };
        rest = rest.slice(end + 1);
        const waiter = this.#waiting.shift();
        if (answer.error !== undefined) waiter?.reject(new Error(answer.error));
        else waiter?.resolve(answer);
      }
    }
  }

  ask<Answer>(request: Request): Promise<Answer> {
    return new Promise<Answer>((resolve, reject) => {
      this.#waiting.push({ resolve: resolve as (answer: unknown) => void, reject });
      this.#child.stdin.write(`${JSON.stringify(request)}\n`);
      this.#child.stdin.flush();
    });
  }

  async stop(): Promise<void> {
    try {
      this.#child.stdin.end();
    } catch {}
    const ended = await Promise.race([this.#child.exited, Bun.sleep(300).then(() => undefined)]);
    if (ended === undefined) this.#child.kill("SIGKILL");
    await this.#child.exited;
  }
}

/** The child's side: answers each request with what `handle` returns, an exception as `{error}`. */
export async function serve<Request>(handle: (request: Request) => object | Promise<object>): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    let answer: object;
    try {
      answer = await handle(JSON.parse(line) as Request);
    } catch (error) {
      answer = { error: error instanceof Error ? error.message : String(error) };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}
