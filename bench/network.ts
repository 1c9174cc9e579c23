/**
 * Where a benchmark takes place.
 *
 * "veth": two network namespaces of its own, joined by a virtual Ethernet pair: the daemons in one, the generator in the
 * other. The parties' Ethernet address, as the daemons' side knows it, belongs to no interface, so the generator's
 * kernel copies a frame into the generator's ring and drops it before routing: what a daemon's send costs beyond its own
 * kernel path is as little as it can be, and the generator's work is not mixed into the daemon's. Needs root.
 *
 * "lo": the loopback interface of the host with real party sockets. Runs in any container that allows raw sockets, but
 * each packet a daemon sends is delivered to the party's socket on the daemon's CPU time.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import type { Wire } from "./carrier.ts";
import type { Lifetime } from "./lifetime.ts";
import type { Parties } from "./stream-frames.ts";

export interface BenchNetwork {
  readonly kind: "veth" | "lo";
  /** Namespace path of the daemons and of the ng clients. */
  readonly daemons: string | undefined;
  readonly generator: string | undefined;
  readonly wire: Wire | undefined;
  readonly parties: Parties;
  /** Address for the media of the n-th daemon. */
  mediaAddress(index: number): string;
  readonly portMin: number;
  readonly portMax: number;
  ngTarget(index: number): { address: string; port: number };
}

function ip(...args: string[]): string {
  const run = spawnSync("ip", args, { encoding: "utf8" });
  if (run.status !== 0) throw new Error(`ip ${args.join(" ")}: ${(run.stderr || String(run.error)).trim()}`);
  return run.stdout;
}

const PREFIX = "sluice-bench-";

/** Removes namespaces of benchmarks that were killed outright; two at once would measure each other. */
function removeStale(): void {
  if (!existsSync("/run/netns")) return;
  for (const name of readdirSync("/run/netns")) {
    const owner = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
    if (!owner) continue;
    if (existsSync(`/proc/${owner}`)) throw new Error(`another benchmark is running (pid ${owner})`);
    ip("netns", "del", name);
  }
}

/** An Ethernet address that no interface has. */
const PARTY_MAC = "02:00:5e:ff:00:99";

export function vethNetwork(lifetime: Lifetime): BenchNetwork {
  removeStale();
  const daemons = `${PREFIX}${process.pid}-daemon`;
  const generator = `${PREFIX}${process.pid}-phones`;
  for (const name of [daemons, generator]) {
    ip("netns", "add", name);
    lifetime.add(() => void ip("netns", "del", name));
    ip("-n", name, "link", "set", "lo", "up");
  }
  ip("-n", daemons, "link", "add", "media", "type", "veth", "peer", "name", "phones", "netns", generator);
  ip("-n", daemons, "link", "set", "media", "addrgenmode", "none");
  ip("-n", generator, "link", "set", "phones", "addrgenmode", "none");
  const mediaAddress = (index: number) => `198.18.0.${11 + index}`;
  for (let i = 0; i < 8; i++) ip("-n", daemons, "addr", "add", `${mediaAddress(i)}/24`, "dev", "media");
  ip("-n", daemons, "link", "set", "media", "up");
  ip("-n", generator, "link", "set", "phones", "up");
  // 198.18.0.0/15 is the range set aside for benchmarks (RFC 2544).
  const parties = { addressA: "198.18.0.1", addressB: "198.18.0.2", firstPort: 10_000 };
  for (const address of [parties.addressA, parties.addressB])
    ip("-n", daemons, "neigh", "add", address, "lladdr", PARTY_MAC, "dev", "media", "nud", "permanent");
  const link = (namespace: string, name: string) =>
    (JSON.parse(ip("-n", namespace, "-j", "link", "show", "dev", name)) as [{ ifindex: number; address: string }])[0];
  return {
    kind: "veth",
    daemons: `/run/netns/${daemons}`,
    generator: `/run/netns/${generator}`,
    wire: {
      interfaceIndex: link(generator, "phones").ifindex,
      sourceMac: PARTY_MAC,
      destinationMac: link(daemons, "media").address,
    },
    parties,
    mediaAddress,
    portMin: 4_000,
    portMax: 65_000,
    ngTarget: (index) => ({ address: "127.0.0.1", port: 2_223 + index }),
  };
}

export function loopbackNetwork(): BenchNetwork {
  const mediaAddress = (index: number) => `127.0.30.${11 + index}`;
  return {
    kind: "lo",
    daemons: undefined,
    generator: undefined,
    wire: undefined,
    parties: { addressA: "127.0.30.2", addressB: "127.0.30.3", firstPort: 25_000 },
    mediaAddress,
    portMin: 25_000,
    portMax: 64_000,
    ngTarget: (index) => ({ address: mediaAddress(index), port: 22_230 + index }),
  };
}
