/** `list …`: the literal texts. */
import { expect, test } from "bun:test";
import { NO_PACKETS } from "../call/scene.ts";
import { PEER, Station } from "./station.ts";

test("single values", () => {
  const station = new Station(
    "--max-sessions=500",
    "--max-cpu=90",
    "--max-load=4",
    "--max-bandwidth=1000000",
    "--final-timeout=7200",
  );
  const answers: [string, string][] = [
    ["maxsessions", "Maximum sessions configured on rtpengine: 500"],
    ["maxcpu", "Maximum CPU usage configured on rtpengine: 90.0"],
    ["maxload", "Maximum load average configured on rtpengine: 4.00"],
    ["maxbw", "Maximum bandwidth configured on rtpengine: 1000000"],
    ["timeout", "TIMEOUT=60"],
    ["silenttimeout", "SILENT_TIMEOUT=3600"],
    ["finaltimeout", "FINAL_TIMEOUT=7200"],
    ["offertimeout", "OFFER_TIMEOUT=3600"],
    ["redisallowederrors", "-1"],
    ["redisdisabletime", "10"],
    ["redisconnecttimeout", "1000"],
    ["rediscmdtimeout", "0"],
    ["controltos", "0"],
    ["deletedelay", "30"],
    ["loglevel core", "6"],
    ["loglevel internals", "-1"],
  ];
  for (const [name, answer] of answers) {
    expect(station.run(`list ${name}`)).toBe(`${answer}\n`);
    expect(station.run(`get ${name}`)).toBe(`${answer}\n`);
  }
  expect(station.run("list loglevel nonsense")).toBe("");
  expect(station.run("list maxopenfiles")).toMatch(
    new RegExp(`^Maximum open-files configured on rtpengine: (\\d+|infinite); cat /proc/${process.pid}/limits\n$`),
  );
});

test("log levels come in the reference's order", () => {
  const station = new Station("--log-level=5", "--log-level-ice=7");
  expect(station.run("list loglevel")).toBe(
    "core = 5\nffmpeg = 5\ninternals = -1\nspandsp = 5\ntranscoding = 5\ncodec = 5\nrtcp = 5\nice = 7\ncrypto = 5\n" +
      "srtp = 5\nhttp = 5\ncontrol = 5\ndtx = 5\n",
  );
  const described = station.run("list loglevels").trimEnd().split("\n");
  expect(described).toHaveLength(13);
  for (const line of described) expect(line).toMatch(/^[a-z]+ - \S/);
});

test("numsessions: two blanks after mixed, and only answered calls have a family", () => {
  const station = new Station();
  station.call("one");
  station.scene.offer("v=0\no=- 1 1 IN IP4 192.0.2.10\ns=-\nc=IN IP4 192.0.2.10\nt=0 0\nm=audio 4000 RTP/AVP 8\n", {
    callId: "ringing",
    fromTag: "R",
  });
  expect(station.run("list numsessions")).toBe(
    "Current sessions own: 2\nCurrent sessions foreign: 0\nCurrent sessions total: 2\nCurrent transcoded media: 0\n" +
      "Current sessions ipv4 only media: 1\nCurrent sessions ipv6 only media: 0\nCurrent sessions ip mixed  media: 0\n",
  );
});

test("sessions: one line each, and the words when there are none", () => {
  const station = new Station();
  for (const [kind, words] of [
    ["all", "No sessions"],
    ["own", "No own sessions"],
    ["foreign", "No foreign sessions"],
    ["recording", "No recording sessions"],
  ]) {
    expect(station.run(`list sessions ${kind}`)).toBe(`${words} on this media relay.\n`);
  }
  station.call("a84b4c76e66710");
  const line = `ID: ${" ".repeat(46)}a84b4c76e66710 | del:n | creat:  1767225600 | prx:${PEER} | redis:-1 | frgn:n | rec:n\n`;
  expect(station.run("list sessions all")).toBe(line);
  expect(station.run("list sessions own")).toBe(line);
  expect(station.run("list sessions foreign")).toBe("No foreign sessions on this media relay.\n");
  station.scene.command({ command: "delete", callId: "a84b4c76e66710" });
  expect(station.run("list sessions all")).toBe(line.replace("del:n", "del:y"));
});

