/** Two of our own associations over a simulated network. */
import { describe, expect, test } from "bun:test";
import { certificateFingerprint } from "../../../src/media/dtls/certificate.ts";
import { FINGERPRINT_HASHES } from "../../../src/media/dtls/fingerprint.ts";
import { SRTP_PROFILES } from "../../../src/media/dtls/srtp-profiles.ts";
import { GIVE_UP, LONGEST_TIMEOUT, SAFE_MTU } from "../../../src/media/dtls/timing.ts";
import type { Party } from "./network.ts";
import {
  CALLEE,
  CALLEE_CERTIFICATE,
  CALLER,
  CALLER_CERTIFICATE,
  Network,
  pair,
  RSA_CERTIFICATE,
  START,
  sha256,
} from "./network.ts";

function expectConnected(caller: Party, callee: Party): void {
  const [ours, theirs] = [caller.connected(), callee.connected()];
  expect(ours.localKeys).toEqual(theirs.remoteKeys);
  expect(ours.remoteKeys).toEqual(theirs.localKeys);
  expect(Buffer.from(ours.localKeys.masterKey)).not.toEqual(Buffer.from(ours.remoteKeys.masterKey));
  expect(ours.localKeys.masterKey.length).toBe(ours.suite.keyBytes);
  expect(ours.localKeys.masterSalt.length).toBe(ours.suite.saltBytes);
}

describe("a handshake without loss", () => {
  test("takes two round trips where ICE has validated the path, and three with a cookie", () => {
    for (const [path, time] of [
      ["validated", 40],
      ["open", 60],
    ] as const) {
      const network = new Network(1);
      const { caller, callee } = pair(network, {}, { path });
      caller.start();
      network.run();
      expectConnected(caller, callee);
      expect(network.now - START).toBe(time);
      expect(callee.counters.cookiesSent).toBe(path === "open" ? 1 : 0);
      expect([caller.counters.retransmissions, callee.counters.retransmissions]).toEqual([0, 0]);
      expect([caller.association.nextTimer, callee.association.nextTimer]).toEqual([undefined, undefined]);
    }
  });

  for (const profile of SRTP_PROFILES) {
    test(`agrees on ${profile.name} where one side has nothing else`, () => {
      for (const side of ["caller", "callee"] as const) {
        const network = new Network(2);
        const only = { profiles: [profile] };
        const { caller, callee } = pair(network, side === "caller" ? only : {}, side === "callee" ? only : {});
        caller.start();
        network.run();
        expectConnected(caller, callee);
        expect(caller.connected().suite).toBe(profile.suite);
      }
    });
  }

  test("takes the first profile of ours that the peer has, whatever order the peer likes", () => {
    const network = new Network(3);
    const { caller, callee } = pair(network, { profiles: [...SRTP_PROFILES].reverse() });
    caller.start();
    network.run();
    expect(callee.connected().suite.name).toBe("AEAD_AES_256_GCM");
  });

  test("with RSA on either side or both", () => {
    for (const [active, passive] of [
      [RSA_CERTIFICATE, RSA_CERTIFICATE],
      [RSA_CERTIFICATE, CALLEE_CERTIFICATE],
      [CALLER_CERTIFICATE, RSA_CERTIFICATE],
    ] as const) {
      const network = new Network(4);
      const { caller, callee } = pair(network, { certificate: active }, { certificate: passive });
      caller.start();
      network.run();
      expectConnected(caller, callee);
    }
  });

  test("with a fingerprint in each hash of SDP", () => {
    for (const hash of FINGERPRINT_HASHES) {
      const network = new Network(5);
      const { caller, callee } = pair(network, { peer: certificateFingerprint(CALLEE_CERTIFICATE, hash) });
      caller.start();
      network.run();
      expectConnected(caller, callee);
      expect(caller.connected().peerFingerprint.hash).toBe(hash);
    }
  });

  test("no datagram is longer than the MTU, also where certificates need many", () => {
    for (const mtu of [256, 576, 1_200]) {
      const network = new Network(6);
      const { caller, callee } = pair(
        network,
        { mtu, certificate: RSA_CERTIFICATE },
        { mtu, certificate: RSA_CERTIFICATE },
      );
      caller.start();
      network.run();
      expectConnected(caller, callee);
      const lengths = [...caller.sent, ...callee.sent].map(({ length }) => length);
      expect(Math.max(...lengths)).toBeLessThanOrEqual(mtu);
      expect(lengths.length).toBeGreaterThan(mtu === 256 ? 10 : 4);
    }
  });

  test("no suite in common: the client hears handshake_failure and tries a few times before it gives up", () => {
    const network = new Network(7);
    const { caller, callee } = pair(network, {}, { profiles: [] });
    caller.start();
    network.run();
    expect(caller.association.state).toBe("failed");
    expect(
      caller.events.filter(({ kind }) => kind === "failed").map((event) => "final" in event && event.final),
    ).toEqual([false, false, false, true]);
    expect(caller.events[0]).toEqual({
      kind: "alert",
      level: "fatal",
      description: "handshake_failure",
      authenticated: false,
    });
    expect(callee.events[0]).toMatchObject({ kind: "failed", reason: "no SRTP profile in common", final: false });
  });
});

