/**
 * The configuration as the daemon uses it: read from the command line, one file and the environment, checked as a whole,
 * typed and read-only. Pure: files, devices and host names are asked for through {@link LoadInput}.
 */
import { canonicalAddress, type Endpoint, type Family, familyOf } from "../address.ts";
import type { CallSettings } from "../call/settings.ts";
import { MAX_CONFIG_SIZE } from "../limits.ts";
import {
  type Facility,
  LEVEL_OFF,
  type LogLevels,
  type LogSettings,
  SUBSYSTEMS,
  type Subsystem,
} from "../observe/vocabulary.ts";
import { type Given, parseCommandLine } from "./command-line.ts";
import { type ConfigFile, type InterfaceSection, readKeyFile } from "./config-file.ts";
import type { Finding, Origin } from "./finding.ts";
import { type Host, readInterfaces } from "./interfaces.ts";
import { OPTION_NAMES, type OptionName, type OptionValues, optionNamed } from "./options.ts";
import { readTomlFile } from "./toml-file.ts";
import type { HostPort, RedisAddress } from "./values.ts";

/** A local address to listen on. */
export interface ListenEndpoint extends Endpoint {
  readonly family: Family;
  /** False: one of several addresses of one text (a bare port, a host name); failing to bind it is worth a warning only. */
  readonly required: boolean;
  /** As configured. */
  readonly written: string;
}

export interface RedisSettings {
  readonly address: Endpoint;
  readonly password: string | undefined;
  readonly database: number;
}

export interface Settings {
  /** File the options came from; undefined = none. */
  readonly file: string | undefined;
  /** Everything the call core needs but what is drawn at start. */
  readonly call: Omit<CallSettings, "instanceId">;
  readonly listen: {
    readonly ng: readonly ListenEndpoint[];
    readonly tcpNg: readonly ListenEndpoint[];
    readonly cli: readonly ListenEndpoint[];
    readonly http: readonly ListenEndpoint[];
    readonly https: readonly ListenEndpoint[];
  };
  readonly http: {
    /** Wanted of every client; undefined: none. */
    readonly token: string | undefined;
    readonly cert: string | undefined;
    readonly key: string | undefined;
    readonly clientCa: string | undefined;
    /** Seconds; 0 = the server's own. */
    readonly idleTimeout: number;
  };
  /** Threads that relay media, at least 1. */
  readonly threads: number;
  readonly relay: {
    readonly engine: OptionValues["relay-engine"];
    /** Longest wait for more packets, microseconds. */
    readonly gatherTime: number;
    /** CPUs to spread sockets over by a hint; 0 = no hint. */
    readonly socketCpus: number;
    /** CPUs for workers in turn; undefined = the system's choice. */
    readonly cpus: readonly number[] | undefined;
    /** undefined = as the process. */
    readonly scheduling: "other" | "fifo" | "rr" | "batch" | "idle" | undefined;
    readonly priority: number;
  };
  readonly kernel: {
    readonly plane: OptionValues["kernel-plane"];
    /** -1 = none. */
    readonly table: number;
    readonly noFallback: boolean;
    readonly chain: string;
    readonly baseChain: string;
    readonly append: boolean;
    readonly family: OptionValues["nftables-family"];
  };
  readonly log: LogSettings;
  /** Signalling templates: name to flags, byte strings. `default` and names of commands apply by themselves. */
  readonly templates: ReadonlyMap<string, string>;
  readonly pidfile: string | undefined;
  readonly homer:
    | {
        readonly address: Endpoint;
        readonly protocol: "udp" | "tcp";
        readonly id: number;
        readonly rtcp: boolean;
        readonly ng: boolean;
        readonly ngProtocol: number;
      }
    | undefined;
  readonly graphite:
    | { readonly address: Endpoint; readonly interval: number; readonly prefix: string; readonly timeout: number }
    | undefined;
  readonly redis: RedisSettings | undefined;
  readonly redisWrite: RedisSettings | undefined;
  readonly redisSubscribe: RedisSettings | undefined;
  /** Every option as it was read, typed by the option table; what has a field above is better taken from there. */
  readonly values: OptionValues;
  /** Options that were given, and where. */
  readonly origins: ReadonlyMap<OptionName, Origin>;
}

