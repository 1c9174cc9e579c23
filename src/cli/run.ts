/**
 * `sluice run`: the daemon, in the foreground. SIGTERM drains, SIGINT ends at once, SIGHUP reads the configuration again,
 * SIGUSR1 and SIGUSR2 change the log level.
 */
import { rmSync, writeFileSync } from "node:fs";
import { monotonicMicroseconds, openNotifySocket } from "../../ffi/systemd.ts";
import { formatEndpoint } from "../address.ts";
import { commit, version } from "../build-info.ts";
import { findingLogLine, formatFinding } from "../config/finding.ts";
import { type Daemon, startDaemon } from "../daemon.ts";
import { Lifetime } from "../life/lifetime.ts";
import { Notifier, watchdogInterval } from "../life/notify.ts";
import type { Log } from "../observe/log.ts";
import { readConfiguration } from "./arguments.ts";
import { check } from "./check.ts";
import { optionsHelp, printVersion } from "./help.ts";
import { openLog } from "./logging.ts";
import { probeHost } from "./probes.ts";

/** Longest wait for the last log lines to be read, milliseconds. */
const LOG_DRAIN_LIMIT = 1_000;
/** Milliseconds between two looks at what is left of the calls. */
const TICK = 200;

export async function run(args: readonly string[]): Promise<number> {
  const { settings, findings, actions } = await readConfiguration(args);
  if (actions.has("help")) {
    process.stdout.write(optionsHelp("run"));
    return 0;
  }
  if (actions.has("version")) return printVersion([]);
  if (actions.has("config-test")) return check(args, probeHost);
  if (!settings) {
    for (const finding of findings) {
      if (finding.severity !== "note") process.stderr.write(`sluice: ${finding.severity}: ${formatFinding(finding)}\n`);
    }
    return 1;
  }

  const log = openLog(settings.log);
  for (const finding of findings)
    log[finding.severity === "note" ? "info" : "warning"]("core", findingLogLine(finding));
  // Before anything is opened, so that a signal during start-up is not lost.
  const signals = new Signals(log);
  const notifier = openNotifier(log);
  let daemon: Daemon;
  try {
    daemon = await startDaemon(settings, log);
    if (settings.pidfile !== undefined) writeFileSync(settings.pidfile, `${process.pid}\n`);
  } catch (error) {
    log.error("core", `Cannot start: ${error instanceof Error ? error.message : String(error)}`);
    log.flush();
    return 1;
  }
  log.info(
    "core",
    `Startup complete, version ${version} (${commit}), ng on ${settings.listen.ng.map(formatEndpoint).join(", ")}`,
  );
  const watchdog = watchdogInterval(process.env, process.pid);
  const lifetime = new Lifetime({
    served: daemon,
    notifier,
    log,
    watchdog,
    drainTime: settings.values["drain-time"],
    load: () => readConfiguration(args),
    now: () => performance.now(),
  });
  signals.deliver(lifetime);
  lifetime.started();
  const timer = setInterval(() => lifetime.tick(), Math.min(TICK, (watchdog ?? TICK) / 2));
  const why = await lifetime.over;
  clearInterval(timer);
  if (why === "no calls left" || why === "time is up") log.info("core", `Drained: ${why}, shutting down`);
  await daemon.stop();
  if (settings.pidfile !== undefined) rmSync(settings.pidfile, { force: true });
  log.info("core", "Shutdown complete");
  // A reader of the log that is stuck must not keep us.
  await Promise.race([log.drain(), Bun.sleep(LOG_DRAIN_LIMIT)]);
  return 0;
}

/** What signals ask for; what comes during the start is kept for its end. */
class Signals {
  readonly #early: ((lifetime: Lifetime) => void)[] = [];
  #lifetime: Lifetime | undefined;

  constructor(log: Log) {
    process.on("SIGUSR1", () => log.shiftLevel(-1));
    process.on("SIGUSR2", () => log.shiftLevel(1));
    this.#on("SIGHUP", (lifetime) => void lifetime.reload());
    this.#on("SIGTERM", (lifetime) => lifetime.end("SIGTERM"));
    // Ctrl-C: whoever is at the keyboard does not want to wait.
    this.#on("SIGINT", (lifetime) => lifetime.end("SIGINT", true));
  }

  deliver(lifetime: Lifetime): void {
    this.#lifetime = lifetime;
    for (const act of this.#early.splice(0)) act(lifetime);
  }

  #on(signal: NodeJS.Signals, act: (lifetime: Lifetime) => void): void {
    process.on(signal, () => {
      if (this.#lifetime) act(this.#lifetime);
      // Nobody sends many of them by mistake; the last ones say what is wanted.
      else if (this.#early.push(act) > 8) this.#early.shift();
    });
  }
}

function openNotifier(log: Log): Notifier {
  let socket: ReturnType<typeof openNotifySocket>;
  try {
    socket = openNotifySocket(process.env["NOTIFY_SOCKET"]);
  } catch (error) {
    log.warning("core", `The service manager is not told anything: ${error instanceof Error ? error.message : error}`);
  }
  return new Notifier(socket, monotonicMicroseconds);
}
