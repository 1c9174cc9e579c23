import { describe, expect, test } from "bun:test";
import { MAX_RETIRED_PORTS } from "../../../src/limits.ts";
import type { PortFailure } from "../../../src/relay/ports.ts";
import { ALICE, BOB, interfaceAddress, lines, Scene, sdp } from "./scene.ts";

function established(): Scene {
  const scene = new Scene();
  scene.offer(ALICE);
  scene.answer(BOB);
  return scene;
}

const moved = (text: string, port: number) => text.replace(/m=audio \d+/, `m=audio ${port}`);
const port = (text: string) => Number(lines(text, "m=")[0]?.split(" ")[1]);

describe("port latching", () => {
  test("a re-offer from the same endpoint keeps the ports", () => {
    expect(port(established().offer(ALICE, { toTag: "B" }))).toBe(30000);
  });

  test("a re-offer from another endpoint gets new ports, the old ones still forward", () => {
    const scene = established();
    expect(port(scene.offer(moved(ALICE, 4010), { toTag: "B" }))).toBe(30004);
    expect(scene.portsOf(scene.spec(30000).rtpSinks)).toEqual([30002]);
    expect(scene.portsOf(scene.spec(30002).rtpSinks)).toEqual([30004]);
  });

  test("back at the endpoint it had before, the earlier ports are shown again", () => {
    const scene = established();
    scene.offer(moved(ALICE, 4010), { toTag: "B" });
    expect(port(scene.offer(ALICE, { toTag: "B" }))).toBe(30000);
    expect(scene.ports.open.size).toBe(6);
  });

  test("another answer endpoint gives the offerer new ports", () => {
    const scene = established();
    expect(port(scene.answer(moved(BOB, 6010)))).toBe(30004);
  });

  test("port-latching keeps them", () => {
    const scene = established();
    expect(port(scene.offer(moved(ALICE, 4010), { toTag: "B", flags: new Set(["port-latching"]) }))).toBe(30000);
    // The new endpoint counts from now on.
    expect(port(scene.offer(moved(ALICE, 4010), { toTag: "B" }))).toBe(30000);
  });

  test("a party that was not receiving may come back from another port", () => {
    const scene = established();
    scene.offer(`${ALICE.trim()}\n a=inactive`, { toTag: "B" });
    scene.answer(`${BOB.trim()}\n a=inactive`);
    expect(port(scene.offer(moved(ALICE, 4010), { toTag: "B" }))).toBe(30000);
  });

  test("hold with the zero address is the same stream if the port is the same", () => {
    const scene = established();
    const held = ALICE.replace("c=IN IP4 192.0.2.10", "c=IN IP4 0.0.0.0");
    expect(port(scene.offer(held, { toTag: "B" }))).toBe(30000);
    scene.answer(BOB);
    expect(port(scene.offer(ALICE, { toTag: "B" }))).toBe(30000);
  });

  test("a party that keeps moving does not collect ports without end", () => {
    const scene = established();
    for (let i = 0; i < 50; i++) scene.offer(moved(ALICE, 5000 + 2 * i), { toTag: "B" });
    expect(scene.ports.open.size).toBe(2 * (2 + MAX_RETIRED_PORTS));
    scene.command({ command: "delete", callId: "call", deleteDelay: 0 });
    expect(scene.ports.open.size).toBe(0);
  });
});

