/** The configuration as `params start` and `params current` print it. */
import { OPTION_NAMES, type OptionName, optionNamed } from "../config/options.ts";
import type { Settings } from "../config/settings.ts";
import type { HostPort } from "../config/values.ts";
import type { ConfigurationLine, ParameterName } from "./operator.ts";

/** Options with a number that can be changed. */
export const PARAMETER_OPTIONS: Readonly<Record<ParameterName, OptionName>> = {
  maxsessions: "max-sessions",
  maxcpu: "max-cpu",
  maxload: "max-load",
  maxbw: "max-bandwidth",
  timeout: "timeout",
  silenttimeout: "silent-timeout",
  offertimeout: "offer-timeout",
  finaltimeout: "final-timeout",
  redisallowederrors: "redis-allowed-errors",
  redisdisabletime: "redis-disable-time",
  redisconnecttimeout: "redis-connect-timeout",
  rediscmdtimeout: "redis-cmd-timeout",
  controltos: "control-tos",
  deletedelay: "delete-delay",
};

/** Names that are not the option's own with underscores. */
const NAMES: Partial<Record<OptionName, string>> = {
  table: "kernel_table",
  tos: "default_tos",
  "max-bandwidth": "bw_limit",
  "listen-ng": "ng_listen_ep",
  "listen-tcp-ng": "ng_tcp_listen_ep",
  "listen-cli": "cli_listen_ep",
  "listen-tcp": "tcp_listen_ep",
  "listen-udp": "udp_listen_ep",
};

/** Printed among the 64-bit numbers; seconds in the configuration become microseconds. */
const WIDE: Partial<Record<OptionName, { readonly name: string; readonly factor: number }>> = {
  "max-bandwidth": { name: "bw_limit", factor: 1 },
  "silent-timeout": { name: "silent_timeout_us", factor: 1_000_000 },
  timeout: { name: "timeout_us", factor: 1_000_000 },
  "final-timeout": { name: "final_timeout_us", factor: 1_000_000 },
  "offer-timeout": { name: "offer_timeout_us", factor: 1_000_000 },
  "delete-delay": { name: "delete_delay_us", factor: 1_000_000 },
};

const APART: ReadonlySet<OptionName> = new Set(["max-cpu", "max-load", "interface", "subscribe-keyspace"]);
const SECRET = /pass|secret|token|-key$/;

/** `value`: the number in force of an option that can be changed; undefined: as configured. */
export function configurationLines(
  settings: Settings,
  levels: readonly (readonly [subsystem: string, level: number])[],
  value: (name: OptionName) => number | undefined,
): ConfigurationLine[] {
  const names = OPTION_NAMES.filter(
    (name) => !optionNamed(name).action && !name.startsWith("log-level-") && !APART.has(name),
  );
  const current = (name: OptionName): unknown => value(name) ?? settings.values[name];
  const small: ConfigurationLine[] = [];
  const wide: ConfigurationLine[] = [];
  const texts: ConfigurationLine[] = [];
  const endpoints: ConfigurationLine[] = [];
  for (const name of names) {
    const given = current(name);
    const label = NAMES[name] ?? name.replaceAll("-", "_");
    const large = WIDE[name];
    const words = optionNamed(name).type.words;
    if (large) wide.push({ name: large.name, value: String(Number(given) * large.factor) });
    else if (Array.isArray(given)) for (const each of given) endpoints.push({ name: label, value: listed(each) });
    else if (typeof given === "boolean") small.push({ name: label, value: given ? "1" : "0" });
    else if (typeof given === "number") small.push({ name: label, value: String(given) });
    else if (typeof given === "string" && words) small.push({ name: label, value: given });
    else if (isHostPort(given)) endpoints.push({ name: label, value: listed(given) });
    else if (given === undefined) texts.push({ name: label, value: "(null)" });
    else texts.push({ name: label, value: SECRET.test(name) ? "***" : String(given) });
  }
  const addresses = settings.call.interfaces.interfaces.flatMap(({ name, addresses }) =>
    addresses.map(({ local }) => `${name}\\${local}`),
  );
  return [
    ...levels.map(([subsystem, level]) => ({ name: `log-level-${subsystem}`, value: String(level) })),
    ...small,
    ...wide,
    { name: "max-cpu", value: Number(current("max-cpu")).toFixed(1), bracketed: true },
    { name: "max-load", value: Number(current("max-load")).toFixed(2), bracketed: true },
    ...addresses.map((text, i) => ({ name: `interface[${i}]`, value: text })),
    ...settings.values["subscribe-keyspace"].map((keyspace, i) => ({
      name: `keyspace[${i}]`,
      value: String(keyspace),
    })),
    ...texts,
    ...endpoints,
  ];
}

function isHostPort(value: unknown): value is HostPort {
  return typeof value === "object" && value !== null && "port" in value;
}

/** Of a Redis address, only what is no secret. */
function listed(value: unknown): string {
  if (!isHostPort(value)) return String(value);
  const { host, port } = value;
  if (host === undefined) return String(port);
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
