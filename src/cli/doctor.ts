/**
 * `sluice doctor [OPTIONS]`: looks at the host as the daemon with these options would find it. `sluice doctor CALLID`: why
 * there is no audio, or audio in one direction only. Exit status: 0 nothing is wrong, 1 something is, 2 it could not be asked.
 */
import { type Endpoint, formatEndpoint } from "../address.ts";
import { formatFinding } from "../config/finding.ts";
import type { Settings } from "../config/settings.ts";
import { callReportText, hasFault, readCallReport } from "../doctor/call-report.ts";
import { type CheckAnswer, runChecks } from "../doctor/check.ts";
import { HOST_CHECKS } from "../doctor/host/checks.ts";
import { reachable } from "../doctor/host/listeners.ts";
import { withEvidence } from "../doctor/host-evidence.ts";
import { hostSystem } from "../doctor/system.ts";
import { readConfiguration } from "./arguments.ts";
import { NgClient } from "./ng-client.ts";

const USAGE = `usage: sluice doctor [CALLID] [--ng HOST:PORT] [--json] [DAEMON OPTIONS]

  without CALLID   checks of this host, each with its finding and the fix
  CALLID           why a call has no audio, per stream; asks the running daemon
  --ng HOST:PORT   where the daemon is asked; default: listen-ng of its configuration
  --call CALLID    for a Call-ID that begins with a dash
  --json           for programs

The daemon's own options and --config-file say what to check against.
`;

/** Calls looked through for one whose Call-ID contains the text, and named when there are several. */
const LOOK_THROUGH = 10_000;
const SUGGESTIONS = 5;

interface Wish {
  readonly callId: string | undefined;
  readonly ng: Endpoint | undefined;
  readonly json: boolean;
  /** Options of the daemon. */
  readonly rest: readonly string[];
}

export async function doctor(args: readonly string[]): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    process.stdout.write(USAGE);
    return 0;
  }
  const wish = parse(args);
  if (typeof wish === "string") {
    process.stderr.write(`sluice doctor: ${wish}\n${USAGE}`);
    return 2;
  }
  return wish.callId === undefined ? await examineHost(wish) : await examineCall(wish.callId, wish);
}

function parse(args: readonly string[]): Wish | string {
  let callId: string | undefined;
  let ng: Endpoint | undefined;
  let json = false;
  const rest: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const argument = args[i]!;
    const [, key, attached] = /^(--ng|--call)(?:=(.*))?$/s.exec(argument) ?? [];
    if (key !== undefined) {
      const value = attached ?? args[++i];
      if (value === undefined || value === "") return `${key} needs a value`;
      if (key === "--call") callId = value;
      else {
        ng = endpointOf(value);
        if (!ng) return `'${value}' is no HOST:PORT, e.g. 127.0.0.1:2223`;
      }
    } else if (argument === "--json") json = true;
    else if (callId === undefined && rest.length === 0 && !argument.startsWith("-")) callId = argument;
    else rest.push(argument);
  }
  return { callId, ng, json, rest };
}

function endpointOf(text: string): Endpoint | undefined {
  const found = /^(?:\[([^\]]+)\]|([^:]*)):([0-9]{1,5})$/.exec(text);
  const port = Number(found?.[3]);
  if (!found || port < 1 || port > 65_535) return undefined;
  return { address: found[1] ?? (found[2] || "127.0.0.1"), port };
}

async function settingsFor(rest: readonly string[]): Promise<Settings | undefined> {
  const { settings, findings } = await readConfiguration(rest);
  for (const finding of settings ? [] : findings) {
    if (finding.severity === "error") process.stderr.write(`sluice doctor: error: ${formatFinding(finding)}\n`);
  }
  return settings;
}

async function examineHost({ ng, json, rest }: Wish): Promise<number> {
  const loaded = await settingsFor(rest);
  if (!loaded) return 1;
  const settings = ng
    ? {
        ...loaded,
        listen: { ...loaded.listen, ng: [{ ...ng, family: 4 as const, required: true, written: formatEndpoint(ng) }] },
      }
    : loaded;
  const answers = await runChecks(HOST_CHECKS, { settings, system: hostSystem(ping) });
  const failed = answers.filter(({ state }) => state === "fail").length;
  process.stdout.write(
    json ? `${JSON.stringify({ ok: failed === 0, checks: answers }, null, 2)}\n` : hostText(answers),
  );
  return failed === 0 ? 0 : 1;
}

function hostText(answers: readonly CheckAnswer[]): string {
  const lines: string[] = [];
  for (const { state, title, finding, fix } of answers) {
    lines.push(`${(state === "fail" ? "FAIL" : state).padEnd(8)}${title}: ${finding}`);
    if (fix !== "") lines.push(`        fix: ${fix}`);
  }
  const count = (wanted: CheckAnswer["state"]) => answers.filter(({ state }) => state === wanted).length;
  lines.push(
    "",
    `${answers.length} checks: ${count("ok")} ok, ${count("warn")} warnings, ${count("fail")} failed, ${count("unknown")} could not tell`,
  );
  return `${lines.join("\n")}\n`;
}

async function examineCall(callId: string, { ng, json, rest }: Wish): Promise<number> {
  const endpoint = ng ?? (await daemonEndpoint(rest));
  if (!endpoint) return 2;
  const client = await NgClient.connect(endpoint.address, endpoint.port);
  try {
    const reply = await client.request({ command: "query", "call-id": callId });
    const report = readCallReport(callId, reply);
    if (!report) {
      process.stderr.write(
        `sluice doctor: the daemon at ${formatEndpoint(endpoint)} gives no verdicts: it is not sluice\n`,
      );
      return 2;
    }
    const explained = await withEvidence(report, hostSystem(ping));
    process.stdout.write(
      json ? `${JSON.stringify({ ok: !hasFault(explained), ...explained }, null, 2)}\n` : callReportText(explained),
    );
    return hasFault(explained) ? 1 : 0;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const hint = message.includes("Unknown call-id")
      ? await similar(client, callId)
      : " (is it running? --ng HOST:PORT)";
    process.stderr.write(`sluice doctor: ${formatEndpoint(endpoint)}: ${message}${hint}\n`);
    return 2;
  } finally {
    client.close();
  }
}

async function daemonEndpoint(rest: readonly string[]): Promise<Endpoint | undefined> {
  const settings = await settingsFor(rest);
  const first = settings?.listen.ng[0];
  if (settings && !first) process.stderr.write("sluice doctor: listen-ng is not configured; use --ng HOST:PORT\n");
  return first && reachable(first);
}

/** Calls whose Call-ID contains the text: it was cut short, or has another host part. */
async function similar(client: NgClient, callId: string): Promise<string> {
  try {
    const { calls } = await client.request({ command: "list", limit: LOOK_THROUGH });
    const all = Array.isArray(calls) ? calls.map(String) : [];
    const [start = callId] = callId.split("@");
    const close = all.filter((each) => each.includes(start)).slice(0, SUGGESTIONS);
    return close.length > 0
      ? `; calls like it: ${close.join(", ")}`
      : `; ${all.length} calls are up: it may have ended`;
  } catch {
    return "";
  }
}

async function ping({ address, port }: Endpoint): Promise<boolean> {
  const client = await NgClient.connect(address, port);
  try {
    return (await client.request({ command: "ping" }))["result"] === "pong";
  } catch {
    return false;
  } finally {
    client.close();
  }
}
