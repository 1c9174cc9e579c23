/**
 * Run inside the phones' namespace: sets calls up over ng and sends media through a bad network of its own making. Says what it
 * saw as one line of JSON. Arguments: `impaired` FAMILY SEED, or `overload`.
 */

import { rtp } from "../contract/packets.ts";
import { Peer } from "../contract/peer.ts";
import { NgClient, type NgDictionary } from "../e2e/ng-client.ts";
import { Parties } from "../soak/parties.ts";
import { PHONES, RELAY } from "./network.ts";

const [scenario, ...rest] = process.argv.slice(2);
const ng = await NgClient.connect(RELAY[4], 2_223);
await ng.untilPong(5_000, 50);

function sdp(family: 4 | 6, port: number): string {
  const address = `IN IP${family} ${PHONES[family]}`;
  return `v=0\r\no=- 1 1 ${address}\r\ns=-\r\nc=${address}\r\nt=0 0\r\nm=audio ${port} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n`;
}

async function call(
  id: string,
  families: readonly [4 | 6, 4 | 6],
  ports: readonly [number, number],
): Promise<[number, number]> {
  const port = (reply: NgDictionary) => {
    const found = /m=audio (\d+)/.exec(String(reply["sdp"]))?.[1];
    if (!found) throw new Error(JSON.stringify(reply));
    return Number(found);
  };
  const head = { "call-id": id, "from-tag": "a" };
  const offered = port(
    await ng.request({
      ...head,
      sdp: sdp(families[0], ports[0]),
      "address-family": `IP${families[1]}`,
      command: "offer",
    }),
  );
  const answered = port(
    await ng.request({ ...head, "to-tag": "b", sdp: sdp(families[1], ports[1]), command: "answer" }),
  );
  return [answered, offered];
}

