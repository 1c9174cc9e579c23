import { describe, expect, test } from "bun:test";
import { formatEndpoint } from "../../../src/address.ts";
import type { IceCandidate } from "../../../src/media/ice/candidate.ts";
import { candidatePriority } from "../../../src/media/ice/candidate.ts";
import type { NatBehaviour } from "./network.ts";
import { bothCompleted, exchange, Nat, Network, Node, pairOf, SEEDS } from "./network.ts";

const RELAY = "198.51.100.7";
const PEER = "203.0.113.9";

function expectMediaBothWays(a: Node, b: Node): void {
  for (const component of a.agent.components === 2 ? ([1, 2] as const) : ([1] as const)) {
    const before = [a.media.length, b.media.length];
    // bad links lose some
    for (let i = 0; i < 60; i++) {
      a.sendMedia(component);
      b.sendMedia(component);
      a.network.run(20);
    }
    expect(a.media.length).toBeGreaterThan(before[0]!);
    expect(b.media.length).toBeGreaterThan(before[1]!);
  }
  for (const packet of [...a.media, ...b.media]) expect(packet.status).toBe("validated");
}

describe("two full agents", () => {
  test("on public addresses complete by regular nomination", () => {
    const network = new Network(1, { loss: 0, delay: [10, 10] });
    const relay = new Node(network, "relay", { addresses: [RELAY], components: 2, role: "controlling" });
    const peer = new Node(network, "peer", { addresses: [PEER], components: 2 });
    const start = network.now;
    exchange(relay, peer);
    expect(network.run(5000, bothCompleted(relay, peer))).toBe(true);
    expect(network.now - start).toBeLessThan(400);
    expect(pairOf(relay.agent.selected(1))).toBe(`${RELAY}:30000 -> ${PEER}:30000`);
    expect(pairOf(relay.agent.selected(2))).toBe(`${RELAY}:30001 -> ${PEER}:30001`);
    expect(relay.text("nominating")).toBe(`Nominating pair ${RELAY}:30000 -> ${PEER}:30000`);
    expect(peer.text("nominated")).toBe(`Pair ${PEER}:30000 -> ${RELAY}:30000 nominated`);
    const texts = relay.events.map(({ text }) => text);
    expect(texts).toContain(`ICE negotiated: new peer for component 1 is ${PEER}:30000`);
    expect(texts).toContain(`ICE negotiated: peer for component 2 is ${PEER}:30001`);
    expect(texts).toContain(`ICE negotiated: local interface ${RELAY}`);
    expectMediaBothWays(relay, peer);
  });

  test("may send media over the best pair before the nomination", () => {
    const network = new Network(1, { loss: 0, delay: [10, 10] });
    const relay = new Node(network, "relay", { addresses: [RELAY], role: "controlling" });
    const peer = new Node(network, "peer", { addresses: [PEER] });
    exchange(relay, peer);
    expect(network.run(1000, () => relay.agent.state === "usable")).toBe(true);
    expect(relay.agent.selected(1)).toMatchObject({ nominated: false, maySend: true });
    expect(relay.kinds).toContain("usable");
  });

  test("send one new check per 20 ms", () => {
    const network = new Network(1);
    const relay = new Node(network, "relay", {
      addresses: [RELAY, "198.51.100.8"],
      components: 2,
      role: "controlling",
    });
    const times: number[] = [];
    let checks = 0;
    const candidates = Array.from({ length: 10 }, (_, i) => host(`203.0.113.${10 + i}`, 4000, 1));
    relay.apply(relay.agent.setRemote({ ufrag: "abcd", pwd: "x".repeat(22), lite: false }, candidates, relay.context));
    for (let i = 0; i < 1000; i++) {
      if (relay.agent.counters.checksSent > checks) {
        times.push(network.now);
        checks = relay.agent.counters.checksSent;
      }
      network.run(1);
    }
    expect(times.length).toBe(20);
    for (let i = 1; i < times.length; i++) expect(times[i]! - times[i - 1]!).toBeGreaterThanOrEqual(20);
  });

  test("repeat a lost check after 100 ms, doubling, seven transmissions, and give the pair up after 7.9 s", () => {
    const network = new Network(1);
    const relay = new Node(network, "relay", { addresses: [RELAY], role: "controlling" });
    const times: number[] = [];
    network.blocked = (from) => {
      if (from.address === RELAY) times.push(network.now);
      return true;
    };
    const start = network.now;
    const remote = { ufrag: "abcd", pwd: "x".repeat(22), lite: false };
    relay.apply(relay.agent.setRemote(remote, [host(PEER, 4000, 1)], relay.context));
    network.run(7899);
    expect(times.map((at) => at - start)).toEqual([0, 100, 300, 700, 1500, 3100, 6300]);
    expect(relay.kinds).not.toContain("pair-failed");
    network.run(1);
    expect(relay.text("pair-failed")).toBe(`Pair ${RELAY}:30000 -> ${PEER}:4000 failed: no answer`);
    expect(relay.agent.state).toBe("checking");
    network.run(32_000);
    expect(relay.agent.state).toBe("failed");
    expect(relay.text("failed")).toBe("ICE failed for component 1: none of 1 pairs works");
    expect(relay.agent.nextTimer).toBeUndefined();
  });

  test("without any candidate of the peer say so", () => {
    const network = new Network(1);
    const relay = new Node(network, "relay", { addresses: [RELAY], role: "controlling" });
    relay.apply(relay.agent.setRemote({ ufrag: "abcd", pwd: "x".repeat(22), lite: false }, [], relay.context));
    network.run(60_000);
    expect(relay.text("failed")).toBe("ICE failed for component 1: the peer has no candidate we could reach");
    expect(relay.text("silent")).toBe("No STUN from peer for 30 s");
    expect(relay.kinds.filter((kind) => kind === "silent")).toHaveLength(1);
  });

  test("given up, come back when the peer checks at last", () => {
    const network = new Network(1);
    const relay = new Node(network, "relay", { addresses: [RELAY], role: "controlling" });
    const peer = new Node(network, "peer", { addresses: [PEER] });
    network.blocked = () => true;
    relay.accept(peer);
    network.run(60_000, () => relay.agent.state === "failed");
    expect(relay.agent.state).toBe("failed");
    network.blocked = () => false;
    peer.accept(relay);
    expect(network.run(5000, bothCompleted(relay, peer))).toBe(true);
    expect(relay.kinds).toContain("heard-again");
  });

  for (const seed of SEEDS) {
    test(`over a link with loss, jitter and reordering (seed ${seed})`, () => {
      const network = new Network(seed, { loss: 0.25, delay: [5, 150], duplicates: 0.1 });
      const relay = new Node(network, "relay", {
        addresses: [RELAY, "2001:db8::7"],
        components: 2,
        role: "controlling",
      });
      const peer = new Node(network, "peer", { addresses: [PEER, "2001:db8:1::9"], components: 2 });
      exchange(relay, peer);
      expect(network.run(30_000, bothCompleted(relay, peer))).toBe(true);
      network.run(10_000);
      for (const component of [1, 2] as const) {
        const there = relay.agent.selected(component)!;
        const back = peer.agent.selected(component)!;
        expect(there.nominated && back.nominated).toBe(true);
        expect(formatEndpoint(there.remote)).toBe(formatEndpoint(back.local.base));
        expect(formatEndpoint(back.remote)).toBe(formatEndpoint(there.local.base));
      }
      expectMediaBothWays(relay, peer);
    });
  }

  test("with several interfaces end up on the best pair that works", () => {
    const network = new Network(1);
    const relay = new Node(network, "relay", { addresses: ["10.0.0.1", RELAY, "2001:db8::7"], role: "controlling" });
    const peer = new Node(network, "peer", { addresses: [PEER, "2001:db8:1::9"] });
    // the relay's first interface does not reach the outside
    network.blocked = (from, to) => from.address === "10.0.0.1" || to.address === "10.0.0.1";
    exchange(relay, peer);
    expect(network.run(10_000, bothCompleted(relay, peer))).toBe(true);
    expect(pairOf(relay.agent.selected(1))).toBe(`${RELAY}:30000 -> ${PEER}:30000`);
    expect(pairOf(peer.agent.selected(1))).toBe(`${PEER}:30000 -> ${RELAY}:30000`);
    expect(relay.agent.candidates.map(({ endpoint }) => endpoint.address)).toEqual([RELAY]);
  });

  test("never pair across address families nor link-local with global IPv6", () => {
    const network = new Network(1);
    const relay = new Node(network, "relay", { addresses: [RELAY, "2001:db8::7", "fe80::7"], role: "controlling" });
    const candidates = [host(PEER, 1, 1), host("2001:db8::9", 1, 1), host("fe80::9", 1, 1)];
    relay.apply(relay.agent.setRemote({ ufrag: "abcd", pwd: "x".repeat(22), lite: false }, candidates, relay.context));
    const pairs = relay.agent.view().pairs.map((pair) => `${pair.local.address} ${pair.remote.address}`);
    expect(pairs.sort()).toEqual([`198.51.100.7 ${PEER}`, "2001:db8::7 2001:db8::9", "fe80::7 fe80::9"]);
  });

  test("agree on rtcp-mux in the answer: component 2 is dropped", () => {
    const network = new Network(1);
    const relay = new Node(network, "relay", { addresses: [RELAY], components: 2, role: "controlling" });
    const peer = new Node(network, "peer", { addresses: [PEER], components: 1 });
    peer.accept(relay);
    relay.apply(relay.agent.dropComponent2(relay.context));
    relay.accept(peer);
    expect(network.run(5000, bothCompleted(relay, peer))).toBe(true);
    expect(relay.agent.components).toBe(1);
    expect(relay.agent.selected(2)).toBeUndefined();
    expectMediaBothWays(relay, peer);
  });

  test("check RTCP as soon as RTP of the same addresses works, before other candidates", () => {
    const network = new Network(1, { loss: 0, delay: [5, 5] });
    const relay = new Node(network, "relay", { addresses: [RELAY], components: 2, role: "controlling" });
    const peer = new Node(network, "peer", { addresses: [PEER], components: 2 });
    const elsewhere = Array.from({ length: 20 }, (_, i) => host(`203.0.113.${100 + i}`, 4000, 1, 1 + i));
    const start = network.now;
    relay.accept(peer, [...peer.agent.candidates, ...elsewhere]);
    expect(network.run(5000, () => relay.agent.state === "usable")).toBe(true);
    expect(network.now - start).toBeLessThan(100);
  });

  test("nominate for RTCP the way that RTP takes, though another one has the better priority", () => {
    const network = new Network(1, { loss: 0, delay: [5, 5] });
    const relay = new Node(network, "relay", { addresses: [RELAY], components: 2, role: "controlling" });
    const peer = new Node(network, "peer", { addresses: [PEER, "203.0.113.10"], components: 2 });
    peer.accept(relay);
    const candidates = peer.agent.candidates.map((candidate) => {
      const { address } = candidate.endpoint;
      const isFirst = (address === PEER) === (candidate.component === 1);
      return {
        ...candidate,
        foundation: address,
        priority: candidatePriority("host", isFirst ? 0 : 1, candidate.component),
      };
    });
    relay.accept(peer, candidates);
    network.run(5000, bothCompleted(relay, peer));
    expect(pairOf(relay.agent.selected(1))).toBe(`${RELAY}:30000 -> ${PEER}:30000`);
    expect(pairOf(relay.agent.selected(2))).toBe(`${RELAY}:30001 -> ${PEER}:30001`);
  });

  test("start no further checks once a pair is nominated", () => {
    const network = new Network(1, { loss: 0, delay: [5, 5] });
    const relay = new Node(network, "relay", { addresses: [RELAY], role: "controlling", consent: "off" });
    const peer = new Node(network, "peer", { addresses: [PEER], consent: "off" });
    const elsewhere = Array.from({ length: 50 }, (_, i) => host(`203.0.113.${100 + i}`, 4000, 1, 1 + i));
    peer.accept(relay);
    relay.accept(peer, [...peer.agent.candidates, ...elsewhere]);
    expect(network.run(5000, bothCompleted(relay, peer))).toBe(true);
    const { checksSent } = relay.agent.counters;
    expect(checksSent).toBeLessThan(15);
    network.run(20_000);
    expect(relay.agent.counters.checksSent).toBe(checksSent);
  });

  test("are patient with a pair that is still being checked when patience ends", () => {
    const network = new Network(1);
    const relay = new Node(network, "relay", { addresses: [RELAY], role: "controlling" });
    network.blocked = () => true;
    relay.apply(relay.agent.setRemote({ ufrag: "abcd", pwd: "x".repeat(22), lite: false }, [], relay.context));
    network.run(39_000);
    relay.apply(relay.agent.addCandidates([host(PEER, 4000, 1)], relay.context));
    network.run(7000);
    expect(relay.agent.state).toBe("checking");
    network.run(3000);
    expect(relay.agent.state).toBe("failed");
  });

  test("drop component 2 while its checks are running", () => {
    const network = new Network(1);
    const relay = new Node(network, "relay", { addresses: [RELAY], components: 2, role: "controlling" });
    const peer = new Node(network, "peer", { addresses: [PEER], components: 2 });
    network.blocked = (from) => from.port === 30_001;
    exchange(relay, peer);
    network.run(1000);
    expect(relay.agent.state).toBe("checking");
    relay.apply(relay.agent.dropComponent2(relay.context));
    peer.apply(peer.agent.dropComponent2(peer.context));
    expect(network.run(2000, bothCompleted(relay, peer))).toBe(true);
    expect(relay.kinds).toContain("component-dropped");
  });
});