describe("loss, reordering and duplication", () => {
  for (const seed of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]) {
    test(`30 % loss, 20 % duplicates, jitter of 5 to 200 ms, small datagrams: seed ${seed}`, () => {
      const network = new Network(seed, { loss: 0.3, duplicates: 0.2, delay: [5, 200] });
      const path = seed % 2 ? "open" : "validated";
      const { caller, callee } = pair(network, { mtu: 300 }, { mtu: 300, path });
      caller.start();
      network.run(2 * GIVE_UP);
      expectConnected(caller, callee);
      expect(caller.kinds()).toEqual(["connected"]);
      expect(callee.kinds()).toEqual(["connected"]);
    });
  }

  /** Drops the datagrams with these numbers (0 = first), counting per direction. */
  function dropping(network: Network, caller: readonly number[], callee: readonly number[]): void {
    const count = { caller: 0, callee: 0 };
    network.tamper = (bytes, from) => {
      const side = from === CALLER ? "caller" : "callee";
      return (side === "caller" ? caller : callee).includes(count[side]++) ? undefined : bytes;
    };
  }

  test("each flight lost once: repeated by whoever waits, after one second", () => {
    for (const [caller, callee, time] of [
      [[0], [], 1_040], // ClientHello
      [[], [0], 1_040], // ServerHello … ServerHelloDone: the client repeats, the server answers the repetition
      [[1], [], 1_040], // Certificate … Finished
      [[], [1], 1_040], // the server's Finished: the server repeats it when the client repeats
    ] as const) {
      const network = new Network(20);
      const parties = pair(network);
      dropping(network, caller, callee);
      parties.caller.start();
      network.run();
      expectConnected(parties.caller, parties.callee);
      expect(network.now - START).toBe(time);
    }
  });

  test("silence: 1, 2, 4, 4 … s between repetitions, then the handshake is given up", () => {
    const network = new Network(21);
    const { caller } = pair(network);
    const times: number[] = [];
    network.tamper = () => {
      times.push(network.now - START);
      return undefined;
    };
    caller.start();
    network.run();
    expect(times.slice(0, 6)).toEqual([0, 1_000, 3_000, 7_000, 7_000 + LONGEST_TIMEOUT, 7_000 + 2 * LONGEST_TIMEOUT]);
    expect(caller.events).toEqual([{ kind: "failed", reason: "no answer for 60 s", final: true }]);
    expect(caller.association.nextTimer).toBeUndefined();
    expect(network.now - START).toBeLessThan(GIVE_UP + LONGEST_TIMEOUT);
  });

  test("datagrams over 576 bytes vanish on the path: after two timeouts smaller ones go out", () => {
    const network = new Network(22);
    const { caller, callee } = pair(network, { certificate: RSA_CERTIFICATE }, { certificate: RSA_CERTIFICATE });
    network.tamper = (bytes) => (bytes.length > 576 ? undefined : bytes);
    caller.start();
    network.run();
    expectConnected(caller, callee);
    expect(callee.sent.at(-1)!.length).toBeLessThanOrEqual(SAFE_MTU);
  });

  test("an owner that knows the round trip gives a shorter first timer", () => {
    const network = new Network(23);
    const { caller, callee } = pair(network, { initialTimeout: 120 });
    dropping(network, [0], []);
    caller.start();
    network.run();
    expectConnected(caller, callee);
    expect(network.now - START).toBe(160);
  });

  test("Finished overtakes everything before it", () => {
    const network = new Network(24);
    const { caller, callee } = pair(network, { mtu: 200 });
    let flight5: Uint8Array[] = [];
    network.tamper = (bytes, from) => {
      if (from !== CALLER || bytes[13] === 1) return bytes;
      flight5.push(bytes);
      return undefined;
    };
    caller.start();
    network.run(200);
    network.tamper = undefined;
    expect(flight5.length).toBeGreaterThan(3);
    flight5 = flight5.reverse();
    for (const bytes of flight5) callee.receive(bytes, CALLER);
    network.run(100);
    expectConnected(caller, callee);
    expect(callee.counters.retransmissions).toBe(0);
  });
});