async function counters(): Promise<Record<string, number>> {
  const text = await (await fetch(`http://${RELAY[4]}:2225/metrics`)).text();
  const found: Record<string, number> = {};
  for (const [, name, value] of text.matchAll(/^sluice_([a-z_]+(?:\{reason="[^"]+"\})?) (\d+)$/gm))
    found[name!] = Number(value);
  return found;
}

/** 5 % lost, 3 % doubled, 3 % late by one to eight packets: what is left of 1…count, in order of arrival. */
function impair(count: number, seed: number): number[] {
  let state = seed;
  const random = () => {
    state = (state * 1_103_515_245 + 12_345) & 0x7fff_ffff;
    return state / 0x8000_0000;
  };
  const order: { readonly sequence: number; readonly at: number }[] = [];
  for (let sequence = 1; sequence <= count; sequence++) {
    const fate = random();
    if (fate < 0.05 && sequence > 1) continue;
    order.push({ sequence, at: fate > 0.97 ? sequence + 1.5 + Math.floor(random() * 8) : sequence });
    if (fate > 0.5 && fate < 0.53) order.push({ sequence, at: sequence + 0.1 });
  }
  return order.sort((a, b) => a.at - b.at).map(({ sequence }) => sequence);
}

async function impaired(family: 4 | 6, seed: number): Promise<object> {
  // The caller on this family, the callee on the other for 6: IPv6 to IPv4 and back.
  const other = family === 6 ? 4 : 6;
  const results: object[] = [];
  for (const families of [
    [family, family],
    [family, other],
  ] as const) {
    const [a, b] = [new Peer(PHONES[families[0]]), new Peer(PHONES[families[1]])];
    const [toA, toB] = await call(`impaired-${families.join("")}`, families, [a.endpoint.port, b.endpoint.port]);
    await Bun.sleep(50);
    const order = impair(4_000, seed);
    const wrong: string[] = [];
    let received = 0;
    // Both ways at once; 1,472 bytes fill an Ethernet frame over IPv4, 1,452 over IPv6.
    const size = families.includes(6) ? 1_452 : 1_472;
    const packets = new Map(order.map((sequence) => [sequence, rtp({ sequence, size })]));
    const expect = { a: 0, b: 0 };
    const take = (peer: Peer, side: "a" | "b") => {
      for (let got = peer.take(); got; got = peer.take()) {
        const sequence = order[expect[side]++];
        const right = sequence !== undefined && Buffer.from(got.data).equals(packets.get(sequence)!);
        if (!right && wrong.length < 3)
          wrong.push(`${side} got ${(got.data[2]! << 8) | got.data[3]!}, ${sequence} was due`);
        received++;
      }
    };
    for (const [i, sequence] of order.entries()) {
      a.send(packets.get(sequence)!, { address: RELAY[families[0]], port: toA });
      b.send(packets.get(sequence)!, { address: RELAY[families[1]], port: toB });
      take(a, "a");
      take(b, "b");
      if (i % 8 !== 7) continue;
      // Never more on the way than the queues hold, however busy the machine is: all loss is to be ours.
      for (let tries = 0; tries < 500 && (i + 1) * 2 - received > 64; tries++) {
        await Bun.sleep(1);
        take(a, "a");
        take(b, "b");
      }
    }
    for (let tries = 0; received < order.length * 2 && tries < 500; tries++) {
      await Bun.sleep(2);
      take(a, "a");
      take(b, "b");
    }
    const reply = await ng.request({ command: "query", "call-id": `impaired-${families.join("")}` });
    await ng.request({ command: "delete", "call-id": `impaired-${families.join("")}` });
    results.push({ families, sent: order.length * 2, received, wrong, totals: reply["totals"] });
    a.close();
    b.close();
  }
  return results;
}

async function overload(): Promise<object> {
  const CALLS = 100;
  const parties = new Parties(PHONES[4], CALLS * 2);
  for (let i = 0; i < CALLS; i++) {
    const [a, b] = [i * 2, i * 2 + 1];
    const [toA, toB] = await call(`overload-${i}`, [4, 4], [parties.endpoints[a]!.port, parties.endpoints[b]!.port]);
    parties.aim(a, { address: RELAY[4], port: toA });
    parties.aim(b, { address: RELAY[4], port: toB });
  }
  await Bun.sleep(100);
  const drain = () => {
    for (let party = 0; party < CALLS * 2; party++) parties.take(party);
  };
  const pings: number[] = [];
  const ping = async () => {
    const start = performance.now();
    await ng.request({ command: "ping" });
    pings.push(performance.now() - start);
  };
  // Bursts without a pause, far beyond what one worker carries: each longer than its queues are deep.
  const start = performance.now();
  while (performance.now() - start < 3_000) {
    for (let round = 0; round < 400; round++) for (let party = 0; party < CALLS * 2; party++) parties.send(party);
    await ping();
    drain();
  }
  const took = performance.now() - start;
  await Bun.sleep(300);
  drain();
  await Bun.sleep(200);
  drain();
  const during = await counters();
  const shares = Array.from(parties.sent, (sent, party) => parties.received[party ^ 1]! / sent);
  const total = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0);
  const offered = total(parties.sent);
  const delivered = total(parties.received);
  // At once afterwards: a packet per stream, every one of them arrives.
  for (let party = 0; party < CALLS * 2; party++) parties.forget(party);
  for (let round = 0; round < 20; round++) {
    for (let party = 0; party < CALLS * 2; party++) parties.send(party);
    await Bun.sleep(10);
    drain();
  }
  await Bun.sleep(100);
  drain();
  return {
    offered,
    rate: Math.round((offered / took) * 1_000),
    delivered,
    shares: { least: Math.min(...shares), most: Math.max(...shares) },
    pings: { count: pings.length, slowest: Math.max(...pings) },
    counters: during,
    after: { sent: total(parties.sent), received: total(parties.received) },
  };
}

const result =
  scenario === "overload" ? await overload() : await impaired(Number(rest[0]) === 6 ? 6 : 4, Number(rest[1]));
console.log(JSON.stringify(result));
ng.close();
process.exit(0);
