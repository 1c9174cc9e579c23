/** What the operator's scenarios share: the daemon's listeners, programs that talk to them, a call spoken directly. */
import { expect } from "bun:test";
import type { Daemon, DaemonOptions } from "./daemon.ts";
import { daemonPath } from "./daemon.ts";
import { within } from "./deadline.ts";
import { type FarEnd, oneWay } from "./far-end.ts";
import { CALLEE_MEDIA, CALLER_MEDIA, NG } from "./network.ts";
import { NgCall } from "./ng-call.ts";
import type { Requirement } from "./requirement.ts";
import type { Scene } from "./scene.ts";
import { sdpSections } from "./sip-message.ts";

export const CLI = { address: NG.address, port: 15_023 } as const;
export const HTTP = { address: NG.address, port: 15_024 } as const;
export const HTTP_URL = `http://${HTTP.address}:${HTTP.port}`;

export const LISTENERS: readonly string[] = [
  `--listen-tcp-ng=${NG.address}:${NG.port}`,
  `--listen-cli=${CLI.address}:${CLI.port}`,
  `--listen-http=${HTTP.address}:${HTTP.port}`,
];

const installed = (name: string, from: string): Requirement => ({
  missing: () => (Bun.which(name) ? undefined : `${name} is not installed (Debian package ${from})`),
});
export const RTPENGINE_CTL = installed("rtpengine-ctl", "rtpengine-utils");
export const RTPENGINE_NG_CLIENT = installed("rtpengine-ng-client", "rtpengine-utils");
export const PROMTOOL = installed("promtool", "prometheus");
/** Installed is not enough: capturing needs the right to. */
export const TCPDUMP: Requirement = {
  missing: () => {
    if (!Bun.which("tcpdump")) return "tcpdump is not installed";
    const probe = Bun.spawnSync(["tcpdump", "-L", "-i", "lo"], { stderr: "pipe" });
    return probe.exitCode === 0 ? undefined : `tcpdump may not capture: ${probe.stderr.toString().trim()}`;
  },
};
export const PROMETHEUS = installed("prometheus", "prometheus");

export async function startWithListeners(scene: Scene, options: DaemonOptions = {}): Promise<Daemon> {
  return await scene.startDaemon({ ...options, extra: [...LISTENERS, ...(options.extra ?? [])] });
}

export interface Ran {
  readonly status: number;
  readonly output: string;
  readonly errors: string;
}

/** Runs a program to its end. */
export async function runProgram(
  command: readonly string[],
  options: { readonly input?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Ran> {
  const child = Bun.spawn([...command], {
    stdin: options.input === undefined ? "ignore" : Buffer.from(options.input),
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, ...options.env },
  });
  const texts = Promise.all([child.stdout.bytes(), child.stderr.bytes()]);
  const status = await within(child.exited, 10_000, `the end of ${command[0]}`);
  const [output, errors] = (await texts).map((bytes) => Buffer.from(bytes).toString("latin1"));
  return { status, output: output!, errors: errors! };
}

/** Debian's client; its words exactly as an operator types them. */
export async function rtpengineCtl(...words: string[]): Promise<string> {
  const target = ["--ip", `${CLI.address}:${CLI.port}`, "--config-file", "/nonexistent"];
  const { status, output, errors } = await runProgram(["rtpengine-ctl", ...target, ...words]);
  expect({ status, errors }).toEqual({ status: 0, errors: "" });
  return output;
}

export async function sluiceCtl(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  return await runProgram([daemonPath, "ctl", ...args], { env });
}

/** A call whose two far ends can hear each other, signalled without a proxy. */
export class DirectCall {
  private constructor(
    readonly ng: NgCall,
    readonly caller: FarEnd,
    readonly callee: FarEnd,
    private readonly towardsCallee: ReturnType<typeof sdpSections>,
    private readonly towardsCaller: ReturnType<typeof sdpSections>,
  ) {}

  static async establish(scene: Scene, callId: string): Promise<DirectCall> {
    const caller = await scene.farEnd("caller", CALLER_MEDIA);
    const callee = await scene.farEnd("callee", CALLEE_MEDIA);
    const ng = new NgCall(scene.daemon.ng, callId);
    const sdp = ({ address, port }: FarEnd) =>
      `v=0\r\no=- 1 1 IN IP4 ${address}\r\ns=-\r\nc=IN IP4 ${address}\r\nt=0 0\r\nm=audio ${port} RTP/AVP 8\r\n` +
      "a=rtpmap:8 PCMA/8000\r\n";
    const offer = await ng.offer({ sdp: sdp(caller) });
    const answer = await ng.answer({ sdp: sdp(callee) });
    return new DirectCall(ng, caller, callee, sdpSections(String(answer["sdp"])), sdpSections(String(offer["sdp"])));
  }

  /** Media both ways; every packet arrives. */
  async talk(packets: number): Promise<void> {
    await Promise.all([
      oneWay(this.caller, this.towardsCallee[0]!, this.callee, this.towardsCaller[0], packets),
      oneWay(this.callee, this.towardsCaller[0]!, this.caller, this.towardsCallee[0], packets),
    ]);
  }
}

/** One sample of the text format; undefined where there is none. */
export function sample(text: string, series: string): number | undefined {
  const line = text.split("\n").find((each) => each.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}
