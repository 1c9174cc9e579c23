/** The rules of `nft -j list ruleset` (libnftables-json(5)). What is not understood answers `maybe`. */
import type { Family } from "../../address.ts";
import { addressRange, between, contains } from "./address-range.ts";
import type { Action, Answer, BaseChain, Hook, Match, Packet, Rule, RulePlace, Ruleset } from "./ruleset.ts";
import { not } from "./ruleset.ts";

type Json = string | number | boolean | null | readonly Json[] | JsonObject;
interface JsonObject {
  readonly [key: string]: Json | undefined;
}

const FAMILIES: Readonly<Record<string, readonly Family[]>> = {
  ip: [4],
  ip6: [6],
  inet: [4, 6],
  netdev: [4, 6],
};
const HOOKS: ReadonlySet<string> = new Set(["ingress", "prerouting", "input", "output", "postrouting"]);

export interface NftRuleset extends Ruleset {
  /** `FAMILY TABLE` of tables with rules that only iptables can show. */
  readonly foreign: ReadonlySet<string>;
}

/** Undefined when the text is not what nft prints. */
export function parseNftables(text: string): NftRuleset | undefined {
  let root: unknown;
  try {
    root = JSON.parse(text);
  } catch {
    return undefined;
  }
  const items = isObject(root) ? root["nftables"] : undefined;
  return Array.isArray(items) ? new Reader(items.filter(isObject)).read() : undefined;
}

class Reader {
  readonly #sets = new Map<string, readonly Json[]>();
  readonly #ports = new Set<number>();

  constructor(private readonly items: readonly JsonObject[]) {}

