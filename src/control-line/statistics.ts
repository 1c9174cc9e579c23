/** `list numsessions`, `counters`, `totals`, `interfaces`, `transcoders`, `jsonstats`: notations of the statistics tree. */
import { Decimal, jsonForm, type StatisticsTree, type StatisticsValue } from "../call/statistics.ts";
import { COMMANDS } from "../ng/vocabulary/commands.ts";
import {
  CURRENT,
  type Figure,
  INTERFACE_FIGURES,
  MOS_FIGURES,
  RATES,
  TOTAL,
  VOIP_FIGURES,
} from "../observe/metrics-table.ts";
import type { Operator } from "./operator.ts";
import type { Json, Word } from "./tree.ts";

export const LIST_STATISTICS: readonly Word<Operator>[] = [
  {
    word: "numsessions",
    help: "numbers of calls",
    run(operator) {
      const { own, foreign, total, transcoded, ipv4, ipv6, mixed } = sessionCounts(operator);
      return (
        `Current sessions own: ${own}\nCurrent sessions foreign: ${foreign}\nCurrent sessions total: ${total}\n` +
        `Current transcoded media: ${transcoded}\nCurrent sessions ipv4 only media: ${ipv4}\n` +
        `Current sessions ipv6 only media: ${ipv6}\nCurrent sessions ip mixed  media: ${mixed}\n`
      );
    },
    data: sessionCounts,
  },
  { word: "totals", help: "all statistics", run: (operator) => totalsText(operator.statistics()), data: treeData },
  {
    word: "counters",
    help: "traffic per second",
    run: (operator) => `\nCurrent per-second counters:\n\n${figureLines(operator.statistics(), RATES)}`,
    data: (operator) => {
      const current = treeAt(operator.statistics(), "currentstatistics");
      return Object.fromEntries(RATES.map(({ key }) => [key, numberAt(current, key)]));
    },
  },
  {
    word: "interfaces",
    help: "local addresses, their ports and traffic",
    run: (operator) => treesAt(operator.statistics(), "interfaces").map(interfaceText).join(""),
    data: (operator) => plainData(operator.statistics()["interfaces"] ?? []),
  },
  {
    word: "jsonstats",
    help: "all statistics as JSON",
    run: (operator) => jsonForm(operator.statistics()),
    data: treeData,
  },
  {
    word: "transcoders",
    help: "codec pairs being transcoded",
    run(operator) {
      const chains = treesAt(operator.statistics(), "transcoders");
      return chains.length === 0 ? "No stats entries\n" : chains.map(transcoderText).join("");
    },
    data: (operator) => plainData(operator.statistics()["transcoders"] ?? []),
  },
];

function sessionCounts(operator: Operator) {
  const current = treeAt(operator.statistics(), "currentstatistics");
  return {
    own: numberAt(current, "sessionsown"),
    foreign: numberAt(current, "sessionsforeign"),
    total: numberAt(current, "sessionstotal"),
    transcoded: numberAt(current, "transcodedmedia"),
    ...operator.families(),
  };
}

/** The whole of `list totals`. */
export function totalsText(tree: StatisticsTree): string {
  return (
    `\nStatistics over currently running sessions:\n\n${figureLines(tree, CURRENT)}` +
    `\nTotal statistics (does not include current running sessions):\n\n${figureLines(tree, TOTAL)}` +
    `\n\nMOS statistics:\n\n${figureLines(tree, MOS_FIGURES)}` +
    `\n\nVoIP metrics:\n\n${figureLines(tree, VOIP_FIGURES)}` +
    `\n\nControl statistics:\n\n${controlTable(treeAt(tree, "controlstatistics"))}` +
    `\n\n${treesAt(tree, "interfaces").map(interfaceQuality).join("")}`
  );
}

function figureLines(tree: StatisticsTree, figures: readonly Figure[]): string {
  return figures
    .map(({ object, key, words, unit }) => {
      const value = textAt(treeAt(tree, object), key);
      return ` ${words.padEnd(48)}:${value}${unit === undefined ? "" : ` ${unit}`}\n`;
    })
    .join("");
}

