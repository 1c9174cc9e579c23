/** Replies of query, delete, list and statistics, and what is written at the end of a call. */
import { describe, expect, test } from "bun:test";
import { Decimal, jsonForm, ngForm, statisticsTree } from "../../../src/call/statistics.ts";
import type { NgReplyDict, NgReplyValue } from "../../../src/ng/value.ts";
import { ALICE, BOB, interfaceAddress, PEER, Scene } from "./scene.ts";

function established(settings = {}): Scene {
  const scene = new Scene(settings);
  scene.offer(ALICE, { viaBranch: "z9hG4bKa1", label: "caller", metadata: "x:y" });
  scene.now += 1500;
  scene.answer(BOB, { viaBranch: "z9hG4bKa1" });
  return scene;
}

/** Plain objects for comparison. */
function plain(value: NgReplyValue | undefined): unknown {
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [key, plain(item)]));
  if (Array.isArray(value)) return value.map((item: NgReplyValue) => plain(item));
  if (typeof value !== "object" || value === null) return value;
  const out: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value as NgReplyDict)) if (item !== undefined) out[key] = plain(item);
  return out;
}

function query(scene: Scene, given = {}): Record<string, unknown> {
  const reply = scene.command({ command: "query", callId: "call", ...given });
  if (!reply.ok) throw new Error(reply.reason);
  return plain(reply.body) as Record<string, unknown>;
}

