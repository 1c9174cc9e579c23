/** Metrics as monitoring sees them: Debian's promtool and a real Prometheus. */
import { expect } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Child } from "./child.ts";
import { settled } from "./deadline.ts";
import { MEDIA, NG } from "./network.ts";
import {
  DirectCall,
  HTTP,
  HTTP_URL,
  PROMETHEUS,
  PROMTOOL,
  runProgram,
  sample,
  startWithListeners,
} from "./operator.ts";
import { DAEMON, notThePeer } from "./requirement.ts";
import { scenario } from "./scene.ts";

const OURS = notThePeer("has other metrics");

/** Counters whose names lack `_total`, as existing dashboards have them. */
const NAMED_BY_THE_REFERENCE = [
  "interface_duplicates",
  "interface_packets_lost",
  "packets_lost",
  "poller_items",
  "poller_wakeups",
  "rtp_duplicates",
  "rtp_reordered",
  "rtp_seq_resets",
  "rtp_skips",
];

scenario(
  "promtool finds nothing wrong but the names that dashboards depend on",
  [DAEMON, OURS, PROMTOOL],
  async (scene) => {
    await startWithListeners(scene);
    const call = await DirectCall.establish(scene, "checked");
    await call.talk(5);
    const text = await (await fetch(`${HTTP_URL}/metrics`)).text();
    const all = await runProgram(["promtool", "check", "metrics"], { input: text });
    const remarks = all.errors.trim().split("\n").sort();
    expect(remarks).toEqual(
      NAMED_BY_THE_REFERENCE.map((name) => `rtpengine_${name} counter metrics should have "_total" suffix`),
    );
    // 3: remarks on style; 1 would be text that cannot be parsed.
    expect(all.status).toBe(3);
    const withoutThem = text
      .split("\n")
      .filter((line) => !NAMED_BY_THE_REFERENCE.some((name) => new RegExp(`\\brtpengine_${name}\\b`).test(line)))
      .join("\n");
    expect(await runProgram(["promtool", "check", "metrics"], { input: withoutThem })).toMatchObject({
      status: 0,
      errors: "",
    });
  },
);

scenario("the figures are those of the media", [DAEMON, OURS], async (scene) => {
  const daemon = await startWithListeners(scene);
  const metrics = async () => await (await fetch(`${HTTP_URL}/metrics`)).text();
  const call = await DirectCall.establish(scene, "counted");
  await call.talk(50);
  const address = `name="default",address="${MEDIA}"`;
  const during = await metrics();
  expect(sample(during, 'rtpengine_sessions{type="own"}')).toBe(1);
  // 100 RTP packets and four reports.
  expect(sample(during, 'rtpengine_packets_total{type="userspace"}')).toBe(104);
  expect(sample(during, `rtpengine_interface_packets{${address},direction="ingress"}`)).toBe(104);
  expect(sample(during, `rtpengine_interface_packets{${address},direction="egress"}`)).toBe(104);
  expect(sample(during, `rtpengine_ports_used{${address}}`)).toBe(4);
  expect(sample(during, "sluice_received_packets_total")).toBe(104);
  expect(sample(during, 'sluice_ng_request_duration_seconds_count{command="offer"}')).toBe(1);
  expect(sample(during, 'rtpengine_requests_total{proxy="127.0.0.1",request="offer"}')).toBe(1);
  expect(sample(during, "sluice_ready")).toBe(1);
  expect((await call.ng.deleteAll())["result"]).toBe("ok");
  await daemon.expectIdle();
  const after = await metrics();
  expect(sample(after, 'rtpengine_closed_sessions_total{reason="terminated"}')).toBe(1);
  expect(sample(after, 'rtpengine_packets_total{type="userspace"}')).toBe(104);
  expect(sample(after, `rtpengine_interface_packets{${address},direction="ingress"}`)).toBe(104);
  expect(sample(after, "sluice_received_packets_total")).toBe(104);
  expect(sample(after, `rtpengine_ports_used{${address}}`)).toBe(0);
});

scenario(
  "a real Prometheus scrapes it and answers the dashboards' queries",
  [DAEMON, OURS, PROMETHEUS],
  async (scene) => {
    await startWithListeners(scene, { extra: ["--http-token=s3cret"] });
    await DirectCall.establish(scene, "scraped");
    const directory = join(scene.directory, "prometheus");
    mkdirSync(directory);
    const configuration = join(directory, "prometheus.yml");
    writeFileSync(
      configuration,
      `scrape_configs:
  - job_name: sluice
    scrape_interval: 500ms
    scrape_timeout: 400ms
    authorization: { credentials: s3cret }
    static_configs: [{ targets: ["${HTTP.address}:${HTTP.port}"] }]
`,
    );
    const web = `${NG.address}:15025`;
    const prometheus = new Child("prometheus", [
      "prometheus",
      `--config.file=${configuration}`,
      `--storage.tsdb.path=${join(directory, "data")}`,
      `--web.listen-address=${web}`,
      "--log.level=warn",
    ]);
    scene.atEnd(() => prometheus.stop());
    const api = async (path: string): Promise<unknown> => {
      const response = await fetch(`http://${web}/api/v1/${path}`);
      return ((await response.json()) as { data: unknown }).data;
    };
    const value = async (query: string) => {
      const data = (await api(`query?query=${encodeURIComponent(query)}`)) as { result: { value: [number, string] }[] };
      return data.result[0]?.value[1];
    };
    await settled(async () => {
      try {
        return (await value("up")) === "1" ? undefined : "the target is not up";
      } catch (error) {
        return String(error);
      }
    }, 15_000);
    const { activeTargets } = (await api("targets")) as { activeTargets: { health: string; lastError: string }[] };
    expect(activeTargets).toMatchObject([{ health: "up", lastError: "" }]);
    expect(await value("sum(rtpengine_sessions)")).toBe("1");
    expect(await value("rtpengine_ports_used / rtpengine_ports")).toBe("0.01");
    expect(await value('rtpengine_requests_total{request="offer"}')).toBe("1");
    expect(await value("count(sluice_build_info)")).toBe("1");
    await settled(async () => {
      return (await value("rate(rtpengine_packets_total{type='userspace'}[10s])")) === "0" ? undefined : "no rate yet";
    }, 5_000);
    await settled(async () => {
      const quantile = await value(
        "histogram_quantile(0.5, sluice_ng_request_duration_seconds_bucket{command='offer'})",
      );
      return quantile !== undefined && quantile !== "NaN" ? undefined : `quantile is ${quantile}`;
    }, 5_000);
  },
  60_000,
);
