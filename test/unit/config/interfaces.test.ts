import { describe, expect, test } from "bun:test";
import { conf, errors, interfacesOf, load, settingsOf, texts, toml, warnings } from "./host.ts";

const RANGE = "30000-39999";
const one = (text: string) => load([`--interface=${text}`]);

describe("short form", () => {
  test.each([
    ["10.0.0.5", [`default 10.0.0.5 ${RANGE}`]],
    ["2001:DB8:0::5", [`default 2001:db8::5 ${RANGE}`]],
    ["pub/10.0.0.5", [`pub 10.0.0.5 ${RANGE}`]],
    ["pub/2001:db8::5", [`pub 2001:db8::5 ${RANGE}`]],
    ["10.0.0.5!203.0.113.10", [`default 10.0.0.5>203.0.113.10 ${RANGE}`]],
    ["pub/10.0.0.5!203.0.113.10", [`pub 10.0.0.5>203.0.113.10 ${RANGE}`]],
    ["pub/10.0.0.5!nat.example.net", [`pub 10.0.0.5>203.0.113.10 ${RANGE}`]],
    ["pub/2001:db8::5!nat.example.net", [`pub 2001:db8::5>2001:db8:ffff::10 ${RANGE}`]],
    ["media.example.net", [`default 10.0.0.5 ${RANGE}`]],
    ["eth0", [`default 10.0.0.5 ${RANGE}`, `default 2001:db8::5 ${RANGE}`]],
    ["lan/eth1", [`lan 192.168.1.5 ${RANGE}`]],
    ["eth0!203.0.113.10", [`default 10.0.0.5>203.0.113.10 ${RANGE}`, `default 2001:db8::5 ${RANGE}`]],
    ["lo", [`default 127.0.0.1 ${RANGE}`, `default ::1 ${RANGE}`]],
    ["127.0.0.53", [`default 127.0.0.53 ${RANGE}`]],
    ["rr:a/10.0.0.5", [`rr:a 10.0.0.5 ${RANGE}`]],
    ["any", ["10.0.0.5", "2001:db8::5", "192.168.1.5", "203.0.113.77"].map((address) => `default ${address} ${RANGE}`)],
  ])("%s", (text, expected) => {
    expect(interfacesOf(one(text))).toEqual(expected);
    expect(texts(one(text))).toEqual([]);
  });

  test("one name on several addresses is one interface, in order", () => {
    const { interfaces } = settingsOf(
      load(["-i", "pub/10.0.0.5", "-i", "priv/192.168.1.5", "-i", "pub/2001:db8::5"]),
    ).call;
    expect(interfaces.interfaces.map(({ name }) => name)).toEqual(["pub", "priv"]);
    expect(interfaces.interfaces[0]!.addresses.map(({ local, family }) => [local, family])).toEqual([
      ["10.0.0.5", 4],
      ["2001:db8::5", 6],
    ]);
  });

  test("an alias is a second name", () => {
    const { interfaces } = settingsOf(load(["-i", "pub/10.0.0.5", "-i", "external=pub"])).call;
    expect([...interfaces.aliases]).toEqual([["external", "pub"]]);
  });

  test("an alias may stand before its interface, and may name a group of rotating ones", () => {
    const loaded = load(["-i", "external=rr", "-i", "rr:1/10.0.0.5", "-i", "rr:2/192.168.1.5"]);
    expect([...settingsOf(loaded).call.interfaces.aliases]).toEqual([["external", "rr"]]);
  });

  test("the same address twice counts once", () => {
    const loaded = load(["-i", "eth0", "-i", "10.0.0.5"]);
    expect(interfacesOf(loaded)).toHaveLength(2);
    expect(warnings(loaded)).toEqual([
      "command line: --interface=10.0.0.5: default/10.0.0.5 is already configured; counted once",
    ]);
  });

  test("an address under two names is two interfaces", () => {
    expect(interfacesOf(load(["-i", "a/10.0.0.5", "-i", "b/10.0.0.5!203.0.113.10"]))).toHaveLength(2);
  });

  test("a virtual address that is elsewhere now is a warning: standby nodes start too", () => {
    const loaded = one("pub/198.51.100.1");
    expect(interfacesOf(loaded)).toEqual([`pub 198.51.100.1 ${RANGE}`]);
    expect(warnings(loaded)[0]).toContain("is not an address of this host now (its addresses: 10.0.0.5,");
  });

  test("where the kernel binds foreign addresses nothing is said", () => {
    const loaded = load(["-i", "eth0/198.51.100.1"], { host: { nonLocalBind: () => true } });
    expect(texts(loaded)).toEqual([]);
  });
});

