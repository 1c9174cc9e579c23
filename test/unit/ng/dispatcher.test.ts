import { describe, expect, test } from "bun:test";
import type { Directives } from "../../../src/call/directives.ts";
import type { CommandReply, LogLevel } from "../../../src/call/transition.ts";
import { CookieCache } from "../../../src/ng/cookie-cache.ts";
import { Dispatcher } from "../../../src/ng/dispatcher.ts";
import { COMMANDS } from "../../../src/ng/vocabulary/commands.ts";

const T0 = 1_767_225_600_000;
const PEER = { address: "10.0.0.5", port: 44112 };
const SDP = "v=0\r\no=- 1 1 IN IP4 10.0.0.5\r\ns=-\r\nc=IN IP4 10.0.0.5\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n";

const ORDER: readonly LogLevel[] = ["error", "warning", "notice", "info", "debug"];

function setUp(execute: (directives: Directives, peer: string) => CommandReply = ok, level: LogLevel = "info") {
  const seen: { directives: Directives; peer: string }[] = [];
  const lines: string[] = [];
  let clock = 0;
  const dispatcher = new Dispatcher({
    execute: (directives, peer) => {
      seen.push({ directives, peer });
      clock += 1.234;
      return execute(directives, peer);
    },
    templates: new Map([["offer", "replace-origin"]]),
    log: (at, subsystem, context, message) =>
      lines.push(`${at.toUpperCase()}: ${context === undefined ? "" : `[${context}]: `}[${subsystem}] ${message}`),
    enabled: (at) => ORDER.indexOf(at) <= ORDER.indexOf(level),
    monotonic: () => clock,
    cookies: new CookieCache(),
  });
  const send = (wire: string, peer = PEER, now = T0) => {
    const reply = dispatcher.handle(Buffer.from(wire, "latin1"), peer, now);
    return reply && Buffer.from(reply).toString("latin1");
  };
  return { dispatcher, send, seen, lines };
}

function ok(): CommandReply {
  return { ok: true, body: {} };
}

/** Bencode of plain data, by hand. */
function wire(value: string | number | unknown[] | Record<string, unknown>): string {
  if (typeof value === "string") return `${value.length}:${value}`;
  if (typeof value === "number") return `i${value}e`;
  if (Array.isArray(value)) return `l${value.map((item) => wire(item as string)).join("")}e`;
  return `d${Object.entries(value)
    .map(([key, item]) => wire(key) + wire(item as string))
    .join("")}e`;
}