test("one call: header, parties, relations, media and ports", () => {
  const station = new Station();
  station.call("a84b4c76e66710");
  station.scene.now += 12_345.678;
  station.scene.received(30_000, {
    packetsIn: 615,
    bytesIn: 105_780,
    ssrc: 0x1a2b3c4d,
    payloadType: 8,
    lastPacketAt: 1_767_225_611_000,
    endpoint: { address: "192.0.2.77", port: 5004 },
  });
  const text = station.run("list sessions a84b4c76e66710");
  expect(station.run("call a84b4c76e66710 info")).toBe(text);
  expect(text).toBe(
    [
      "",
      "callid: a84b4c76e66710",
      "deletionmark: no",
      "created: 1767225600",
      `proxy: ${PEER}`,
      "tos: 0",
      "last_signal: 1767225600",
      "redis_keyspace: -1",
      "last redis update: 0",
      "foreign: no",
      "recording: no",
      "",
      "--- Tag 'A', type: FROM_TAG, label '', branch '', callduration 12.345678",
      "---     subscribed to media with monologue tag 'B' (index: 1)",
      "---     subscription of media with monologue tag 'B' (index: 1)",
      "------ Media #1 (audio over RTP/AVP) using unknown codec",
      "-------- Port    198.51.100.7:30002 <>      192.0.2.10:4000 , SSRC 0, 0 p, 0 b, 0 e, 0 uts 0 kts",
      "-------- Port    198.51.100.7:30003 <>      192.0.2.10:4001  (RTCP), SSRC 0, 0 p, 0 b, 0 e, 0 uts 0 kts",
      "--- Tag 'B', type: TO_TAG, label '', branch 'z9hG4bKa1', callduration 12.345678",
      "---     subscribed to media with monologue tag 'A' (index: 1)",
      "---     subscription of media with monologue tag 'A' (index: 1)",
      "------ Media #1 (audio over RTP/AVP) using PCMA/8000",
      "-------- Port    198.51.100.7:30000 <>      192.0.2.77:5004 , SSRC 1a2b3c4d, 615 p, 105780 b, 0 e, 1767225611 uts 0 kts",
      "-------- Port    198.51.100.7:30001 <>      192.0.2.30:6001  (RTCP), SSRC 0, 0 p, 0 b, 0 e, 0 uts 0 kts",
      "",
      "",
    ].join("\n"),
  );
  const party = station.run("call a84b4c76e66710 tag B info");
  expect(party.startsWith("--- Tag 'B', type: TO_TAG")).toBe(true);
  expect(text).toContain(party);
});

test("a call that is not there", () => {
  const station = new Station();
  expect(station.run("list sessions nobody at all")).toBe("\nCall ID not found (nobody at all).\n\n");
  expect(station.run("call nobody info")).toBe("No such call 'nobody'\n");
});

test("totals: blocks in order, values behind column 48, units", () => {
  const station = new Station();
  station.call();
  station.scene.pass(2);
  station.scene.happen({ kind: "terminate", callId: "call" });
  station.dispatcher.handlePlain(Buffer.from('{"command":"ping"}'), { address: "192.0.2.3", port: 5 });
  const lines = station.run("list totals").split("\n");
  expect(lines.slice(0, 4)).toEqual([
    "",
    "Statistics over currently running sessions:",
    "",
    ` Owned sessions${" ".repeat(34)}:0`,
  ]);
  const expected = [
    "Userspace-only media streams                    :0",
    "Uptime of rtpengine                             :2 seconds",
    "Total managed sessions                          :1",
    "Total forced terminated sessions                :1",
    "Total number of streams with no relayed packets :1",
    "Average call duration                           :2.000000 seconds",
    "Total calls duration squared                    :4.000000 seconds squared",
    "Total calls duration standard deviation         :0.000000 seconds",
    "Sum of all MOS values sampled                   :0.000000",
    "Average jitter (reported)                       :0.000000",
    "packet loss standard deviation                  :0.000000",
    "Out-of-order RTP packets                        :0",
  ];
  for (const line of expected) expect(lines).toContain(` ${line}`);
  const titles = lines.filter((line) => line.endsWith(":") && !line.startsWith(" "));
  expect(titles).toEqual([
    "Statistics over currently running sessions:",
    "Total statistics (does not include current running sessions):",
    "MOS statistics:",
    "VoIP metrics:",
    "Control statistics:",
    "VoIP metrics for interface default/198.51.100.7:",
    "VoIP metrics for interface default/2001:db8::7:",
  ]);
  const head = lines.find((line) => line.includes("Proxy"))!;
  expect(head.startsWith(`${" ".repeat(16)}Proxy |       Ping |      Offer |`)).toBe(true);
  expect(head.endsWith("|    CrtAnsw |       Mesh ")).toBe(true);
  const row = lines.find((line) => line.includes("192.0.2.3 |"))!;
  expect(row.startsWith(`            192.0.2.3 |          1 |          0 |`)).toBe(true);
  expect(row.length).toBe(head.length);
});

