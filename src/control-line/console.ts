/** The {@link Operator} of a running daemon: views of its state, and the few verbs. */
import { openFilesLimit, setOpenFilesLimit } from "../../ffi/resource-limits.ts";
import type { Directives } from "../call/directives.ts";
import type { CallSettings } from "../call/settings.ts";
import type { CallState } from "../call/state.ts";
import { Decimal, ngForm, type StatisticsTree, type StatisticsValue, statisticsTree } from "../call/statistics.ts";
import type { CallEvent, CommandReply, Context } from "../call/transition.ts";
import { type CallSummary, type CallView, callSummaries, callView, familyClasses } from "../call/views.ts";
import { type OptionName, type OptionValues, optionNamed } from "../config/options.ts";
import type { Settings } from "../config/settings.ts";
import type { ControlPeers } from "../ng/control-peers.ts";
import { COMMANDS } from "../ng/vocabulary/commands.ts";
import type { Log } from "../observe/log.ts";
import {
  addressKey,
  allTraffic,
  noTraffic,
  type Traffic,
  type TrafficByAddress,
  TrafficLedger,
} from "../observe/metrics-traffic.ts";
import { SUBSYSTEMS, type Subsystem } from "../observe/vocabulary.ts";
import type { SocketId } from "../planes/plane.ts";
import type { LocalSocket } from "../relay/ports.ts";
import type { WorkerStatus } from "../relay/workers.ts";
import { configurationLines, PARAMETER_OPTIONS } from "./configuration.ts";
import {
  type ConfigurationLine,
  type OpenFiles,
  type Operator,
  PARAMETER_NAMES,
  type ParameterName,
} from "./operator.ts";

export interface ConsoleSources {
  readonly settings: Settings;
  readonly state: CallState;
  /** With the present time. */
  context(): Context;
  happen(event: CallEvent): void;
  readonly peers: ControlPeers;
  readonly log: Log;
  workers(): readonly WorkerStatus[];
  /** Adds the counters of an open socket to `sum`. */
  addCounters(socket: SocketId, sum: Traffic): void;
  /** ToS byte of control replies from now on. */
  setControlTos?(tos: number): void;
}

type CallParameter = { [K in keyof CallSettings]: CallSettings[K] extends number ? K : never }[keyof CallSettings];

/** Parameters that are settings of the call core; the others are kept here. */
const IN_CALL_SETTINGS: Partial<Record<ParameterName, CallParameter>> = {
  maxsessions: "maxSessions",
  maxcpu: "maxCpu",
  maxload: "maxLoad",
  maxbw: "maxBandwidth",
  timeout: "timeout",
  silenttimeout: "silentTimeout",
  offertimeout: "offerTimeout",
  finaltimeout: "finalTimeout",
  deletedelay: "deleteDelay",
};

/** 0 means the default for these, as in the configuration: a timeout of no time at all would end every call. */
const ZERO_IS_DEFAULT: ReadonlySet<ParameterName> = new Set(["timeout", "silenttimeout", "offertimeout"]);

/** Commands that would begin a call. */
const BEGINNING: ReadonlySet<string> = new Set(["offer", "publish", "create"]);

export class Console implements Operator {
  readonly pid = process.pid;
  readonly #sources: ConsoleSources;
  readonly #initial: Readonly<Record<ParameterName, number>>;
  readonly #initialLevels: Readonly<Record<Subsystem, number>>;
  readonly #others = new Map<ParameterName, number>();
  readonly #ledger = new TrafficLedger();
  #draining = false;
  #ending = false;

  constructor(sources: ConsoleSources) {
    this.#sources = sources;
    for (const name of PARAMETER_NAMES) {
      if (!IN_CALL_SETTINGS[name]) this.#others.set(name, Number(sources.settings.values[PARAMETER_OPTIONS[name]]));
    }
    this.#initial = Object.fromEntries(PARAMETER_NAMES.map((name) => [name, this.parameter(name)])) as Record<
      ParameterName,
      number
    >;
    this.#initialLevels = Object.fromEntries(SUBSYSTEMS.map((name) => [name, sources.log.level(name)])) as Record<
      Subsystem,
      number
    >;
  }

  now(): number {
    return this.#sources.context().now;
  }

  calls(): Iterable<CallSummary> {
    return callSummaries(this.#sources.state);
  }

  call(callId: string): CallView | undefined {
    const { state } = this.#sources;
    const { streams, now } = this.#sources.context();
    return callView(state, callId, streams, now);
  }

  families(): { readonly ipv4: number; readonly ipv6: number; readonly mixed: number } {
    return familyClasses(this.#sources.state);
  }

  terminate(callId: string): boolean {
    if (!this.#sources.state.calls.has(callId)) return false;
    this.#sources.happen({ kind: "terminate", callId });
    return true;
  }

  debugCall(callId: string, on: boolean): boolean {
    return this.#sources.log.debugCall(callId, on);
  }

  /** These sockets are about to be closed: what they counted is kept. */
  closing(sockets: readonly LocalSocket[]): void {
    const { streams } = this.#sources.context();
    for (const { id, address } of sockets) this.#ledger.close(address, streams.counters(id));
  }

  /** Traffic by local address, of all sockets since start. */
  traffic(): TrafficByAddress {
    const { state, addCounters } = this.#sources;
    const open = state.streams.values();
    return this.#ledger.read(
      open.map(({ socket: { id, address } }) => ({ address, addTo: (sum) => addCounters(id, sum) })),
    );
  }

  /** `traffic`: where the caller has it already. */
  statistics(traffic: TrafficByAddress = this.traffic()): StatisticsTree {
    const { state, peers } = this.#sources;
    const tree = statisticsTree(state, this.#sources.context(), controlTree(peers));
    return { ...withTraffic(tree, traffic), poller_threads: this.#pollers() };
  }

  #pollers(): StatisticsTree[] {
    return this.#sources.workers().map(({ worker, turns, packets }) => ({
      index: worker,
      pid: this.pid,
      wakeups: turns,
      items: packets,
    }));
  }

