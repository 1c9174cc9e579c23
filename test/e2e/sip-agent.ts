/**
 * A sipp process with one of the scenarios in `sipp/`. Its message trace is read as it is written, so a scenario can await
 * any SIP message; and where a sipp scenario waits for an INFO request, {@link SipAgent.cue} lets it go on.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Endpoint } from "../../src/address.ts";
import { Child } from "./child.ts";
import { Feed } from "./deadline.ts";
import { PROXY } from "./network.ts";
import { parseSip, type SipMessage } from "./sip-message.ts";

export interface SipAgentOptions {
  readonly name: string;
  /** File name in `sipp/`, without extension. */
  readonly scenario: string;
  readonly address: Endpoint;
  readonly calls?: number;
  /** New calls per second. */
  readonly rate?: number;
  /** Values of `[fieldN]`, one row per call, in order. */
  readonly fields?: readonly (readonly (string | number)[])[];
  /** What replaces `{{name}}` in the scenario: SDP bodies, mostly. */
  readonly texts?: Readonly<Record<string, string>>;
  readonly directory: string;
}

export class SipAgent {
  readonly messages = new Feed<SipMessage>();
  #cues = 0;

  private constructor(
    readonly options: SipAgentOptions,
    readonly process: Child,
    private readonly trace: Child,
  ) {}

  static start(options: SipAgentOptions): SipAgent {
    const { name, directory, address } = options;
    const file = (suffix: string) => join(directory, `${name}.${suffix}`);
    let scenario = readFileSync(join(import.meta.dir, "sipp", `${options.scenario}.xml`), "latin1");
    for (const [key, text] of Object.entries(options.texts ?? {})) scenario = scenario.replaceAll(`{{${key}}}`, text);
    const gap = /\{\{.*?\}\}/.exec(scenario);
    if (gap) throw new Error(`${options.scenario}.xml: no text for ${gap[0]}`);
    writeFileSync(file("xml"), scenario, "latin1");
    const rows = options.fields ?? [[""]];
    writeFileSync(file("csv"), `SEQUENTIAL\n${rows.map((row) => `${row.join(";")};`).join("\n")}\n`);
    Bun.spawnSync(["mkfifo", file("trace")]);
    const trace = new Child(`${name}'s trace`, ["cat", file("trace")]);
    const calls = String(options.calls ?? 1);
    const process = new Child(name, [
      "sipp",
      `${PROXY.address}:${PROXY.port}`,
      ...["-sf", file("xml"), "-inf", file("csv"), "-i", address.address, "-p", String(address.port)],
      ...["-m", calls, "-l", calls, "-r", String(options.rate ?? 50), "-nostdin", "-timer_resol", "1"],
      ...["-trace_msg", "-message_file", file("trace"), "-trace_err", "-error_file", file("err")],
      ...["-skip_rlimit", "-cp", String(address.port + 400), "-timeout", "60", "-timeout_error"],
      ...["-cid_str", `${name}-%u-%p@%s`],
    ]);
    const agent = new SipAgent(options, process, trace);
    agent.#follow();
    return agent;
  }

  /** sipp's trace: a dashed line with the time, `UDP message sent (N bytes):` or `UDP message received [N] bytes :`, text. */
  async #follow() {
    let pending = "";
    let seen = 0;
    for (;;) {
      const line = await this.trace.log.first(() => true, 3_600_000, "the trace", seen).catch(() => undefined);
      if (line === undefined) return;
      pending += `${this.trace.log.items.slice(seen).join("\n")}\n`;
      seen = this.trace.log.items.length;
      for (;;) {
        const mark = /UDP message (sent|received) [[(](\d+)[\])]? bytes ?\)?:?\s*:?\n\n/.exec(pending);
        if (!mark) break;
        const start = mark.index + mark[0].length;
        const end = start + Number(mark[2]);
        if (pending.length < end) break;
        this.messages.push(parseSip(pending.slice(start, end), mark[1] as "sent" | "received"));
        pending = pending.slice(end);
      }
    }
  }

  /** Waits for the first matching message, e.g. `{ direction: "received", status: 200, method: "INVITE" }`. */
  async message(
    match: { direction?: "sent" | "received"; method?: string; status?: number | undefined; callId?: string },
    options: { nth?: number; timeoutMs?: number; where?: (message: SipMessage) => boolean } = {},
  ): Promise<SipMessage> {
    let left = options.nth ?? 1;
    const seen = new Set<SipMessage>();
    const fits = (message: SipMessage) => {
      if (seen.has(message)) return false;
      for (const [key, value] of Object.entries(match)) {
        if (message[key as keyof SipMessage] !== value) return false;
      }
      if (options.where && !options.where(message)) return false;
      seen.add(message);
      return --left === 0;
    };
    const what = `${this.options.name}: message ${options.nth ?? 1} like ${JSON.stringify(match)}`;
    return await this.process.whileRunning(this.messages.first(fits, options.timeoutMs ?? 10_000, what), 250);
  }

  /** The first matching message of each of `calls` calls; retransmissions do not count. */
  async messagePerCall(match: Parameters<SipAgent["message"]>[0], calls: number): Promise<SipMessage[]> {
    const first = new Map<string, SipMessage>();
    await this.message(match, {
      where: (message) => {
        if (!first.has(message.callId)) first.set(message.callId, message);
        return first.size === calls;
      },
    });
    return [...first.values()];
  }

  /**
   * Lets a call's scenario go on from its `<recv request="INFO">`. The cue carries the headers of `like`, because sipp's
   * `[last_*]` keywords refer to it afterwards.
   */
  async cue(like: SipMessage): Promise<void> {
    const socket = await Bun.udpSocket({ socket: { data() {}, error() {} } });
    const headers = like.headers.filter((line) => !/^content-(type|length):/i.test(line));
    const text = [
      `INFO sip:cue@${this.options.address.address} SIP/2.0`,
      ...headers,
      `X-Cue: ${++this.#cues}`,
      "Content-Length: 0",
    ];
    socket.send(`${text.join("\r\n")}\r\n\r\n`, this.options.address.port, this.options.address.address);
    socket.close();
  }

  /** All calls went as the sipp scenario says: exit status 0. */
  async succeeded(timeoutMs = 15_000): Promise<void> {
    const status = await this.process.ended(timeoutMs);
    if (status !== 0) throw new Error(`${this.options.name} (sipp) ended with status ${status}:\n${this.errors()}`);
  }

  errors(): string {
    try {
      return readFileSync(join(this.options.directory, `${this.options.name}.err`), "latin1").slice(0, 4_000);
    } catch {
      return "(sipp reported no errors)";
    }
  }

  async stop(): Promise<void> {
    await this.process.stop();
    await this.trace.stop();
  }
}
