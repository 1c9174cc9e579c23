/** Names, types and labels of rtpengine's metrics, as its operators' dashboards and alerts have them. */
import { expect, test } from "bun:test";
import { referenceFamilies } from "../../../src/http/reference-metrics.ts";
import { COMMANDS } from "../../../src/ng/vocabulary/commands.ts";
import type { Family } from "../../../src/observe/metrics.ts";
import { Station } from "../control-line/station.ts";

type Row = readonly [name: string, type: "counter" | "gauge", labels: readonly (readonly string[])[]];

const NONE = [[]];
const INTERFACE = [["name", "address"]];
const SAMPLED = ["mos", "jitter", "rtt_e2e", "rtt_dsct", "packetloss", "jitter_measured"];
const sums = (prefix: string, labels: Row[2]): Row[] =>
  SAMPLED.flatMap((each) =>
    ["_total", "2_total", "_samples_total"].map((suffix): Row => [`${prefix}${each}${suffix}`, "counter", labels]),
  );
const typed = (...values: string[]) => values.map((value) => [`type=${value}`]);

/** The reference's list. `name=value`: this value occurs; `name`: the label occurs. */
const REFERENCE: readonly Row[] = [
  ["sessions", "gauge", typed("own", "foreign")],
  ["transcoded_media", "gauge", NONE],
  ["media_cache", "gauge", NONE],
  ["player_cache", "gauge", NONE],
  ["mediastreams", "gauge", typed("userspace", "kernel", "mixed")],
  ["uptime_seconds", "gauge", NONE],
  ["sessions_total", "counter", NONE],
  [
    "closed_sessions_total",
    "counter",
    ["rejected", "timeout", "silent_timeout", "final_timeout", "offer_timeout", "terminated", "force_terminated"].map(
      (reason) => [`reason=${reason}`],
    ),
  ],
  ["packets_total", "counter", typed("userspace", "kernel")],
  ["packet_errors_total", "counter", typed("userspace", "kernel")],
  ["bytes_total", "counter", typed("userspace", "kernel")],
  ["zero_packet_streams_total", "counter", NONE],
  ["one_way_sessions_total", "counter", NONE],
  ["call_duration_avg", "gauge", NONE],
  ["call_duration_total", "counter", NONE],
  ["call_duration2_total", "counter", NONE],
  ...sums("", NONE),
  ["packets_lost", "counter", NONE],
  ["rtp_duplicates", "counter", NONE],
  ["rtp_skips", "counter", NONE],
  ["rtp_seq_resets", "counter", NONE],
  ["rtp_reordered", "counter", NONE],
  ["requests_total", "counter", COMMANDS.map(({ name }) => ["proxy=192.0.2.3", `request=${name}`])],
  ["request_seconds_total", "counter", COMMANDS.map(({ name }) => ["proxy=192.0.2.3", `request=${name}`])],
  ["errors_total", "counter", [["proxy=192.0.2.3"]]],
  ["ports_used", "gauge", INTERFACE],
  ["ports_free", "gauge", INTERFACE],
  ["ports", "gauge", INTERFACE],
  ["interface_packets_lost", "counter", INTERFACE],
  ["interface_duplicates", "counter", INTERFACE],
  ...sums("interface_", INTERFACE),
  ...["packets", "bytes", "errors"].map(
    (kind): Row => [
      `interface_${kind}`,
      "gauge",
      ["ingress", "egress"].map((direction) => ["name", "address", `direction=${direction}`]),
    ],
  ),
  ["transcoders", "gauge", [["chain=PCMA/8000 -> opus/48000/2"]]],
  ["transcode_packets_total", "counter", [["chain"]]],
  ["transcode_bytes_total", "counter", [["chain"]]],
  ["transcode_samples_total", "counter", [["chain"]]],
  [
    "poller_wakeups",
    "counter",
    [
      ["index", "pid", "type=user"],
      ["index", "pid", "type=kernel"],
    ],
  ],
  [
    "poller_items",
    "counter",
    [
      ["index", "pid", "type=user"],
      ["index", "pid", "type=kernel"],
    ],
  ],
  ...["errors", "read_preempt", "write_preempt", "slots_full", "buf_full"].map(
    (name): Row => [`ksender_${name}`, "counter", [["index"]]],
  ),
];

