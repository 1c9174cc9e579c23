/** `sluice run`: the daemon, in the foreground, until SIGTERM or SIGINT. */
import { rmSync, writeFileSync } from "node:fs";
import { formatEndpoint } from "../address.ts";
import { commit, version } from "../build-info.ts";
import { findingLogLine, formatFinding } from "../config/finding.ts";
import { type Daemon, startDaemon } from "../daemon.ts";
import type { Log } from "../observe/log.ts";
import { readConfiguration } from "./arguments.ts";
import { check } from "./check.ts";
import { optionsHelp, printVersion } from "./help.ts";
import { openLog } from "./logging.ts";
import { probeHost } from "./probes.ts";

/** Longest wait for the last log lines to be read, milliseconds. */
const LOG_DRAIN_LIMIT = 1_000;

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
  const ended = endSignal(log);
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
  const signal = await ended;
  log.info("core", `Received ${signal}, shutting down`);
  await daemon.stop();
  if (settings.pidfile !== undefined) rmSync(settings.pidfile, { force: true });
  log.info("core", "Shutdown complete");
  // A reader of stderr that is stuck must not keep us.
  await Promise.race([log.drain(), Bun.sleep(LOG_DRAIN_LIMIT)]);
  return 0;
}

function endSignal(log: Log): Promise<NodeJS.Signals> {
  // A terminal that goes away or a peer's signal for reload must not end calls.
  process.on("SIGHUP", () =>
    log.warning("core", "SIGHUP: the configuration is only read at start; restart to change it"),
  );
  process.on("SIGUSR1", () => log.shiftLevel(-1));
  process.on("SIGUSR2", () => log.shiftLevel(1));
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => resolve(signal));
  });
}
