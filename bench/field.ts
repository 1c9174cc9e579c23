/** The field on which contenders meet: network, load generator, ng clients, and the daemons with their calls set up. */
import { join } from "node:path";
import { Agent } from "./agent.ts";
import { type Contender, Daemon, type Programs } from "./contender.ts";
import type { GeneratorRequest, RunOrder, RunResult } from "./generator.ts";
import { Lifetime } from "./lifetime.ts";
import { type BenchNetwork, loopbackNetwork, vethNetwork } from "./network.ts";
import type { NgLoadRequest, NgRunOrder, NgRunResult } from "./ng-load.ts";
import type { BenchOptions } from "./options.ts";
import { machineUsage } from "./process-usage.ts";
import type { CallSecurity, RelayKeys } from "./secure-call.ts";
import type { RelayPorts } from "./stream-frames.ts";

/** Above this lateness (p99, microseconds) a run says more about the generator than about the daemon. */
const LAG_LIMIT = 500;
/** Part of a CPU taken by others that makes a run noisy. */
const NOISE_LIMIT = 0.15;

export interface RelayRun extends RunResult {
  readonly contender: string;
  /** "generator", "noise", "saturated", "loss": what a reader must know of this run. */
  readonly remarks: readonly string[];
  /** Disturbed by others on the machine and made again; not in any median. */
  discarded: boolean;
}

export interface NgRun extends NgRunResult {
  readonly contender: string;
  /** Disturbed by others on the machine and made again; not in any median. */
  discarded: boolean;
}

/** A daemon on the field with its calls. */
export class Entrant {
  calls = 0;
  security: CallSecurity | undefined;
  /** Times its calls had to be set up anew because they stayed silent after loss. */
  deadAfterOverload = 0;
  constructor(
    readonly daemon: Daemon,
    readonly loadId: number,
  ) {}
  get name(): string {
    return this.daemon.contender.name;
  }
}

export class Field {
  readonly lifetime = new Lifetime();
  readonly network: BenchNetwork;
  readonly relayRuns: RelayRun[] = [];
  readonly ngRuns: NgRun[] = [];
  readonly commands = new Map<string, string>();
  readonly #generator: Agent<GeneratorRequest>;
  readonly #ng: Agent<NgLoadRequest>;
  #nextLoad = 1;
  #entrants: Entrant[] = [];

  private constructor(readonly options: BenchOptions) {
    this.network = options.net === "veth" ? vethNetwork(this.lifetime) : loopbackNetwork();
    const placement = { cpus: [options.generatorCpu], nice: options.nice };
    const script = (name: string) => join(import.meta.dir, name);
    this.#generator = new Agent(script("generator.ts"), { ...placement, namespace: this.network.generator });
    this.#ng = new Agent(script("ng-load.ts"), { ...placement, namespace: this.network.daemons });
    this.lifetime.add(async () => {
      await Promise.all([this.#generator.stop(), this.#ng.stop(), this.leave()]);
    });
  }

  static async open(options: BenchOptions): Promise<Field> {
    const field = new Field(options);
    try {
      await field.#generator.ask({
        do: "open",
        parties: field.network.parties,
        payload: options.payload,
        wire: field.network.wire,
      });
      return field;
    } catch (error) {
      await field.lifetime.end();
      throw error;
    }
  }

  get ngClientPid(): number {
    return this.#ng.pid;
  }

  get programs(): Programs {
    return { sluice: this.options.sluice, rtpengine: this.options.rtpengine };
  }

  /** CPUs a daemon with that many threads may use: never the generator's, unless told so. */
  daemonCpus(threads: number): number[] {
    if (this.options.daemonCpus) return [...this.options.daemonCpus];
    const others = Array.from({ length: navigator.hardwareConcurrency }, (_, i) => i).filter(
      (cpu) => cpu !== this.options.generatorCpu,
    );
    return others.length > 0 ? others.slice(0, Math.max(1, threads)) : [this.options.generatorCpu];
  }