/** All features on, as far as the statistics tree goes. */
function families(): Map<string, Family> {
  const station = new Station();
  station.call();
  station.dispatcher.handlePlain(Buffer.from('{"command":"ping"}'), { address: "192.0.2.3", port: 5 });
  station.dispatcher.handlePlain(Buffer.from('{"command":"nonsense"}'), { address: "192.0.2.3", port: 5 });
  const tree = {
    ...station.console.statistics(),
    transcoders: [{ chain: "PCMA/8000 -> opus/48000/2", num: 3, packets: 4, bytes: 5, samples: 6 }],
    kernel_pollers: [{ index: 0, pid: 1, wakeups: 2, items: 3 }],
    kernel_senders: [{ index: 0, errors: 1, read_preempt: 2, write_preempt: 3, slots_full: 4, buf_full: 5 }],
  };
  return new Map(referenceFamilies(tree).map((family) => [family.name, family]));
}

test("the list has all 33 request names", () => {
  expect(COMMANDS).toHaveLength(33);
});

test.each(REFERENCE.map((row) => [row[0], ...row] as const))("rtpengine_%s", (_, name, type, labelSets) => {
  const family = families().get(`rtpengine_${name}`);
  expect(family, name).toBeDefined();
  expect(family!.type).toBe(type);
  expect(family!.help).not.toBe("");
  for (const labels of labelSets) {
    const names = labels.map((label) => label.split("=")[0]!);
    const sample = family!.samples.find(
      ({ labels: own = {} }) =>
        Object.keys(own).join() === names.join() &&
        labels.every((label) => !label.includes("=") || own[label.split("=")[0]!] === label.split("=")[1]),
    );
    expect(sample, `${name}{${labels.join()}}`).toBeDefined();
  }
  const allowed = new Set(labelSets.map((labels) => labels.map((label) => label.split("=")[0]).join()));
  for (const { labels = {} } of family!.samples) expect([...allowed]).toContain(Object.keys(labels).join());
});

test("there is nothing else under rtpengine_", () => {
  expect([...families().keys()].sort()).toEqual(REFERENCE.map(([name]) => `rtpengine_${name}`).sort());
});

test("values are the tree's: decimals keep their six places, counters are whole", () => {
  const all = families();
  const value = (name: string, labels = "") =>
    all.get(`rtpengine_${name}`)!.samples.find((each) => Object.values(each.labels ?? {}).join() === labels)!.value;
  expect(value("mos_total")).toBe("0.000000");
  expect(value("sessions", "own")).toBe("1");
  expect(value("ports_used", "default,198.51.100.7")).toBe("4");
  expect(value("requests_total", "192.0.2.3,ping")).toBe("1");
  expect(value("errors_total", "192.0.2.3")).toBe("1");
  expect(value("transcode_samples_total", "PCMA/8000 -> opus/48000/2")).toBe("6");
  expect(value("ksender_buf_full", "0")).toBe("5");
  expect(value("poller_items", `0,${process.pid},user`)).toBe("12");
});

test("HELP texts that the reference has", () => {
  const all = families();
  for (const [name, help] of [
    ["sessions", "Owned sessions"],
    ["mediastreams", "Userspace-only media streams"],
    ["closed_sessions_total", "Total rejected sessions"],
    ["packets_total", "Total relayed packets (userspace)"],
    ["one_way_sessions_total", "Total number of 1-way streams"],
    ["call_duration2_total", "Total calls duration squared"],
    ["mos_total", "Sum of all MOS values sampled"],
    ["jitter2_total", "Sum of all jitter (reported) square values sampled"],
    ["interface_packetloss_samples_total", "Total number of packet loss samples"],
    ["rtp_reordered", "Out-of-order RTP packets"],
  ] as const) {
    expect(all.get(`rtpengine_${name}`)!.help).toBe(help);
  }
});
