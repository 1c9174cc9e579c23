/**
 * The life of the daemon between its start and its end: reading the configuration again, draining, and the service manager's
 * view of it. Signals and time come from outside, see `src/cli/run.ts`.
 */
import { findingLogLine } from "../config/finding.ts";
import type { Loaded, Settings } from "../config/settings.ts";
import type { Log } from "../observe/log.ts";
import { Drain, type DrainEnd } from "./drain.ts";
import type { Notifier } from "./notify.ts";
import type { Reload } from "./reload.ts";

/** What is kept alive. */
export interface Served {
  /** Calls that go on: those waiting for their deletion do not count. */
  readonly calls: number;
  /** Why new calls are not taken, in sentences; empty: they are. */
  readonly obstacles: readonly string[];
  readonly workers: readonly { readonly worker: number; readonly alive: boolean; readonly stuck: boolean }[];
  /** From now on new calls are refused. There is no way back. */
  refuseNewCalls(): void;
  /** Takes over what can be taken over while running. */
  reload(settings: Settings): Reload;
}

export interface LifetimeOptions {
  readonly served: Served;
  readonly notifier: Notifier;
  readonly log: Log;
  /** Milliseconds between two signs of life; undefined: nobody waits for them. */
  readonly watchdog: number | undefined;
  /** Longest wait for calls to end, seconds; 0 = none. */
  readonly drainTime: number;
  /** Reads the configuration once more. */
  load(): Promise<Loaded>;
  /** Milliseconds of a clock that does not go back. */
  now(): number;
}

/** Milliseconds between two requests for more time to stop; each is good for 15 s. */
const EXTEND_EVERY = 5_000;
/** Milliseconds between two status lines. */
const STATUS_EVERY = 1_000;

export class Lifetime {
  /** Resolves when the process should end, with the reason. */
  readonly over: Promise<DrainEnd>;
  readonly #options: LifetimeOptions;
  readonly #drain = new Drain();
  readonly #resolve: (end: DrainEnd) => void;
  #drainTime: number;
  #reloading: Promise<void> | undefined;
  #again = false;
  #aliveAt = Number.NEGATIVE_INFINITY;
  #statusAt = Number.NEGATIVE_INFINITY;
  #extendedAt = Number.NEGATIVE_INFINITY;
  #silent = false;

  constructor(options: LifetimeOptions) {
    this.#options = options;
    this.#drainTime = options.drainTime;
    const { promise, resolve } = Promise.withResolvers<DrainEnd>();
    this.over = promise;
    this.#resolve = resolve;
  }

  /** Everything is open: the manager may start what depends on us. */
  started(): void {
    this.#options.notifier.ready(this.#status());
    this.tick();
  }

  /** The end is asked for; a second time it comes at once. `atOnce`: no wait for calls. */
  end(signal: string, atOnce = false): void {
    const { served, notifier, log, now } = this.#options;
    if (this.#drain.ended) return;
    const again = this.#drain.draining;
    const { calls } = served;
    served.refuseNewCalls();
    this.#drain.ask(atOnce ? 0 : this.#drainTime, calls, now());
    const ending = this.#drain.ended;
    const what = calls === 1 ? "1 call is" : `${calls} calls are`;
    if (again) log.notice("core", `Received ${signal} while draining, ending at once: ${what} cut off`);
    else if (ending) log.notice("core", `Received ${signal}, shutting down${calls > 0 ? `: ${what} cut off` : ""}`);
    else {
      log.notice(
        "core",
        `Received ${signal}, draining: ${what} running; ends with the last one or in ${this.#drainTime} s, ` +
          "at once on a second signal",
      );
    }
    notifier.stopping(this.#status());
    this.#settle();
  }

  /** Reads the configuration again. One that has an error changes nothing. Never rejects. */
  reload(): Promise<void> {
    if (this.#reloading) {
      // The file may have changed since it was read.
      this.#again = true;
      return this.#reloading;
    }
    this.#reloading = this.#reload().finally(() => {
      this.#reloading = undefined;
    });
    return this.#reloading;
  }

  async #reload(): Promise<void> {
    const { log, notifier } = this.#options;
    do {
      this.#again = false;
      if (this.#drain.draining || this.#drain.ended) {
        log.warning("core", "SIGHUP: the daemon is ending, the configuration is not read again");
        return;
      }
      notifier.reloading();
      try {
        this.#take(await this.#options.load());
      } catch (error) {
        log.error("core", `SIGHUP: the configuration could not be read: ${errorText(error)}; nothing was changed`);
      }
      if (!this.#drain.draining && !this.#drain.ended) notifier.ready(this.#status());
    } while (this.#again);
  }

  #take({ settings, findings }: Loaded): void {
    const { served, log } = this.#options;
    for (const finding of findings) {
      const level = finding.severity === "error" ? "error" : finding.severity === "warning" ? "warning" : "info";
      log[level]("core", findingLogLine(finding));
    }
    if (!settings) {
      log.error("core", "SIGHUP: the configuration has errors; nothing was changed");
      return;
    }
    const { live, restart } = served.reload(settings);
    this.#drainTime = settings.values["drain-time"];
    const changed = live.length > 0 ? `in force now: ${live.join(", ")}` : "nothing to take over";
    log.notice("core", `SIGHUP: configuration read again, ${changed}`);
    if (restart.length > 0) log.warning("core", `SIGHUP: changed, but needs a restart: ${restart.join(", ")}`);
  }

  /** Several times a second, and at least twice within `watchdog`. */
  tick(): void {
    const { served, notifier, now } = this.#options;
    const time = now();
    this.#signOfLife(time);
    if (time - this.#statusAt >= STATUS_EVERY) {
      this.#statusAt = time;
      notifier.status(this.#status());
    }
    if (this.#drain.draining) {
      if (time - this.#extendedAt >= EXTEND_EVERY) {
        this.#extendedAt = time;
        notifier.extendStop();
      }
      this.#drain.look(served.calls, time);
      this.#settle();
    }
  }

  /** That this runs shows that the main thread is alive; the relay workers have to be as well. */
  #signOfLife(time: number): void {
    const { served, notifier, watchdog, log } = this.#options;
    if (watchdog === undefined) return;
    const missing = served.workers.filter(({ alive, stuck }) => !alive || stuck).map(({ worker }) => worker);
    if (missing.length > 0) {
      if (!this.#silent) {
        log.error("core", `No sign of life for the service manager: relay worker ${missing.join(", ")} does not run`);
      }
      this.#silent = true;
      return;
    }
    this.#silent = false;
    // Ticks are not exact: half a tick early is better than a whole one late.
    if (time - this.#aliveAt < watchdog * 0.75) return;
    this.#aliveAt = time;
    notifier.alive();
  }

  #settle(): void {
    const { ended } = this.#drain;
    if (ended === undefined) return;
    this.#options.notifier.stopping(this.#status());
    this.#resolve(ended);
  }

  #status(): string {
    const { served, now } = this.#options;
    const calls = served.calls === 1 ? "1 call" : `${served.calls} calls`;
    if (this.#drain.ended) return "Ending";
    if (this.#drain.draining) return `Draining: ${calls}, ${Math.ceil(this.#drain.remaining(now()) / 1_000)} s left`;
    const [obstacle] = served.obstacles;
    return obstacle === undefined ? `Taking calls: ${calls}` : `Not ready: ${obstacle}; ${calls}`;
  }
}

function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
