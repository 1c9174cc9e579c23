/** The rules of `iptables-save` and `ip6tables-save` (iptables-extensions(8)). What is not understood answers `maybe`. */
import type { Family } from "../../address.ts";
import { addressRange, between, contains } from "./address-range.ts";
import type { Action, Answer, BaseChain, Hook, Match, Packet, Rule, Ruleset } from "./ruleset.ts";
import { not } from "./ruleset.ts";

/** Netfilter's priorities of the tables; `nat` drops nothing. */
const PRIORITY: Readonly<Record<string, number>> = { raw: -300, mangle: -150, filter: 0, security: 50 };
const HOOK: Readonly<Record<string, Hook>> = {
  PREROUTING: "prerouting",
  INPUT: "input",
  OUTPUT: "output",
  POSTROUTING: "postrouting",
};
/** Targets after which the packet goes on. */
const TRANSPARENT: ReadonlySet<string> = new Set([
  "LOG",
  "NFLOG",
  "MARK",
  "CONNMARK",
  "CT",
  "NOTRACK",
  "TOS",
  "DSCP",
  "TTL",
  "HL",
  "TRACE",
  "AUDIT",
  "CHECKSUM",
  "SET",
  "RTPENGINE",
]);

interface Parsed {
  readonly matches: Match[];
  action: Action;
}

export function parseIptables(text: string, family: Family, only?: (table: string) => boolean): Ruleset {
  const tool = family === 4 ? "iptables" : "ip6tables";
  const policies: { table: string; chain: string; policy: "accept" | "drop" }[] = [];
  const rules = new Map<string, Rule[]>();
  const ports = new Set<number>();
  let table = "";
  for (const line of text.split("\n")) {
    if (line.startsWith("*")) table = line.slice(1).trim();
    if (!(table in PRIORITY) || (only && !only(table))) continue;
    const chain = /^:(\S+) (\S+)/.exec(line);
    if (chain) policies.push({ table, chain: chain[1]!, policy: chain[2] === "DROP" ? "drop" : "accept" });
    const added = /^-A (\S+) ?(.*)$/.exec(line);
    if (!added) continue;
    const name = added[1]!;
    const key = `${tool} ${table} ${name}`;
    const list = rules.get(key) ?? [];
    rules.set(key, list);
    const { matches, action } = parseRule(words(added[2]!), `${tool} ${table}`, ports);
    list.push({ matches, action, place: { tool, family: tool, table, chain: name, text: line } });
  }
  const bases: BaseChain[] = [];
  for (const { table: name, chain, policy } of policies) {
    const hook = HOOK[chain];
    if (!hook) continue;
    bases.push({
      hook,
      priority: PRIORITY[name] ?? 0,
      families: [family],
      rules: rules.get(`${tool} ${name} ${chain}`) ?? [],
      policy,
      place: { tool, family: tool, table: name, chain, text: `policy ${policy.toUpperCase()}` },
    });
  }
  return { bases, chains: rules, ports: [...ports] };
}

function parseRule(arguments_: readonly string[], prefix: string, ports: Set<number>): Parsed {
  const rule: Parsed = { matches: [], action: { kind: "continue" } };
  let negated = false;
  for (let i = 0; i < arguments_.length; i++) {
    const word = arguments_[i]!;
    if (word === "!") {
      negated = true;
      continue;
    }
    const value = arguments_[i + 1] ?? "";
    const wanted = negated;
    const add = (match: Match) => {
      rule.matches.push(wanted ? (packet) => not(match(packet)) : match);
      i++;
    };
    negated = false;
    switch (word) {
      case "-p":
        add(() => (["udp", "17", "all"].includes(value) ? "yes" : "no"));
        break;
      case "-s":
        add(addressMatch(value, (packet) => packet.source));
        break;
      case "-d":
        add(addressMatch(value, (packet) => packet.destination));
        break;
      case "--src-range":
        add(addressMatch(value, (packet) => packet.source));
        break;
      case "--dst-range":
        add(addressMatch(value, (packet) => packet.destination));
        break;
      case "-i":
      case "-o":
        add(({ outside }) => (value === "lo" ? (outside ? "no" : "yes") : outside ? "maybe" : "no"));
        break;
      case "--dport":
      case "--dports":
        add(portMatch(value, ports, (packet) => packet.destinationPort));
        break;
      case "--sport":
      case "--sports":
        add(portMatch(value, ports, (packet) => packet.sourcePort));
        break;
      case "--state":
      case "--ctstate":
        add(() => (value.split(",").includes("NEW") ? "yes" : "no"));
        break;
      case "--dst-type":
        add(() => (value === "LOCAL" ? "yes" : "no"));
        break;
      case "-m":
        if (!["udp", "multiport", "state", "conntrack", "comment", "iprange", "addrtype"].includes(value)) {
          rule.matches.push(value === "tcp" || value.startsWith("icmp") ? () => "no" : () => "maybe");
        }
        i++;
        break;
      case "--comment":
        i++;
        break;
      case "-j":
      case "-g":
        rule.action = actionOf(word, value, prefix);
        i++;
        break;
      default:
        // An option of a match that was judged as a whole, or of the target.
        break;
    }
  }
  return rule;
}

function actionOf(word: string, target: string, prefix: string): Action {
  if (target === "ACCEPT") return { kind: "accept" };
  if (target === "DROP" || target === "REJECT") return { kind: "drop" };
  if (target === "RETURN") return { kind: "return" };
  if (TRANSPARENT.has(target)) return { kind: "continue" };
  if (target === "NFQUEUE" || target === "QUEUE" || target === "TPROXY" || target === "STEAL")
    return { kind: "unknown" };
  return { kind: word === "-g" ? "goto" : "jump", chain: `${prefix} ${target}` };
}

function addressMatch(value: string, read: (packet: Packet) => string | undefined): Match {
  const [first = "", last] = value.split("-");
  const range = last === undefined ? addressRange(value) : between(first, last);
  return (packet) => {
    if (range?.first === 0n && range.last === (1n << BigInt(range.bits)) - 1n) return "yes";
    const address = read(packet);
    if (!range || address === undefined) return "maybe";
    return contains(range, address) ? "yes" : "no";
  };
}

function portMatch(value: string, ports: Set<number>, read: (packet: Packet) => number | undefined): Match {
  const ranges = value.split(",").map((each) => {
    const [first = "", last] = each.split(":");
    return [Number(first || "0"), last === undefined ? Number(first) : Number(last || "65535")] as const;
  });
  for (const range of ranges) for (const port of range) ports.add(port);
  return (packet): Answer => {
    const port = read(packet);
    if (port === undefined) return "maybe";
    return ranges.some(([first, last]) => port >= first && port <= last) ? "yes" : "no";
  };
}

/** Words with quotes, as iptables-save writes comments. */
function words(text: string): string[] {
  return [...text.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
}
