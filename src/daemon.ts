/**
 * The one driver: owns timers and sockets, turns what happens outside into events for the call core and carries out the
 * effects it answers with.
 */
import { randomBytes } from "node:crypto";
import { SystemError } from "../ffi/system-error.ts";
import { formatEndpoint } from "./address.ts";
import { CallState } from "./call/state.ts";
import { type CallEvent, type CommandReply, type Context, type Effect, transition } from "./call/transition.ts";
import type { Settings } from "./config/settings.ts";
import { DtlsService } from "./dtls-service.ts";
import type { Served } from "./life/lifetime.ts";
import { type InForce, planReload, type Reload } from "./life/reload.ts";
import { Dispatcher } from "./ng/dispatcher.ts";
import { listenUdp, type UdpListener } from "./ng/transports/udp.ts";
import { HostLoad } from "./observe/host-load.ts";
import type { Log } from "./observe/log.ts";
import type { Subsystem } from "./observe/vocabulary.ts";
import { Operations } from "./operations.ts";
import { startUserspacePlane, type Userspace } from "./planes/userspace.ts";
import { chooseEngine } from "./relay/engine-choice.ts";

/** Timeouts, rates and host load are looked at this often, as the reference does. Milliseconds. */
const TICK = 1_000;
/** Bytes of a process-wide instance id: 12 hex digits. */
const INSTANCE_ID_BYTES = 6;

const RANDOM: Context["random"] = { bytes: (count) => randomBytes(count) };

export interface Daemon extends Served {
  /** Ends all calls, closes everything and resolves when the workers are gone. */
  stop(): Promise<void>;
}

/** @throws SystemError when a listener or the relay cannot be started; nothing stays open then. */
export async function startDaemon(settings: Settings, log: Log): Promise<Daemon> {
  const driver = new Driver(
    settings,
    log,
    await startRelay(settings, log, (event) => driver.happen({ kind: "plane", event })),
    await DtlsService.start(settings.values, settings.call.softwareId, RANDOM, log, wallClock()),
  );
  try {
    driver.listen();
  } catch (error) {
    await driver.stop();
    throw error;
  }
  return driver;
}

function startRelay(
  settings: Settings,
  log: Log,
  onEvent: Parameters<typeof startUserspacePlane>[0]["onEvent"],
): Promise<Userspace> {
  const { engine, reason, fallback } = chooseEngine(settings.relay.engine);
  log.write(fallback ? "warning" : "info", "core", undefined, `Relay engine: ${engine} (${reason})`);
  return startUserspacePlane({
    engine,
    threads: settings.threads,
    gatherMicroseconds: settings.relay.gatherTime,
    socketCpus: settings.relay.socketCpus,
    placement: (worker) => {
      const { cpus, scheduling, priority } = settings.relay;
      return {
        ...(cpus && { cpus: [cpus[worker % cpus.length]!] }),
        ...(scheduling && { scheduling }),
        ...(priority !== 0 && { priority }),
      };
    },
    random: RANDOM,
    onEvent,
    log: (level, message) => log.write(level, "core", undefined, message),
  });
}

class Driver implements Daemon {
  readonly #log: Log;
  readonly #settings: Settings;
  readonly #relay: Userspace;
  readonly #state: CallState;
  readonly #dispatcher: Dispatcher;
  readonly #operations: Operations;
  readonly #hostLoad = new HostLoad();
  readonly #context: { -readonly [Key in keyof Context]: Context[Key] };
  readonly #listeners: UdpListener[] = [];
  readonly #dtls: DtlsService;
  #timer: NodeJS.Timeout | undefined;
  /** For the first of the core's timers, and when it is set to. */
  #alarm: NodeJS.Timeout | undefined;
  #alarmAt = Number.POSITIVE_INFINITY;
  #inForce: InForce;

