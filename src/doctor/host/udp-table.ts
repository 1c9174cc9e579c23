/** Open UDP sockets of this network namespace (/proc/net/udp, /proc/net/udp6). */
import type { System } from "../system.ts";

export interface UdpSocket {
  readonly port: number;
  readonly inode: string;
  /** Packets dropped because the receive buffer was full, or a socket filter said so. */
  readonly drops: number;
  /** Bytes that wait to be read. */
  readonly queued: number;
}

/** Undefined when the table cannot be read. */
export function udpSockets(system: System): UdpSocket[] | undefined {
  const tables = ["/proc/net/udp", "/proc/net/udp6"].map((path) => system.readFile(path));
  if (!("text" in tables[0]!)) return undefined;
  return tables.flatMap((table) => ("text" in table ? table.text.split("\n").slice(1).flatMap(socketOf) : []));
}

function socketOf(line: string): UdpSocket[] {
  const fields = line.trim().split(/\s+/);
  if (fields.length < 13) return [];
  return [
    {
      port: Number.parseInt(fields[1]!.split(":").at(-1)!, 16),
      queued: Number.parseInt(fields[4]!.split(":")[1] ?? "0", 16),
      inode: fields[9]!,
      drops: Number(fields[12]),
    },
  ];
}
