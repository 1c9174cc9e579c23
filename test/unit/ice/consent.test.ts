import { describe, expect, test } from "bun:test";
import { bothCompleted, exchange, Network, Node, SEEDS } from "./network.ts";

const RELAY = "198.51.100.7";
const PEER = "203.0.113.9";

function call(seed: number, options: { consent?: "off" | "report" | "stop" } = {}) {
  const network = new Network(seed);
  const relay = new Node(network, "relay", { addresses: [RELAY], role: "controlling", ...options });
  const peer = new Node(network, "peer", { addresses: [PEER], consent: "off" });
  exchange(relay, peer);
  expect(network.run(5000, bothCompleted(relay, peer))).toBe(true);
  return { network, relay, peer };
}

describe("consent freshness (RFC 7675)", () => {
  for (const seed of SEEDS) {
    test(`asks every 4 to 6 s, once each time, never in step (seed ${seed})`, () => {
      const { network, relay } = call(seed);
      const times: number[] = [];
      network.blocked = (from) => {
        if (from.address === RELAY) times.push(network.now);
        return false;
      };
      network.run(300_000);
      expect(times.length).toBeGreaterThan(48);
      expect(times.length).toBeLessThan(76);
      const waits = times.slice(1).map((at, i) => at - times[i]!);
      expect(Math.min(...waits)).toBeGreaterThanOrEqual(4000);
      expect(Math.max(...waits)).toBeLessThanOrEqual(6000);
      expect(new Set(waits.map(Math.round)).size).toBeGreaterThan(20);
      expect(relay.kinds).not.toContain("consent-lost");
      expect(relay.kinds).not.toContain("silent");
    });
  }

  test("lost after 30 s without an answer is told; media goes on by default, and consent can come back", () => {
    const { network, relay } = call(1);
    network.run(60_000);
    network.blocked = () => true;
    network.run(36_000);
    expect(relay.text("consent-lost")).toBe(
      `Consent lost for component 1: no answer over pair ${RELAY}:30000 -> ${PEER}:30000 for 30 s, media goes on`,
    );
    expect(relay.text("silent")).toBe("No STUN from peer for 30 s");
    expect(relay.agent.selected(1)!.maySend).toBe(true);
    expect(relay.agent.state).toBe("completed");
    network.blocked = () => false;
    network.run(10_000);
    expect(relay.kinds).toContain("consent-regained");
    expect(relay.text("heard-again")).toStartWith("STUN from peer again after ");
  });

  test("a single answer within 30 s is enough", () => {
    const { network, relay } = call(1);
    for (let i = 0; i < 10; i++) {
      network.blocked = () => true;
      network.run(20_000);
      network.blocked = () => false;
      network.run(7000);
    }
    expect(relay.kinds).not.toContain("consent-lost");
  });

  test("where configured, media stops with consent and only a restart brings it back", () => {
    const { network, relay, peer } = call(1, { consent: "stop" });
    network.blocked = () => true;
    network.run(36_000);
    expect(relay.agent.selected(1)!.maySend).toBe(false);
    network.blocked = () => false;
    network.run(20_000);
    expect(relay.agent.selected(1)!.maySend).toBe(false);
    const fresh = { ufrag: "fresh001", pwd: "f".repeat(26) };
    relay.apply(relay.agent.restart({ credentials: fresh, role: "controlling" }, relay.context));
    peer.apply(
      peer.agent.restart({ credentials: { ufrag: "fresh002", pwd: "g".repeat(26) }, role: "controlled" }, peer.context),
    );
    exchange(relay, peer);
    expect(network.run(5000, bothCompleted(relay, peer))).toBe(true);
    expect(relay.agent.selected(1)!.maySend).toBe(true);
  });

  test("switched off, nothing is sent after completion, and silence of the peer is told once", () => {
    const { network, relay } = call(1, { consent: "off" });
    network.run(1000);
    const sent = network.sent;
    network.run(600_000);
    expect(network.sent).toBe(sent);
    expect(relay.kinds.filter((kind) => kind === "silent")).toHaveLength(1);
    expect(relay.agent.nextTimer).toBeUndefined();
  });
});
