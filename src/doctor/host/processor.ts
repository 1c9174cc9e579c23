/** Whether the processors have time for media when it comes. */
import { type Check, combine, ok, unknown, warn } from "../check.ts";
import type { System } from "../system.ts";

/** Between the two looks, milliseconds. */
const LOOK = 500;
/** Percent of a processor's time. */
const STEAL = 5;
const SOFTIRQ = 50;

export const processor: Check = {
  id: "processors",
  title: "Processors",
  async run({ system }) {
    const before = times(system);
    const dropped = backlogDrops(system);
    if (!before) return unknown("/proc/stat cannot be read");
    await system.sleep(LOOK);
    const now = times(system) ?? before;
    const droppedNow = backlogDrops(system);
    const results = [ok("neither stolen time nor an overloaded network interrupt")];
    for (const [name, ticks] of now) {
      const earlier = before.get(name);
      if (!earlier) continue;
      const total = ticks.total - earlier.total;
      // A handful of ticks says nothing.
      if (total < 20) continue;
      const percent = (field: "steal" | "softirq") => Math.round((100 * (ticks[field] - earlier[field])) / total);
      const [steal, softirq] = [percent("steal"), percent("softirq")];
      if (name === "cpu" && steal >= STEAL) {
        results.push(
          warn(
            `${steal} % of the processors' time is taken by other virtual machines: jitter and loss follow`,
            "give the machine reserved processors",
          ),
        );
      }
      if (name !== "cpu" && softirq >= SOFTIRQ) {
        results.push(
          warn(
            `${name} spends ${softirq} % of its time with network interrupts`,
            "spread the queues of the network device (RSS, RPS, irqbalance)",
          ),
        );
      }
    }
    if (dropped !== undefined && droppedNow !== undefined && droppedNow > dropped) {
      results.push(
        warn(
          `the kernel dropped ${droppedNow - dropped} packets before any socket in ${LOOK} ms (softnet backlog)`,
          "sysctl -w net.core.netdev_max_backlog=10000, and spread the queues of the network device",
        ),
      );
    }
    return combine(results);
  },
};

interface Ticks {
  readonly total: number;
  readonly softirq: number;
  readonly steal: number;
}

/** cpuN user nice system idle iowait irq softirq steal … (proc(5)). */
function times(system: System): ReadonlyMap<string, Ticks> | undefined {
  const read = system.readFile("/proc/stat");
  if (!("text" in read)) return undefined;
  return new Map(
    read.text
      .split("\n")
      .filter((line) => line.startsWith("cpu"))
      .map((line) => {
        const [name = "", ...fields] = line.trim().split(/\s+/);
        const ticks = fields.slice(0, 8).map(Number);
        return [
          name,
          { total: ticks.reduce((a, b) => a + b, 0), softirq: ticks[6] ?? 0, steal: ticks[7] ?? 0 },
        ] as const;
      }),
  );
}

/** Second column of /proc/net/softnet_stat, hexadecimal, a line per processor. */
function backlogDrops(system: System): number | undefined {
  const read = system.readFile("/proc/net/softnet_stat");
  if (!("text" in read)) return undefined;
  return read.text
    .split("\n")
    .filter((line) => line !== "")
    .reduce((sum, line) => sum + Number.parseInt(line.split(" ")[1] ?? "0", 16), 0);
}
