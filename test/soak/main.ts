/**
 * `npm run soak -- [--minutes N] [--calls N] [--engine epoll|io_uring]`: the built executable under calls that come and go
 * while all of them have media. Checks that memory stays flat, that no port and no descriptor is lost, and that packets
 * add up: what a party sent was received or dropped at a full queue, what was received was delivered or dropped at the party's.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { NgClient, type NgDictionary, pick } from "../e2e/ng-client.ts";
import { Parties } from "./parties.ts";
import { Verdict } from "./verdict.ts";

const NG = { address: "127.0.13.1", port: 2_223 };
const HTTP = "127.0.13.1:2225";
const MEDIA = "127.0.13.2";
const PARTIES = "127.0.13.3";
const PORT_MIN = 20_000;
const PORT_MAX = 29_999;
const INTERVAL = 20;
/** Life of a call, milliseconds: evenly between these. */
const LIFE = [5_000, 40_000] as const;
/** Packets on their way when a call stops talking. Milliseconds. */
const LINGER = 250;
const SAMPLE = 2_000;
/** Growth of resident memory from the middle to the end that is still called flat: what a heap breathes. Bytes. */
const FLAT = 12 << 20;

const options = new Map<string, string>();
for (let i = 2; i < process.argv.length; i += 2) {
  const name = process.argv[i]!;
  const value = process.argv[i + 1];
  if (!["--minutes", "--calls", "--engine"].includes(name) || value === undefined) {
    console.error("usage: npm run soak -- [--minutes N] [--calls N] [--engine epoll|io_uring]");
    process.exit(2);
  }
  options.set(name, value);
}
const minutes = Number(options.get("--minutes") ?? 30);
const calls = Number(options.get("--calls") ?? 150);
const program = join(import.meta.dir, "../../dist/sluice");
if (!existsSync(program)) throw new Error("dist/sluice is missing: npm run build");
if (!(minutes > 0) || !(calls > 0)) throw new Error("--minutes and --calls are numbers above 0");

interface Call {
  readonly first: number;
  id: string;
  ports: readonly [number, number];
  ends: number;
  state: "free" | "opening" | "talking" | "ending";
}

const daemon = Bun.spawn(
  [
    program,
    "--config-file=none",
    `--interface=${MEDIA}`,
    `--listen-ng=${NG.address}:${NG.port}`,
    `--port-min=${PORT_MIN}`,
    `--port-max=${PORT_MAX}`,
    "--num-threads=2",
    "--delete-delay=0",
    "--log-level=4",
    "--foreground",
    "--log-stderr",
    `--listen-http=${HTTP}`,
    ...(options.has("--engine") ? [`--relay-engine=${options.get("--engine")}`] : []),
  ],
  { stdin: "ignore", stdout: "ignore", stderr: "inherit" },
);
const ng = await NgClient.connect(NG.address, NG.port);
await ng.untilPong(5_000, 50);
const parties = new Parties(PARTIES, calls * 2);
const verdict = new Verdict();

const resident = () => Number(readFileSync(`/proc/${daemon.pid}/statm`, "latin1").split(" ")[1]) * 4_096;
const descriptors = () => readdirSync(`/proc/${daemon.pid}/fd`).length;

/** Drops at full queues by local port, of sockets on an address (proc(5), /proc/net/udp). */
function drops(address: string): Map<number, number> {
  const hex = address
    .split(".")
    .reverse()
    .map((part) => Number(part).toString(16).padStart(2, "0"))
    .join("")
    .toUpperCase();
  const found = new Map<number, number>();
  for (const line of readFileSync("/proc/net/udp", "latin1").split("\n")) {
    const fields = line.trim().split(/\s+/);
    const [host, port] = (fields[1] ?? "").split(":");
    if (host === hex && port) found.set(Number.parseInt(port, 16), Number(fields.at(-1)));
  }
  return found;
}

