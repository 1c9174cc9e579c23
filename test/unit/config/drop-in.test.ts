/** Configuration that people already have: example files, container command lines, guides and their mistakes. */
import { describe, expect, test } from "bun:test";
import { conf, errors, interfacesOf, listenersOf, load, settingsOf, texts, toml, warnings } from "./host.ts";

const SINGLE_HOMED = `[rtpengine]
interface = pub/203.0.113.77
listen-ng = 127.0.0.1:2223
listen-cli = 127.0.0.1:9900
listen-http = 127.0.0.1:9101
port-min = 10000
port-max = 20000
timeout = 60
silent-timeout = 3600
final-timeout = 7200
offer-timeout = 60
delete-delay = 30
table = 0
nftables-chain = rtpengine
nftables-base-chain = input
log-level = 6
log-facility = local1
log-facility-cdr = local2
tos = 184
num-threads = 4
recording-dir = /var/spool/rtpengine
recording-method = pcap
recording-format = eth
homer = 127.0.0.1:9060
homer-id = 2002
`;

describe("files that work with rtpengine work as they are", () => {
  test("single-homed server", () => {
    const loaded = conf(SINGLE_HOMED);
    expect(errors(loaded)).toEqual([]);
    const settings = settingsOf(loaded);
    expect(interfacesOf(loaded)).toEqual(["pub 203.0.113.77 10000-20000"]);
    expect(listenersOf(loaded)).toEqual(["127.0.0.1 2223"]);
    expect(listenersOf(loaded, "cli")).toEqual(["127.0.0.1 9900"]);
    expect(listenersOf(loaded, "http")).toEqual(["127.0.0.1 9101"]);
    expect(settings.call).toMatchObject({
      timeout: 60,
      silentTimeout: 3_600,
      finalTimeout: 7_200,
      offerTimeout: 60,
      deleteDelay: 30,
      tos: 184,
      maxSessions: -1,
      endpointLearning: "heuristic",
      ssrcReporting: "full",
      softwareId: "sluice-1.2.3",
    });
    expect(settings.threads).toBe(4);
    expect(settings.kernel).toMatchObject({ table: 0, chain: "rtpengine", baseChain: "input", family: "ip,ip6" });
    expect(settings.log).toMatchObject({ facility: "local1", channels: { cdr: "local2", rtcp: undefined } });
    expect(settings.homer).toEqual({
      address: { address: "127.0.0.1", port: 9_060 },
      protocol: "udp",
      id: 2_002,
      rtcp: true,
      ng: false,
      ngProtocol: 61,
    });
    expect(settings.values["recording-format"]).toBe("eth");
    expect(settings.file).toBe("/etc/rtpengine/rtpengine.conf");
  });

  test("behind NAT with two networks and templates", () => {
    const loaded = conf(`[rtpengine]
interface = external/10.0.0.5!203.0.113.10;internal/192.168.1.5
listen-ng = 2223
templates = flags
[flags]
WebRTC = transport-protocol=UDP/TLS/RTP/SAVPF ICE=force trickle-ICE rtcp-mux=[offer require] no-rtcp-attribute SDES-off generate-mid
offer = replace-origin
`);
    expect(texts(loaded)).toEqual([]);
    expect(interfacesOf(loaded)).toEqual([
      "external 10.0.0.5>203.0.113.10 30000-39999",
      "internal 192.168.1.5 30000-39999",
    ]);
    expect(listenersOf(loaded)).toEqual(["0.0.0.0 2223", ":: 2223 optional"]);
    expect([...settingsOf(loaded).templates]).toEqual([
      [
        "WebRTC",
        "transport-protocol=UDP/TLS/RTP/SAVPF ICE=force trickle-ICE rtcp-mux=[offer require] no-rtcp-attribute SDES-off generate-mid",
      ],
      ["offer", "replace-origin"],
    ]);
  });

  test("the section form of interfaces", () => {
    const loaded = conf(`[rtpengine]
interfaces-config = intf
[intf-pub]
address = 10.0.0.5
advertised = 203.0.113.10
port-min = 30000
port-max = 40000
[intf-priv]
address = 192.168.1.5
[intf-external]
alias = pub
`);
    expect(texts(loaded)).toEqual([]);
    expect(interfacesOf(loaded)).toEqual(["pub 10.0.0.5>203.0.113.10 30000-40000", "priv 192.168.1.5 30000-39999"]);
  });

  test("another section", () => {
    const text = "[rtpengine]\ntos = 184\ninterface = eth0\n[rtpengine-testing]\ninterface = eth1\nlisten-ng = 2224\n";
    const loaded = conf(text, {}, ["--config-section=rtpengine-testing"]);
    expect(interfacesOf(loaded)).toEqual(["default 192.168.1.5 30000-39999"]);
    expect(settingsOf(loaded).call.tos).toBe(0);
  });

  test("the command line of the Debian unit", () => {
    const loaded = load(
      "-f -E --no-log-timestamps --pidfile /run/rtpengine/rtpengine-daemon.pid --config-file /etc/rtpengine/rtpengine.conf".split(
        " ",
      ),
      { program: "rtpengine", files: { "/etc/rtpengine/rtpengine.conf": SINGLE_HOMED } },
    );
    expect(errors(loaded)).toEqual([]);
    expect(settingsOf(loaded)).toMatchObject({
      pidfile: "/run/rtpengine/rtpengine-daemon.pid",
      log: { timestamps: false },
    });
    expect(settingsOf(loaded).values.foreground).toBe(true);
    expect(settingsOf(loaded).values["log-stderr"]).toBe(true);
  });

  test("the command line of container recipes", () => {
    const loaded = load(
      "--interface=eth0 --listen-ng=0.0.0.0:22222 --port-min=10000 --port-max=20000 --log-level=6 --num-threads=4 --foreground".split(
        " ",
      ),
    );
    expect(texts(loaded)).toEqual([]);
    expect(interfacesOf(loaded)).toEqual(["default 10.0.0.5 10000-20000", "default 2001:db8::5 10000-20000"]);
    expect(listenersOf(loaded)).toEqual(["0.0.0.0 22222"]);
    expect(settingsOf(loaded).threads).toBe(4);
  });

  test("two interfaces named after shell variables", () => {
    const loaded = load(["--interface=PRIVATE_IP/10.0.0.5", "--interface=PUBLIC_IP/192.168.1.5!203.0.113.10"]);
    expect(texts(loaded)).toEqual([]);
    expect(interfacesOf(loaded).map((each) => each.split(" ")[0])).toEqual(["PRIVATE_IP", "PUBLIC_IP"]);
  });
});