function controlTable(control: StatisticsTree): string {
  const row = (proxy: string, cells: readonly string[]) =>
    ` ${proxy.padStart(20)} ${cells.map((cell) => `| ${cell.padStart(10)} `).join("")}\n`;
  const heads = row(
    "Proxy",
    COMMANDS.map(({ short }) => short),
  );
  const rows = treesAt(control, "proxies").map((proxy) =>
    row(
      textAt(proxy, "proxy"),
      COMMANDS.map(({ short }) => textAt(proxy, `${short.toLowerCase()}count`)),
    ),
  );
  return heads + rows.join("");
}

function interfaceQuality(entry: StatisticsTree): string {
  const title = `VoIP metrics for interface ${textAt(entry, "name")}/${textAt(entry, "address")}:`;
  return `${title}\n\n${figureLines(entry, INTERFACE_FIGURES)}\n\n`;
}

function interfaceText(entry: StatisticsTree): string {
  const ports = treeAt(entry, "ports");
  const quality = treeAt(entry, "voip_metrics");
  const address = textAt(entry, "address");
  const average = (key: string) => numberAt(quality, `${key}_average`);
  const used = numberAt(ports, "used");
  const totals = numberAt(ports, "totals");
  const percent = totals > 0 ? (used * 100) / totals : 0;
  const traffic = (direction: string) => {
    const counters = treeAt(entry, direction);
    const fields = ["packets", "bytes", "errors"].map((key) => textAt(counters, key).padStart(10));
    return fields.join(" / ");
  };
  const whole = (value: number) => value.toFixed(0).padStart(3);
  return [
    `Interface '${textAt(entry, "name")}' address '${address}' (${address.includes(":") ? "IPv6" : "IPv4"})`,
    ` Port range: ${textAt(ports, "min")} - ${textAt(ports, "max")}`,
    ` Ports used: ${String(used).padStart(5)} / ${String(totals).padStart(5)} (${percent.toFixed(1).padStart(5)}%)`,
    " Packets/bytes/errors:",
    `  Ingress:   ${traffic("ingress")}`,
    `  Egress:    ${traffic("egress")}`,
    ` Packets lost/duplicates: ${textAt(entry, "packets_lost").padStart(10)} / ${textAt(entry, "duplicates").padStart(10)}`,
    ` MOS:    avg ${average("mos").toFixed(1)}, packet loss avg ${whole(average("packetloss"))}%`,
    ` Jitter: avg ${whole(average("jitter"))} (measured ${whole(average("jitter_measured"))})`,
    ` RTT:    e2e ${whole(average("rtt_e2e"))}, dsct ${whole(average("rtt_dsct"))}`,
    "",
    "",
  ].join("\n");
}

function transcoderText(entry: StatisticsTree): string {
  let text = `${textAt(entry, "chain")}: ${textAt(entry, "num")} transcoders\n`;
  if (entry["packetrate"] !== undefined) {
    text += `     ${textAt(entry, "packetrate")} packets/s\n     ${textAt(entry, "byterate")} bytes/s\n`;
    text += `     ${textAt(entry, "samplerate")} samples/s\n`;
  }
  return text;
}

// Reading the tree.

const isTree = (value: StatisticsValue | undefined): value is StatisticsTree =>
  typeof value === "object" && !Array.isArray(value) && !(value instanceof Decimal);

export function treeAt(tree: StatisticsTree, key: string): StatisticsTree {
  const value = tree[key];
  return isTree(value) ? value : {};
}

export function treesAt(tree: StatisticsTree, key: string): readonly StatisticsTree[] {
  const value = tree[key];
  return Array.isArray(value) ? value.filter(isTree) : [];
}

/** What is missing is 0. */
export function textAt(tree: StatisticsTree, key: string): string {
  const value = tree[key];
  if (value instanceof Decimal) return value.text;
  return typeof value === "string" || typeof value === "number" ? String(value) : "0";
}

export function numberAt(tree: StatisticsTree, key: string): number {
  return Number(textAt(tree, key)) || 0;
}

function treeData(operator: Operator): Json {
  return plainData(operator.statistics());
}

/** Decimals as numbers. */
function plainData(value: StatisticsValue): Json {
  if (value instanceof Decimal) return Number(value.text);
  if (Array.isArray(value)) return value.map(plainData);
  if (typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value as StatisticsTree).map(([key, item]) => [key, plainData(item)]));
}
