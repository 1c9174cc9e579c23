/** The metrics with rtpengine's names, made of the statistics tree. Existing dashboards and alerts live on them. */
import type { StatisticsTree } from "../call/statistics.ts";
import { numberAt, textAt, treeAt, treesAt } from "../control-line/statistics.ts";
import { COMMANDS } from "../ng/vocabulary/commands.ts";
import type { Family, Sample } from "../observe/metrics.ts";
import {
  CURRENT,
  type Figure,
  type FigureMetric,
  INTERFACE_FIGURES,
  type Labels,
  MOS_FIGURES,
  TOTAL,
  VOIP_FIGURES,
} from "../observe/metrics-table.ts";

const PREFIX = "rtpengine_";

/** Grouped by name, in the order of the table. */
export function referenceFamilies(tree: StatisticsTree): Family[] {
  const families = new Families();
  for (const figure of [...CURRENT, ...TOTAL, ...MOS_FIGURES, ...VOIP_FIGURES]) {
    families.figure(figure, treeAt(tree, figure.object));
  }
  controlFamilies(treeAt(tree, "controlstatistics"), families);
  for (const entry of treesAt(tree, "interfaces")) interfaceFamilies(entry, families);
  for (const entry of treesAt(tree, "transcoders")) transcoderFamilies(entry, families);
  pollerFamilies(tree, families);
  return families.all();
}

/** Collects samples under their names. */
class Families {
  readonly #families = new Map<string, Family & { readonly samples: Sample[] }>();

  /** `help` of the first sample of a name stays. */
  add({ name, type, labels: own }: FigureMetric, help: string, value: number | string, labels?: Labels): void {
    let family = this.#families.get(name);
    if (!family) {
      family = { name: PREFIX + name, type, help, samples: [] };
      this.#families.set(name, family);
    }
    const all = { ...labels, ...own };
    family.samples.push(Object.keys(all).length > 0 ? { labels: all, value } : { value });
  }

  figure({ metric, key, words }: Figure, object: StatisticsTree, labels?: Labels): void {
    if (metric) this.add(metric, words, textAt(object, key), labels);
  }

  all(): Family[] {
    return [...this.#families.values()];
  }
}

function controlFamilies(control: StatisticsTree, families: Families): void {
  const proxies = treesAt(control, "proxies");
  const each = (suffix: string, metric: Omit<FigureMetric, "labels">, help: string) => {
    for (const proxy of proxies) {
      for (const { name, short } of COMMANDS) {
        const labels = { proxy: textAt(proxy, "proxy"), request: name };
        families.add(metric, help, textAt(proxy, `${short.toLowerCase()}${suffix}`), labels);
      }
    }
  };
  each("count", { name: "requests_total", type: "counter" }, "Control requests carried out, by controller");
  each("duration", { name: "request_seconds_total", type: "counter" }, "Processing time of control requests");
  for (const proxy of proxies) {
    const labels = { proxy: textAt(proxy, "proxy") };
    families.add({ name: "errors_total", type: "counter" }, "Error replies", textAt(proxy, "errorcount"), labels);
  }
}

function interfaceFamilies(entry: StatisticsTree, families: Families): void {
  const labels = { name: textAt(entry, "name"), address: textAt(entry, "address") };
  const ports = treeAt(entry, "ports");
  const gauge = (name: string) => ({ name, type: "gauge" }) as const;
  const counter = (name: string) => ({ name, type: "counter" }) as const;
  families.add(gauge("ports_used"), "Media ports in use", textAt(ports, "used"), labels);
  families.add(gauge("ports_free"), "Media ports that are free", textAt(ports, "free"), labels);
  families.add(gauge("ports"), "Media ports in all", textAt(ports, "totals"), labels);
  families.add(counter("interface_packets_lost"), "Packets lost before us", textAt(entry, "packets_lost"), labels);
  families.add(counter("interface_duplicates"), "Duplicate RTP packets", textAt(entry, "duplicates"), labels);
  const quality = treeAt(entry, "voip_metrics");
  for (const figure of INTERFACE_FIGURES) families.figure(figure, quality, labels);
  for (const direction of ["ingress", "egress"]) {
    const traffic = treeAt(entry, direction);
    for (const key of ["packets", "bytes", "errors"]) {
      const help = `Media ${key} by local address and direction`;
      families.add(gauge(`interface_${key}`), help, textAt(traffic, key), { ...labels, direction });
    }
  }
}

function transcoderFamilies(entry: StatisticsTree, families: Families): void {
  const labels = { chain: textAt(entry, "chain") };
  families.add({ name: "transcoders", type: "gauge" }, "Transcoders in use", numberAt(entry, "num"), labels);
  for (const key of ["packets", "bytes", "samples"]) {
    const metric = { name: `transcode_${key}_total`, type: "counter" } as const;
    families.add(metric, `Transcoded ${key}`, textAt(entry, key), labels);
  }
}

function pollerFamilies(tree: StatisticsTree, families: Families): void {
  for (const [list, type] of [
    ["poller_threads", "user"],
    ["kernel_pollers", "kernel"],
  ] as const) {
    for (const entry of treesAt(tree, list)) {
      const labels = { index: textAt(entry, "index"), pid: textAt(entry, "pid"), type };
      const counter = (name: string) => ({ name, type: "counter" }) as const;
      families.add(counter("poller_wakeups"), "Turns of relay threads", textAt(entry, "wakeups"), labels);
      families.add(counter("poller_items"), "Packets taken by relay threads", textAt(entry, "items"), labels);
    }
  }
  for (const entry of treesAt(tree, "kernel_senders")) {
    const labels = { index: textAt(entry, "index") };
    for (const key of ["errors", "read_preempt", "write_preempt", "slots_full", "buf_full"]) {
      const metric = { name: `ksender_${key}`, type: "counter" } as const;
      families.add(metric, `Kernel senders: ${key.replace("_", " ")}`, textAt(entry, key), labels);
    }
  }
}
