/**
 * A simulated network for ICE tests: a clock that jumps from event to event, links with delay, jitter (hence reordering)
 * and loss, NATs, and nodes that own ICE agents. Everything follows from one seed.
 */
import type { Endpoint } from "../../../src/address.ts";
import { formatEndpoint } from "../../../src/address.ts";
import type { IceAgentOptions, IceStep, SelectedPair } from "../../../src/media/ice/agent.ts";
import { IceAgent } from "../../../src/media/ice/agent.ts";
import type { Component, IceCandidate, LocalCandidate } from "../../../src/media/ice/candidate.ts";
import { localCandidates } from "../../../src/media/ice/candidate.ts";
import { newCredentials, newTieBreaker } from "../../../src/media/ice/credentials.ts";
import type { IceEvent } from "../../../src/media/ice/event.ts";
import { isStun } from "../../../src/media/stun/view.ts";

/** mulberry32: small, seeded, good enough to shuffle packets. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** In [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.below(256));
  }
}

/** Somebody with timers. */
export interface Actor {
  readonly name: string;
  readonly nextTimer: number | undefined;
  tick(): void;
}

export interface LinkQuality {
  /** Probability that a packet is lost. */
  readonly loss: number;
  /** One-way delay in milliseconds; each packet draws its own, so packets overtake each other. */
  readonly delay: readonly [min: number, max: number];
  /** Probability that a packet arrives twice. */
  readonly duplicates?: number;
}

type Receiver = (source: Endpoint, bytes: Uint8Array) => void;

interface Packet {
  readonly at: number;
  readonly order: number;
  deliver(): void;
}

const START = 1_700_000_000_000;

export class Network {
  now = START;
  readonly random: Random;
  quality: LinkQuality;
  /** Packets for which this says true vanish. */
  blocked: (from: Endpoint, to: Endpoint) => boolean = () => false;
  sent = 0;
  #order = 0;
  #queue: Packet[] = [];
  readonly #receivers = new Map<string, { readonly receive: Receiver; readonly nat: Nat | undefined }>();
  readonly #nats = new Map<string, Nat>();
  readonly #actors: Actor[] = [];

  constructor(seed: number, quality: LinkQuality = { loss: 0, delay: [5, 15] }) {
    this.random = new Random(seed);
    this.quality = quality;
  }

  join(actor: Actor): void {
    this.#actors.push(actor);
  }

  listen(at: Endpoint, receive: Receiver, nat?: Nat): void {
    this.#receivers.set(formatEndpoint(at), { receive, nat });
    if (nat) this.#nats.set(nat.address, nat);
  }

  send(from: Endpoint, to: Endpoint, bytes: Uint8Array): void {
    this.sent++;
    if (this.blocked(from, to) || this.random.next() < this.quality.loss) return;
    const sender = this.#receivers.get(formatEndpoint(from));
    const inside = this.#receivers.get(formatEndpoint(to));
    const copy = bytes.slice();
    // both behind the same NAT, or both public
    if (inside && inside.nat === sender?.nat) {
      this.#later(() => inside.receive(from, copy));
      return;
    }
    const source = sender?.nat ? sender.nat.outbound(from, to) : from;
    this.#later(() => {
      const target = this.#nats.get(to.address)?.inbound(source, to) ?? to;
      const receiver = this.#receivers.get(formatEndpoint(target));
      // a private address is nobody's outside its own network
      if (!receiver || (receiver.nat && target === to)) return;
      receiver.receive(source, copy);
    });
  }

  /** Lets this much time pass, or less if `until` comes true. Returns whether it did (always true without it). */
  run(milliseconds: number, until?: () => boolean): boolean {
    const end = this.now + milliseconds;
    for (;;) {
      if (until?.()) return true;
      const packet = this.#queue[0];
      let at = packet?.at ?? Number.POSITIVE_INFINITY;
      let actor: Actor | undefined;
      for (const candidate of this.#actors) {
        const timer = candidate.nextTimer;
        if (timer === undefined || timer >= at) continue;
        at = timer;
        actor = candidate;
      }
      if (at > end) {
        this.now = end;
        return until === undefined;
      }
      this.now = Math.max(this.now, at);
      if (!actor) this.#queue.shift()!.deliver();
      else {
        actor.tick();
        const next = actor.nextTimer;
        if (next !== undefined && next <= this.now) throw new Error(`${actor.name} asks for a timer in the past again`);
      }
    }
  }

  #later(deliver: () => void): void {
    this.#enqueue(deliver);
    if (this.random.next() < (this.quality.duplicates ?? 0)) this.#enqueue(deliver);
  }

  #enqueue(deliver: () => void): void {
    const [min, max] = this.quality.delay;
    const packet = { at: this.now + min + this.random.next() * (max - min), order: this.#order++, deliver };
    this.#queue.push(packet);
    this.#queue.sort((a, b) => a.at - b.at || a.order - b.order);
  }
}

export interface NatBehaviour {
  /** RFC 4787: one outside port per inside socket, or another one for each destination ("symmetric"). */
  readonly mapping: "endpoint-independent" | "symmetric";
  /** Who may send to an outside port: everybody, addresses that were sent to, or exactly the endpoints that were. */
  readonly filtering: "none" | "address" | "port";
}

export class Nat {
  readonly address: string;
  readonly behaviour: NatBehaviour;
  #nextPort = 40_000;
  readonly #outside = new Map<string, number>();
  readonly #inside = new Map<number, { readonly endpoint: Endpoint; readonly allowed: Set<string> }>();

