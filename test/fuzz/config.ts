/**
 * Configurations: option tables and files made from the vocabulary, from junk, and both mutated, through all three
 * sources. Whatever comes, reading does not throw, gives settings exactly when no error was found, says each finding in a
 * few readable lines, and settings keep what the daemon relies on.
 */
import { canonicalAddress } from "../../src/address.ts";
import { formatFinding } from "../../src/config/finding.ts";
import type { Host } from "../../src/config/interfaces.ts";
import { NAMES, OPTION_NAMES, optionNamed } from "../../src/config/options.ts";
import { type Loaded, loadSettings, type Settings } from "../../src/config/settings.ts";
import type { FuzzTarget } from "./target.ts";

type Random = () => number;

const HOST: Host = {
  devices: () => [
    { name: "lo", addresses: ["127.0.0.1", "::1"] },
    { name: "eth0", addresses: ["10.0.0.5", "2001:db8::5", "fe80::1"] },
    { name: "tun0", addresses: ["fe80::2", "nonsense"] },
  ],
  resolve: (name) => (name === "localhost" ? ["127.0.0.1", "::1"] : name === "broken" ? ["x"] : []),
  primaryAddresses: () => ["10.0.0.5", "2001:db8::5"],
  nonLocalBind: (family) => family === 6,
};

const ATOMS = [
  "127.0.0.1",
  "10.0.0.5",
  "203.0.113.10",
  "2001:db8::5",
  "::",
  "0.0.0.0",
  "fe80::1",
  "eth0",
  "lo",
  "any",
  "localhost",
  "broken",
  "pub",
  "priv",
  "rr:1",
  "a=b",
  "pub/10.0.0.5!203.0.113.10",
  "x=pub",
  "/",
  "!",
  "=",
  ";",
  ":",
  "[",
  "]",
  "@",
  "#",
  " ",
  "\\",
  '"',
  "'",
  "%llu",
  "2223",
  "30000",
  "65535",
  "65536",
  "0",
  "-1",
  "1e9",
  "0x10",
  "010",
  "99999999999999999999",
  "1.5",
  "NaN",
  "true",
  "yes",
  "off",
  "none",
  "local1",
  "udp",
  "17",
  "127.0.0.1:2223",
  "[::1]:2223",
  "pw@h:6379/1",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: what a shell did not fill in
  "${VAR}",
  "\u00e9",
  "\u0000",
  "\u001b[2J",
  "\ud800",
  "__proto__",
  "constructor",
  "intf",
  "flags",
];
const SECTIONS = [
  "rtpengine",
  "intf-pub",
  "intf-",
  "flags",
  "interface.pub",
  "interface",
  "templates",
  "__proto__",
  "x y",
  "",
];
const SECTION_KEYS = [
  "address",
  "advertised",
  "advertised address",
  "name",
  "alias",
  "port-min",
  "port-max",
  "exclude-ports",
  "offer",
];

class Maker {
  readonly #random: Random;
  constructor(random: Random) {
    this.#random = random;
  }
  below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }
  chance(probability: number): boolean {
    return this.#random() < probability;
  }
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }
  times<T>(limit: number, make: () => T): T[] {
    return Array.from({ length: this.below(limit + 1) }, make);
  }

  junk(limit: number): string {
    return this.times(limit, () => String.fromCharCode(this.below(this.chance(0.9) ? 128 : 65_536))).join("");
  }

  /** Mostly a value that the option takes, so that options also meet in configurations that are valid. */
  valueFor(key: string): string {
    const known = NAMES.get(key);
    for (let tries = 0; known && this.chance(0.95) && tries < 30; tries++) {
      const value = this.chance(0.5) ? String(this.below(70_000)) : this.value();
      if (optionNamed(known.name).type.read([value]).ok) return value;
    }
    return this.value();
  }

  value(): string {
    if (this.chance(0.1)) return this.junk(20);
    if (this.chance(0.2)) {
      const words = optionNamed(this.pick(OPTION_NAMES)).type.words;
      if (words) return this.pick(words);
    }
    return this.times(this.chance(0.7) ? 1 : 4, () => this.pick(ATOMS)).join(this.pick(["", "", ";", "/", "!"]));
  }

  key(): string {
    if (this.chance(0.05)) return this.junk(12);
    const key = this.chance(0.3)
      ? this.pick(["interface", "listen-ng", "interfaces-config", "templates", "port-min", "port-max", "redis"])
      : this.pick([...NAMES.keys()]);
    return this.chance(0.05) ? this.mutate(key) : key;
  }

  mutate(text: string): string {
    const at = this.below(text.length + 1);
    switch (this.below(4)) {
      case 0:
        return text.slice(0, at) + text.slice(at + 1 + this.below(8));
      case 1:
        return text.slice(0, at) + this.junk(3) + text.slice(at);
      case 2:
        return text.slice(0, at) + this.pick(ATOMS) + text.slice(at + 1);
      default:
        return text + text.slice(at);
    }
  }

  assignment(before: string, between: string): string {
    const key = this.key();
    return before + key + between + this.valueFor(key);
  }

  argv(): string[] {
    return this.times(6, () => {
      switch (this.below(20)) {
        case 0:
          return `--${this.key()}`;
        case 1:
          return `-${this.junk(3)}`;
        case 2:
          return this.value();
        default:
          return this.assignment("--", "=");
      }
    });
  }

  conf(): string {
    const line = (): string => {
      switch (this.below(30)) {
        case 0:
          return `[${this.pick(SECTIONS)}]`;
        case 1:
          return this.junk(16);
        case 2:
          return `${this.pick(SECTION_KEYS)} = ${this.value()}`;
        default:
          return this.assignment("", " = ") + (this.chance(0.1) ? " # comment" : "");
      }
    };
    return `${this.chance(0.9) ? "[rtpengine]\n" : ""}${this.times(10, line).join(this.chance(0.9) ? "\n" : "\r\n")}`;
  }

  toml(): string {
    const scalar = (): string => {
      switch (this.below(8)) {
        case 0:
          return String(this.below(70_000) - 10);
        case 1:
          return this.pick(["true", "false", "1.5", "nan", "inf", "1979-05-27T07:32:00Z", "0xff", "9007199254740993"]);
        case 2:
          return `{ ${this.pick(SECTION_KEYS).replaceAll(" ", "-")} = 1 }`;
        default:
          return JSON.stringify(this.value());
      }
    };
    const value = (): string => (this.chance(0.2) ? `[${this.times(3, scalar).join(", ")}]` : scalar());
    const line = (): string => {
      switch (this.below(30)) {
        case 0:
          return `[${this.pick(SECTIONS)}]`;
        case 1:
          return `[[${this.pick(SECTIONS)}]]`;
        case 2:
          return `${this.pick(SECTION_KEYS).replaceAll(" ", "_")} = ${value()}`;
        case 3:
          return `${this.key()} = ${value()}`;
        default: {
          const key = this.key();
          return `${/^[\w-]+$/.test(key) ? key : JSON.stringify(key)} = ${JSON.stringify(this.valueFor(key))}`;
        }
      }
    };
    return this.times(8, line).join("\n");
  }
}

