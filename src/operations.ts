/**
 * Everything through which operators and controllers reach a running daemon besides ng over UDP: command line, ng over TCP,
 * HTTP with metrics, API and WebSocket. The daemon makes one of these and tells it little.
 */
import { readdirSync, statSync } from "node:fs";
import { type Endpoint, formatEndpoint } from "./address.ts";
import { commit, version } from "./build-info.ts";
import type { CallState } from "./call/state.ts";
import type { CallEvent, Context } from "./call/transition.ts";
import type { ListenEndpoint, Settings } from "./config/settings.ts";
import { runLine } from "./control-line/commands.ts";
import { Console } from "./control-line/console.ts";
import { type LineServer, listenLines } from "./control-line/server.ts";
import { accessByToken } from "./http/access.ts";
import { App } from "./http/app.ts";
import { type Health, health } from "./http/health.ts";
import { type OwnFigures, ownFamilies } from "./http/own-metrics.ts";
import { referenceFamilies } from "./http/reference-metrics.ts";
import { type HttpServer, listenHttp, type TlsFiles } from "./http/server.ts";
import { MAX_SOCKETS } from "./limits.ts";
import type { Dispatcher } from "./ng/dispatcher.ts";
import { listenTcp, type TcpListener } from "./ng/transports/tcp.ts";
import type { Log } from "./observe/log.ts";
import type { AnyFamily } from "./observe/metrics.ts";
import { EventLoopLag } from "./observe/metrics-event-loop.ts";
import { NgLatency } from "./observe/metrics-ng.ts";
import { allTraffic, type Traffic } from "./observe/metrics-traffic.ts";
import type { Userspace } from "./planes/userspace.ts";

export interface OperationsSources {
  readonly settings: Settings;
  readonly log: Log;
  readonly state: CallState;
  /** With the present time. */
  context(): Context;
  happen(event: CallEvent): void;
  readonly dispatcher: Dispatcher;
  readonly relay: Pick<Userspace, "plane" | "ports" | "status">;
  /** Unix time in milliseconds. */
  now(): number;
  setControlTos?(tos: number): void;
}

const OPEN_FILES = "/proc/self/fd";
/** Milliseconds. */
const OPEN_FILES_INTERVAL = 10_000;

export class Operations {
  readonly console: Console;
  readonly #sources: OperationsSources;
  readonly #app: App;
  readonly #latency = new NgLatency();
  readonly #lag = new EventLoopLag(() => performance.now());
  readonly #memoryAtStart = process.memoryUsage().rss;
  readonly #tcp: TcpListener[] = [];
  readonly #lines: LineServer[] = [];
  readonly #http: HttpServer[] = [];
  #openFiles: { readonly at: number; readonly count: number | undefined } = { at: Number.NEGATIVE_INFINITY, count: 0 };

