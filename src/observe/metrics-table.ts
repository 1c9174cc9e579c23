/**
 * The figures of the statistics tree, each with its three faces: its key there, its words in `list totals`, and its name,
 * type and labels in `/metrics`. Operators' scripts and dashboards match on all of them, so they are fixed.
 */

export type MetricType = "counter" | "gauge";
export type Labels = Readonly<Record<string, string>>;

/** Name without the prefix `rtpengine_`. */
export interface FigureMetric {
  readonly name: string;
  readonly type: MetricType;
  readonly labels?: Labels;
}

export type FigureObject = "currentstatistics" | "totalstatistics" | "mos" | "voip_metrics";

export interface Figure {
  readonly object: FigureObject;
  readonly key: string;
  /** In `list totals`; also the HELP text. */
  readonly words: string;
  /** Written behind the value there. */
  readonly unit?: "seconds" | "seconds squared";
  readonly metric?: FigureMetric;
}

const gauge = (name: string, labels?: Labels): FigureMetric => ({ name, type: "gauge", ...(labels && { labels }) });
const counter = (name: string, labels?: Labels): FigureMetric => ({ name, type: "counter", ...(labels && { labels }) });

type Row = readonly [
  key: string,
  words: string,
  metric?: FigureMetric | undefined,
  unit?: "seconds" | "seconds squared",
];

function figures(object: FigureObject, rows: readonly Row[]): Figure[] {
  return rows.map(([key, words, metric, unit]) => ({
    object,
    key,
    words,
    ...(metric && { metric }),
    ...(unit && { unit }),
  }));
}

const closed = (reason: string) => counter("closed_sessions_total", { reason });
const byType = (name: string, type: string) => counter(name, { type });
const media = (type: string) => gauge("mediastreams", { type });

const CURRENT_SESSIONS = figures("currentstatistics", [
  ["sessionsown", "Owned sessions", gauge("sessions", { type: "own" })],
  ["sessionsforeign", "Foreign sessions", gauge("sessions", { type: "foreign" })],
  ["sessionstotal", "Total sessions"],
  ["transcodedmedia", "Transcoded media", gauge("transcoded_media")],
  ["mediacache", "Media cache size", gauge("media_cache")],
  ["playercache", "Player cache size", gauge("player_cache")],
]);

/** The nine lines of `list counters`. */
export const RATES = figures("currentstatistics", [
  ["packetrate_user", "Packets per second (userspace)"],
  ["byterate_user", "Bytes per second (userspace)"],
  ["errorrate_user", "Errors per second (userspace)"],
  ["packetrate_kernel", "Packets per second (kernel)"],
  ["byterate_kernel", "Bytes per second (kernel)"],
  ["errorrate_kernel", "Errors per second (kernel)"],
  ["packetrate", "Packets per second (total)"],
  ["byterate", "Bytes per second (total)"],
  ["errorrate", "Errors per second (total)"],
]);

const CURRENT_MEDIA = figures("currentstatistics", [
  ["media_userspace", "Userspace-only media streams", media("userspace")],
  ["media_kernel", "Kernel-only media streams", media("kernel")],
  ["media_mixed", "Mixed kernel/userspace media streams", media("mixed")],
]);

export const CURRENT: readonly Figure[] = [...CURRENT_SESSIONS, ...RATES, ...CURRENT_MEDIA];

