/** `sluice doctor CALLID`: for each cause the fault is made for real, and named. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  type Asked,
  BrokenHost,
  type CallOptions,
  HOST,
  NG_PORT,
  OTHER_PHONES,
  type Phone,
  type PlacedCall,
  place,
  sdp,
} from "./doctor-scene.ts";
import { DAEMON, notThePeer, OWN_NAMESPACE, program } from "./requirement.ts";

const missing = [
  DAEMON,
  OWN_NAMESPACE,
  program("nft", "nftables"),
  program("ip", "iproute2"),
  notThePeer("has no doctor"),
]
  .map((requirement) => requirement.missing())
  .find((reason) => reason !== undefined);
if (missing !== undefined) console.log(`# SKIP doctor of calls: ${missing}`);

/** Longer than the time in which nothing is missed yet, and than what the verdict calls a stop. */
const LISTEN = 3_800;
/** Reached by no route. */
const FAR = { address: "203.0.113.5", port: 6_000 };

interface Parties {
  readonly a: Phone;
  readonly b: Phone;
  readonly call: PlacedCall;
}

interface Fault {
  readonly name: string;
  readonly options?: (a: Phone, b: Phone) => CallOptions;
  /** What the phones do; by default both talk. */
  readonly media?: (parties: Parties, host: BrokenHost) => void | Promise<void>;
  readonly status: number;
  readonly words: readonly RegExp[];
}

function bothTalk({ a, b, call }: Parties): void {
  a.talk(call.forCaller);
  b.talk(call.forCallee);
}

function nft(host: BrokenHost, hook: "input" | "output", rule: string): void {
  host.inside("nft", "add table inet doctor");
  host.inside("nft", `add chain inet doctor ${hook} { type filter hook ${hook} priority 0; }`);
  host.inside("nft", `add rule inet doctor ${hook} ${rule}`);
}

