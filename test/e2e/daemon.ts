/**
 * The daemon under test, started with rtpengine's own options: what runs here is chosen by `E2E_DAEMON`, `sluice` (the
 * executable that `npm run build` made, the default), `rtpengine` (Debian's, to check the scenarios themselves), or a path.
 */
import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { Child } from "./child.ts";
import { settled } from "./deadline.ts";
import { MEDIA, NG, PORT_MAX, PORT_MIN, udpPortsInUse } from "./network.ts";
import { NgClient, type NgDictionary } from "./ng-client.ts";

const choice = process.env["E2E_DAEMON"] ?? "sluice";

/** Debian's rtpengine 10.5 stands in: differences of that old version are noted, not failed. */
export const isPeer = choice === "rtpengine";

export const daemonPath =
  choice === "sluice" ? join(import.meta.dir, "../../dist/sluice") : isPeer ? "/usr/bin/rtpengine" : choice;

export interface DaemonOptions {
  readonly interfaces?: readonly string[];
  readonly portMin?: number;
  readonly portMax?: number;
  /** Further command-line options. */
  readonly extra?: readonly string[];
  /** Limit of open files, soft and hard. */
  readonly openFiles?: number;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly logLevel?: number;
}

export function daemonCommand(options: DaemonOptions = {}): string[] {
  const limit = options.openFiles === undefined ? [] : ["prlimit", `--nofile=${options.openFiles}`, "--"];
  return [
    ...limit,
    daemonPath,
    "--config-file=none",
    "--table=-1",
    ...(options.interfaces ?? [MEDIA]).map((spec) => `--interface=${spec}`),
    `--listen-ng=${NG.address}:${NG.port}`,
    `--port-min=${options.portMin ?? PORT_MIN}`,
    `--port-max=${options.portMax ?? PORT_MAX}`,
    "--delete-delay=0",
    // Scenarios end with calls up, and rtpengine ends at once.
    ...(isPeer ? [] : ["--drain-time=0"]),
    "--foreground",
    "--log-stderr",
    `--log-level=${options.logLevel ?? 7}`,
    ...(options.extra ?? []),
  ];
}

export class Daemon {
  private constructor(
    readonly process: Child,
    readonly ng: NgClient,
    private readonly options: DaemonOptions,
  ) {}

  /** Resolves when the first ng ping was answered. */
  static async start(options: DaemonOptions = {}): Promise<Daemon> {
    if (udpPortsInUse().some(({ port }) => port === NG.port)) {
      throw new Error(`another process has port ${NG.port}: is a second run of these tests going on?`);
    }
    const process = new Child("daemon", daemonCommand(options), {
      ...(options.cwd !== undefined && { cwd: options.cwd }),
      ...(options.env && { env: { ...options.env } }),
    });
    const ng = await NgClient.connect(NG.address, NG.port);
    try {
      await process.whileRunning(ng.untilPong(5_000, 25));
    } catch (error) {
      await process.stop();
      ng.close();
      throw new Error(`${String(error)}; its output was:\n${process.log.items.join("\n")}`);
    }
    return new Daemon(process, ng, options);
  }

  async calls(): Promise<string[]> {
    const reply = await this.ng.request({ command: "list", limit: 10_000 });
    return [...(reply["calls"] as string[])];
  }

  async query(callId: string): Promise<NgDictionary> {
    return await this.ng.request({ command: "query", "call-id": callId });
  }

  /** Media ports that the daemon has open, by its open files and /proc/net/udp. */
  openPorts(): number[] {
    const inodes = new Set<string>();
    for (const fd of readdirSync(`/proc/${this.process.pid}/fd`)) {
      try {
        const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${this.process.pid}/fd/${fd}`))?.[1];
        if (inode) inodes.add(inode);
      } catch {} // closed between the listing and the look
    }
    const min = this.options.portMin ?? PORT_MIN;
    const max = this.options.portMax ?? PORT_MAX;
    return udpPortsInUse()
      .filter(({ port, inode }) => port >= min && port <= max && inodes.has(inode))
      .map(({ port }) => port)
      .sort((a, b) => a - b);
  }

  openFiles(): number {
    return readdirSync(`/proc/${this.process.pid}/fd`).length;
  }

  /** No call is left and no media port is open. */
  async expectIdle(): Promise<void> {
    await settled(async () => {
      const calls = await this.calls();
      if (calls.length) return `calls in the list: ${calls.join(", ")}`;
      const ports = this.openPorts();
      return ports.length ? `media ports open: ${ports.join(", ")}` : undefined;
    });
  }

  async stop(): Promise<void> {
    this.ng.close();
    await this.process.stop();
  }
}