  read(): NftRuleset {
    const rules = new Map<string, Rule[]>();
    const foreign = new Set<string>();
    for (const item of this.items) {
      const set = item["set"] ?? item["map"];
      if (isObject(set)) this.#sets.set(path(set, text(set["name"])), elements(set["elem"]));
    }
    for (const item of this.items) {
      const rule = item["rule"];
      if (!isObject(rule) || !Array.isArray(rule["expr"])) continue;
      const expressions = rule["expr"].filter(isObject);
      if (expressions.some((each) => "xt" in each)) foreign.add(`${text(rule["family"])} ${text(rule["table"])}`);
      const key = path(rule, text(rule["chain"]));
      const list = rules.get(key) ?? [];
      rules.set(key, list);
      list.push(this.#rule(rule, expressions));
    }
    const bases: BaseChain[] = [];
    for (const item of this.items) {
      const { chain } = item;
      if (!isObject(chain)) continue;
      const hook = text(chain["hook"]);
      const families = FAMILIES[text(chain["family"])];
      // NAT chains change addresses; they drop nothing.
      if (!HOOKS.has(hook) || !families || chain["type"] === "nat") continue;
      const place = placeOf(chain, text(chain["name"]));
      bases.push({
        hook: hook as Hook,
        priority: typeof chain["prio"] === "number" ? chain["prio"] : 0,
        families,
        rules: rules.get(path(chain, text(chain["name"]))) ?? [],
        policy: chain["policy"] === "drop" ? "drop" : "accept",
        place: { ...place, text: `policy ${text(chain["policy"])}` },
      });
    }
    return { bases, chains: rules, ports: [...this.#ports], foreign };
  }

  #rule(rule: JsonObject, expressions: readonly JsonObject[]): Rule {
    const place: RulePlace = {
      ...placeOf(rule, text(rule["chain"])),
      ...(typeof rule["handle"] === "number" && { handle: rule["handle"] }),
      text: "",
    };
    const matches: Match[] = [];
    let action: Action = { kind: "continue" };
    for (const expression of expressions) {
      const [kind, body] = Object.entries(expression)[0] ?? ["", null];
      if (kind === "match" && isObject(body)) matches.push(this.#match(body, rule));
      else if (kind === "limit" || kind === "quota" || kind === "ct count") matches.push(() => "maybe");
      else if (kind === "xt") {
        // Match or target, of which nothing is shown.
        if (isObject(body) && body["type"] === "match") matches.push(() => "maybe");
        else action = { kind: "unknown" };
      } else if (kind === "vmap" && isObject(body)) action = this.#lookup(body, rule);
      else action = verdictOf(kind, body ?? null, rule) ?? action;
    }
    return { matches, action, place };
  }

  #match(body: JsonObject, rule: JsonObject): Match {
    const { left = null, right = null } = body;
    const op = text(body["op"]);
    const value = reader(left);
    if (value.port) this.#notePorts(right, rule);
    const test = (packet: Packet): Answer => {
      const known = value.read(packet);
      if (known === "nothing") return "no";
      if (known === undefined) return "maybe";
      if (typeof known === "function") return known(this.#constants(right, rule));
      if (op === "<" || op === ">" || op === "<=" || op === ">=") return compare(known, op, right);
      return this.#isOneOf(known, right, rule);
    };
    return (packet) => (op === "!=" ? (value.read(packet) === "nothing" ? "no" : not(test(packet))) : test(packet));
  }

  #lookup(body: JsonObject, rule: JsonObject): Action {
    const { key = null, data = null } = body;
    const value = reader(key);
    const pairs = this.#constants(data, rule).filter((each): each is readonly Json[] => Array.isArray(each));
    if (value.port) for (const [constant = null] of pairs) this.#notePorts(constant, rule);
    const entries = pairs.map(([constant = null, verdict = null]) => {
      const [kind, target] = isObject(verdict) ? (Object.entries(verdict)[0] ?? ["", null]) : ["", null];
      return { constant, action: verdictOf(kind, target ?? null, rule) ?? ({ kind: "unknown" } as const) };
    });
    return {
      kind: "lookup",
      choose: (packet) => {
        const known = value.read(packet);
        if (known === "nothing") return { certain: true, actions: [] };
        if (known === undefined) return { certain: false, actions: entries.map(({ action }) => action) };
        for (const { constant, action } of entries) {
          const answer = typeof known === "function" ? known([constant]) : this.#isOneOf(known, constant, rule);
          if (answer === "yes") return { certain: true, actions: [action] };
        }
        return { certain: true, actions: [] };
      },
    };
  }

  /** A constant, an anonymous set or the contents of a named one, as a list. */
  #constants(value: Json, rule: JsonObject): readonly Json[] {
    if (typeof value === "string" && value.startsWith("@")) return this.#sets.get(path(rule, value.slice(1))) ?? [];
    if (isObject(value) && Array.isArray(value["set"])) return value["set"];
    return Array.isArray(value) ? value : [value];
  }

  #isOneOf(known: string | number, value: Json, rule: JsonObject): Answer {
    let answer: Answer = "no";
    for (const constant of this.#constants(value, rule)) {
      const one = equals(known, constant);
      if (one === "yes") return "yes";
      if (one === "maybe") answer = "maybe";
    }
    return answer;
  }

  #notePorts(value: Json, rule: JsonObject): void {
    for (const constant of this.#constants(value, rule)) {
      const plain = unwrap(constant);
      const range = isObject(plain) && Array.isArray(plain["range"]) ? plain["range"] : [plain];
      for (const port of range) if (typeof port === "number") this.#ports.add(port);
    }
  }
}

/** `nothing`: such a packet has no such field. A function judges the constants itself. */
type Value = string | number | "nothing" | undefined | ((constants: readonly Json[]) => Answer);