describe("the peer's certificate", () => {
  test("is another one than SDP says: no keys, both sides hear of it, an active party stops", () => {
    const network = new Network(30);
    const { caller, callee } = pair(network, { peer: sha256(RSA_CERTIFICATE) });
    caller.start();
    network.run();
    expect(caller.kinds()).toEqual(["fingerprint-mismatch", "failed"]);
    expect(caller.events[0]).toEqual({
      kind: "fingerprint-mismatch",
      expected: sha256(RSA_CERTIFICATE),
      actual: sha256(CALLEE_CERTIFICATE),
    });
    expect(caller.association.state).toBe("failed");
    expect(callee.events[0]).toMatchObject({ kind: "alert", description: "bad_certificate" });
    expect(callee.association.state).toBe("waiting");
  });

  test("is wrong where we are passive: refused, and the right peer can still connect", () => {
    const network = new Network(31);
    const { caller, callee } = pair(network, {}, { path: "open" });
    const stranger = pair(new Network(32), { certificate: RSA_CERTIFICATE }).caller;
    const address = { address: "203.0.113.66", port: 6_666 };
    network.parties.set("203.0.113.66:6666", stranger);
    Object.assign(stranger, { network, endpoint: address });
    stranger.association.start(network.now);
    // Its datagrams go out in its own network: carry them over by hand.
    for (let i = 0; i < 4; i++) {
      for (const bytes of stranger.sent.splice(0)) network.send(address, CALLEE, bytes);
      network.run(50);
    }
    expect(callee.kinds()).toEqual(["fingerprint-mismatch", "failed"]);
    expect(callee.association.state).toBe("waiting");
    caller.start();
    network.run();
    expectConnected(caller, callee);
  });

  test("SDP comes after the handshake: no keys until then, then at once", () => {
    const network = new Network(33);
    const { caller, callee } = pair(network, {}, { peer: undefined });
    caller.start();
    network.run();
    expect(callee.kinds()).toEqual(["unverified"]);
    expect(callee.association.state).toBe("unverified");
    callee.association.setPeer(sha256(CALLER_CERTIFICATE), network.now);
    expectConnected(caller, callee);
    expect(callee.kinds()).toEqual(["unverified", "connected"]);
  });

  test("SDP comes after the handshake and names somebody else", () => {
    const network = new Network(34);
    const { caller, callee } = pair(network, {}, { peer: undefined });
    caller.start();
    network.run();
    callee.association.setPeer(sha256(RSA_CERTIFICATE), network.now);
    expect(callee.kinds()).toEqual(["unverified", "fingerprint-mismatch", "failed"]);
    expect(callee.association.state).toBe("waiting");
    network.run();
    expect(caller.events.at(-2)).toMatchObject({ kind: "alert", description: "bad_certificate", authenticated: true });
    expect(caller.association.state).toBe("closed");
  });

  test("two clients complete before SDP comes: the one it names gets the call, in whatever order they came", () => {
    for (const order of ["right first", "stranger first"] as const) {
      const network = new Network(35);
      const { caller, callee } = pair(network, {}, { peer: undefined, path: "open" });
      const other = new Network(36);
      const stranger = pair(other, { certificate: RSA_CERTIFICATE }).caller;
      const address = { address: "203.0.113.66", port: 6_666 };
      network.parties.set("203.0.113.66:6666", stranger);
      const connectStranger = () => {
        stranger.association.start(network.now);
        for (let i = 0; i < 4; i++) {
          for (const bytes of stranger.sent.splice(0)) network.send(address, CALLEE, bytes);
          network.run(50);
        }
      };
      const connectCaller = () => {
        caller.start();
        network.run(500);
      };
      for (const step of order === "right first"
        ? [connectCaller, connectStranger]
        : [connectStranger, connectCaller]) {
        step();
      }
      expect(callee.kinds()).toEqual(["unverified", "unverified"]);
      callee.association.setPeer(sha256(CALLER_CERTIFICATE), network.now);
      expectConnected(caller, callee);
      expect(callee.kinds()).toEqual(["unverified", "unverified", "connected"]);
    }
  });

  test("the client begins anew and completes twice before SDP comes: its last handshake counts", () => {
    const network = new Network(38);
    const { caller, callee } = pair(network, {}, { peer: undefined });
    caller.start();
    network.run();
    caller.association.restart({}, network.now);
    network.run();
    callee.association.setPeer(sha256(CALLER_CERTIFICATE), network.now);
    expectConnected(caller, callee);
  });

  test("SDP comes while the handshake is under way", () => {
    const network = new Network(37);
    const { caller, callee } = pair(network, {}, { peer: undefined });
    caller.start();
    network.run(15);
    callee.association.setPeer(sha256(CALLER_CERTIFICATE), network.now);
    network.run();
    expectConnected(caller, callee);
    expect(callee.kinds()).toEqual(["connected"]);
  });
});