  constructor(address: string, behaviour: NatBehaviour) {
    this.address = address;
    this.behaviour = behaviour;
  }

  /** The NAT forgets its mappings and uses other ports from now on: what a reboot or a timeout does. */
  rebind(): void {
    this.#outside.clear();
    this.#inside.clear();
    this.#nextPort += 1000;
  }

  outbound(from: Endpoint, to: Endpoint): Endpoint {
    const symmetric = this.behaviour.mapping === "symmetric";
    const key = symmetric ? `${formatEndpoint(from)} ${formatEndpoint(to)}` : formatEndpoint(from);
    let port = this.#outside.get(key);
    if (port === undefined) {
      port = this.#nextPort++;
      this.#outside.set(key, port);
      this.#inside.set(port, { endpoint: from, allowed: new Set() });
    }
    this.#inside.get(port)!.allowed.add(to.address).add(formatEndpoint(to));
    return { address: this.address, port };
  }

  inbound(source: Endpoint, to: Endpoint): Endpoint | undefined {
    const entry = this.#inside.get(to.port);
    if (!entry) return undefined;
    const { filtering } = this.behaviour;
    const key = filtering === "port" ? formatEndpoint(source) : source.address;
    return filtering === "none" || entry.allowed.has(key) ? entry.endpoint : undefined;
  }
}

export interface NodeOptions extends Partial<IceAgentOptions> {
  /** Bound addresses, one socket each per component. */
  readonly addresses: readonly string[];
  readonly nat?: Nat;
  /** Of component 1; default 30000. */
  readonly port?: number;
}

/** Everything one side of a call has for one section. */
export class Node implements Actor {
  readonly name: string;
  readonly network: Network;
  readonly agent: IceAgent;
  readonly events: IceEvent[] = [];
  readonly media: { readonly component: Component; readonly source: Endpoint; readonly status: string }[] = [];
  readonly checksFrom = new Set<string>();
  changes = 0;
  readonly #bases: ReadonlyMap<number, Endpoint>;

  constructor(network: Network, name: string, options: NodeOptions) {
    this.network = network;
    this.name = name;
    const components = options.components ?? 1;
    const port = options.port ?? 30_000;
    const locals =
      options.locals ??
      localCandidates(
        options.addresses.map((address, i) => ({
          local: address,
          advertised: address,
          sockets: Array.from({ length: components }, (_, c) => ({ id: i * 2 + c, port: port + c })),
        })),
        network.random.bytes(16),
      );
    this.agent = new IceAgent({
      credentials: newCredentials(network.random),
      tieBreaker: newTieBreaker(network.random),
      role: "controlled",
      ...options,
      locals,
      components,
    });
    this.#bases = new Map(locals.map(({ socket, base }) => [socket, base]));
    for (const local of locals) {
      network.listen(local.base, (source, bytes) => this.#receive(local, source, bytes), options.nat);
    }
    network.join(this);
  }

  get context() {
    return { now: this.network.now, random: this.network.random };
  }

  get nextTimer(): number | undefined {
    return this.agent.nextTimer;
  }

  tick(): void {
    this.apply(this.agent.tick(this.context));
  }

  /** Carries out what the agent wants. */
  apply(step: IceStep): void {
    this.events.push(...step.events);
    if (step.changed) this.changes++;
    for (const { socket, to, bytes } of step.sends) {
      this.network.send(this.#bases.get(socket)!, to, bytes);
    }
  }

  /** Takes the other side's description, with these of its candidates. */
  accept(other: Node, candidates: readonly IceCandidate[] = other.agent.candidates): void {
    const remote = { ...other.agent.credentials, lite: other.agent.lite };
    this.apply(this.agent.setRemote(remote, candidates, this.context));
  }

  sendMedia(component: Component = 1): void {
    const pair = this.agent.selected(component);
    if (pair?.maySend) this.network.send(pair.local.base, pair.remote, Uint8Array.of(0x80, 0, 0, 1));
  }

  /** Kinds of events so far. */
  get kinds(): readonly string[] {
    return this.events.map(({ kind }) => kind);
  }

  text(kind: string): string | undefined {
    return this.events.find((event) => event.kind === kind)?.text;
  }

  #receive(local: LocalCandidate, source: Endpoint, bytes: Uint8Array): void {
    if (isStun(bytes)) {
      this.checksFrom.add(formatEndpoint(source));
      this.apply(this.agent.receive(local.socket, source, bytes, this.context));
      return;
    }
    const status = this.agent.sourceStatus(local.socket, source);
    this.media.push({ component: local.component, source, status });
    this.apply(this.agent.mediaReceived(local.socket, source, this.context));
  }
}

/** `address:port -> address:port`, or undefined while there is none. */
export function pairOf(selected: SelectedPair | undefined): string | undefined {
  return selected && `${formatEndpoint(selected.local.base)} -> ${formatEndpoint(selected.remote)}`;
}

/** Offer and answer at once. */
export function exchange(offerer: Node, answerer: Node): void {
  answerer.accept(offerer);
  offerer.accept(answerer);
}

export function bothCompleted(...nodes: readonly Node[]): () => boolean {
  return () => nodes.every(({ agent }) => agent.state === "completed");
}

/** Seeds of one run: fixed, or the one of `SEED`. They are part of the test names. */
export const SEEDS: readonly number[] = process.env["SEED"] ? [Number(process.env["SEED"])] : [1, 2, 3, 4, 5];