function reader(left: Json): { readonly port: boolean; read(packet: Packet): Value } {
  const unknown = { port: false, read: () => undefined };
  if (!isObject(left)) return unknown;
  const { payload, meta, ct, fib } = left;
  if (isObject(payload)) {
    const protocol = text(payload["protocol"]);
    const field = text(payload["field"]);
    if (protocol === "udp" || protocol === "th") {
      if (field === "dport") return { port: true, read: (packet) => packet.destinationPort };
      if (field === "sport") return { port: true, read: (packet) => packet.sourcePort };
      return unknown;
    }
    if (protocol === "ip" || protocol === "ip6") {
      const family = protocol === "ip" ? 4 : 6;
      const own = (read: (packet: Packet) => Value) => ({
        port: false,
        read: (packet: Packet) => (packet.family === family ? read(packet) : "nothing"),
      });
      if (field === "saddr") return own((packet) => packet.source);
      if (field === "daddr") return own((packet) => packet.destination);
      if (field === "protocol" || field === "nexthdr") return own(() => isUdp);
      return own(() => undefined);
    }
    // Fields of other protocols: a UDP packet has none.
    return ["tcp", "icmp", "icmpv6", "sctp", "dccp", "igmp", "esp", "ah", "arp", "udplite"].includes(protocol)
      ? { port: false, read: () => "nothing" }
      : unknown;
  }
  if (isObject(meta)) {
    switch (text(meta["key"])) {
      case "l4proto":
        return { port: false, read: () => isUdp };
      case "nfproto":
        return { port: false, read: (packet) => (packet.family === 4 ? "ipv4" : "ipv6") };
      case "protocol":
        return { port: false, read: (packet) => (packet.family === 4 ? "ip" : "ip6") };
      case "iif":
      case "iifname":
      case "oif":
      case "oifname":
        return { port: false, read: ({ outside }) => (outside ? isSomeDevice : "lo") };
      case "pkttype":
        return { port: false, read: () => "host" };
      default:
        return unknown;
    }
  }
  if (isObject(ct) && text(ct["key"]) === "state") return { port: false, read: () => "new" };
  if (isObject(fib) && fib["result"] === "type" && Array.isArray(fib["flags"]) && fib["flags"].includes("daddr")) {
    return { port: false, read: () => "local" };
  }
  return unknown;
}

const isUdp = (constants: readonly Json[]): Answer =>
  constants.map(unwrap).some((each) => each === "udp" || each === 17) ? "yes" : "no";

/** Some device, but not the loopback one. */
const isSomeDevice = (constants: readonly Json[]): Answer =>
  constants.every((each) => unwrap(each) === "lo") ? "no" : "maybe";

function equals(known: string | number, constant: Json): Answer {
  const plain = unwrap(constant);
  if (typeof plain === "number") return known === plain ? "yes" : "no";
  if (typeof plain === "string") return known === plain || sameRange(known, plain) ? "yes" : "no";
  if (!isObject(plain)) return "maybe";
  const { range, prefix } = plain;
  if (Array.isArray(range)) {
    const [first, last] = range;
    if (typeof known === "number" && typeof first === "number" && typeof last === "number") {
      return known >= first && known <= last ? "yes" : "no";
    }
    const addresses = between(text(first), text(last));
    return addresses && typeof known === "string" ? (contains(addresses, known) ? "yes" : "no") : "maybe";
  }
  if (isObject(prefix)) {
    const network = addressRange(`${text(prefix["addr"])}/${String(prefix["len"])}`);
    return network && typeof known === "string" ? (contains(network, known) ? "yes" : "no") : "maybe";
  }
  return "maybe";
}

function sameRange(known: string | number, constant: string): boolean {
  const range = typeof known === "string" ? addressRange(constant) : undefined;
  return range !== undefined && contains(range, String(known));
}

function compare(known: string | number, op: string, right: Json): Answer {
  if (typeof known !== "number" || typeof right !== "number") return "maybe";
  const holds = op === "<" ? known < right : op === ">" ? known > right : op === "<=" ? known <= right : known >= right;
  return holds ? "yes" : "no";
}

function verdictOf(kind: string, body: Json, rule: JsonObject): Action | undefined {
  switch (kind) {
    case "accept":
    case "return":
    case "continue":
    case "drop":
      return { kind };
    case "reject":
      return { kind: "drop" };
    case "jump":
    case "goto":
      return { kind, chain: path(rule, isObject(body) ? text(body["target"]) : "") };
    case "queue":
    case "tproxy":
    case "dup":
    case "fwd":
    case "synproxy":
      return { kind: "unknown" };
    default:
      // counter, log, comment, mangle, notrack, …: the packet goes on.
      return undefined;
  }
}

/** Elements may carry a timeout or comment around their value. */
function unwrap(value: Json): Json {
  if (!isObject(value) || !isObject(value["elem"])) return value;
  return value["elem"]["val"] ?? null;
}

function elements(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

function placeOf(item: JsonObject, chain: string): Omit<RulePlace, "text"> {
  return { tool: "nft", family: text(item["family"]), table: text(item["table"]), chain };
}

const path = (item: JsonObject, name: string) => `${text(item["family"])} ${text(item["table"])} ${name}`;
const text = (value: Json | undefined) => (typeof value === "string" ? value : "");

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
