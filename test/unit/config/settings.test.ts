import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { findingLogLine } from "../../../src/config/finding.ts";
import { LETTERS, NAMES, OPTION_NAMES, optionNamed } from "../../../src/config/options.ts";
import { changedOptions } from "../../../src/config/settings.ts";
import { conf, errors, interfacesOf, listenersOf, load, settingsOf, texts, toml, warnings } from "./host.ts";

describe("without any configuration", () => {
  test("sensible defaults, and nothing to complain about", () => {
    const loaded = load([]);
    expect(texts(loaded)).toEqual([]);
    expect(listenersOf(loaded)).toEqual(["127.0.0.1 2223"]);
    expect(interfacesOf(loaded)).toEqual(["default 10.0.0.5 30000-39999"]);
    expect(settingsOf(loaded)).toMatchObject({
      threads: 6,
      relay: { engine: "auto", gatherTime: 250 },
      file: undefined,
    });
    expect(settingsOf(loaded).call).toMatchObject({
      timeout: 60,
      silentTimeout: 3_600,
      offerTimeout: 3_600,
      finalTimeout: 0,
    });
    expect(settingsOf(loaded).log.levels).toMatchObject({ core: 6, internals: -1 });
  });

  test("started as rtpengine, rtpengine's own file is read", () => {
    const files = { "/etc/rtpengine/rtpengine.conf": "[rtpengine]\ntos = 184\n", "/etc/sluice/sluice.toml": "tos = 1" };
    expect(settingsOf(load([], { files, program: "rtpengine" })).call.tos).toBe(184);
    expect(settingsOf(load([], { files })).call.tos).toBe(1);
    expect(settingsOf(load(["--config-file=none"], { files })).call.tos).toBe(0);
  });
});

describe("files", () => {
  test("an explicit file must be there, the default one need not", () => {
    expect(errors(load(["--config", "/x/y.toml"]))).toEqual([
      "command line: --config-file=/x/y.toml: there is no such file\n    write: --config-file=none",
    ]);
    expect(errors(load([], { program: "rtpengine" }))).toEqual([]);
  });

  test("a file that cannot be read", () => {
    const files = { "/etc/sluice/sluice.toml": { error: "permission denied (EACCES)" } };
    expect(errors(load([], { files }))).toEqual([
      "/etc/sluice/sluice.toml: cannot be read: permission denied (EACCES)",
    ]);
  });

  test("a section that is not there", () => {
    expect(errors(conf("[rtpengien]\ntos = 184\n"))[0]).toContain("has no section [rtpengine]; it has [rtpengien]");
    expect(errors(conf("[rtpengine]\n", {}, ["--config-section=x"]))[0]).toContain("has no section [x]");
    expect(errors(conf("# nothing\n\n"))).toEqual([]);
  });

  test("lines that are nothing", () => {
    expect(errors(conf("[rtpengine\ntos 184\n= 3\n"))).toHaveLength(3);
  });

  test("Windows line ends and a byte order mark", () => {
    expect(settingsOf(conf("\ufeff[rtpengine]\r\ntos = 184\r\nlog-facility = local1\r\n")).call.tos).toBe(184);
    expect(settingsOf(toml("\ufefftos = 184\r\n")).call.tos).toBe(184);
  });

  test("the command line wins over the file, lists as a whole", () => {
    const loaded = conf("[rtpengine]\ntos = 1\ntimeout = 5\ninterface = a/10.0.0.5;b/192.168.1.5\n", {}, [
      "--tos=2",
      "--interface=c/10.0.0.5",
    ]);
    expect(settingsOf(loaded).call).toMatchObject({ tos: 2, timeout: 5 });
    expect(interfacesOf(loaded)).toEqual(["c 10.0.0.5 30000-39999"]);
    expect(settingsOf(loaded).origins.get("tos")).toEqual({ source: "command line" });
    expect(settingsOf(loaded).origins.get("timeout")).toMatchObject({ source: "file", line: 3 });
  });

  test("a template section that is missing", () => {
    expect(errors(conf("[rtpengine]\ntemplates = flags\n"))[0]).toContain(":2: templates: there is no section [flags]");
    expect(errors(load(["--templates=flags"]))[0]).toContain("there is no configuration file");
    expect(settingsOf(conf("[rtpengine]\n[t]\noffer = x\n", {}, ["--templates=t"])).templates.get("offer")).toBe("x");
  });
});

