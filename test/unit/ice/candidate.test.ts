import { describe, expect, test } from "bun:test";
import { MAX_CANDIDATES, MAX_ICE_PAIRS } from "../../../src/limits.ts";
import type { IceCandidate, LocalCandidate } from "../../../src/media/ice/candidate.ts";
import {
  candidatePriority,
  formatCandidate,
  foundationOf,
  localCandidates,
  prflxPriority,
  priorityBelow,
  usableCandidate,
} from "../../../src/media/ice/candidate.ts";
import { Checklist } from "../../../src/media/ice/checklist.ts";
import { credentialsFault, newCredentials, newTieBreaker } from "../../../src/media/ice/credentials.ts";
import { CandidatePair, comparePairs, pairPriority } from "../../../src/media/ice/pair.ts";
import { Random } from "./network.ts";

const SECRET = Uint8Array.of(1, 2, 3);

function candidate(address: string, port: number, more: Partial<IceCandidate> = {}): IceCandidate {
  const priority = candidatePriority("host", 0, 1);
  return {
    foundation: "f",
    component: 1,
    priority,
    endpoint: { address, port },
    type: "host",
    related: undefined,
    ...more,
  };
}

describe("our candidates", () => {
  test("have the priorities peers know: first interface 2130706431 and 2130706430, second 2130706175 and 2130706174", () => {
    const list = localCandidates(
      [
        {
          local: "10.0.0.7",
          advertised: "198.51.100.7",
          sockets: [
            { id: 1, port: 30000 },
            { id: 2, port: 30001 },
          ],
        },
        {
          local: "2001:db8::7",
          advertised: "2001:db8::7",
          sockets: [
            { id: 3, port: 30002 },
            { id: 4, port: 30003 },
          ],
        },
      ],
      SECRET,
    );
    const [first, second] = ["10.0.0.7", "2001:db8::7"].map((address) => foundationOf(SECRET, address));
    expect(list.map(formatCandidate)).toEqual([
      `${first} 1 UDP 2130706431 198.51.100.7 30000 typ host`,
      `${second} 1 UDP 2130706175 2001:db8::7 30002 typ host`,
      `${first} 2 UDP 2130706430 198.51.100.7 30001 typ host`,
      `${second} 2 UDP 2130706174 2001:db8::7 30003 typ host`,
    ]);
    expect(list[0]!.base).toEqual({ address: "10.0.0.7", port: 30000 });
    expect(list.map(({ socket }) => socket)).toEqual([1, 3, 2, 4]);
  });

  test("without rtcp sockets have component 1 only, and an address without sockets still counts", () => {
    const list = localCandidates(
      [
        { local: "10.0.0.7", advertised: "10.0.0.7", sockets: [] },
        { local: "10.0.0.8", advertised: "10.0.0.8", sockets: [{ id: 1, port: 30000 }] },
      ],
      SECRET,
    );
    expect(list.map(({ priority, component }) => [priority, component])).toEqual([[2130706175, 1]]);
  });

  test("for force-relay claim to be relays of themselves", () => {
    const sources = [{ local: "10.0.0.7", advertised: "198.51.100.7", sockets: [{ id: 1, port: 30000 }] }];
    const [relay] = localCandidates(sources, SECRET, "relay");
    expect(formatCandidate(relay!)).toEndWith(
      " 1 UDP 16777215 198.51.100.7 30000 typ relay raddr 198.51.100.7 rport 30000",
    );
  });

  test("have foundations of 16 characters, stable per process and different per address", () => {
    const foundation = foundationOf(SECRET, "10.0.0.7");
    expect(foundation).toMatch(/^[A-Za-z0-9]{16}$/);
    expect(foundationOf(SECRET, "10.0.0.7")).toBe(foundation);
    expect(foundationOf(SECRET, "10.0.0.8")).not.toBe(foundation);
    expect(foundationOf(Uint8Array.of(9), "10.0.0.7")).not.toBe(foundation);
  });

  test("added to a client's list stay just below its own of the same type", () => {
    const client = [candidate("a", 1, { priority: 5000 }), candidate("b", 1, { priority: 4000 })];
    expect(priorityBelow(client, "host", 0, 1)).toBe(3999);
    expect(priorityBelow(client, "host", 1, 1)).toBe(3998);
    expect(priorityBelow(client, "relay", 0, 1)).toBe(candidatePriority("relay", 0, 1));
  });

  test("learned by the peer from a check have the peer-reflexive preference", () => {
    expect(prflxPriority(candidate("a", 1))).toBe(candidatePriority("prflx", 0, 1));
  });
});

