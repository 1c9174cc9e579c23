/**
 * The arguments of the daemon and of `check`, read together with everything else the configuration asks of the system: files,
 * devices, routes, host names. `src/config` itself asks nobody.
 */
import { lookup } from "node:dns/promises";
import { readFileSync } from "node:fs";
import { availableParallelism, networkInterfaces } from "node:os";
import { basename } from "node:path";
import { type Family, familyOf } from "../address.ts";
import { version } from "../build-info.ts";
import type { Device, Host } from "../config/interfaces.ts";
import { type Loaded, type LoadInput, loadSettings } from "../config/settings.ts";

/** Longest wait for one host name, milliseconds. */
const LOOKUP_LIMIT = 5_000;

/**
 * Reads the configuration as this process sees it. Host names are looked up before the configuration is judged: the first
 * reading tells which ones there are.
 */
export async function readConfiguration(args: readonly string[]): Promise<Loaded> {
  const names = new Map<string, readonly string[] | undefined>();
  const files = new Map<string, ReturnType<LoadInput["readFile"]>>();
  const input: LoadInput = {
    argv: args,
    env: process.env,
    program: programName(),
    readFile(path) {
      if (!files.has(path)) files.set(path, readText(path));
      return files.get(path);
    },
    host: systemHost((name) => {
      if (!names.has(name)) names.set(name, undefined);
      return names.get(name) ?? [];
    }),
    cores: availableParallelism(),
    version,
  };
  let loaded = loadSettings(input);
  // A name may hide behind another one's error, but not deeper than that.
  for (let round = 0; round < 3; round++) {
    const open = [...names].filter(([, addresses]) => addresses === undefined).map(([name]) => name);
    if (open.length === 0) break;
    await Promise.all(open.map(async (name) => names.set(name, await addressesOf(name))));
    loaded = loadSettings(input);
  }
  return loaded;
}

/** The name this program was started by. The runtime replaces it in `argv`, so the kernel is asked. */
export function programName(): string {
  const line = readText("/proc/self/cmdline");
  return basename(typeof line === "string" ? (line.split("\0")[0] ?? "") : process.argv0);
}

function readText(path: string): string | undefined | { readonly error: string } {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const code = typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    const known: Record<string, string> = {
      EACCES: "permission denied (EACCES)",
      EISDIR: "it is a folder (EISDIR)",
    };
    return { error: known[code] ?? (error instanceof Error ? error.message : String(error)) };
  }
}

async function addressesOf(name: string): Promise<readonly string[]> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<readonly string[]>((resolve) => {
    timer = setTimeout(() => resolve([]), LOOKUP_LIMIT);
  });
  try {
    const found = lookup(name, { all: true }).then((all) => {
      // IPv4 first: what `localhost` and dual-stack names mean where only one address is taken.
      const addresses = all.map((each) => each.address.replace(/%.*$/, ""));
      return [
        ...new Set([...addresses.filter((a) => familyOf(a) === 4), ...addresses.filter((a) => familyOf(a) === 6)]),
      ];
    });
    return await Promise.race([found, limit]);
  } catch {
    return [];
  } finally {
    clearTimeout(timer);
  }
}

function systemHost(resolve: (name: string) => readonly string[]): Host {
  let devices: readonly Device[] | undefined;
  const list = () => {
    devices ??= listDevices();
    return devices;
  };
  return {
    devices: list,
    resolve,
    primaryAddresses: () => primaryAddresses(list()),
    nonLocalBind: (family) => {
      const value = readText(`/proc/sys/net/ipv${family}/ip_nonlocal_bind`);
      return typeof value === "string" && value.trim() === "1";
    },
  };
}

function listDevices(): Device[] {
  return Object.entries(networkInterfaces()).map(([name, addresses]) => ({
    name,
    addresses: (addresses ?? []).map(({ address }) => address.replace(/%.*$/, "")),
  }));
}

/** Of each family the first usable address of the device with the default route; without such a route of any device. */
export function primaryAddresses(devices: readonly Device[]): string[] {
  return ([4, 6] as const).flatMap((family) => {
    const route = family === 4 ? defaultDevice4() : defaultDevice6();
    const ordered = [...devices.filter(({ name }) => name === route), ...devices.filter(({ name }) => name !== route)];
    // A host without an IPv6 route has IPv6 addresses that lead nowhere.
    if (family === 6 && route === undefined) return [];
    return ordered.flatMap(({ addresses }) => addresses.filter((a) => outward(a, family))).slice(0, 1);
  });
}

function outward(address: string, family: Family): boolean {
  return familyOf(address) === family && !/^(127\.|169\.254\.|::1$|fe[89ab])/i.test(address);
}

/** /proc/net/route: Iface Destination Gateway Flags RefCnt Use Metric Mask …, numbers in hexadecimal. */
function defaultDevice4(): string | undefined {
  const text = readText("/proc/net/route");
  if (typeof text !== "string") return undefined;
  const routes = text
    .split("\n")
    .slice(1)
    .map((line) => line.split(/\s+/))
    .filter((fields) => fields[1] === "00000000" && fields[7] === "00000000");
  return routes.sort((a, b) => Number(a[6]) - Number(b[6]))[0]?.[0];
}

/** /proc/net/ipv6_route: destination, its length, …, metric (6th), …, device last. The kernel's reject route is on `lo`. */
function defaultDevice6(): string | undefined {
  const text = readText("/proc/net/ipv6_route");
  if (typeof text !== "string") return undefined;
  const routes = text
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[0] === "0".repeat(32) && fields[1] === "00" && fields.at(-1) !== "lo");
  return routes.sort((a, b) => Number.parseInt(a[5] ?? "", 16) - Number.parseInt(b[5] ?? "", 16))[0]?.at(-1);
}
