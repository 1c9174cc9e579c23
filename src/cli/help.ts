/** What the program says about itself: commands, options, version. */
import { commit, version } from "../build-info.ts";
import { GROUPS, OPTION_NAMES, type Option, type OptionName, optionNamed } from "../config/options.ts";

const COMMANDS = `sluice: RTP media proxy for SIP networks, a drop-in for rtpengine

usage: sluice [COMMAND] [OPTIONS]

  run        the daemon; also what happens without a command
  check      check the configuration and show what it comes to, without starting
  ctl        the operator's commands for a running daemon: list, terminate, set, drain, …
  top        what a running daemon is doing, once a second
  doctor     what is wrong with this host; \`doctor CALLID\`: why a call has no audio
  demo       a call over loopback, relayed by the real daemon
  version    the version; --json for programs
  help       this page; \`help run\` shows the daemon's options

Configuration is read from /etc/sluice/sluice.toml; an existing rtpengine.conf works as it is:
  sluice run --config-file=/etc/rtpengine/rtpengine.conf
`;

const WIDTH = 100;
const INDENT = 36;

/** `sluice help [run|check]`. */
export async function help(args: readonly string[]): Promise<number> {
  const [topic] = args;
  if (topic === "run" || topic === "check") process.stdout.write(optionsHelp(topic));
  else process.stdout.write(COMMANDS);
  return 0;
}

/** `sluice version [--json]`. */
export async function printVersion(args: readonly string[]): Promise<number> {
  const unknown = args.find((arg) => arg !== "--json");
  if (unknown !== undefined) {
    process.stderr.write(`sluice version: unknown argument '${unknown}'; usage: sluice version [--json]\n`);
    return 2;
  }
  const facts = { version, commit, runtime: `bun ${Bun.version}`, platform: `${process.platform}-${process.arch}` };
  process.stdout.write(
    args.length > 0 ? `${JSON.stringify(facts)}\n` : `sluice ${version} (commit ${commit}, ${facts.runtime})\n`,
  );
  return 0;
}

/** Every option with its letter, value, meaning and default, by group. */
export function optionsHelp(command: "run" | "check"): string {
  const lines = [`usage: sluice ${command} [OPTIONS]`, ""];
  for (const group of GROUPS) {
    const names = OPTION_NAMES.filter((name) => optionNamed(name).group === group);
    if (names.length === 0) continue;
    lines.push(`${group}:`);
    for (const name of names) lines.push(...optionLines(name));
    lines.push("");
  }
  lines.push(
    "Options for several values are repeated. In files they are written without dashes: `port-min = 30000`.",
    "(later): checked, without effect in this version. (ignored): accepted so that existing files work.",
    "",
  );
  return lines.join("\n");
}

function optionLines(name: OptionName): string[] {
  const option = optionNamed(name);
  const letter = option.short === undefined ? "    " : `-${option.short}, `;
  const value = option.type.placeholder === undefined ? "" : `=${option.type.placeholder}`;
  const head = `  ${letter}--${name}${value}`;
  const fallback = defaultText(option);
  const state = option.status.state === "works" ? "" : ` (${option.status.state})`;
  const text = wrap(`${option.doc}${fallback === undefined ? "" : ` Default: ${fallback}.`}${state}`, WIDTH - INDENT);
  const first = head.length < INDENT ? head.padEnd(INDENT) + text.shift() : head;
  return [first, ...text.map((line) => " ".repeat(INDENT) + line)];
}

/** The default as documentation shows it; undefined where there is none worth telling. */
export function defaultText(option: Option): string | undefined {
  if (option.defaultText !== undefined) return option.defaultText;
  if (option.action || option.default === undefined || option.default === "" || option.default === false)
    return undefined;
  if (Array.isArray(option.default)) return option.default.length > 0 ? option.default.join(", ") : undefined;
  const unit = option.type.unit === undefined || option.default === 0 ? "" : ` ${option.type.unit}`;
  return `${String(option.default)}${unit}`;
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + word.length + 1 > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