describe("query", () => {
  test("a call as soon as it is answered", () => {
    const stream = (port: number, address: string, remotePort: number, kind: string, last: number) => ({
      "local port": port,
      "local address": "198.51.100.7",
      family: "IPv4",
      endpoint: { family: "IPv4", address, port: remotePort },
      "advertised endpoint": { family: "IPv4", address, port: remotePort },
      "last packet": last,
      "last kernel packet": 0,
      "last user packet": 0,
      flags: [kind, "filled"],
      stats: { packets: 0, bytes: 0, errors: 0 },
      stats_out: { packets: 0, bytes: 0, errors: 0 },
      verdict: expect.objectContaining(
        kind === "RTP" ? { cause: "just-signalled", state: "waiting" } : { state: "expected" },
      ),
    });
    const media = (streams: unknown[]) => ({
      index: 1,
      type: "audio",
      protocol: "RTP/AVP",
      streams,
      flags: ["initialized", "send", "recv"],
      "ingress SSRCs": [],
      "egress SSRCs": [],
    });
    const at = 1_767_225_600;
    expect(query(established())).toEqual({
      created: at,
      created_us: 0,
      created_ts: at * 1_000_000,
      "last signal": at + 1,
      "last redis update": 0,
      metadata: "x:y",
      SSRC: {},
      tags: {
        A: {
          tag: "A",
          label: "caller",
          created: at,
          metadata: "x:y",
          subscriptions: [{ tag: "B", type: "offer/answer" }],
          subscribers: [{ tag: "B", type: "offer/answer" }],
          medias: [
            media([stream(30002, "192.0.2.10", 4000, "RTP", at), stream(30003, "192.0.2.10", 4001, "RTCP", at)]),
          ],
        },
        B: {
          tag: "B",
          "via-branch": "z9hG4bKa1",
          created: at,
          subscriptions: [{ tag: "A", type: "offer/answer" }],
          subscribers: [{ tag: "A", type: "offer/answer" }],
          medias: [
            media([stream(30000, "192.0.2.30", 6000, "RTP", at), stream(30001, "192.0.2.30", 6001, "RTCP", at)]),
          ],
        },
      },
      totals: { RTP: { packets: 0, bytes: 0, errors: 0 }, RTCP: { packets: 0, bytes: 0, errors: 0 } },
    });
  });

  test("a party that is not known yet", () => {
    const scene = new Scene();
    scene.offer(ALICE, { viaBranch: "b1" });
    scene.offer(ALICE, { viaBranch: "b2" });
    const { tags } = query(scene) as { tags: Record<string, { tag: string; medias: { streams: object[] }[] }> };
    expect(Object.keys(tags)).toEqual(["A", "<untagged 1>", "<untagged 2>"]);
    expect(tags["<untagged 1>"]?.tag).toBe("");
    expect(tags["<untagged 1>"]?.medias[0]?.streams[0]).toMatchObject({ endpoint: {}, flags: ["RTP"] });
  });

  test("packets: totals, codec and SSRC where the proxies look for them", () => {
    const scene = established();
    scene.received(30002, {
      packetsIn: 615,
      bytesIn: 105_780,
      errorsIn: 2,
      ssrc: 0x1a2b3c4d,
      payloadType: 8,
      lastTimestamp: 98_400,
      highestSequence: 1615,
      lost: 3,
      confirmed: true,
    });
    scene.received(30000, { packetsIn: 10, bytesIn: 1720, packetsOut: 612, bytesOut: 105_264 });
    scene.received(30003, { packetsIn: 3, bytesIn: 264 });
    const tree = query(scene) as {
      SSRC: Record<string, object>;
      totals: object;
      tags: Record<
        string,
        { medias: { codec?: string; streams: object[]; "ingress SSRCs": object[]; "egress SSRCs": object[] }[] }
      >;
    };
    expect(tree.totals).toEqual({
      RTP: { packets: 625, bytes: 107_500, errors: 2 },
      RTCP: { packets: 3, bytes: 264, errors: 0 },
    });
    const entry = {
      bytes: 105_780,
      packets: 615,
      "last RTP timestamp": 98_400,
      "last RTP seq": 1615,
      "cumulative loss": 3,
    };
    expect(tree.SSRC).toEqual({ "439041101": entry });
    const media = tree.tags["A"]?.medias[0];
    expect(media?.codec).toBe("PCMA/8000");
    expect(media?.["ingress SSRCs"]).toEqual([{ SSRC: 439_041_101, ...entry }]);
    expect(media?.streams[0]).toMatchObject({ SSRC: 439_041_101, flags: ["RTP", "filled", "confirmed"] });
    expect(tree.tags["B"]?.medias[0]?.["egress SSRCs"]).toMatchObject([{ SSRC: 439_041_101, packets: 612 }]);
  });

  test.each([
    ["full", true, true],
    ["global", true, false],
    ["inline", false, true],
    ["none", false, false],
  ] as const)("ssrc-reporting=%s", (ssrcReporting, global, inline) => {
    const tree = query(established({ ssrcReporting })) as {
      tags: Record<string, { medias: Record<string, unknown>[] }>;
    };
    expect("SSRC" in tree).toBe(global);
    expect("ingress SSRCs" in (tree.tags["A"]?.medias[0] ?? {})).toBe(inline);
  });

  test("packets of ports that were closed still count", () => {
    const scene = established();
    scene.received(30000, { packetsIn: 100, bytesIn: 17_200 });
    const video = "\n m=video 0 RTP/AVP 34";
    scene.offer(`${ALICE.replace("m=audio 4000", "m=audio 0").trim()}${video}`, { toTag: "B" });
    expect(query(scene)["totals"]).toMatchObject({ RTP: { packets: 100, bytes: 17_200 } });
  });

  test("one party and those it receives from; to-tag preferred; an unknown tag gives none", () => {
    const scene = new Scene();
    scene.offer(ALICE, { viaBranch: "b1" });
    scene.offer(ALICE, { viaBranch: "b2" });
    scene.answer(BOB, { viaBranch: "b1" });
    const tags = (given: object) => Object.keys(query(scene, given)["tags"] as object);
    expect(tags({ fromTag: "A" })).toEqual(["A", "B", "<untagged 1>"]);
    expect(tags({ fromTag: "A", toTag: "B" })).toEqual(["B", "A"]);
    expect(tags({ fromTag: "nope" })).toEqual([]);
    expect(tags({})).toEqual(["A", "B", "<untagged 1>"]);
  });

  test("mux, feedback, loop and blackhole show in the flags", () => {
    const scene = new Scene();
    scene.offer(
      `${ALICE.replace("RTP/AVP", "RTP/AVPF").replace("c=IN IP4 192.0.2.10", "c=IN IP4 198.51.100.7").trim()}\n a=rtcp-mux`,
      {
        mediaEcho: "blackhole",
        flags: new Set(["asymmetric", "unidirectional"]),
      },
    );
    const { tags } = query(scene) as {
      tags: Record<string, { medias: { flags: string[]; streams: { flags: string[] }[] }[] }>;
    };
    expect(tags["A"]?.medias[0]?.flags).toEqual([
      "initialized",
      "asymmetric",
      "send",
      "recv",
      "rtcp-mux",
      "unidirectional",
      "loop check",
      "RTCP feedback",
      "blackhole",
    ]);
    expect(tags["A"]?.medias[0]?.streams.map(({ flags }) => flags)).toEqual([
      ["RTP", "RTCP", "filled"],
      ["RTCP", "fallback RTCP", "filled"],
    ]);
  });
});

describe("list", () => {
  test("at most 32 without limit, as many as asked for otherwise", () => {
    const scene = new Scene();
    for (let i = 0; i < 40; i++) scene.offer(ALICE, { callId: `c${i}` });
    const calls = (limit?: number) => {
      const reply = scene.command({ command: "list", limit });
      return reply.ok ? (reply.body["calls"] as string[]) : [];
    };
    expect(calls().length).toBe(32);
    expect(calls(2)).toEqual(["c0", "c1"]);
    expect(calls(0)).toEqual([]);
    expect(calls(100).length).toBe(40);
  });
});