describe("what guides write", () => {
  const main = (line: string) => conf(`[rtpengine]\ninterface = eth1\n${line}\n`);

  test("no section header", () => {
    const loaded = conf("interface = eth1\nlisten-ng = 127.0.0.1:2223\n");
    expect(interfacesOf(loaded)).toEqual(["default 192.168.1.5 30000-39999"]);
    expect(warnings(loaded)).toEqual([
      "/etc/rtpengine/rtpengine.conf:1: these lines are in no section; they are read as [rtpengine], rtpengine would not start\n    write: [rtpengine]",
    ]);
  });

  test.each([
    ["dtls-passive = yes", true],
    ["dtls-passive = on", true],
    ["dtls-passive = true", true],
    ["dtls-passive = 1", true],
    ["dtls-passive = no", false],
    ["dtls-passive = Off # not yet", false],
    ["# dtls-passive", false],
  ])("%s", (line, expected) => {
    expect(settingsOf(main(line)).values["dtls-passive"]).toBe(expected);
  });

  test("a key without a value", () => {
    expect(errors(main("dtls-passive"))[0]).toEndWith("    write: dtls-passive = true");
  });

  test.each([
    ["interfaces = 10.0.0.5;203.0.113.77", "write `interface`"],
    ["prometheus = yes", "write: listen-http = 127.0.0.1:9101"],
    ["prometheus = /metrics", "write: listen-http = 127.0.0.1:9101"],
    ["prometheus-listen = 127.0.0.1:9900", "write: listen-http = 127.0.0.1:9900"],
    ["http-listen = 127.0.0.1:9101", "write: listen-http = 127.0.0.1:9101"],
    ["tls-certificate = /etc/x.pem", "DTLS certificates are made at start"],
    ["tls-private-key = /etc/x.key", "it is https-key"],
    ["homer-ng = udp:127.0.0.1:9060", "write: homer = 127.0.0.1:9060\n           homer-enable-ng = true"],
    ["codec-except = PCMU", "codecs are chosen per call"],
    ["listen_ng = 2223", "write: listen-ng = 2223"],
    ["port-mim = 2223", "write: port-min = 2223"],
    ["frobnicate = 1", "unknown option, ignored"],
    ["config-file = /x", "only on the command line"],
  ])("%s", (line, said) => {
    const loaded = main(line);
    expect(errors(loaded)).toEqual([]);
    const all = warnings(loaded);
    expect(all.some((each) => each.includes(said))).toBe(true);
    expect(all.every((each) => each.startsWith("/etc/rtpengine/rtpengine.conf:3: "))).toBe(true);
  });

  test("the listener of an alias is really opened", () => {
    expect(listenersOf(main("prometheus-listen = 127.0.0.1:9900"), "http")).toEqual(["127.0.0.1 9900"]);
    expect(listenersOf(main("http-listen = 127.0.0.1:9101"), "http")).toEqual(["127.0.0.1 9101"]);
  });

  test("interfaces = A;B is two addresses of one interface, and says how two networks are written", () => {
    const loaded = conf("interfaces = 10.0.0.5;203.0.113.77\n");
    expect(interfacesOf(loaded)).toEqual(["default 10.0.0.5 30000-39999", "default 203.0.113.77 30000-39999"]);
    expect(warnings(loaded).at(-1)).toEndWith("    write: interface = internal/10.0.0.5;external/203.0.113.77");
  });

  test.each([
    ["homer-protocol = 17", "udp"],
    ["homer-protocol = 6", "tcp"],
    ["homer-protocol = TCP", "tcp"],
  ])("%s", (line, protocol) => {
    expect(settingsOf(main(`homer = 127.0.0.1:9060\n${line}`)).homer?.protocol).toBe(protocol as "udp");
  });

  test.each([
    ["redis = 127.0.0.1:6379", 0, undefined],
    ["redis = 127.0.0.1:6379\nredis-db = 7", 7, undefined],
    ["redis = 127.0.0.1:6379/5\nredis-db = 7", 5, undefined],
    ["redis = pass@word@127.0.0.1:6379/5", 5, "pass@word"],
  ])("%s", (line, database, password) => {
    expect(settingsOf(main(line)).redis).toEqual({
      address: { address: "127.0.0.1", port: 6_379 },
      database,
      password,
    });
  });

  test("tos with a comment behind it", () => {
    expect(settingsOf(main("tos = 184 # EF")).call.tos).toBe(184);
    expect(settingsOf(main("tos = 0xb8")).call.tos).toBe(184);
    const junk = main("tos = 184 (EF)");
    expect(settingsOf(junk).call.tos).toBe(184);
    expect(texts(junk, "note")[0]).toContain("only the number 184 counts; '(EF)' after it is ignored");
  });

  test("a comment behind a text is part of it, and that is said", () => {
    const loaded = main("log-mark-prefix = < # mark");
    expect(settingsOf(loaded).log.markPrefix).toBe("< # mark");
    expect(warnings(loaded)[0]).toEndWith("    write: log-mark-prefix = <");
  });

  test("quotes as in TOML or a shell", () => {
    const loaded = main('listen-ng = "127.0.0.1:2223"');
    expect(listenersOf(loaded)).toEqual(["127.0.0.1 2223"]);
    expect(warnings(loaded)[0]).toEndWith("    write: listen-ng = 127.0.0.1:2223");
  });

  test("an option written twice: the last one counts, as in rtpengine, but not silently", () => {
    const loaded = conf("[rtpengine]\ninterface = a/10.0.0.5\ninterface = b/192.168.1.5\n");
    expect(interfacesOf(loaded)).toEqual(["b 192.168.1.5 30000-39999"]);
    expect(warnings(loaded)[0]).toContain(":3: interface: was already written in line 2; only the last one counts");
  });

  test("sections of other programs are no concern", () => {
    expect(texts(conf("[rtpengine]\ninterface = eth1\n[rtpengine-recording]\noutput-dir = /x\n"))).toEqual([]);
  });

  test("a signal handler's options from other versions do not stop the start", () => {
    expect(settingsOf(main("poller-size = 128\nthread-stack = 2048\nxtables = true")).threads).toBe(6);
  });
});

