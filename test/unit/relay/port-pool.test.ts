import { afterEach, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { IP_TOS, IPPROTO_IP, IPPROTO_IPV6, IPV6_TCLASS } from "../../../ffi/libc.ts";
import { closeSocket, localEndpoint, openUdpSocket, readOption } from "../../../ffi/udp-socket.ts";
import type { Family } from "../../../src/address.ts";
import type { SocketId } from "../../../src/planes/plane.ts";
import { PortPool, type PortPoolOptions, type SocketOpener } from "../../../src/relay/port-pool.ts";
import type { InterfaceAddress, LocalSocket, PortFailure } from "../../../src/relay/ports.ts";
import type { SocketSlots } from "../../../src/relay/socket-slots.ts";
import { seededRandom } from "./seeded-random.ts";

/** Slots without workers: descriptors may be closed at once, or when the test says so. */
class TestSlots implements SocketSlots {
  readonly descriptors = new Map<SocketId, number>();
  readonly waiting: (() => void)[] = [];
  #next = 0;
  constructor(
    readonly limit = Number.POSITIVE_INFINITY,
    readonly late = false,
  ) {}
  claim(fd: number, _family: Family): SocketId | undefined {
    if (this.descriptors.size >= this.limit) return undefined;
    this.descriptors.set(this.#next, fd);
    return this.#next++;
  }
  retire(id: SocketId, closable: () => void): void {
    this.descriptors.delete(id);
    if (this.late) this.waiting.push(closable);
    else closable();
  }
}

const address = (over: Partial<InterfaceAddress> = {}): InterfaceAddress => ({
  interface: "default",
  family: 4,
  local: "127.0.10.5",
  advertised: "127.0.10.5",
  portMin: 21_000,
  portMax: 21_099,
  excludePorts: new Set(),
  ...over,
});

const openFiles = () => readdirSync("/proc/self/fd").length;
const options = { tos: 0, affinity: 0 };
const cleanup: (() => void)[] = [];
afterEach(() => {
  for (const it of cleanup.splice(0)) it();
});

function setUp(slots = new TestSlots(), over: Partial<PortPoolOptions> = {}) {
  const pool = new PortPool({ slots, random: seededRandom(7), ...over });
  const acquire = (at: InterfaceAddress, count: 1 | 2 = 2, tos = 0) => {
    const got = pool.acquire(at, count, { tos, affinity: 0 });
    if ("kind" in got) throw new Error(got.message);
    cleanup.push(() => pool.release(got));
    return got;
  };
  return { pool, slots, acquire };
}

describe("the port pool", () => {
  test("a pair is bound to an even port and its successor, on IPv4 and IPv6, with the TOS byte", () => {
    const { slots, acquire, pool } = setUp();
    for (const at of [address(), address({ family: 6, local: "::1", advertised: "::1" })]) {
      const pair = acquire(at, 2, 184);
      expect(pair.length).toBe(2);
      expect(pair[0]!.port % 2).toBe(0);
      expect(pair[1]!.port).toBe(pair[0]!.port + 1);
      for (const socket of pair) {
        const fd = slots.descriptors.get(socket.id)!;
        expect(localEndpoint(fd)).toEqual({ address: at.local, port: socket.port });
        const tos = () =>
          at.family === 4 ? readOption(fd, IPPROTO_IP, IP_TOS) : readOption(fd, IPPROTO_IPV6, IPV6_TCLASS);
        expect(tos()).toBe(184);
        pool.setTos([socket], 40);
        expect(tos()).toBe(40);
      }
    }
  });

  test("10,000 calls with all kinds of endings leave no descriptor and no port behind", () => {
    const { pool, slots } = setUp();
    const at = address();
    const before = openFiles();
    const held: (readonly LocalSocket[])[] = [];
    for (let i = 0; i < 10_000; i++) {
      const got = pool.acquire(at, i % 3 === 0 ? 1 : 2, options);
      if ("kind" in got) expect(got.kind).toBe("exhausted");
      else held.push(got);
      if (held.length > 30 || i % 7 === 0) pool.release(held.splice((i * 31) % held.length, 1)[0] ?? []);
    }
    for (const sockets of held) pool.release(sockets);
    expect(openFiles()).toBe(before);
    expect(slots.descriptors.size).toBe(0);
    expect(pool.openSockets).toBe(0);
    expect(pool.usageOf(at)).toMatchObject({ total: 100, used: 0, free: 100 });
  });

  test("an empty pool says what it is short of", () => {
    const { pool, acquire } = setUp();
    const at = address({ portMin: 21_200, portMax: 21_203 });
    acquire(at);
    acquire(at, 1);
    expect(pool.acquire(at, 2, options)).toEqual({
      kind: "exhausted",
      message: "1 of 4 ports in 21200-21203 are free, but no even/odd pair",
    });
    acquire(at, 1);
    expect(pool.acquire(at, 1, options)).toEqual({
      kind: "exhausted",
      message: "all 4 ports in 21200-21203 are in use",
    });
    expect(pool.usageOf(at)).toMatchObject({ used: 4, failures: 2, conflicts: 0 });
    expect(pool.failures().get("exhausted")).toBe(2);
  });

  test("ports of another program are skipped; if all are, that is said", () => {
    const { pool, acquire } = setUp();
    const at = address({ portMin: 21_300, portMax: 21_307 });
    const foreign = [21_301, 21_302, 21_307].map(
      (port) => openUdpSocket({ address: at.local, port }, { tos: 0, receiveBuffer: 0 }) as number,
    );
    const before = openFiles();
    expect(acquire(at)[0]!.port).toBe(21_304);
    const refused = pool.acquire(at, 2, options) as PortFailure;
    expect(refused.kind).toBe("EADDRINUSE");
    expect(refused.message).toMatch(/^bind 127\.0\.10\.5:2130[0-7]: Address already in use \(EADDRINUSE\)$/);
    expect(openFiles()).toBe(before + 2);
    expect(pool.usageOf(at).used).toBe(2);
    for (const fd of foreign) closeSocket(fd);
    for (let i = 0; i < 3; i++) acquire(at);
    expect(pool.usageOf(at).free).toBe(0);
  });

  test("an address the host has not got is told at once, without trying every port", () => {
    const { pool } = setUp();
    const at = address({ local: "192.0.2.44" });
    const refused = pool.acquire(at, 2, options) as PortFailure;
    expect(refused.kind).toBe("EADDRNOTAVAIL");
    expect(refused.message).toContain("192.0.2.44");
    expect(pool.usageOf(at)).toMatchObject({ used: 0, conflicts: 0, failures: 1 });
  });

  test.each([
    [24, "EMFILE"],
    [23, "EMFILE"],
    [13, "EACCES"],
    [105, "ENOBUFS"],
    [12, "ENOBUFS"],
    [97, "other"],
  ] as const)("errno %d at the second socket of a pair is %s and closes the first", (errno, kind) => {
    const open = new Set<number>();
    let calls = 0;
    const opener: SocketOpener = {
      open: ({ port }) => {
        if (calls++ === 1) return { operation: `open a socket for 127.0.10.5:${port}`, errno };
        open.add(calls);
        return calls;
      },
      close: (fd) => expect(open.delete(fd)).toBe(true),
    };
    const { pool } = setUp(new TestSlots(), { opener });
    const refused = pool.acquire(address(), 2, options) as PortFailure;
    expect(refused.kind).toBe(kind);
    expect(refused.message).toStartWith("open");
    expect(open.size).toBe(0);
    expect(pool.usageOf(address()).used).toBe(0);
  });

  test("a full table of sockets gives back what was opened for the call", () => {
    const { pool, slots } = setUp(new TestSlots(3));
    const before = openFiles();
    const first = pool.acquire(address(), 2, options) as readonly LocalSocket[];
    const refused = pool.acquire(address(), 2, options) as PortFailure;
    expect(refused.kind).toBe("table-full");
    expect(slots.descriptors.size).toBe(2);
    expect(pool.usageOf(address()).used).toBe(2);
    pool.release(first);
    expect(openFiles()).toBe(before);
  });

  test("a port is free only after its worker let go of the socket", () => {
    const slots = new TestSlots(undefined, true);
    const { pool } = setUp(slots);
    const before = openFiles();
    const pair = pool.acquire(address(), 2, options) as readonly LocalSocket[];
    pool.release(pair);
    pool.release(pair);
    expect(slots.waiting.length).toBe(2);
    expect(openFiles()).toBe(before + 2);
    expect(pool.usageOf(address()).used).toBe(2);
    for (const closable of slots.waiting) closable();
    expect(openFiles()).toBe(before);
    expect(pool.usageOf(address()).used).toBe(0);
  });

  test("a nearly exhausted pool answers as fast as a full one", () => {
    const opener: SocketOpener = { open: () => 1, close: () => {} };
    const { pool } = setUp(new TestSlots(), { opener });
    const at = address({ portMin: 1024, portMax: 65_535 });
    const all: (readonly LocalSocket[])[] = [];
    for (let i = 0; i < 32_255; i++) all.push(pool.acquire(at, 2, options) as readonly LocalSocket[]);
    const started = performance.now();
    for (let i = 0; i < 20_000; i++) {
      pool.release(all.pop()!);
      all.push(pool.acquire(at, 2, options) as readonly LocalSocket[]);
    }
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});