describe("credentials", () => {
  test("are 8 and 26 characters, evenly drawn", () => {
    const random = new Random(7);
    const counts = new Map<string, number>();
    for (let i = 0; i < 2000; i++) {
      const { ufrag, pwd } = newCredentials(random);
      expect(ufrag).toMatch(/^[A-Za-z0-9]{8}$/);
      expect(pwd).toMatch(/^[A-Za-z0-9]{26}$/);
      for (const char of pwd) counts.set(char, (counts.get(char) ?? 0) + 1);
    }
    expect(counts.size).toBe(62);
    const mean = (2000 * 26) / 62;
    for (const count of counts.values()) expect(Math.abs(count - mean)).toBeLessThan(mean * 0.2);
    expect(newTieBreaker({ bytes: () => Uint8Array.of(255, 0, 0, 0, 0, 0, 0, 1) })).toBe(0xff00000000000001n);
  });

  test("of a peer that cannot be used are explained", () => {
    expect(credentialsFault({ ufrag: "ab", pwd: "x" })).toBeUndefined();
    expect(credentialsFault({ ufrag: "", pwd: "x" })).toContain("ice-ufrag has 0 characters");
    expect(credentialsFault({ ufrag: "abcd", pwd: "x".repeat(257) })).toContain("ice-pwd has 257 characters");
    expect(credentialsFault({ ufrag: "a:b", pwd: "x" })).toContain("colon");
  });
});

describe("candidates of the peer", () => {
  test("that cannot be sent to are not used", () => {
    const bad = ["0.0.0.0", "::", "224.0.0.1", "255.255.255.255", "ff02::1", "a5c3.local", ""];
    for (const address of bad) expect(usableCandidate(candidate(address, 5000))).toBeUndefined();
    for (const port of [0, 65536, 1.5, Number.NaN])
      expect(usableCandidate(candidate("192.0.2.1", port))).toBeUndefined();
    expect(usableCandidate(candidate("192.0.2.1", 1, { component: 3 }))).toBeUndefined();
    expect(usableCandidate(candidate("2001:DB8:0::1", 9))!.endpoint.address).toBe("2001:db8::1");
  });
});