describe("early ClientHello", () => {
  test("before ICE has validated the path it is kept, and answered when it has", () => {
    const network = new Network(40);
    const { caller, callee } = pair(network, {}, { path: "pending" });
    caller.start();
    network.run(500);
    expect(callee.sent).toEqual([]);
    expect(callee.counters.earlyKept).toBe(1);
    callee.path = "validated";
    callee.association.validated(CALLER, network.now);
    network.run();
    expectConnected(caller, callee);
    expect(network.now - START).toBeLessThan(600);
    expect(caller.counters.retransmissions).toBe(0);
  });

  test("another source being validated does not release it; the store has a limit", () => {
    const network = new Network(41);
    const { caller, callee } = pair(network, { initialTimeout: 100 }, { path: "pending" });
    caller.start();
    network.run(50_000);
    callee.association.validated({ ...CALLER, port: CALLER.port + 2 }, network.now);
    expect(callee.sent).toEqual([]);
    expect(callee.counters.earlyDropped).toBeGreaterThan(0);
    expect(callee.counters.earlyKept - callee.counters.earlyDropped).toBe(8);
    expect(callee.association.view().earlyDatagrams).toBe(8);
  });

  test("a handshake may move to another validated pair halfway", () => {
    const network = new Network(42);
    const { caller, callee } = pair(network);
    const moved = { address: "192.0.2.11", port: 40_010 };
    network.parties.set("192.0.2.11:40010", caller);
    caller.start();
    network.run(15);
    // From now on the caller's datagrams come from its other address.
    const send = network.send.bind(network);
    network.send = (from, to, bytes) => send(from === CALLER ? moved : from, to, bytes);
    network.run();
    expectConnected(caller, callee);
  });
});