describe("wire examples", () => {
  test("ping, with the cookies of Kamailio and OpenSIPS", () => {
    const { send } = setUp();
    expect(send("7341_1_1 d7:command4:pinge")).toBe("7341_1_1 d6:result4:ponge");
    expect(send("0_2883104911_77 d7:command4:pinge")).toBe("0_2883104911_77 d6:result4:ponge");
    expect(send("4711_1804289383_12 d7:command4:pinge")).toBe("4711_1804289383_12 d6:result4:ponge");
    expect(send("x\xff\x00y d7:command4:pinge")).toBe("x\xff\x00y d6:result4:ponge");
  });

  test("ping in JSON", () => {
    expect(setUp().send('c {"command":"ping"}')).toBe('c {"result":"pong"}');
  });

  test("an offer of an older client: unsorted, command in the middle, list in received-from", () => {
    const { send, seen } = setUp(() => ({ ok: true, body: { sdp: "v=0\r\n" } }));
    const reply = send(
      `7341_1_2 d3:sdp${SDP.length}:${SDP}7:call-id6:abc1237:command5:offer8:from-tag4:aaaa` +
        "5:flagsl13:trust-addresse13:received-froml3:IP48:10.0.0.5ee",
    );
    expect(reply).toBe("7341_1_2 d3:sdp5:v=0\r\n6:result2:oke");
    expect(seen[0]!.peer).toBe("10.0.0.5:44112");
    expect(seen[0]!.directives).toMatchObject({
      command: "offer",
      sdp: SDP,
      callId: "abc123",
      fromTag: "aaaa",
      receivedFrom: "10.0.0.5",
      flags: new Set(["trust-address"]),
      replace: new Set(["origin"]), // from the template
    });
  });

  test("an error", () => {
    const { send } = setUp(() => ({ ok: false, reason: "Unknown call-id" }));
    expect(send("7341_1_3 d7:command5:query7:call-id1:xe")).toBe(
      "7341_1_3 d6:result5:error12:error-reason15:Unknown call-ide",
    );
  });

  test("Kamailio's offer with parsed flags", () => {
    const { send, seen } = setUp();
    send(
      `0_2883104911_77 d8:supportsl10:load limite3:sdp${SDP.length}:${SDP}3:ICE5:force7:replacel6:origin18:` +
        "session-connectione18:transport-protocol9:RTP/SAVPF13:received-froml3:IP413:198.51.100.50e7:call-id14:" +
        "a84b4c76e667108:from-tag10:19283017747:command5:offer16:sip-message-type11:sip_request5:flagsl13:trust-addressee",
    );
    expect(seen[0]!.directives).toMatchObject({
      supportsLoadLimit: true,
      ice: "force",
      transport: "RTP/SAVPF",
      receivedFrom: "198.51.100.50",
      callId: "a84b4c76e66710",
      fromTag: "1928301774",
      sipMessageType: "request",
    });
  });

  test("Kamailio's offer with flags left to the daemon, and its delete", () => {
    const { send, seen } = setUp();
    send(
      `0_2883104911_79 d8:supportsl10:load limite3:sdp${SDP.length}:${SDP}7:call-id14:a84b4c76e667108:from-tag10:` +
        "19283017747:command5:offer16:sip-message-type11:sip_request10:rtpp-flags24:trust-address ICE=removee",
    );
    send(
      "0_2883104911_78 d8:supportsl10:load limite7:call-id14:a84b4c76e667108:from-tag10:19283017747:command6:delete" +
        "16:sip-message-type11:sip_requeste",
    );
    expect(seen.map(({ directives }) => directives)).toMatchObject([
      { command: "offer", ice: "remove", flags: new Set(["trust-address"]) },
      { command: "delete", callId: "a84b4c76e66710", fromTag: "1928301774" },
    ]);
  });

  test("OpenSIPS' offer", () => {
    const { send, seen } = setUp();
    send(
      `4711_1804289383_12 d3:sdp${SDP.length}:${SDP}3:ICE5:force5:flagsl13:trust-addresse7:replacel6:origine18:` +
        "transport-protocol9:RTP/SAVPF7:call-id14:a84b4c76e6671013:received-froml3:IP413:198.51.100.50e8:from-tag10:" +
        "19283017747:command5:offere",
    );
    expect(seen[0]!.directives).toMatchObject({ ice: "force", supportsLoadLimit: false, transport: "RTP/SAVPF" });
  });

  test("bytes behind the dictionary are ignored", () => {
    expect(setUp().send("c d7:command4:pingeXYZ")).toBe("c d6:result4:ponge");
  });

  test("a JSON offer gets a JSON reply", () => {
    const { send } = setUp(() => ({ ok: true, body: { sdp: "s=\xc3\xbc\r\n" } }));
    const text = JSON.stringify({ command: "offer", sdp: SDP, "call-id": "c", "from-tag": "A" });
    expect(send(`k ${text}`)).toBe('k {"sdp":"s=\xc3\xbc\\r\\n","result":"ok"}');
  });
});

