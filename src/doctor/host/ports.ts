/** The media ports against the system's own use of ports and against what a process may open. */
import { type Check, combine, fail, ok, unknown, warn } from "../check.ts";
import { daemonProcess } from "./daemon-process.ts";
import { mediaRanges } from "./media-ranges.ts";

const LOCAL_RANGE = "/proc/sys/net/ipv4/ip_local_port_range";
const RESERVED = "/proc/sys/net/ipv4/ip_local_reserved_ports";
/** Descriptors of the daemon besides media sockets: listeners, control clients, workers, log. */
const OTHER_FILES = 100;

/** Programs without a port of their own get one of the ephemeral range: a media port may be gone when it is needed. */
export const ephemeralOverlap: Check = {
  id: "ephemeral-ports",
  title: "Ephemeral ports",
  run({ settings, system }) {
    const range = system.readFile(LOCAL_RANGE);
    if (!("text" in range)) return unknown(range.reason);
    const [low = 0, high = 0] = range.text.trim().split(/\s+/).map(Number);
    const reserved = system.readFile(RESERVED);
    const kept = "text" in reserved ? parsePorts(reserved.text) : [];
    return combine(
      mediaRanges(settings).map(({ first, last }) => {
        const from = Math.max(first, low);
        const to = Math.min(last, high);
        if (from > to) return ok(`${first}-${last} is outside the ephemeral range ${low}-${high}`);
        const open = uncovered(from, to, kept);
        if (!open) return ok(`${from}-${to} is in the ephemeral range, and reserved`);
        return warn(
          `media ports ${open[0]}-${open[1]} are also ephemeral ports (${low}-${high}): other programs take them by chance`,
          `sysctl -w net.ipv4.ip_local_reserved_ports=${[...kept.map(([a, b]) => `${a}-${b}`), `${first}-${last}`].join(",")}`,
        );
      }),
    );
  },
};

function parsePorts(text: string): (readonly [number, number])[] {
  return text
    .trim()
    .split(",")
    .filter((each) => each !== "")
    .map((each) => {
      const [first = "", last = first] = each.split("-");
      return [Number(first), Number(last)] as const;
    });
}

/** The first stretch of `from`…`to` that no range covers. */
function uncovered(from: number, to: number, ranges: readonly (readonly [number, number])[]) {
  let at = from;
  for (const [first, last] of [...ranges].sort((a, b) => a[0] - b[0])) {
    if (first > at) return [at, Math.min(to, first - 1)] as const;
    if (last >= at) at = last + 1;
    if (at > to) return undefined;
  }
  return [at, to] as const;
}

export const openFiles: Check = {
  id: "open-files",
  title: "Open files",
  run({ settings, system }) {
    const sockets = new Set<string>();
    for (const { addresses } of settings.call.interfaces.interfaces) {
      for (const { local, portMin, portMax, excludePorts } of addresses) {
        for (let port = portMin; port <= portMax; port++) if (!excludePorts.has(port)) sockets.add(`${local} ${port}`);
      }
    }
    const needed = sockets.size + OTHER_FILES;
    const daemon = daemonProcess(settings, system);
    const running = daemon === undefined ? undefined : limitOf(system.readFile(`/proc/${daemon}/limits`));
    const limit = running ?? system.openFiles()?.hard;
    if (limit === undefined) return unknown("the system does not tell the limit of open files");
    const whose = running === undefined ? "a process started from here" : `the daemon (process ${daemon})`;
    if (limit === "infinite" || limit >= needed)
      return ok(`${whose} may open ${limit} files, ${needed} are needed at most`);
    const words = `${whose} may open ${limit} files, but all media ports together need ${needed}`;
    const cure = `LimitNOFILE=${Math.max(65_536, needed)} in the systemd unit (or ulimit -n)`;
    return limit < needed / 10 || limit < OTHER_FILES * 2 ? fail(words, cure) : warn(words, cure);
  },
};

/** Soft limit of `Max open files` in /proc/PID/limits. */
function limitOf(read: ReturnType<Parameters<Check["run"]>[0]["system"]["readFile"]>): number | "infinite" | undefined {
  if (!("text" in read)) return undefined;
  const value = /^Max open files\s+(\S+)/m.exec(read.text)?.[1];
  if (value === undefined) return undefined;
  return value === "unlimited" ? "infinite" : Number(value);
}