describe("checklist", () => {
  const local = (socket: number, component: 1 | 2 = 1, index = 0): LocalCandidate => ({
    ...candidate(`10.0.${index}.7`, 30000 + component, {
      component,
      foundation: `l${index}`,
      priority: candidatePriority("host", index, component),
    }),
    component,
    socket,
    base: { address: `10.0.${index}.7`, port: 30000 + component },
  });

  test("orders pairs as the 64-bit formula does", () => {
    const random = new Random(11);
    const pairs = Array.from({ length: 60 }, (_, i) => {
      const some = () => [100, 200, 300, 2 ** 31, 2 ** 32 - 1][random.below(5)]!;
      const remote = { ...candidate("192.0.2.1", i + 1, { priority: some() }), component: 1 as const, learned: false };
      return new CandidatePair({ ...local(1), priority: some() }, remote);
    });
    for (const controlling of [true, false]) {
      for (const a of pairs) {
        for (const b of pairs) {
          const diff = pairPriority(b, controlling) - pairPriority(a, controlling);
          expect(Math.sign(comparePairs(a, b, controlling))).toBe(diff > 0n ? 1 : diff < 0n ? -1 : 0);
        }
      }
    }
  });

  test("starts one check per foundation and thaws the others when it succeeds", () => {
    const list = new Checklist([local(1, 1), local(2, 2)], 2, true);
    for (const component of [1, 2] as const) {
      list.add(
        candidate("192.0.2.1", 5000 + component, { component, priority: candidatePriority("host", 0, component) }),
      );
    }
    list.unfreeze();
    expect(list.pairs.map(({ component, state }) => [component, state])).toEqual([
      [1, "waiting"],
      [2, "frozen"],
    ]);
    const first = list.next()!;
    first.state = "in-progress";
    expect(list.hasWork).toBe(false);
    expect(list.next()).toBeUndefined();
    first.state = "succeeded";
    list.unfreezeFoundation(first.foundation);
    expect(list.next()!.component).toBe(2);
  });

  test("goes on with a frozen pair when the first of its foundation failed", () => {
    const list = new Checklist([local(1, 1), local(2, 2)], 2, true);
    for (const component of [1, 2] as const) list.add(candidate("192.0.2.1", 5000 + component, { component }));
    list.unfreeze();
    list.next()!.state = "failed";
    expect(list.hasWork).toBe(true);
    expect(list.next()!.component).toBe(2);
  });

  test("takes triggered pairs first, each once", () => {
    const list = new Checklist([local(1)], 1, true);
    list.add(candidate("192.0.2.1", 1, { foundation: "a", priority: 1000 }));
    list.add(candidate("192.0.2.1", 2, { foundation: "b", priority: 10 }));
    list.unfreeze();
    const low = list.pairs[1]!;
    list.trigger(low);
    list.trigger(low);
    expect(list.next()).toBe(low);
    low.state = "in-progress";
    expect(list.next()!.remote.priority).toBe(1000);
  });

  test("holds a flood of candidates to its limits", () => {
    const locals = Array.from({ length: 4 }, (_, i) => local(i, 1, i));
    const list = new Checklist(locals, 1, true);
    const results = Array.from({ length: 1000 }, (_, i) =>
      list.add(candidate("192.0.2.1", i + 1, { priority: candidatePriority("host", 1000 - i, 1) })),
    );
    expect(results.filter((result) => result === "added")).toHaveLength(MAX_CANDIDATES);
    expect(results.filter((result) => result === "limit")).toHaveLength(1000 - MAX_CANDIDATES);
    expect(list.pairs).toHaveLength(MAX_ICE_PAIRS);
    // the better half of the pairs was kept
    const worst = list.pairs.at(-1)!;
    expect(worst.remote.priority).toBeGreaterThan(candidatePriority("host", 1000, 1));
    // a check of the peer still finds room for its pair
    expect(list.learn(locals[0]!, { address: "192.0.2.1", port: 1 }, 5)).toBeDefined();
    expect(list.pairs).toHaveLength(MAX_ICE_PAIRS);
  });

  test("forgets learned candidates that led to nothing when new ones come, but never those that work", () => {
    const list = new Checklist([local(1)], 1, true);
    const works = list.learn(local(1), { address: "192.0.2.1", port: 1 }, 5)!.pair;
    works.valid = true;
    works.state = "succeeded";
    for (let i = 2; i < 2000; i++) list.learn(local(1), { address: "192.0.2.1", port: i }, 5);
    expect(list.remotes.size).toBe(MAX_CANDIDATES);
    expect(list.pairs.length).toBeLessThanOrEqual(MAX_ICE_PAIRS);
    expect(list.pairAt(1, { address: "192.0.2.1", port: 1 })).toBe(works);
    expect(list.pairAt(1, { address: "192.0.2.1", port: 1999 })).toBeDefined();
    expect(list.pairAt(1, { address: "192.0.2.1", port: 2 })).toBeUndefined();
  });

  test("a candidate that was learned first takes type and priority from signalling, and its pair keeps its state", () => {
    const list = new Checklist([local(1), local(2, 1, 1)], 1, true);
    const { pair } = list.learn(local(1), { address: "192.0.2.1", port: 7 }, 5)!;
    pair.state = "in-progress";
    expect(list.add(candidate("192.0.2.1", 7))).toBe("known");
    expect(pair.remote).toMatchObject({ type: "host", learned: false, foundation: "f" });
    expect(pair.state).toBe("in-progress");
    expect(list.pairs).toHaveLength(2);
    expect(list.add(candidate("192.0.2.1", 7))).toBe("known");
  });
});
