/** Tables for people, on stdout. */
import type { Spread } from "./statistics.ts";

export function printTable(title: string, columns: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = columns.map((column, i) => Math.max(column.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  ");
  console.log(`\n${title}`);
  console.log(line(columns));
  console.log(widths.map((width) => "-".repeat(width)).join("  "));
  for (const row of rows) console.log(line(row));
}

/** Three significant digits are more than such a measurement carries. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return "-";
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
}

export const withSpread = ({ median, low, high }: Spread): string =>
  `${number(median)} (${number(low)}-${number(high)})`;

/** Microseconds as the size wants it. */
export function duration(us: number): string {
  return us >= 1000 ? `${number(us / 1000)} ms` : `${Math.round(us)} us`;
}

export const count = (value: number): string => Math.round(value).toLocaleString("en-US");

export const megabytes = (bytes: number): string => `${number(bytes / 2 ** 20)} MB`;
