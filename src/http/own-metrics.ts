/** The metrics that have no counterpart in rtpengine, under `sluice_`, and the process metrics under their usual names. */

import type { AnyFamily, Family, Histogram, Sample } from "../observe/metrics.ts";
import type { Traffic } from "../observe/metrics-traffic.ts";
import type { EngineName } from "../relay/engine.ts";
import type { WorkerStatus } from "../relay/workers.ts";

/** What the daemon knows about itself at one moment. */
export interface OwnFigures {
  readonly build: { readonly version: string; readonly commit: string; readonly runtime: string };
  readonly ready: boolean;
  readonly draining: boolean;
  readonly plane: { readonly name: string; readonly engine: EngineName };
  /** Open media sockets, and how many there can be. */
  readonly sockets: { readonly open: number; readonly limit: number };
  readonly calls: number;
  readonly traffic: Traffic;
  readonly workers: readonly WorkerStatus[];
  readonly ports: readonly {
    readonly local: string;
    readonly portMin: number;
    readonly portMax: number;
    readonly conflicts: number;
  }[];
  readonly portFailures: Readonly<Record<string, number>>;
  readonly ngLatency: ReadonlyMap<string, Histogram>;
  readonly eventLoopLag: Histogram;
  readonly suppressedLogLines: number;
  readonly connections: Readonly<Record<string, number>>;
  /** By method and status. */
  readonly httpRequests: ReadonlyMap<string, number>;
  readonly unknownFlags: readonly { readonly proxy: string; readonly count: number }[];
  readonly memory: {
    readonly rss: number;
    readonly heapUsed: number;
    readonly external: number;
    readonly atStart: number;
  };
  /** Seconds. */
  readonly cpuSeconds: number;
  /** Unix seconds. */
  readonly startedAt: number;
  readonly openFiles: number | undefined;
  readonly maxOpenFiles: number | "infinite" | undefined;
}

