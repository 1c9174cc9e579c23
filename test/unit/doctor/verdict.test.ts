import { describe, expect, test } from "bun:test";
import { type Cause, type StreamFacts, type VerdictState, verdict } from "../../../src/doctor/verdict.ts";
import { DROP_REASONS, type DropReason } from "../../../src/planes/plane.ts";
import { NO_PACKETS } from "../call/scene.ts";

const NOW = 1_767_225_600_000;
const ALICE = { address: "192.0.2.10", port: 4_000 };
const BOB = { address: "192.0.2.30", port: 6_000 };
const OURS = "198.51.100.7";

type Counters = StreamFacts["counters"];
type Sink = StreamFacts["sinks"][number];

function counters(given: Partial<Counters> = {}, drops: Partial<Record<DropReason, number>> = {}): Counters {
  return { ...NO_PACKETS, ...given, drops: { ...NO_PACKETS.drops, ...drops } };
}

function bob(given: Partial<Sink> = {}): Sink {
  return {
    party: "B",
    held: false,
    natWait: false,
    fixedAddress: false,
    local: { address: OURS, port: 30_000 },
    signalled: BOB,
    counters: counters({
      packetsIn: 500,
      packetsOut: 500,
      lastPacketAt: NOW - 10,
      lastSentAt: NOW - 10,
      confirmed: true,
      endpoint: BOB,
    }),
    ...given,
  };
}

/** Alice's media to Bob, ten seconds after the answer, all well. */
function facts(given: Partial<StreamFacts> = {}): StreamFacts {
  return {
    now: NOW,
    lastSignal: NOW - 10_000,
    party: "A",
    component: "rtp",
    isRtp: true,
    local: { address: OURS, port: 30_002 },
    signalled: ALICE,
    answered: true,
    sends: true,
    held: false,
    rejected: false,
    sharesPort: false,
    blocked: false,
    dropTraffic: false,
    strictSource: false,
    counters: counters({
      packetsIn: 500,
      packetsOut: 500,
      lastPacketAt: NOW - 20,
      endpoint: ALICE,
      confirmed: true,
      ssrc: 1,
    }),
    companionLastPacketAt: 0,
    retiredLastPacketAt: 0,
    sinks: [bob()],
    ...given,
  };
}

/** Everything of Alice's is dropped for this reason, until now; nothing goes to Bob. */
function dropping(reason: DropReason, more: Partial<Counters> = {}): Partial<StreamFacts> {
  return {
    counters: counters({ packetsIn: 500, lastDrop: reason, lastDropAt: NOW - 10, ...more }, { [reason]: 500 }),
    sinks: [bob({ counters: counters({ packetsIn: 500, lastPacketAt: NOW, lastSentAt: 0 }) })],
  };
}

const elsewhere = { address: "203.0.113.9", port: 5_555 };