describe("mistakes get the right form", () => {
  test.each([
    ["eth0/203.0.113.10", "203.0.113.10 is not an address of this host", "eth0/10.0.0.5!203.0.113.10"],
    ["203.0.113.10!10.0.0.5", "swapped", "10.0.0.5!203.0.113.10"],
    ["pub/203.0.113.10!10.0.0.5", "swapped", "pub/10.0.0.5!203.0.113.10"],
    ["pub/IP_PUBLICA", "placeholder", "pub/10.0.0.5"],
    ["PRIVATE_IP", "placeholder", "10.0.0.5"],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: what a shell did not fill in
    ["PRIVATE_IP/${PRIVATE_IP}", "placeholder", "PRIVATE_IP/10.0.0.5"],
    ["external/[IP_local]![IP_pública]", "placeholder", "external/10.0.0.5!203.0.113.10"],
    ["external/[10.0.0.5]![203.0.113.10]", "without brackets", "external/10.0.0.5!203.0.113.10"],
    ["[2001:db8::5]", "without brackets", "2001:db8::5"],
    ["0.0.0.0", "wildcard", "10.0.0.5"],
    ["pub/::", "wildcard", "pub/10.0.0.5"],
    ["10.0.0.5/24", "prefix length", "10.0.0.5"],
    ["pub/10.0.0.5/24", "prefix length", "pub/10.0.0.5"],
    ["10.0.0.5/203.0.113.10", "not an address", "pub/10.0.0.5!203.0.113.10"],
    ["10.0.0.5:30000", "no port", "10.0.0.5"],
    ["priv=192.168.1.5", "an address follows a /", "priv/192.168.1.5"],
    ["fe80::1", "link-local", "10.0.0.5"],
    ["eth9", "devices: lo, eth0, eth1, wan, tun0", "10.0.0.5"],
    ["", "empty (an unset variable?)", "10.0.0.5"],
  ])("%s", (text, reason, right) => {
    const found = errors(one(text));
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(reason);
    expect(found[0]).toEndWith(`\n    write: --interface=${right}`);
    // What is proposed must itself be right.
    if (!right.includes("=")) expect(errors(one(right))).toEqual([]);
  });

  test.each([
    ["pub/10.0.0.5!2001:db8::1", "not of the same family"],
    ["pub/10.0.0.5!0.0.0.0", "wildcard"],
    ["pub/10.0.0.5!no.such.host", "no host name that resolves"],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: what a shell did not fill in
    ["pub/10.0.0.5!${PUBLIC_IP}", "placeholder"],
    ["tun0", "no address but IPv6 link-local ones"],
    ["x=pub", "there is no interface pub to be an alias of; interfaces are: none"],
    ["=pub", "ALIAS=NAME"],
    ["/10.0.0.5", "name before the /"],
    ["a/10.0.0.5!1.2.3.4!5.6.7.8", "more than ADDRESS!ADVERTISED"],
    ["a/10.0.0.5!", "nothing after the !"],
    ["a/", "missing"],
  ])("%s", (text, reason) => {
    const found = errors(one(text));
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(reason);
  });

  test("a name cannot be alias and interface at once", () => {
    expect(errors(load(["-i", "a/10.0.0.5", "-i", "b/192.168.1.5", "-i", "a=b"]))[0]).toContain(
      "both an interface and an alias",
    );
  });

  test("every wrong interface is reported, not just the first", () => {
    expect(errors(load(["-i", "0.0.0.0", "-i", "eth9", "-i", "10.0.0.5/24"]))).toHaveLength(3);
  });
});

