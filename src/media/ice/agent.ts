/**
 * ICE agent of one media section (RFC 8445, trickle RFC 8838, consent RFC 7675): a state machine without sockets, timers or
 * randomness. Its owner tells it what happened; every such call returns an {@link IceStep}: bytes to send, events to record,
 * and whether the owner has to read {@link IceAgent.selected} and {@link IceAgent.validatedSources} again. Between calls
 * the owner keeps one timer for {@link IceAgent.nextTimer} and calls {@link IceAgent.tick} when it is due.
 *
 * How a section uses it:
 *
 *     const agent = new IceAgent({ credentials, locals: localCandidates(…), components: 2, role: "controlling", tieBreaker });
 *     agent.setRemote({ ufrag, pwd, lite }, candidates, context);      // the peer's SDP
 *     agent.addCandidates(more, context, ufrag);                       // trickle fragments
 *     agent.receive(socket, source, bytes, context);                   // STUN handed up by the relay
 *     agent.mediaReceived(socket, source, context);                    // relay: media from a new source
 *     agent.restart({ credentials: … }, context); agent.setRemote(…);  // a new offer with other credentials
 *
 * Media is sent where {@link IceAgent.selected} says and accepted from {@link IceAgent.validatedSources}. Nothing that is
 * not authenticated by our password (checks) or the peer's password and a transaction id of ours (answers) changes anything
 * but counters and the event that tells of it.
 */
import type { Endpoint } from "../../address.ts";
import { formatEndpoint } from "../../address.ts";
import { MAX_STUN_REFUSALS_PER_SECOND } from "../../limits.ts";
import { emitStun } from "../stun/emit.ts";
import { checkFingerprint, hasValidIntegrity, shortTermKey } from "../stun/integrity.ts";
import { StunView, transactionKey } from "../stun/view.ts";
import { BINDING, TRANSACTION_ID_SIZE } from "../stun/wire.ts";
import type { Component, IceCandidate, LocalCandidate } from "./candidate.ts";
import { candidatePriority, prflxPriority } from "./candidate.ts";
import { Checklist } from "./checklist.ts";
import type { ConsentMode } from "./consent.ts";
import { Consent } from "./consent.ts";
import type { IceCredentials } from "./credentials.ts";
import { credentialsFault } from "./credentials.ts";
import { EarlyCandidates, EarlyChecks } from "./early.ts";
import type { IceEvent, IceEventKind } from "./event.ts";
import type { CandidatePair, PairState } from "./pair.ts";
import { pairPriority } from "./pair.ts";
import {
  CHECK_PACING,
  FOLLOW_INTERVAL,
  LAST_WAIT,
  NOMINATION_DELAY,
  NOMINATION_SETTLE,
  PATIENCE,
  STUN_SILENCE,
} from "./timing.ts";
import type { IceRole } from "./transaction.ts";
import { Check, Transactions } from "./transaction.ts";

export type { IceRole } from "./transaction.ts";

/** Time and randomness of one call into the agent; the call core's own context fits. */
export interface IceContext {
  /** Milliseconds of a clock that does not run backwards by much; fractions allowed. */
  readonly now: number;
  readonly random: { bytes(count: number): Uint8Array };
}

/** `remote` unknown, checks running, media may flow, nominated, or given up (which a later check of the peer can undo). */
export type IceState = "waiting" | "checking" | "usable" | "completed" | "failed";

export interface IceAgentOptions {
  /** Our own, as printed in our SDP. */
  readonly credentials: IceCredentials;
  readonly locals: readonly LocalCandidate[];
  /** 2 = RTP and RTCP on sockets of their own. */
  readonly components: Component;
  /** By the offer/answer rules; may change through {@link IceAgent.setRemote} and role conflicts. */
  readonly role: IceRole;
  /** We send no checks and let the peer nominate. */
  readonly lite?: boolean;
  /** 64 random bits. */
  readonly tieBreaker: bigint;
  /** STUN SOFTWARE; absent: not sent. */
  readonly software?: string | undefined;
  /** Default `report`. Only towards full agents, never while we are lite. */
  readonly consent?: ConsentMode;
}

/** The peer as its SDP describes it. */
export interface RemoteIce extends IceCredentials {
  /** `a=ice-lite`. */
  readonly lite: boolean;
}

/** Send these bytes from this local socket. */
export interface IceSend {
  readonly socket: number;
  readonly to: Endpoint;
  readonly bytes: Uint8Array;
}

export interface IceStep {
  readonly sends: readonly IceSend[];
  readonly events: readonly IceEvent[];
  /** State, role, selected pairs or validated sources are no longer what they were. */
  readonly changed: boolean;
}

/** The pair media of a component goes over. */
export interface SelectedPair {
  readonly component: Component;
  readonly local: LocalCandidate;
  readonly remote: Endpoint;
  /** False: best valid pair so far. */
  readonly nominated: boolean;
  /** False: the peer's consent is lost and the agent is configured to stop then. */
  readonly maySend: boolean;
  /** Still that of before a restart, until the new checks have found one. */
  readonly previous: boolean;
}

/**
 * `validated`: our check there was answered (or, where we are lite, an authenticated check came from there): media is taken.
 * `authenticated`: a check with our password came from there, our own check is under way: worth keeping a handshake for.
 */
export type SourceStatus = "validated" | "authenticated" | "unknown";

/** Since the agent was made. */
export interface IceCounters {
  /** Binding requests, good or bad. */
  requests: number;
  /** Answers that belong to a check of ours and are authentic. */
  answers: number;
  /** Bytes that are no valid STUN message. */
  malformed: number;
  /** Indications, and methods other than Binding. */
  ignored: number;
  badIntegrity: number;
  /** Answers to no check of ours. */
  unknownTransactions: number;
  checksSent: number;
  retransmissions: number;
  refusals: number;
  /** Refusals not sent because of the rate limit. */
  refusalsWithheld: number;
  /** Candidates not taken for lack of room. */
  candidatesDropped: number;
  /** Events not told because there were many of their kind. */
  eventsWithheld: number;
}