/** What the daemon takes for granted of settings; the first thing that does not hold. */
function broken(settings: Settings): string | undefined {
  const { call, listen, threads } = settings;
  if (!Number.isInteger(threads) || threads < 1) return `threads ${threads}`;
  if (call.interfaces.interfaces.length === 0) return "no interface";
  for (const { name, addresses } of call.interfaces.interfaces) {
    if (addresses.length === 0) return `interface ${name} without address`;
    for (const { local, advertised, family, portMin, portMax } of addresses) {
      if (canonicalAddress(local) !== local || canonicalAddress(advertised) !== advertised)
        return "address not canonical";
      if (local.includes(":") !== (family === 6) || advertised.includes(":") !== (family === 6)) return "family";
      if (!(portMin >= 1 && portMin < portMax && portMax <= 65_535)) return `ports ${portMin}-${portMax}`;
    }
  }
  const names = new Set(call.interfaces.interfaces.map(({ name }) => name));
  for (const [alias, name] of call.interfaces.aliases) {
    if (names.has(alias)) return `alias ${alias} hides an interface`;
    if (!names.has(name) && ![...names].some((each) => each.startsWith(`${name}:`))) return `alias of nothing: ${name}`;
  }
  for (const { address, port } of Object.values(listen).flat()) {
    if (canonicalAddress(address) !== address || !(port >= 1 && port <= 65_535)) return `listener ${address} ${port}`;
  }
  for (const [name, value] of Object.entries(settings.values)) {
    if (typeof value === "number" && !Number.isFinite(value)) return `${name} ${value}`;
  }
  for (const seconds of [call.timeout, call.silentTimeout, call.offerTimeout]) if (seconds < 1) return "timeout";
  for (const text of settings.templates.values())
    if (Buffer.from(text, "latin1").toString("latin1") !== text) return "template is no byte string";
  return undefined;
}

function judge(loaded: Loaded): string | undefined {
  const failed = loaded.findings.some(({ severity }) => severity === "error");
  if (failed !== (loaded.settings === undefined)) return "settings in spite of errors, or none without";
  for (const finding of loaded.findings) {
    const text = formatFinding(finding);
    if (/[^\n\P{Cc}]/u.test(text)) return `control characters in ${JSON.stringify(text)}`;
    if (text.length > 8_000) return "a finding of more than 8,000 characters";
  }
  return loaded.settings && broken(loaded.settings);
}

export const target: FuzzTarget = {
  name: "config",
  run(cases, random) {
    const maker = new Maker(random);
    const failures: string[] = [];
    for (let i = 0; i < cases; i++) {
      const kind = maker.pick(["line", "conf", "toml", "both"] as const);
      let text = kind === "toml" ? maker.toml() : kind === "line" ? "" : maker.conf();
      if (maker.chance(0.2)) text = maker.mutate(text);
      const path = kind === "toml" ? "/f.toml" : "/f.conf";
      const argv = [
        ...(kind === "line" ? [] : [`--config-file=${path}`]),
        ...(kind === "conf" || kind === "toml" ? [] : maker.argv()),
      ];
      let problem: string | undefined;
      try {
        problem = judge(
          loadSettings({
            argv,
            env: {},
            program: "sluice",
            readFile: (name) => (name === path ? text : undefined),
            host: HOST,
            cores: 2,
            version: "0",
          }),
        );
      } catch (error) {
        problem = `threw ${error instanceof Error ? error.stack : String(error)}`;
      }
      if (problem !== undefined) failures.push(`${problem}: ${JSON.stringify({ argv, text })}`);
    }
    return { cases, failures };
  },
};
