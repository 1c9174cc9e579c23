import { describe, expect, test } from "bun:test";
import { emitStun } from "../../../src/media/stun/emit.ts";
import { shortTermKey } from "../../../src/media/stun/integrity.ts";
import { StunView } from "../../../src/media/stun/view.ts";
import { bothCompleted, exchange, Network, Node, pairOf, SEEDS } from "./network.ts";

const RELAY = "198.51.100.7";
const PEER = "203.0.113.9";

function sides(seed = 1) {
  const network = new Network(seed);
  const relay = new Node(network, "relay", { addresses: [RELAY], role: "controlled" });
  const peer = new Node(network, "peer", { addresses: [PEER, "203.0.113.10"], role: "controlling" });
  return { network, relay, peer };
}

describe("trickle ICE", () => {
  for (const seed of SEEDS) {
    test(`candidates after the description, one by one (seed ${seed})`, () => {
      const network = new Network(seed, { loss: 0.2, delay: [5, 100], duplicates: 0.1 });
      const relay = new Node(network, "relay", { addresses: [RELAY, "10.0.0.1"], components: 2, role: "controlling" });
      const peer = new Node(network, "peer", { addresses: ["10.9.9.9", PEER], components: 2, role: "controlled" });
      network.blocked = (from, to) => [from.address, to.address].some((address) => address.startsWith("10."));
      relay.accept(peer, []);
      peer.accept(relay, []);
      network.run(1000);
      expect(relay.agent.state).toBe("checking");
      for (const candidate of peer.agent.candidates) {
        relay.apply(relay.agent.addCandidates([candidate], relay.context, peer.agent.credentials.ufrag));
        network.run(network.random.below(300));
      }
      relay.agent.endOfCandidates();
      for (const candidate of relay.agent.candidates) {
        peer.apply(peer.agent.addCandidates([candidate], peer.context));
        network.run(network.random.below(300));
      }
      expect(network.run(30_000, bothCompleted(relay, peer))).toBe(true);
      expect(relay.agent.selected(1)!.remote.address).toBe(PEER);
      expect(relay.agent.view().endOfCandidates).toBe(true);
    });
  }

  test("a fragment that overtakes its description is kept for 3 s", () => {
    const { network, relay, peer } = sides();
    const { ufrag } = peer.agent.credentials;
    relay.apply(relay.agent.addCandidates(peer.agent.candidates, relay.context, ufrag));
    relay.apply(relay.agent.addCandidates(peer.agent.candidates, relay.context, "another1"));
    network.run(2900);
    relay.accept(peer, []);
    expect(relay.agent.view().remoteCandidates).toBe(2);

    const late = sides();
    late.relay.apply(late.relay.agent.addCandidates(late.peer.agent.candidates, late.relay.context, ufrag));
    late.network.run(3000);
    late.relay.accept(late.peer, []);
    expect(late.relay.agent.view().remoteCandidates).toBe(0);
  });

  test("a fragment without ufrag belongs to the current peer, or to the next", () => {
    const { relay, peer } = sides();
    const [first, second] = peer.agent.candidates;
    relay.apply(relay.agent.addCandidates([first!], relay.context));
    relay.accept(peer, []);
    relay.apply(relay.agent.addCandidates([second!], relay.context));
    expect(relay.agent.view().remoteCandidates).toBe(2);
  });

  test("a fragment for the credentials of a restart waits for them", () => {
    const { relay, peer } = sides();
    relay.accept(peer, []);
    relay.apply(relay.agent.addCandidates(peer.agent.candidates, relay.context, "newufrag"));
    expect(relay.agent.view().remoteCandidates).toBe(0);
    const remote = { ufrag: "newufrag", pwd: "n".repeat(26), lite: false };
    relay.apply(relay.agent.setRemote(remote, [], relay.context));
    expect(relay.agent.view().remoteCandidates).toBe(2);
  });

  test("candidates that come after the nomination start no new checks, but the peer may still use them", () => {
    const { network, relay, peer } = sides();
    const [first, ...rest] = peer.agent.candidates;
    relay.accept(peer, [first!]);
    peer.accept(relay);
    expect(network.run(5000, bothCompleted(relay, peer))).toBe(true);
    const sent = relay.agent.counters.checksSent;
    const other = { ...first!, foundation: "other", endpoint: { address: "203.0.113.99", port: 1 } };
    relay.apply(relay.agent.addCandidates([other, ...rest], relay.context));
    network.run(1000);
    expect(relay.agent.counters.checksSent).toBe(sent);
    expect(relay.agent.view().remoteCandidates).toBe(3);
  });
});