  /** Starts the daemons side by side and waits until each answers; all but the one whose turn it is stand still. */
  async enter(contenders: readonly Contender[], cpus?: readonly number[]): Promise<Entrant[]> {
    for (const who of contenders) {
      if (this.lifetime.over) throw new Error("stopped");
      const index = this.#entrants.length;
      const daemon = Daemon.start(who, index, this.network, {
        cpus: cpus ?? this.daemonCpus(who.threads),
        nice: this.options.nice,
      });
      this.commands.set(who.name, daemon.command.join(" "));
      const entrant = new Entrant(daemon, this.#nextLoad++);
      this.#entrants.push(entrant);
      try {
        await this.#ng.ask({ do: "ping", target: this.network.ngTarget(index), seconds: 10 });
      } catch (error) {
        throw new Error(`${error instanceof Error ? error.message : error}\n${daemon.log()}`);
      }
      daemon.freeze();
    }
    return this.#entrants.slice(-contenders.length);
  }

  /** Stops all daemons. */
  async leave(): Promise<void> {
    await Promise.all(this.#entrants.splice(0).map((entrant) => entrant.daemon.stop()));
  }

  target(entrant: Entrant) {
    return this.network.ngTarget(entrant.daemon.index);
  }

  /** Sets up calls over ng; `media` also tells the generator about them. Milliseconds it took. */
  async setUp(entrant: Entrant, calls: number, media = true, security = entrant.security): Promise<number> {
    this.turn(entrant);
    const start = performance.now();
    const { relay, keys } = await this.#ng.ask<{ relay: RelayPorts[]; keys: RelayKeys[] }>({
      do: "setup",
      target: this.target(entrant),
      parties: this.network.parties,
      prefix: "media",
      first: 0,
      calls,
      firstPort: this.network.parties.firstPort,
      ...(security && { security }),
    });
    const took = performance.now() - start;
    entrant.calls = calls;
    entrant.security = security;
    const secure = security && { security, keys };
    if (media) await this.#generator.ask({ do: "load", id: entrant.loadId, relay, ...secure });
    return took;
  }