describe("a peer behind a NAT", () => {
  const behaviours: readonly NatBehaviour[] = [
    { mapping: "endpoint-independent", filtering: "none" },
    { mapping: "endpoint-independent", filtering: "port" },
    { mapping: "symmetric", filtering: "address" },
    { mapping: "symmetric", filtering: "port" },
  ];
  for (const behaviour of behaviours) {
    for (const seed of SEEDS) {
      for (const role of ["controlling", "controlled"] as const) {
        const title = `${behaviour.mapping} mapping, ${behaviour.filtering} filtering, relay ${role} (seed ${seed})`;
        test(title, () => {
          const network = new Network(seed, { loss: 0.1, delay: [5, 60] });
          const nat = new Nat("192.0.2.1", behaviour);
          const relay = new Node(network, "relay", { addresses: [RELAY], components: 2, role });
          const other = role === "controlling" ? "controlled" : "controlling";
          const phone = new Node(network, "phone", { addresses: ["192.168.1.20"], components: 2, role: other, nat });
          exchange(relay, phone);
          expect(network.run(30_000, bothCompleted(relay, phone))).toBe(true);
          expect(relay.kinds).toContain("prflx");
          expect(relay.agent.selected(1)!.remote.address).toBe("192.0.2.1");
          // what the phone learns about itself
          const mapped = phone.agent.view().pairs.find(({ selected }) => selected)!.mapped!;
          expect(mapped.address).toBe("192.0.2.1");
          expectMediaBothWays(relay, phone);
        });
      }
    }
  }

  test("that forgets its mapping is followed when its media and checks come from a new port", () => {
    const network = new Network(3);
    const nat = new Nat("192.0.2.1", { mapping: "endpoint-independent", filtering: "port" });
    const relay = new Node(network, "relay", { addresses: [RELAY], role: "controlling" });
    const phone = new Node(network, "phone", { addresses: ["192.168.1.20"], nat });
    exchange(relay, phone);
    expect(network.run(5000, bothCompleted(relay, phone))).toBe(true);
    const before = relay.agent.selected(1)!.remote.port;
    network.run(10_000);
    nat.rebind();
    relay.media.length = 0;
    // the phone sends media every 20 ms and consent checks every 5 s
    for (let i = 0; i < 500; i++) {
      phone.sendMedia();
      network.run(20);
    }
    const after = relay.agent.selected(1)!.remote.port;
    expect(after).not.toBe(before);
    // media from the new port counts as unknown until the check has validated it
    expect(relay.media[0]!.status).toBe("unknown");
    expect(relay.media.at(-1)!.status).toBe("validated");
    expect(relay.events.some(({ text }) => text.includes("media comes over it"))).toBe(true);
  });
});

