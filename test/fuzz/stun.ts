/**
 * STUN messages and the ICE agent behind them. Random bytes, messages made by our writer, and both mutated: the view never
 * throws and never reads outside, what was written is read back, and only authentic messages change an agent. Beside that
 * an agent is driven with random events of a hostile but authenticated peer: limits hold and timers never spin.
 */
import type { Endpoint } from "../../src/address.ts";
import { MAX_CANDIDATES, MAX_ICE_PAIRS } from "../../src/limits.ts";
import type { IceStep } from "../../src/media/ice/agent.ts";
import { IceAgent } from "../../src/media/ice/agent.ts";
import type { IceCandidate } from "../../src/media/ice/candidate.ts";
import { localCandidates } from "../../src/media/ice/candidate.ts";
import type { StunMessage } from "../../src/media/stun/emit.ts";
import { emitStun } from "../../src/media/stun/emit.ts";
import { checkFingerprint, hasValidIntegrity, shortTermKey } from "../../src/media/stun/integrity.ts";
import { StunView } from "../../src/media/stun/view.ts";
import { ATTRIBUTE } from "../../src/media/stun/wire.ts";
import type { FuzzTarget } from "./target.ts";

type Draw = () => number;

const OURS = { ufrag: "OurUfrag", pwd: "OurPassword0123456789abcdef" };
const THEIRS = { ufrag: "theirs01", pwd: "TheirPassword0123456789abcd", lite: false };
const OUR_KEY = shortTermKey(OURS.pwd);
const THEIR_KEY = shortTermKey(THEIRS.pwd);
const WRONG_KEY = shortTermKey("somebody else's");
const MAX_TRANSACTION_SENDS = 500;

class Generator {
  readonly #draw: Draw;

  constructor(draw: Draw) {
    this.#draw = draw;
  }

  below(limit: number): number {
    return Math.floor(this.#draw() * limit);
  }

  chance(probability: number): boolean {
    return this.#draw() < probability;
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.below(256));
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  u64(): bigint {
    return (BigInt(this.below(2 ** 32)) << 32n) | BigInt(this.below(2 ** 32));
  }

  text(limit: number): string {
    return Buffer.from(this.bytes(this.below(limit))).toString("latin1");
  }

  endpoint(): Endpoint {
    const address = this.chance(0.5)
      ? `203.0.113.${this.below(256)}`
      : this.pick(["2001:db8::9", "fe80::1", "::", "0.0.0.0", "224.0.0.1", "host.local", "198.51.100.7"]);
    return { address, port: this.below(65_536) };
  }

  message(): StunMessage {
    const some = <T>(make: () => T): T | undefined => (this.chance(0.5) ? make() : undefined);
    return {
      class: this.pick(["request", "indication", "success", "error"] as const),
      method: this.chance(0.9) ? 1 : this.below(4096),
      transactionId: this.bytes(12),
      username: some(() => (this.chance(0.7) ? `${OURS.ufrag}:${THEIRS.ufrag}` : this.text(40))),
      xorMappedAddress: some(() => ({ address: this.pick(["192.0.2.1", "2001:db8::1"]), port: this.below(65_536) })),
      errorCode: some(() => ({ code: 300 + this.below(400), reason: this.text(20) })),
      unknownAttributes: some(() => Array.from({ length: this.below(4) }, () => this.below(65_536))),
      priority: some(() => this.below(2 ** 32)),
      controlling: some(() => this.u64()),
      controlled: some(() => this.u64()),
      useCandidate: this.chance(0.5),
      software: some(() => `s${this.text(20)}`),
    };
  }

  mutate(bytes: Uint8Array): Uint8Array {
    let out = bytes.slice();
    for (let n = 1 + this.below(3); n > 0; n--) {
      const at = this.below(out.length || 1);
      switch (this.below(5)) {
        case 0:
          out[at] = this.below(256);
          break;
        case 1:
          out[at] = (out[at] ?? 0) ^ (1 << this.below(8));
          break;
        case 2:
          out = out.slice(0, at);
          break;
        case 3:
          out = Uint8Array.of(...out, ...this.bytes(4 * this.below(4)));
          break;
        default:
          // lengths are where parsers fall over
          if (out.length > 24) out[23] = this.below(64);
      }
    }
    // keep the outer length right most of the time, or nothing deeper is reached
    if (out.length >= 20 && this.chance(0.8)) new DataView(out.buffer).setUint16(2, out.length - 20);
    return out;
  }
}

/** Reads everything there is to read. */
function readAll(view: StunView): void {
  void [view.class, view.method, view.transactionId, view.username, view.software, view.priority, view.useCandidate];
  void [view.controlling, view.controlled, view.mappedAddress, view.errorCode, view.unknownAttributes];
  void [view.unknownRequired, checkFingerprint(view), hasValidIntegrity(view, OUR_KEY)];
  for (const type of Object.values(ATTRIBUTE)) {
    const value = view.attribute(type);
    if (!value) continue;
    const end = value.byteOffset + value.length;
    if (value.byteOffset < view.bytes.byteOffset + 24 || end > view.bytes.byteOffset + view.bytes.length) {
      throw new Error(`attribute ${type.toString(16)} lies outside the message`);
    }
  }
}

function sameMessage(message: StunMessage, view: StunView): string | undefined {
  const pairs: readonly (readonly [string, unknown, unknown])[] = [
    ["class", message.class, view.class],
    ["method", message.method ?? 1, view.method],
    ["username", message.username, view.username],
    ["software", message.software, view.software],
    ["priority", message.priority, view.priority],
    ["controlling", message.controlling, view.controlling],
    ["controlled", message.controlled, view.controlled],
    ["useCandidate", message.useCandidate ?? false, view.useCandidate],
    ["mappedAddress", JSON.stringify(message.xorMappedAddress), JSON.stringify(view.mappedAddress)],
    ["errorCode", JSON.stringify(message.errorCode), JSON.stringify(view.errorCode)],
    ["unknownAttributes", JSON.stringify(message.unknownAttributes ?? []), JSON.stringify(view.unknownAttributes)],
  ];
  const wrong = pairs.find(([, written, read]) => written !== read);
  return wrong && `${wrong[0]} was written as ${String(wrong[1])} and read as ${String(wrong[2])}`;
}

/** An agent with everything a call brings, and the rules it has to keep. */
class Subject {
  now = 1_000_000;
  readonly agent: IceAgent;
  readonly #generator: Generator;
  /** Checks of the agent that were not answered yet. */
  #sent: { readonly to: Endpoint; readonly bytes: Uint8Array }[] = [];