describe("when there is no port", () => {
  const offer = { command: "offer", callId: "call", fromTag: "A", sdp: sdp(ALICE) } as const;

  test("a first offer leaves nothing behind", () => {
    const scene = new Scene();
    scene.ports.budget = 2;
    const reply = scene.command(offer);
    expect(reply).toMatchObject({ ok: false, reason: "Ran out of ports" });
    expect(scene.ports.open.size).toBe(0);
    expect(scene.ports.budget).toBe(2);
    expect(scene.state.calls.size).toBe(0);
    expect(scene.state.streams.size).toBe(0);
    expect(scene.effects.some(({ kind }) => kind === "call-started" || kind === "call-ended")).toBe(false);
  });

  test("a re-offer destroys the call", () => {
    const scene = established();
    scene.ports.budget = 0;
    const reply = scene.command({ ...offer, toTag: "B", sdp: sdp(moved(ALICE, 4010)) });
    expect(reply).toMatchObject({ ok: false, reason: "Ran out of ports" });
    expect(scene.state.calls.size).toBe(0);
    expect(scene.ports.open.size).toBe(0);
    expect(scene.effects).toContainEqual(expect.objectContaining({ kind: "call-ended", reason: "UNKNOWN" }));
  });

  test.each<[PortFailure["kind"], string]>([
    ["exhausted", "no port of 30000-39999 is left on 198.51.100.7"],
    ["EADDRNOTAVAIL", "does not exist on this host"],
    ["EADDRINUSE", "other programs hold"],
    ["EMFILE", "limit of open files"],
    ["EACCES", "not permitted"],
    ["ENOBUFS", "no memory"],
    ["table-full", "no room for another socket"],
    ["other", "no socket"],
  ])("%s is told apart in reply, log and counters", (kind, text) => {
    const scene = new Scene();
    scene.ports.budget = 0;
    scene.ports.failure = { kind, message: "bind 198.51.100.7:30000: reason of the system" };
    const reply = scene.command(offer);
    if (reply.ok) throw new Error("accepted");
    expect(reply.reason).toBe("Ran out of ports");
    expect(reply.detail).toContain(text);
    expect(reply.detail).toContain("reason of the system");
    const said = scene.logs().filter((line) => line.includes("reason of the system"));
    expect(said).toEqual([`Failed to get 2 consecutive ports on interface default for media relay (${reply.detail})`]);
    expect(scene.state.portFailures[kind]).toBe(1);
  });
});

