/** What this host itself has to do with a broken stream. Only asked where the daemon runs on this host. */
import { formatEndpoint } from "../address.ts";
import type { CallReport, Evidence, StreamReport } from "./call-report.ts";
import { describeRule, type HostRules, readHostRules } from "./firewall/host-rules.ts";
import { type Fate, inboundFate, outboundFate } from "./firewall/ruleset.ts";
import { packetFrom, packetTo } from "./host/firewall.ts";
import { udpSockets } from "./host/udp-table.ts";
import type { System } from "./system.ts";

export function withEvidence(report: CallReport, system: System): CallReport {
  const here = new Set([...system.devices().values()].flat());
  let rules: HostRules | undefined;
  const evidenceOf = (stream: StreamReport): Evidence[] => {
    if (stream.state !== "fault" || !here.has(stream.local.address)) return [];
    switch (stream.cause) {
      case "nothing-received":
      case "media-stopped":
      case "ice-not-nominated":
      case "dtls-not-finished":
        rules ??= readHostRules(system);
        return [...inbound(stream, rules, system), ...lost(stream, system)];
      case "send-refused":
        rules ??= readHostRules(system);
        // The packets that do not leave go to the parties that receive from this one.
        return report.streams
          .filter((other) => other !== stream && other.component === stream.component)
          .flatMap((other) => outbound(other, rules!, system));
      case "no-route":
        return report.streams.flatMap((other) => route(stream, other, system));
      default:
        return [];
    }
  };
  return { ...report, streams: report.streams.map((stream) => ({ ...stream, evidence: evidenceOf(stream) })) };
}

function inbound({ local, remote }: StreamReport, { ruleset, gaps }: HostRules, system: System): Evidence[] {
  const packet = packetTo(local.address, local.port, undefined, remote?.address);
  const sent = remote ? { ...packet, sourcePort: remote.port } : packet;
  return explain(
    inboundFate(ruleset, sent),
    local.port,
    gaps,
    system,
    `no firewall rule of this host drops packets to ${formatEndpoint(local)}: they get lost before it, or are not sent`,
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