describe("after the handshake", () => {
  function connected(seed: number, passive: Parameters<typeof pair>[2] = {}) {
    const network = new Network(seed);
    const { caller, callee } = pair(network, {}, passive);
    caller.start();
    network.run();
    expectConnected(caller, callee);
    return { network, caller, callee };
  }

  test("close_notify ends it on both sides", () => {
    const { network, caller, callee } = connected(50);
    caller.association.close();
    network.run();
    expect(caller.kinds()).toEqual(["connected", "closed"]);
    expect(callee.kinds()).toEqual(["connected", "alert", "closed"]);
    expect(callee.events[1]).toEqual({
      kind: "alert",
      level: "warning",
      description: "close_notify",
      authenticated: true,
    });
    expect(callee.association.state).toBe("waiting");
  });

  test("a new fingerprint in SDP: both begin again and get new keys", () => {
    const { network, caller, callee } = connected(51);
    const before = caller.connected();
    callee.association.restart({ certificate: RSA_CERTIFICATE }, network.now);
    caller.association.setPeer(sha256(RSA_CERTIFICATE), network.now);
    network.run();
    expectConnected(caller, callee);
    expect(caller.kinds()).toEqual(["connected", "connected"]);
    expect(Buffer.from(caller.connected().localKeys.masterKey)).not.toEqual(Buffer.from(before.localKeys.masterKey));
  });

  test("the same fingerprint again changes nothing", () => {
    const { network, caller, callee } = connected(52);
    const sent = caller.sent.length;
    caller.association.setPeer(sha256(CALLEE_CERTIFICATE), network.now);
    callee.association.setPeer(sha256(CALLER_CERTIFICATE), network.now);
    network.run();
    expect(caller.sent.length).toBe(sent);
    expect(caller.kinds()).toEqual(["connected"]);
  });

  test("roles swapped by a new offer and answer", () => {
    const { network, caller, callee } = connected(53);
    caller.association.restart({ role: "passive" }, network.now);
    callee.association.restart({ role: "active" }, network.now);
    callee.start();
    network.run();
    expectConnected(caller, callee);
    expect(callee.connected().role).toBe("active");
  });

  test("a client that lost its state comes back: new keys once its handshake is complete, the old ones until then", () => {
    const { network, caller, callee } = connected(54, { path: "open" });
    const before = callee.connected();
    caller.association.restart({}, network.now);
    network.run(25);
    expect(callee.connected()).toBe(before);
    expect(callee.association.state).toBe("connected");
    network.run();
    expectConnected(caller, callee);
    expect(callee.connected()).not.toBe(before);
  });

  test("the server's last flight was lost and the client repeats after the server is done", () => {
    const network = new Network(55);
    const { caller, callee } = pair(network);
    let lost = 0;
    network.tamper = (bytes, from) => (from === CALLEE && bytes[0] === 20 && lost++ < 3 ? undefined : bytes);
    caller.start();
    network.run();
    expectConnected(caller, callee);
    expect(callee.kinds()).toEqual(["connected"]);
    expect(callee.counters.completed).toBe(1);
    expect(callee.counters.retransmissions).toBe(3);
  });

  test("an owner that closes or restarts from inside an event", () => {
    for (const action of ["close", "restart"] as const) {
      const network = new Network(56);
      const { caller } = pair(network, { peer: sha256(RSA_CERTIFICATE) });
      const push = caller.events.push.bind(caller.events);
      let acted = false;
      caller.events.push = (...events) => {
        if (!acted) {
          acted = true;
          if (action === "close") caller.association.close();
          else caller.association.restart({ peer: sha256(CALLEE_CERTIFICATE) }, network.now);
        }
        return push(...events);
      };
      caller.start();
      network.run();
      expect(caller.association.state).toBe(action === "close" ? "closed" : "connected");
    }
  });
});
