/**
 * Dashboards and rules against a daemon that runs: each query names metrics that there are, and a real Prometheus gets an
 * answer to it.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "../../..");
const GRAFANA = join(ROOT, "packaging/grafana");
const PROMETHEUS = join(ROOT, "packaging/prometheus");
const HTTP = "127.0.0.1:24301";
const SCRAPER = "127.0.0.1:24302";
/** Range of rates, and what Grafana would make of it. Seconds. */
const RANGE = "4s";

interface Query {
  readonly where: string;
  readonly expression: string;
}

interface Panel {
  readonly title: string;
  readonly type: string;
  readonly id: number;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly refId: string }[];
}
interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string }[] };
}

const dashboards = readdirSync(GRAFANA)
  .filter((name) => name.endsWith(".json"))
  .map((name) => ({ name, dashboard: JSON.parse(readFileSync(join(GRAFANA, name), "utf8")) as Dashboard }));

const panelQueries: Query[] = dashboards.flatMap(({ name, dashboard }) =>
  dashboard.panels.flatMap((panel) =>
    (panel.targets ?? []).map(({ expr }) => ({ where: `${name}, ${panel.title}`, expression: expr })),
  ),
);

const rules = Bun.YAML.parse(readFileSync(join(PROMETHEUS, "rules.yml"), "utf8")) as {
  readonly groups: readonly {
    readonly rules: readonly { readonly alert?: string; readonly record?: string; readonly expr: string }[];
  }[];
};
const allRules = rules.groups.flatMap((group) => group.rules);
const recorded = new Set(allRules.flatMap(({ record }) => (record === undefined ? [] : [record])));
const ruleQueries: Query[] = allRules.map(({ alert, record, expr }) => ({
  where: `rule ${alert ?? record}`,
  expression: expr,
}));

/** Names of metrics in an expression: what is no function, keyword, label or text. */
function metricsOf(expression: string): string[] {
  const bare = expression
    .replaceAll(/"(?:[^"\\]|\\.)*"/g, "")
    .replaceAll(/\{[^}]*\}/g, "")
    .replaceAll(/\[[^\]]*\]/g, "")
    .replaceAll(/\b(?:by|on|without|ignoring|group_left|group_right)\s*\([^)]*\)/g, "");
  return [...bare.matchAll(/[a-zA-Z_:][a-zA-Z0-9_:]*(?!\s*\(|[a-zA-Z0-9_:])/g)]
    .map(([name]) => name)
    .filter((name) => !["or", "and", "unless", "bool", "by", "offset"].includes(name));
}

/** Over HTTP: the counters of controllers are the same for all transports. */
async function request(body: Record<string, unknown>): Promise<Record<string, unknown>> {
  const response = await fetch(`http://${HTTP}/ng-plain`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  return (await response.json()) as Record<string, unknown>;
}

const sdp = (port: number) =>
  `v=0\r\no=- 1 1 IN IP4 127.77.0.1\r\ns=-\r\nc=IN IP4 127.77.0.1\r\nt=0 0\r\nm=audio ${port} RTP/AVP 8\r\n`;

let directory: string;
let exposed: Set<string>;
const ended: (() => Promise<unknown>)[] = [];

async function until(ready: () => Promise<boolean>, what: string, timeoutMs = 15_000): Promise<void> {
  const limit = performance.now() + timeoutMs;
  while (!(await ready().catch(() => false))) {
    if (performance.now() > limit) throw new Error(`waited ${timeoutMs} ms for ${what}`);
    await Bun.sleep(50);
  }
}

function start(command: readonly string[], options: { cwd?: string } = {}): Bun.Subprocess {
  const child = Bun.spawn([...command], { stdin: "ignore", stdout: "ignore", stderr: "ignore", ...options });
  ended.push(async () => {
    child.kill("SIGINT");
    if ((await Promise.race([child.exited, Bun.sleep(5_000)])) === undefined) child.kill("SIGKILL");
    await child.exited;
  });
  return child;
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "sluice-monitoring-"));
  start([
    process.execPath,
    join(ROOT, "src/main.ts"),
    "run",
    "--config-file=none",
    "--interface=127.0.0.1",
    "--listen-ng=127.0.0.1:24300",
    `--listen-http=${HTTP}`,
    "--port-min=24310",
    "--port-max=24399",
    "--num-threads=1",
    "--log-stderr",
    "--log-level=4",
  ]);
  await until(async () => (await fetch(`http://${HTTP}/health/live`)).ok, "the daemon");
  const call = { "call-id": "one", "from-tag": "a" };
  expect((await request({ ...call, command: "offer", sdp: sdp(4_000), "no-such-flag": "x" }))["result"]).toBe("ok");
  expect((await request({ ...call, command: "answer", "to-tag": "b", sdp: sdp(4_002) }))["result"]).toBe("ok");
  const text = await (await fetch(`http://${HTTP}/metrics`)).text();
  exposed = new Set(text.split("\n").flatMap((line) => /^([a-zA-Z_:][a-zA-Z0-9_:]*)/.exec(line)?.[1] ?? []));
}, 30_000);

afterAll(async () => {
  for (const end of ended.reverse()) await end();
  rmSync(directory, { recursive: true, force: true });
}, 15_000);

