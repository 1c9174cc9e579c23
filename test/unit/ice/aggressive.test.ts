/** A controlling peer that behaves as browsers do: USE-CANDIDATE in its checks, no regular nomination. */
import { describe, expect, test } from "bun:test";
import type { Endpoint } from "../../../src/address.ts";
import { formatEndpoint } from "../../../src/address.ts";
import { candidatePriority, localCandidates } from "../../../src/media/ice/candidate.ts";
import { emitStun } from "../../../src/media/stun/emit.ts";
import { hasValidIntegrity, shortTermKey } from "../../../src/media/stun/integrity.ts";
import { StunView } from "../../../src/media/stun/view.ts";
import type { Actor } from "./network.ts";
import { Network, Node, pairOf, SEEDS } from "./network.ts";

const RELAY = "198.51.100.7";
const WIFI: Endpoint = { address: "203.0.113.9", port: 50_001 };
const MOBILE: Endpoint = { address: "192.0.2.30", port: 50_002 };

/**
 * Written against the RFCs and nothing of the agent: sends checks from each of its addresses to each of the relay's, answers
 * every good check, and takes the first pair that was answered, or a better one, for its own.
 */
class Browser implements Actor {
  readonly name = "browser";
  readonly credentials = { ufrag: "Chro", pwd: "browserpassword0123456789", lite: false };
  readonly network: Network;
  readonly addresses: Endpoint[];
  /** `aggressive`: every check nominates (RFC 5245). `selected`: only those of the chosen address. */
  nominate: "aggressive" | "selected" = "aggressive";
  active: Endpoint[];
  selected: string | undefined;
  answered = new Set<string>();
  nextTimer: number | undefined;
  refused = 0;
  readonly #relay: Node;
  readonly #pending = new Map<string, string>();

  constructor(network: Network, relay: Node, addresses: readonly Endpoint[]) {
    this.network = network;
    this.#relay = relay;
    this.addresses = [...addresses];
    this.active = [...addresses];
    for (const at of addresses) network.listen(at, (source, bytes) => this.#receive(at, source, bytes));
    network.join(this);
  }

  get candidates() {
    return this.addresses.map((endpoint, i) => ({
      foundation: `${i}`,
      component: 1,
      priority: candidatePriority("host", i, 1),
      endpoint,
      type: "host" as const,
      related: undefined,
    }));
  }

  start(): void {
    this.nextTimer = this.network.now;
  }

  tick(): void {
    // 50 ms while connecting, 2.5 s when stable, as browsers ping
    this.nextTimer = this.network.now + (this.selected ? 2500 : 50);
    for (const from of this.active) {
      for (const { endpoint } of this.#relay.agent.candidates) this.check(from, endpoint);
    }
  }

  check(from: Endpoint, to: Endpoint): void {
    const transactionId = this.network.random.bytes(12);
    const path = `${formatEndpoint(from)} -> ${formatEndpoint(to)}`;
    this.#pending.set(Buffer.from(transactionId).toString("hex"), path);
    const { ufrag, pwd } = this.#relay.agent.credentials;
    const bytes = emitStun(
      {
        class: "request",
        transactionId,
        username: `${ufrag}:${this.credentials.ufrag}`,
        priority: candidatePriority("prflx", this.addresses.indexOf(from), 1),
        controlling: 77n,
        useCandidate: this.nominate === "aggressive" || path === this.selected,
      },
      { key: shortTermKey(pwd) },
    );
    this.network.send(from, to, bytes);
  }

  #receive(at: Endpoint, source: Endpoint, bytes: Uint8Array): void {
    const message = StunView.parse(bytes);
    if (typeof message === "string") return;
    if (message.class === "request") {
      if (!this.active.includes(at)) return;
      const key = shortTermKey(this.credentials.pwd);
      if (!hasValidIntegrity(message, key)) this.refused++;
      const { transactionId } = message;
      this.network.send(at, source, emitStun({ class: "success", transactionId, xorMappedAddress: source }, { key }));
      return;
    }
    const path = this.#pending.get(Buffer.from(message.transactionId).toString("hex"));
    if (path !== `${formatEndpoint(at)} -> ${formatEndpoint(source)}` || message.class !== "success") return;
    this.answered.add(path);
    if (this.nominate === "selected") this.selected ??= path;
    else this.selected = this.#best();
  }

  #best(): string | undefined {
    for (const from of this.addresses) {
      for (const { endpoint } of this.#relay.agent.candidates) {
        const path = `${formatEndpoint(from)} -> ${formatEndpoint(endpoint)}`;
        if (this.answered.has(path)) return path;
      }
    }
    return undefined;
  }
}

