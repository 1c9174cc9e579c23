/** What arrives on the socket of an agent: good checks, bad ones, garbage, floods. */
import { describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import type { Endpoint } from "../../../src/address.ts";
import { MAX_CANDIDATES, MAX_EARLY_CHECKS, MAX_ICE_PAIRS, MAX_STUN_REFUSALS_PER_SECOND } from "../../../src/limits.ts";
import type { IceAgentOptions, IceSend } from "../../../src/media/ice/agent.ts";
import { IceAgent } from "../../../src/media/ice/agent.ts";
import { candidatePriority, localCandidates } from "../../../src/media/ice/candidate.ts";
import type { StunMessage } from "../../../src/media/stun/emit.ts";
import { emitStun } from "../../../src/media/stun/emit.ts";
import { checkFingerprint, hasValidIntegrity, shortTermKey } from "../../../src/media/stun/integrity.ts";
import { StunView } from "../../../src/media/stun/view.ts";
import { Random } from "./network.ts";

const OURS = { ufrag: "OurUfrag", pwd: "OurPassword0123456789abcdef" };
const THEIRS = { ufrag: "theirs01", pwd: "TheirPassword0123456789abcd", lite: false };
const OUR_KEY = shortTermKey(OURS.pwd);
const THEIR_KEY = shortTermKey(THEIRS.pwd);
const SOCKET = 5;
const PEER: Endpoint = { address: "203.0.113.9", port: 5000 };
const STRANGER: Endpoint = { address: "203.0.113.66", port: 6666 };

class Bench {
  now = 1_000_000;
  readonly random = new Random(99);
  readonly agent: IceAgent;
  readonly events: string[] = [];

  constructor(options: Partial<IceAgentOptions> = {}) {
    const sockets = [{ id: SOCKET, port: 30_000 }];
    const locals = localCandidates([{ local: "198.51.100.7", advertised: "198.51.100.7", sockets }], Uint8Array.of(1));
    const tieBreaker = 1000n;
    this.agent = new IceAgent({ credentials: OURS, locals, components: 1, role: "controlled", tieBreaker, ...options });
  }

  get context() {
    return { now: this.now, random: this.random };
  }

  describe(port = PEER.port): void {
    const candidate = {
      foundation: "1",
      component: 1,
      priority: candidatePriority("host", 0, 1),
      endpoint: { address: PEER.address, port },
      type: "host" as const,
      related: undefined,
    };
    this.note(this.agent.setRemote(THEIRS, [candidate], this.context).events);
  }

  note(events: readonly { readonly text: string }[]): void {
    this.events.push(...events.map(({ text }) => text));
  }

  receive(bytes: Uint8Array, source: Endpoint = PEER): { consumed: boolean; sends: readonly IceSend[] } {
    const step = this.agent.receive(SOCKET, source, bytes, this.context);
    this.note(step.events);
    return step;
  }

  /** The answer to these bytes, checked for well-formedness. */
  answer(bytes: Uint8Array, source: Endpoint = PEER): StunView | undefined {
    const { sends } = this.receive(bytes, source);
    for (const send of sends) {
      const view = StunView.parse(send.bytes);
      if (typeof view === "string") throw new Error(view);
      if (view.class === "request") continue;
      expect(send.to).toEqual(source);
      expect(send.socket).toBe(SOCKET);
      expect(checkFingerprint(view)).toBe("valid");
      return view;
    }
    return undefined;
  }

  /** Everything that could be changed by input, apart from counters. */
  get fingerprint(): string {
    const { counters, ...view } = this.agent.view();
    const more = [
      this.agent.selected(1),
      this.agent.validatedSources(SOCKET),
      this.agent.sourceStatus(SOCKET, STRANGER),
    ];
    return JSON.stringify([view, more], (_, value) => (typeof value === "bigint" ? String(value) : value));
  }

  tick(milliseconds: number): readonly IceSend[] {
    const sends: IceSend[] = [];
    const end = this.now + milliseconds;
    while ((this.agent.nextTimer ?? end + 1) <= end) {
      this.now = Math.max(this.now, this.agent.nextTimer!);
      const step = this.agent.tick(this.context);
      sends.push(...step.sends);
      this.note(step.events);
    }
    this.now = end;
    return sends;
  }
}

let nextId = 0;

function request(more: Partial<StunMessage> = {}): StunMessage {
  const transactionId = new Uint8Array(12);
  new DataView(transactionId.buffer).setUint32(8, ++nextId);
  const priority = candidatePriority("prflx", 0, 1);
  return {
    class: "request",
    transactionId,
    username: `${OURS.ufrag}:${THEIRS.ufrag}`,
    priority,
    controlling: 1n,
    ...more,
  };
}

/** A good check of the peer. */
function check(more: Partial<StunMessage> = {}): Uint8Array {
  return emitStun(request(more), { key: OUR_KEY });
}

/** Adds an attribute before the protection: types our writer does not know. */
function withAttribute(type: number, value: Uint8Array, key: Uint8Array): Uint8Array {
  // SOFTWARE is written last, so its type can be replaced; then the protection is made anew
  const text = Buffer.from(value).toString("latin1");
  const plain = emitStun(request({ software: text }), { fingerprint: false });
  const padded = (value.length + 3) & ~3;
  new DataView(plain.buffer).setUint16(plain.length - padded - 4, type);
  return protect(plain, key);
}

function protect(plain: Uint8Array, key: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(plain.length + 24 + 8);
  bytes.set(plain);
  const out = new DataView(bytes.buffer);
  out.setUint16(2, plain.length + 24 - 20);
  out.setUint16(plain.length, 0x0008);
  out.setUint16(plain.length + 2, 20);
  bytes.set(createHmac("sha1", key).update(bytes.subarray(0, plain.length)).digest(), plain.length + 4);
  out.setUint16(2, plain.length + 32 - 20);
  out.setUint16(plain.length + 24, 0x8028);
  out.setUint16(plain.length + 26, 4);
  out.setUint32(plain.length + 28, (Bun.hash.crc32(bytes.subarray(0, plain.length + 24)) ^ 0x5354554e) >>> 0);
  return bytes;
}

describe("a good check", () => {
  test("is answered with the source as XOR-MAPPED-ADDRESS, signed with our password", () => {
    const bench = new Bench({ software: "sluice-1" });
    bench.describe();
    const bytes = check();
    const answer = bench.answer(bytes)!;
    expect(answer.class).toBe("success");
    expect(answer.mappedAddress).toEqual(PEER);
    expect(answer.software).toBe("sluice-1");
    expect(answer.transactionId).toEqual(bytes.subarray(8, 20));
    expect(hasValidIntegrity(answer, OUR_KEY)).toBe(true);
    expect(bench.agent.sourceStatus(SOCKET, PEER)).toBe("authenticated");
    expect(bench.agent.validatedSources(SOCKET)).toEqual([]);
  });

  test("causes a check of ours in the opposite direction, even if one is under way", () => {
    const bench = new Bench();
    bench.describe();
    bench.tick(30);
    const { sends } = bench.receive(check());
    const ours = sends.map(({ bytes }) => StunView.parse(bytes) as StunView).find((view) => view.class === "request")!;
    expect(ours.username).toBe(`${THEIRS.ufrag}:${OURS.ufrag}`);
    expect(ours.controlled).toBe(1000n);
    expect(ours.useCandidate).toBe(false);
    expect(ours.priority).toBe(candidatePriority("prflx", 0, 1));
    expect(hasValidIntegrity(ours, THEIR_KEY)).toBe(true);
    // repeated checks of the peer do not multiply ours
    const count = bench.agent.counters.checksSent;
    for (let i = 0; i < 50; i++) bench.receive(check());
    expect(bench.agent.counters.checksSent).toBe(count);
  });

  test("that nominated a better pair still counts when a worse one completes first", () => {
    const bench = new Bench({ consent: "off" });
    const better: Endpoint = { address: "203.0.113.10", port: 5000 };
    const candidate = {
      foundation: "1",
      component: 1,
      priority: 9,
      endpoint: PEER,
      type: "host" as const,
      related: undefined,
    };
    const [sent] = bench.agent.setRemote(THEIRS, [candidate], bench.context).sends;
    bench.receive(reply(sent!));
    bench.tick(5);
    // pacing holds our check of the better pair back
    expect(bench.receive(check({ useCandidate: true, priority: 2 ** 31 }), better).sends).toHaveLength(1);
    bench.receive(check({ useCandidate: true }));
    expect(bench.agent.state).toBe("completed");
    const [second] = bench.tick(20);
    expect(second!.to).toEqual(better);
    bench.receive(reply(second!), better);
    expect(bench.agent.selected(1)).toMatchObject({ remote: better, nominated: true });
  });

  test("needs no further check of ours when the answer to the one before comes in time", () => {
    const bench = new Bench();
    const candidate = {
      foundation: "1",
      component: 1,
      priority: 9,
      endpoint: PEER,
      type: "host" as const,
      related: undefined,
    };
    const [sent] = bench.agent.setRemote(THEIRS, [candidate], bench.context).sends;
    bench.now += 5;
    // the check of the peer makes ours void, but the next one has to wait its turn
    expect(bench.receive(check()).sends).toHaveLength(1);
    bench.now += 5;
    bench.receive(reply(sent!));
    expect(bench.agent.state).toBe("usable");
    expect(bench.tick(3000)).toEqual([]);
  });

  test("from an unknown source makes a peer-reflexive candidate with the priority the check names", () => {
    const bench = new Bench();
    bench.describe();
    bench.receive(check({ priority: 12345 }), STRANGER);
    const pair = bench.agent.view().pairs.find(({ remote }) => remote.port === STRANGER.port)!;
    expect(pair.remoteType).toBe("prflx");
    expect(bench.events).toContain("Peer-reflexive candidate 203.0.113.66:6666 learned from a STUN check");
  });

  test("is answered also after completion, for as long as the call lasts", () => {
    const bench = completed();
    for (let i = 0; i < 20; i++) {
      bench.tick(60_000);
      expect(bench.answer(check())!.class).toBe("success");
    }
    expect(bench.agent.state).toBe("completed");
  });
});

describe("a bad check", () => {
  test("without USERNAME, MESSAGE-INTEGRITY or FINGERPRINT gets 400", () => {
    const bench = new Bench();
    bench.describe();
    const before = bench.fingerprint;
    const bad = [
      emitStun(request({ username: undefined }), { key: OUR_KEY }),
      emitStun(request()),
      emitStun(request(), { key: OUR_KEY, fingerprint: false }),
    ];
    for (const bytes of bad) {
      const answer = bench.answer(bytes, STRANGER)!;
      expect(answer.errorCode).toEqual({ code: 400, reason: "Bad Request" });
      expect(answer.integrityAt).toBe(-1);
    }
    expect(bench.fingerprint).toBe(before);
  });

  test("with the wrong user name or password gets 401 and is told once", () => {
    const bench = new Bench();
    bench.describe();
    const before = bench.fingerprint;
    const bad = [
      emitStun(request({ username: `someone:${THEIRS.ufrag}` }), { key: OUR_KEY }),
      emitStun(request({ username: OURS.ufrag }), { key: OUR_KEY }),
      emitStun(request({ username: ":" }), { key: OUR_KEY }),
      emitStun(request({ useCandidate: true }), { key: THEIR_KEY }),
      emitStun(request(), { key: shortTermKey("") }),
    ];
    for (const bytes of bad) expect(bench.answer(bytes, STRANGER)!.errorCode!.code).toBe(401);
    expect(bench.fingerprint).toBe(before);
    expect(bench.agent.counters.badIntegrity).toBe(bad.length);
    expect(bench.events.filter((text) => text.includes("wrong"))).toEqual([
      "STUN check with a wrong user name from 203.0.113.66:6666 refused",
    ]);
  });

  test("with an unknown mandatory attribute gets a signed 420 that names it", () => {
    const bench = new Bench();
    bench.describe();
    const before = bench.fingerprint;
    const answer = bench.answer(withAttribute(0x7ffe, Uint8Array.of(1, 2, 3, 4), OUR_KEY), STRANGER)!;
    expect(answer.errorCode!.code).toBe(420);
    expect(answer.unknownAttributes).toEqual([0x7ffe]);
    expect(hasValidIntegrity(answer, OUR_KEY)).toBe(true);
    expect(bench.fingerprint).toBe(before);
    // an optional one is nothing special
    expect(bench.answer(withAttribute(0xc057, Uint8Array.of(1, 2, 3, 4), OUR_KEY))!.class).toBe("success");
  });

  test("claiming our role with the smaller tie-breaker gets a signed 487 and is not learned", () => {
    const bench = new Bench({ role: "controlling" });
    bench.describe();
    const before = bench.fingerprint;
    const answer = bench.answer(check({ controlling: 999n }), STRANGER)!;
    expect(answer.errorCode).toEqual({ code: 487, reason: "Role Conflict" });
    expect(hasValidIntegrity(answer, OUR_KEY)).toBe(true);
    expect(bench.fingerprint).toBe(before);
    expect(bench.answer(check({ controlling: 1001n }), STRANGER)!.class).toBe("success");
    expect(bench.agent.role).toBe("controlled");
  });

  test("of somebody with another ufrag than our peer's has no say in our role", () => {
    const bench = new Bench({ role: "controlling" });
    bench.describe();
    const bytes = check({ username: `${OURS.ufrag}:another1`, controlling: 2n ** 64n - 1n });
    expect(bench.answer(bytes, STRANGER)!.class).toBe("success");
    expect(bench.agent.role).toBe("controlling");
    expect(bench.agent.sourceStatus(SOCKET, STRANGER)).toBe("unknown");
  });

  test("equal tie-breakers: who receives the check keeps controlling", () => {
    const controlling = new Bench({ role: "controlling" });
    controlling.describe();
    expect(controlling.answer(check({ controlling: 1000n }))!.errorCode!.code).toBe(487);
    const controlled = new Bench({ role: "controlled" });
    controlled.describe();
    expect(controlled.answer(check({ controlling: undefined, controlled: 1000n }))!.class).toBe("success");
    expect(controlled.agent.role).toBe("controlling");
  });

  test("refusals are limited, so that nobody is flooded through us; good checks are answered meanwhile", () => {
    const bench = new Bench();
    bench.describe();
    let refusals = 0;
    for (let i = 0; i < 5000; i++) if (bench.answer(emitStun(request()), STRANGER)) refusals++;
    expect(refusals).toBe(MAX_STUN_REFUSALS_PER_SECOND);
    expect(bench.answer(check())!.class).toBe("success");
    bench.now += 1000;
    expect(bench.answer(emitStun(request()), STRANGER)).toBeDefined();
    expect(bench.agent.counters.refusalsWithheld).toBe(5000 - MAX_STUN_REFUSALS_PER_SECOND);
  });
});

describe("what is no check", () => {
  test("is not consumed when it is no STUN at all, so that media and DTLS get it", () => {
    const bench = new Bench();
    bench.describe();
    const damaged = check();
    damaged[30] = damaged[30]! ^ 1;
    for (const bytes of [Uint8Array.of(0x80, 0, 0, 1), new Uint8Array(0), damaged, check().subarray(0, 40)]) {
      const { consumed, sends } = bench.receive(bytes);
      expect(consumed).toBe(false);
      expect(sends).toEqual([]);
    }
    expect(bench.agent.counters.malformed).toBe(4);
  });

  test("indications, other methods and answers nobody asked for are ignored", () => {
    const bench = new Bench();
    bench.describe();
    const before = bench.fingerprint;
    const { transactionId } = request();
    const all = [
      emitStun({ class: "indication", transactionId }),
      emitStun(request({ method: 0x003 }), { key: OUR_KEY }),
      emitStun({ class: "success", transactionId, xorMappedAddress: PEER }, { key: THEIR_KEY }),
      emitStun({ class: "error", transactionId, errorCode: { code: 487, reason: "" } }, { key: THEIR_KEY }),
    ];
    for (const bytes of all) expect(bench.receive(bytes, STRANGER)).toMatchObject({ consumed: true, sends: [] });
    expect(bench.fingerprint).toBe(before);
    expect(bench.agent.counters).toMatchObject({ ignored: 2, unknownTransactions: 2 });
  });

  test("random and mutated bytes from anywhere never change anything (seed 4242)", () => {
    const random = new Random(4242);
    for (const make of [() => new Bench(), started, completed, () => new Bench({ lite: true })]) {
      const bench = make();
      if (!bench.agent.remote) bench.describe();
      const running = bench.tick(0);
      const before = bench.fingerprint;
      const { transactionId } = request();
      const templates = [
        check(),
        emitStun(request(), { key: THEIR_KEY }),
        emitStun({ class: "success", transactionId, xorMappedAddress: PEER }, { key: OUR_KEY }),
        ...running.map(({ bytes }) => bytes),
      ];
      for (let i = 0; i < 3000; i++) {
        const bytes = templates[random.below(templates.length)]!.slice();
        const flips = 1 + random.below(4);
        for (let n = 0; n < flips; n++) {
          const at = random.below(bytes.length);
          bytes[at] = bytes[at]! ^ (1 << random.below(8));
        }
        // two flips of one bit undo each other
        if (templates.some((template) => Buffer.compare(template, bytes) === 0)) continue;
        bench.receive(random.below(10) === 0 ? random.bytes(random.below(120)) : bytes, STRANGER);
      }
      expect(bench.fingerprint).toBe(before);
    }
  });
});

/** An agent with a check under way. */
function started(): Bench {
  const bench = new Bench();
  bench.describe();
  return bench;
}

/** Completed with PEER, as the controlled side. */
function completed(options: Partial<IceAgentOptions> = {}): Bench {
  const bench = new Bench(options);
  const candidate = {
    foundation: "1",
    component: 1,
    priority: candidatePriority("host", 0, 1),
    endpoint: PEER,
    type: "host" as const,
    related: undefined,
  };
  const { sends } = bench.agent.setRemote(THEIRS, [candidate], bench.context);
  for (const send of sends) bench.receive(reply(send), send.to);
  bench.receive(check({ useCandidate: true }));
  expect(bench.agent.state).toBe("completed");
  return bench;
}

function reply({ bytes }: IceSend, more: Partial<StunMessage> = {}, key = THEIR_KEY): Uint8Array {
  const transactionId = bytes.slice(8, 20);
  return emitStun({ class: "success", transactionId, xorMappedAddress: PEER, ...more }, { key });
}

describe("an answer to our check", () => {
  function oneCheck(options: Partial<IceAgentOptions> = {}): { bench: Bench; sent: IceSend } {
    const bench = new Bench(options);
    const candidate = {
      foundation: "1",
      component: 1,
      priority: 1000,
      endpoint: PEER,
      type: "host" as const,
      related: undefined,
    };
    const [sent] = bench.agent.setRemote(THEIRS, [candidate], bench.context).sends;
    return { bench, sent: sent! };
  }

  test("validates the pair", () => {
    const { bench, sent } = oneCheck();
    bench.now += 35;
    bench.receive(reply(sent, { xorMappedAddress: { address: "192.0.2.44", port: 9 } }));
    expect(bench.agent.validatedSources(SOCKET)).toEqual([PEER]);
    expect(bench.agent.sourceStatus(SOCKET, PEER)).toBe("validated");
    expect(bench.agent.sourceStatus(SOCKET, { ...PEER, port: 5001 })).toBe("unknown");
    expect(bench.agent.sourceStatus(SOCKET + 1, PEER)).toBe("unknown");
    expect(bench.agent.view().pairs[0]).toMatchObject({
      roundTrip: 35,
      mapped: { address: "192.0.2.44", port: 9 },
      state: "succeeded",
    });
  });

  test("with a wrong or no signature is as if it had not come, and the real one still counts", () => {
    const { bench, sent } = oneCheck();
    const before = bench.fingerprint;
    bench.receive(reply(sent, {}, OUR_KEY));
    bench.receive(emitStun({ class: "success", transactionId: sent.bytes.slice(8, 20), xorMappedAddress: PEER }));
    const errorCode = { code: 401, reason: "Unauthorized" };
    bench.receive(emitStun({ class: "error", transactionId: sent.bytes.slice(8, 20), errorCode }));
    expect(bench.fingerprint).toBe(before);
    expect(bench.events).toContain("203.0.113.9:5000 refused our STUN check: 401 Unauthorized");
    bench.receive(reply(sent));
    expect(bench.agent.state).toBe("usable");
  });

  test("from another address fails the pair: the path is not symmetric", () => {
    const { bench, sent } = oneCheck();
    bench.receive(reply(sent), STRANGER);
    expect(bench.agent.view().pairs[0]!.state).toBe("failed");
    expect(bench.agent.validatedSources(SOCKET)).toEqual([]);
    expect(bench.agent.sourceStatus(SOCKET, STRANGER)).toBe("unknown");
    expect(bench.events.at(-1)).toEndWith("failed: the answer came from 203.0.113.66:6666");
  });

  test("that is an error fails the pair", () => {
    const { bench, sent } = oneCheck();
    bench.receive(reply(sent, { class: "error", errorCode: { code: 500, reason: "Server Error" } }));
    expect(bench.events.at(-1)).toEndWith("failed: the peer refused it: 500 Server Error");
  });

  test("487 changes our role once and the check is repeated in the new one", () => {
    const { bench, sent } = oneCheck({ role: "controlling" });
    bench.receive(reply(sent, { class: "error", errorCode: { code: 487, reason: "Role Conflict" } }));
    expect(bench.agent.role).toBe("controlled");
    const [again] = bench.tick(20);
    const view = StunView.parse(again!.bytes) as StunView;
    expect(view.controlled).toBe(1000n);
    expect(view.controlling).toBeUndefined();
    bench.receive(reply(again!));
    expect(bench.agent.state).toBe("usable");
  });

  test("487 from a lite peer makes no sense and only fails the pair", () => {
    const bench = new Bench({ role: "controlling" });
    const candidate = {
      foundation: "1",
      component: 1,
      priority: 1,
      endpoint: PEER,
      type: "host" as const,
      related: undefined,
    };
    const [sent] = bench.agent.setRemote({ ...THEIRS, lite: true }, [candidate], bench.context).sends;
    bench.receive(reply(sent!, { class: "error", errorCode: { code: 487, reason: "Role Conflict" } }));
    expect(bench.agent.role).toBe("controlling");
    expect(bench.agent.view().pairs[0]!.state).toBe("failed");
  });

  test("twice, or long after the check was given up, changes nothing", () => {
    const { bench, sent } = oneCheck();
    bench.receive(reply(sent));
    const before = bench.fingerprint;
    bench.receive(reply(sent));
    expect(bench.fingerprint).toBe(before);
    const late = oneCheck();
    late.bench.tick(20_000);
    late.bench.receive(reply(late.sent));
    expect(late.bench.agent.validatedSources(SOCKET)).toEqual([]);
  });
});

describe("floods", () => {
  test("of authenticated checks from ever new sources stay within the limits and are all answered", () => {
    const bench = completed();
    let answers = 0;
    for (let i = 0; i < 5000; i++) {
      const source = { address: "203.0.113.80", port: 1024 + i };
      if (bench.answer(check(), source)) answers++;
      if (i % 10 === 0) bench.tick(1);
    }
    expect(answers).toBe(5000);
    const view = bench.agent.view();
    expect(view.remoteCandidates).toBeLessThanOrEqual(MAX_CANDIDATES);
    expect(view.pairs.length).toBeLessThanOrEqual(MAX_ICE_PAIRS);
    expect(bench.events.length).toBeLessThan(400);
    expect(bench.agent.counters.eventsWithheld).toBeGreaterThan(50);
    expect(bench.agent.counters.candidatesDropped).toBeGreaterThan(1000);
    // one check per 20 ms whatever comes in
    expect(bench.agent.counters.checksSent).toBeLessThan(500 / 20 + 10);
    expect(bench.agent.selected(1)!.remote).toEqual(PEER);
    expect(bench.agent.state).toBe("completed");
  });

  test("of early checks keep only the newest few", () => {
    const bench = new Bench();
    for (let i = 0; i < 1000; i++) {
      expect(bench.answer(check(), { address: "203.0.113.80", port: 1024 + i })!.class).toBe("success");
    }
    expect(bench.agent.view().remoteCandidates).toBe(0);
    bench.describe();
    expect(bench.agent.view().remoteCandidates).toBe(1 + MAX_EARLY_CHECKS);
  });

  test("of candidates, from one message or many, are cut off and told", () => {
    const bench = new Bench();
    bench.describe();
    for (let i = 0; i < 100; i++) {
      const candidates = Array.from({ length: 50 }, (_, n) => ({
        foundation: `${i}`,
        component: 1,
        priority: 1 + n,
        endpoint: { address: "203.0.113.80", port: 1024 + i * 50 + n },
        type: "host" as const,
        related: undefined,
      }));
      bench.note(bench.agent.addCandidates(candidates, bench.context).events);
      bench.agent.addCandidates(candidates, bench.context, "unknown1");
    }
    expect(bench.agent.view().remoteCandidates).toBe(MAX_CANDIDATES);
    expect(bench.events.some((text) => text.endsWith("ICE candidates ignored: there are too many"))).toBe(true);
    bench.tick(20_000);
    expect(bench.agent.view().pairs.length).toBeLessThanOrEqual(MAX_ICE_PAIRS);
  });

  test("of role conflicts stay bounded in events", () => {
    const bench = new Bench();
    bench.describe();
    for (let i = 0; i < 1000; i++) {
      const huge = 2n ** 64n - 1n;
      bench.receive(check(i % 2 ? { controlling: undefined, controlled: 0n } : { controlling: huge }));
    }
    expect(bench.events.length).toBeLessThan(100);
    expect(bench.answer(check({ controlling: undefined }))!.class).toBe("success");
  });
});

test("packets on sockets that are not the agent's are not looked at", () => {
  const bench = new Bench();
  bench.describe();
  const step = bench.agent.receive(77, PEER, check(), bench.context);
  expect(step.sends).toEqual([]);
  expect(bench.agent.counters.ignored).toBe(1);
});

describe("media from another validated pair", () => {
  const OTHER: Endpoint = { address: "203.0.113.9", port: 5002 };

  /** Completed over PEER with a second valid pair, OTHER. */
  function twoPairs(): Bench {
    const bench = completed({ consent: "off" });
    bench.tick(5000);
    const { sends } = bench.receive(check(), OTHER);
    for (const send of sends.slice(1)) bench.receive(reply(send), send.to);
    expect(bench.agent.sourceStatus(SOCKET, OTHER)).toBe("validated");
    expect(bench.agent.selected(1)!.remote).toEqual(PEER);
    return bench;
  }

  test("is followed, at most once per 3 s", () => {
    const bench = twoPairs();
    expect(bench.agent.mediaReceived(SOCKET, OTHER, bench.context).changed).toBe(true);
    expect(bench.agent.selected(1)!.remote).toEqual(OTHER);
    bench.tick(2999);
    expect(bench.agent.mediaReceived(SOCKET, PEER, bench.context).changed).toBe(false);
    bench.tick(1);
    bench.agent.mediaReceived(SOCKET, PEER, bench.context);
    expect(bench.agent.selected(1)!.remote).toEqual(PEER);
  });

  test("is not followed while the peer keeps nominating the selected pair, nor from sources not validated", () => {
    const bench = twoPairs();
    bench.receive(check({ useCandidate: true }), PEER);
    bench.tick(2999);
    bench.agent.mediaReceived(SOCKET, OTHER, bench.context);
    bench.agent.mediaReceived(SOCKET, STRANGER, bench.context);
    expect(bench.agent.selected(1)!.remote).toEqual(PEER);
    bench.tick(1);
    bench.agent.mediaReceived(SOCKET, OTHER, bench.context);
    expect(bench.agent.selected(1)!.remote).toEqual(OTHER);
  });
});