const faults: readonly Fault[] = [
  {
    name: "nothing is wrong",
    status: 0,
    words: [/ok +ok: Packets flow from 'caller' to 'callee'/, /no cause for missing audio/],
  },
  {
    name: "a firewall rule drops the caller's packets",
    media: ({ a, b, call }, host) => {
      nft(host, "input", `udp dport ${call.forCaller.port} drop`);
      a.talk(call.forCaller);
      b.talk(call.forCallee);
    },
    status: 1,
    words: [
      /FAULT +nothing-received: Nothing was received from 'caller'/,
      /here: packets for 10\.23\.0\.1:\d+ do reach this host \(\d+ in 1000 ms, from 10\.23\.0\.2:\d+\)/,
      /here: a firewall rule of this host drops them: nft inet doctor input: udp dport \d+ drop/,
      /fix: nft insert rule inet doctor input udp dport \d+ accept/,
      /likely cause: nothing-received \(from caller\)/,
    ],
  },
  {
    name: "the caller sends nothing",
    media: ({ b, call }) => b.talk(call.forCallee),
    status: 1,
    words: [
      /nothing-received: Nothing was received from 'caller'/,
      /here: no packet for 10\.23\.0\.1:\d+ reached this host/,
      /here: no firewall rule of this host drops packets/,
    ],
  },
  {
    name: "strict source drops a caller that moved",
    options: () => ({ offer: { flags: ["strict source"] }, answer: { flags: ["strict source"] } }),
    media: async ({ a, b, call }, host) => {
      a.talk(call.forCaller);
      b.talk(call.forCallee);
      await Bun.sleep(100);
      a.hush();
      (await host.phone(OTHER_PHONES)).talk(call.forCaller);
    },
    status: 1,
    words: [
      /FAULT +strict-source: \d+ packets of 'caller' were dropped by strict source: they come from 10\.23\.0\.3:\d+, only 10\.23\.0\.2:/,
    ],
  },
  {
    name: "the caller is somewhere else than where media goes",
    media: async ({ a, b, call }, host) => {
      a.talk(call.forCaller);
      b.talk(call.forCallee);
      await Bun.sleep(100);
      a.hush();
      (await host.phone(OTHER_PHONES)).talk(call.forCaller);
    },
    status: 1,
    words: [
      /FAULT +wrong-source: Media for 'caller' goes to 10\.23\.0\.2:\d+, but its own packets come from 10\.23\.0\.3:/,
    ],
  },
  {
    name: "NAT-wait, and the callee never sends",
    options: () => ({ offer: { flags: ["NAT-wait"] }, answer: { flags: ["NAT-wait"] } }),
    media: ({ a, call }) => a.talk(call.forCaller),
    status: 1,
    words: [/FAULT +not-learned: The address of 'callee' is not learned yet/],
  },
  {
    name: "no route to the callee",
    options: () => ({ answer: { sdp: sdp(FAR) } }),
    media: ({ a, call }) => a.talk(call.forCaller),
    status: 1,
    words: [
      /FAULT +no-route: Packets to 203\.0\.113\.5:6000 \('callee'\) do not leave this host: there is no route/,
      /here: ip route get 203\.0\.113\.5/,
    ],
  },
  {
    name: "a firewall rule refuses what we send",
    media: ({ a, b, call }, host) => {
      nft(host, "output", `udp dport ${b.port} drop`);
      a.talk(call.forCaller);
      b.talk(call.forCallee);
    },
    status: 1,
    words: [
      /FAULT +send-refused: .*\(EPERM\)/,
      /here: a firewall rule of this host drops them: nft inet doctor output: udp dport \d+ drop/,
    ],
  },
  {
    name: "the proxy never passed the answer on",
    options: () => ({ answer: false }),
    media: ({ a, call }) => a.talk(call.forCaller),
    status: 1,
    words: [/FAULT +sink-unknown: 'caller' sends \(\d+ packets\), but .*the daemon got no answer/],
  },
  {
    name: "the callee holds with a=recvonly",
    options: (_a, b) => ({ answer: { sdp: sdp(b.endpoint, "a=recvonly\r\n") } }),
    media: bothTalk,
    status: 0,
    words: [/silent +held: 'callee' declared that it does not send .* \d+ packets, which were dropped/],
  },
  {
    name: "the callee holds with the zero address",
    options: (_a, b) => ({ answer: { sdp: sdp({ address: "0.0.0.0", port: b.port }) } }),
    media: ({ a, call }) => a.talk(call.forCaller),
    status: 0,
    words: [/silent +held: 'callee' put the call on hold/, /silent because signalling says so: .*held \(from callee\)/],
  },
  {
    name: "something else than RTP arrives",
    media: ({ a, b, call }) => {
      a.talk(call.forCaller, Buffer.from("hello, is anybody there?"));
      b.talk(call.forCallee);
    },
    status: 1,
    words: [/FAULT +not-rtp: \d+ packets of 'caller' are neither RTP nor RTCP/],
  },
  {
    name: "the caller stops in mid-call",
    media: ({ a, b, call }) => {
      for (let i = 0; i < 5; i++) a.send(call.forCaller);
      b.talk(call.forCallee);
    },
    status: 1,
    words: [/FAULT +media-stopped: 'caller' sent \d+ packets, the last one \d+ s ago/],
  },
  {
    name: "the caller still sends to its ports before the re-INVITE",
    media: async ({ a, b, call }, host) => {
      // Another address of the callee in the new offer: the caller is shown new ports, and ignores them.
      const moved = sdp({ address: OTHER_PHONES, port: b.port });
      const ids = { "call-id": call.callId, "from-tag": "callee", "to-tag": "caller" };
      await host.ng.request({ command: "offer", sdp: moved, ...ids });
      await host.ng.request({ command: "answer", sdp: sdp(a.endpoint), ...ids });
      a.talk(call.forCaller);
    },
    status: 1,
    words: [/FAULT +old-port: 'caller' still sends to a port of an earlier offer/],
  },
  {
    name: "SRTP with a key that is not the one in SDP",
    options: (a) => ({
      offer: {
        sdp: sdp(
          a.endpoint,
          `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${Buffer.alloc(30, 7).toString("base64")}\r\n`,
          "RTP/SAVP",
        ),
        "transport-protocol": "RTP/AVP",
      },
    }),
    media: ({ a, b, call }) => {
      // Plain RTP has no tag that could be right.
      a.talk(call.forCaller);
      b.talk(call.forCallee);
    },
    status: 1,
    words: [/FAULT +srtp-authentication: SRTP authentication fails for \d+ packets of 'caller'/],
  },
  {
    name: "ICE that never gets a check",
    options: (a) => ({
      offer: {
        ICE: "remove",
        sdp: sdp(
          a.endpoint,
          `a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=candidate:1 1 UDP 2130706431 ${a.endpoint.address} ${a.port} typ host\r\n`,
        ),
      },
      answer: { ICE: "force" },
    }),
    media: ({ a, b, call }) => {
      a.talk(call.forCaller);
      b.talk(call.forCallee);
    },
    status: 1,
    words: [
      /FAULT +ice-not-nominated: ICE with 'caller' .*none of its checks arrived, although media does/,
      /Media for 'caller' has no way out/,
    ],
  },
];

