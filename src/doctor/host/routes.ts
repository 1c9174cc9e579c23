/** Default routes by /proc (proc(5)). */
import type { System } from "../system.ts";

/** Names of the devices; undefined where the table cannot be read. */
export function defaultRoutes(system: System): {
  readonly 4: readonly string[] | undefined;
  readonly 6: readonly string[] | undefined;
} {
  return { 4: routes4(system), 6: routes6(system) };
}

/** Iface Destination Gateway Flags RefCnt Use Metric Mask …, numbers in hexadecimal. */
function routes4(system: System): string[] | undefined {
  const read = system.readFile("/proc/net/route");
  if (!("text" in read)) return undefined;
  return devices(read.text.split("\n").slice(1), (f) => f[1] === "00000000" && f[7] === "00000000", 0);
}

/** Destination, its length, …, device last. The kernel's own reject route is on `lo`. */
function routes6(system: System): string[] | undefined {
  const read = system.readFile("/proc/net/ipv6_route");
  if (!("text" in read)) return read.absent ? [] : undefined;
  return devices(read.text.split("\n"), (f) => f[0] === "0".repeat(32) && f[1] === "00" && f.at(-1) !== "lo", -1);
}

function devices(lines: readonly string[], isDefault: (fields: string[]) => boolean, column: number): string[] {
  const found = lines.map((line) => line.trim().split(/\s+/)).filter(isDefault);
  return [...new Set(found.map((fields) => fields.at(column)!))];
}