const table: readonly (readonly [string, Cause, VerdictState, Partial<StreamFacts>, RegExp])[] = [
  ["packets flow", "ok", "ok", {}, /'A' to 'B' \(500 packets\)/],
  [
    "some were dropped on the way",
    "ok",
    "ok",
    {
      counters: counters(
        { packetsIn: 500, lastPacketAt: NOW, lastDrop: "invalid-rtp", lastDropAt: NOW },
        { "invalid-rtp": 3 },
      ),
    },
    /invalid-rtp 3/,
  ],
  ["a party that only listens", "held", "expected", { sends: false }, /does not send/],
  [
    "it sends although it said it would not",
    "held",
    "expected",
    { sends: false, counters: counters({ packetsIn: 9 }, { blackhole: 9 }) },
    /9 packets, which were dropped/,
  ],
  [
    "the other party holds with the zero address",
    "held",
    "expected",
    { sinks: [bob({ held: true })] },
    /'B' is on hold/,
  ],
  ["the m= line is off", "rejected", "expected", { rejected: true }, /port 0/],
  ["block media", "blocked", "expected", { blocked: true }, /block media/],
  ["drop-traffic", "blocked", "expected", { dropTraffic: true }, /drop-traffic/],
  ["RTCP beside agreed multiplexing", "shared-port", "expected", { component: "rtcp", sharesPort: true }, /rtcp-mux/],
  ["no RTCP", "nothing-received", "expected", { component: "rtcp", counters: counters() }, /does not need it/],
  ["not answered yet", "not-answered", "waiting", { answered: false, counters: counters() }, /not answered/],
  [
    "answered a second ago",
    "just-signalled",
    "waiting",
    { lastSignal: NOW - 1_000, counters: counters() },
    /1 s after/,
  ],
  ["nothing arrives", "nothing-received", "fault", { counters: counters() }, /198\.51\.100\.7:30002 in 10 s/],
  [
    "only RTCP arrives",
    "nothing-received",
    "fault",
    { counters: counters(), companionLastPacketAt: NOW },
    /RTCP arrives/,
  ],
  [
    "only checks of ICE arrive",
    "nothing-received",
    "fault",
    { counters: counters({ packetsIn: 40, handedUp: 40 }) },
    /Nothing was received/,
  ],
  [
    "media stopped in mid-call",
    "media-stopped",
    "fault",
    { counters: counters({ packetsIn: 900, lastPacketAt: NOW - 20_000 }) },
    /900 packets, the last one 20 s ago/,
  ],
  [
    "media goes to the ports before the re-INVITE",
    "old-port",
    "fault",
    { counters: counters(), retiredLastPacketAt: NOW - 20 },
    /earlier offer/,
  ],
  [
    "strict source",
    "strict-source",
    "fault",
    dropping("strict-source", { otherSource: elsewhere, endpoint: ALICE }),
    /500 packets .* come from 203\.0\.113\.9:5555, only 192\.0\.2\.10:4000/,
  ],
  [
    "media from where ICE checked nothing",
    "wrong-source",
    "fault",
    dropping("not-validated", { otherSource: elsewhere }),
    /203\.0\.113\.9:5555/,
  ],
  ["the wrong key", "srtp-authentication", "fault", dropping("srtp-authentication"), /authentication fails for 500/],
  ["repeated packets", "srtp-replay", "fault", dropping("srtp-replay"), /repetitions/],
  ["no keys yet", "keys-missing", "fault", dropping("awaiting-keys"), /no keys yet/],
  ["no RTP at all", "not-rtp", "fault", dropping("invalid-rtp"), /neither RTP nor RTCP/],
  ["packets beyond all limits", "oversize", "fault", dropping("oversize"), /larger/],
  ["the main thread is behind", "overload", "fault", dropping("hand-up-full"), /does not keep up/],
  ["nobody to send to", "sink-unknown", "fault", dropping("no-sink"), /Nobody receives/],
  [
    "the other side was never answered for",
    "sink-unknown",
    "fault",
    { ...dropping("no-destination"), answered: false },
    /'B' has not answered.*no answer/,
  ],
  [
    "no other party at all",
    "sink-unknown",
    "fault",
    { ...dropping("no-sink"), answered: false, sinks: [] },
    /no other party yet/,
  ],
  ["an SDP without a usable address", "sink-unknown", "fault", dropping("no-destination"), /no usable address/],
  ["NAT-wait", "not-learned", "fault", dropping("nat-wait"), /'B' is not learned yet/],
  [
    "ICE without a pair",
    "ice-not-nominated",
    "fault",
    { ice: "checking", counters: counters() },
    /none of its checks arrived/,
  ],
  [
    "ICE whose checks only come in",
    "ice-not-nominated",
    "fault",
    { ice: "checking", counters: counters({ packetsIn: 9, handedUp: 9 }) },
    /none succeeded/,
  ],
  [
    "media to a party whose ICE has no pair",
    "ice-not-nominated",
    "fault",
    { ...dropping("no-destination"), sinks: [bob({ ice: "checking", counters: counters() })] },
    /Media for 'B' has no way out/,
  ],
  ["the party holds with the zero address", "held", "expected", { held: true, counters: counters() }, /sends nothing/],
  ["ICE gave up", "ice-not-nominated", "fault", { ice: "failed", lastSignal: NOW - 500 }, /failed/],
  ["ICE at work", "just-signalled", "waiting", { ice: "checking", lastSignal: NOW - 500 }, /at work/],
  [
    "DTLS without an end",
    "dtls-not-finished",
    "fault",
    { ice: "nominated", dtls: "handshake" },
    /has not finished after 10 s/,
  ],
  ["DTLS with another certificate", "dtls-not-finished", "fault", { dtls: "fingerprint-mismatch" }, /a=fingerprint/],
];