/** For `query`, the API and snapshots of what happened. */
export interface IceView {
  readonly state: IceState;
  readonly role: IceRole;
  readonly lite: boolean;
  readonly localUfrag: string;
  readonly remoteUfrag: string | undefined;
  readonly remoteLite: boolean;
  readonly endOfCandidates: boolean;
  readonly remoteCandidates: number;
  readonly pairs: readonly {
    readonly component: Component;
    readonly local: Endpoint;
    readonly remote: Endpoint;
    readonly remoteType: IceCandidate["type"];
    /** Unsigned 64-bit number. */
    readonly priority: bigint;
    readonly state: PairState;
    readonly valid: boolean;
    readonly nominated: boolean;
    readonly selected: boolean;
    readonly mapped: Endpoint | undefined;
    /** Milliseconds. */
    readonly roundTrip: number | undefined;
  }[];
  readonly counters: Readonly<IceCounters>;
}

/** Events of one kind told per set of credentials; a peer with our password could otherwise fill the log. */
const EVENTS_PER_KIND = 32;

interface ComponentState {
  selected: CandidatePair | undefined;
  nominated: boolean;
  followedAt: number;
  consent: Consent | undefined;
}

/** What a restart leaves in force until the new checks have found a pair. */
interface Previous {
  readonly credentials: IceCredentials;
  readonly key: Uint8Array;
  readonly remoteUfrag: string | undefined;
  readonly checklist: Checklist;
  readonly selected: ReadonlyMap<Component, CandidatePair>;
}

