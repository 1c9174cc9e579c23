/**
 * Metric families and their two notations: Prometheus text format 0.0.4 and OpenMetrics 1.0. Families are made when somebody
 * asks; nothing here is touched while packets flow.
 */

export type FamilyType = "counter" | "gauge" | "histogram";

export interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  /** Text where the digits matter (`129.000000`). */
  readonly value: number | string;
}

export interface Family {
  /** Full name as in the text format: of counters with `_total` where they have it. */
  readonly name: string;
  readonly type: Exclude<FamilyType, "histogram">;
  readonly help: string;
  readonly samples: readonly Sample[];
}

export interface HistogramFamily {
  readonly name: string;
  readonly type: "histogram";
  readonly help: string;
  readonly histograms: readonly { readonly labels?: Readonly<Record<string, string>>; readonly histogram: Histogram }[];
}

export type AnyFamily = Family | HistogramFamily;

/** Counts observations by upper bounds. Plain numbers: observing allocates nothing. */
export class Histogram {
  readonly bounds: readonly number[];
  /** By bound, not cumulated; the last is beyond all bounds. */
  readonly counts: Float64Array;
  sum = 0;

  /** @param bounds ascending, in the unit of the metric */
  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    let i = 0;
    while (i < this.bounds.length && value > this.bounds[i]!) i++;
    this.counts[i]! += 1;
    this.sum += value;
  }

  get count(): number {
    let sum = 0;
    for (const each of this.counts) sum += each;
    return sum;
  }
}

export type Notation = "text" | "openmetrics";

export const CONTENT_TYPE: Readonly<Record<Notation, string>> = {
  text: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

/** The notation that an `Accept` header asks for; OpenMetrics only where it is preferred, as Prometheus does it. */
export function notationFor(accept: string | undefined): Notation {
  if (accept === undefined) return "text";
  let openMetrics = 0;
  let text = 0;
  for (const range of accept.split(",")) {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    const q = parameters.find((parameter) => parameter.startsWith("q="));
    const weight = q === undefined ? 1 : Number(q.slice(2)) || 0;
    if (type === "application/openmetrics-text") openMetrics = Math.max(openMetrics, weight);
    else if (type === "text/plain" || type === "*/*" || type === "text/*") text = Math.max(text, weight);
  }
  return openMetrics > 0 && openMetrics >= text ? "openmetrics" : "text";
}

/** Families with the same name must have been joined before. */
export function renderMetrics(families: readonly AnyFamily[], notation: Notation): string {
  const names = new Set(families.map(({ name }) => name));
  const lines: string[] = [];
  for (const family of families) {
    if (notation === "text") {
      lines.push(`# HELP ${family.name} ${escapeHelp(family.help)}`, `# TYPE ${family.name} ${family.type}`);
    } else {
      const { name, type } = openMetricsName(family, names);
      lines.push(`# TYPE ${name} ${type}`, `# HELP ${name} ${escapeHelp(family.help).replaceAll('"', '\\"')}`);
    }
    if (family.type === "histogram") {
      for (const { labels, histogram } of family.histograms) {
        lines.push(...histogramLines(family.name, labels ?? {}, histogram, notation));
      }
    } else {
      for (const { labels, value } of family.samples) lines.push(`${family.name}${labelText(labels)} ${number(value)}`);
    }
  }
  if (notation === "openmetrics") lines.push("# EOF");
  return `${lines.join("\n")}\n`;
}

/**
 * OpenMetrics names a counter's family without `_total` and allows no counter without it. Where that cannot be had without
 * changing the name of a sample, or would meet another family, the type is `unknown`.
 */
function openMetricsName(
  { name, type }: AnyFamily,
  names: ReadonlySet<string>,
): { readonly name: string; readonly type: string } {
  if (type !== "counter") return { name, type };
  const base = name.endsWith("_total") ? name.slice(0, -"_total".length) : undefined;
  return base === undefined || names.has(base) ? { name, type: "unknown" } : { name: base, type };
}

function histogramLines(
  name: string,
  labels: Readonly<Record<string, string>>,
  { bounds, counts, sum }: Histogram,
  notation: Notation,
): string[] {
  const lines: string[] = [];
  let total = 0;
  for (let i = 0; i < counts.length; i++) {
    total += counts[i]!;
    const bound = bounds[i];
    const le = bound === undefined ? "+Inf" : notation === "openmetrics" ? canonicalFloat(bound) : String(bound);
    lines.push(`${name}_bucket${labelText({ ...labels, le })} ${total}`);
  }
  lines.push(`${name}_sum${labelText(labels)} ${number(sum)}`, `${name}_count${labelText(labels)} ${total}`);
  return lines;
}

/** OpenMetrics writes whole bounds as `1.0`. */
const canonicalFloat = (value: number): string => (Number.isInteger(value) ? `${value}.0` : String(value));

function number(value: number | string): string {
  if (typeof value === "string") return value;
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  return String(value);
}

function labelText(labels: Readonly<Record<string, string>> | undefined): string {
  const pairs = Object.entries(labels ?? {});
  if (pairs.length === 0) return "";
  return `{${pairs.map(([name, value]) => `${name}="${escapeLabel(value)}"`).join(",")}}`;
}

const escapeLabel = (text: string): string =>
  text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");

const escapeHelp = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
