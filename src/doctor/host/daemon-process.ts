/** The running daemon of this configuration: the process that has its ng port open. */
import type { Settings } from "../../config/settings.ts";
import type { System } from "../system.ts";
import { udpSockets } from "./udp-table.ts";

/** Undefined: none runs here, or its files may not be looked at. */
export function daemonProcess({ listen, pidfile }: Settings, system: System): number | undefined {
  if (pidfile !== undefined) {
    const read = system.readFile(pidfile);
    const pid = "text" in read ? Number(read.text.trim()) : 0;
    if (pid > 0 && "text" in system.readFile(`/proc/${pid}/limits`)) return pid;
  }
  const ports = new Set(listen.ng.map(({ port }) => port));
  const links = new Set(
    (udpSockets(system) ?? []).flatMap(({ port, inode }) => (ports.has(port) ? `socket:[${inode}]` : [])),
  );
  if (links.size === 0) return undefined;
  for (const name of system.listFolder("/proc") ?? []) {
    if (!/^[0-9]+$/.test(name)) continue;
    for (const fd of system.listFolder(`/proc/${name}/fd`) ?? []) {
      const link = system.readLink(`/proc/${name}/fd/${fd}`);
      if (link !== undefined && links.has(link)) return Number(name);
    }
  }
  return undefined;
}
