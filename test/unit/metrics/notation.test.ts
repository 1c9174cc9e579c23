/** The text format and OpenMetrics, and which of them a scraper gets. */
import { expect, test } from "bun:test";
import { type AnyFamily, Histogram, notationFor, renderMetrics } from "../../../src/observe/metrics.ts";

const histogram = new Histogram([0.001, 0.01, 1]);
for (const seconds of [0.0005, 0.001, 0.0011, 0.5, 2]) histogram.observe(seconds);

const FAMILIES: readonly AnyFamily[] = [
  { name: "a", type: "gauge", help: "How\nmany \\ things", samples: [{ value: 1.5 }] },
  { name: "a_total", type: "counter", help: "meets the gauge", samples: [{ value: 2 }] },
  {
    name: "b_total",
    type: "counter",
    help: 'so "called"',
    samples: [{ labels: { x: 'q"\\\n', y: "" }, value: "3.000000" }],
  },
  { name: "b_lost", type: "counter", help: "has no suffix", samples: [{ value: 4 }] },
  { name: "c_seconds", type: "histogram", help: "time", histograms: [{ labels: { command: "offer" }, histogram }] },
];

test("text format 0.0.4", () => {
  expect(renderMetrics(FAMILIES, "text")).toBe(
    [
      "# HELP a How\\nmany \\\\ things",
      "# TYPE a gauge",
      "a 1.5",
      "# HELP a_total meets the gauge",
      "# TYPE a_total counter",
      "a_total 2",
      '# HELP b_total so "called"',
      "# TYPE b_total counter",
      'b_total{x="q\\"\\\\\\n",y=""} 3.000000',
      "# HELP b_lost has no suffix",
      "# TYPE b_lost counter",
      "b_lost 4",
      "# HELP c_seconds time",
      "# TYPE c_seconds histogram",
      'c_seconds_bucket{command="offer",le="0.001"} 2',
      'c_seconds_bucket{command="offer",le="0.01"} 3',
      'c_seconds_bucket{command="offer",le="1"} 4',
      'c_seconds_bucket{command="offer",le="+Inf"} 5',
      'c_seconds_sum{command="offer"} 2.5026',
      'c_seconds_count{command="offer"} 5',
      "",
    ].join("\n"),
  );
});

test("OpenMetrics: counters are families without _total; where that cannot be, the type is unknown and the name stays", () => {
  const lines = renderMetrics(FAMILIES, "openmetrics").split("\n");
  expect(lines.filter((line) => line.startsWith("# TYPE"))).toEqual([
    "# TYPE a gauge",
    "# TYPE a_total unknown",
    "# TYPE b counter",
    "# TYPE b_lost unknown",
    "# TYPE c_seconds histogram",
  ]);
  expect(lines).toContain('# HELP b so \\"called\\"');
  expect(lines).toContain('c_seconds_bucket{command="offer",le="1.0"} 4');
  expect(lines.slice(-2)).toEqual(["# EOF", ""]);
});

test("a scraper gets OpenMetrics only where it prefers it", () => {
  const prometheus =
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
  expect(notationFor(prometheus)).toBe("openmetrics");
  expect(notationFor("application/openmetrics-text; version=1.0.0; q=0.2, text/plain; q=0.9")).toBe("text");
  for (const accept of [undefined, "*/*", "text/plain", "application/json", ""])
    expect(notationFor(accept)).toBe("text");
});

test("numbers that are none", () => {
  const samples = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map((value) => ({ value }));
  const text = renderMetrics([{ name: "n", type: "gauge", help: "h", samples }], "text");
  expect(text).toContain("n NaN\nn +Inf\nn -Inf\n");
});