  parameter(name: ParameterName): number {
    const field = IN_CALL_SETTINGS[name];
    return field ? this.#sources.state.settings[field] : (this.#others.get(name) ?? 0);
  }

  initialParameter(name: ParameterName): number {
    return this.#initial[name];
  }

  setParameter(name: ParameterName, value: number): number {
    const now = value === 0 && ZERO_IS_DEFAULT.has(name) ? Number(optionNamed(PARAMETER_OPTIONS[name]).default) : value;
    const { state, log } = this.#sources;
    const field = IN_CALL_SETTINGS[name];
    if (field) state.settings = { ...state.settings, [field]: now };
    else this.#setOther(name, now);
    log.notice("control", `${PARAMETER_OPTIONS[name]} set to ${now} by operator`);
    return now;
  }

  #setOther(name: ParameterName, value: number): void {
    this.#others.set(name, value);
    if (name === "controltos") this.#sources.setControlTos?.(value);
  }

  /** These options have new values since the configuration was read again; those of the call core are in force already. */
  reloaded(options: readonly OptionName[], values: OptionValues): void {
    for (const name of PARAMETER_NAMES) {
      const option = PARAMETER_OPTIONS[name];
      if (!IN_CALL_SETTINGS[name] && options.includes(option)) this.#setOther(name, Number(values[option]));
    }
  }

  logLevel(subsystem: Subsystem): number {
    return this.#sources.log.level(subsystem);
  }

  initialLogLevel(subsystem: Subsystem): number {
    return this.#initialLevels[subsystem];
  }

  setLogLevel(level: number, subsystem?: Subsystem): void {
    this.#sources.log.setLevel(level, subsystem);
  }

  openFiles(): OpenFiles {
    return openFilesLimit()?.soft;
  }

  setOpenFiles(count: number): number {
    return setOpenFilesLimit(count);
  }

  configuration(current: boolean): readonly ConfigurationLine[] {
    const levels = SUBSYSTEMS.map((name) => [name, current ? this.logLevel(name) : this.#initialLevels[name]] as const);
    const changed = new Map<OptionName, number>(
      PARAMETER_NAMES.map((name) => [PARAMETER_OPTIONS[name], current ? this.parameter(name) : this.#initial[name]]),
    );
    return configurationLines(this.#sources.settings, levels, (name) => changed.get(name));
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** The daemon is going to end: as draining, without a way back. */
  refuseNewCalls(): void {
    this.#ending = true;
    this.#draining = true;
  }

  drain(on: boolean): void {
    if (on === this.#draining || this.#ending) return;
    this.#draining = on;
    const { log, state } = this.#sources;
    log.notice("core", on ? `Draining: new calls are refused, ${state.calls.size} running` : "Taking new calls again");
  }

  /**
   * What is answered instead of carrying out this command; undefined: carry it out. While draining, a new call is refused
   * with the text that SIP proxies know as "try another node".
   */
  intercept({ command, callId }: Directives): CommandReply | undefined {
    // The same tree as everywhere else: the core alone does not know what closed sockets counted.
    if (command === "statistics") return { ok: true, body: { statistics: ngForm(this.statistics()) } };
    if (this.#draining && BEGINNING.has(command) && (callId === undefined || !this.#sources.state.calls.has(callId))) {
      return { ok: false, reason: "Parallel session limit reached", detail: "draining", loadLimit: true };
    }
    return undefined;
  }
}

/** `controlstatistics`: requests by peer, then sums. */
function controlTree(peers: ControlPeers): StatisticsTree {
  const totals = new Float64Array(COMMANDS.length);
  const proxies: StatisticsTree[] = [];
  for (const peer of peers.all()) {
    const proxy: Record<string, StatisticsValue> = { proxy: peer.address };
    for (const { index, short } of COMMANDS) {
      const name = short.toLowerCase();
      proxy[`${name}count`] = peer.counts[index]!;
      proxy[`${name}duration`] = new Decimal(peer.seconds[index]!, 6);
      totals[index]! += peer.counts[index]!;
    }
    proxy["errorcount"] = peer.errors;
    proxies.push(proxy);
  }
  const tree: Record<string, StatisticsValue> = { proxies };
  for (const { index, short } of COMMANDS) tree[`total${short.toLowerCase()}count`] = totals[index]!;
  return tree;
}

/** Puts in what the sockets counted. */
function withTraffic(tree: StatisticsTree, byAddress: TrafficByAddress): StatisticsTree {
  const all = allTraffic(byAddress);
  const interfaces = (tree["interfaces"] as readonly StatisticsTree[]).map((entry) => {
    const key = addressKey({ interface: String(entry["name"]), local: String(entry["address"]) });
    const traffic = byAddress.get(key) ?? noTraffic();
    return {
      ...entry,
      packets_lost: traffic.lost,
      duplicates: traffic.duplicates,
      ingress: { packets: traffic.packetsIn, bytes: traffic.bytesIn, errors: traffic.errorsIn },
      egress: { packets: traffic.packetsOut, bytes: traffic.bytesOut, errors: traffic.errorsOut },
    };
  });
  return {
    ...tree,
    voip_metrics: {
      ...(tree["voip_metrics"] as StatisticsTree),
      packets_lost: all.lost,
      rtp_duplicates: all.duplicates,
      rtp_reordered: all.reordered,
    },
    interfaces,
  };
}