describe("command line", () => {
  const spellings = [["--log-level=5"], ["--log-level", "5"], ["-L", "5"], ["-L5"], ["-L=5"], ["-fL5"], ["-fL", "5"]];
  test.each(spellings.map((argv) => [argv]))("%p", (argv) => {
    expect(settingsOf(load(argv)).log.levels.core).toBe(5);
  });

  test("a negative value is a value", () => {
    expect(settingsOf(load(["--table", "-1", "--max-sessions", "-1"])).kernel.table).toBe(-1);
  });

  test("letters in a row", () => {
    const { values } = settingsOf(load(["-fES"]));
    expect([values.foreground, values["log-stderr"], values["save-interface-ports"]]).toEqual([true, true, true]);
  });

  test("a switch can be switched off again", () => {
    expect(settingsOf(conf("[rtpengine]\nforeground = true\n", {}, ["--foreground=no"])).values.foreground).toBe(false);
  });

  test("repeated options", () => {
    expect(listenersOf(load(["-n", "127.0.0.1:1", "--listen-ng=[::1]:2", "-n127.0.0.1:3"]))).toEqual([
      "127.0.0.1 1",
      "::1 2",
      "127.0.0.1 3",
    ]);
  });

  test("a ; list where an option should be repeated", () => {
    const loaded = load(["--interface=a/10.0.0.5;b/192.168.1.5"]);
    expect(interfacesOf(loaded)).toHaveLength(2);
    expect(warnings(loaded)[0]).toEndWith("    write: --interface=a/10.0.0.5 --interface=b/192.168.1.5");
  });

  test.each([
    [["--listen-nq=2223"], "unknown option\n    write: --listen-ng=2223"],
    [["--listen_ng=2223"], "unknown option\n    write: --listen-ng=2223"],
    [["--prometheus=yes"], "write: --listen-http=127.0.0.1:9101"],
    [["--zzzzzz"], "--zzzzzz: unknown option"],
    [["-Q"], "unknown option -Q"],
    [["-fQ"], "unknown option -Q in '-fQ'"],
    [["--timeout"], "needs a value: a whole number of seconds"],
    [["--timeout", "--tos=1"], "needs a value"],
    [["-L"], "needs a value"],
    [["tos=184"], "is no option\n    write: --tos=184"],
    [["stray"], "'stray' is no option"],
    [["--"], ""],
    [["--=3"], "unknown option"],
    [["-"], "'-' is no option"],
  ])("%p", (argv, said) => {
    const found = errors(load(argv));
    if (said === "") expect(found).toEqual([]);
    else expect(found[0]).toContain(said);
  });

  test("actions are reported, also when the rest is wrong", () => {
    expect([...load(["--version", "--tos=nonsense"]).actions]).toEqual(["version"]);
    expect([...load(["-v", "-h"]).actions].sort()).toEqual(["help", "version"]);
  });
});

test("an action that is not there yet does not start the daemon instead", () => {
  expect(errors(load(["--nftables-start"]))).toEqual([
    "command line: --nftables-start=true: is not available in this version",
  ]);
});

