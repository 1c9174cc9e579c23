/**
 * `sluice demo`: a newcomer's first call. Starts the real daemon on loopback as a process of its own, sets up one call over
 * its ng port as a SIP proxy would, streams PCMA both ways and shows what the far ends see.
 *
 * Exit status with `--once`: 0 only when both directions arrived without loss.
 */
import { version } from "../build-info.ts";
import { DemoParty } from "./demo-party.ts";
import { NgClient } from "./ng-client.ts";
import { selfCommand } from "./self.ts";

const HOST = "127.0.0.1";
/** Duration with `--once`, milliseconds. */
const ONCE = 5_000;
/** G.711 packets leave every 20 ms. */
const PACKET_INTERVAL = 20;

const HELP = `usage: sluice demo [--once]

Starts the daemon on loopback, sets up a call over its ng port and streams RTP both ways.
  --once   stop after ${ONCE / 1000} s; exit status 0 only if both directions had no loss
`;

export async function demo(args: readonly string[]): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    process.stdout.write(HELP);
    return 0;
  }
  const unknown = args.find((arg) => arg !== "--once");
  if (unknown !== undefined) {
    process.stderr.write(`sluice demo: unknown argument '${unknown}'\n${HELP}`);
    return 2;
  }

  const ngPort = await freePort();
  const daemon = Bun.spawn(
    [
      ...selfCommand(),
      "run",
      "--config-file=none",
      `--interface=${HOST}`,
      `--listen-ng=${HOST}:${ngPort}`,
      "--log-level=4",
      "--drain-time=0",
      "--log-stderr",
      "--foreground",
    ],
    { stdin: "ignore", stdout: "inherit", stderr: "inherit" },
  );
  let client: NgClient | undefined;
  const parties: DemoParty[] = [];
  try {
    client = await NgClient.connect(HOST, ngPort);
    await Promise.race([
      client.request({ command: "ping" }),
      daemon.exited.then((status) => {
        throw new Error(`the daemon ended at start with exit status ${status}`);
      }),
    ]);
    const alice = await DemoParty.open("alice", HOST);
    const bob = await DemoParty.open("bob", HOST);
    parties.push(alice, bob);
    const call = { "call-id": `demo-${process.pid}`, "from-tag": "alice" };
    const offer = await client.request({ ...call, command: "offer", sdp: alice.sdp() });
    bob.relay = mediaAddress(offer["sdp"]);
    const answer = await client.request({ ...call, command: "answer", "to-tag": "bob", sdp: bob.sdp() });
    alice.relay = mediaAddress(answer["sdp"]);

    process.stdout.write(
      `sluice ${version} demo: one PCMA call through the daemon, process ${daemon.pid}, ng on ${HOST}:${ngPort}\n` +
        `alice ${HOST}:${alice.port} <> ${HOST}:${alice.relay.port} relay ${HOST}:${bob.relay.port} <> ${HOST}:${bob.port} bob\n` +
        `${args.includes("--once") ? "" : "Ctrl-C ends it.\n"}\n`,
    );
    const stopped = await stream(alice, bob, args.includes("--once"), daemon.exited);
    if (stopped === "daemon") throw new Error("the daemon ended in mid-call");
    await client.request({ ...call, command: "delete", "delete-delay": 0 });
    const complete = alice.complete && bob.complete;
    process.stdout.write(
      complete ? "\nBoth directions arrived complete.\n" : "\nPackets are missing: see the column 'lost'.\n",
    );
    return complete || !args.includes("--once") ? 0 : 1;
  } catch (error) {
    process.stderr.write(`sluice demo: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  } finally {
    client?.close();
    for (const party of parties) party.close();
    daemon.kill("SIGTERM");
    await daemon.exited;
  }
}

/** Sends from both sides until the time is up, the user interrupts or the daemon ends; redraws the table meanwhile. */
async function stream(
  alice: DemoParty,
  bob: DemoParty,
  once: boolean,
  daemonExited: Promise<number>,
): Promise<"time" | "interrupt" | "daemon"> {
  const started = performance.now();
  let sent = 0;
  const pace = setInterval(() => {
    // Catch up when the timer was late, so that the packet rate stays true.
    while (sent * PACKET_INTERVAL <= performance.now() - started) {
      alice.send(bob);
      bob.send(alice);
      sent++;
    }
  }, 5);
  const draw = setInterval(() => drawTable(alice, bob), process.stdout.isTTY ? 250 : 1_000);
  const interrupted = Promise.withResolvers<"interrupt">();
  const onSignal = () => interrupted.resolve("interrupt");
  process.once("SIGINT", onSignal).once("SIGTERM", onSignal);
  const ends: Promise<"time" | "interrupt" | "daemon">[] = [
    interrupted.promise,
    daemonExited.then(() => "daemon" as const),
  ];
  if (once) ends.push(Bun.sleep(ONCE).then(() => "time" as const));
  const end = await Promise.race(ends);
  clearInterval(pace);
  // What was sent last is still on its way.
  await Bun.sleep(200);
  clearInterval(draw);
  process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  drawTable(alice, bob);
  return end;
}

let drawn = 0;

function drawTable(alice: DemoParty, bob: DemoParty): void {
  const row = (from: DemoParty, to: DemoParty) => {
    const { received, lost, addedP50, addedP99, jitter } = to.report(from);
    const cells = [`${from.name} > ${to.name}`, from.sent, received, lost, us(addedP50), us(addedP99), us(jitter)];
    return cells.map((cell, i) => (i === 0 ? String(cell).padEnd(13) : String(cell).padStart(14))).join("");
  };
  const head = ["direction", "sent", "received", "lost", "added p50", "added p99", "jitter"];
  const lines = [
    head.map((cell, i) => (i === 0 ? cell.padEnd(13) : cell.padStart(14))).join(""),
    row(alice, bob),
    row(bob, alice),
  ];
  if (process.stdout.isTTY && drawn > 0) process.stdout.write(`\x1b[${lines.length}A`);
  else if (drawn > 0) lines.shift();
  process.stdout.write(lines.map((line) => `${line}${process.stdout.isTTY ? "\x1b[K" : ""}\n`).join(""));
  drawn++;
}

function us(milliseconds: number): string {
  return `${Math.round(milliseconds * 1000)} us`;
}

/** A port below the default range of media ports and below the system's ephemeral ones. */
async function freePort(): Promise<number> {
  for (let port = 22_223; ; port += 10) {
    try {
      (await Bun.udpSocket({ hostname: HOST, port })).close();
      return port;
    } catch (error) {
      if (port > 29_000) throw error;
    }
  }
}

function mediaAddress(sdp: unknown): { address: string; port: number } {
  const text = String(sdp);
  const port = /^m=audio ([0-9]+) /m.exec(text)?.[1];
  const address = /^c=IN IP[46] (\S+)/m.exec(text)?.[1];
  if (port === undefined || address === undefined) throw new Error(`no audio address in the daemon's SDP:\n${text}`);
  return { address, port: Number(port) };
}