function setUp(seed: number, addresses: readonly Endpoint[], lite = false) {
  const network = new Network(seed, { loss: 0.1, delay: [5, 60] });
  const relay = new Node(network, "relay", { addresses: [RELAY], role: "controlled", lite });
  const browser = new Browser(network, relay, addresses);
  return { network, relay, browser };
}

function reversed(path: string | undefined): string | undefined {
  return path?.split(" -> ").reverse().join(" -> ");
}

describe("a browser as controlling peer", () => {
  for (const lite of [false, true]) {
    for (const seed of SEEDS) {
      test(`nominating aggressively, relay ${lite ? "lite" : "full"}: both sides use the same, best pair (seed ${seed})`, () => {
        const { network, relay, browser } = setUp(seed, [WIFI, MOBILE], lite);
        relay.apply(relay.agent.setRemote(browser.credentials, browser.candidates, relay.context));
        browser.start();
        expect(network.run(10_000, () => relay.agent.state === "completed")).toBe(true);
        network.run(10_000);
        expect(browser.refused).toBe(0);
        expect(pairOf(relay.agent.selected(1))).toBe(reversed(browser.selected));
        expect(relay.agent.selected(1)!.remote).toEqual(WIFI);
        expect(relay.agent.role).toBe("controlled");
      });
    }
  }

  test("with checks before its answer arrives, trickling its candidates later", () => {
    const { network, relay, browser } = setUp(1, [WIFI]);
    browser.start();
    network.run(300);
    relay.apply(relay.agent.setRemote(browser.credentials, [], relay.context));
    expect(network.run(3000, () => relay.agent.state === "completed")).toBe(true);
    const { ufrag } = browser.credentials;
    relay.apply(relay.agent.addCandidates(browser.candidates, relay.context, ufrag));
    expect(relay.agent.view().pairs.find(({ selected }) => selected)!.remoteType).toBe("host");
  });

  test("moving from one network to another during the call is followed, to the worse pair and back", () => {
    const { network, relay, browser } = setUp(2, [WIFI, MOBILE]);
    browser.nominate = "selected";
    browser.active = [WIFI];
    relay.apply(relay.agent.setRemote(browser.credentials, browser.candidates, relay.context));
    browser.start();
    network.run(20_000);
    expect(relay.agent.selected(1)!.remote).toEqual(WIFI);
    for (const [from, to] of [
      [WIFI, MOBILE],
      [MOBILE, WIFI],
    ] as const) {
      browser.active = [to];
      browser.selected = `${formatEndpoint(to)} -> ${RELAY}:30000`;
      network.run(10_000);
      expect(relay.agent.selected(1)!.remote).toEqual(to);
      expect(relay.agent.selected(1)!.nominated).toBe(true);
      expect(relay.agent.selected(1)!.remote).not.toEqual(from);
    }
    expect(relay.kinds).not.toContain("consent-lost");
  });

  test("a late nomination of a worse pair does not move media while the better one is being nominated", () => {
    const { network, relay, browser } = setUp(1, [WIFI, MOBILE]);
    network.quality = { loss: 0, delay: [5, 5] };
    relay.apply(relay.agent.setRemote(browser.credentials, browser.candidates, relay.context));
    const [local] = localCandidates(
      [{ local: RELAY, advertised: RELAY, sockets: [{ id: 0, port: 30_000 }] }],
      Uint8Array.of(1),
    );
    for (let i = 0; i < 20; i++) {
      browser.check(WIFI, local!.endpoint);
      browser.check(MOBILE, local!.endpoint);
      network.run(200);
    }
    expect(relay.agent.selected(1)!.remote).toEqual(WIFI);
    expect(relay.events.filter(({ text }) => text.startsWith("ICE negotiated: new peer")).length).toBeLessThanOrEqual(
      2,
    );
  });
});
