/** Socket buffers, and what was lost because they were full. */
import { type Check, combine, ok, unknown, warn } from "../check.ts";
import { readNumber, type System } from "../system.ts";
import { mediaRanges } from "./media-ranges.ts";
import { udpSockets } from "./udp-table.ts";

/** Media sockets have the system's default; 20 ms of a busy video stream must fit. Bytes. */
const MIN_DEFAULT = 128 << 10;
/** The control socket asks for so much, so that a proxy's burst at its restart fits. Bytes. */
const CONTROL_BUFFER = 4 << 20;
/** Between the two looks at the counters, milliseconds. */
const LOOK = 500;

export const socketBuffers: Check = {
  id: "socket-buffers",
  title: "Socket buffers",
  run({ system }) {
    const [standard, max] = ["rmem_default", "rmem_max"].map((name) =>
      readNumber(system, `/proc/sys/net/core/${name}`),
    );
    if (standard === undefined || max === undefined) {
      return unknown(
        "net.core.rmem_default and rmem_max are not visible in this network namespace: they are the host's",
      );
    }
    const results = [ok(`net.core.rmem_default ${standard}, rmem_max ${max}`)];
    if (standard < MIN_DEFAULT) {
      results.push(
        warn(
          `net.core.rmem_default is ${standard}: bursts of media are lost`,
          "sysctl -w net.core.rmem_default=212992",
        ),
      );
    }
    if (max < CONTROL_BUFFER) {
      results.push(
        warn(
          `net.core.rmem_max is ${max}: the control socket wants ${CONTROL_BUFFER} for bursts of requests`,
          `sysctl -w net.core.rmem_max=${CONTROL_BUFFER}`,
        ),
      );
    }
    return combine(results);
  },
};

export const receiveDrops: Check = {
  id: "receive-queues",
  title: "Receive queues",
  async run({ settings, system }) {
    const before = counters(system);
    if (!before) return unknown("/proc/net/snmp cannot be read");
    await system.sleep(LOOK);
    const now = counters(system) ?? before;
    const results = [];
    const overflowing = now.RcvbufErrors - before.RcvbufErrors;
    const cure = "raise net.core.rmem_default and rmem_max, look at CPU load, and at num-threads";
    if (overflowing > 0) {
      results.push(
        warn(`${overflowing} UDP packets were lost in the last ${LOOK} ms because a receive buffer was full`, cure),
      );
    } else if (now.RcvbufErrors > 0) {
      // Since the system started, and of any program.
      const share = now.RcvbufErrors / Math.max(1, now.InDatagrams + now.RcvbufErrors);
      const words = `${now.RcvbufErrors} UDP packets lost to full receive buffers since the start of the system, none just now`;
      results.push(share > 1e-4 ? warn(words, cure) : ok(words));
    }
    if (now.InCsumErrors > 0)
      results.push(
        warn(
          `${now.InCsumErrors} UDP packets with a wrong checksum came in`,
          "look for broken hardware or offload settings on the way (ethtool -k)",
        ),
      );
    const ranges = mediaRanges(settings);
    const ng = new Set(settings.listen.ng.map(({ port }) => port));
    const ours = (udpSockets(system) ?? []).filter(
      ({ port, drops }) =>
        drops > 0 && (ng.has(port) || ranges.some(({ first, last }) => port >= first && port <= last)),
    );
    if (ours.length > 0) {
      const worst = ours.reduce((a, b) => (b.drops > a.drops ? b : a));
      results.push(
        warn(`${ours.length} sockets of the daemon lost packets, most of all port ${worst.port}: ${worst.drops}`, cure),
      );
    }
    return combine(results.length > 0 ? results : [ok("no UDP packet was lost to a full receive buffer")]);
  },
};

interface UdpCounters {
  readonly InDatagrams: number;
  readonly RcvbufErrors: number;
  readonly InCsumErrors: number;
}

/** `Udp:` has a line of names and a line of numbers. */
function counters(system: System): UdpCounters | undefined {
  const read = system.readFile("/proc/net/snmp");
  if (!("text" in read)) return undefined;
  const [names, values] = read.text
    .split("\n")
    .filter((line) => line.startsWith("Udp:"))
    .map((line) => line.split(/\s+/));
  if (!names || !values) return undefined;
  const value = (name: string) => Number(values[names.indexOf(name)] ?? 0);
  return {
    InDatagrams: value("InDatagrams"),
    RcvbufErrors: value("RcvbufErrors"),
    InCsumErrors: value("InCsumErrors"),
  };
}
