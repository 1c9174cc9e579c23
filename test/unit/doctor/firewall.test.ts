import { describe, expect, test } from "bun:test";
import { parseIptables } from "../../../src/doctor/firewall/iptables.ts";
import { parseNftables } from "../../../src/doctor/firewall/nftables.ts";
import { inboundFate, type Packet, type Ruleset, samplePorts } from "../../../src/doctor/firewall/ruleset.ts";

function packet(destinationPort: number, given: Partial<Packet> = {}): Packet {
  return {
    family: 4,
    source: undefined,
    destination: "198.51.100.7",
    sourcePort: undefined,
    destinationPort,
    outside: true,
    ...given,
  };
}

/** An input chain with these rules, each a list of expressions of libnftables-json(5). */
function nft(rules: readonly (readonly object[])[], policy = "accept", more: readonly object[] = []): Ruleset {
  const own = { family: "inet", table: "filter" };
  const parsed = parseNftables(
    JSON.stringify({
      nftables: [
        { metainfo: {} },
        { table: { family: "inet", name: "filter" } },
        { chain: { ...own, name: "input", type: "filter", hook: "input", prio: 0, policy } },
        ...more,
        ...rules.map((expr, i) => ({ rule: { ...own, chain: "input", handle: i + 1, expr } })),
      ],
    }),
  );
  if (!parsed) throw new Error("not read");
  return parsed;
}

const match = (left: object, right: unknown, op = "==") => ({ match: { op, left, right } });
const dport = { payload: { protocol: "udp", field: "dport" } };
const source = { payload: { protocol: "ip", field: "saddr" } };
const accept = { accept: null };
const drop = { drop: null };
const fate = (ruleset: Ruleset, port: number, given: Partial<Packet> = {}) =>
  inboundFate(ruleset, packet(port, given)).kind;

