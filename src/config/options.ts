/**
 * The one table of options. The command line, rtpengine.conf, sluice.toml, `--help`, the manual page and the messages about
 * wrong values all come from it; adding an option is adding a row here and, where it does something, a field in
 * `settings.ts`.
 *
 * Names, letters and defaults are those of the daemon this one takes the place of, so that its configuration works as it is.
 */
import { FACILITIES, type Facility, LOG_FORMATS, SUBSYSTEMS, type Subsystem } from "../observe/vocabulary.ts";
import {
  boolean,
  decimal,
  hostPort,
  integer,
  listOf,
  oneOf,
  path,
  redisAddress,
  string,
  url,
  type ValueType,
} from "./values.ts";

/** Headings of `--help` and the manual, in order. */
export const GROUPS = [
  "General",
  "Network",
  "Control",
  "Timeouts and limits",
  "Media",
  "Logging",
  "Threads and system",
  "Kernel and firewall",
  "Recording",
  "Homer, Graphite, MQTT",
  "Redis",
  "DTLS and SRTP",
  "Transcoding",
  "DTMF",
  "Player and music on hold",
] as const;
export type Group = (typeof GROUPS)[number];

/** What giving the option does today. */
export type Status =
  | { readonly state: "works" }
  /** Checked and kept, without effect yet. */
  | { readonly state: "later" }
  /** Accepted so that existing configuration starts; has no meaning here. */
  | { readonly state: "ignored"; readonly reason: string };

/** Another name. `warning`: the name comes from guides and is understood, but should be replaced. */
export interface Alias {
  readonly name: string;
  readonly warning?: string;
}

export interface Option<V = unknown> {
  readonly type: ValueType<V>;
  readonly default: V;
  /** The default in words, where the value alone does not tell. */
  readonly defaultText?: string;
  readonly short?: string;
  readonly aliases?: readonly Alias[];
  readonly group: Group;
  readonly doc: string;
  /** `set` command of the operator's command line that changes it while running; undefined: needs a restart. */
  readonly set?: string;
  /** Also without `set`: taken over while running when the configuration is read again (SIGHUP). */
  readonly reload?: true;
  readonly status: Status;
  /** Only on the command line: makes no sense in a file. */
  readonly commandLineOnly?: true;
  /** Does something and ends instead of starting the daemon. */
  readonly action?: true;
}

type Row<V> = Omit<Option<V>, "type" | "default" | "status"> & { readonly status?: Status };

const WORKS: Status = { state: "works" };
const LATER: Status = { state: "later" };
const ignored = (reason: string): Status => ({ state: "ignored", reason });

const option = <V>(type: ValueType<V>, value: NoInfer<V>, row: Row<V>): Option<V> => ({
  ...row,
  type,
  default: value,
  status: row.status ?? WORKS,
});
const flag = (row: Row<boolean>): Option<boolean> => option(boolean, false, row);
/** A value that may be absent. */
const maybe = <V>(type: ValueType<V>, row: Row<V | undefined>): Option<V | undefined> =>
  option<V | undefined>(type, undefined, row);
const action = (row: Omit<Row<boolean>, "commandLineOnly" | "action">): Option<boolean> =>
  flag({ ...row, commandLineOnly: true, action: true });

const text = string();
const listen = (example: string) => listOf(hostPort({ barePort: true, example }));
const peer = (example: string) => hostPort({ barePort: false, example });
const facility = oneOf(Object.keys(FACILITIES) as Facility[], {}, "FACILITY");
const level = integer({ min: -1, max: 8, example: 6 });
const port = integer({ min: 1, max: 65_535, placeholder: "PORT", example: 30_000 });
const seconds = integer({ unit: "seconds", example: 60 });
const natural = (range: { min?: number; max?: number; unit?: string; example?: number } = {}) =>
  integer({ min: 0, ...range });

/** An empty one would protect nothing. */
const token: ValueType<string> = {
  ...string("TOKEN", "text without spaces"),
  read: (texts) => {
    const value = texts.at(-1) ?? "";
    return /^[\x21-\x7e]+$/.test(value)
      ? { ok: true, value }
      : { ok: false, reason: "must be letters, digits and signs without spaces, at least one" };
  },
};

const LEGACY_PROTOCOL = "the rtpproxy protocol is not spoken: use listen-ng and the proxy's rtpengine module";
const OWN_ENGINE = "the relay engine sizes this itself; see relay-engine and gather-time";
const NO_IDLE_THREADS = "there are no low-priority threads";
const NO_LEGACY_FIREWALL = "legacy firewall modes are not supported; rules are kept with nftables";
const NO_PLUGINS = "codecs are built in; no external library is loaded";

const subsystemLevels = Object.fromEntries(
  SUBSYSTEMS.map((subsystem) => [
    `log-level-${subsystem}`,
    maybe(level, {
      group: "Logging",
      doc: `Log level of subsystem ${subsystem}.`,
      defaultText: subsystem === "internals" ? "off" : "= log-level",
      set: `loglevel ${subsystem}`,
    }),
  ]),
) as Record<`log-level-${Subsystem}`, Option<number | undefined>>;