describe("checks that come before the peer's answer", () => {
  test("are answered at once and followed up when the answer is known", () => {
    const { network, relay, peer } = sides();
    // the peer has our offer, we do not have its answer
    peer.accept(relay);
    network.run(500);
    expect(relay.text("early-check")).toContain(`STUN check from ${PEER}:30000 came before the credentials of ufrag`);
    expect(relay.agent.state).toBe("waiting");
    expect(relay.agent.validatedSources(0)).toEqual([]);
    // our answers alone made the peer's pair valid; by now it has nominated it
    expect(peer.agent.state).toBe("completed");
    relay.accept(peer, []);
    expect(network.run(2000, bothCompleted(relay, peer))).toBe(true);
    expect(pairOf(relay.agent.selected(1))).toBe(`${RELAY}:30000 -> ${PEER}:30000`);
  });

  test("of another branch than the one that answers do not count", () => {
    const { network, relay, peer } = sides();
    const other = new Node(network, "other branch", { addresses: ["203.0.113.77"], role: "controlling" });
    peer.accept(relay);
    other.accept(relay);
    network.run(500);
    relay.accept(peer);
    expect(network.run(2000, () => relay.agent.state === "completed")).toBe(true);
    network.run(20_000);
    expect(relay.agent.selected(1)!.remote.address).toBe(PEER);
    expect(relay.agent.sourceStatus(0, { address: "203.0.113.77", port: 30_000 })).toBe("unknown");
    // the other branch gets the call after all: same credentials of ours, new ones of the peer
    relay.accept(other);
    expect(relay.agent.selected(1)!.previous).toBe(true);
    expect(network.run(5000, () => relay.agent.state === "completed")).toBe(true);
    expect(relay.agent.selected(1)!.remote.address).toBe("203.0.113.77");
  });
});