const sdp = (port: number) =>
  `v=0\r\no=- 1 1 IN IP4 ${PARTIES}\r\ns=-\r\nc=IN IP4 ${PARTIES}\r\nt=0 0\r\nm=audio ${port} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n`;
const portOf = (reply: NgDictionary) => Number(/m=audio (\d+)/.exec(String(reply["sdp"]))?.[1] ?? 0);

let serial = 0;
let ended = 0;
let slowest = 0;
const sums = { sent: 0, relayed: 0, received: 0, dropped: 0, missed: 0 };
const odd: string[] = [];

async function timed(body: NgDictionary): Promise<NgDictionary> {
  const start = performance.now();
  const reply = await ng.request(body);
  slowest = Math.max(slowest, performance.now() - start);
  return reply;
}

async function begin(call: Call): Promise<void> {
  call.state = "opening";
  call.id = `soak-${++serial}`;
  const [a, b] = [parties.endpoints[call.first]!, parties.endpoints[call.first + 1]!];
  const head = { "call-id": call.id, "from-tag": "a" };
  const offered = portOf(await timed({ ...head, sdp: sdp(a.port), command: "offer" }));
  const answered = portOf(await timed({ ...head, "to-tag": "b", sdp: sdp(b.port), command: "answer" }));
  for (const party of [call.first, call.first + 1]) parties.forget(party);
  // A's packets arrive at the port that A's side was given, which the answer names.
  parties.aim(call.first, { address: MEDIA, port: answered });
  parties.aim(call.first + 1, { address: MEDIA, port: offered });
  call.ports = [answered, offered];
  call.ends = performance.now() + LIFE[0] + Math.random() * (LIFE[1] - LIFE[0]);
  call.state = "talking";
}

async function end(call: Call): Promise<void> {
  call.state = "ending";
  const pair = [call.first, call.first + 1] as const;
  for (const party of pair) parties.aim(party, undefined);
  await Bun.sleep(LINGER);
  for (const party of pair) parties.take(party);
  const dropped = drops(MEDIA);
  const missed = drops(PARTIES);
  const reply = await timed({ "call-id": call.id, "from-tag": "a", command: "delete" });
  const relayed = Number(pick(reply, "totals", "RTP", "packets") ?? -1);
  const sent = parties.sent[pair[0]]! + parties.sent[pair[1]]!;
  const received = parties.received[pair[0]]! + parties.received[pair[1]]!;
  const lostIn = call.ports.reduce((sum, port) => sum + (dropped.get(port) ?? 0), 0);
  const lostOut = pair.reduce((sum, party) => {
    const { port } = parties.endpoints[party]!;
    const since = (missed.get(port) ?? 0) - (missedBefore.get(port) ?? 0);
    missedBefore.set(port, missed.get(port) ?? 0);
    return sum + since;
  }, 0);
  sums.sent += sent;
  sums.relayed += relayed;
  sums.received += received;
  sums.dropped += lostIn;
  sums.missed += lostOut;
  if (sent !== relayed + lostIn) odd.push(`${call.id}: sent ${sent}, relayed ${relayed} + dropped ${lostIn}`);
  ended++;
  call.state = "free";
}
const missedBefore = new Map<number, number>();

const all: Call[] = Array.from({ length: calls }, (_, i) => ({
  first: i * 2,
  id: "",
  ports: [0, 0],
  ends: 0,
  state: "free",
}));
const failures: string[] = [];
const failed = (error: unknown) => failures.push(String(error));