  async tearDown(entrant: Entrant): Promise<void> {
    this.turn(entrant);
    await this.#ng.ask({
      do: "teardown",
      target: this.target(entrant),
      parties: this.network.parties,
      prefix: "media",
      first: 0,
      calls: entrant.calls,
    });
    entrant.calls = 0;
  }

  /** Waits until nobody else uses the CPUs, as long as patience lasts: cheaper than a spoilt run. */
  async calm(entrant: Entrant): Promise<void> {
    for (const { daemon } of this.#entrants) if (daemon !== entrant.daemon) daemon.freeze();
    const busy = () => machineUsage().busySeconds.reduce((sum, seconds) => sum + seconds, 0);
    for (const until = performance.now() + this.options.patience * 1000; performance.now() < until; ) {
      const before = busy();
      await Bun.sleep(250);
      // 40 ms of 250 on either CPU is more than our idle processes and the kernel need.
      if (busy() - before <= 0.04) return;
    }
  }

  /** Freezes all others. */
  turn(entrant: Entrant): void {
    for (const other of this.#entrants) if (other !== entrant) other.daemon.freeze();
    entrant.daemon.thaw();
  }

  #generate(entrant: Entrant, order: Partial<RunOrder> & { calls: number }): Promise<RunResult> {
    this.turn(entrant);
    return this.#generator.ask<RunResult>({
      do: "run",
      id: entrant.loadId,
      rate: 50,
      warmSeconds: 1,
      seconds: this.options.seconds,
      companions: [],
      rest: 0,
      ...order,
      pid: entrant.daemon.pid,
    });
  }

  /**
   * Lets every stream send a few packets and waits until the daemons have settled on where the parties are, which takes
   * 3 s by default in both programs and is not part of what is measured.
   */
  async settle(entrants: readonly Entrant[]): Promise<void> {
    for (const entrant of entrants)
      await this.#generate(entrant, { calls: entrant.calls, rate: 10, warmSeconds: 0, seconds: 0.4 });
    await Bun.sleep(3200);
  }

  async relay(entrant: Entrant, order: Partial<RunOrder> & { calls: number }): Promise<RelayRun> {
    if ((order.companions ?? []).length === 0) await this.calm(entrant);
    const result = await this.#generate(entrant, order);
    entrant.daemon.assertAlive();
    const remarks: string[] = [];
    // A resting generator sends in small bursts on purpose.
    if (
      result.lag.p99 > LAG_LIMIT + 4 * (order.rest ?? 0) ||
      result.refused + result.overruns + result.backlogDrops > 0
    )
      remarks.push("generator");
    if (result.otherLoad > NOISE_LIMIT || result.stolen > NOISE_LIMIT) remarks.push("noise");
    if (result.core > 0.97 * this.daemonCpus(entrant.daemon.contender.threads).length) remarks.push("saturated");
    if (result.lost > this.options.tolerate) remarks.push("loss");
    if (result.wrong > 0 || result.duplicates > 0) remarks.push("WRONG");
    const run = { contender: entrant.name, ...result, remarks, discarded: false };
    this.relayRuns.push(run);
    return run;
  }

  /**
   * After loss: some relays give streams up for good once their queues have overflown. Where calls stay silent at a low
   * rate they are set up anew, so that the next run measures relaying again.
   */
  async revive(entrant: Entrant): Promise<void> {
    const { calls } = entrant;
    const check = await this.#generate(entrant, { calls, rate: 10, warmSeconds: 0.3, seconds: 0.3 });
    if (check.lost < check.sent * 0.01) return;
    entrant.deadAfterOverload++;
    await this.tearDown(entrant);
    await this.setUp(entrant, calls);
    await this.settle([entrant]);
  }

  /** A run; when something else took the CPUs meanwhile it is made again, and the quietest is kept. */
  async quietRelay(entrant: Entrant, order: Partial<RunOrder> & { calls: number }): Promise<RelayRun> {
    const tries: RelayRun[] = [];
    do {
      const run = await this.relay(entrant, order);
      tries.push(run);
      if (run.lost > run.sent * 0.005) await this.revive(entrant);
    } while (
      tries.length < (this.options.quick ? 2 : 3) &&
      tries.at(-1)!.remarks.some((remark) => remark === "noise" || remark === "generator")
    );
    tries.sort((a, b) => a.otherLoad + a.stolen + a.lag.p99 / 1e4 - (b.otherLoad + b.stolen + b.lag.p99 / 1e4));
    for (const run of tries.slice(1)) run.discarded = true;
    return tries[0]!;
  }

  async ng(entrant: Entrant, order: Partial<NgRunOrder> = {}): Promise<NgRun> {
    this.turn(entrant);
    const result = await this.#ng.ask<NgRunResult>({
      do: "run",
      target: this.target(entrant),
      parties: this.network.parties,
      prefix: "ng",
      clients: this.options.clients,
      outstanding: this.options.outstanding,
      warmSeconds: 1,
      seconds: this.options.seconds,
      ...order,
      pid: entrant.daemon.pid,
    });
    entrant.daemon.assertAlive();
    const run = { contender: entrant.name, ...result, discarded: false };
    this.ngRuns.push(run);
    return run;
  }

  /** Requests until code is compiled and caches are filled, as they are in a daemon that has run for a minute. */
  async warmNg(entrants: readonly Entrant[]): Promise<void> {
    for (const entrant of entrants)
      (await this.ng(entrant, { warmSeconds: 0, seconds: this.options.quick ? 3 : 6 })).discarded = true;
  }

  /** As `quietRelay`, for requests. */
  async quietNg(entrant: Entrant, order: Partial<NgRunOrder> = {}): Promise<NgRun> {
    const tries: NgRun[] = [];
    do {
      await this.calm(entrant);
      tries.push(await this.ng(entrant, order));
    } while (tries.length < (this.options.quick ? 2 : 3) && tries.at(-1)!.otherLoad > NOISE_LIMIT);
    tries.sort((a, b) => a.otherLoad - b.otherLoad);
    for (const run of tries.slice(1)) run.discarded = true;
    return tries[0]!;
  }
}

/** Order of turns in a round: who was first is last in the next, so that neither gains from the other's wake. */
export function turns<T>(entrants: readonly T[], round: number): T[] {
  return round % 2 ? [...entrants].reverse() : [...entrants];
}