describe("errors", () => {
  test.each(["", "nospace", " d7:command4:pinge", `${"c".repeat(300)} d7:command4:pinge`])(
    "no cookie, no reply: %#",
    (datagram) => {
      const { send, lines } = setUp();
      expect(send(datagram)).toBeUndefined();
      expect(lines).toHaveLength(1);
      expect(lines[0]).toStartWith("WARNING: [control] Received invalid NG data (no cookie) from 10.0.0.5:44112: ");
    },
  );

  test.each([
    ["c ", "Invalid data (no payload)"],
    ["c x", "Invalid NG data format"],
    ["c  d7:command4:pinge", "Invalid NG data format"],
    ["c li1ee", "Invalid NG data format"],
    ["c d7:command4:pin", "Could not decode bencode dictionary"],
    ["c d7:commandi1.5ee", "Could not decode bencode dictionary"],
    ["c de", 'Dictionary contains no key "command"'],
    ["c d7:commandi1ee", 'Dictionary contains no key "command"'],
    ["c d7:command4:Pinge", "Unrecognized command"],
    ["c d7:command10:play_mediae", "Unrecognized command"],
  ])("%j: %s", (datagram, reason) => {
    const { send, lines } = setUp();
    expect(send(datagram)).toBe(`c ${wire({ result: "error", "error-reason": reason })}`);
    expect(lines.at(-1)).toBe(
      `WARNING: [control] Protocol error in packet from 10.0.0.5:44112: ${reason} [${datagram.slice(2)}]`,
    );
  });

  test.each([
    ["{", "Failed to parse JSON document"],
    ['{"command":"ping"', "Failed to parse JSON document"],
    [`{"a":${"[".repeat(40)}${"]".repeat(40)}}`, "Could not decode JSON dictionary"],
    ['{"command":"pong"}', "Unrecognized command"],
  ])("JSON %s: %s", (body, reason) => {
    expect(setUp().send(`c ${body}`)).toBe(`c ${JSON.stringify({ result: "error", "error-reason": reason })}`);
  });

  test("a JSON root that is no object, where the content type says JSON", () => {
    const reply = setUp().dispatcher.handlePlain(Buffer.from("[1]"), PEER, "json");
    expect(Buffer.from(reply).toString()).toBe('{"result":"error","error-reason":"Could not decode JSON dictionary"}');
  });

  test.each([
    ["offer", {}, "No SDP body in message"],
    ["offer", { sdp: "" }, "No SDP body in message"],
    ["offer", { "call-id": "c", "from-tag": "A" }, "No SDP body in message"],
    ["offer", { sdp: "x" }, "No call-id in message"],
    ["offer", { sdp: "x", "call-id": "c" }, "No from-tag in message"],
    ["answer", { "call-id": "c" }, "No SDP body in message"],
    ["answer", { sdp: "x", "from-tag": "A" }, "No call-id in message"],
    ["answer", { sdp: "x", "call-id": "c", "to-tag": "B" }, "No from-tag in message"],
    ["answer", { sdp: "x", "call-id": "c", "from-tag": "A" }, "No to-tag in message"],
    ["delete", { "from-tag": "A" }, "No call-id in message"],
    ["query", {}, "No call-id in message"],
    ["query", { "call id": "c" }, "No call-id in message"],
    ["list", { limit: -1 }, "invalid limit, must be >= 0"],
    ["list", { limit: "many" }, "invalid limit, must be >= 0"],
    ["offer", { sdp: "x", "sdp-media-remove": "video" }, "wrong type used"],
  ])("%s %j: %s", (command, entries, reason) => {
    const { send, seen } = setUp();
    expect(send(`c ${wire({ ...entries, command })}`)).toBe(`c ${wire({ result: "error", "error-reason": reason })}`);
    expect(seen).toEqual([]);
  });

  test("commands to come are refused by name", () => {
    for (const { name, status } of COMMANDS.filter((it) => it.status === "later")) {
      const { send, lines } = setUp();
      const reply = send(`c ${wire({ command: name, "call-id": "c1" })}`);
      expect(status).toBe("later");
      expect(reply).toStartWith("c d6:result5:error12:error-reason11:unsupported12:error-detail");
      expect(lines.at(-1)).toContain(`unsupported (command '${name}' is not part of this version) [`);
    }
  });

  test("the core's detail goes into a key of its own behind the literal reason", () => {
    const { send, lines } = setUp(() => ({
      ok: false,
      reason: "Ran out of ports",
      detail: "bind 192.0.2.1: Address not available",
    }));
    const request = wire({ sdp: "x", "call-id": "c1", "from-tag": "A", command: "offer" });
    expect(send(`c ${request}`)).toBe(
      `c ${wire({
        result: "error",
        "error-reason": "Ran out of ports",
        "error-detail": "bind 192.0.2.1: Address not available",
      })}`,
    );
    expect(lines.at(-1)).toBe(
      "WARNING: [c1]: [control] Protocol error in packet from 10.0.0.5:44112: Ran out of ports " +
        `(bind 192.0.2.1: Address not available) [${request}]`,
    );
  });

  test("a defect behind the command is an error reply, not the end", () => {
    const { send, lines } = setUp(() => {
      throw new Error("boom");
    });
    expect(send("c d7:call-id1:x7:command6:deletee")).toBe("c d6:result5:error12:error-reason14:Internal errore");
    expect(lines.find((line) => line.startsWith("ERROR"))).toContain("Internal error in command 'delete': ");
  });

  test("load limit: by its name for clients that understand it, as an error for others", () => {
    const busy = (): CommandReply => ({ ok: false, reason: "Parallel session limit reached", loadLimit: true });
    const { send, dispatcher } = setUp(busy);
    const offer = { sdp: "x", "call-id": "c", "from-tag": "A", command: "offer" };
    expect(send(`a ${wire({ supports: ["load limit"], ...offer })}`)).toBe(
      `a ${wire({ result: "load limit", message: "Parallel session limit reached" })}`,
    );
    expect(dispatcher.peers.at(PEER.address).errors).toBe(0);
    expect(send(`b ${wire(offer)}`)).toBe(
      `b ${wire({ result: "error", "error-reason": "Parallel session limit reached" })}`,
    );
    expect(dispatcher.peers.at(PEER.address).errors).toBe(1);
  });

  test("a reply that no datagram can carry becomes an error", () => {
    const { send } = setUp(() => ({ ok: true, body: { calls: Array.from({ length: 9_000 }, (_, i) => `call-${i}`) } }));
    const reply = send("c d7:command4:list5:limiti9000ee");
    expect(reply).toStartWith("c d6:result5:error12:error-reason15:Reply too large12:error-detail");
  });
});