export interface LoadInput {
  /** Arguments without the program's name and subcommand. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Name the program was started by: as `rtpengine` it looks for rtpengine's own file. */
  readonly program: string;
  /** Text of a file; undefined: there is none; `error`: why it cannot be read, in the system's words. */
  readFile(path: string): string | undefined | { readonly error: string };
  readonly host: Host;
  /** CPU cores this process may use. */
  readonly cores: number;
  /** Version for the default of `software-id`. */
  readonly version: string;
}

export interface Loaded {
  /** Undefined when there is an error among the findings. */
  readonly settings: Settings | undefined;
  /** In order of appearance: command line, file, the whole. */
  readonly findings: readonly Finding[];
  /** Options such as `--version` that do something else than starting the daemon. */
  readonly actions: ReadonlySet<OptionName>;
}

export const DEFAULT_FILES = {
  sluice: "/etc/sluice/sluice.toml",
  rtpengine: "/etc/rtpengine/rtpengine.conf",
} as const;

/** Never throws; every finding is reported, not just the first. */
export function loadSettings(input: LoadInput): Loaded {
  return new Loader(input).load();
}

class Loader {
  readonly #input: LoadInput;
  readonly #findings: Finding[] = [];
  readonly #given = new Map<OptionName, Given>();
  /** Values read from text; an option whose text was wrong has its default, and an error among the findings. */
  readonly #values = new Map<OptionName, unknown>();
  #file: string | undefined;

  constructor(input: LoadInput) {
    this.#input = input;
  }

  load(): Loaded {
    const line = parseCommandLine(this.#input.argv);
    this.#findings.push(...line.findings);
    const fromLine = new Map<OptionName, Given>();
    for (const given of line.given) {
      const before = fromLine.get(given.name);
      const joined = before && optionNamed(given.name).type.multiple;
      fromLine.set(given.name, joined ? { ...given, texts: [...before.texts, ...given.texts] } : given);
    }
    const text = (name: OptionName) => fromLine.get(name)?.texts.at(-1);
    const contents = this.#readFile(text);
    if (contents) this.#findings.push(...contents.findings);
    for (const given of contents?.given ?? []) this.#given.set(given.name, given);
    // The command line replaces what the file says, lists included.
    for (const [name, given] of fromLine) this.#given.set(name, given);

    for (const name of OPTION_NAMES) this.#read(name);
    const actions = new Set(
      [...this.#given.keys()].filter((name) => optionNamed(name).action && this.#values.get(name) === true),
    );
    const settings = this.#settings(contents);
    const failed = this.#findings.some((finding) => finding.severity === "error");
    return { settings: failed ? undefined : settings, findings: this.#findings, actions };
  }

  /** The file's contents; undefined where there is none, or none was wanted. */
  #readFile(text: (name: OptionName) => string | undefined): ConfigFile | undefined {
    const explicit = text("config-file");
    if (explicit === "none") return undefined;
    const origin: Origin = { source: "command line" };
    if (explicit === "") return undefined; // reported with the option itself
    const program = this.#input.program === "rtpengine" ? "rtpengine" : "sluice";
    const file = explicit ?? DEFAULT_FILES[program];
    const problem = (reason: string, write?: string) =>
      this.#findings.push({
        severity: "error",
        key: explicit === undefined ? undefined : "config-file",
        value: explicit === undefined ? undefined : file,
        reason: explicit === undefined ? `${file}: ${reason}` : reason,
        write,
        origin: explicit === undefined ? undefined : origin,
      });
    const contents = this.#input.readFile(file);
    if (contents === undefined) {
      if (explicit !== undefined) problem("there is no such file", "--config-file=none");
      return undefined;
    }
    if (typeof contents !== "string") {
      problem(`cannot be read: ${contents.error}`);
      return undefined;
    }
    if (contents.length > MAX_CONFIG_SIZE) {
      problem(`is larger than ${MAX_CONFIG_SIZE} bytes: that is no configuration file`);
      return undefined;
    }
    this.#file = file;
    if (file.endsWith(".toml")) return readTomlFile(contents, file);
    const section = text("config-section");
    return readKeyFile(contents, file, section ?? "rtpengine", section !== undefined, {
      templates: text("templates"),
      interfacesConfig: text("interfaces-config"),
    });
  }

