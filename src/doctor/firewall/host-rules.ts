/** The packet filter of this host, read with the tools that are installed. */
import type { System } from "../system.ts";
import { parseIptables } from "./iptables.ts";
import { parseNftables } from "./nftables.ts";
import type { RulePlace, Ruleset } from "./ruleset.ts";

export interface HostRules {
  readonly ruleset: Ruleset;
  /** What could not be read, as reasons; empty = everything was. */
  readonly gaps: readonly string[];
}

export function readHostRules(system: System): HostRules {
  const parts: Ruleset[] = [];
  const gaps: string[] = [];
  let foreign: ReadonlySet<string> | undefined;
  const nft = system.run(["nft", "-j", "list", "ruleset"]);
  if ("reason" in nft) gaps.push(nft.reason);
  else if (nft.status !== 0) gaps.push(`nft says: ${firstLine(nft.stderr)}`);
  else {
    const parsed = parseNftables(nft.stdout);
    if (!parsed) gaps.push("the output of nft was not understood");
    else {
      foreign = parsed.foreign;
      const own = ({ place }: { readonly place: RulePlace }) => !parsed.foreign.has(`${place.family} ${place.table}`);
      parts.push({ ...parsed, bases: parsed.bases.filter(own) });
    }
  }
  for (const [family, program, names] of [
    [4, "iptables", "/proc/net/ip_tables_names"],
    [6, "ip6tables", "/proc/net/ip6_tables_names"],
  ] as const) {
    // With nft read, only what it cannot show is asked from iptables: its extensions, and tables of the old kernel interface.
    const table = family === 4 ? "ip" : "ip6";
    const wanted = foreign && ((name: string) => foreign.has(`${table} ${name}`));
    const hidden = foreign === undefined || [...foreign].some((each) => each.startsWith(`${table} `));
    if (hidden) {
      const saved = system.run([`${program}-save`]);
      if ("reason" in saved) gaps.push(saved.reason);
      else if (saved.status !== 0) gaps.push(`${program}-save says: ${firstLine(saved.stderr)}`);
      else parts.push(parseIptables(saved.stdout, family, wanted));
    }
    const legacy = system.readFile(names);
    if ("text" in legacy && legacy.text.trim() !== "") {
      const saved = system.run([`${program}-legacy-save`]);
      if ("reason" in saved) gaps.push(saved.reason);
      else if (saved.status !== 0) gaps.push(`${program}-legacy-save says: ${firstLine(saved.stderr)}`);
      else parts.push(parseIptables(saved.stdout, family));
    }
  }
  return { ruleset: union(parts), gaps };
}

/** The rule as the tool shows it, and the command that lets the media pass before it. */
export function describeRule(
  system: System,
  place: RulePlace,
  ports: string,
): { readonly rule: string; readonly cure: string } {
  const { tool, family, table, chain, handle, text } = place;
  if (tool !== "nft") {
    return {
      rule: `${tool} -t ${table}, chain ${chain}: ${text}`,
      cure: `${tool} -t ${table} -I ${chain} -p udp --dport ${ports.replace("-", ":")} -j ACCEPT`,
    };
  }
  let words = text;
  if (handle !== undefined) {
    const listed = system.run(["nft", "-a", "list", "chain", family, table, chain]);
    const lines = "stdout" in listed ? listed.stdout.split("\n") : [];
    const line = lines.find((each) => each.trimEnd().endsWith(`# handle ${handle}`));
    words = line === undefined ? `handle ${handle}` : line.replace(/# handle \d+\s*$/, "").trim();
  }
  return {
    rule: `nft ${family} ${table} ${chain}: ${words}`,
    cure: `nft insert rule ${family} ${table} ${chain} udp dport ${ports} accept`,
  };
}

function union(parts: readonly Ruleset[]): Ruleset {
  return {
    bases: parts.flatMap(({ bases }) => bases),
    chains: new Map(parts.flatMap(({ chains }) => [...chains])),
    ports: parts.flatMap(({ ports }) => ports),
  };
}

const firstLine = (text: string) => text.trim().split("\n")[0] ?? "";
