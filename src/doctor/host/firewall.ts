/** Would a packet filter of this host drop media or control? */
import { familyOf, formatEndpoint, isZeroAddress } from "../../address.ts";
import { type Check, type CheckResult, combine, fail, ok, unknown, warn } from "../check.ts";
import { describeRule, type HostRules, readHostRules } from "../firewall/host-rules.ts";
import { type Fate, inboundFate, outboundFate, type Packet, samplePorts } from "../firewall/ruleset.ts";
import type { System } from "../system.ts";
import { mediaRanges } from "./media-ranges.ts";

export const mediaFirewall: Check = {
  id: "firewall-media",
  title: "Firewall, media",
  run({ settings, system }) {
    const rules = readHostRules(system);
    const results: CheckResult[] = [];
    for (const { first, last, addresses } of mediaRanges(settings)) {
      const ports = samplePorts(rules.ruleset, first, last);
      for (const address of addresses) {
        const range = `${first}-${last}`;
        const inbound = ports.map((port) => ({ port, fate: inboundFate(rules.ruleset, packetTo(address, port)) }));
        results.push(...judge(system, `packets to ${address}`, range, inbound));
        const outbound = ports.map((port) => ({ port, fate: outboundFate(rules.ruleset, packetFrom(address, port)) }));
        results.push(...judge(system, `packets from ${address}`, range, outbound));
      }
    }
    return withGaps(rules, results, "all media ports pass");
  },
};

export const controlFirewall: Check = {
  id: "firewall-control",
  title: "Firewall, control",
  run({ settings, system }) {
    const rules = readHostRules(system);
    const results = settings.listen.ng.flatMap(({ address, port }) => {
      const fate = inboundFate(
        rules.ruleset,
        packetTo(isZeroAddress(address) ? undefined : address, port, familyOf(address)),
      );
      return judge(system, `ng requests to ${formatEndpoint({ address, port })}`, String(port), [{ port, fate }]);
    });
    return withGaps(rules, results, "ng requests pass");
  },
};

function judge(
  system: System,
  what: string,
  range: string,
  fates: readonly { readonly port: number; readonly fate: Fate }[],
): CheckResult[] {
  for (const kind of ["dropped", "depends"] as const) {
    const hit = fates.filter(({ fate }) => fate.kind === kind);
    const [first] = hit;
    if (!first || first.fate.kind === "passes") continue;
    const { rule, cure } = describeRule(system, first.fate.by, range);
    const all = hit.length === fates.length;
    const which = all ? "" : ` port ${first.port}${hit.length > 1 ? ` … ${hit.at(-1)!.port}` : ""}`;
    return [
      kind === "dropped"
        ? fail(`${what}${which} are dropped by \`${rule}\``, cure)
        : warn(
            `${what}${which} may be dropped by \`${rule}\`: it depends on more than the port`,
            `if parties are affected: ${cure}`,
          ),
    ];
  }
  return [];
}

function withGaps({ gaps }: HostRules, results: readonly CheckResult[], fine: string): CheckResult {
  if (gaps.length === 0) return results.length > 0 ? combine(results) : ok(fine);
  return combine([...results, unknown(gaps.join(" and "), "run it as root, with nftables or iptables installed")]);
}

/** From somewhere outside; between addresses of one host, packets go over `lo`. */
export function packetTo(
  destination: string | undefined,
  port: number,
  family = destination && familyOf(destination),
  source?: string,
): Packet {
  return {
    family: family || 4,
    source,
    destination,
    sourcePort: undefined,
    destinationPort: port,
    outside: !isLoopback(destination),
  };
}

export function packetFrom(source: string, port: number, destination?: string): Packet {
  return {
    family: familyOf(source) ?? 4,
    source,
    destination,
    sourcePort: port,
    destinationPort: undefined,
    outside: !isLoopback(source),
  };
}

const isLoopback = (address: string | undefined) => address !== undefined && /^(127\.|::1$)/.test(address);