describe("sections of rtpengine.conf", () => {
  test("interfaces with their own ports, an alias, short forms first", () => {
    const loaded = conf(
      [
        "[rtpengine]",
        "interface = first/wan",
        "interfaces-config = intf",
        "[intf-pub]",
        "address = 10.0.0.5",
        "advertised = 203.0.113.10",
        "port-min = 30000",
        "port-max = 40000 # the firewall's range",
        "exclude-ports = 30100;30102",
        "[intf-priv]",
        "name = inside",
        "address = 192.168.1.5",
        "[intf-external]",
        "alias = pub",
      ].join("\n"),
    );
    expect(texts(loaded)).toEqual([]);
    expect(interfacesOf(loaded)).toEqual([
      "first 203.0.113.77 30000-39999",
      "pub 10.0.0.5>203.0.113.10 30000-40000",
      "inside 192.168.1.5 30000-39999",
    ]);
    expect([...settingsOf(loaded).call.interfaces.interfaces[1]!.addresses[0]!.excludePorts]).toEqual([30_100, 30_102]);
    expect([...settingsOf(loaded).call.interfaces.aliases]).toEqual([["external", "pub"]]);
  });

  test.each(["advertised", "advertised address", "advertised-address", "advertised_address"])("%s", (key) => {
    const loaded = conf(`[rtpengine]\ninterfaces-config = i\n[i-pub]\naddress = 10.0.0.5\n${key} = 203.0.113.10\n`);
    expect(interfacesOf(loaded)).toEqual([`pub 10.0.0.5>203.0.113.10 ${RANGE}`]);
  });

  test("each fault is named with its line", () => {
    const loaded = conf(
      "[rtpengine]\ninterfaces-config = i\n[i-a]\nadvertised = 1.2.3.4\n[i-b]\naddress = 10.0.0.5\nport-min = 70000\n[i-c]\naddress = 203.0.113.10\nadvertised = 10.0.0.5\n[i-d]\naddress = 192.168.1.5\nport-min = 40000\n",
    );
    const where = "/etc/rtpengine/rtpengine.conf";
    expect(errors(loaded)).toEqual([
      `${where}:3: a = a: interface a has no address\n    write: address = 10.0.0.5`,
      `${where}:7: port-min = 70000: must be a whole number from 1 to 65535\n    write: port-min = 30000`,
      `${where}:9: address = 203.0.113.10: the two addresses are swapped: 203.0.113.10 is not an address of this host, 10.0.0.5 is. The local one comes first, the advertised one after the !\n    write: address = 10.0.0.5\n           advertised = 203.0.113.10`,
      `${where}:13: port-min = 40000: port-min (40000) must be below port-max (39999)`,
    ]);
  });

  test("sections that look like interfaces but are not used are pointed out", () => {
    const loaded = conf("[rtpengine]\ninterface = eth0\n[intf-pub]\naddress = 10.0.0.5\n");
    expect(warnings(loaded)).toEqual([
      "/etc/rtpengine/rtpengine.conf:3: [intf-pub] looks like an interface but is not used\n    write: interfaces-config = intf",
    ]);
  });

  test("a prefix without sections", () => {
    expect(errors(conf("[rtpengine]\ninterfaces-config = intf\n"))[0]).toContain(
      ":2: interfaces-config: there is no section [intf-NAME]",
    );
  });
});

describe("tables of sluice.toml", () => {
  test("a table per interface", () => {
    const loaded = toml(`
listen-ng = "127.0.0.1:2223"
[interface.pub]
address = ["10.0.0.5", "2001:db8::5"]
advertised = ["203.0.113.10", "2001:db8:ffff::10"]
port-min = 20000
port-max = 29999
exclude-ports = [20002]
[interface.priv]
address = "192.168.1.5"
[interface.external]
alias = "pub"
`);
    expect(texts(loaded)).toEqual([]);
    expect(interfacesOf(loaded)).toEqual([
      "pub 10.0.0.5>203.0.113.10 20000-29999",
      "pub 2001:db8::5>2001:db8:ffff::10 20000-29999",
      "priv 192.168.1.5 30000-39999",
    ]);
    expect([...settingsOf(loaded).call.interfaces.aliases]).toEqual([["external", "pub"]]);
  });

  test("an array of tables keeps the order and may repeat a name", () => {
    const loaded = toml(`
[[interface]]
name = "pub"
address = "10.0.0.5"
[[interface]]
name = "priv"
address = "eth1"
[[interface]]
name = "pub"
address = "2001:db8::5"
`);
    expect(interfacesOf(loaded)).toEqual([
      `pub 10.0.0.5 ${RANGE}`,
      `pub 2001:db8::5 ${RANGE}`,
      `priv 192.168.1.5 ${RANGE}`,
    ]);
  });

  test("short forms as on the command line", () => {
    expect(interfacesOf(toml('interface = ["pub/10.0.0.5!203.0.113.10", "eth1"]'))).toEqual([
      `pub 10.0.0.5>203.0.113.10 ${RANGE}`,
      `default 192.168.1.5 ${RANGE}`,
    ]);
    expect(interfacesOf(toml('interface = "eth1"'))).toEqual([`default 192.168.1.5 ${RANGE}`]);
  });

  test("faults carry their line", () => {
    const loaded = toml('[interface.pub]\naddress = "0.0.0.0"\n\n[[nothing]]\n');
    expect(errors(loaded)[0]).toStartWith("/etc/sluice/sluice.toml:2: address = 0.0.0.0: a wildcard address");
    expect(errors(toml('[[interface]]\naddress = "10.0.0.5"\n'))[0]).toContain("entry 1 has no name");
    expect(errors(toml('[interface]\npub = "10.0.0.5"\n'))[0]).toContain("must be a table");
  });
});

describe("nothing configured", () => {
  test("the host's way out", () => {
    const loaded = load([], { host: { primaryAddresses: () => ["10.0.0.5", "2001:db8::5"] } });
    expect(interfacesOf(loaded)).toEqual([`default 10.0.0.5 ${RANGE}`, `default 2001:db8::5 ${RANGE}`]);
  });

  test("without any network, loopback", () => {
    expect(interfacesOf(load([], { host: { primaryAddresses: () => [] } }))).toEqual([`default 127.0.0.1 ${RANGE}`]);
  });
});
