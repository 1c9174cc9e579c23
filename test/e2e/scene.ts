/** One scenario's cast: daemon, proxy, SIP agents and far ends, all gone at its end. */
import { test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Daemon, type DaemonOptions } from "./daemon.ts";
import { type Codec, FarEnd, oneWay, PCMA } from "./far-end.ts";
import type { Requirement } from "./requirement.ts";
import { SipAgent, type SipAgentOptions } from "./sip-agent.ts";
import type { SdpSection } from "./sip-message.ts";
import { SipProxy, type SipProxyOptions } from "./sip-proxy.ts";

export class Scene {
  readonly directory = mkdtempSync(join(tmpdir(), "sluice-e2e-"));
  #closing: (() => unknown)[] = [];
  #daemon: Daemon | undefined;
  #proxies: SipProxy[] = [];
  #agents: SipAgent[] = [];

  get daemon(): Daemon {
    if (!this.#daemon) throw new Error("this scene has no daemon");
    return this.#daemon;
  }

  async startDaemon(options: DaemonOptions = {}): Promise<Daemon> {
    const daemon = await Daemon.start(options);
    this.#daemon = daemon;
    this.atEnd(() => daemon.stop());
    return daemon;
  }

  async startProxy(options: Omit<SipProxyOptions, "directory">): Promise<SipProxy> {
    const proxy = await SipProxy.start({ ...options, directory: join(this.directory, "kamailio") });
    this.#proxies.push(proxy);
    this.atEnd(() => proxy.stop());
    return proxy;
  }

  agent(options: Omit<SipAgentOptions, "directory">): SipAgent {
    const agent = SipAgent.start({ ...options, directory: this.directory });
    this.#agents.push(agent);
    this.atEnd(() => agent.stop());
    return agent;
  }

  async farEnd(name: string, address: string, codec: Codec = PCMA): Promise<FarEnd> {
    const end = await FarEnd.open(name, address, codec);
    this.atEnd(() => end.close());
    return end;
  }

  /** Undone in reverse order. */
  atEnd(undo: () => unknown): void {
    this.#closing.push(undo);
  }

  async close(): Promise<void> {
    for (const undo of this.#closing.splice(0).reverse()) {
      try {
        await undo();
      } catch (error) {
        console.log(`# at the end of the scene: ${String(error)}`);
      }
    }
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** What everybody logged, for the report of a failure. */
  explain(): void {
    const tail = (title: string, lines: readonly string[]) =>
      console.log(`--- ${title}, last ${Math.min(200, lines.length)} lines\n${lines.slice(-200).join("\n")}`);
    if (this.#daemon) tail("daemon", this.#daemon.process.log.items);
    for (const proxy of this.#proxies) tail("kamailio", proxy.process.log.items);
    for (const agent of this.#agents) {
      const messages = agent.messages.items.map(({ direction, startLine }) => `${direction} ${startLine}`);
      tail(`${agent.options.name}'s messages`, [...messages, agent.errors()]);
    }
  }
}

/** A test with a {@link Scene}; skipped with its reason when the machine lacks something. */
export function scenario(
  name: string,
  needs: readonly Requirement[],
  play: (scene: Scene) => Promise<void>,
  timeoutMs = 40_000,
): void {
  const missing = needs.map((need) => need.missing()).filter((reason) => reason !== undefined);
  if (missing.length) {
    console.log(`# SKIP ${name}: ${missing.join("; ")}`);
    test.skip(name, () => {});
    return;
  }
  test(
    name,
    async () => {
      const scene = new Scene();
      try {
        await play(scene);
      } catch (error) {
        scene.explain();
        throw error;
      } finally {
        await scene.close();
      }
    },
    timeoutMs,
  );
}

/** A remark that is no failure. */
export function note(text: string): void {
  console.log(`# note: ${text}`);
}

/** Media both ways at once: `a` sends to `aTarget`, which reaches `b`; and the other way round. */
export async function talk(
  a: FarEnd,
  aTarget: SdpSection,
  b: FarEnd,
  bTarget: SdpSection,
  packets = 50,
): Promise<void> {
  await Promise.all([oneWay(a, aTarget, b, bTarget, packets), oneWay(b, bTarget, a, aTarget, packets)]);
}