describe("ICE-lite", () => {
  test("relay lite, peer full and told to be controlling", () => {
    const network = new Network(1);
    const relay = new Node(network, "relay", { addresses: [RELAY], components: 2, lite: true, role: "controlling" });
    const nat = new Nat("192.0.2.1", { mapping: "endpoint-independent", filtering: "port" });
    const phone = new Node(network, "phone", { addresses: ["192.168.1.20"], components: 2, nat });
    exchange(relay, phone);
    expect(relay.agent.role).toBe("controlled");
    expect(phone.agent.role).toBe("controlling");
    expect(network.run(5000, bothCompleted(relay, phone))).toBe(true);
    expect(relay.agent.counters.checksSent).toBe(0);
    expect(relay.agent.selected(1)!.remote.address).toBe("192.0.2.1");
    expectMediaBothWays(relay, phone);
  });

  test("peer lite: we are controlling and do all the work", () => {
    const network = new Network(1, { loss: 0.2, delay: [5, 80] });
    const relay = new Node(network, "relay", { addresses: [RELAY], role: "controlled" });
    const sfu = new Node(network, "sfu", { addresses: [PEER], lite: true });
    exchange(relay, sfu);
    expect(relay.agent.role).toBe("controlling");
    expect(network.run(10_000, bothCompleted(relay, sfu))).toBe(true);
    expect(sfu.agent.counters.checksSent).toBe(0);
    expectMediaBothWays(relay, sfu);
    // no consent checks towards a lite peer
    const sent = relay.agent.counters.checksSent;
    network.run(20_000);
    expect(relay.agent.counters.checksSent).toBe(sent);
  });

  test("a lite relay never gives in to a full peer that insists on being controlled", () => {
    const network = new Network(1);
    const relay = new Node(network, "relay", { addresses: [RELAY], lite: true, tieBreaker: 2n ** 64n - 1n });
    const phone = new Node(network, "phone", { addresses: [PEER], role: "controlled", tieBreaker: 0n });
    relay.accept(phone);
    // the phone did not see a=ice-lite
    phone.apply(
      phone.agent.setRemote({ ...relay.agent.credentials, lite: false }, relay.agent.candidates, phone.context),
    );
    expect(network.run(5000, bothCompleted(relay, phone))).toBe(true);
    expect(phone.agent.role).toBe("controlling");
    expect(relay.agent.role).toBe("controlled");
  });

  test("both sides lite: the best pair is taken unchecked", () => {
    const network = new Network(1);
    const a = new Node(network, "a", {
      addresses: [RELAY, "10.0.0.1"],
      components: 2,
      lite: true,
      role: "controlling",
    });
    const b = new Node(network, "b", { addresses: [PEER], components: 2, lite: true });
    exchange(a, b);
    expect(bothCompleted(a, b)()).toBe(true);
    expect(pairOf(a.agent.selected(2))).toBe(`${RELAY}:30001 -> ${PEER}:30001`);
    network.run(60_000);
    expect(network.sent).toBe(0);
    expect(a.kinds).not.toContain("silent");
    expectMediaBothWays(a, b);
  });
});

