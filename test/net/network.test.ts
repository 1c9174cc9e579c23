import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { probeIoUring } from "../../ffi/io-uring.ts";
import { Network, RELAY } from "./network.ts";

const program = process.env["SLUICE"] ?? join(import.meta.dir, "../../dist/sluice");
const network = new Network();
const refused = existsSync(program) ? network.open() : "dist/sluice is missing: npm run build";
if (refused) console.log(`# SKIP no network namespaces: ${refused}`);
afterAll(() => network.close());

const ENGINES = probeIoUring().state === "no" ? ["epoll"] : ["epoll", "io_uring"];

describe.skipIf(refused !== undefined).each(ENGINES)("over a wire between two namespaces, %s", (engine) => {
  let daemon: Bun.Subprocess;

  beforeAll(() => {
    const command = [
      program,
      "--config-file=none",
      `--interface=${RELAY[4]}`,
      `--interface=${RELAY[6]}`,
      `--listen-ng=${RELAY[4]}:2223`,
      `--listen-http=${RELAY[4]}:2225`,
      "--port-min=20000",
      "--port-max=29999",
      "--num-threads=1",
      "--delete-delay=0",
      "--log-level=4",
      "--foreground",
      "--log-stderr",
      "--drain-time=0",
      `--relay-engine=${engine}`,
    ];
    daemon = Bun.spawn(network.inside(network.relay, command), {
      stdin: "ignore",
      stdout: "ignore",
      stderr: "inherit",
    });
  });
  afterAll(async () => {
    daemon.kill("SIGTERM");
    await daemon.exited;
  });

  async function phones(...args: string[]) {
    const command = [process.execPath, join(import.meta.dir, "phones.ts"), ...args];
    const child = Bun.spawn(network.inside(network.phones, command), { stdout: "pipe", stderr: "inherit" });
    const text = await new Response(child.stdout).text();
    expect(await child.exited).toBe(0);
    return JSON.parse(text.trim().split("\n").at(-1)!);
  }

  test.each([4, 6])(
    "loss, duplicates and reordering pass as they come, in full-size packets, from IPv%d",
    async (family) => {
      const seed = Math.floor(Math.random() * 1e9);
      console.log(`# seed ${seed}`);
      for (const { sent, received, wrong, totals } of await phones("impaired", `${family}`, `${seed}`)) {
        expect({ received, wrong }).toEqual({ received: sent, wrong: [] });
        expect(totals.RTP).toMatchObject({ packets: sent, errors: 0 });
      }
    },
    60_000,
  );

  test("overload: fair, counted, ng answers, and it is over at once", async () => {
    const { offered, rate, delivered, shares, pings, counters, after } = await phones("overload");
    const share = (delivered / offered) * 100;
    console.log(
      `# ${engine}: ${rate} packets/s offered, ${share.toFixed(0)} % delivered, streams between ${(shares.least * 100).toFixed(0)} and ${(shares.most * 100).toFixed(0)} %, ng within ${pings.slowest.toFixed(0)} ms`,
    );
    // Whether this host could be overloaded at all is for the next line to say.
    const lost = counters['dropped_packets_total{reason="kernel-queue"}'] ?? 0;
    if (delivered < offered) expect(lost).toBeGreaterThan(0);
    expect(shares.least).toBeGreaterThan(shares.most / 3);
    expect(pings.slowest).toBeLessThan(100);
    expect(after.received).toBe(after.sent);
  }, 60_000);
});