export function ownFamilies(figures: OwnFigures): AnyFamily[] {
  const { build, plane, sockets, traffic, workers, memory, calls } = figures;
  const families: AnyFamily[] = [
    gauge("sluice_build_info", "Version of this daemon; always 1", [{ labels: { ...build }, value: 1 }]),
    gauge("sluice_ready", "1 while new calls are taken", one(figures.ready ? 1 : 0)),
    gauge(
      "sluice_draining",
      "1 while new calls are refused: an operator drains, or the daemon is ending",
      one(figures.draining ? 1 : 0),
    ),
    gauge("sluice_streams", "Open media sockets by the plane that forwards them", [
      { labels: { plane: plane.name, engine: plane.engine }, value: sockets.open },
    ]),
    gauge("sluice_streams_limit", "Media sockets that there can be at once", one(sockets.limit)),
    counter(
      "sluice_dropped_packets_total",
      "Packets received and not forwarded, by reason",
      labelled("reason", traffic.drops),
    ),
    counter("sluice_received_packets_total", "Packets received on media ports", one(traffic.packetsIn)),
    counter("sluice_received_bytes_total", "Bytes received on media ports", one(traffic.bytesIn)),
    counter("sluice_sent_packets_total", "Packets sent from media ports", one(traffic.packetsOut)),
    counter("sluice_sent_bytes_total", "Bytes sent from media ports", one(traffic.bytesOut)),
    counter("sluice_lost_packets_total", "RTP packets lost before us, by their sequence numbers", one(traffic.lost)),
    counter("sluice_duplicate_packets_total", "RTP packets received twice", one(traffic.duplicates)),
    counter("sluice_reordered_packets_total", "RTP packets received late", one(traffic.reordered)),
    ...workerFamilies(workers),
    counter(
      "sluice_port_bind_conflicts_total",
      "Media ports found in use by another program",
      figures.ports.map(({ local, portMin, portMax, conflicts }) => ({
        labels: { address: local, range: `${portMin}-${portMax}` },
        value: conflicts,
      })),
    ),
    counter(
      "sluice_port_failures_total",
      "Requests that got no media port, by reason",
      labelled("reason", figures.portFailures),
    ),
    {
      name: "sluice_ng_request_duration_seconds",
      type: "histogram",
      help: "Processing time of ng requests",
      histograms: Array.from(figures.ngLatency, ([command, histogram]) => ({ labels: { command }, histogram })),
    },
    counter(
      "sluice_ng_remarks_total",
      "Flags and keys that were not known or not honoured, by controller",
      figures.unknownFlags.map(({ proxy, count }) => ({ labels: { proxy }, value: count })),
    ),
    {
      name: "sluice_event_loop_lag_seconds",
      type: "histogram",
      help: "Lateness of the main thread's event loop",
      histograms: [{ histogram: figures.eventLoopLag }],
    },
    gauge(
      "sluice_connections",
      "Open connections of controllers and operators",
      labelled("transport", figures.connections),
    ),
    counter(
      "sluice_http_requests_total",
      "HTTP requests by method and status",
      Array.from(figures.httpRequests, ([key, value]) => {
        const [method = "", code = ""] = key.split(" ");
        return { labels: { method, code }, value };
      }),
    ),
    counter(
      "sluice_log_suppressed_lines_total",
      "Log lines not written because of rate limits",
      one(figures.suppressedLogLines),
    ),
    gauge("sluice_memory_bytes", "Memory of the process by kind", [
      { labels: { kind: "resident" }, value: memory.rss },
      { labels: { kind: "heap" }, value: memory.heapUsed },
      { labels: { kind: "external" }, value: memory.external },
    ]),
    gauge(
      "sluice_memory_per_call_bytes",
      "Growth of resident memory since start per running call; 0 without calls",
      one(calls > 0 ? Math.max(0, Math.round((memory.rss - memory.atStart) / calls)) : 0),
    ),
    gauge("process_resident_memory_bytes", "Resident memory size in bytes.", one(memory.rss)),
    counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", one(figures.cpuSeconds)),
    gauge(
      "process_start_time_seconds",
      "Start time of the process since unix epoch in seconds.",
      one(figures.startedAt),
    ),
  ];
  if (figures.openFiles !== undefined) {
    families.push(gauge("process_open_fds", "Number of open file descriptors.", one(figures.openFiles)));
  }
  if (typeof figures.maxOpenFiles === "number") {
    families.push(gauge("process_max_fds", "Maximum number of open file descriptors.", one(figures.maxOpenFiles)));
  }
  return families.filter((family) => (family.type === "histogram" ? family.histograms : family.samples).length > 0);
}

function workerFamilies(workers: readonly WorkerStatus[]): Family[] {
  const each = (value: (worker: WorkerStatus) => number): Sample[] =>
    workers.map((worker) => ({ labels: { worker: String(worker.worker) }, value: value(worker) }));
  return [
    gauge(
      "sluice_worker_up",
      "1 while the relay worker runs and is not stuck",
      each(({ alive, stuck }) => (alive && !stuck ? 1 : 0)),
    ),
    counter(
      "sluice_worker_packets_total",
      "Packets relayed by each worker",
      each(({ packets }) => packets),
    ),
    counter(
      "sluice_worker_turns_total",
      "Turns of each worker's loop",
      each(({ turns }) => turns),
    ),
    counter(
      "sluice_worker_naps_total",
      "Waits for more packets to gather",
      each(({ naps }) => naps),
    ),
    gauge(
      "sluice_worker_gathering_seconds",
      "Length of the last such wait",
      each(({ gathering }) => gathering / 1_000_000),
    ),
    counter(
      "sluice_worker_restarts_total",
      "Restarts of each worker",
      each(({ restarts }) => restarts),
    ),
    counter(
      "sluice_worker_lost_events_total",
      "Events that found no room on their way to the main thread",
      each(({ lostEvents }) => lostEvents),
    ),
  ];
}

const gauge = (name: string, help: string, samples: readonly Sample[]): Family => ({
  name,
  type: "gauge",
  help,
  samples,
});
const counter = (name: string, help: string, samples: readonly Sample[]): Family => ({
  name,
  type: "counter",
  help,
  samples,
});
const one = (value: number): Sample[] => [{ value }];
const labelled = (label: string, values: Readonly<Record<string, number>>): Sample[] =>
  Object.entries(values).map(([name, value]) => ({ labels: { [label]: name }, value }));
