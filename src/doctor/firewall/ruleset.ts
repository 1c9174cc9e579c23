/**
 * A packet filter as far as one UDP packet is concerned, whoever wrote the rules. What a rule asks may be unknown (the
 * source, a mark, a rate): then its answer is `maybe`, and so may be the fate of the packet.
 */
import type { Family } from "../../address.ts";

/** A UDP packet that starts a flow. Undefined = not known, or many: anything a rule says about it is `maybe`. */
export interface Packet {
  readonly family: Family;
  readonly source: string | undefined;
  readonly destination: string | undefined;
  readonly sourcePort: number | undefined;
  readonly destinationPort: number | undefined;
  /** It crosses a real network device: everything but `lo`. */
  readonly outside: boolean;
}

export type Answer = "yes" | "no" | "maybe";
export type Match = (packet: Packet) => Answer;

export type Action =
  | { readonly kind: "accept" | "drop" | "return" | "continue" | "unknown" }
  | { readonly kind: "jump" | "goto"; readonly chain: string }
  /** Decided by the packet: the actions that are possible, and whether one of them is certain. */
  | {
      readonly kind: "lookup";
      choose(packet: Packet): { readonly certain: boolean; readonly actions: readonly Action[] };
    };

export interface Rule {
  readonly matches: readonly Match[];
  readonly action: Action;
  /** Where it stands, for people: table, chain and the rule's text or handle. */
  readonly place: RulePlace;
}

export interface RulePlace {
  readonly tool: "nft" | "iptables" | "ip6tables";
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  /** nft's number of the rule; undefined for a policy. */
  readonly handle?: number;
  readonly text: string;
}

export type Hook = "ingress" | "prerouting" | "input" | "output" | "postrouting";

export interface BaseChain {
  readonly hook: Hook;
  readonly priority: number;
  /** Of which packets. */
  readonly families: readonly Family[];
  readonly rules: readonly Rule[];
  readonly policy: "accept" | "drop";
  readonly place: RulePlace;
}

export interface Ruleset {
  readonly bases: readonly BaseChain[];
  /** Other chains, by the name that `jump` gives. */
  readonly chains: ReadonlyMap<string, readonly Rule[]>;
  /** Every port number that some rule mentions: between two of them all ports fare alike. */
  readonly ports: readonly number[];
}

/** `depends`: this rule, or the one before it that lets some pass, asks what we do not know. */
export type Fate = { readonly kind: "passes" } | { readonly kind: "dropped" | "depends"; readonly by: RulePlace };

const INBOUND: readonly Hook[] = ["ingress", "prerouting", "input"];
const OUTBOUND: readonly Hook[] = ["output", "postrouting"];
/** Jumps within jumps; the kernel allows 16. */
const MAX_DEPTH = 16;

export function inboundFate(ruleset: Ruleset, packet: Packet): Fate {
  return fateAt(ruleset, INBOUND, packet);
}

export function outboundFate(ruleset: Ruleset, packet: Packet): Fate {
  return fateAt(ruleset, OUTBOUND, packet);
}

function fateAt(ruleset: Ruleset, hooks: readonly Hook[], packet: Packet): Fate {
  let depends: Fate | undefined;
  for (const hook of hooks) {
    const bases = ruleset.bases
      .filter((base) => base.hook === hook && base.families.includes(packet.family))
      .sort((a, b) => a.priority - b.priority);
    for (const base of bases) {
      const fate = new Walk(ruleset, packet).base(base);
      if (fate.kind === "dropped") return fate;
      if (fate.kind === "depends") depends ??= fate;
    }
  }
  return depends ?? { kind: "passes" };
}

class Walk {
  /** Some packets like this one were let through, or dropped, before. */
  #someAccepted = false;
  #someDropped: RulePlace | undefined;

  constructor(
    private readonly ruleset: Ruleset,
    private readonly packet: Packet,
  ) {}

  base(base: BaseChain): Fate {
    const end = this.#chain(base.rules, true, 0);
    const drop = end === "accept" ? undefined : end === "end" ? this.#policy(base) : end;
    if (drop) return { kind: this.#someAccepted ? "depends" : "dropped", by: drop };
    return this.#someDropped ? { kind: "depends", by: this.#someDropped } : { kind: "passes" };
  }

  #policy({ policy, place }: BaseChain): RulePlace | undefined {
    return policy === "drop" ? place : undefined;
  }

  /** What certainly happens at the end of it: accepted, dropped by a rule, or nothing. */
  #chain(rules: readonly Rule[], certain: boolean, depth: number): "accept" | "end" | RulePlace {
    if (depth > MAX_DEPTH) return "end";
    for (const { matches, action, place } of rules) {
      const answer = all(matches, this.packet);
      if (answer === "no") continue;
      const sure = certain && answer === "yes";
      const end = this.#act(action, place, sure, depth);
      if (end === "next") continue;
      if (end === "return") {
        if (sure || answer === "yes") return "end";
        continue;
      }
      if (sure) return end;
      // It may have happened: what follows is for those who got past.
      if (answer === "yes") return "end";
    }
    return "end";
  }

  #act(action: Action, place: RulePlace, sure: boolean, depth: number): "accept" | "next" | "return" | RulePlace {
    switch (action.kind) {
      case "accept":
        if (!sure) this.#someAccepted = true;
        return "accept";
      case "drop":
        if (!sure) this.#someDropped ??= place;
        return place;
      case "return":
        return "return";
      case "continue":
        return "next";
      case "unknown":
        this.#someDropped ??= place;
        return "next";
      case "jump":
      case "goto": {
        const end = this.#chain(this.ruleset.chains.get(action.chain) ?? [], sure, depth + 1);
        if (end !== "end") return end;
        return action.kind === "goto" ? "return" : "next";
      }
      case "lookup": {
        const { certain, actions } = action.choose(this.packet);
        let end: "accept" | "next" | "return" | RulePlace = "next";
        for (const each of actions) end = this.#act(each, place, sure && certain, depth);
        return certain ? end : "next";
      }
    }
  }
}

function all(matches: readonly Match[], packet: Packet): Answer {
  let answer: Answer = "yes";
  for (const match of matches) {
    const one = match(packet);
    if (one === "no") return "no";
    if (one === "maybe") answer = "maybe";
  }
  return answer;
}

export const not = (answer: Answer): Answer => (answer === "maybe" ? "maybe" : answer === "yes" ? "no" : "yes");

/** One port of each stretch of `first`…`last` in which all ports fare alike. */
export function samplePorts({ ports }: Ruleset, first: number, last: number): number[] {
  const samples = new Set([first, last]);
  for (const port of ports) {
    for (const near of [port - 1, port, port + 1]) if (near >= first && near <= last) samples.add(near);
  }
  return [...samples].sort((a, b) => a - b);
}