describe("at the end of a call", () => {
  function ended(): Scene {
    const scene = established();
    scene.received(30002, {
      packetsIn: 6150,
      bytesIn: 1_057_800,
      packetsOut: 6100,
      bytesOut: 1_049_200,
      ssrc: 0x1a2b3c4d,
      payloadType: 8,
      tos: 184,
    });
    scene.received(30003, { packetsIn: 24, bytesIn: 2112, packetsOut: 25, bytesOut: 2200 });
    scene.now += 125_000;
    scene.command({ command: "delete", callId: "call", fromTag: "A", deleteDelay: 0, flags: new Set(["fast"]) });
    return scene;
  }

  test("the final statistics", () => {
    expect(ended().logs()).toEqual([
      "Deleting entire call",
      "Final packet stats:",
      "--- Tag 'A' (label 'caller'), created 2:06 ago for branch ''",
      "---     subscribed to media with monologue tag 'B' (index: 1)",
      "---     subscription for media with monologue tag 'B' (index: 1)",
      "------ Media #1 (audio over RTP/AVP) using PCMA/8000",
      "--------- Port    198.51.100.7:30002 <>      192.0.2.10:4000 , SSRC 1a2b3c4d, in 6150 p, 1057800 b, 0 e, 125 ts, out 6100 p, 1049200 b, 0 e",
      "--------- Port    198.51.100.7:30003 <>      192.0.2.10:4001  (RTCP), SSRC 0, in 24 p, 2112 b, 0 e, 125 ts, out 25 p, 2200 b, 0 e",
      "--- Tag 'B', created 2:06 ago for branch 'z9hG4bKa1'",
      "---     subscribed to media with monologue tag 'A' (index: 1)",
      "---     subscription for media with monologue tag 'A' (index: 1)",
      "------ Media #1 (audio over RTP/AVP) using unknown codec",
      "--------- Port    198.51.100.7:30000 <>      192.0.2.30:6000 , SSRC 0, in 0 p, 0 b, 0 e, 126 ts, out 0 p, 0 b, 0 e",
      "--------- Port    198.51.100.7:30001 <>      192.0.2.30:6001  (RTCP), SSRC 0, in 0 p, 0 b, 0 e, 126 ts, out 0 p, 0 b, 0 e",
    ]);
  });

  test("the call detail record", () => {
    const record = ended().effects.flatMap((effect) => (effect.kind === "call-ended" ? [effect.cdr] : []));
    const side = (ml: number, times: string, tag: string, type: string, remote: string) =>
      `ml${ml}_start_time=1767225600.000000, ml${ml}_end_time=1767225726.500000, ml${ml}_duration=${times}, ` +
      `ml${ml}_termination=REGULAR, ml${ml}_local_tag=${tag}, ml${ml}_local_tag_type=${type}, ml${ml}_remote_tag=${remote}, `;
    const stream = (key: string, ip: string, port: number, local: number, traffic: string) =>
      `${key}_endpoint_ip=${ip}, ${key}_endpoint_port=${port}, ${key}_local_relay_ip=198.51.100.7, ` +
      `${key}_local_relay_port=${local}, ${traffic}`;
    const traffic = (key: string, packets: number, bytes: number, last: number, tos: number) =>
      `${key}_relayed_packets=${packets}, ${key}_relayed_bytes=${bytes}, ${key}_relayed_errors=0, ` +
      `${key}_last_packet=${last}, ${key}_in_tos_tclass=${tos}, `;
    expect(record).toEqual([
      `ci=call, created_from=${PEER}, last_signal=1767225601, tos=184, ` +
        side(0, "126.500000", "A", "FROM_TAG", "B") +
        "payload_type=8, " +
        stream(
          "ml0_midx1_rtp",
          "192.0.2.10",
          4000,
          30002,
          traffic("ml0_midx1_rtp", 6150, 1_057_800, 1_767_225_601, 184),
        ) +
        stream("ml0_midx1_rtcp", "192.0.2.10", 4001, 30003, traffic("ml0_midx1_rtcp", 24, 2112, 1_767_225_601, 0)) +
        side(1, "126.500000", "B", "TO_TAG", "A") +
        "payload_type=unknown, " +
        stream("ml1_midx1_rtp", "192.0.2.30", 6000, 30000, traffic("ml1_midx1_rtp", 0, 0, 1_767_225_600, 0)) +
        stream("ml1_midx1_rtcp", "192.0.2.30", 6001, 30001, traffic("ml1_midx1_rtcp", 0, 0, 1_767_225_600, 0)),
    ]);
  });
});

