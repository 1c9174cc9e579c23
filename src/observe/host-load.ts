/** CPU use and load average of the host, as the limits `max-cpu` and `max-load` mean them. */
import { readFileSync } from "node:fs";
import { loadavg } from "node:os";

export class HostLoad {
  #busy = 0;
  #total = 0;

  /** Percent of all cores' time that was not idle since the last call; 0 on the first one. */
  cpuPercent(): number {
    let fields: number[];
    try {
      // First line of /proc/stat: "cpu" user nice system idle iowait irq softirq steal (proc(5)), in clock ticks.
      const line = readFileSync("/proc/stat", "latin1");
      fields = line.slice(0, line.indexOf("\n")).trim().split(/\s+/).slice(1, 9).map(Number);
    } catch {
      return 0;
    }
    const total = fields.reduce((sum, ticks) => sum + ticks, 0);
    const busy = total - (fields[3] ?? 0) - (fields[4] ?? 0);
    const percent = this.#total > 0 && total > this.#total ? (100 * (busy - this.#busy)) / (total - this.#total) : 0;
    this.#busy = busy;
    this.#total = total;
    return percent;
  }

  /** Average of the last minute. */
  loadAverage(): number {
    return loadavg()[0] ?? 0;
  }
}