let host: BrokenHost;
const answers = new Map<string, Asked>();
const calls = new Map<string, PlacedCall>();

beforeAll(async () => {
  if (missing !== undefined) return;
  host = new BrokenHost();
  await host.start("--log-level=6");
  for (const [i, { name, options, media = bothTalk }] of faults.entries()) {
    const [a, b] = [await host.phone(), await host.phone()];
    const call = await place(host, `doctor-${i}@example`, a.endpoint, b.endpoint, options?.(a, b));
    calls.set(name, call);
    await media({ a, b, call }, host);
  }
  // Media is what takes time here.
  await Bun.sleep(LISTEN);
  const shown = process.env["DOCTOR_SHOW"] !== undefined;
  for (const { name } of faults) {
    answers.set(name, await host.doctor([calls.get(name)!.callId, "--ng", `${HOST}:${NG_PORT}`]));
    if (shown) console.log(`## ${name}\n${answers.get(name)!.text}`);
  }
}, 60_000);

afterAll(async () => {
  await host?.close();
});

for (const { name, status, words } of faults) {
  test.skipIf(missing !== undefined)(name, () => {
    const answer = answers.get(name)!;
    for (const each of words) expect(answer.text + answer.errors).toMatch(each);
    expect(answer.status).toBe(status);
  });
}

test.skipIf(missing !== undefined)("for programs: JSON with the same verdict and evidence", async () => {
  const call = calls.get("a firewall rule drops the caller's packets")!;
  const { text, status } = await host.doctor([call.callId, "--json", "--ng", `${HOST}:${NG_PORT}`]);
  expect(status).toBe(1);
  const report = JSON.parse(text) as { ok: boolean; streams: { party: string; cause: string; evidence: object[] }[] };
  expect(report).toMatchObject({ ok: false, callId: call.callId });
  expect(report.streams[0]).toMatchObject({ party: "caller", cause: "nothing-received", state: "fault" });
  expect(report.streams[0]?.evidence).toHaveLength(2);
});

test.skipIf(missing !== undefined)("a Call-ID that is not up: the ones like it", async () => {
  const { errors, status } = await host.doctor(["doctor-1", "--ng", `${HOST}:${NG_PORT}`]);
  expect(errors).toContain("Unknown call-id");
  expect(errors).toContain("doctor-1@example");
  expect(status).toBe(2);
});

test.skipIf(missing !== undefined)("the log says it when the call ends", async () => {
  const call = calls.get("the caller sends nothing")!;
  await host.ng.request({ command: "delete", "call-id": call.callId });
  const line = await host.daemon.logged(/One-way media/);
  expect(line).toMatch(
    /doctor-2@example\/caller\/1 port \d+\]: \[core\] One-way media \(nothing-received\): Nothing was received from 'caller'/,
  );
});
