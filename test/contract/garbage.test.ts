import { describe, expect, test } from "bun:test";
import { probeIoUring } from "../../ffi/io-uring.ts";

/** `PACKETS=200000` for a quick look. */
const PACKETS = Number(process.env["PACKETS"] ?? 2_000_000);
const WARM_UP = 96_000;

const ENGINES = probeIoUring().state === "no" ? ["epoll"] : ["epoll", "io_uring"];

describe.each(ENGINES)("a relay worker with the %s engine", (engine) => {
  test(`makes no garbage over ${PACKETS} packets`, async () => {
    const child = Bun.spawn(
      [process.execPath, `${import.meta.dir}/packets-run.ts`, engine, `${PACKETS}`, `${WARM_UP}`],
      {
        // The collector's own log, of all threads' heaps.
        env: { ...process.env, BUN_JSC_logGC: "1" },
        stdout: "pipe",
        stderr: "pipe",
      },
    );
    const [output, log] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    expect({ status: await child.exited, tail: child.exitCode === 0 ? "" : log.slice(-2_000) }).toEqual({
      status: 0,
      tail: "",
    });
    const [, hot] = /HOT SECTION BEGINS\n([\s\S]*)HOT SECTION ENDS/.exec(log) ?? [];
    expect(hot).toBeDefined();
    // The log works: threads start with a collection or two.
    expect(log.split(": START ").length).toBeGreaterThan(1);
    // One object of 16 bytes per packet would be four collections of 8 MB each in the worker's heap alone.
    const collections = hot!.split(": START ").length - 1;
    expect(collections).toBeLessThanOrEqual(2);
    const { seconds, grown, lost, counted } = JSON.parse(output.trim().split("\n").at(-1)!);
    expect({ lost, counted }).toEqual({ lost: 0, counted: PACKETS + WARM_UP });
    expect(grown).toBeLessThan(8 << 20);
    console.log(
      `# ${engine}: ${PACKETS} packets in ${seconds.toFixed(1)} s, ${collections} collections, resident memory ${grown >= 0 ? "+" : ""}${(grown / 1_024).toFixed(0)} KiB`,
    );
  }, 180_000);
});