describe("role conflict", () => {
  for (const role of ["controlling", "controlled"] as const) {
    for (const seed of SEEDS) {
      test(`both ${role} (seed ${seed})`, () => {
        const network = new Network(seed, { loss: 0.05, delay: [5, 50] });
        const a = new Node(network, "a", { addresses: [RELAY], components: 2, role });
        const b = new Node(network, "b", { addresses: [PEER], components: 2, role });
        exchange(a, b);
        expect(network.run(20_000, bothCompleted(a, b))).toBe(true);
        expect(new Set([a.agent.role, b.agent.role]).size).toBe(2);
        const conflicts = [...a.events, ...b.events].filter(({ kind }) => kind === "role-conflict");
        expect(conflicts.length).toBeGreaterThan(0);
        expectMediaBothWays(a, b);
      });
    }
  }

  test("the larger tie-breaker keeps its role", () => {
    const network = new Network(1);
    const a = new Node(network, "a", { addresses: [RELAY], role: "controlling", tieBreaker: 2n ** 63n });
    const b = new Node(network, "b", { addresses: [PEER], role: "controlling", tieBreaker: 2n ** 63n - 1n });
    exchange(a, b);
    network.run(3000, bothCompleted(a, b));
    expect([a.agent.role, b.agent.role]).toEqual(["controlling", "controlled"]);
    expect(a.agent.state).toBe("completed");
  });
});

function host(address: string, port: number, component: number, index = 0): IceCandidate {
  return {
    foundation: `f${address}`,
    component,
    priority: candidatePriority("host", index, component),
    endpoint: { address, port },
    type: "host",
    related: undefined,
  };
}