  constructor(settings: Settings, log: Log, relay: Userspace, dtls: DtlsService) {
    this.#dtls = dtls;
    this.#log = log;
    this.#settings = settings;
    this.#inForce = settings;
    this.#relay = relay;
    const instanceId = randomBytes(INSTANCE_ID_BYTES).toString("hex");
    this.#state = new CallState({ ...settings.call, instanceId }, Date.now());
    this.#context = {
      now: 0,
      random: RANDOM,
      ports: relay.ports,
      streams: relay.reader,
      dtls: dtls.environment,
      load: { cpuPercent: 0, loadAverage: 0, bytesPerSecond: 0 },
      records: log.channelEnabled("cdr"),
    };
    this.#dispatcher = new Dispatcher({
      execute: (directives, peer) => this.#command(directives, peer),
      templates: settings.templates,
      log: (level, subsystem, context, message) => log.write(level, subsystem, context, message),
      enabled: (level, subsystem) => log.enabled(level, subsystem),
      monotonic: () => performance.now(),
      controlLine: (line) => this.#operations.runLine(line),
      measured: (command, seconds) => this.#operations.measured(command, seconds),
    });
    this.#operations = new Operations({
      settings,
      log,
      state: this.#state,
      context: () => {
        this.#context.now = wallClock();
        return this.#context;
      },
      happen: (event) => void this.happen(event),
      dispatcher: this.#dispatcher,
      relay,
      setControlTos: (tos) => {
        for (const listener of this.#listeners) listener.setTos(tos);
      },
      now: wallClock,
    });
  }

  listen(): void {
    const tos = this.#settings.values["control-tos"];
    const pmtu = this.#settings.values["control-pmtu"];
    for (const endpoint of this.#settings.listen.ng) {
      try {
        const options = { listen: [endpoint], tos, ...(pmtu === undefined ? {} : { pmtu }), now: wallClock };
        this.#listeners.push(listenUdp(this.#dispatcher, options));
      } catch (error) {
        if (endpoint.required || !(error instanceof SystemError)) throw error;
        this.#log.warning("control", `Not listening on ${formatEndpoint(endpoint)}: ${error.message}`);
      }
    }
    this.#operations.listen();
    this.#timer = setInterval(() => this.#tick(), TICK);
  }

  /** Lets the event happen to the calls and carries out what follows from it. */
  happen(event: CallEvent): CommandReply | undefined {
    this.#context.now = wallClock();
    this.#context.finalStats = this.#log.enabled("info", "core");
    const { reply, effects } = transition(this.#state, event, this.#context);
    for (const effect of effects) this.#carryOut(effect);
    const { next } = this.#state.timers;
    if (next !== undefined && next < this.#alarmAt) this.#setAlarm(next);
    return reply;
  }

  #setAlarm(at: number): void {
    clearTimeout(this.#alarm);
    this.#alarmAt = at;
    this.#alarm = setTimeout(
      () => {
        this.#alarmAt = Number.POSITIVE_INFINITY;
        this.happen({ kind: "timer" });
      },
      Math.max(1, Math.ceil(at - wallClock())),
    );
  }

  get calls(): number {
    let count = 0;
    for (const { deleteAt } of this.#state.calls.values()) if (deleteAt === undefined) count++;
    return count;
  }

  get obstacles(): readonly string[] {
    return this.#operations.health().reasons;
  }

  get workers(): ReturnType<Userspace["status"]> {
    return this.#relay.status();
  }

  refuseNewCalls(): void {
    this.#operations.console.refuseNewCalls();
  }

  reload(settings: Settings): Reload {
    const plan = planReload(this.#inForce, settings);
    this.#inForce = plan.inForce;
    this.#state.settings = { ...this.#state.settings, ...plan.call };
    if (plan.templates) this.#dispatcher.templates = plan.templates;
    for (const [subsystem, level] of Object.entries(plan.levels)) this.#log.setLevel(level, subsystem as Subsystem);
    this.#operations.console.reloaded(plan.live, settings.values);
    return plan;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    clearTimeout(this.#alarm);
    this.#alarmAt = Number.NEGATIVE_INFINITY;
    for (const listener of this.#listeners) listener.close();
    await this.#operations.close();
    for (const callId of [...this.#state.calls.keys()]) {
      this.happen({ kind: "terminate", callId, reason: "shutdown" });
    }
    await this.#relay.stop();
  }

  #command(directives: Extract<CallEvent, { kind: "command" }>["directives"], peer: string): CommandReply {
    const own = this.#operations.console.intercept(directives);
    if (own) return own;
    return this.happen({ kind: "command", directives, peer }) ?? { ok: false, reason: "Unrecognized command" };
  }

  #tick(): void {
    this.#context.load = {
      cpuPercent: this.#hostLoad.cpuPercent(),
      loadAverage: this.#hostLoad.loadAverage(),
      bytesPerSecond: this.#state.rates.user.bytes + this.#state.rates.kernel.bytes,
    };
    this.happen({ kind: "tick" });
    this.#dtls.tick(this.#context.now);
    this.#log.tick();
  }

  #carryOut(effect: Effect): void {
    switch (effect.kind) {
      case "apply":
        this.#relay.plane.apply(effect.specs);
        break;
      case "close":
        this.#operations.console.closing(effect.sockets);
        this.#relay.plane.remove(effect.sockets.map(({ id }) => id));
        this.#relay.ports.release(effect.sockets);
        break;
      case "send":
        // A datagram that the system does not take is one lost: both protocols repeat it.
        this.#relay.ports.sendFrom(effect.socket, effect.to, effect.data);
        break;
      case "log":
        if (effect.limited) this.#log.limited(effect.level, effect.subsystem, effect.context, effect.message);
        else this.#log.write(effect.level, effect.subsystem, effect.context, effect.message);
        break;
      case "call-started":
        break;
      case "call-ended":
        this.#log.channel("cdr", effect.cdr);
        break;
    }
  }
}

/**
 * Unix time in milliseconds with fraction, counted on from the start of the process: a step of the system's clock must not
 * time out every call.
 */
function wallClock(): number {
  return performance.timeOrigin + performance.now();
}