test("counters: nine lines", () => {
  const text = new Station().run("list counters");
  expect(
    text.startsWith("\nCurrent per-second counters:\n\n Packets per second (userspace)                  :0\n"),
  ).toBe(true);
  expect(text.trimEnd().split("\n")).toHaveLength(3 + 9);
});

test("interfaces: ports and traffic, also of sockets that are closed by now", () => {
  const station = new Station();
  station.call();
  const socket = [...station.scene.ports.open.values()].find(({ port }) => port === 30_000)!;
  station.scene.counters.set(socket.id, {
    packetsIn: 615,
    bytesIn: 105_780,
    packetsOut: 610,
    bytesOut: 104_920,
    lost: 3,
    duplicates: 1,
  });
  const wanted = [
    "Interface 'default' address '198.51.100.7' (IPv4)",
    " Port range: 30000 - 39999",
    " Ports used:     4 / 10000 (  0.0%)",
    " Packets/bytes/errors:",
    "  Ingress:          615 /     105780 /          0",
    "  Egress:           610 /     104920 /          0",
    " Packets lost/duplicates:          3 /          1",
    " MOS:    avg 0.0, packet loss avg   0%",
    " Jitter: avg   0 (measured   0)",
    " RTT:    e2e   0, dsct   0",
    "",
  ];
  const block = () => station.run("list interfaces").split("\n").slice(0, wanted.length);
  expect(block()).toEqual(wanted);
  // As the driver does before it closes sockets.
  station.console.closing([socket]);
  station.scene.counters.set(socket.id, NO_PACKETS);
  station.scene.happen({ kind: "terminate", callId: "call" });
  expect(block()).toEqual(wanted.map((line) => line.replace("    4 / 10000", "    0 / 10000")));
});

test("jsonstats: one line without end, keys in the reference's order", () => {
  const text = new Station().run("list jsonstats");
  expect(text.endsWith("}")).toBe(true);
  expect(text).not.toContain("\n");
  const tree = JSON.parse(text) as Record<string, unknown>;
  expect(Object.keys(tree).slice(0, 8)).toEqual([
    "currentstatistics",
    "totalstatistics",
    "mos",
    "voip_metrics",
    "controlstatistics",
    "interfaces",
    "transcoders",
    "poller_threads",
  ]);
  expect(tree["poller_threads"]).toEqual([{ index: 0, pid: process.pid, wakeups: 7, items: 12 }]);
  expect(text).toContain('"uptime":0,');
  expect(text).toContain('"mos_total":0.000000');
});

test("the ng command statistics has the same tree, with decimals and uptime as strings", () => {
  const station = new Station();
  const reply = station.dispatcher.handlePlain(Buffer.from('{"command":"statistics"}'), {
    address: "192.0.2.3",
    port: 5,
  });
  const { statistics } = JSON.parse(Buffer.from(reply).toString()) as {
    statistics: Record<string, Record<string, unknown>>;
  };
  expect(Object.keys(statistics)).toEqual(Object.keys(JSON.parse(station.run("list jsonstats")) as object));
  expect(statistics["totalstatistics"]!["uptime"]).toBe("0");
  expect(statistics["mos"]!["mos_total"]).toBe("0.000000");
});

test("transcoders: none", () => {
  expect(new Station().run("list transcoders")).toBe("No stats entries\n");
});

test("the ng command cli runs a line and wants one", () => {
  const station = new Station();
  const ask = (body: string) =>
    JSON.parse(
      Buffer.from(station.dispatcher.handlePlain(Buffer.from(body), { address: "192.0.2.3", port: 5 })).toString(),
    ) as unknown;
  expect(ask('{"command":"cli","body":"list timeout"}')).toEqual({ response: "TIMEOUT=60\n", result: "ok" });
  expect(ask('{"command":"CLI","body":""}')).toEqual({ response: "Incomplete command: \n", result: "ok" });
  expect(ask('{"command":"cli"}')).toEqual({ result: "error", "error-reason": "No 'body' in message" });
});
