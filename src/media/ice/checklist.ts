/**
 * The checklist of one section: the peer's candidates, the pairs they make with ours, and which pair is checked next
 * (RFC 8445 sections 6.1.2 and 6.1.4, RFC 8838 sections 11 and 12). Knows neither time nor packets.
 */
import type { Endpoint } from "../../address.ts";
import { MAX_CANDIDATES, MAX_ICE_PAIRS } from "../../limits.ts";
import type { Component, IceCandidate, LocalCandidate } from "./candidate.ts";
import { mayPair, usableCandidate } from "./candidate.ts";
import type { RemoteCandidate } from "./pair.ts";
import { CandidatePair, comparePairs } from "./pair.ts";

export type AddedCandidate = "added" | "known" | "unusable" | "limit";

export class Checklist {
  readonly #locals: readonly LocalCandidate[];
  #controlling: boolean;
  #components: Component;
  readonly #remotes = new Map<string, RemoteCandidate>();
  /** Best first. */
  #pairs: CandidatePair[] = [];
  readonly #byPath = new Map<string, CandidatePair>();
  #triggered: CandidatePair[] = [];
  #learnedCount = 0;
  /** Pairs that had to go because of {@link MAX_ICE_PAIRS}; the agent ends their checks. */
  #evicted: CandidatePair[] = [];

  constructor(locals: readonly LocalCandidate[], components: Component, controlling: boolean) {
    this.#locals = locals;
    this.#components = components;
    this.#controlling = controlling;
  }

  get pairs(): readonly CandidatePair[] {
    return this.#pairs;
  }

  get remotes(): ReadonlyMap<string, RemoteCandidate> {
    return this.#remotes;
  }