describe("ICE restart", () => {
  test("checks with our old credentials are answered but nominate nothing, even if the peer keeps its own", () => {
    const network = new Network(1);
    const relay = new Node(network, "relay", { addresses: [RELAY], role: "controlled" });
    const peer = new Node(network, "peer", { addresses: [PEER], role: "controlling" });
    exchange(relay, peer);
    expect(network.run(5000, bothCompleted(relay, peer))).toBe(true);
    const old = relay.agent.credentials;
    relay.apply(relay.agent.restart({ credentials: { ufrag: "relaynew", pwd: "r".repeat(26) } }, relay.context));
    network.blocked = () => true;
    relay.accept(peer, []);
    const message = {
      class: "request",
      transactionId: new Uint8Array(12),
      username: `${old.ufrag}:${peer.agent.credentials.ufrag}`,
      controlling: 1n,
      useCandidate: true,
    } as const;
    const bytes = emitStun(message, { key: shortTermKey(old.pwd) });
    const step = relay.agent.receive(0, { address: "203.0.113.77", port: 1 }, bytes, relay.context);
    expect(step.sends).toHaveLength(1);
    expect(StunView.parse(step.sends[0]!.bytes)).toMatchObject({ class: "success" });
    expect(relay.agent.view().pairs).toEqual([]);
    expect(relay.agent.sourceStatus(0, { address: "203.0.113.77", port: 1 })).toBe("unknown");
  });

  for (const seed of SEEDS) {
    test(`media stays on the old pair until the new one works (seed ${seed})`, () => {
      const network = new Network(seed, { loss: 0.1, delay: [5, 80] });
      const relay = new Node(network, "relay", { addresses: [RELAY], components: 2, role: "controlled" });
      const peer = new Node(network, "peer", { addresses: [PEER, "203.0.113.10"], components: 2, role: "controlling" });
      exchange(relay, peer);
      expect(network.run(20_000, bothCompleted(relay, peer))).toBe(true);
      const before = pairOf(relay.agent.selected(1));

      // the peer moves to its second address and offers a restart
      peer.apply(peer.agent.restart({ credentials: { ufrag: `peer${seed}new`, pwd: "p".repeat(26) } }, peer.context));
      expect(relay.agent.isRestart(peer.agent.credentials)).toBe(true);
      relay.apply(
        relay.agent.restart({ credentials: { ufrag: `relay${seed}new`, pwd: "r".repeat(26) } }, relay.context),
      );
      expect(relay.text("restart")).toBe(`ICE restart: our ufrag is now relay${seed}new`);
      expect(pairOf(relay.agent.selected(1))).toBe(before);
      expect(relay.agent.selected(1)).toMatchObject({ previous: true, nominated: false, maySend: true });
      expect(relay.agent.sourceStatus(0, relay.agent.selected(1)!.remote)).toBe("validated");
      relay.sendMedia();
      peer.sendMedia();
      network.run(200);

      network.blocked = (from, to) => from.address === PEER || to.address === PEER;
      exchange(relay, peer);
      expect(network.run(30_000, bothCompleted(relay, peer))).toBe(true);
      expect(relay.agent.selected(1)!.remote.address).toBe("203.0.113.10");
      expect(relay.agent.sourceStatus(0, { address: PEER, port: 30_000 })).toBe("unknown");
      for (const { status } of [...relay.media, ...peer.media]) expect(status).toBe("validated");
    });
  }

  test("checks made with the old credentials are answered until the new ones have worked, then refused", () => {
    const network = new Network(1);
    const relay = new Node(network, "relay", { addresses: [RELAY], role: "controlled" });
    const peer = new Node(network, "peer", { addresses: [PEER], role: "controlling" });
    exchange(relay, peer);
    expect(network.run(5000, bothCompleted(relay, peer))).toBe(true);
    relay.apply(relay.agent.restart({ credentials: { ufrag: "relaynew", pwd: "r".repeat(26) } }, relay.context));
    // the answer with our new credentials takes a while; the peer's consent checks go on meanwhile
    network.run(45_000);
    expect(peer.kinds).not.toContain("consent-lost");
    peer.apply(peer.agent.restart({ credentials: { ufrag: "peernew1", pwd: "p".repeat(26) } }, peer.context));
    exchange(relay, peer);
    expect(network.run(5000, bothCompleted(relay, peer))).toBe(true);
    expect(relay.agent.counters.refusals).toBe(0);
    expect(relay.kinds).not.toContain("wrong-credentials");
  });

  test("the same credentials again are no restart", () => {
    const network = new Network(1);
    const relay = new Node(network, "relay", { addresses: [RELAY], role: "controlling" });
    const peer = new Node(network, "peer", { addresses: [PEER] });
    exchange(relay, peer);
    expect(network.run(5000, bothCompleted(relay, peer))).toBe(true);
    expect(relay.agent.isRestart(peer.agent.credentials)).toBe(false);
    exchange(relay, peer);
    expect(relay.agent.state).toBe("completed");
    expect(relay.agent.selected(1)!.previous).toBe(false);
  });

  test("a peer with unusable credentials is told about and changes nothing", () => {
    const network = new Network(1);
    const relay = new Node(network, "relay", { addresses: [RELAY] });
    relay.apply(relay.agent.setRemote({ ufrag: "", pwd: "x", lite: false }, [], relay.context));
    expect(relay.agent.state).toBe("waiting");
    expect(relay.text("bad-credentials")).toStartWith("The peer's ICE credentials cannot be used: ice-ufrag has 0");
  });
});