  constructor(sources: OperationsSources) {
    this.#sources = sources;
    const { settings, log, dispatcher, relay } = sources;
    this.console = new Console({
      ...sources,
      peers: dispatcher.peers,
      workers: () => relay.status(),
      addCounters: (socket, sum) => relay.plane.addCounters(socket, sum),
    });
    this.#app = new App({
      operator: this.console,
      dispatcher,
      access: accessByToken(settings.http.token),
      metrics: () => this.metrics(),
      health: () => this.health(),
      now: sources.now,
      log: (level, message) => log.write(level, "http", undefined, message),
    });
  }

  /** Opens what the configuration names. @throws Error with the system's words when a required listener cannot be had */
  listen(): void {
    const { settings, log, dispatcher, now } = this.#sources;
    const { listen, http } = settings;
    const control = (level: "info" | "warning", message: string) => log.write(level, "control", undefined, message);
    const tls: TlsFiles | undefined =
      http.cert === undefined ? undefined : { cert: http.cert, key: http.key, clientCa: http.clientCa };
    const { idleTimeout } = http;
    this.#each("ng over TCP", listen.tcpNg, (at) => {
      this.#tcp.push(listenTcp(dispatcher, { listen: at, now, log: control }));
    });
    this.#each("command line", listen.cli, (at) => {
      this.#lines.push(listenLines({ listen: at, answer: (line) => this.runLine(line), log: control }));
      if (!isLoopback(at)) this.#exposed("command line", at, "it has no authentication: listen on a loopback address");
    });
    this.#each("HTTP", listen.http, (at) => {
      this.#http.push(listenHttp(this.#app, { listen: at, idleTimeout, now }));
      if (!isLoopback(at) && http.token === undefined)
        this.#exposed("HTTP", at, "set http-token or listen on a loopback address");
    });
    this.#each("HTTPS", listen.https, (at) => {
      this.#http.push(listenHttp(this.#app, { listen: at, idleTimeout, now, ...(tls && { tls }) }));
      if (!isLoopback(at) && http.token === undefined && http.clientCa === undefined) {
        this.#exposed("HTTPS", at, "set http-token or https-client-ca");
      }
    });
    this.#lag.start();
  }

  #each(what: string, endpoints: readonly ListenEndpoint[], open: (at: Endpoint) => void): void {
    for (const endpoint of endpoints) {
      const { log } = this.#sources;
      try {
        open(endpoint);
        log.info("control", `Listening for ${what} on ${formatEndpoint(endpoint)}`);
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        const sentence = `Cannot listen for ${what} on ${formatEndpoint(endpoint)}: ${why}`;
        if (endpoint.required) throw new Error(sentence);
        log.warning("control", sentence);
      }
    }
  }

  #exposed(what: string, at: Endpoint, cure: string): void {
    this.#sources.log.warning(
      "control",
      `${what} on ${formatEndpoint(at)} is open to everybody who reaches this address, calls can be ended there: ${cure}`,
    );
  }

  /** One line of the command language. A defect of ours must not end the process. */
  runLine(line: string): string {
    try {
      return runLine(this.console, line);
    } catch (error) {
      const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#sources.log.error("control", `Internal error in command line '${line}': ${trace}`);
      return "Internal error\n";
    }
  }

  /** An ng request has been carried out. */
  measured(command: string, seconds: number): void {
    this.#latency.observe(command, seconds);
  }

  health(): Health {
    const { state, relay } = this.#sources;
    const [first] = state.settings.interfaces.interfaces;
    return health({
      draining: this.console.draining,
      workers: relay.status(),
      ports: (first?.addresses ?? []).map((address) => ({
        address: address.local,
        free: relay.ports.usageOf(address).free,
      })),
    });
  }

  metrics(): readonly AnyFamily[] {
    // Once for both: it looks at every open socket.
    const traffic = this.console.traffic();
    return [...referenceFamilies(this.console.statistics(traffic)), ...ownFamilies(this.#figures(allTraffic(traffic)))];
  }

  #figures(traffic: Traffic): OwnFigures {
    const { state, relay, log, dispatcher } = this.#sources;
    const { rss, heapUsed, external } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    const sum = (list: readonly { readonly connections: number }[]) =>
      list.reduce((total, { connections }) => total + connections, 0);
    return {
      build: { version, commit, runtime: `bun ${Bun.version}` },
      ready: this.health().ready,
      draining: this.console.draining,
      plane: { name: relay.plane.name, engine: relay.plane.engine },
      sockets: { open: relay.ports.openSockets, limit: MAX_SOCKETS },
      calls: state.calls.size,
      traffic,
      workers: relay.status(),
      ports: relay.ports.usage(),
      portFailures: state.portFailures,
      ngLatency: this.#latency.byCommand,
      eventLoopLag: this.#lag.histogram,
      suppressedLogLines: log.suppressed,
      connections: {
        "ng-tcp": sum(this.#tcp),
        cli: sum(this.#lines),
        websocket: this.#http.reduce((total, { webSockets }) => total + webSockets, 0),
      },
      httpRequests: this.#app.requests,
      unknownFlags: Array.from(dispatcher.peers.all(), (peer) => {
        let count = peer.otherNotes;
        for (const times of peer.notes.values()) count += times;
        return { proxy: peer.address, count };
      }),
      memory: { rss, heapUsed, external, atStart: this.#memoryAtStart },
      cpuSeconds: (user + system) / 1_000_000,
      startedAt: performance.timeOrigin / 1000,
      openFiles: this.#countOpenFiles(),
      maxOpenFiles: this.console.openFiles() ?? undefined,
    };
  }

  /** Reading the folder takes its time with thousands of sockets, so it is not done with every scrape. */
  #countOpenFiles(): number | undefined {
    const now = performance.now();
    if (now - this.#openFiles.at < OPEN_FILES_INTERVAL) return this.#openFiles.count;
    let count: number | undefined;
    try {
      // Since Linux 6.2 the size of the folder is the number (proc(5)); before that it is 0.
      count = statSync(OPEN_FILES).size || readdirSync(OPEN_FILES).length;
    } catch {
      // No /proc, no metric.
    }
    this.#openFiles = { at: now, count };
    return count;
  }

  async close(): Promise<void> {
    this.#lag.stop();
    for (const each of this.#tcp) each.close();
    for (const each of this.#lines) each.close();
    await Promise.all(this.#http.map((each) => each.close()));
  }
}

function isLoopback({ address }: Endpoint): boolean {
  return address.startsWith("127.") || address === "::1";
}
