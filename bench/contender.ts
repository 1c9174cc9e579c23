/** The programs that are compared, how each is started, and the process while it runs. */
import { spawnSync } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { placed } from "./agent.ts";
import type { BenchNetwork } from "./network.ts";

export interface Contender {
  /** As tables and JSON call it. */
  readonly name: string;
  readonly program: "sluice" | "rtpengine";
  readonly path: string;
  readonly threads: number;
  readonly options: readonly string[];
}

export interface Programs {
  readonly sluice: string;
  readonly rtpengine: string;
}

export function contender(
  programs: Programs,
  program: Contender["program"],
  threads: number,
  engine?: string,
): Contender {
  return {
    name: `${program}${engine ? `/${engine}` : ""} ${threads}t`,
    program,
    path: programs[program],
    threads,
    options: engine ? [`--relay-engine=${engine}`] : [],
  };
}

/** What both are told alike: no timeout may end a call that waits for its turn, no deleted call may linger. */
function commandLine(who: Contender, network: BenchNetwork, index: number): string[] {
  const ng = network.ngTarget(index);
  return [
    who.path,
    ...(who.program === "rtpengine" ? ["--config-file=none", "--table=-1"] : []),
    `--interface=${network.mediaAddress(index)}`,
    `--listen-ng=${ng.address}:${ng.port}`,
    `--port-min=${network.portMin}`,
    `--port-max=${network.portMax}`,
    `--num-threads=${who.threads}`,
    "--timeout=3600",
    "--silent-timeout=3600",
    "--offer-timeout=3600",
    "--delete-delay=0",
    "--log-level=4",
    "--foreground",
    "--log-stderr",
    ...who.options,
  ];
}

export interface DaemonPlacement {
  readonly cpus: readonly number[];
  readonly nice: number;
}

export class Daemon {
  #frozen = false;
  #stopping = false;

  private constructor(
    readonly contender: Contender,
    readonly index: number,
    readonly command: readonly string[],
    readonly child: Bun.Subprocess,
    readonly logPath: string,
  ) {}

  static start(who: Contender, index: number, network: BenchNetwork, placement: DaemonPlacement): Daemon {
    if (!existsSync(who.path)) throw new Error(`${who.path} is missing`);
    const command = commandLine(who, network, index);
    const logPath = join(tmpdir(), `sluice-bench-${process.pid}-${index}.log`);
    const log = openSync(logPath, "w");
    const child = Bun.spawn(placed({ namespace: network.daemons, ...placement }, command), {
      stdin: "ignore",
      stdout: log,
      stderr: log,
      cwd: "/",
    });
    closeSync(log);
    return new Daemon(who, index, command, child, logPath);
  }

  get pid(): number {
    return this.child.pid;
  }

  /** Throws with the daemon's last words when it has ended. */
  assertAlive(): void {
    if (this.child.exitCode !== null || this.child.signalCode !== null)
      throw new Error(
        `${this.contender.name} has ended (${this.child.exitCode ?? this.child.signalCode}):\n${this.log()}`,
      );
  }

  log(): string {
    return readFileSync(this.logPath, "latin1").slice(-3000);
  }

  /** Stops the process in its tracks, so that what it does beside its work does not disturb the other's turn. */
  freeze(): void {
    if (this.#frozen || this.#stopping || this.child.exitCode !== null) return;
    this.#frozen = true;
    process.kill(this.pid, "SIGSTOP");
  }

  thaw(): void {
    this.assertAlive();
    if (!this.#frozen) return;
    this.#frozen = false;
    process.kill(this.pid, "SIGCONT");
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    if (this.child.exitCode === null && this.child.signalCode === null) {
      if (this.#frozen) process.kill(this.pid, "SIGCONT");
      // Both daemons end at once on this one; SIGTERM would wait for the calls.
      this.child.kill("SIGINT");
      if ((await Promise.race([this.child.exited, Bun.sleep(3000)])) === undefined) this.child.kill("SIGKILL");
      await this.child.exited;
    }
    rmSync(this.logPath, { force: true });
  }
}

export function versionOf(path: string): string {
  const run = spawnSync(path, ["--version"], { encoding: "utf8", timeout: 10_000 });
  return `${run.stdout ?? ""}${run.stderr ?? ""}`.trim().split("\n")[0] ?? "";
}