export const OPTIONS = {
  // General
  help: action({ short: "h", group: "General", doc: "Show the options and end." }),
  version: action({ short: "v", group: "General", doc: "Show the version and end." }),
  "config-test": action({ group: "General", doc: "Check the configuration, report every finding and end." }),
  "config-file": maybe(path, {
    aliases: [{ name: "config" }],
    group: "General",
    doc: "Configuration file: NAME.toml is sluice.toml's format, any other name rtpengine.conf's. `none`: no file.",
    defaultText: "/etc/sluice/sluice.toml; started as `rtpengine`: /etc/rtpengine/rtpengine.conf",
    commandLineOnly: true,
  }),
  "config-section": option(string("NAME", "the name of a section"), "rtpengine", {
    group: "General",
    doc: "Section of rtpengine.conf that holds the options.",
    commandLineOnly: true,
  }),
  templates: maybe(string("NAME", "the name of a section"), {
    group: "General",
    doc: "Section of rtpengine.conf with signalling templates: `NAME = flags`. In TOML the table `[templates]` itself.",
    reload: true,
  }),
  foreground: flag({
    short: "f",
    group: "General",
    doc: "Stay in the foreground. The process never forks: supervisors watch it directly.",
  }),
  pidfile: maybe(path, { short: "p", group: "General", doc: "File that gets the process id." }),
  "software-id": option(string("NAME", "letters, digits and hyphens"), "", {
    group: "General",
    doc: "Name shown to peers: STUN SOFTWARE, certificate, `s=`. Other characters become hyphens.",
    defaultText: "sluice-VERSION",
    status: LATER,
  }),
  codecs: action({ group: "General", doc: "List the supported codecs and end.", status: LATER }),

  // Network
  interface: option<readonly string[]>(
    listOf({ ...string("[NAME/]ADDRESS[!ADVERTISED]", "[NAME/]ADDRESS[!ADVERTISED] or ALIAS=NAME"), comments: true }),
    [],
    {
      short: "i",
      aliases: [{ name: "interfaces", warning: "rtpengine does not know this name and ignores it: write `interface`" }],
      group: "Network",
      doc: "Local media addresses. ADDRESS: an address of this host, a device, a host name, or `any`. ADVERTISED: the address in SDP.",
      defaultText: "the host's primary address",
    },
  ),
  "interfaces-config": maybe(string("PREFIX", "the prefix of the sections"), {
    group: "Network",
    doc: "Sections [PREFIX-NAME] of rtpengine.conf describe an interface each.",
  }),
  "port-min": option(port, 30_000, { short: "m", group: "Network", doc: "Lowest media port." }),
  "port-max": option(port, 39_999, { short: "M", group: "Network", doc: "Highest media port." }),
  tos: option(natural({ max: 255, example: 184 }), 0, {
    short: "T",
    group: "Network",
    doc: "ToS byte of media packets; EF is 184.",
    reload: true,
  }),
  "save-interface-ports": flag({
    short: "S",
    group: "Network",
    doc: "Open ports only on the first address of the wanted family: fewer ICE candidates, fewer ports.",
    reload: true,
  }),
  "sip-source": flag({
    group: "Network",
    doc: "Send media to the SIP source address instead of the one in SDP unless told `trust-address`.",
    reload: true,
  }),
  "endpoint-learning": option(oneOf(["delayed", "immediate", "off", "heuristic"]), "heuristic", {
    group: "Network",
    doc: "How the real source of a party's media is found behind NAT.",
    reload: true,
  }),

  // Control
  "listen-ng": option(listen("127.0.0.1:2223"), [], {
    short: "n",
    group: "Control",
    doc: "UDP address of the ng control protocol.",
    defaultText: "127.0.0.1:2223 when no listener is given at all",
  }),
  "listen-tcp-ng": option(listen("127.0.0.1:2223"), [], {
    short: "N",
    group: "Control",
    doc: "TCP address of the ng control protocol.",
  }),
  "listen-cli": option(listen("127.0.0.1:9900"), [], {
    short: "c",
    group: "Control",
    doc: "TCP address of the operator's command line.",
  }),
  "listen-http": option(listen("127.0.0.1:9101"), [], {
    aliases: [
      { name: "http-listen", warning: "rtpengine does not know this name and ignores it: write `listen-http`" },
      {
        name: "prometheus-listen",
        warning: "rtpengine does not know this name and ignores it: metrics are `GET /metrics` of `listen-http`",
      },
    ],
    group: "Control",
    doc: "HTTP and WebSocket address: ng, `/metrics`, `/health`.",
  }),
  "listen-https": option(listen("127.0.0.1:9102"), [], {
    group: "Control",
    doc: "The same with TLS; needs https-cert.",
  }),
  "https-cert": maybe(path, { group: "Control", doc: "Certificate of listen-https, PEM." }),
  "https-key": maybe(path, { group: "Control", doc: "Its key, PEM; may be in the certificate file." }),
  "https-client-ca": maybe(path, {
    group: "Control",
    doc: "Authorities, PEM: clients of listen-https must show a certificate of one of them.",
  }),
  "http-token": maybe(token, {
    group: "Control",
    doc: "Clients of listen-http and listen-https must send `Authorization: Bearer TOKEN`; health paths and /ping need none.",
  }),
  "http-threads": option(natural(), 0, {
    group: "Control",
    doc: "Threads for HTTP.",
    status: ignored("HTTP is served by the main thread"),
  }),
  "http-buf-size": option(natural({ unit: "KiB" }), 0, {
    group: "Control",
    doc: "Send buffer of HTTP connections.",
    status: ignored("buffers are sized by the HTTP server itself"),
  }),
  "http-idle-timeout": option(natural({ unit: "seconds" }), 0, {
    group: "Control",
    doc: "Idle time after which an HTTP connection is closed; 0 = the server's own default.",
  }),
  "janus-secret": maybe(text, { group: "Control", doc: "Secret of the Janus video room interface.", status: LATER }),
  "listen-udp": option(listen("127.0.0.1:22222"), [], {
    short: "u",
    group: "Control",
    doc: "UDP address of the rtpproxy protocol.",
    status: ignored(LEGACY_PROTOCOL),
  }),
  "listen-tcp": option(listen("127.0.0.1:25060"), [], {
    short: "l",
    group: "Control",
    doc: "TCP address of the rtpproxy protocol.",
    status: ignored(LEGACY_PROTOCOL),
  }),
  "control-tos": option(natural({ max: 255, example: 184 }), 0, {
    group: "Control",
    doc: "ToS byte of UDP control replies.",
    set: "controltos",
  }),
  "control-pmtu": maybe(oneOf(["want", "dont"]), {
    group: "Control",
    doc: "Path MTU discovery on control sockets.",
    defaultText: "the system's own",
  }),
  "ng-client-timeout": option(natural({ min: 1, unit: "milliseconds" }), 50, {
    group: "Control",
    doc: "First wait for a reply when this daemon is the ng client of another.",
    status: LATER,
  }),
  "ng-client-retries": option(natural(), 5, {
    group: "Control",
    doc: "How often such a request is repeated.",
    status: LATER,
  }),
  "xmlrpc-format": option(natural({ max: 2 }), 0, {
    short: "x",
    group: "Control",
    doc: "Call-back at timeout: 0 SEMS `di`, 1 call-id only, 2 Kamailio.",
    status: LATER,
  }),
  "b2b-url": maybe(url, {
    short: "b",
    group: "Control",
    doc: "XMLRPC target at timeout; `%%` is the address the last control message came from.",
    status: LATER,
  }),

  // Timeouts and limits
  "drain-time": option(natural({ unit: "seconds" }), 60, {
    group: "Timeouts and limits",
    doc: "SIGTERM: new calls are refused and the daemon ends with its last call, or after this time; 0 = at once. A second signal, and SIGINT, end it at once. rtpengine does not know this option.",
    reload: true,
  }),
  timeout: option(seconds, 60, {
    short: "o",
    group: "Timeouts and limits",
    doc: "A call without media on any stream is closed after this time.",
    set: "timeout",
  }),
  "silent-timeout": option(seconds, 3_600, {
    short: "s",
    group: "Timeouts and limits",
    doc: "The same for calls that are muted or on hold.",
    set: "silenttimeout",
  }),
  "offer-timeout": option(seconds, 3_600, {
    group: "Timeouts and limits",
    doc: "A call that was never answered is closed after this time.",
    set: "offertimeout",
  }),
  "final-timeout": option(seconds, 0, {
    short: "a",
    group: "Timeouts and limits",
    doc: "Greatest age of any call; 0 = no limit.",
    set: "finaltimeout",
  }),
  "delete-delay": option(natural({ unit: "seconds", example: 30 }), 30, {
    short: "d",
    group: "Timeouts and limits",
    doc: "Time between `delete` and the end of the call; 0 = at once.",
    set: "deletedelay",
  }),
  "max-sessions": option(integer({ min: -1, example: 1_000 }), -1, {
    group: "Timeouts and limits",
    doc: "Greatest number of parallel calls; -1 = no limit, 0 = none.",
    set: "maxsessions",
  }),
  "max-cpu": option(decimal({ min: 0, unit: "percent" }), 0, {
    group: "Timeouts and limits",
    doc: "Above this use of all CPUs new calls are refused; 0 = no limit.",
    set: "maxcpu",
  }),
  "max-load": option(decimal({ min: 0 }), 0, {
    group: "Timeouts and limits",
    doc: "Above this load average new calls are refused; 0 = no limit.",
    set: "maxload",
  }),
  "max-bandwidth": option(natural({ unit: "bytes per second" }), 0, {
    group: "Timeouts and limits",
    doc: "Above this traffic new calls are refused; 0 = no limit.",
    set: "maxbw",
  }),
  "reject-invalid-sdp": flag({
    group: "Timeouts and limits",
    doc: "Refuse SDP that cannot be parsed instead of passing it on.",
    reload: true,
  }),

  // Media
  "jitter-buffer": option(natural({ unit: "packets" }), 0, {
    group: "Media",
    doc: "Size of the jitter buffer; 0 = none.",
    status: LATER,
  }),
  "jb-clock-drift": flag({ group: "Media", doc: "The jitter buffer follows clock drift.", status: LATER }),
  "jb-adaptive": flag({ group: "Media", doc: "The jitter buffer adapts its size.", status: LATER }),
  "jb-adaptive-min": option(natural({ max: 1_000, unit: "milliseconds" }), 0, {
    group: "Media",
    doc: "Least delay of the adaptive jitter buffer.",
    status: LATER,
  }),
  "jb-adaptive-max": option(natural({ max: 1_000, unit: "milliseconds" }), 300, {
    group: "Media",
    doc: "Greatest delay of the adaptive jitter buffer.",
    status: LATER,
  }),
  "measure-rtp": flag({ group: "Media", doc: "MOS and jitter from RTP where there is no RTCP.", status: LATER }),
  mos: option(listOf(oneOf(["CQ", "LQ", "G.107", "G.107.2", "legacy"])), ["CQ"], {
    group: "Media",
    doc: "How MOS is reckoned.",
    status: LATER,
  }),
  "ssrc-reporting": option(oneOf(["full", "inline", "global", "none"]), "full", {
    group: "Media",
    doc: "Shape of the SSRC data in replies to `query`.",
    reload: true,
  }),
  "rtcp-interval": option(natural({ min: 1, unit: "milliseconds", example: 5_000 }), 5_000, {
    group: "Media",
    doc: "Interval of generated RTCP.",
    status: LATER,
  }),

  // Logging
  "log-level": option(level, 6, {
    short: "L",
    group: "Logging",
    doc: "Syslog level of what is logged: 4 warning, 5 notice, 6 info, 7 debug, 8 more than that.",
    set: "loglevel",
  }),
  ...subsystemLevels,
  "log-stderr": flag({
    short: "E",
    group: "Logging",
    doc: "Log to stderr instead of syslog; it also gets the log where there is no syslog, and when it is a terminal. Under systemd lines carry their priority for journald.",
  }),
  "no-log-timestamps": flag({ group: "Logging", doc: "No time in front of lines on stderr." }),
  "split-logs": flag({ group: "Logging", doc: "A message of several lines becomes as many log lines." }),
  "max-log-line-length": option(natural({ unit: "characters" }), 0, {
    group: "Logging",
    doc: "Longer messages are broken; 0 = never.",
    defaultText: "500 to syslog, else 0",
  }),
  "log-facility": option(facility, "daemon", { group: "Logging", doc: "Syslog facility of the log." }),
  "log-socket": option(path, "/dev/log", {
    group: "Logging",
    doc: "Unix socket of the syslog daemon; `none`: there is none. rtpengine does not know this option.",
  }),
  "log-facility-cdr": maybe(facility, {
    group: "Logging",
    doc: "Switches on one line per finished call, to syslog with this facility; to stderr where there is no syslog.",
    defaultText: "off",
  }),
  "log-facility-rtcp": maybe(facility, {
    group: "Logging",
    doc: "Switches on one line per RTCP packet, with this facility.",
    defaultText: "off",
    status: LATER,
  }),
  "log-facility-dtmf": maybe(facility, {
    group: "Logging",
    doc: "Switches on one JSON line per DTMF event, with this facility.",
    defaultText: "off",
    status: LATER,
  }),
  "log-format": option(oneOf(LOG_FORMATS), "default", {
    group: "Logging",
    doc: 'How the call is shown: `[CALLID]:`, `[ID="CALLID" ...]:`, or one JSON object per line.',
  }),
  "log-name": option(text, "rtpengine", { group: "Logging", doc: "Syslog ident." }),
  "log-mark-prefix": option(text, "", { group: "Logging", doc: "Text before addresses and call-ids." }),
  "log-mark-suffix": option(text, "", { group: "Logging", doc: "Text after addresses and call-ids." }),
  "log-srtp-keys": flag({ group: "Logging", doc: "Write SRTP keys to the log.", status: LATER }),
  "debug-srtp": flag({ group: "Logging", doc: "The same as log-level-srtp = 7." }),

  // Threads and system
  "num-threads": option(natural({ max: 1_024 }), 0, {
    group: "Threads and system",
    doc: "Threads that relay media; 0 = as many as CPU cores.",
    defaultText: "number of CPU cores",
  }),
  "media-num-threads": maybe(natural({ max: 1_024 }), {
    aliases: [{ name: "num-media-threads" }],
    group: "Threads and system",
    doc: "Threads of the media player; 0 = no player.",
    defaultText: "= num-threads",
    status: LATER,
  }),
  "codec-num-threads": option(natural({ max: 1_024 }), 0, {
    group: "Threads and system",
    doc: "Threads for transcoding.",
    status: LATER,
  }),
  "relay-engine": option(oneOf(["auto", "epoll", "io_uring"], { "io-uring": "io_uring" }), "auto", {
    group: "Threads and system",
    doc: "How packets are received and sent; `auto` probes and takes the best that works.",
  }),
  "gather-time": option(natural({ max: 10_000, unit: "microseconds", example: 250 }), 250, {
    group: "Threads and system",
    doc: "Longest wait for more packets before they are relayed together under load; 0 = never wait.",
  }),
  "io-uring": flag({
    group: "Threads and system",
    doc: "Prefer io_uring.",
    status: ignored("the engine is probed at start; relay-engine = io_uring forces it"),
  }),
  "io-uring-buffers": option(natural(), 16_384, {
    group: "Threads and system",
    doc: "Number of io_uring buffers.",
    status: ignored(OWN_ENGINE),
  }),
  "thread-stack": option(integer({ unit: "KiB" }), 2_048, {
    group: "Threads and system",
    doc: "Stack size of threads.",
    status: ignored("the runtime sizes its stacks"),
  }),
  "poller-size": option(natural(), 128, {
    group: "Threads and system",
    doc: "Events per epoll round.",
    status: ignored(OWN_ENGINE),
  }),
  "poller-per-thread": flag({
    group: "Threads and system",
    doc: "One epoll instance per thread.",
    status: ignored("each relay thread has its own always"),
  }),
  "timer-accuracy": option(natural({ unit: "microseconds" }), 500, {
    group: "Threads and system",
    doc: "Shortest sleep of timers.",
    status: ignored(OWN_ENGINE),
  }),
  "max-recv-iters": option(natural(), 50, {
    group: "Threads and system",
    doc: "Packets read per wake-up of a socket.",
    status: ignored(OWN_ENGINE),
  }),
  "socket-cpu-affinity": option(integer(), 0, {
    group: "Threads and system",
    doc: "Spread calls over so many CPUs by a hint on their sockets (SO_INCOMING_CPU); 0 = no hint, negative = all CPUs.",
  }),
  "relay-cpus": maybe(text, {
    group: "Threads and system",
    doc: "CPUs for the threads that relay media, one each, in turn, like `2-5,8`; without it the system decides.",
  }),
  scheduling: maybe(oneOf(["default", "none", "other", "fifo", "rr", "batch", "idle"]), {
    group: "Threads and system",
    doc: "Scheduling policy of the threads that relay media.",
  }),
  priority: maybe(integer({ min: -20, max: 99 }), {
    group: "Threads and system",
    doc: "Their priority: 1-99 with `fifo` and `rr`, else a niceness.",
  }),
  "idle-scheduling": maybe(text, {
    group: "Threads and system",
    doc: "Scheduling policy of low-priority threads.",
    status: ignored(NO_IDLE_THREADS),
  }),
  "idle-priority": maybe(integer(), {
    group: "Threads and system",
    doc: "Their priority.",
    status: ignored(NO_IDLE_THREADS),
  }),

  // Kernel and firewall
  "kernel-plane": option(oneOf(["auto", "none", "module", "ebpf"]), "auto", {
    group: "Kernel and firewall",
    doc: "Forwarding inside the kernel: by rtpengine's module, by eBPF, not at all, or what works.",
    status: LATER,
  }),
  table: option(integer({ min: -1, max: 255, example: 0 }), -1, {
    short: "t",
    group: "Kernel and firewall",
    doc: "Kernel forwarding table; -1 = none.",
    status: LATER,
  }),
  "no-fallback": flag({
    short: "F",
    group: "Kernel and firewall",
    doc: "Do not start when kernel forwarding cannot be had.",
    status: LATER,
  }),
  "kernel-num-threads": maybe(natural({ max: 1_024 }), {
    group: "Kernel and firewall",
    doc: "Readers of the kernel's packet rings.",
    defaultText: "automatic",
    status: LATER,
  }),
  "kernel-slots": maybe(natural(), {
    group: "Kernel and firewall",
    doc: "Slots of the kernel's packet rings.",
    defaultText: "automatic",
    status: LATER,
  }),
  "nftables-chain": maybe(text, {
    group: "Kernel and firewall",
    doc: "Chain that holds the rule; empty = leave nftables alone.",
    defaultText: "rtpengine_TABLE",
    status: LATER,
  }),
  "nftables-base-chain": option(text, "INPUT", {
    group: "Kernel and firewall",
    doc: "Chain with the jump to it; empty = our chain is a base chain, `none` = no jump.",
    status: LATER,
  }),
  "nftables-append": flag({
    group: "Kernel and firewall",
    doc: "Append the jump instead of inserting it.",
    status: LATER,
  }),
  "nftables-family": option(oneOf(["ip", "ip6", "ip,ip6", "inet"]), "ip,ip6", {
    group: "Kernel and firewall",
    doc: "Families that get rules.",
    status: LATER,
  }),
  "nftables-start": action({
    group: "Kernel and firewall",
    doc: "Only add the nftables rules and end.",
    status: LATER,
  }),
  "nftables-stop": action({
    group: "Kernel and firewall",
    doc: "Only remove the nftables rules and end.",
    status: LATER,
  }),
  "nftables-status": action({
    group: "Kernel and firewall",
    doc: "Only show the nftables rules and end.",
    status: LATER,
  }),
  xtables: flag({ group: "Kernel and firewall", doc: "Use iptables.", status: ignored(NO_LEGACY_FIREWALL) }),
  "iptables-chain": maybe(text, {
    group: "Kernel and firewall",
    doc: "Chain for media ports.",
    status: ignored(NO_LEGACY_FIREWALL),
  }),

  // Recording
  "recording-dir": maybe(path, {
    group: "Recording",
    doc: "Spool directory of recordings.",
    defaultText: "recording is off",
    status: LATER,
  }),
  "recording-method": option(oneOf(["pcap", "proc", "all"]), "pcap", {
    group: "Recording",
    doc: "How calls are recorded.",
    status: LATER,
  }),
  "recording-format": option(oneOf(["raw", "eth"]), "raw", {
    group: "Recording",
    doc: "Link layer of pcap files.",
    status: LATER,
  }),
  "record-egress": flag({ group: "Recording", doc: "Record what is sent instead of what is received.", status: LATER }),
  "record-both": flag({ group: "Recording", doc: "Record what is received and what is sent.", status: LATER }),

  // Homer, Graphite, MQTT
  homer: maybe(peer("127.0.0.1:9060"), {
    group: "Homer, Graphite, MQTT",
    doc: "HEP3 collector for RTCP statistics.",
    status: LATER,
  }),
  "homer-protocol": option(oneOf(["udp", "tcp"], { "17": "udp", "6": "tcp" }), "udp", {
    group: "Homer, Graphite, MQTT",
    doc: "Transport to it.",
    status: LATER,
  }),
  "homer-id": option(natural({ max: 4_294_967_295, example: 2_001 }), 2_001, {
    group: "Homer, Graphite, MQTT",
    doc: "Capture id.",
    status: LATER,
  }),
  "homer-disable-rtcp-stats": flag({
    group: "Homer, Graphite, MQTT",
    doc: "Send no RTCP statistics.",
    status: LATER,
  }),
  "homer-enable-ng": flag({ group: "Homer, Graphite, MQTT", doc: "Also send ng messages.", status: LATER }),
  "homer-ng-capture-proto": option(natural({ max: 255, example: 61 }), 61, {
    group: "Homer, Graphite, MQTT",
    doc: "HEP protocol type of ng messages.",
    status: LATER,
  }),
  graphite: maybe(peer("127.0.0.1:2003"), {
    short: "g",
    group: "Homer, Graphite, MQTT",
    doc: "Graphite server.",
    status: LATER,
  }),
  "graphite-interval": option(natural({ unit: "seconds" }), 0, {
    short: "G",
    group: "Homer, Graphite, MQTT",
    doc: "Interval of figures sent to it; 0 = none.",
    status: LATER,
  }),
  "graphite-prefix": maybe(text, { group: "Homer, Graphite, MQTT", doc: "Text before names.", status: LATER }),
  "graphite-timeout": option(natural({ unit: "seconds" }), 0, {
    group: "Homer, Graphite, MQTT",
    doc: "Longest wait for the connection; 0 = the system's own.",
    status: LATER,
  }),
  "mqtt-host": maybe(text, { group: "Homer, Graphite, MQTT", doc: "MQTT broker.", status: LATER }),
  "mqtt-port": option(port, 1_883, { group: "Homer, Graphite, MQTT", doc: "Its port.", status: LATER }),
  "mqtt-tls-alpn": maybe(text, { group: "Homer, Graphite, MQTT", doc: "ALPN name for TLS.", status: LATER }),
  "mqtt-id": maybe(text, { group: "Homer, Graphite, MQTT", doc: "Client id.", status: LATER }),
  "mqtt-keepalive": option(natural({ unit: "seconds" }), 30, {
    group: "Homer, Graphite, MQTT",
    doc: "Interval of keep-alives.",
    status: LATER,
  }),
  "mqtt-user": maybe(text, { group: "Homer, Graphite, MQTT", doc: "User name.", status: LATER }),
  "mqtt-pass": maybe(text, { group: "Homer, Graphite, MQTT", doc: "Password.", status: LATER }),
  "mqtt-cafile": maybe(path, { group: "Homer, Graphite, MQTT", doc: "Trusted certificates, file.", status: LATER }),
  "mqtt-capath": maybe(path, { group: "Homer, Graphite, MQTT", doc: "Trusted certificates, folder.", status: LATER }),
  "mqtt-certfile": maybe(path, { group: "Homer, Graphite, MQTT", doc: "Our certificate.", status: LATER }),
  "mqtt-keyfile": maybe(path, { group: "Homer, Graphite, MQTT", doc: "Its key.", status: LATER }),
  "mqtt-publish-qos": option(natural({ max: 2 }), 0, {
    group: "Homer, Graphite, MQTT",
    doc: "Quality of service.",
    status: LATER,
  }),
  "mqtt-publish-topic": option(text, "rtpengine", { group: "Homer, Graphite, MQTT", doc: "Topic.", status: LATER }),
  "mqtt-publish-interval": option(natural({ unit: "milliseconds" }), 5_000, {
    group: "Homer, Graphite, MQTT",
    doc: "Interval of messages.",
    status: LATER,
  }),
  "mqtt-publish-scope": option(oneOf(["global", "summary", "call", "media"]), "media", {
    group: "Homer, Graphite, MQTT",
    doc: "What is published.",
    status: LATER,
  }),

  // Redis
  redis: maybe(redisAddress, { short: "r", group: "Redis", doc: "Redis database for calls.", status: LATER }),
  "redis-write": maybe(redisAddress, {
    short: "w",
    group: "Redis",
    doc: "Redis database to write to.",
    defaultText: "= redis",
    status: LATER,
  }),
  "redis-subscribe": maybe(redisAddress, {
    group: "Redis",
    doc: "Redis server for notifications.",
    defaultText: "= redis",
    status: LATER,
  }),
  "redis-db": maybe(natural(), {
    group: "Redis",
    doc: "Database number where `redis` has none. rtpengine does not know this option.",
    status: LATER,
  }),
  "subscribe-keyspace": option(listOf(natural()), [], {
    short: "k",
    group: "Redis",
    doc: "Databases of peers to follow.",
    status: LATER,
  }),
  "redis-num-threads": maybe(natural({ max: 1_024 }), {
    group: "Redis",
    doc: "Threads that restore calls.",
    status: ignored("calls are restored by one thread"),
  }),
  "redis-expires": option(natural({ unit: "seconds" }), 86_400, {
    group: "Redis",
    doc: "Lifetime of keys.",
    status: LATER,
  }),
  "no-redis-required": flag({ short: "q", group: "Redis", doc: "Start also without Redis.", status: LATER }),
  "redis-allowed-errors": option(integer({ min: -1 }), -1, {
    group: "Redis",
    doc: "Errors in a row after which Redis is left alone for a time; -1 = no limit.",
    set: "redisallowederrors",
    status: LATER,
  }),
  "redis-disable-time": option(natural({ unit: "seconds" }), 10, {
    group: "Redis",
    doc: "That time.",
    set: "redisdisabletime",
    status: LATER,
  }),
  "redis-cmd-timeout": option(natural({ unit: "milliseconds" }), 0, {
    group: "Redis",
    doc: "Longest wait for a reply; 0 = no limit.",
    set: "rediscmdtimeout",
    status: LATER,
  }),
  "redis-connect-timeout": option(natural({ min: 1, unit: "milliseconds", example: 1_000 }), 1_000, {
    group: "Redis",
    doc: "Longest wait for the connection.",
    set: "redisconnecttimeout",
    status: LATER,
  }),
  "redis-format": option(oneOf(["native", "bencode", "JSON"]), "native", {
    group: "Redis",
    doc: "Format of stored calls.",
    status: LATER,
  }),
  "redis-resolve-on-reconnect": flag({
    group: "Redis",
    doc: "Look the host name up again for each connection.",
    status: LATER,
  }),
  "redis-tcp-keepalive-time": option(natural({ unit: "seconds" }), 0, {
    group: "Redis",
    doc: "Idle time before keep-alive probes; 0 = none.",
    status: LATER,
  }),
  "redis-tcp-keepalive-intvl": option(natural({ unit: "seconds" }), 1, {
    group: "Redis",
    doc: "Interval of keep-alive probes.",
    status: LATER,
  }),
  "redis-tcp-keepalive-probes": option(natural(), 3, {
    group: "Redis",
    doc: "Number of keep-alive probes.",
    status: LATER,
  }),
  "active-switchover": flag({
    group: "Redis",
    doc: "An offer or answer for a peer's call makes it our own.",
    status: LATER,
  }),

  // DTLS and SRTP
  "dtls-passive": flag({ group: "DTLS and SRTP", doc: "Be the DTLS server whenever allowed.", reload: true }),
  "dtls-cert-cipher": option(oneOf(["prime256v1", "RSA"]), "prime256v1", {
    group: "DTLS and SRTP",
    doc: "Key of our certificate.",
  }),
  "dtls-rsa-key-size": option(natural({ min: 1_024, max: 16_384, unit: "bits", example: 2_048 }), 2_048, {
    group: "DTLS and SRTP",
    doc: "Length of an RSA key.",
  }),
  "dtls-signature": option(oneOf(["SHA-256", "SHA-1"]), "SHA-256", {
    group: "DTLS and SRTP",
    doc: "Signature of our certificate.",
  }),
  "dtls-mtu": option(natural({ min: 576, max: 65_535, unit: "bytes", example: 1_200 }), 1_200, {
    group: "DTLS and SRTP",
    doc: "Longest DTLS datagram.",
  }),
  "dtls-ciphers": maybe(text, {
    group: "DTLS and SRTP",
    doc: "Cipher list as OpenSSL has it.",
    defaultText: "DEFAULT without NULL, anonymous and PSK",
  }),

  // Transcoding
  "transcode-config": maybe(string("PREFIX", "the prefix of the sections"), {
    group: "Transcoding",
    doc: "Sections [PREFIX-NAME] of rtpengine.conf hold transcoding rules.",
    status: LATER,
  }),
  "dtx-delay": option(natural({ unit: "milliseconds" }), 0, {
    group: "Transcoding",
    doc: "Delay for packets before a gap counts as DTX; 0 = off.",
    status: LATER,
  }),
  "max-dtx": option(natural({ unit: "seconds" }), 30, { group: "Transcoding", doc: "Longest DTX.", status: LATER }),
  "dtx-buffer": option(natural({ unit: "packets" }), 10, {
    group: "Transcoding",
    doc: "Size of the DTX buffer.",
    status: LATER,
  }),
  "dtx-lag": option(natural({ unit: "milliseconds" }), 100, {
    group: "Transcoding",
    doc: "Longest content of the DTX buffer.",
    status: LATER,
  }),
  "dtx-shift": option(natural({ unit: "milliseconds" }), 5, {
    group: "Transcoding",
    doc: "Step of the DTX buffer's correction.",
    status: LATER,
  }),
  "dtx-cn-params": option(listOf(natural({ max: 255 })), [], {
    group: "Transcoding",
    doc: "Comfort noise parameters for DTX.",
    status: LATER,
  }),
  "amr-dtx": option(oneOf(["native", "CN"]), "native", { group: "Transcoding", doc: "DTX of AMR.", status: LATER }),
  "evs-dtx": option(oneOf(["native", "CN"]), "native", { group: "Transcoding", doc: "DTX of EVS.", status: LATER }),
  "silence-detect": option(decimal({ min: 0, max: 100, unit: "percent" }), 0, {
    group: "Transcoding",
    doc: "Level below which audio counts as silence; 0 = off.",
    status: LATER,
  }),
  "cn-payload": option(listOf(natural({ max: 255, example: 32 })), [32], {
    group: "Transcoding",
    doc: "Comfort noise that takes the place of silence.",
    status: LATER,
  }),
  "audio-buffer-length": option(natural({ unit: "milliseconds" }), 500, {
    group: "Transcoding",
    doc: "Length of the mixing buffer.",
    status: LATER,
  }),
  "audio-buffer-delay": option(natural({ unit: "milliseconds" }), 5, {
    group: "Transcoding",
    doc: "Delay of the mixing buffer.",
    status: LATER,
  }),
  "audio-player": option(oneOf(["on-demand", "play-media", "transcoding", "always"]), "on-demand", {
    group: "Transcoding",
    doc: "When audio goes through the player.",
    status: LATER,
  }),
  "player-cache": flag({ group: "Transcoding", doc: "Keep encoded media in memory.", status: LATER }),
  "evs-lib-path": maybe(path, { group: "Transcoding", doc: "EVS library.", status: ignored(NO_PLUGINS) }),
  "codec-chain-lib-path": maybe(path, {
    group: "Transcoding",
    doc: "Codec chain library.",
    status: ignored(NO_PLUGINS),
  }),
  "codec-chain-runners": maybe(integer(), {
    group: "Transcoding",
    doc: "Codec chain runners.",
    status: ignored(NO_PLUGINS),
  }),
  "codec-chain-concurrency": maybe(integer(), {
    group: "Transcoding",
    doc: "Codec chain concurrency.",
    status: ignored(NO_PLUGINS),
  }),
  "codec-chain-async": maybe(integer(), {
    group: "Transcoding",
    doc: "Codec chain threads.",
    status: ignored(NO_PLUGINS),
  }),
  "codec-chain-nonblock": flag({
    group: "Transcoding",
    doc: "Codec chain without waiting.",
    status: ignored(NO_PLUGINS),
  }),
  "codec-chain-interval": maybe(integer(), {
    group: "Transcoding",
    doc: "Codec chain interval.",
    status: ignored(NO_PLUGINS),
  }),
  "codec-chain-opus-application": maybe(integer(), {
    group: "Transcoding",
    doc: "Codec chain: application of Opus.",
    status: ignored(NO_PLUGINS),
  }),
  "codec-chain-opus-complexity": maybe(integer(), {
    group: "Transcoding",
    doc: "Codec chain: complexity of Opus.",
    status: ignored(NO_PLUGINS),
  }),

  // DTMF
  "dtmf-log-dest": maybe(peer("127.0.0.1:5059"), {
    group: "DTMF",
    doc: "UDP address that gets DTMF events as JSON.",
    status: LATER,
  }),
  "dtmf-log-ng-tcp": flag({ group: "DTMF", doc: "DTMF events also go to ng TCP connections.", status: LATER }),
  "dtmf-no-suppress": flag({ group: "DTMF", doc: "Keep DTMF audio when events are made from it.", status: LATER }),
  "dtmf-digit-delay": option(natural({ unit: "milliseconds" }), 2_500, {
    group: "DTMF",
    doc: "Time between digits after which a code starts anew.",
    status: LATER,
  }),
  "dtmf-no-log-injects": flag({ group: "DTMF", doc: "Injected DTMF is not logged.", status: LATER }),
  "vsc-start-rec": maybe(text, { group: "DTMF", doc: "Code that starts recording.", status: LATER }),
  "vsc-stop-rec": maybe(text, { group: "DTMF", doc: "Code that stops recording.", status: LATER }),
  "vsc-start-stop-rec": maybe(text, { group: "DTMF", doc: "Code that starts or stops recording.", status: LATER }),
  "vsc-pause-rec": maybe(text, { group: "DTMF", doc: "Code that pauses recording.", status: LATER }),
  "vsc-pause-resume-rec": maybe(text, { group: "DTMF", doc: "Code that pauses or resumes recording.", status: LATER }),
  "vsc-start-pause-resume-rec": maybe(text, {
    group: "DTMF",
    doc: "Code that starts, pauses or resumes recording.",
    status: LATER,
  }),

  // Player and music on hold
  "preload-media-files": option(listOf(path), [], {
    group: "Player and music on hold",
    doc: "Files loaded at start.",
    status: LATER,
  }),
  "media-files-reload": option(natural({ unit: "seconds" }), 0, {
    group: "Player and music on hold",
    doc: "Interval at which they are loaded again when changed; 0 = never.",
    status: LATER,
  }),
  "media-files-expire": option(natural({ unit: "seconds" }), 0, {
    group: "Player and music on hold",
    doc: "Time after which an unused file is dropped from memory; 0 = never.",
    status: LATER,
  }),
  "preload-db-media": option(listOf(natural()), [], {
    group: "Player and music on hold",
    doc: "Database entries loaded at start.",
    status: LATER,
  }),
  "db-media-reload": option(natural({ unit: "seconds" }), 0, {
    group: "Player and music on hold",
    doc: "Interval at which they are loaded again.",
    status: LATER,
  }),
  "db-media-expire": option(natural({ unit: "seconds" }), 0, {
    group: "Player and music on hold",
    doc: "Time after which an unused entry is dropped.",
    status: LATER,
  }),
  "db-media-cache": maybe(path, {
    group: "Player and music on hold",
    doc: "Folder for database media.",
    status: LATER,
  }),
  "preload-db-cache": option(listOf(natural()), [], {
    group: "Player and music on hold",
    doc: "Database entries cached at start.",
    status: LATER,
  }),
  "db-cache-reload": option(natural({ unit: "seconds" }), 0, {
    group: "Player and music on hold",
    doc: "Interval at which they are cached again.",
    status: LATER,
  }),
  "db-cache-expire": option(natural({ unit: "seconds" }), 0, {
    group: "Player and music on hold",
    doc: "Time after which an unused cached entry is dropped.",
    status: LATER,
  }),
  "expiry-timer": option(natural({ unit: "seconds" }), 0, {
    group: "Player and music on hold",
    doc: "Interval of these checks.",
    status: LATER,
  }),
  "kernel-player": option(natural(), 0, {
    group: "Player and music on hold",
    doc: "Streams the kernel may play; 0 = off.",
    status: LATER,
  }),
  "kernel-player-media": option(natural(), 128, {
    group: "Player and music on hold",
    doc: "Media the kernel may hold.",
    status: LATER,
  }),
  "mysql-host": maybe(text, { group: "Player and music on hold", doc: "MySQL server with media.", status: LATER }),
  "mysql-port": maybe(port, { group: "Player and music on hold", doc: "Its port.", status: LATER }),
  "mysql-user": maybe(text, { group: "Player and music on hold", doc: "User name.", status: LATER }),
  "mysql-pass": maybe(text, { group: "Player and music on hold", doc: "Password.", status: LATER }),
  "mysql-query": maybe(text, {
    group: "Player and music on hold",
    doc: "Query for media; holds `%llu` exactly once.",
    status: LATER,
  }),
  "moh-max-duration": option(natural({ unit: "milliseconds" }), 1_800_000, {
    group: "Player and music on hold",
    doc: "Longest music on hold.",
    status: LATER,
  }),
  "moh-max-repeats": option(natural(), 999, {
    group: "Player and music on hold",
    doc: "Most repeats of music on hold.",
    status: LATER,
  }),
  "moh-attr-name": maybe(text, {
    group: "Player and music on hold",
    doc: "SDP attribute that marks music on hold.",
    reload: true,
  }),
  "moh-prevent-double-hold": flag({
    group: "Player and music on hold",
    doc: "No music when both parties hold.",
    status: LATER,
  }),
} as const satisfies Readonly<Record<string, Option<never> | Option<unknown>>>;

export type OptionName = keyof typeof OPTIONS;

/** The value of every option, typed by its row. */
export type OptionValues = {
  readonly [N in OptionName]: (typeof OPTIONS)[N] extends Option<infer V> ? V : never;
};

export const OPTION_NAMES = Object.keys(OPTIONS) as OptionName[];

/** The row without its value's type: for code that treats all options alike. */
export function optionNamed(name: OptionName): Option {
  return OPTIONS[name] as unknown as Option;
}

/** Every name an option goes by. */
export const NAMES: ReadonlyMap<string, { readonly name: OptionName; readonly warning: string | undefined }> = new Map(
  OPTION_NAMES.flatMap((name) => [
    [name as string, { name, warning: undefined }] as const,
    ...(optionNamed(name).aliases ?? []).map((alias) => [alias.name, { name, warning: alias.warning }] as const),
  ]),
);

/** Options by their letter. */
export const LETTERS: ReadonlyMap<string, OptionName> = new Map(
  OPTION_NAMES.flatMap((name) => {
    const { short } = optionNamed(name);
    return short === undefined ? [] : [[short, name] as const];
  }),
);