describe("values", () => {
  test.each([
    ["--tos=256", "from 0 to 255\n    write: --tos=184"],
    ["--tos=-1", "from 0 to 255"],
    ["--tos=", "empty (an unset variable?)"],
    ["--timeout=60s", "without a unit\n    write: --timeout=60"],
    ["--timeout=1e3", "must be a whole number"],
    ["--timeout=010", "leave the leading zeros out\n    write: --timeout=10"],
    ["--timeout=99999999999999999999", "must be a whole number"],
    ["--delete-delay=-1", "at least 0"],
    ["--max-load=4,5", "decimal point, not a comma\n    write: --max-load=4.5"],
    ["--max-cpu=NaN", "must be a number"],
    ["--foreground=maybe", "must be true or false"],
    ["--endpoint-learning=imediate", "write: --endpoint-learning=immediate"],
    ["--log-facility=local8", "must be one of auth, authpriv"],
    ["--log-level=9", "from -1 to 8"],
    [
      "--listen-ng=127.0.0.1",
      "the port is missing; it must be IP:PORT, [IPv6]:PORT, HOST:PORT or a bare PORT\n    write: --listen-ng=127.0.0.1:2223",
    ],
    ["--listen-ng=::1:2223", "needs brackets"],
    ["--listen-ng=127.0.0.1:99999", "is no port"],
    ["--listen-ng=yes", "it has no port"],
    ["--listen-ng=no.such:2223", "does not resolve"],
    ["--listen-ng=[10.0.0.5]:2223", "no IPv6 address"],
    ["--listen-ng=1.2.3:2223", "neither an address nor a host name"],
    ["--homer=9060", "has no host"],
    ["--redis=127.0.0.1:6379/x", "no database number"],
    ["--b2b-url=127.0.0.1:8090", "starts with http://"],
    ["--mysql-query=select", "%llu exactly once"],
    ["--dtls-mtu=500", "from 576"],
    ["--port-min=0", "from 1 to 65535"],
    ["--port-max=100", "port-min (30000) must be below port-max (100)"],
    ["--listen-https=127.0.0.1:443", "needs a certificate"],
    ["--num-threads=2000", "from 0 to 1024"],
  ])("%s", (argument, said) => {
    const found = errors(load([argument]));
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(said);
    expect(found[0]).toStartWith(`command line: --`);
  });

  test("all faults at once", () => {
    expect(errors(load(["--tos=x", "--timeout=x", "--nonsense", "--interface=0.0.0.0", "--listen-ng=x"]))).toHaveLength(
      5,
    );
  });

  test("swapped port range", () => {
    expect(errors(load(["--port-min=20000", "--port-max=10000"]))[0]).toEndWith(
      "they are swapped\n    write: --port-min=10000\n           --port-max=20000",
    );
  });

  test("zero timeouts mean the default", () => {
    const { call } = settingsOf(
      load(["--timeout=0", "--silent-timeout=-1", "--offer-timeout=0", "--final-timeout=-5"]),
    );
    expect(call).toMatchObject({ timeout: 60, silentTimeout: 3_600, offerTimeout: 3_600, finalTimeout: 0 });
  });

  test("host names of listeners: all addresses, the first one must work", () => {
    expect(listenersOf(load(["--listen-ng=localhost:2223"]))).toEqual(["127.0.0.1 2223", "::1 2223 optional"]);
  });

  test("two TCP listeners on one port", () => {
    expect(errors(load(["--listen-cli=127.0.0.1:9900", "--listen-http=127.0.0.1:9900"]))[0]).toContain(
      "taken by listen-cli",
    );
    expect(errors(load(["--listen-cli=127.0.0.1:9900", "--listen-http=9900"]))[0]).toContain("taken by listen-cli");
    expect(errors(load(["--listen-cli=127.0.0.1:9900", "--listen-http=[::1]:9900"]))).toEqual([]);
    expect(errors(load(["--listen-ng=127.0.0.1:9900", "--listen-cli=127.0.0.1:9900"]))).toEqual([]);
  });

  test("a control port inside the media range", () => {
    expect(warnings(load(["--listen-ng=30000"]))[0]).toContain("inside the media port range 30000-39999");
    expect(warnings(load(["--listen-ng=127.0.0.1:30000"]))).toEqual([]);
  });

  test("log levels per subsystem", () => {
    const { levels } = settingsOf(load(["-L4", "--log-level-ice=7", "--debug-srtp", "--log-level-internals=5"])).log;
    expect(levels).toMatchObject({ core: 4, ice: 7, srtp: 7, internals: 5 });
  });

  test("redis passwords come from the environment and are never shown", () => {
    const env = { RTPENGINE_REDIS_AUTH_PW: "from-env" };
    expect(settingsOf(load(["--redis=in-file@127.0.0.1:6379/1"], { env })).redis?.password).toBe("from-env");
    const shown = texts(load(["--redis=geheim@127.0.0.1:6379/x", "--mysql-pass=geheim", "--mqtt-pass=geheim"])).join(
      "\n",
    );
    expect(shown).not.toContain("geheim");
    expect(texts(conf("[rtpengine]\nredis-pasword = geheim\n")).join()).not.toContain("geheim");
  });

  test("software-id keeps letters, digits and hyphens", () => {
    expect(settingsOf(load(["--software-id=My Relay/2"])).call.softwareId).toBe("My-Relay-2");
  });
});

