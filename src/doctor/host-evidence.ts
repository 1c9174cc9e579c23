/** What this host itself has to do with a broken stream. Only asked where the daemon runs on this host. */
import { formatEndpoint } from "../address.ts";
import type { CallReport, Evidence, StreamReport } from "./call-report.ts";
import { describeRule, type HostRules, readHostRules } from "./firewall/host-rules.ts";
import { type Fate, inboundFate, outboundFate } from "./firewall/ruleset.ts";
import { packetFrom, packetTo } from "./host/firewall.ts";
import { udpSockets } from "./host/udp-table.ts";
import type { System } from "./system.ts";

/** How long the network devices are watched, milliseconds: a sender of media shows itself many times. */
const WATCH = 1_000;
/** Ports watched at once. */
const MAX_TAPS = 8;

const SILENCES: ReadonlySet<string> = new Set([
  "nothing-received",
  "media-stopped",
  "ice-not-nominated",
  "dtls-not-finished",
]);

export async function withEvidence(report: CallReport, system: System): Promise<CallReport> {
  const here = new Set([...system.devices().values()].flat());
  const faults = report.streams.filter(({ state, local }) => state === "fault" && here.has(local.address));
  if (faults.length === 0) return report;
  const seen = await watch(
    faults.filter(({ cause }) => SILENCES.has(cause)),
    system,
  );
  let rules: HostRules | undefined;
  const evidenceOf = (stream: StreamReport): Evidence[] => {
    if (!faults.includes(stream)) return [];
    if (SILENCES.has(stream.cause)) {
      rules ??= readHostRules(system);
      return [...(seen.get(stream) ?? []), ...inbound(stream, rules, system), ...lost(stream, system)];
    }
    if (stream.cause === "send-refused") {
      rules ??= readHostRules(system);
      const known = rules;
      // The packets that do not leave go to the parties that receive from this one.
      return report.streams
        .filter((other) => other !== stream && other.component === stream.component)
        .flatMap((other) => outbound(other, known, system));
    }
    if (stream.cause === "no-route") return report.streams.flatMap((other) => route(stream, other, system));
    return [];
  };
  return { ...report, streams: report.streams.map((stream) => ({ ...stream, evidence: evidenceOf(stream) })) };
}

/** Whether packets for these ports reach the host at all: what a packet capture would be made for. */
async function watch(streams: readonly StreamReport[], system: System): Promise<Map<StreamReport, Evidence[]>> {
  const taps = streams.slice(0, MAX_TAPS).map((stream) => ({ stream, tap: system.tap(stream.local.port) }));
  if (taps.some(({ tap }) => !("reason" in tap))) await system.sleep(WATCH);
  return new Map(
    taps.map(({ stream, tap }) => {
      const port = formatEndpoint(stream.local);
      if ("reason" in tap) {
        const finding = `could not tell whether packets for ${port} reach this host because: ${tap.reason}`;
        return [stream, [{ finding, fix: "run it as root" }]];
      }
      const { count, source } = tap.read();
      tap.close();
      const from = source ? `, from ${formatEndpoint(source)}` : "";
      const finding =
        count > 0
          ? `packets for ${port} do reach this host (${count} in ${WATCH} ms${from})`
          : `no packet for ${port} reached this host in ${WATCH} ms, from anywhere: it was not sent, or lost before this host`;
      return [stream, [{ finding, fix: "" }]];
    }),
  );
}

function inbound({ local, remote }: StreamReport, { ruleset, gaps }: HostRules, system: System): Evidence[] {
  const packet = packetTo(local.address, local.port, undefined, remote?.address);
  const sent = remote ? { ...packet, sourcePort: remote.port } : packet;
  return explain(
    inboundFate(ruleset, sent),
    local.port,
    gaps,
    system,
    `no firewall rule of this host drops packets to ${formatEndpoint(local)}`,
  );
}

function outbound({ local, remote }: StreamReport, { ruleset, gaps }: HostRules, system: System): Evidence[] {
  if (!remote) return [];
  const packet = { ...packetFrom(local.address, local.port, remote.address), destinationPort: remote.port };
  const fate = outboundFate(ruleset, packet);
  return fate.kind === "passes" ? [] : explain(fate, remote.port, gaps, system, "");
}

function explain(fate: Fate, port: number, gaps: readonly string[], system: System, passes: string): Evidence[] {
  if (fate.kind === "passes") {
    return [
      gaps.length === 0
        ? { finding: passes, fix: "" }
        : {
            finding: `could not tell what the firewall of this host does because ${gaps.join(" and ")}`,
            fix: "run it as root",
          },
    ];
  }
  const { rule, cure } = describeRule(system, fate.by, String(port));
  const certainly = fate.kind === "dropped" ? "drops them" : "may drop them";
  return [{ finding: `a firewall rule of this host ${certainly}: ${rule}`, fix: cure }];
}

/** Packets that reached the socket and were not read in time. */
function lost({ local }: StreamReport, system: System): Evidence[] {
  const socket = udpSockets(system)?.find(({ port, drops }) => port === local.port && drops > 0);
  return socket
    ? [
        {
          finding: `the socket of port ${local.port} dropped ${socket.drops} packets: its receive buffer was full`,
          fix: "see `sluice doctor`: receive queues",
        },
      ]
    : [];
}

/** The kernel's own answer, as `ip route get` shows it. */
function route(stream: StreamReport, { local, remote, component }: StreamReport, system: System): Evidence[] {
  if (!remote || component !== stream.component || local.port === stream.local.port) return [];
  const ran = system.run(["ip", "route", "get", remote.address, "from", local.address]);
  if (!("status" in ran) || ran.status === 0) return [];
  return [
    { finding: `ip route get ${remote.address} from ${local.address}: ${ran.stderr.trim().split("\n")[0]}`, fix: "" },
  ];
}
