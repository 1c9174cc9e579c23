/**
 * `sluice check [OPTIONS]`, also `--config-test`: reads the configuration as the daemon would, prints every finding with
 * the right form and what it all comes to, and starts nothing. Exit status: 0 it would start, 1 it would not.
 */
import { formatEndpoint } from "../address.ts";
import type { Finding } from "../config/finding.ts";
import { formatFinding } from "../config/finding.ts";
import type { ListenEndpoint, Settings } from "../config/settings.ts";
import { readConfiguration } from "./arguments.ts";
import { optionsHelp } from "./help.ts";

/** What was found out about a capability by trying it. */
export interface Probe {
  readonly name: string;
  readonly state: "yes" | "no" | "unknown";
  readonly reason: string;
}

/** `probes`: tries what this host can do; its answers follow the summary and do not change the exit status. */
export async function check(
  args: readonly string[],
  probes: (settings: Settings) => Promise<readonly Probe[]> = async () => [],
): Promise<number> {
  const { settings, findings, actions } = await readConfiguration(args);
  if (actions.has("help")) {
    process.stdout.write(optionsHelp("check"));
    return 0;
  }
  process.stdout.write(checkReport(settings, findings, settings ? await probes(settings) : []));
  return settings ? 0 : 1;
}

/** The whole text of `sluice check`. */
export function checkReport(
  settings: Settings | undefined,
  findings: readonly Finding[],
  probes: readonly Probe[],
): string {
  const lines: string[] = [];
  for (const severity of ["error", "warning", "note"] as const) {
    for (const finding of findings) {
      if (finding.severity === severity) lines.push(`${severity}: ${formatFinding(finding)}`);
    }
  }
  if (lines.length > 0) lines.push("");
  if (settings) lines.push(...summary(settings));
  for (const { name, state, reason } of probes) lines.push(row(name, `${state}${reason === "" ? "" : `: ${reason}`}`));
  const errors = findings.filter((finding) => finding.severity === "error").length;
  const warnings = findings.filter((finding) => finding.severity === "warning").length;
  lines.push(
    settings
      ? `configuration is valid${warnings > 0 ? `, ${count(warnings, "warning")}` : ""}`
      : `configuration is NOT valid: ${count(errors, "error")}, ${count(warnings, "warning")}`,
  );
  return `${lines.join("\n")}\n`;
}

const count = (number: number, word: string) => `${number} ${word}${number === 1 ? "" : "s"}`;
const row = (name: string, value: string) => `${`${name}:`.padEnd(17)} ${value}`;

function summary({ file, call, listen, threads, relay, kernel, log, templates }: Settings): string[] {
  const lines = [row("file", file ?? "none")];
  for (const { name, addresses } of call.interfaces.interfaces) {
    for (const { local, advertised, portMin, portMax, excludePorts } of addresses) {
      const shown = advertised === local ? "" : ` shown as ${advertised}`;
      const without = excludePorts.size > 0 ? ` without ${[...excludePorts].join(", ")}` : "";
      lines.push(row(`interface ${name}`, `${local}${shown}, ports ${portMin}-${portMax}${without}`));
    }
  }
  for (const [alias, name] of call.interfaces.aliases) lines.push(row(`interface ${alias}`, `= ${name}`));
  const listeners: [string, readonly ListenEndpoint[]][] = [
    ["ng (UDP)", listen.ng],
    ["ng (TCP)", listen.tcpNg],
    ["command line", listen.cli],
    ["HTTP", listen.http],
    ["HTTPS", listen.https],
  ];
  for (const [name, endpoints] of listeners) {
    if (endpoints.length > 0) lines.push(row(name, endpoints.map(formatEndpoint).join(", ")));
  }
  const { timeout, silentTimeout, offerTimeout, finalTimeout, deleteDelay, maxSessions } = call;
  lines.push(
    row("threads", String(threads)),
    row("relay engine", `${relay.engine}, gather ${relay.gatherTime} us`),
    row("kernel", `${kernel.plane}, table ${kernel.table < 0 ? "none" : kernel.table}`),
    row(
      "timeouts",
      `${timeout} s, silent ${silentTimeout} s, offer ${offerTimeout} s, final ${finalTimeout === 0 ? "off" : `${finalTimeout} s`}, delete ${deleteDelay} s`,
    ),
    row("sessions", maxSessions < 0 ? "no limit" : `at most ${maxSessions}`),
    row("log", `level ${log.levels.core}, format ${log.format}, facility ${log.facility}`),
  );
  if (templates.size > 0) lines.push(row("templates", [...templates.keys()].join(", ")));
  return lines;
}