describe("the option table", () => {
  test("names and letters are unique", () => {
    const names = OPTION_NAMES.flatMap((name) => [name, ...(optionNamed(name).aliases ?? []).map((each) => each.name)]);
    expect(new Set(names).size).toBe(names.length);
    expect(NAMES.size).toBe(names.length);
    const letters = OPTION_NAMES.flatMap((name) => optionNamed(name).short ?? []);
    expect(new Set(letters).size).toBe(letters.length);
    expect(LETTERS.size).toBe(letters.length);
  });

  test("the peer daemon's letters", () => {
    const expected: Record<string, string> = {
      v: "version",
      f: "foreground",
      p: "pidfile",
      L: "log-level",
      E: "log-stderr",
      n: "listen-ng",
      N: "listen-tcp-ng",
      c: "listen-cli",
      u: "listen-udp",
      l: "listen-tcp",
      x: "xmlrpc-format",
      b: "b2b-url",
      i: "interface",
      S: "save-interface-ports",
      m: "port-min",
      M: "port-max",
      T: "tos",
      o: "timeout",
      s: "silent-timeout",
      a: "final-timeout",
      d: "delete-delay",
      t: "table",
      F: "no-fallback",
      g: "graphite",
      G: "graphite-interval",
      r: "redis",
      w: "redis-write",
      k: "subscribe-keyspace",
      q: "no-redis-required",
      h: "help",
    };
    expect(Object.fromEntries(LETTERS)).toEqual(expected as never);
  });

  test("every row has a sentence of documentation", () => {
    for (const name of OPTION_NAMES) expect(`${name}: ${optionNamed(name).doc}`).toMatch(/: [A-Z`].*\.$/);
  });

  test("every example it proposes is itself accepted", () => {
    for (const name of OPTION_NAMES) {
      const { type } = optionNamed(name);
      const wrong = type.read(["\u0001"]);
      if (!wrong.ok && wrong.write !== undefined) expect([name, type.read([wrong.write]).ok]).toEqual([name, true]);
    }
  });

  test("every default is a value its own type accepts", () => {
    for (const name of OPTION_NAMES) {
      const { type, default: value } = optionNamed(name);
      if (typeof value === "number" || typeof value === "boolean") {
        expect([name, type.read([String(value)])]).toMatchObject([name, { ok: true, value }]);
      }
    }
  });
});

test("a changed configuration tells what needs a restart", () => {
  const before = settingsOf(load([])).values;
  const after = settingsOf(load(["--timeout=5", "--port-min=31000", "--log-level-ice=3"])).values;
  expect(changedOptions(before, after)).toEqual({ live: ["timeout", "log-level-ice"], restart: ["port-min"] });
});

describe("for all", () => {
  const word = fc.string({ unit: "binary", maxLength: 24 });

  test("any value of any option from any source gives settings or an error, never an exception", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...OPTION_NAMES),
        word,
        fc.constantFrom("line", "conf", "toml"),
        (name, value, source) => {
          const loaded =
            source === "line"
              ? load([`--${name}=${value}`])
              : source === "conf"
                ? conf(`[rtpengine]\n${name} = ${value}\n`)
                : toml(`${name} = ${JSON.stringify(value)}\n`);
          const failed = loaded.findings.some(({ severity }) => severity === "error");
          expect(loaded.settings === undefined).toBe(failed);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test("a whole number in range reads the same from all three sources", () => {
    const ints = ["tos", "port-min", "max-sessions", "gather-time", "delete-delay", "homer-id"] as const;
    fc.assert(
      fc.property(fc.constantFrom(...ints), fc.integer({ min: 1, max: 255 }), (name, value) => {
        for (const loaded of [
          load([`--${name}=${value}`]),
          conf(`[rtpengine]\n${name} = ${value}\n`),
          toml(`${name} = ${value}\n`),
        ]) {
          expect(settingsOf(loaded).values[name]).toBe(value);
        }
      }),
    );
  });

  test("an endpoint that is accepted is the one that was written", () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.integer({ min: 1, max: 65_535 }), (address, port) => {
        const text = address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
        const [endpoint] = settingsOf(load([`--listen-ng=${text}`, "--port-min=1", "--port-max=2"])).listen.ng;
        expect(endpoint!.port).toBe(port);
        expect(endpoint!.family).toBe(address.includes(":") ? 6 : 4);
      }),
    );
  });
});

test("a finding in the log is one line of bytes", () => {
  const [finding] = load(["--port-min=20000", "--port-max=10000"]).findings;
  expect(findingLogLine(finding!)).toBe(
    "command line: --port-max=10000: port-min (20000) must be below port-max (10000): they are swapped; write: --port-min=10000; --port-max=20000",
  );
  expect(findingLogLine(conf("caf\u00e9 = 1\n").findings[1]!)).toContain("caf\u00c3\u00a9");
});