export const TOTAL: readonly Figure[] = figures("totalstatistics", [
  ["uptime", "Uptime of rtpengine", gauge("uptime_seconds"), "seconds"],
  ["managedsessions", "Total managed sessions", counter("sessions_total")],
  ["rejectedsessions", "Total rejected sessions", closed("rejected")],
  ["timeoutsessions", "Total timed-out sessions via TIMEOUT", closed("timeout")],
  ["silenttimeoutsessions", "Total timed-out sessions via SILENT_TIMEOUT", closed("silent_timeout")],
  ["finaltimeoutsessions", "Total timed-out sessions via FINAL_TIMEOUT", closed("final_timeout")],
  ["offertimeoutsessions", "Total timed-out sessions via OFFER_TIMEOUT", closed("offer_timeout")],
  ["regularterminatedsessions", "Total regular terminated sessions", closed("terminated")],
  ["forcedterminatedsessions", "Total forced terminated sessions", closed("force_terminated")],
  ["relayedpackets_user", "Total relayed packets (userspace)", byType("packets_total", "userspace")],
  ["relayedpacketerrors_user", "Total relayed packet errors (userspace)", byType("packet_errors_total", "userspace")],
  ["relayedbytes_user", "Total relayed bytes (userspace)", byType("bytes_total", "userspace")],
  ["relayedpackets_kernel", "Total relayed packets (kernel)", byType("packets_total", "kernel")],
  ["relayedpacketerrors_kernel", "Total relayed packet errors (kernel)", byType("packet_errors_total", "kernel")],
  ["relayedbytes_kernel", "Total relayed bytes (kernel)", byType("bytes_total", "kernel")],
  ["relayedpackets", "Total relayed packets"],
  ["relayedpacketerrors", "Total relayed packet errors"],
  ["relayedbytes", "Total relayed bytes"],
  ["zerowaystreams", "Total number of streams with no relayed packets", counter("zero_packet_streams_total")],
  ["onewaystreams", "Total number of 1-way streams", counter("one_way_sessions_total")],
  ["avgcallduration", "Average call duration", gauge("call_duration_avg"), "seconds"],
  ["totalcallsduration", "Total calls duration", counter("call_duration_total"), "seconds"],
  ["totalcallsduration2", "Total calls duration squared", counter("call_duration2_total"), "seconds squared"],
  ["totalcallsduration_stddev", "Total calls duration standard deviation", undefined, "seconds"],
]);

/** Sum, sum of squares, number, average and deviation of what is measured by samples. */
export interface Sampled {
  /** Prefix of the five keys and of the three metrics. */
  readonly key: string;
  readonly words: string;
}

export const MOS: Sampled = { key: "mos", words: "MOS" };

export const VOIP: readonly Sampled[] = [
  { key: "jitter", words: "jitter (reported)" },
  { key: "rtt_e2e", words: "end-to-end round-trip time" },
  { key: "rtt_dsct", words: "discrete round-trip time" },
  { key: "packetloss", words: "packet loss" },
  { key: "jitter_measured", words: "jitter (measured)" },
];

/** The five figures of one {@link Sampled}; the metrics of single interfaces have a prefix of their own. */
export function sampledFigures({ key, words }: Sampled, object: FigureObject, metricPrefix = ""): Figure[] {
  const metric = (suffix: string) => counter(`${metricPrefix}${key}${suffix}`);
  return figures(object, [
    [`${key}_total`, `Sum of all ${words} values sampled`, metric("_total")],
    [`${key}2_total`, `Sum of all ${words} square values sampled`, metric("2_total")],
    [`${key}_samples_total`, `Total number of ${words} samples`, metric("_samples_total")],
    [`${key}_average`, `Average ${words}`],
    [`${key}_stddev`, `${words} standard deviation`],
  ]);
}

export const MOS_FIGURES: readonly Figure[] = sampledFigures(MOS, "mos");

export const VOIP_FIGURES: readonly Figure[] = [
  ...VOIP.flatMap((each) => sampledFigures(each, "voip_metrics")),
  ...figures("voip_metrics", [
    ["packets_lost", "Packets lost", counter("packets_lost")],
    ["rtp_duplicates", "Duplicate RTP packets", counter("rtp_duplicates")],
    ["rtp_skips", "RTP sequence skips", counter("rtp_skips")],
    ["rtp_seq_resets", "RTP sequence resets", counter("rtp_seq_resets")],
    ["rtp_reordered", "Out-of-order RTP packets", counter("rtp_reordered")],
  ]),
];

/** The same for each interface address; object `voip_metrics` of its entry holds all thirty. */
export const INTERFACE_FIGURES: readonly Figure[] = [MOS, ...VOIP].flatMap((each) =>
  sampledFigures(each, "voip_metrics", "interface_"),
);
