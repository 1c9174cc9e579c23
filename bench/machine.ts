/** What a reader must know of the machine to read the figures. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";
import { openFileLimit } from "./agent.ts";
import { type Programs, versionOf } from "./contender.ts";

export interface MachineFacts {
  readonly date: string;
  readonly cpu: string;
  readonly cpus: number;
  readonly virtual: boolean;
  readonly memoryBytes: number;
  readonly kernel: string;
  /** Open files a process may have at most: each call takes four sockets. */
  readonly openFiles: number;
  readonly loadAverage: readonly number[];
  readonly bun: string;
  readonly commit: string;
  readonly sluice: string;
  readonly rtpengine: string;
}

export function machineFacts(programs: Programs): MachineFacts {
  const git = spawnSync("git", ["rev-parse", "--short=12", "HEAD"], { encoding: "utf8", cwd: import.meta.dir });
  return {
    date: new Date().toISOString(),
    cpu: cpus()[0]?.model.trim() ?? "",
    cpus: cpus().length,
    virtual: /^flags.*\bhypervisor\b/m.test(readFileSync("/proc/cpuinfo", "latin1")),
    memoryBytes: totalmem(),
    kernel: release(),
    openFiles: openFileLimit,
    loadAverage: loadavg(),
    bun: Bun.version,
    commit: git.stdout?.trim() ?? "",
    sluice: existsSync(programs.sluice) ? versionOf(programs.sluice) : "",
    rtpengine: existsSync(programs.rtpengine) ? versionOf(programs.rtpengine) : "",
  };
}