describe("metrics that there are", () => {
  test("the names are found in expressions", () => {
    expect(metricsOf('sum by (le, x) (rate(a_b{c="d_e"}[5m])) / on (i) histogram_quantile(0.9, f:g) or h')).toEqual([
      "a_b",
      "f:g",
      "h",
    ]);
  });

  test("each panel asks for metrics that the daemon exposes", () => {
    expect(panelQueries.length).toBeGreaterThan(50);
    for (const { where, expression } of panelQueries) {
      const names = metricsOf(expression);
      expect(names.length, where).toBeGreaterThan(0);
      for (const name of names) expect(exposed.has(name), `${where}: ${name}`).toBe(true);
    }
  });

  test("each rule too, or for what another rule records", () => {
    expect(ruleQueries.length).toBeGreaterThan(15);
    for (const { where, expression } of ruleQueries) {
      for (const name of metricsOf(expression)) {
        if (name === "up") continue; // Prometheus' own
        expect(exposed.has(name) || recorded.has(name), `${where}: ${name}`).toBe(true);
      }
    }
  });

  test("a name that is not there would be found out", () => {
    expect(metricsOf("rate(sluice_no_such_thing[5m])").some((name) => exposed.has(name))).toBe(false);
  });
});

describe("dashboards", () => {
  test("two of them, each with its own id, in a tidy grid", () => {
    expect(dashboards.map(({ dashboard }) => dashboard.uid).sort()).toEqual(["sluice-operations", "sluice-quality"]);
    for (const { name, dashboard } of dashboards) {
      expect(dashboard.templating.list.map((variable) => variable.name)).toEqual(["datasource", "instance"]);
      const ids = dashboard.panels.map(({ id }) => id);
      expect(new Set(ids).size, name).toBe(ids.length);
      const taken = new Set<string>();
      for (const { gridPos, title } of dashboard.panels) {
        expect(gridPos.x + gridPos.w, `${name}, ${title}`).toBeLessThanOrEqual(24);
        for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
          for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
            expect(taken.has(`${x} ${y}`), `${name}, ${title} covers another panel`).toBe(false);
            taken.add(`${x} ${y}`);
          }
        }
      }
    }
  });

  test("each query is held to the chosen nodes", () => {
    for (const { where, expression } of panelQueries) {
      const selectors = expression.match(/\{[^}]*\}/g) ?? [];
      expect(selectors.length, where).toBe(metricsOf(expression).length);
      for (const selector of selectors) expect(selector, where).toContain('instance=~"$instance"');
    }
  });
});

const promtool = Bun.which("promtool");
const prometheus = Bun.which("prometheus");
if (!promtool || !prometheus)
  console.log("# SKIP: prometheus and promtool are not installed (Debian package prometheus)");

const run = (...args: string[]) => {
  const { exitCode, stdout, stderr } = Bun.spawnSync([promtool!, ...args], { cwd: PROMETHEUS });
  return { exitCode, output: `${stdout}${stderr}` };
};

test.skipIf(!promtool)(
  "promtool: rules and scrape configuration are valid, alerts are raised when they should be",
  () => {
    for (const args of [
      ["check", "rules", "rules.yml"],
      ["check", "config", "scrape.yml"],
      ["test", "rules", join(import.meta.dir, "alerts.yml")],
    ]) {
      const { exitCode, output } = run(...args);
      expect(exitCode, output).toBe(0);
    }
  },
);

test.skipIf(!prometheus)(
  "a real Prometheus with our configuration answers every query of the dashboards, and no alert is raised",
  async () => {
    const config = readFileSync(join(PROMETHEUS, "scrape.yml"), "utf8")
      .replaceAll(/_interval: 15s/g, "_interval: 1s")
      .replace("127.0.0.1:9101", HTTP)
      .replace("- rules.yml", `- ${join(PROMETHEUS, "rules.yml")}`);
    const file = join(directory, "prometheus.yml");
    writeFileSync(file, config);
    start([
      prometheus!,
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(directory, "data")}`,
      `--web.listen-address=${SCRAPER}`,
      "--log.level=error",
    ]);
    const ask = async (expression: string) => {
      const url = `http://${SCRAPER}/api/v1/query?query=${encodeURIComponent(expression)}`;
      return (await (await fetch(url)).json()) as {
        status: string;
        error?: string;
        data?: { result: { value: [number, string] }[] };
      };
    };
    const count = async (expression: string) => Number((await ask(expression)).data?.result[0]?.value[1] ?? 0);
    // Rates need several scrapes.
    await until(async () => (await count('sum_over_time(up{job="sluice"}[1m])')) >= 5, "five scrapes", 25_000);
    for (const { where, expression } of panelQueries) {
      const filled = expression.replaceAll("$__rate_interval", RANGE).replaceAll("$instance", ".*");
      const { status, error, data } = await ask(filled);
      expect(status, `${where}: ${error}`).toBe("success");
      // A comparison at the end leaves out what is zero; all others have at least one line to draw.
      if (!/> 0$/.test(expression)) expect(data!.result.length, `${where}: ${filled}`).toBeGreaterThan(0);
    }
    const { data } = (await (await fetch(`http://${SCRAPER}/api/v1/rules`)).json()) as {
      data: { groups: { rules: { name: string; health: string; state?: string; lastError?: string }[] }[] };
    };
    const loaded = data.groups.flatMap((group) => group.rules);
    expect(loaded).toHaveLength(allRules.length);
    for (const { name, health, state, lastError } of loaded) {
      expect(health, `${name}: ${lastError}`).toBe("ok");
      expect(state === "firing", `${name} is raised`).toBe(false);
    }
  },
  60_000,
);