  constructor(generator: Generator) {
    this.#generator = generator;
    const sources = ["198.51.100.7", "2001:db8::7"].map((local, i) => ({
      local,
      advertised: local,
      sockets: [
        { id: i * 2, port: 30_000 },
        { id: i * 2 + 1, port: 30_001 },
      ],
    }));
    this.agent = new IceAgent({
      credentials: OURS,
      locals: localCandidates(sources, Uint8Array.of(1)),
      components: generator.chance(0.5) ? 2 : 1,
      role: generator.pick(["controlling", "controlled"] as const),
      lite: generator.chance(0.2),
      tieBreaker: generator.u64(),
      consent: generator.pick(["off", "report", "stop"] as const),
    });
  }

  get context() {
    return { now: this.now, random: this.#generator };
  }

  /** What no unauthenticated message may change. */
  get fingerprint(): string {
    const { state, role, remoteUfrag, remoteCandidates, pairs } = this.agent.view();
    const short = pairs.map(({ state, valid, nominated, selected }) => [state, valid, nominated, selected]);
    const sources = [0, 1, 2, 3].map((socket) => this.agent.validatedSources(socket));
    return JSON.stringify(
      [state, role, remoteUfrag, remoteCandidates, short, sources, this.agent.selected(1)],
      (_, value) => (typeof value === "bigint" ? String(value) : value),
    );
  }

  /** Bytes of somebody who knows no password: nothing may change. */
  attack(bytes: Uint8Array): string | undefined {
    this.#take(this.agent.tick(this.context));
    const before = this.fingerprint;
    const step = this.agent.receive(this.#generator.below(4), this.#generator.endpoint(), bytes, this.context);
    if (step.sends.some((send) => send.bytes.length > bytes.length + 48))
      return "the answer is much larger than the request";
    return this.fingerprint === before ? undefined : "an unauthenticated message changed the agent";
  }

  /** One event of a call with a peer that knows its password and has no manners. */
  live(): string | undefined {
    const { agent } = this;
    const g = this.#generator;
    switch (g.below(10)) {
      case 0: {
        const remote = g.chance(0.8) ? THEIRS : { ufrag: g.text(6), pwd: g.text(30), lite: g.chance(0.5) };
        this.#take(agent.setRemote(remote, this.#candidates(), this.context));
        break;
      }
      case 1:
        this.#take(agent.addCandidates(this.#candidates(), this.context, g.pick([undefined, THEIRS.ufrag, "other"])));
        break;
      case 2:
        if (g.chance(0.1)) this.#take(agent.restart({ credentials: OURS, role: "controlling" }, this.context));
        else if (g.chance(0.05)) this.#take(agent.dropComponent2(this.context));
        break;
      case 3:
        this.#take(agent.mediaReceived(g.below(4), g.endpoint(), this.context));
        break;
      case 4:
      case 5: {
        const request = { ...g.message(), class: "request" as const, method: 1 };
        const message = { ...request, username: `${OURS.ufrag}:${THEIRS.ufrag}` };
        this.#take(agent.receive(g.below(4), g.endpoint(), emitStun(message, { key: OUR_KEY }), this.context));
        break;
      }
      case 6:
      case 7: {
        const check = this.#sent.pop();
        if (!check) break;
        const answer = g.chance(0.8) ? "success" : "error";
        const message = { ...g.message(), class: answer, method: 1, transactionId: check.bytes.slice(8, 20) } as const;
        const source = g.chance(0.9) ? check.to : g.endpoint();
        this.#take(agent.receive(g.below(4), source, emitStun(message, { key: THEIR_KEY }), this.context));
        break;
      }
      default: {
        this.now += g.pick([1, 20, 100, 1000, 40_000]);
        this.#take(agent.tick(this.context));
        const next = agent.nextTimer;
        if (next !== undefined && next <= this.now) return "the agent asks for a timer in the past after its tick";
      }
    }
    const view = agent.view();
    if (view.remoteCandidates > MAX_CANDIDATES) return `${view.remoteCandidates} candidates`;
    if (view.pairs.length > MAX_ICE_PAIRS) return `${view.pairs.length} pairs`;
    for (const component of [1, 2] as const) {
      const pair = agent.selected(component);
      if (pair && !agent.validatedSources(pair.local.socket).some(({ port }) => port === pair.remote.port)) {
        return "the selected pair is not validated";
      }
    }
    return undefined;
  }

  #take(step: IceStep): void {
    if (step.sends.length > MAX_TRANSACTION_SENDS) throw new Error(`${step.sends.length} packets at once`);
    for (const { to, bytes } of step.sends) if ((bytes[0]! & 1) === 0 && bytes[1] === 1) this.#sent.push({ to, bytes });
    if (this.#sent.length > 1000) this.#sent = this.#sent.slice(-100);
  }

  #candidates(): IceCandidate[] {
    const g = this.#generator;
    return Array.from({ length: g.below(6) }, () => ({
      foundation: `${g.below(4)}`,
      component: g.below(4),
      priority: g.chance(0.9) ? g.below(2 ** 32) : g.pick([-1, Number.NaN, 1e300]),
      endpoint: g.endpoint(),
      type: g.pick(["host", "srflx", "prflx", "relay"] as const),
      related: undefined,
    }));
  }
}

const CASES_PER_SUBJECT = 400;

export const target: FuzzTarget = {
  name: "stun",
  run(cases, random) {
    const generator = new Generator(random);
    const failures: string[] = [];
    let attacked = new Subject(generator);
    let lived = new Subject(generator);
    for (let i = 0; i < cases; i++) {
      if (i % CASES_PER_SUBJECT === 0) {
        attacked = new Subject(generator);
        lived = new Subject(generator);
        for (let n = 0; n < 30; n++) attacked.live();
      }
      let bytes: Uint8Array = new Uint8Array(0);
      let problem: string | undefined;
      try {
        const kind = generator.below(4);
        if (kind === 3) problem = lived.live();
        else {
          const message = generator.message();
          const original = emitStun(message, {
            key: generator.pick([WRONG_KEY, undefined]),
            fingerprint: generator.chance(0.9),
          });
          bytes = original;
          if (kind === 0) {
            const view = StunView.parse(original);
            problem = typeof view === "string" ? `our own message is refused: ${view}` : sameMessage(message, view);
          } else if (kind === 1) bytes = generator.bytes(generator.below(100));
          else bytes = generator.mutate(original);
          const view = StunView.parse(bytes);
          if (typeof view !== "string") readAll(view);
          problem ??= attacked.attack(bytes);
        }
      } catch (error) {
        problem = error instanceof Error ? (error.stack ?? error.message) : String(error);
      }
      if (problem) failures.push(`case ${i}: ${problem}; bytes ${Buffer.from(bytes).toString("hex")}`);
    }
    return { cases, failures };
  },
};