describe("nftables", () => {
  test("no rules: everything passes", () => {
    expect(fate(nft([]), 30_000)).toBe("passes");
    expect(parseNftables("Operation not permitted")).toBeUndefined();
  });

  test("a port, a range, a set of both, and what is not in it", () => {
    const rules = nft([
      [match(dport, 30_000), drop],
      [match(dport, { range: [30_010, 30_019] }), { counter: { packets: 0, bytes: 0 } }, drop],
      [match(dport, { set: [30_030, { range: [30_040, 30_049] }] }), { reject: { type: "icmp" } }],
    ]);
    const fates = [30_000, 30_001, 30_010, 30_019, 30_020, 30_030, 30_045].map((port) => fate(rules, port));
    expect(fates).toEqual(["dropped", "passes", "dropped", "dropped", "passes", "dropped", "dropped"]);
    expect(samplePorts(rules, 30_000, 30_100)).toContain(30_045 - 5);
  });

  test("named sets and verdict maps", () => {
    const sets = [
      {
        set: {
          family: "inet",
          table: "filter",
          name: "bad",
          elem: [{ elem: { val: 30_000, comment: "x" } }, { range: [30_010, 30_019] }],
        },
      },
      { map: { family: "inet", table: "filter", name: "m", map: "verdict", elem: [[30_030, drop]] } },
    ];
    const rules = nft([[match(dport, "@bad"), drop], [{ vmap: { key: dport, data: "@m" } }]], "accept", sets);
    expect([30_000, 30_015, 30_020, 30_030].map((port) => fate(rules, port))).toEqual([
      "dropped",
      "dropped",
      "passes",
      "dropped",
    ]);
  });

  test("a usual stateful firewall that forgot the media ports", () => {
    const rules = nft(
      [
        [match({ ct: { key: "state" } }, ["established", "related"], "in"), accept],
        [
          {
            vmap: {
              key: { ct: { key: "state" } },
              data: {
                set: [
                  ["invalid", drop],
                  ["new", { continue: null }],
                ],
              },
            },
          },
        ],
        [match({ meta: { key: "iifname" } }, "lo"), accept],
        [match({ payload: { protocol: "tcp", field: "dport" } }, 22), accept],
        [match({ payload: { protocol: "icmp", field: "type" } }, "echo-request"), accept],
        [match(dport, { range: [30_000, 30_099] }), accept],
      ],
      "drop",
    );
    expect(fate(rules, 30_050)).toBe("passes");
    const result = inboundFate(rules, packet(31_000));
    expect(result).toMatchObject({ kind: "dropped", by: { chain: "input", text: "policy drop" } });
    expect(fate(rules, 31_000, { outside: false })).toBe("passes");
  });

  test("some sources pass, the rest does not: it depends, unless the source is known", () => {
    const rules = nft([
      [match(source, { prefix: { addr: "10.0.0.0", len: 8 } }), accept],
      [match(dport, 30_000), drop],
    ]);
    expect(fate(rules, 30_000)).toBe("depends");
    expect(fate(rules, 30_000, { source: "10.9.9.9" })).toBe("passes");
    expect(fate(rules, 30_000, { source: "192.0.2.1" })).toBe("dropped");
    expect(fate(rules, 30_000, { family: 6, source: "2001:db8::1", destination: "2001:db8::2" })).toBe("dropped");
  });

  test("jumps come back, gotos do not, returns end a chain", () => {
    const own = { family: "inet", table: "filter", chain: "sub" };
    const sub = [
      { chain: { ...own, name: "sub" } },
      { rule: { ...own, handle: 90, expr: [match(dport, 30_001), { return: null }] } },
      { rule: { ...own, handle: 91, expr: [match(dport, { range: [30_000, 30_005] }), drop] } },
    ];
    const jump = nft([[{ jump: { target: "sub" } }], [match(dport, 30_001), drop]], "accept", sub);
    expect([30_000, 30_001, 30_009].map((port) => fate(jump, port))).toEqual(["dropped", "dropped", "passes"]);
    expect(inboundFate(jump, packet(30_000))).toMatchObject({ by: { chain: "sub", handle: 91 } });
    const goto = nft([[{ goto: { target: "sub" } }], [match(dport, 30_001), drop]], "accept", sub);
    expect(fate(goto, 30_001)).toBe("passes");
  });

  test("a rate or a mark cannot be known", () => {
    expect(fate(nft([[{ limit: { rate: 10, per: "second" } }, accept]], "drop"), 30_000)).toBe("depends");
    expect(fate(nft([[match({ "&": [{ meta: { key: "mark" } }, 1] }, 1), drop]]), 30_000)).toBe("depends");
  });

  test("everything but: negation", () => {
    const rules = nft([[match(dport, { range: [30_000, 30_009] }, "!="), drop]]);
    expect([30_005, 30_010].map((port) => fate(rules, port))).toEqual(["passes", "dropped"]);
    const devices = nft([[match({ meta: { key: "iifname" } }, "lo", "!="), drop]]);
    expect(fate(devices, 30_000)).toBe("dropped");
    const tcp = nft([[match({ payload: { protocol: "tcp", field: "dport" } }, 22, "!="), drop]]);
    expect(fate(tcp, 30_000)).toBe("passes");
  });
});

describe("iptables", () => {
  const rules = (lines: string, policy = "ACCEPT") =>
    parseIptables(`*filter\n:INPUT ${policy} [0:0]\n:OUTPUT ACCEPT [0:0]\n:media - [0:0]\n${lines}\nCOMMIT\n`, 4);

  test("ports, lists of ports, negation and chains", () => {
    const all = rules(
      [
        "-A INPUT -p tcp -m tcp --dport 30000 -j DROP",
        '-A INPUT -p udp -m udp --dport 30000 -m comment --comment "no -j ACCEPT here" -j DROP',
        "-A INPUT -p udp -m multiport --dports 30010:30019,30030 -j REJECT --reject-with icmp-port-unreachable",
        "-A INPUT -j media",
        "-A media -p udp ! --dport 1:30099 -j DROP",
      ].join("\n"),
    );
    expect([30_000, 30_001, 30_015, 30_030, 30_050, 30_100].map((port) => fate(all, port))).toEqual([
      "dropped",
      "passes",
      "dropped",
      "dropped",
      "passes",
      "dropped",
    ]);
  });

  test("states, sources and a closed policy", () => {
    const closed = rules(
      [
        "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "-A INPUT -i lo -j ACCEPT",
        "-A INPUT -s 10.0.0.0/8 -p udp -m udp --dport 30000:30099 -j ACCEPT",
      ].join("\n"),
      "DROP",
    );
    expect(fate(closed, 30_000)).toBe("depends");
    expect(fate(closed, 30_000, { source: "10.1.1.1" })).toBe("passes");
    expect(fate(closed, 31_000)).toBe("dropped");
  });
});