export class IceAgent {
  readonly #software: string | undefined;
  readonly #consentMode: ConsentMode;
  readonly #counters: IceCounters = {
    requests: 0,
    answers: 0,
    malformed: 0,
    ignored: 0,
    badIntegrity: 0,
    unknownTransactions: 0,
    checksSent: 0,
    retransmissions: 0,
    refusals: 0,
    refusalsWithheld: 0,
    candidatesDropped: 0,
    eventsWithheld: 0,
  };
  #credentials: IceCredentials;
  #localKey: Uint8Array;
  #remote: RemoteIce | undefined;
  #remoteKey: Uint8Array = new Uint8Array(0);
  #locals: readonly LocalCandidate[];
  #bySocket: ReadonlyMap<number, LocalCandidate>;
  #components: Component;
  #lite: boolean;
  #role: IceRole;
  #tieBreaker: bigint;
  #checklist: Checklist;
  #previous: Previous | undefined;
  #state: IceState = "waiting";
  readonly #transactions = new Transactions();
  readonly #earlyChecks = new EarlyChecks();
  readonly #earlyCandidates = new EarlyCandidates();
  #component = new Map<Component, ComponentState>();
  #endOfCandidates = false;
  #lastCheckAt = Number.NEGATIVE_INFINITY;
  #nominateAt = Number.POSITIVE_INFINITY;
  #patienceUntil = Number.POSITIVE_INFINITY;
  #heardAt = Number.NEGATIVE_INFINITY;
  #silent = false;
  #refusalWindow = Number.NEGATIVE_INFINITY;
  #refusalsInWindow = 0;
  #eventCounts = new Map<IceEventKind, number>();

  // of the running call into the agent
  #context: IceContext = { now: 0, random: { bytes: (count) => new Uint8Array(count) } };
  #sends: IceSend[] = [];
  #events: IceEvent[] = [];
  #changed = false;

  constructor(options: IceAgentOptions) {
    this.#credentials = options.credentials;
    this.#localKey = shortTermKey(options.credentials.pwd);
    this.#locals = options.locals;
    this.#bySocket = new Map(options.locals.map((local) => [local.socket, local]));
    this.#components = options.components;
    this.#lite = options.lite ?? false;
    this.#role = this.#lite ? "controlled" : options.role;
    this.#tieBreaker = options.tieBreaker;
    this.#software = options.software;
    this.#consentMode = options.consent ?? "report";
    this.#checklist = new Checklist(this.#locals, this.#components, this.#role === "controlling");
    this.#resetComponents();
  }

  get state(): IceState {
    return this.#state;
  }

  get role(): IceRole {
    return this.#role;
  }

  get lite(): boolean {
    return this.#lite;
  }

  get components(): Component {
    return this.#components;
  }

  /** Our own credentials, for the SDP. */
  get credentials(): IceCredentials {
    return this.#credentials;
  }

  get remote(): RemoteIce | undefined {
    return this.#remote;
  }

  get counters(): Readonly<IceCounters> {
    return this.#counters;
  }

  /** When {@link tick} is due, on the caller's clock; undefined = nothing is waited for. May lie in the past. */
  get nextTimer(): number | undefined {
    let next = Math.min(this.#transactions.nextAt, this.#nominateAt, this.#patienceUntil);
    if (this.#mayCheck && this.#checklist.hasWork) next = Math.min(next, this.#lastCheckAt + CHECK_PACING);
    for (const { consent } of this.#component.values()) {
      if (consent) next = Math.min(next, consent.nextAt(this.#consentMode));
    }
    if (this.#expectsStun && !this.#silent) next = Math.min(next, this.#heardAt + STUN_SILENCE);
    return next === Number.POSITIVE_INFINITY ? undefined : next;
  }

  /** Our candidates to print: all of them, or once completed only those of the selected pairs. */
  get candidates(): readonly LocalCandidate[] {
    if (this.#state !== "completed") return this.#locals.filter(({ component }) => component <= this.#components);
    return [...this.#component.values()].flatMap(({ selected }) => (selected ? [selected.local] : []));
  }

  /** Where media of this component goes; undefined: nowhere yet. */
  selected(component: Component): SelectedPair | undefined {
    const state = this.#component.get(component);
    if (!state) return undefined;
    const current = state.selected;
    const pair = current ?? this.#previous?.selected.get(component);
    if (!pair) return undefined;
    return {
      component,
      local: pair.local,
      remote: pair.remote.endpoint,
      nominated: current !== undefined && state.nominated,
      maySend: !(this.#consentMode === "stop" && state.consent?.lost),
      previous: current === undefined,
    };
  }

  /** Sources from which media may be taken on this socket, the selected one first. */
  validatedSources(socket: number): readonly Endpoint[] {
    const list: Endpoint[] = [];
    const add = (pair: CandidatePair | undefined) => {
      if (!pair?.valid || pair.local.socket !== socket) return;
      const { endpoint } = pair.remote;
      if (!list.some(({ address, port }) => address === endpoint.address && port === endpoint.port))
        list.push(endpoint);
    };
    for (const { selected } of this.#component.values()) add(selected);
    for (const pair of this.#checklist.pairs) add(pair);
    for (const pair of this.#previous?.checklist.pairs ?? []) add(pair);
    return list;
  }

  /** What is known of this source on this socket. */
  sourceStatus(socket: number, source: Endpoint): SourceStatus {
    const pair = this.#checklist.pairAt(socket, source);
    if (pair?.valid || this.#previous?.checklist.pairAt(socket, source)?.valid) return "validated";
    return pair?.heard ? "authenticated" : "unknown";
  }

  view(): IceView {
    const controlling = this.#role === "controlling";
    return {
      state: this.#state,
      role: this.#role,
      lite: this.#lite,
      localUfrag: this.#credentials.ufrag,
      remoteUfrag: this.#remote?.ufrag,
      remoteLite: this.#remote?.lite ?? false,
      endOfCandidates: this.#endOfCandidates,
      remoteCandidates: this.#checklist.remotes.size,
      pairs: this.#checklist.pairs.map((pair) => ({
        component: pair.component,
        local: pair.local.endpoint,
        remote: pair.remote.endpoint,
        remoteType: pair.remote.type,
        priority: pairPriority(pair, controlling),
        state: pair.state,
        valid: pair.valid,
        nominated: pair.nominated,
        selected: this.#component.get(pair.component)?.selected === pair,
        mapped: pair.mapped,
        roundTrip: pair.roundTrip,
      })),
      counters: { ...this.#counters },
    };
  }

  /** True if these are not the credentials the peer had: its SDP asks for an ICE restart. */
  isRestart(remote: IceCredentials): boolean {
    return this.#remote !== undefined && (this.#remote.ufrag !== remote.ufrag || this.#remote.pwd !== remote.pwd);
  }

  /**
   * The peer's description. Checks begin. The same credentials again only add candidates; others replace the peer (another
   * branch answered our offer) while our own credentials stay: for a restart call {@link restart} before.
   */
  setRemote(remote: RemoteIce, candidates: readonly IceCandidate[], context: IceContext): IceStep {
    return this.#step(context, () => {
      const fault = credentialsFault(remote);
      if (fault) {
        this.#tell("bad-credentials", "warning", `The peer's ICE credentials cannot be used: ${fault}`);
        return;
      }
      const { now } = context;
      if (this.isRestart(remote)) this.#begin(this.#credentials);
      if (!this.#remote) {
        this.#remoteKey = shortTermKey(remote.pwd);
        this.#heardAt = now;
        this.#silent = false;
        this.#patienceUntil = this.#lite ? Number.POSITIVE_INFINITY : now + PATIENCE;
        this.#state = "checking";
        this.#changed = true;
        const kind = remote.lite ? "an ICE-lite peer" : "a full ICE peer";
        this.#tell("remote-credentials", "debug", `ICE credentials of ${kind} with ufrag ${remote.ufrag} are known`);
      }
      this.#remote = remote;
      if (remote.lite && !this.#lite) this.#setRole("controlling");
      else if (this.#lite && !remote.lite) this.#setRole("controlled");

      this.#takeCandidates([...candidates, ...this.#earlyCandidates.take(remote.ufrag, now)]);
      for (const { local, source, priority, useCandidate } of this.#earlyChecks.take(remote.ufrag)) {
        // By its socket: a restart may have brought new candidates for the same sockets.
        const own = this.#bySocket.get(local.socket);
        if (own) this.#peerChecked(own, source, priority, useCandidate);
      }
      if (this.#lite && remote.lite) this.#settleWithoutChecks();
    });
  }

  /**
   * Trickled candidates. `ufrag` says which credentials they belong to: if these are not known yet, the candidates are
   * kept for 3 s. Absent: the current credentials.
   */
  addCandidates(candidates: readonly IceCandidate[], context: IceContext, ufrag?: string): IceStep {
    return this.#step(context, () => {
      if (this.#remote && (ufrag === undefined || ufrag === this.#remote.ufrag)) {
        this.#takeCandidates(candidates);
        if (this.#lite && this.#remote.lite) this.#settleWithoutChecks();
        return;
      }
      for (const candidate of candidates) {
        if (!this.#earlyCandidates.keep(candidate, ufrag, context.now)) this.#counters.candidatesDropped++;
      }
    });
  }

  /** `a=end-of-candidates`. Recorded only: patience with slow peers does not depend on it. */
  endOfCandidates(): void {
    this.#endOfCandidates = true;
  }

  /**
   * ICE restart (RFC 8445 section 9): new credentials of ours, the peer's are unknown again until {@link setRemote}. Media
   * stays on the pairs it has, and checks made with the old credentials are answered, until new pairs are found.
   */
  restart(
    options: {
      readonly credentials: IceCredentials;
      readonly locals?: readonly LocalCandidate[];
      readonly components?: Component;
      readonly role?: IceRole;
      readonly lite?: boolean;
    },
    context: IceContext,
  ): IceStep {
    return this.#step(context, () => {
      const { locals, components, role, lite } = options;
      if (locals) {
        this.#locals = locals;
        this.#bySocket = new Map(locals.map((local) => [local.socket, local]));
      }
      this.#components = components ?? this.#components;
      this.#lite = lite ?? this.#lite;
      this.#role = this.#lite ? "controlled" : (role ?? this.#role);
      this.#begin(options.credentials);
      this.#tell("restart", "info", `ICE restart: our ufrag is now ${options.credentials.ufrag}`);
    });
  }

  /** rtcp-mux was agreed: component 2 is no more. */
  dropComponent2(context: IceContext): IceStep {
    return this.#step(context, () => {
      if (this.#components === 1) return;
      this.#components = 1;
      for (const pair of this.#checklist.dropComponent2()) this.#transactions.deletePair(pair);
      this.#component.delete(2);
      this.#changed = true;
      this.#tell("component-dropped", "debug", "ICE component 2 is not needed: RTCP is multiplexed");
      this.#evaluate();
    });
  }

  /**
   * A packet that looks like STUN, received on one of our sockets. `consumed` false: it is no STUN message after all and
   * belongs to whoever is next (media, DTLS).
   */
  receive(
    socket: number,
    source: Endpoint,
    bytes: Uint8Array,
    context: IceContext,
  ): IceStep & { readonly consumed: boolean } {
    let consumed = true;
    const step = this.#step(context, () => {
      const local = this.#bySocket.get(socket);
      if (!local || local.component > this.#components) {
        this.#counters.ignored++;
        return;
      }
      const message = StunView.parse(bytes);
      if (typeof message === "string" || checkFingerprint(message) === "wrong") {
        this.#counters.malformed++;
        consumed = false;
        return;
      }
      if (message.method !== BINDING) this.#counters.ignored++;
      else if (message.class === "request") this.#request(local, source, message);
      else if (message.class === "indication") this.#counters.ignored++;
      else this.#answer(local, source, message);
    });
    return { ...step, consumed };
  }

  /**
   * Media came from this source on this socket. If that is a validated pair other than the selected one, the selected pair
   * follows, at most once per 3 s and not while the peer keeps nominating the selected one.
   */
  mediaReceived(socket: number, source: Endpoint, context: IceContext): IceStep {
    return this.#step(context, () => {
      const pair = this.#checklist.pairAt(socket, source);
      const state = pair && this.#component.get(pair.component);
      if (!pair?.valid || !state?.selected || state.selected === pair) return;
      const { now } = context;
      if (now < state.followedAt + FOLLOW_INTERVAL || now < state.selected.nominatedAt + FOLLOW_INTERVAL) return;
      state.followedAt = now;
      this.#select(pair, state.nominated, "media comes over it");
    });
  }

  /** {@link nextTimer} is due. Harmless when called early. */
  tick(context: IceContext): IceStep {
    return this.#step(context, () => {});
  }

  // ------------------------------------------------------------------ one call into the agent

  #step(context: IceContext, action: () => void): IceStep {
    this.#context = context;
    action();
    this.#advance();
    const step = { sends: this.#sends, events: this.#events, changed: this.#changed };
    this.#sends = [];
    this.#events = [];
    this.#changed = false;
    return step;
  }

  /** Everything that time alone brings about. */
  #advance(): void {
    const { now } = this.#context;
    for (const check of this.#transactions.due(now)) this.#expire(check);
    if (now >= this.#nominateAt) this.#startNomination();
    this.#checkConsent();
    if (this.#expectsStun && !this.#silent && now >= this.#heardAt + STUN_SILENCE) {
      this.#silent = true;
      this.#tell("silent", "notice", `No STUN from peer for ${STUN_SILENCE / 1000} s`);
    }
    if (this.#mayCheck && now >= this.#lastCheckAt + CHECK_PACING) this.#sendNext();
    if (now >= this.#patienceUntil) this.#judgeFailure();
  }

  get #mayCheck(): boolean {
    return this.#remote !== undefined && !this.#lite;
  }

  /** Two lite agents exchange no STUN at all. */
  get #expectsStun(): boolean {
    return this.#remote !== undefined && !(this.#lite && this.#remote.lite);
  }

  #tell(kind: IceEventKind, level: IceEvent["level"], text: string, component?: Component): void {
    const count = this.#eventCounts.get(kind) ?? 0;
    if (count >= EVENTS_PER_KIND) {
      this.#counters.eventsWithheld++;
      return;
    }
    this.#eventCounts.set(kind, count + 1);
    this.#events.push({ at: this.#context.now, kind, level, text, component });
  }

  /** Told once per set of credentials: {@link EVENTS_PER_KIND} would be noise. */
  #tellOnce(kind: IceEventKind, level: IceEvent["level"], text: string): void {
    if ((this.#eventCounts.get(kind) ?? 0) === 0) this.#tell(kind, level, text);
  }

  /** A new generation of checks. Pairs in use stay so until it has found its own. */
  #begin(credentials: IceCredentials): void {
    const selected = new Map<Component, CandidatePair>();
    for (const [component, state] of this.#component) if (state.selected) selected.set(component, state.selected);
    // a restart during a restart: the pairs of the last generation that worked are the ones to keep
    if (selected.size > 0) {
      this.#previous = {
        credentials: this.#credentials,
        key: this.#localKey,
        remoteUfrag: this.#remote?.ufrag,
        checklist: this.#checklist,
        selected,
      };
    }
    this.#credentials = credentials;
    this.#localKey = shortTermKey(credentials.pwd);
    this.#remote = undefined;
    this.#checklist = new Checklist(this.#locals, this.#components, this.#role === "controlling");
    this.#transactions.clear();
    this.#endOfCandidates = false;
    this.#nominateAt = Number.POSITIVE_INFINITY;
    this.#patienceUntil = Number.POSITIVE_INFINITY;
    this.#silent = false;
    this.#eventCounts = new Map();
    this.#state = "waiting";
    this.#changed = true;
    this.#resetComponents();
  }

  #resetComponents(): void {
    const fresh = (): ComponentState => ({
      selected: undefined,
      nominated: false,
      followedAt: Number.NEGATIVE_INFINITY,
      consent: undefined,
    });
    this.#component = new Map<Component, ComponentState>([[1, fresh()]]);
    if (this.#components === 2) this.#component.set(2, fresh());
  }

  #heard(): void {
    const { now } = this.#context;
    if (this.#silent) {
      this.#silent = false;
      const seconds = Math.round((now - this.#heardAt) / 1000);
      this.#tell("heard-again", "notice", `STUN from peer again after ${seconds} s`);
    }
    this.#heardAt = now;
  }

  // ------------------------------------------------------------------ candidates and roles

  #takeCandidates(candidates: readonly IceCandidate[]): void {
    let unusable = 0;
    let beyond = 0;
    for (const candidate of candidates) {
      const result = this.#checklist.add(candidate);
      if (result === "unusable") unusable++;
      else if (result === "limit") beyond++;
    }
    this.#counters.candidatesDropped += unusable + beyond;
    if (beyond > 0) this.#tell("candidates-ignored", "warning", `${beyond} ICE candidates ignored: there are too many`);
    if (unusable > 0) {
      this.#tell(
        "candidates-ignored",
        "debug",
        `${unusable} ICE candidates ignored: no usable address, port or component`,
      );
    }
    this.#checklist.unfreeze();
    this.#dropEvicted();
    // a decision stands: new candidates of a nominated component wait for the peer's own checks
    for (const [component, { nominated }] of this.#component) if (nominated) this.#checklist.conclude(component);
  }

  #dropEvicted(): void {
    for (const pair of this.#checklist.takeEvicted()) this.#transactions.deletePair(pair);
  }

  #setRole(role: IceRole): void {
    if (role === this.#role) return;
    this.#role = role;
    this.#checklist.setControlling(role === "controlling");
    this.#nominateAt = Number.POSITIVE_INFINITY;
    for (const pair of this.#checklist.pairs) {
      pair.nominating = false;
      pair.nominateOnSuccess = false;
    }
    this.#changed = true;
    this.#evaluate();
  }

  // ------------------------------------------------------------------ checks of the peer

  #request(local: LocalCandidate, source: Endpoint, message: StunView): void {
    this.#counters.requests++;
    const { username } = message;
    if (username === undefined || message.integrityAt < 0 || message.fingerprintAt < 0) {
      this.#refuse(local, source, message, 400, "Bad Request");
      return;
    }
    const colon = username.indexOf(":");
    const ours = username.slice(0, Math.max(colon, 0));
    const previous = this.#previous;
    const isCurrent = ours === this.#credentials.ufrag;
    const isPrevious = !isCurrent && ours === previous?.credentials.ufrag;
    const key = isCurrent ? this.#localKey : isPrevious ? previous?.key : undefined;
    if (!key || !hasValidIntegrity(message, key)) {
      this.#counters.badIntegrity++;
      const what = key ? "password" : "user name";
      this.#tellOnce(
        "wrong-credentials",
        "info",
        `STUN check with a wrong ${what} from ${formatEndpoint(source)} refused`,
      );
      this.#refuse(local, source, message, 401, "Unauthorized");
      return;
    }
    const unknown = message.unknownRequired;
    if (unknown.length > 0) {
      this.#answerError(local, source, message, key, 420, "Unknown Attribute", unknown);
      return;
    }
    const ufrag = username.slice(colon + 1);
    if (isPrevious) {
      // RFC 8445 section 9: media stays on the old pairs, so the peer's consent checks there must not fail
      this.#answerSuccess(local, source, message, key);
      this.#heard();
      // A peer that restarts checks its new sockets with our old password until it has our answer, and may stay with such a
      // pair for good. Only who was told that password can ask this.
      if (ufrag === this.#remote?.ufrag && ufrag !== previous?.remoteUfrag) {
        const priority = message.priority ?? candidatePriority("prflx", 0, local.component);
        this.#peerChecked(local, source, priority, message.useCandidate);
      }
      return;
    }
    const isStranger = this.#remote !== undefined && ufrag !== this.#remote.ufrag;
    if (!isStranger && this.#conflicts(message)) {
      this.#answerError(local, source, message, key, 487, "Role Conflict");
      return;
    }
    this.#answerSuccess(local, source, message, key);
    const priority = message.priority ?? candidatePriority("prflx", 0, local.component);
    const { useCandidate } = message;
    if (!this.#remote || isStranger) {
      if (this.#earlyChecks.keep({ local, source, ufrag, priority, useCandidate })) {
        const text = `STUN check from ${formatEndpoint(source)} came before the credentials of ufrag ${ufrag}: kept`;
        this.#tell("early-check", "debug", text, local.component);
      }
      return;
    }
    this.#heard();
    this.#peerChecked(local, source, priority, useCandidate);
  }

  /** Role conflicts (RFC 8445 section 7.3.1.1). True: refuse with 487; false: no conflict, or we gave in. */
  #conflicts(message: StunView): boolean {
    const theirs = this.#role === "controlling" ? message.controlling : message.controlled;
    if (theirs === undefined) return false;
    const both = `Both sides are ${this.#role}`;
    // a lite agent cannot nominate: the full one has to be the controlling one (section 6.1.1)
    const stay = this.#lite || this.#remote?.lite || (this.#role === "controlling") === this.#tieBreaker >= theirs;
    if (stay) {
      this.#tell("role-conflict", "info", `${both}: the peer is told to change`);
      return true;
    }
    const role = this.#role === "controlling" ? "controlled" : "controlling";
    this.#tell("role-conflict", "info", `${both}: we are ${role} from now on`);
    this.#setRole(role);
    return false;
  }

  #answerSuccess(local: LocalCandidate, source: Endpoint, message: StunView, key: Uint8Array): void {
    const bytes = emitStun(
      {
        class: "success",
        transactionId: message.transactionId,
        xorMappedAddress: source,
        software: this.#software,
      },
      { key },
    );
    this.#sends.push({ socket: local.socket, to: source, bytes });
  }

  #answerError(
    local: LocalCandidate,
    source: Endpoint,
    message: StunView,
    key: Uint8Array | undefined,
    code: number,
    reason: string,
    unknownAttributes?: readonly number[],
  ): void {
    this.#counters.refusals++;
    const { transactionId } = message;
    const bytes = emitStun({ class: "error", transactionId, errorCode: { code, reason }, unknownAttributes }, { key });
    this.#sends.push({ socket: local.socket, to: source, bytes });
  }

  /** An answer to somebody who may not be who the source address says: few of them, and short. */
  #refuse(local: LocalCandidate, source: Endpoint, message: StunView, code: number, reason: string): void {
    const { now } = this.#context;
    if (now >= this.#refusalWindow + 1000 || now < this.#refusalWindow) {
      this.#refusalWindow = now;
      this.#refusalsInWindow = 0;
    }
    if (++this.#refusalsInWindow > MAX_STUN_REFUSALS_PER_SECOND) this.#counters.refusalsWithheld++;
    else this.#answerError(local, source, message, undefined, code, reason);
  }

  /** An authentic check of our peer: learn its source, check back, take its nomination (RFC 8445 section 7.3.1.3 ff.). */
  #peerChecked(local: LocalCandidate, source: Endpoint, priority: number, useCandidate: boolean): void {
    const { now } = this.#context;
    const found = this.#checklist.learn(local, source, priority);
    this.#dropEvicted();
    if (!found) {
      this.#counters.candidatesDropped++;
      const text = `STUN check from ${formatEndpoint(source)} answered, but there is no room for one more candidate`;
      this.#tellOnce("candidates-ignored", "warning", text);
      return;
    }
    const { pair, learned } = found;
    if (learned) {
      const text = `Peer-reflexive candidate ${formatEndpoint(source)} learned from a STUN check`;
      this.#tell("prflx", "debug", text, local.component);
    }
    if (!pair.heard) {
      pair.heard = true;
      this.#changed = true;
    }
    const nominated = useCandidate && this.#role === "controlled";
    if (nominated) pair.nominatedAt = now;
    if (this.#lite) {
      if (!pair.valid) {
        pair.state = "succeeded";
        this.#becameValid(pair);
      }
      if (nominated) this.#nominate(pair);
      return;
    }
    if (pair.state === "succeeded") {
      if (nominated) this.#nominate(pair);
      return;
    }
    if (nominated) pair.nominateOnSuccess = true;
    const running = pair.transaction === undefined ? undefined : this.#transactions.get(pair.transaction);
    if (pair.state === "in-progress" && running) {
      // our check was sent before the peer's opened its NAT for us: a new one now is faster than a retransmission
      if (running.triggered) return;
      running.cancel(now);
      pair.transaction = undefined;
    }
    pair.state = "waiting";
    this.#checklist.trigger(pair);
  }

  // ------------------------------------------------------------------ checks of ours

  #sendNext(): void {
    for (let pair = this.#checklist.next(); pair; pair = this.#checklist.next()) {
      // triggered, but answered in the meantime
      if (pair.state === "succeeded" && !pair.nominating) continue;
      const triggered = pair.heard;
      pair.state = "in-progress";
      if (this.#state === "failed") {
        this.#state = "checking";
        this.#patienceUntil = this.#context.now + PATIENCE;
        this.#changed = true;
      }
      this.#lastCheckAt = this.#context.now;
      pair.transaction = this.#sendCheck(pair, "check", triggered);
      return;
    }
  }

  #sendCheck(pair: CandidatePair, purpose: Check["purpose"], triggered: boolean): string | undefined {
    const remote = this.#remote;
    if (!remote) return undefined;
    const { now, random } = this.#context;
    const transactionId = random.bytes(TRANSACTION_ID_SIZE);
    const controlling = this.#role === "controlling";
    const nominating = controlling && pair.nominating && purpose === "check";
    const bytes = emitStun(
      {
        class: "request",
        transactionId,
        username: `${remote.ufrag}:${this.#credentials.ufrag}`,
        priority: prflxPriority(pair.local),
        controlling: controlling ? this.#tieBreaker : undefined,
        controlled: controlling ? undefined : this.#tieBreaker,
        useCandidate: nominating,
        software: this.#software,
      },
      { key: this.#remoteKey },
    );
    const details = { purpose, hmacKey: this.#remoteKey, role: this.#role, nominating, triggered, now };
    const check = new Check(transactionId, pair, bytes, details);
    const dropped = this.#transactions.add(check);
    if (dropped?.pair.transaction === dropped?.key && dropped)
      this.#fail(dropped.pair, "too many checks are under way");
    this.#transmit(check);
    this.#counters.checksSent++;
    return check.key;
  }

  #transmit(check: Check): void {
    this.#sends.push({ socket: check.socket, to: check.remote, bytes: check.bytes });
  }

  #expire(check: Check): void {
    if (check.expire(this.#context.now) === "retransmit") {
      this.#counters.retransmissions++;
      this.#transmit(check);
      return;
    }
    this.#transactions.delete(check.key);
    if (check.purpose === "check" && !check.cancelled && check.pair.transaction === check.key) {
      check.pair.transaction = undefined;
      this.#fail(check.pair, "no answer");
    }
  }

  #answer(local: LocalCandidate, source: Endpoint, message: StunView): void {
    const check = this.#transactions.get(transactionKey(message.transactionId));
    if (!check) {
      this.#counters.unknownTransactions++;
      return;
    }
    const error = message.class === "error" ? message.errorCode : undefined;
    if (!hasValidIntegrity(message, check.hmacKey)) {
      // RFC 8489 section 9.1.4: as if it had not come; it may be forged, and the real answer may follow
      this.#counters.badIntegrity++;
      if (error) {
        const text = `${formatEndpoint(source)} refused our STUN check: ${error.code} ${error.reason}`;
        this.#tellOnce("refused", "info", text);
      }
      return;
    }
    this.#counters.answers++;
    this.#heard();
    this.#transactions.delete(check.key);
    if (check.purpose === "consent") {
      if (message.class === "success") this.#consented(check.pair);
      return;
    }
    const { pair } = check;
    const { now } = this.#context;
    const isRunning = pair.transaction === check.key;
    if (isRunning) pair.transaction = undefined;
    if (message.class === "error") {
      const repeat = error?.code === 487 && this.#giveIn(check);
      // a newer check of this pair gets an answer of its own
      if (repeat && isRunning) {
        pair.state = "waiting";
        this.#checklist.trigger(pair);
      } else if (isRunning)
        this.#fail(pair, error ? `the peer refused it: ${error.code} ${error.reason}` : "error answer");
      return;
    }
    // RFC 8445 section 7.2.5.2.1: a path that is not symmetric is no path for media
    const isSymmetric =
      local.socket === check.socket && source.address === check.remote.address && source.port === check.remote.port;
    if (!isSymmetric || message.unknownRequired.length > 0) {
      const why = isSymmetric ? "answer with unknown attributes" : `the answer came from ${formatEndpoint(source)}`;
      if (isRunning) this.#fail(pair, why);
      return;
    }
    if (pair.transaction !== undefined) {
      // an earlier, cancelled check was answered: the newer one has nothing left to find out, unless it nominates
      const newer = this.#transactions.get(pair.transaction);
      if (newer?.nominating && !check.nominating) return;
      newer?.cancel(now);
      pair.transaction = undefined;
    }
    pair.mapped = message.mappedAddress;
    if (check.transmissions === 1) pair.roundTrip = now - check.startedAt;
    pair.state = "succeeded";
    this.#checklist.unfreezeFoundation(pair.foundation);
    if (!pair.valid) this.#becameValid(pair);
    if (this.#role === "controlling") {
      if (check.nominating && pair.nominating) this.#nominate(pair);
    } else if (pair.nominateOnSuccess) this.#nominate(pair);
  }

  /** The peer insists on the role we had in this check (487). False: it has no business to, and the pair fails. */
  #giveIn(check: Check): boolean {
    if (this.#lite || this.#remote?.lite) return false;
    // several checks may come back with the same complaint: one change answers them all
    if (check.role === this.#role) {
      const role = this.#role === "controlling" ? "controlled" : "controlling";
      this.#tell("role-conflict", "info", `Role conflict reported by the peer: we are ${role} from now on`);
      this.#setRole(role);
    }
    return true;
  }

  // ------------------------------------------------------------------ decisions

  #becameValid(pair: CandidatePair): void {
    pair.valid = true;
    this.#changed = true;
    this.#tell("pair-valid", "debug", `Pair ${pair.text} works`, pair.component);
    this.#preferBest(pair.component);
    this.#evaluate();
  }

  #fail(pair: CandidatePair, why: string): void {
    const wasValid = pair.valid;
    pair.state = "failed";
    pair.valid = false;
    pair.nominating = false;
    pair.nominated = false;
    pair.nominateOnSuccess = false;
    this.#tell("pair-failed", "debug", `Pair ${pair.text} failed: ${why}`, pair.component);
    if (!wasValid) return;
    this.#changed = true;
    const state = this.#component.get(pair.component);
    if (state?.selected === pair) {
      state.selected = undefined;
      state.nominated = false;
      state.consent = undefined;
    }
    this.#preferBest(pair.component);
    this.#evaluate();
  }

  /** Before nomination media goes over the best pair that works. */
  #preferBest(component: Component): void {
    const state = this.#component.get(component);
    if (!state || state.nominated) return;
    const best = this.#checklist.bestValid(component);
    if (best && best !== state.selected) this.#select(best, false, "best so far");
  }

  #select(pair: CandidatePair, nominated: boolean, why: string): void {
    const state = this.#component.get(pair.component);
    if (!state) return;
    const before = state.selected;
    state.selected = pair;
    state.nominated = nominated;
    this.#changed = true;
    const remoteFull = this.#remote !== undefined && !this.#remote.lite && !this.#lite;
    if (nominated && remoteFull && this.#consentMode !== "off") {
      state.consent = new Consent(pair, this.#context.now, this.#spread());
    }
    if (before === pair) return;
    const peer = formatEndpoint(pair.remote.endpoint);
    const text = `ICE negotiated: new peer for component ${pair.component} is ${peer}`;
    this.#tell("selected", "info", text, pair.component);
    const from = before ? `instead of ${before.text} ` : "";
    this.#tell("selected", "debug", `Pair ${pair.text} selected ${from}(${why})`, pair.component);
  }

  /** The pair is nominated: by the peer if we are controlled, by our check's success if we are controlling. */
  #nominate(pair: CandidatePair): void {
    const state = this.#component.get(pair.component);
    if (!state) return;
    pair.nominating = false;
    pair.nominateOnSuccess = false;
    const isNew = !pair.nominated;
    pair.nominated = true;
    const current = state.nominated ? state.selected : undefined;
    if (current === pair) return;
    if (isNew) this.#tell("nominated", "debug", `Pair ${pair.text} nominated`, pair.component);
    if (current && this.#checklist.compare(pair, current) > 0) {
      // see NOMINATION_SETTLE
      if (this.#context.now < current.nominatedAt + NOMINATION_SETTLE) return;
    }
    this.#select(pair, true, "nominated");
    this.#checklist.conclude(pair.component);
    this.#evaluate();
  }

  /** State and, when we are controlling, the date of nomination, from what the components have. */
  #evaluate(): void {
    if (!this.#remote) return;
    const states = [...this.#component.values()];
    const isUsable = states.every(({ selected }) => selected !== undefined);
    const isCompleted = isUsable && states.every(({ nominated }) => nominated);
    const before = this.#state;
    if (isCompleted) {
      this.#state = "completed";
      this.#patienceUntil = Number.POSITIVE_INFINITY;
      this.#nominateAt = Number.POSITIVE_INFINITY;
      this.#previous = undefined;
      if (before !== "completed") this.#tellCompleted();
    } else if (isUsable) {
      this.#state = "usable";
      this.#patienceUntil = Number.POSITIVE_INFINITY;
      if (before !== "usable" && before !== "completed") {
        this.#tell("usable", "debug", "ICE not completed yet, but every component has a working pair: media may flow");
      }
      this.#planNomination();
    } else if (before === "usable" || before === "completed") {
      this.#state = "checking";
      this.#nominateAt = Number.POSITIVE_INFINITY;
      this.#patienceUntil = this.#context.now + PATIENCE;
    }
    if (before !== this.#state) this.#changed = true;
  }

  #tellCompleted(): void {
    const addresses = new Set<string>();
    for (const [component, { selected }] of this.#component) {
      if (!selected) continue;
      this.#tell("completed", "debug", `ICE completed, using pair ${selected.text}`, component);
      const peer = formatEndpoint(selected.remote.endpoint);
      this.#tell("completed", "info", `ICE negotiated: peer for component ${component} is ${peer}`, component);
      addresses.add(selected.local.base.address);
    }
    for (const address of addresses) this.#tell("completed", "info", `ICE negotiated: local interface ${address}`);
  }

  #planNomination(): void {
    if (this.#role !== "controlling" || this.#lite || this.#nominateAt !== Number.POSITIVE_INFINITY) return;
    if (this.#checklist.pairs.some(({ nominating }) => nominating)) return;
    this.#nominateAt = this.#context.now + NOMINATION_DELAY;
  }

  /** Regular nomination (RFC 8445 section 8.1.1): the best pair of each component is checked once more, with USE-CANDIDATE. */
  #startNomination(): void {
    this.#nominateAt = Number.POSITIVE_INFINITY;
    let first: CandidatePair | undefined;
    for (const [component, state] of this.#component) {
      let pair = state.nominated ? state.selected : this.#checklist.bestValid(component);
      if (first && !state.nominated) pair = this.#companion(first, component) ?? pair;
      first ??= pair;
      if (!pair || state.nominated) continue;
      pair.nominating = true;
      this.#checklist.trigger(pair);
      this.#tell("nominating", "debug", `Nominating pair ${pair.text}`, component);
    }
  }

  /** RTCP should take the way RTP takes, if that works. */
  #companion(rtp: CandidatePair, component: Component): CandidatePair | undefined {
    return this.#checklist.pairs.find(
      (pair) =>
        pair.valid &&
        pair.component === component &&
        pair.local.base.address === rtp.local.base.address &&
        pair.remote.endpoint.address === rtp.remote.endpoint.address,
    );
  }

  /** Both sides are lite: nobody checks, each takes the best pair on paper (RFC 8445 section 8.2). */
  #settleWithoutChecks(): void {
    for (const [component, { nominated }] of this.#component) {
      const pair = nominated ? undefined : this.#checklist.pairs.find((other) => other.component === component);
      if (!pair) continue;
      pair.state = "succeeded";
      pair.valid = true;
      pair.nominated = true;
      this.#select(pair, true, "both sides are ICE-lite, nothing is checked");
    }
    this.#evaluate();
  }

  #judgeFailure(): void {
    if (this.#checklist.isRunning) {
      this.#patienceUntil = this.#context.now + LAST_WAIT;
      return;
    }
    this.#patienceUntil = Number.POSITIVE_INFINITY;
    this.#state = "failed";
    this.#changed = true;
    for (const [component, { selected }] of this.#component) {
      if (selected) continue;
      const tried = this.#checklist.pairs.filter((pair) => pair.component === component).length;
      const why = tried === 0 ? "the peer has no candidate we could reach" : `none of ${tried} pairs works`;
      this.#tell("failed", "warning", `ICE failed for component ${component}: ${why}`, component);
    }
  }

  // ------------------------------------------------------------------ consent

  #checkConsent(): void {
    for (const [component, { consent }] of this.#component) {
      if (!consent) continue;
      // after a long sleep the loss and the next check may be due together
      let due = this.#dueConsent(consent);
      if (due === "lost") {
        this.#changed = true;
        const end = this.#consentMode === "stop" ? "media stops" : "media goes on";
        const text = `Consent lost for component ${component}: no answer over pair ${consent.pair.text} for 30 s, ${end}`;
        this.#tell("consent-lost", "warning", text, component);
        due = this.#dueConsent(consent);
      }
      if (due === "check") this.#sendCheck(consent.pair, "consent", false);
    }
  }

  #dueConsent(consent: Consent): "lost" | "check" | undefined {
    return consent.due(this.#consentMode, this.#context.now, () => this.#spread());
  }

  #consented(pair: CandidatePair): void {
    const state = this.#component.get(pair.component);
    const consent = state?.consent;
    if (!consent || consent.pair !== pair || (consent.lost && this.#consentMode === "stop")) return;
    if (!consent.answered(this.#context.now)) return;
    this.#changed = true;
    this.#tell("consent-regained", "notice", `Consent regained for component ${pair.component}`, pair.component);
  }

  /** A random number in [0, 1). */
  #spread(): number {
    const [high, low] = this.#context.random.bytes(2);
    return ((high! << 8) | low!) / 65_536;
  }
}