describe("statistics", () => {
  test("every key of the reference is there", () => {
    const reply = new Scene().command({ command: "statistics" });
    if (!reply.ok) throw new Error(reply.reason);
    const tree = reply.body["statistics"] as Record<string, Record<string, unknown>>;
    expect(Object.keys(tree)).toEqual([
      "currentstatistics",
      "totalstatistics",
      "mos",
      "voip_metrics",
      "interfaces",
      "transcoders",
      "poller_threads",
      "bufferpools",
    ]);
    expect(Object.keys(tree["currentstatistics"]!).join(" ")).toBe(
      "sessionsown sessionsforeign sessionstotal transcodedmedia mediacache playercache packetrate_user byterate_user errorrate_user packetrate_kernel byterate_kernel errorrate_kernel packetrate byterate errorrate media_userspace media_kernel media_mixed",
    );
    expect(Object.keys(tree["totalstatistics"]!).join(" ")).toBe(
      "uptime managedsessions rejectedsessions timeoutsessions silenttimeoutsessions finaltimeoutsessions offertimeoutsessions regularterminatedsessions forcedterminatedsessions relayedpackets_user relayedpacketerrors_user relayedbytes_user relayedpackets_kernel relayedpacketerrors_kernel relayedbytes_kernel relayedpackets relayedpacketerrors relayedbytes zerowaystreams onewaystreams avgcallduration totalcallsduration totalcallsduration2 totalcallsduration_stddev",
    );
    expect(Object.keys(tree["mos"]!)).toEqual([
      "mos_total",
      "mos2_total",
      "mos_samples_total",
      "mos_average",
      "mos_stddev",
    ]);
    expect(Object.keys(tree["voip_metrics"]!).slice(0, 6)).toEqual([
      "jitter_total",
      "jitter2_total",
      "jitter_samples_total",
      "jitter_average",
      "jitter_stddev",
      "rtt_e2e_total",
    ]);
    expect(Object.keys(tree["voip_metrics"]!).length).toBe(30);
  });

  test("decimals are strings for ng and numbers in JSON", () => {
    const tree = { uptime: new Decimal(12, 0), average: new Decimal(1.5, 6), count: 3, list: [{ name: 'a"b' }] };
    expect(ngForm(tree)).toEqual({ uptime: "12", average: "1.500000", count: 3, list: [{ name: 'a"b' }] });
    expect(jsonForm(tree)).toBe('{"uptime":12,"average":1.500000,"count":3,"list":[{"name":"a\\"b"}]}');
  });

  test("calls, durations, one-way and silent streams", () => {
    const scene = established();
    scene.received(30002, { packetsIn: 5 });
    scene.offer(ALICE, { callId: "silent" });
    scene.answer(BOB, { callId: "silent" });
    scene.now += 9_000;
    for (const callId of ["call", "silent"]) scene.command({ command: "delete", callId, deleteDelay: 0 });
    const tree = statisticsTree(scene.state, scene.context);
    expect(ngForm(tree)).toMatchObject({
      currentstatistics: { sessionsown: 0 },
      totalstatistics: {
        uptime: "10",
        managedsessions: 2,
        regularterminatedsessions: 2,
        onewaystreams: 1,
        zerowaystreams: 1,
        totalcallsduration: "19.500000",
        avgcallduration: "9.750000",
        totalcallsduration2: "191.250000",
        totalcallsduration_stddev: "0.750000",
      },
    });
  });

  test("port usage per interface address", () => {
    const address = {
      ...interfaceAddress("pub", "203.0.113.10"),
      portMin: 30_000,
      portMax: 30_009,
      excludePorts: new Set([30_004]),
    };
    const scene = new Scene({
      interfaces: { interfaces: [{ name: "pub", addresses: [address] }], aliases: new Map() },
    });
    scene.offer(ALICE);
    expect(ngForm(statisticsTree(scene.state, scene.context))).toMatchObject({
      interfaces: [
        {
          name: "pub",
          address: "203.0.113.10",
          ports: { min: 30_000, max: 30_009, used: 4, used_pct: "44.44", free: 5, totals: 9 },
        },
      ],
    });
  });

  test("rates are those of the last second", () => {
    const scene = new Scene();
    let packets = 0;
    const { context } = scene;
    const tick = () => scene.happen({ kind: "tick" }) && packets;
    const totals = () => ({
      user: { packets, bytes: packets * 172, errors: 0 },
      kernel: { packets: 0, bytes: 0, errors: 0 },
    });
    Object.defineProperty(scene, "context", {
      get: () => ({ ...context, now: scene.now, streams: { ...context.streams, totals } }),
    });
    tick();
    scene.now += 2000;
    packets = 100;
    tick();
    expect(scene.state.rates.user).toEqual({ packets: 50, bytes: 8600, errors: 0 });
  });
});