  #read(name: OptionName): void {
    const option = optionNamed(name);
    const given = this.#given.get(name);
    this.#values.set(name, option.default);
    if (!given) return;
    const alias = option.aliases?.find((each) => each.name === given.key);
    if (alias?.warning !== undefined)
      this.#say("warning", name, alias.warning, this.#line(name, given.texts.join(";")));
    const read = option.type.read(given.texts);
    if (!read.ok) {
      this.#say("error", name, read.reason, read.write === undefined ? undefined : this.#line(name, read.write));
      return;
    }
    this.#values.set(name, read.value);
    if (read.note !== undefined) this.#say("note", name, read.note);
    if (option.status.state === "ignored") this.#say("note", name, `has no effect: ${option.status.reason}`);
    if (option.status.state === "later" && JSON.stringify(read.value) !== JSON.stringify(option.default)) {
      // An action cannot be left out silently: the daemon would start instead.
      if (option.action) this.#say("error", name, "is not available in this version");
      else this.#say("warning", name, "is accepted but has no effect in this version");
    }
  }

  /** An option and its value in the form of the source it was given in. */
  #line(name: string, value: string, as: OptionName = name as OptionName): string {
    const origin = this.#given.get(as)?.origin;
    if (origin?.source === "command line") return `--${name}=${value}`;
    const toml = origin?.source === "file" && origin.file.endsWith(".toml");
    return `${name} = ${toml && !/^(-?[0-9.]+|true|false)$/.test(value) ? JSON.stringify(value) : value}`;
  }

  #say(severity: Finding["severity"], name: OptionName, reason: string, write?: string): void {
    const given = this.#given.get(name);
    this.#findings.push({
      severity,
      key: given?.key ?? name,
      value: given && withoutSecrets(name, given.texts.join(";")),
      reason,
      write,
      origin: given?.origin,
    });
  }

  #value<N extends OptionName>(name: N): OptionValues[N] {
    return this.#values.get(name) as OptionValues[N];
  }

  #settings(contents: ConfigFile | undefined): Settings {
    const value = <N extends OptionName>(name: N) => this.#value(name);
    this.#checkPorts();
    this.#checkDependencies();
    const listen = this.#listeners();
    const softwareId = value("software-id").replace(/[^A-Za-z0-9-]/g, "-") || `sluice-${this.#input.version}`;
    const table = value("table");
    const homer = this.#peer("homer");
    const graphite = this.#peer("graphite");
    const redis = this.#redis("redis", "RTPENGINE_REDIS_AUTH_PW");
    const threads = value("num-threads") || Math.max(1, Math.trunc(this.#input.cores));
    const settings: Settings = {
      file: this.#file,
      call: {
        interfaces: this.#interfaces(contents?.interfaces ?? []),
        timeout: this.#timeout("timeout"),
        silentTimeout: this.#timeout("silent-timeout"),
        offerTimeout: this.#timeout("offer-timeout"),
        finalTimeout: Math.max(0, value("final-timeout")),
        deleteDelay: value("delete-delay"),
        endpointLearning: value("endpoint-learning"),
        tos: value("tos"),
        sipSource: value("sip-source"),
        saveInterfacePorts: value("save-interface-ports"),
        dtlsPassive: value("dtls-passive"),
        rejectInvalidSdp: value("reject-invalid-sdp"),
        maxSessions: value("max-sessions"),
        maxCpu: value("max-cpu"),
        maxLoad: value("max-load"),
        maxBandwidth: value("max-bandwidth"),
        ssrcReporting: value("ssrc-reporting"),
        mohAttrName: value("moh-attr-name"),
        softwareId,
      },
      listen,
      http: {
        token: value("http-token") || undefined,
        cert: value("https-cert"),
        key: value("https-key"),
        clientCa: value("https-client-ca"),
        idleTimeout: value("http-idle-timeout"),
      },
      threads,
      relay: {
        engine: value("relay-engine"),
        gatherTime: value("gather-time"),
        socketCpus: value("socket-cpu-affinity") < 0 ? this.#input.cores : value("socket-cpu-affinity"),
        cpus: this.#cpus(),
        scheduling: this.#scheduling(),
        priority: value("priority") ?? 0,
      },
      kernel: {
        plane: value("kernel-plane"),
        table,
        noFallback: value("no-fallback"),
        chain: value("nftables-chain") ?? (table < 0 ? "rtpengine" : `rtpengine_${table}`),
        baseChain: value("nftables-base-chain"),
        append: value("nftables-append"),
        family: value("nftables-family"),
      },
      log: {
        name: value("log-name"),
        levels: this.#logLevels(),
        format: value("log-format"),
        timestamps: !value("no-log-timestamps"),
        splitLines: value("split-logs"),
        maxLineLength: value("max-log-line-length"),
        // To syslog other lengths are usual; the daemon finds out where the log goes.
        maxLineLengthGiven: this.#given.has("max-log-line-length"),
        toStderr: value("log-stderr"),
        socket: value("log-socket"),
        facility: value("log-facility"),
        channels: {
          cdr: value("log-facility-cdr"),
          rtcp: value("log-facility-rtcp"),
          dtmf: value("log-facility-dtmf"),
        } satisfies Record<string, Facility | undefined>,
        markPrefix: value("log-mark-prefix"),
        markSuffix: value("log-mark-suffix"),
      },
      templates: this.#templates(contents),
      pidfile: value("pidfile"),
      homer: homer && {
        address: homer,
        protocol: value("homer-protocol"),
        id: value("homer-id"),
        rtcp: !value("homer-disable-rtcp-stats"),
        ng: value("homer-enable-ng"),
        ngProtocol: value("homer-ng-capture-proto"),
      },
      graphite: graphite && {
        address: graphite,
        interval: value("graphite-interval"),
        prefix: value("graphite-prefix") ?? "",
        timeout: value("graphite-timeout"),
      },
      redis,
      redisWrite: this.#redis("redis-write", "RTPENGINE_REDIS_WRITE_AUTH_PW") ?? redis,
      redisSubscribe: this.#redis("redis-subscribe", "RTPENGINE_REDIS_SUBSCRIBE_AUTH_PW") ?? redis,
      values: Object.fromEntries(this.#values) as unknown as OptionValues,
      origins: new Map([...this.#given].map(([name, { origin }]) => [name, origin])),
    };
    this.#checkCollisions(settings);
    return settings;
  }

  /** Zero and less mean the default, as ever. */
  #timeout(name: "timeout" | "silent-timeout" | "offer-timeout"): number {
    const seconds = this.#value(name);
    if (seconds > 0) return seconds;
    const fallback = optionNamed(name).default as number;
    this.#say("note", name, `0 and less mean the default, ${fallback}`);
    return fallback;
  }

  #logLevels(): LogLevels {
    const overall = this.#value("log-level");
    const levels = Object.fromEntries(
      SUBSYSTEMS.map((name) => [name, name === "internals" ? LEVEL_OFF : overall]),
    ) as Record<Subsystem, number>;
    if (this.#value("debug-srtp")) levels.srtp = 7;
    for (const name of SUBSYSTEMS) {
      const own = this.#value(`log-level-${name}`);
      if (own !== undefined) levels[name] = own;
    }
    return levels;
  }

  #interfaces(sections: readonly InterfaceSection[]) {
    const given = this.#given.get("interface");
    const ports = { portMin: this.#value("port-min"), portMax: this.#value("port-max") };
    if (given && given.texts.length > 1 && given.key === "interfaces") {
      this.#say(
        "warning",
        "interface",
        "these are several addresses of ONE interface named default; two networks need a name each",
        this.#line("interface", given.texts.map((text, i) => `${i === 0 ? "internal" : "external"}/${text}`).join(";")),
      );
    }
    // An empty text is as good as none in a file of many lines, but an interface nobody named is hardly meant.
    const texts = given && given.texts.length === 0 ? [""] : (given?.texts ?? []);
    const { set, findings } = readInterfaces(
      texts.map((text) => ({ text, key: given!.key, origin: given!.origin })),
      sections,
      ports,
      this.#input.host,
    );
    this.#findings.push(...findings);
    return set;
  }

  #templates(contents: ConfigFile | undefined): ReadonlyMap<string, string> {
    const templates = new Map<string, string>();
    for (const { key, texts } of contents?.templates ?? []) {
      // Flags are byte strings as everything that meets ng messages.
      templates.set(bytes(key), bytes(texts.join(" ")));
    }
    if (this.#value("templates") !== undefined && !contents?.hasTemplates && this.#file === undefined) {
      this.#say("error", "templates", "names a section, but there is no configuration file");
    }
    return templates;
  }

  #listeners(): Settings["listen"] {
    const listen = {
      ng: this.#listen("listen-ng"),
      tcpNg: this.#listen("listen-tcp-ng"),
      cli: this.#listen("listen-cli"),
      http: this.#listen("listen-http"),
      https: this.#listen("listen-https"),
    };
    const any = (["listen-ng", "listen-tcp-ng", "listen-http", "listen-https"] as const).some(
      (name) => this.#value(name).length > 0,
    );
    const wrong = this.#findings.some(({ severity, key }) => severity === "error" && key === "listen-ng");
    if (any || wrong) return listen;
    const ng: ListenEndpoint = {
      address: "127.0.0.1",
      port: 2223,
      family: 4,
      required: true,
      written: "127.0.0.1:2223",
    };
    return { ...listen, ng: [ng] };
  }

  #listen(name: "listen-ng" | "listen-tcp-ng" | "listen-cli" | "listen-http" | "listen-https"): ListenEndpoint[] {
    const out: ListenEndpoint[] = [];
    for (const target of this.#value(name)) {
      const written = target.host === undefined ? String(target.port) : formatHostPort(target);
      const addresses = target.host === undefined ? ["0.0.0.0", "::"] : this.#addresses(name, target.host);
      addresses.forEach((address, i) => {
        if (out.some((each) => each.address === address && each.port === target.port)) return;
        out.push({ address, port: target.port, family: familyOf(address)!, required: i === 0, written });
      });
    }
    return out;
  }

  /** Canonical addresses of a host; empty after an error. */
  #addresses(name: OptionName, host: string): string[] {
    const literal = canonicalAddress(host);
    if (literal !== undefined) return [literal];
    const found = [...new Set(this.#input.host.resolve(host).flatMap((each) => canonicalAddress(each) ?? []))];
    if (found.length === 0) {
      const device = this.#input.host.devices().find((each) => each.name === host);
      this.#say(
        "error",
        name,
        device
          ? `'${host}' is a device; here an address or a host name is needed`
          : `the host name '${host}' does not resolve`,
      );
    }
    return found;
  }

  #peer(name: "homer" | "graphite"): Endpoint | undefined {
    const target = this.#value(name);
    if (target?.host === undefined) return undefined;
    const [address] = this.#addresses(name, target.host);
    return address === undefined ? undefined : { address, port: target.port };
  }

  #redis(name: "redis" | "redis-write" | "redis-subscribe", variable: string): RedisSettings | undefined {
    const target: RedisAddress | undefined = this.#value(name);
    if (target === undefined) return undefined;
    const [address] = this.#addresses(name, target.host);
    const database = target.database ?? this.#value("redis-db") ?? 0;
    if (target.database === undefined && name !== "redis-subscribe" && this.#value("redis-db") === undefined) {
      this.#say("note", name, "has no /DB, so database 0 is used; rtpengine would not start");
    }
    const password = this.#input.env[variable] ?? target.password;
    return address === undefined ? undefined : { address: { address, port: target.port }, password, database };
  }

  #checkPorts(): void {
    const [min, max] = [this.#value("port-min"), this.#value("port-max")];
    if (min < max) return;
    const name = this.#given.has("port-max") || !this.#given.has("port-min") ? "port-max" : "port-min";
    const swapped = min > max && this.#given.has("port-min") && this.#given.has("port-max");
    this.#say(
      "error",
      name,
      `port-min (${min}) must be below port-max (${max})${swapped ? ": they are swapped" : ""}`,
      swapped
        ? `${this.#line("port-min", String(max))}\n${this.#line("port-max", String(min))}`
        : this.#line(name, String(name === "port-max" ? Math.min(65_535, min + 10_000) : Math.max(1, max - 10_000))),
    );
  }

  /** Options that only make sense together. */
  #scheduling(): Settings["relay"]["scheduling"] {
    const policy = this.#value("scheduling");
    const priority = this.#value("priority") ?? 0;
    const realTime = policy === "fifo" || policy === "rr";
    if (realTime && priority < 1) {
      this.#say("error", "scheduling", `needs a priority of 1 to 99`, this.#line("priority", "10", "scheduling"));
    } else if (!realTime && priority > 19) {
      this.#say("error", "priority", "is a niceness of -20 to 19 unless scheduling is fifo or rr");
    }
    return policy === "default" || policy === "none" ? undefined : policy;
  }

  #cpus(): readonly number[] | undefined {
    const text = this.#value("relay-cpus");
    if (text === undefined) return undefined;
    const cpus: number[] = [];
    for (const part of text.split(",")) {
      const [, first = "", last = first] = /^\s*(\d{1,4})(?:-(\d{1,4}))?\s*$/.exec(part) ?? [];
      if (first === "" || Number(last) < Number(first)) {
        this.#say(
          "error",
          "relay-cpus",
          `has a part that is no CPU and no range of CPUs`,
          this.#line("relay-cpus", "2-5,8"),
        );
        return undefined;
      }
      for (let cpu = Number(first); cpu <= Number(last); cpu++) cpus.push(cpu);
    }
    return cpus;
  }

  #checkDependencies(): void {
    const value = <N extends OptionName>(name: N) => this.#value(name);
    if (value("listen-https").length > 0 && value("https-cert") === undefined) {
      this.#say(
        "error",
        "listen-https",
        "needs a certificate",
        this.#line("https-cert", "/etc/ssl/private/sip.pem", "listen-https"),
      );
    }
    const query = value("mysql-query");
    if (query !== undefined && query.split("%llu").length !== 2) {
      this.#say(
        "error",
        "mysql-query",
        "must hold %llu exactly once",
        this.#line("mysql-query", "select data from files where id = %llu"),
      );
    }
    if (value("jb-adaptive-min") > value("jb-adaptive-max")) {
      this.#say("error", "jb-adaptive-min", `is above jb-adaptive-max (${value("jb-adaptive-max")})`);
    }
    if (value("no-fallback") && value("table") < 0 && value("kernel-plane") === "none") {
      this.#say("error", "no-fallback", "forbids relaying in userspace while kernel forwarding is off");
    }
    if (value("homer") === undefined && value("homer-enable-ng")) {
      this.#say(
        "warning",
        "homer-enable-ng",
        "has no effect without a collector",
        this.#line("homer", "127.0.0.1:9060", "homer-enable-ng"),
      );
    }
  }

  /** Listeners that take each other's port, or one of the media range. */
  #checkCollisions({ listen, call }: Settings): void {
    const tcp = [
      ["listen-tcp-ng", listen.tcpNg],
      ["listen-cli", listen.cli],
      ["listen-http", listen.http],
      ["listen-https", listen.https],
    ] as const;
    const seen = new Map<string, OptionName>();
    for (const [name, endpoints] of tcp) {
      for (const { address, port, family } of endpoints) {
        const wildcard = family === 4 ? "0.0.0.0" : "::";
        const other =
          seen.get(`${address} ${port}`) ??
          seen.get(`${wildcard} ${port}`) ??
          (address === wildcard
            ? [...seen].find(([key]) => key.endsWith(` ${port}`) && key.includes(":") === (family === 6))?.[1]
            : undefined);
        if (other !== undefined && other !== name) {
          this.#say("error", name, `port ${port} is taken by ${other} already: two TCP listeners cannot share one`);
          break;
        }
        seen.set(`${address} ${port}`, name);
      }
    }
    for (const { address, port, family } of listen.ng) {
      const clash = call.interfaces.interfaces
        .flatMap((each) => each.addresses)
        .find(
          (each) =>
            each.family === family &&
            (address === each.local || address === "0.0.0.0" || address === "::") &&
            port >= each.portMin &&
            port <= each.portMax &&
            !each.excludePorts.has(port),
        );
      if (clash) {
        this.#say(
          "warning",
          "listen-ng",
          `port ${port} is inside the media port range ${clash.portMin}-${clash.portMax}; media will do without it`,
        );
      }
    }
  }
}

const formatHostPort = ({ host, port }: HostPort): string =>
  host?.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;

/** Findings are shown and logged. */
function withoutSecrets(name: OptionName, text: string): string {
  if (/pass|secret|token/.test(name)) return "***";
  return name.startsWith("redis") ? text.replace(/^.*@/s, "***@") : text;
}

const bytes = (text: string): string => Buffer.from(text, "utf8").toString("latin1");

function isLive(name: OptionName): boolean {
  const { set, reload } = optionNamed(name);
  return set !== undefined || reload === true;
}

/** Options whose values differ, by what a change of them takes. */
export function changedOptions(
  before: OptionValues,
  after: OptionValues,
): { readonly live: readonly OptionName[]; readonly restart: readonly OptionName[] } {
  const changed = OPTION_NAMES.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
  return {
    live: changed.filter(isLive),
    restart: changed.filter((name) => !isLive(name)),
  };
}