describe("interfaces", () => {
  const external = { name: "external", addresses: [interfaceAddress("external", "203.0.113.10")] };
  const internal = { name: "internal", addresses: [interfaceAddress("internal", "10.1.1.5")] };
  const world = () =>
    new Scene({ interfaces: { interfaces: [external, internal], aliases: new Map([["lan", "internal"]]) } });

  test("without direction both sides use the first", () => {
    const scene = world();
    expect(lines(scene.offer(ALICE), "c=")).toEqual(["c=IN IP4 203.0.113.10"]);
    expect(lines(scene.answer(BOB), "c=")).toEqual(["c=IN IP4 203.0.113.10"]);
  });

  test("direction names both, and stays for the rest of the call", () => {
    const scene = world();
    const out = scene.offer(ALICE, { fromInterface: "external", toInterface: "internal" });
    expect(lines(out, "c=")).toEqual(["c=IN IP4 10.1.1.5"]);
    expect(lines(scene.answer(BOB), "c=")).toEqual(["c=IN IP4 203.0.113.10"]);
    expect(lines(scene.offer(ALICE, { toTag: "B" }), "c=", "m=")).toEqual([
      "m=audio 30000 RTP/AVP 8 0",
      "c=IN IP4 10.1.1.5",
    ]);
    expect(lines(scene.offer(BOB, { fromTag: "B", toTag: "A" }), "c=")).toEqual(["c=IN IP4 203.0.113.10"]);
  });

  test("an alias is another name", () => {
    expect(lines(world().offer(ALICE, { toInterface: "lan" }), "c=")).toEqual(["c=IN IP4 10.1.1.5"]);
  });

  test("an unknown name falls back to the first, with a warning", () => {
    const scene = world();
    expect(lines(scene.offer(ALICE, { toInterface: "dmz" }), "c=")).toEqual(["c=IN IP4 203.0.113.10"]);
    expect(scene.logs()).toContain("Interface 'dmz' not found, using default");
  });

  test("another interface in a re-offer means other ports", () => {
    const scene = world();
    scene.offer(ALICE, { toInterface: "internal" });
    scene.answer(BOB);
    const out = scene.offer(ALICE, { toTag: "B", toInterface: "external" });
    expect(lines(out, "c=")).toEqual(["c=IN IP4 203.0.113.10"]);
  });

  test("the same direction in the answer does not move the answerer, which knows its ports already", () => {
    const scene = world();
    const direction = { fromInterface: "external", toInterface: "internal" };
    scene.offer(ALICE, direction);
    const requests = scene.ports.requests.length;
    scene.answer(BOB, { fromInterface: "external" });
    expect(scene.ports.requests.length).toBe(requests);
  });

  test("a reload with the same addresses keeps ports", () => {
    const scene = world();
    scene.offer(ALICE);
    scene.answer(BOB);
    const copy = structuredClone([external, internal]);
    scene.state.settings = { ...scene.state.settings, interfaces: { interfaces: copy, aliases: new Map() } };
    expect(port(scene.offer(ALICE, { toTag: "B" }))).toBe(30000);
  });

  test("BASE stands for all BASE:SUFFIX in turn, call by call", () => {
    const members = ["pub:1", "pub:2", "pub:3"].map((name, i) => ({
      name,
      addresses: [interfaceAddress(name, `203.0.113.${i + 1}`)],
    }));
    const scene = new Scene({ interfaces: { interfaces: [internal, ...members], aliases: new Map() } });
    const shown = [1, 2, 3, 4].map((i) => lines(scene.offer(ALICE, { callId: `c${i}`, toInterface: "pub" }), "c=")[0]);
    expect(shown).toEqual([
      "c=IN IP4 203.0.113.1",
      "c=IN IP4 203.0.113.2",
      "c=IN IP4 203.0.113.3",
      "c=IN IP4 203.0.113.1",
    ]);
    // The same party stays where it is.
    expect(lines(scene.offer(ALICE, { callId: "c2", toInterface: "pub" }), "c=")).toEqual(["c=IN IP4 203.0.113.2"]);
  });

  test("round-robin-calls goes over all interfaces", () => {
    const scene = world();
    const shown = [1, 2, 3].map(
      (i) => lines(scene.offer(ALICE, { callId: `c${i}`, toInterface: "round-robin-calls" }), "c=")[0],
    );
    expect(shown).toEqual(["c=IN IP4 203.0.113.10", "c=IN IP4 10.1.1.5", "c=IN IP4 203.0.113.10"]);
  });

  test("a family that the interface does not have is replaced, with a warning", () => {
    const scene = world();
    expect(lines(scene.offer(ALICE, { addressFamily: 6 }), "c=")).toEqual(["c=IN IP4 203.0.113.10"]);
    expect(scene.logs().join()).toContain("Requested address family (IPv6) not supported");
  });
});

describe("type of service", () => {
  test("from the settings, else from the request; a change reaches all sockets of the call", () => {
    const scene = new Scene();
    scene.offer(ALICE);
    expect([...scene.ports.tos.values()]).toEqual([184, 184, 184, 184]);
    scene.answer(BOB, { tos: 32 });
    expect([...scene.ports.tos.values()]).toEqual([32, 32, 32, 32]);
    expect(scene.state.calls.get("call")?.tos).toBe(32);
    const other = new Scene();
    other.offer(ALICE, { tos: 8 });
    expect(other.ports.requests.every(({ tos }) => tos === 8)).toBe(true);
  });

  test("all sockets of a call have one affinity, calls have different ones", () => {
    const scene = new Scene();
    scene.offer(ALICE);
    scene.answer(BOB.replace("6000", "6010"));
    scene.offer(ALICE, { callId: "other" });
    const affinities = scene.ports.requests.map(({ affinity }) => affinity);
    expect(new Set(affinities.slice(0, 2)).size).toBe(1);
    expect(new Set(affinities).size).toBe(2);
  });
});