describe("verdict", () => {
  for (const [scenario, cause, state, given, words] of table) {
    test(scenario, () => {
      const result = verdict(facts(given));
      expect(result).toMatchObject({ cause, state });
      expect(result.finding).toMatch(words);
      if (state === "fault") expect(result.fix).not.toBe("");
    });
  }

  const failing = (sendErrno: number) => ({
    sinks: [bob({ counters: counters({ errorsOut: 9, sendErrno, sendFailedAt: NOW, lastSentAt: 0, endpoint: BOB }) })],
  });
  test.each([
    [101, "no-route", /no route/],
    [113, "no-route", /EHOSTUNREACH/],
    [1, "send-refused", /firewall rule of this host/],
    [90, "oversize", /EMSGSIZE/],
    [105, "send-failed", /queue is full/],
    [5, "send-failed", /errno 5/],
  ] as const)("sending fails with errno %d", (errno, cause, words) => {
    const result = verdict(facts(failing(errno)));
    expect(result).toMatchObject({ cause, state: "fault" });
    expect(result.finding).toMatch(words);
    expect(result.finding).toContain("192.0.2.30:6000");
  });

  test("a loopback socket asked for the world", () => {
    const [sink] = failing(22).sinks;
    const result = verdict(facts({ sinks: [{ ...sink!, local: { address: "127.0.0.1", port: 30_000 } }] }));
    expect(result).toMatchObject({ cause: "no-route" });
  });

  test("sending failed for a while and works again", () => {
    const recovered = counters({
      errorsOut: 9,
      sendErrno: 101,
      sendFailedAt: NOW - 60_000,
      lastSentAt: NOW,
      packetsOut: 50,
    });
    expect(verdict(facts({ sinks: [bob({ counters: recovered })] }))).toMatchObject({ cause: "ok" });
  });

  test("the receiver sends from elsewhere than where it is sent to", () => {
    const astray = counters({
      packetsIn: 300,
      packetsOut: 300,
      endpoint: BOB,
      confirmed: true,
      otherSource: elsewhere,
      otherSourceAt: NOW - 20,
      lastSentAt: NOW,
    });
    const result = verdict(facts({ sinks: [bob({ counters: astray })] }));
    expect(result).toMatchObject({ cause: "wrong-source", state: "fault" });
    expect(result.finding).toContain("goes to 192.0.2.30:6000, but its own packets come from 203.0.113.9:5555");
    expect(verdict(facts({ sinks: [bob({ counters: astray, fixedAddress: true })] })).finding).toContain(
      "learning is switched off",
    );
    const past = { ...astray, otherSourceAt: NOW - 60_000 };
    expect(verdict(facts({ sinks: [bob({ counters: past })] }))).toMatchObject({ cause: "ok" });
  });

  test("a receiver behind NAT that has sent nothing", () => {
    const inside = { address: "10.1.2.3", port: 6_000 };
    const silent = counters({ packetsOut: 300, endpoint: inside, lastSentAt: NOW });
    const result = verdict(facts({ sinks: [bob({ signalled: inside, counters: silent })] }));
    expect(result).toMatchObject({ cause: "not-learned", state: "fault" });
    // Within one private network that address is the right one.
    const local = { address: "10.0.0.1", port: 30_000 };
    expect(verdict(facts({ sinks: [bob({ signalled: inside, counters: silent, local })] }))).toMatchObject({
      cause: "ok",
    });
  });

  test("a re-INVITE brings a wrong key after long good media", () => {
    const good = counters(
      { packetsIn: 30_100, lastPacketAt: NOW - 2_000, lastDrop: "srtp-authentication", lastDropAt: NOW },
      { "srtp-authentication": 100 },
    );
    const sinks = [bob({ counters: counters({ packetsOut: 30_000, lastSentAt: NOW - 2_000, endpoint: BOB }) })];
    expect(verdict(facts({ counters: good, sinks }))).toMatchObject({ cause: "srtp-authentication" });
  });

  test("a plane that tells no times: what most packets suffered", () => {
    const blind = (dropped: number) =>
      facts({ counters: counters({ packetsIn: 500, lastPacketAt: NOW }, { "strict-source": dropped }) });
    expect(verdict(blind(400))).toMatchObject({ cause: "strict-source" });
    expect(verdict(blind(3))).toMatchObject({ cause: "ok" });
  });

  test("a private address was shown to a party in the world", () => {
    const result = verdict(
      facts({
        counters: counters(),
        local: { address: "10.0.0.5", port: 30_002 },
        signalled: { address: "8.8.8.8", port: 4_000 },
      }),
    );
    expect(result.fix).toContain("interface = 10.0.0.5!PUBLIC-ADDRESS");
  });

  test("every reason for a drop has an answer", () => {
    for (const reason of DROP_REASONS) {
      const { state, finding } = verdict(facts(dropping(reason)));
      expect({ reason, state, words: finding.length > 10 }).toMatchObject({ reason, words: true });
    }
  });
});