  /** A candidate from signalling. Pairs it makes are inserted; call {@link unfreeze} after the last one. */
  add(candidate: IceCandidate): AddedCandidate {
    const usable = usableCandidate(candidate);
    if (!usable) return "unusable";
    const component = usable.component as Component;
    if (component > this.#components) return "known"; // no use with rtcp-mux, and nothing is wrong with it
    const remote: RemoteCandidate = { ...usable, component, learned: false };
    const key = remoteKey(component, remote.endpoint);
    const before = this.#remotes.get(key);
    if (before) {
      if (before.learned) this.#rename(key, remote);
      return "known";
    }
    if (this.#remotes.size >= MAX_CANDIDATES && !this.#forgetLearned()) return "limit";
    this.#insert(key, remote);
    return "added";
  }

  /** The pair on which a packet from `source` arrived; undefined if there is none (yet). */
  pairAt(socket: number, source: Endpoint): CandidatePair | undefined {
    return this.#byPath.get(pathKey(socket, source));
  }

  /**
   * The pair on which an authenticated check arrived, made if need be: with a peer-reflexive candidate if the source is
   * unknown (RFC 8445 section 7.3.1.3). Undefined: no room for one more candidate or pair.
   */
  learn(
    local: LocalCandidate,
    source: Endpoint,
    priority: number,
  ): { pair: CandidatePair; learned: boolean } | undefined {
    const known = this.pairAt(local.socket, source);
    if (known) return { pair: known, learned: false };
    const key = remoteKey(local.component, source);
    let remote = this.#remotes.get(key);
    const learned = remote === undefined;
    if (!remote) {
      if (this.#remotes.size >= MAX_CANDIDATES && !this.#forgetLearned()) return undefined;
      remote = {
        // RFC 8445 section 7.3.1.3: arbitrary, different from all others
        foundation: `prflx${++this.#learnedCount}`,
        component: local.component,
        priority: priority >>> 0,
        endpoint: source,
        type: "prflx",
        related: undefined,
        learned: true,
      };
      this.#remotes.set(key, remote);
    }
    const pair = this.#insertPair(local, remote, true);
    return pair && { pair, learned };
  }

  /** Puts a pair into the triggered-check queue, once. */
  trigger(pair: CandidatePair): void {
    if (pair.triggered) return;
    pair.triggered = true;
    this.#triggered.push(pair);
  }

  /** Pairs that become checkable when their foundation has none yet: at the start and after new candidates. */
  unfreeze(): void {
    this.#thaw((pair) => pair.state !== "frozen");
  }

  /** A check succeeded: what has the same foundation is worth checking (RFC 8445 section 7.2.5.3.3). */
  unfreezeFoundation(foundation: string): void {
    for (const pair of this.#pairs) {
      if (pair.state === "frozen" && pair.foundation === foundation) pair.state = "waiting";
    }
  }

  /** Takes the pair to check now off its queue: triggered ones first (RFC 8445 section 6.1.4.2). */
  next(): CandidatePair | undefined {
    const triggered = this.#triggered.shift();
    if (triggered) {
      triggered.triggered = false;
      return triggered;
    }
    let pair = this.#pairs.find((candidate) => candidate.state === "waiting");
    if (!pair) {
      this.#thaw((other) => other.state === "waiting" || other.state === "in-progress");
      pair = this.#pairs.find((candidate) => candidate.state === "waiting");
    }
    return pair;
  }

  /** True if {@link next} would find a pair. */
  get hasWork(): boolean {
    if (this.#triggered.length > 0) return true;
    let frozen = false;
    let busy: Set<string> | undefined;
    for (const pair of this.#pairs) {
      if (pair.state === "waiting") return true;
      if (pair.state === "frozen") frozen = true;
      else if (pair.state === "in-progress") {
        busy ??= new Set();
        busy.add(pair.foundation);
      }
    }
    if (!frozen) return false;
    return this.#pairs.some((pair) => pair.state === "frozen" && !busy?.has(pair.foundation));
  }

  /** True while some pair may still succeed. */
  get isRunning(): boolean {
    return this.#triggered.length > 0 || this.#pairs.some(({ state }) => state !== "succeeded" && state !== "failed");
  }

  /** Best valid pair of a component. */
  bestValid(component: Component): CandidatePair | undefined {
    return this.#pairs.find((pair) => pair.valid && pair.component === component);
  }

  compare(a: CandidatePair, b: CandidatePair): number {
    return comparePairs(a, b, this.#controlling);
  }

  /** Roles changed: priorities change with them (RFC 8445 section 7.3.1.1). */
  setControlling(controlling: boolean): void {
    this.#controlling = controlling;
    this.#pairs.sort((a, b) => comparePairs(a, b, controlling));
  }

  /**
   * A pair of this component was nominated: what was not checked yet need not be (RFC 8445 section 8.1.2), unless the peer
   * nominated that as well: aggressive nomination may still settle on it.
   */
  conclude(component: Component): void {
    this.#remove(
      (pair) =>
        pair.component === component &&
        !pair.nominateOnSuccess &&
        (pair.state === "waiting" || pair.state === "frozen"),
    );
  }

  /** Component 2 is gone: rtcp-mux was agreed. Returns the pairs that went with it. */
  dropComponent2(): readonly CandidatePair[] {
    this.#components = 1;
    for (const [key, remote] of this.#remotes) if (remote.component === 2) this.#remotes.delete(key);
    return this.#remove(({ component }) => component === 2);
  }

  /** Pairs dropped for lack of room since the last call. */
  takeEvicted(): readonly CandidatePair[] {
    if (this.#evicted.length === 0) return this.#evicted;
    const evicted = this.#evicted;
    this.#evicted = [];
    return evicted;
  }

  /** For every foundation without a pair that is `started`: the first of the frozen ones becomes checkable. */
  #thaw(started: (pair: CandidatePair) => boolean): void {
    const first = new Map<string, CandidatePair>();
    const busy = new Set<string>();
    const succeeded = new Set<string>();
    for (const pair of this.#pairs) {
      const { foundation } = pair;
      if (pair.state === "succeeded") succeeded.add(foundation);
      if (started(pair)) busy.add(foundation);
      else if (pair.state === "frozen") {
        const before = first.get(foundation);
        // lowest component first, then best priority, which is the order of the list
        if (!before || pair.component < before.component) first.set(foundation, pair);
      }
    }
    for (const [foundation, pair] of first) if (!busy.has(foundation)) pair.state = "waiting";
    for (const foundation of succeeded) this.unfreezeFoundation(foundation);
  }

  #insert(key: string, remote: RemoteCandidate): void {
    this.#remotes.set(key, remote);
    for (const local of this.#locals) {
      if (local.component <= this.#components && mayPair(local, remote)) this.#insertPair(local, remote, false);
    }
  }

  #insertPair(local: LocalCandidate, remote: RemoteCandidate, wanted: boolean): CandidatePair | undefined {
    const path = pathKey(local.socket, remote.endpoint);
    const before = this.#byPath.get(path);
    if (before) return before; // one socket is one base: the same path needs no second check (section 6.1.2.4)
    const pair = new CandidatePair(local, remote);
    if (this.#pairs.length >= MAX_ICE_PAIRS && !this.#evictFor(pair, wanted)) return undefined;
    let at = this.#pairs.length;
    while (at > 0 && this.compare(pair, this.#pairs[at - 1]!) < 0) at--;
    this.#pairs.splice(at, 0, pair);
    this.#byPath.set(path, pair);
    return pair;
  }

  /**
   * Makes room: the worst failed pair, else the worst that is neither valid nor under way. A pair the peer asks for
   * (`wanted`) may take the place of a better one, others only of a worse one.
   */
  #evictFor(pair: CandidatePair, wanted: boolean): boolean {
    const victim =
      this.#pairs.findLast(({ state }) => state === "failed") ??
      this.#pairs.findLast(
        ({ state, triggered, valid }) => !valid && !triggered && (state === "waiting" || state === "frozen"),
      );
    if (!victim) return false;
    if (!wanted && victim.state !== "failed" && this.compare(pair, victim) >= 0) return false;
    this.#remove((other) => other === victim);
    this.#evicted.push(victim);
    return true;
  }

  /** Drops the oldest learned candidate that led to nothing, to make room for one more. */
  #forgetLearned(): boolean {
    for (const [key, remote] of this.#remotes) {
      if (!remote.learned) continue;
      const own = this.#pairs.filter((pair) => pair.remote === remote);
      if (own.some(({ valid, nominating, triggered }) => valid || nominating || triggered)) continue;
      this.#evicted.push(...this.#remove((pair) => pair.remote === remote));
      this.#remotes.delete(key);
      return true;
    }
    return false;
  }

  #rename(key: string, remote: RemoteCandidate): void {
    const before = this.#remotes.get(key);
    this.#remotes.set(key, remote);
    for (const pair of this.#pairs) if (pair.remote === before) pair.renameRemote(remote);
    this.setControlling(this.#controlling);
    // it may be reachable from our other addresses as well
    for (const local of this.#locals) {
      if (local.component <= this.#components && mayPair(local, remote)) this.#insertPair(local, remote, false);
    }
  }

  #remove(unwanted: (pair: CandidatePair) => boolean): readonly CandidatePair[] {
    const removed = this.#pairs.filter(unwanted);
    if (removed.length === 0) return removed;
    this.#pairs = this.#pairs.filter((pair) => !unwanted(pair));
    for (const pair of removed) {
      this.#byPath.delete(pathKey(pair.local.socket, pair.remote.endpoint));
      pair.triggered = false;
    }
    this.#triggered = this.#triggered.filter((pair) => !removed.includes(pair));
    return removed;
  }
}

function pathKey(socket: number, { address, port }: Endpoint): string {
  return `${socket} ${address} ${port}`;
}

function remoteKey(component: number, { address, port }: Endpoint): string {
  return `${component} ${address} ${port}`;
}