console.log(`${calls} calls at a time, ${calls * 100} packets/s, ${minutes} min`);
const startDescriptors = descriptors();
const start = performance.now();
const stop = start + minutes * 60_000;
const samples: number[] = [];
let due = start;
let sampled = start;
while (performance.now() < stop && failures.length === 0 && daemon.exitCode === null) {
  const now = performance.now();
  // Calls start one by one over the first seconds.
  const open = Math.min(calls, Math.ceil(((now - start) / 5_000) * calls));
  for (const call of all.slice(0, open)) {
    if (call.state === "free") begin(call).catch(failed);
    else if (call.state === "talking" && now > call.ends) end(call).catch(failed);
  }
  // An equal part of the streams every millisecond or so, each every 20 ms; what is late is sent, not left out.
  for (; due <= now; due += INTERVAL / 20) {
    const turn = Math.round((due - start) / (INTERVAL / 20)) % 20;
    for (let party = turn; party < calls * 2; party += 20) parties.send(party);
  }
  for (let party = 0; party < calls * 2; party++) parties.take(party);
  if (now - sampled >= SAMPLE) {
    sampled = now;
    samples.push(resident());
  }
  await Bun.sleep(1);
}
while (all.some(({ state }) => state === "opening" || state === "ending") && failures.length === 0) await Bun.sleep(10);
// A few at a time: a hundred replies at once would not fit our own socket's queue.
const talking = all.filter(({ state }) => state === "talking");
while (talking.length > 0) await Promise.all(talking.splice(0, 8).map((call) => end(call).catch(failed)));
await Bun.sleep(500);

const endDescriptors = descriptors();
const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
const third = Math.floor(samples.length / 3);
const middle = median(samples.slice(third, third * 2));
const late = median(samples.slice(third * 2));
const mebibytes = (bytes: number) => `${(bytes / 1_048_576).toFixed(1)} MiB`;
verdict.check("the daemon lives and answers", daemon.exitCode === null && failures.length === 0, failures.join("; "));
verdict.check(
  "memory is flat",
  late - middle < FLAT,
  `${mebibytes(middle)} in the middle, ${mebibytes(late)} at the end`,
);
/** Packets that the daemon had and did not send on, by reason: an answer's first packets may be faster than the worker. */
const reasons = new Map<string, number>();
const metrics = await (await fetch(`http://${HTTP}/metrics`, { headers: { connection: "close" } })).text();
for (const [, reason, count] of metrics.matchAll(/^sluice_dropped_packets_total\{reason="([^"]+)"\} (\d+)/gm)) {
  if (reason !== "kernel-queue" && Number(count) > 0) reasons.set(reason!, Number(count));
}
const refused = [...reasons.values()].reduce((sum, count) => sum + count, 0);
const list = await ng.request({ command: "list", limit: 10 });
verdict.check("no call is left", (list["calls"] as readonly string[]).length === 0, JSON.stringify(list["calls"]));
const held = [...drops(MEDIA).keys()];
verdict.check("no port is left", held.length === 0, held.join(" "));
verdict.check(
  "no descriptor is left",
  endDescriptors <= startDescriptors,
  `${startDescriptors} at the start, ${endDescriptors} at the end`,
);
verdict.check(
  "what parties sent was received or dropped at a full queue, call by call",
  odd.length === 0 && ended >= calls,
  `${ended} calls, ${sums.sent} packets = ${sums.relayed} received + ${sums.dropped} dropped${odd.length > 0 ? `; not so: ${odd.slice(0, 5).join("; ")}` : ""}`,
);
verdict.check(
  "what was received was delivered or dropped for a reason",
  sums.relayed === sums.received + sums.missed + refused,
  `${sums.relayed} = ${sums.received} delivered + ${sums.missed} dropped at the parties' queues + ${[...reasons].map(([reason, count]) => `${count} ${reason}`).join(" + ") || "0"}`,
);
verdict.check(
  "next to nothing was dropped at half load",
  sums.dropped + refused <= sums.sent / 10_000,
  `${sums.dropped + refused} of ${sums.sent}`,
);
verdict.check("ng answered in time", slowest < 1_000, `slowest ${slowest.toFixed(0)} ms`);
ng.close();
parties.close();
daemon.kill("SIGTERM");
await Promise.race([daemon.exited, Bun.sleep(10_000)]);
verdict.check("the daemon ends when told to", daemon.exitCode === 0, `status ${daemon.exitCode}`);
if (daemon.exitCode === null) daemon.kill("SIGKILL");
process.exit(verdict.conclude());