describe("commands", () => {
  test("query and list read their exact keys only, the first of equal ones", () => {
    const { send, seen } = setUp();
    send("a d7:command5:query7:call-id1:x7:call-id1:y8:from-tag1:A6:to-tag1:B5:flagsl5:bogusee");
    send("b d7:command4:liste");
    send("c d7:command4:list5:limit2:10e");
    send("d d7:command4:list5:limiti0ee");
    expect(seen.map(({ directives }) => directives)).toMatchObject([
      { command: "query", callId: "x", fromTag: "A", toTag: "B", flags: new Set() },
      { command: "list", limit: 32 },
      { command: "list", limit: 10 },
      { command: "list", limit: 0 },
    ]);
  });

  test("result comes last, after whatever the core puts in", () => {
    const { send } = setUp(() => ({ ok: true, body: { created: 1, warning: "w", "last signal": undefined } }));
    expect(send("a d7:call-id1:x7:command6:deletee")).toBe("a d7:createdi1e7:warning1:w6:result2:oke");
  });

  test("statistics: control counters in their place, integers and strings as in the reference", () => {
    const { send, dispatcher } = setUp(({ command }) =>
      command === "statistics"
        ? {
            ok: true,
            body: { statistics: { currentstatistics: { sessionsown: 1 }, interfaces: [], voip_metrics: {} } },
          }
        : { ok: true, body: {} },
    );
    send("a d7:command4:pinge");
    send("b d7:call-id1:x7:command6:deletee");
    send("c d7:command5:bogus7:call-id1:xe", { address: "2001:db8::1", port: 1 });
    const reply = JSON.parse(send('d {"command":"statistics"}')!.slice(2)) as {
      statistics: Record<string, unknown>;
      result: string;
    };
    expect(Object.keys(reply)).toEqual(["statistics", "result"]);
    expect(Object.keys(reply.statistics)).toEqual([
      "currentstatistics",
      "voip_metrics",
      "controlstatistics",
      "interfaces",
    ]);
    const control = dispatcher.controlStatistics() as Record<string, unknown>;
    expect(Object.keys(control).slice(0, 4)).toEqual([
      "proxies",
      "totalpingcount",
      "totaloffercount",
      "totalanswercount",
    ]);
    expect(Object.keys(control).at(-1)).toBe("totalmeshcount");
    expect(Object.keys(control)).toHaveLength(34);
    expect(control["totalstatscount"]).toBe(1);
    const [first, second] = control["proxies"] as Record<string, unknown>[];
    expect(Object.keys(first!).slice(0, 3)).toEqual(["proxy", "pingcount", "pingduration"]);
    expect(Object.keys(first!).at(-1)).toBe("errorcount");
    expect(first).toMatchObject({
      proxy: "10.0.0.5",
      pingcount: 1,
      pingduration: "0.000000",
      deletecount: 1,
      deleteduration: "0.001234",
      errorcount: 0,
    });
    expect(second).toMatchObject({ proxy: "2001:db8::1", errorcount: 1 });
  });
});