describe("the same in TOML", () => {
  test("options at the top, templates in a table", () => {
    const loaded = toml(`
listen-ng = ["127.0.0.1:2223", "[::1]:2223"]
port-min = 10_000
port-max = 20_000
tos = 0xb8
max-load = 4.5
dtls-passive = true
timeout = 30

[templates]
offer = "replace-origin"
"WebRTC" = "ICE=force caf\u00e9"
`);
    expect(errors(loaded)).toEqual([]);
    const settings = settingsOf(loaded);
    expect(listenersOf(loaded)).toEqual(["127.0.0.1 2223", "::1 2223"]);
    expect(settings.call).toMatchObject({ tos: 184, maxLoad: 4.5, timeout: 30 });
    expect(settings.call.interfaces.interfaces[0]!.addresses[0]).toMatchObject({ portMin: 10_000, portMax: 20_000 });
    expect([...settings.templates]).toEqual([
      ["offer", "replace-origin"],
      ["WebRTC", "ICE=force caf\u00c3\u00a9"],
    ]);
  });

  test("faults are named with their line and the right form", () => {
    const loaded = toml(`tos = 300
listen-ng = "eth0:2223"
log-format = "jsn"
timeout = [1, 2]
prometheus = true
[tos2]
x = 1
[templates]
offer = 3
`);
    const file = "/etc/sluice/sluice.toml";
    expect(errors(loaded)).toEqual([
      `${file}:4: timeout = [1, 2]: takes one value, not an array: a whole number of seconds`,
      `${file}:9: templates.offer = 3: must be a text with flags\n    write: offer = "replace-origin"`,
      `${file}:1: tos = 300: must be a whole number from 0 to 255\n    write: tos = 184`,
      `${file}:3: log-format = jsn: must be one of default, parsable, json\n    write: log-format = "json"`,
      `${file}:2: listen-ng = eth0:2223: 'eth0' is a device; here an address or a host name is needed`,
    ]);
    expect(warnings(loaded)).toEqual([
      `${file}:5: prometheus = true: there is no such option: metrics are served as \`GET /metrics\` by the HTTP listener\n    write: listen-http = "127.0.0.1:9101"`,
      `${file}:6: tos2: unknown option, ignored\n    write: tos`,
    ]);
  });

  test("broken TOML has a line", () => {
    expect(errors(toml("tos = 184\nlisten-ng = 127.0.0.1:2223\n"))[0]).toMatch(
      /^\/etc\/sluice\/sluice\.toml:2: column /,
    );
  });

  test("keys of rtpengine.conf that name sections are tables here", () => {
    expect(errors(toml('templates = "flags"'))[0]).toEndWith("write: [templates]");
    expect(errors(toml('interfaces-config = "intf"'))[0]).toEndWith("write: [interface.pub]");
  });

  test("a table [rtpengine] around everything is read, with a warning", () => {
    const loaded = toml("[rtpengine]\ntos = 184\n");
    expect(settingsOf(loaded).call.tos).toBe(184);
    expect(warnings(loaded)).toHaveLength(1);
  });
});
