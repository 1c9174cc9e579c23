/** The benchmark's own command line. */
import { cpus } from "node:os";
import { join } from "node:path";

export interface BenchOptions {
  readonly json: string | undefined;
  readonly quick: boolean;
  readonly net: "veth" | "lo";
  readonly sluice: string;
  readonly rtpengine: string;
  /** Which parts of the benchmark; empty = all. */
  readonly parts: readonly string[];
  /** Programs to compare: the first is judged against the second. */
  readonly own: "sluice" | "rtpengine";
  readonly calls: readonly number[];
  readonly threads: readonly number[];
  readonly rounds: number;
  readonly seconds: number;
  /** UDP payload of a packet, bytes. */
  readonly payload: number;
  readonly daemonCpus: readonly number[] | undefined;
  readonly generatorCpu: number;
  readonly nice: number;
  /** Highest number of packets lost in a run that still counts as loss-free. */
  readonly tolerate: number;
  /** Seconds to wait for a quiet machine before a run. */
  readonly patience: number;
  readonly outstanding: number;
  readonly clients: number;
}

export const USAGE = `npm run bench -- relay|ng|srtp [options]

  --json FILE          write method, machine facts, every run and the summary
  --quick              a few points in about a minute and a half
  --parts a,b          relay: cpu,rate,latency,pause,growth,engines,ng,memory (default all)
                       srtp: library,sdes,gcm,bridge (default all)
  --calls 250,500      relay: calls of the cpu part; srtp: calls
  --threads 1,2        worker counts compared
  --rounds N           repetitions of each run (default 5, quick 3)
  --seconds N          measured time of one run (default 4, quick 2)
  --payload BYTES      UDP payload of a packet (default 172: G.711, 20 ms)
  --net veth|lo        two own network namespaces (default, needs root), or the loopback interface
  --daemon-cpus 0,1    CPUs of the daemon (default: all but the last, at most one per thread)
  --generator-cpu N    CPU of the load generator (default: the last)
  --nice N             niceness of daemon and generator alike (default -10)
  --tolerate N         packets lost in a run that still counts as loss-free (default 0)
  --patience N         seconds to wait for a quiet machine before each run (default 20, quick 5)
  --outstanding N      ng: requests under way (default 32)     --clients N   ng: sockets (default 4)
  --sluice PATH        default dist/sluice                     --rtpengine PATH   default /usr/bin/rtpengine
  --self-check         the peer against itself: every ratio should come out as 1.0
`;

export function parseOptions(args: readonly string[]): BenchOptions {
  const values = new Map<string, string>();
  const switches = new Set(["quick", "self-check"]);
  const known = new Set(
    [
      "json parts calls threads rounds seconds payload net daemon-cpus generator-cpu nice tolerate patience outstanding clients",
    ]
      .join(" ")
      .split(" ")
      .concat("sluice", "rtpengine"),
  );
  for (let i = 0; i < args.length; i++) {
    const match = /^--([a-z-]+)(?:=(.*))?$/.exec(args[i]!);
    const name = match?.[1] ?? "";
    if (switches.has(name)) values.set(name, "yes");
    else if (known.has(name)) {
      const value = match?.[2] ?? args[++i];
      if (value === undefined) throw new Error(`--${name} needs a value`);
      values.set(name, value);
    } else throw new Error(`unknown argument ${args[i]}\n\n${USAGE}`);
  }
  const numberOf = (name: string, fallback: number): number => {
    const value = Number(values.get(name) ?? fallback);
    if (!Number.isFinite(value)) throw new Error(`--${name} ${values.get(name)}: not a number`);
    return value;
  };
  const listOf = (name: string): number[] | undefined =>
    values
      .get(name)
      ?.split(",")
      .map((item) => {
        if (!/^\d+$/.test(item)) throw new Error(`--${name} ${values.get(name)}: not a list of numbers like 0,1`);
        return Number(item);
      });
  const net = values.get("net") ?? "veth";
  if (net !== "veth" && net !== "lo") throw new Error(`--net ${net}: veth or lo`);
  const quick = values.has("quick");
  const root = join(import.meta.dir, "..");
  return {
    json: values.get("json"),
    quick,
    net,
    sluice: values.get("sluice") ?? join(root, "dist/sluice"),
    rtpengine: values.get("rtpengine") ?? "/usr/bin/rtpengine",
    parts: values.get("parts")?.split(",") ?? [],
    own: values.has("self-check") ? "rtpengine" : "sluice",
    calls: listOf("calls") ?? (quick ? [250, 500] : [250, 500, 1000, 2000]),
    threads: listOf("threads") ?? (quick ? [1] : [1, 2]),
    rounds: numberOf("rounds", quick ? 3 : 5),
    seconds: numberOf("seconds", quick ? 2 : 4),
    payload: numberOf("payload", 172),
    daemonCpus: listOf("daemon-cpus"),
    generatorCpu: numberOf("generator-cpu", cpus().length - 1),
    nice: numberOf("nice", -10),
    tolerate: numberOf("tolerate", 0),
    patience: numberOf("patience", quick ? 5 : 20),
    outstanding: numberOf("outstanding", 32),
    clients: numberOf("clients", 4),
  };
}