describe("repeated requests", () => {
  test("five equal datagrams: five equal replies, carried out once, counted once", () => {
    let runs = 0;
    const { send, dispatcher, lines } = setUp(() => ({ ok: true, body: { calls: [`${++runs}`] } }));
    const replies = Array.from({ length: 5 }, (_, i) => send("k d7:command4:liste", { ...PEER, port: 5_000 + i }));
    expect(new Set(replies)).toEqual(new Set(["k d5:callsl1:1e6:result2:oke"]));
    expect(runs).toBe(1);
    expect((dispatcher.controlStatistics() as Record<string, unknown>)["totallistcount"]).toBe(1);
    expect(lines.filter((line) => line.includes("duplicate"))).toEqual(
      [5_001, 5_002, 5_003, 5_004].map(
        (port) => `INFO: [control] Detected command from 10.0.0.5:${port} as a duplicate`,
      ),
    );
  });

  test("errors are repeated too, also from another address", () => {
    const { send, dispatcher } = setUp();
    const first = send("k d7:command5:bogusee");
    expect(send("k d7:command5:bogusee", { address: "10.0.0.6", port: 1 })).toBe(first!);
    expect(dispatcher.peers.at(PEER.address).errors).toBe(1);
    expect(dispatcher.peers.at("10.0.0.6").errors).toBe(0);
  });

  test("after a minute the cookie is new", () => {
    let runs = 0;
    const { send } = setUp(() => ({ ok: true, body: { n: ++runs } }));
    send("k d7:command4:liste", PEER, T0);
    send("k d7:command4:liste", PEER, T0 + 29_999);
    expect(runs).toBe(1);
    send("k d7:command4:liste", PEER, T0 + 61_000);
    expect(runs).toBe(2);
  });

  test("without cookie nothing is remembered", () => {
    let runs = 0;
    const { dispatcher } = setUp(() => ({ ok: true, body: { n: ++runs } }));
    const plain = (text: string) => Buffer.from(dispatcher.handlePlain(Buffer.from(text), PEER)).toString();
    expect(plain('{"command":"list"}')).toBe('{"n":1,"result":"ok"}');
    expect(plain("d7:command4:liste")).toBe("d1:ni2e6:result2:oke");
  });
});

