/** `sluice top`: what a running daemon is doing, once a second. */
import { type ControlClient, controlClient, readTarget, TARGET_HELP } from "./control-client.ts";

const HELP = `usage: sluice top [OPTIONS]

${TARGET_HELP}  --once                one picture, then the end

Ctrl-C ends it.
`;

const INTERVAL = 1_000;
/** Calls shown, the newest first. */
const SHOWN_CALLS = 15;

type Tree = { readonly [key: string]: unknown };

export async function top(args: readonly string[]): Promise<number> {
  const { target, switches, rest, error } = readTarget(args, ["once", "help", "h"]);
  if (switches.has("help") || switches.has("h")) {
    process.stdout.write(HELP);
    return 0;
  }
  if (error !== undefined || rest.length > 0) {
    process.stderr.write(`sluice top: ${error ?? `unknown argument '${rest[0]}'`}\n${HELP}`);
    return 2;
  }
  const client = await controlClient(target);
  const stopped = Promise.withResolvers<void>();
  let running = true;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      running = false;
      stopped.resolve();
    });
  }
  let before: Reading | undefined;
  try {
    while (running) {
      const reading = await read(client);
      const terminal = process.stdout.isTTY && !switches.has("once");
      // Home, and clear what is below: no flicker, no history.
      process.stdout.write(`${terminal ? "\x1b[H\x1b[J" : ""}${picture(client.where, reading, before)}\n`);
      if (switches.has("once")) return 0;
      before = reading;
      await Promise.race([Bun.sleep(INTERVAL), stopped.promise]);
    }
    return 0;
  } catch (failure) {
    process.stderr.write(`sluice top: ${failure instanceof Error ? failure.message : String(failure)}\n`);
    return 1;
  }
}

export interface Reading {
  /** Monotonic milliseconds. */
  readonly at: number;
  readonly statistics: Tree;
  readonly sessions: readonly Tree[];
}

async function read(client: ControlClient): Promise<Reading> {
  const ask = async (line: string): Promise<unknown> => JSON.parse(await client.ask(`json ${line}`));
  const [statistics, sessions] = await Promise.all([ask("list totals"), ask("list sessions all")]);
  return {
    at: performance.now(),
    statistics: statistics as Tree,
    sessions: Array.isArray(sessions) ? (sessions as Tree[]) : [],
  };
}

/** The whole screen, without its last line end. */
export function picture(where: string, reading: Reading, before: Reading | undefined): string {
  const current = tree(reading.statistics["currentstatistics"]);
  const total = tree(reading.statistics["totalstatistics"]);
  const lines = [
    `sluice ${where}   up ${duration(number(total, "uptime"))}   calls ${number(current, "sessionsown")}` +
      `   ended ${number(total, "managedsessions")}   refused ${number(total, "rejectedsessions")}` +
      `   ng ${perSecond(requests, reading, before)}/s`,
    "",
    row("", "packets/s", "Mbit/s", "errors/s", "media"),
  ];
  for (const [name, suffix, media] of [
    ["userspace", "_user", "media_userspace"],
    ["kernel", "_kernel", "media_kernel"],
  ] as const) {
    const megabits = (number(current, `byterate${suffix}`) * 8) / 1e6;
    lines.push(
      row(
        name,
        String(number(current, `packetrate${suffix}`)),
        megabits.toFixed(2),
        String(number(current, `errorrate${suffix}`)),
        String(number(current, media)),
      ),
    );
  }
  lines.push("", row("interface", "ports", "used", "lost", "duplicates"));
  for (const each of trees(reading.statistics["interfaces"])) {
    const ports = tree(each["ports"]);
    lines.push(
      row(
        `${String(each["name"])} ${String(each["address"])}`,
        String(number(ports, "totals")),
        `${number(ports, "used")} (${number(ports, "used_pct").toFixed(1)}%)`,
        String(number(each, "packets_lost")),
        String(number(each, "duplicates")),
      ),
    );
  }
  lines.push("", `${"call".padEnd(48)}${"age".padStart(10)}${"parties".padStart(9)}  controller`);
  const newest = [...reading.sessions].reverse().slice(0, SHOWN_CALLS);
  for (const call of newest) {
    const age = Math.max(0, Math.floor(Date.now() / 1000 - number(call, "created")));
    // What a caller put into a call-id must not reach the terminal as a command.
    const id = printable(String(call["callId"]));
    lines.push(
      `${id.slice(0, 47).padEnd(48)}${duration(age).padStart(10)}${String(number(call, "parties")).padStart(9)}` +
        `  ${printable(String(call["createdBy"]))}${call["deleting"] === true ? "  ending" : ""}`,
    );
  }
  if (reading.sessions.length > newest.length) lines.push(`… and ${reading.sessions.length - newest.length} more`);
  return lines.join("\n");
}

function row(name: string, ...cells: readonly string[]): string {
  return name.padEnd(30) + cells.map((cell) => cell.padStart(14)).join("");
}

function perSecond(value: (reading: Reading) => number, now: Reading, before: Reading | undefined): string {
  if (!before) return "-";
  const seconds = (now.at - before.at) / 1000;
  return seconds > 0 ? (Math.max(0, value(now) - value(before)) / seconds).toFixed(0) : "-";
}

/** Requests since start, all controllers. */
function requests({ statistics }: Reading): number {
  let sum = 0;
  for (const [key, value] of Object.entries(tree(statistics["controlstatistics"]))) {
    if (/^total.*count$/.test(key) && typeof value === "number") sum += value;
  }
  return sum;
}

function duration(seconds: number): string {
  const hours = Math.floor(seconds / 3600);
  const rest = [Math.floor((seconds % 3600) / 60), Math.floor(seconds % 60)].map((part) =>
    String(part).padStart(2, "0"),
  );
  return hours > 0 ? `${hours}:${rest.join(":")}` : rest.join(":");
}

const tree = (value: unknown): Tree => (typeof value === "object" && value !== null ? (value as Tree) : {});
const trees = (value: unknown): readonly Tree[] => (Array.isArray(value) ? value.map(tree) : []);
const number = (of: Tree, key: string): number => Number(of[key]) || 0;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is replaced
const printable = (text: string): string => text.replace(/[\x00-\x1f\x7f-\x9f]/g, "?");