describe("log lines", () => {
  test("around a request", () => {
    const { send, lines } = setUp(() => ({ ok: true, body: { sdp: "v=0\r\n" } }), "debug");
    send(`k ${wire({ sdp: "v=0\r\n", "call-id": "abc", "from-tag": 'A"', command: "offer", limit: 3 })}`);
    expect(lines).toEqual([
      "INFO: [abc]: [control] Received command 'offer' from 10.0.0.5:44112",
      "DEBUG: [abc]: [control] Dump for 'offer' from 10.0.0.5:44112: " +
        '{ "sdp": "v=0\\r\\n", "call-id": "abc", "from-tag": "A\\"", "command": "offer", "limit": 3 }',
      "INFO: [abc]: [control] Replying to 'offer' from 10.0.0.5:44112 (elapsed time 0.001234 sec)",
      "DEBUG: [abc]: [control] Response dump for 'offer' to 10.0.0.5:44112: " +
        '{ "sdp": "v=0\\r\\n", "result": "ok" }',
    ]);
  });

  test("IPv6 controllers are shown in brackets", () => {
    const { send, lines } = setUp();
    send("k d7:command4:pinge", { address: "2001:db8::1", port: 9 });
    expect(lines[0]).toBe("INFO: [control] Received command 'ping' from [2001:db8::1]:9");
  });

  test("a message cannot forge lines of its own", () => {
    const { send, lines } = setUp();
    send(`k ${wire({ command: "x\nERR: forged\x1b[2J\xff" })}`);
    for (const line of lines) expect(line).toMatch(/^[ -~]*$/);
    expect(lines[0]).toContain("'x\\nERR: forged\\x1b[2J\\xff'");
  });

  test("a long refused message is cut", () => {
    const { send, lines } = setUp();
    send(`k ${"x".repeat(60_000)}`);
    expect(lines[0]!.length).toBeLessThan(2_300);
    expect(lines[0]).toContain("(60000 bytes)");
  });

  test("nothing is built that is not written", () => {
    const { send, lines } = setUp(ok, "error");
    send("k d7:command4:pinge");
    send("l x");
    send("nospace");
    expect(lines).toEqual([]);
  });

  test("each remark is logged once per controller and counted each time", () => {
    const { send, lines, dispatcher } = setUp();
    const request = wire({
      sdp: "x",
      "call-id": "c",
      "from-tag": "A",
      flags: ["symmetric", "symmetric-codecs"],
      "record-call": "yes",
      repacketize: 20,
      command: "offer",
    });
    for (let i = 0; i < 10; i++) send(`k${i} ${request}`);
    send(`other ${request}`, { address: "10.0.0.6", port: 1 });
    const remarks = lines.filter((line) => line.includes("logged once"));
    const texts = [
      "WARNING: [c]: [control] Unknown flag encountered: 'symmetric'",
      "INFO: [c]: [control] Ignoring obsolete flag 'symmetric-codecs'",
      "WARNING: [c]: [control] Optional feature 'record-call=yes' not supported by this version",
      "WARNING: [c]: [control] Unknown dictionary key encountered: 'repacketize'",
    ];
    expect(remarks).toEqual(
      ["10.0.0.5", "10.0.0.6"].flatMap((peer) => texts.map((text) => `${text} (from ${peer}, logged once)`)),
    );
    expect(dispatcher.peers.at("10.0.0.5").notes.get("Unknown flag encountered: 'symmetric'")).toBe(10);
  });
});

describe("limits", () => {
  test("remarks and peers are bounded", () => {
    const { send, lines, dispatcher } = setUp();
    for (let i = 0; i < 40; i++) {
      const flags = Array.from({ length: 50 }, (_, n) => `flag-${i}-${n}`);
      send(`k${i} ${wire({ sdp: "x", "call-id": "c", "from-tag": "A", flags, command: "offer" })}`);
    }
    expect(lines.filter((line) => line.includes("logged once"))).toHaveLength(256);
    expect(dispatcher.peers.at(PEER.address).otherNotes).toBe(40 * 50 - 256);
    for (let i = 0; i < 5_000; i++) send(`p${i} d7:command4:pinge`, { address: `10.1.${i >> 8}.${i & 255}`, port: 1 });
    const peers = [...dispatcher.peers.all()];
    expect(peers).toHaveLength(1_024);
    expect(peers.at(-1)!.address).toBe("other");
    expect((dispatcher.controlStatistics() as Record<string, unknown>)["totalpingcount"]).toBe(5_000);
  });
});
