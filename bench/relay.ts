/**
 * `bench relay`: what it costs to relay RTP, how much one core carries, and how long packets wait.
 *
 * Each part starts the contenders side by side and lets them take turns, run by run, the others standing still; ratios
 * are taken pair by pair within a round.
 */
import { openFileLimit } from "./agent.ts";
import { type Contender, contender } from "./contender.ts";
import { type Entrant, type Field, type RelayRun, turns } from "./field.ts";
import { type NgPoint, ngPoint, printNg } from "./ng.ts";
import { processMemory, slabBytes } from "./process-usage.ts";
import { count, duration, megabytes, number, printTable, withSpread } from "./report.ts";
import { median, pairedRatio, type Spread } from "./statistics.ts";

export interface RelayFigures {
  readonly name: string;
  readonly calls: number;
  readonly offered: number;
  readonly relayed: number;
  /** Microseconds per packet. */
  readonly cpu: number;
  readonly core: number;
  readonly lossPercent: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  /** Against the contender it is paired with. */
  readonly cpuRatio: Spread | undefined;
  readonly p99Ratio: Spread | undefined;
  readonly remarks: string;
}

function figures(runs: readonly RelayRun[], paired?: readonly RelayRun[]): RelayFigures {
  const of = (pick: (run: RelayRun) => number) => median(runs.map(pick));
  const ratio = (pick: (run: RelayRun) => number) => paired && pairedRatio(runs.map(pick), paired.map(pick));
  const remarks = new Map<string, number>();
  for (const run of runs) for (const remark of run.remarks) remarks.set(remark, (remarks.get(remark) ?? 0) + 1);
  return {
    name: runs[0]!.contender,
    calls: runs[0]!.calls,
    offered: runs[0]!.offered,
    relayed: of((run) => run.relayed),
    cpu: of((run) => run.cpu),
    core: of((run) => run.core),
    lossPercent: of((run) => (run.lost / run.sent) * 100),
    p50: of((run) => run.latency.p50),
    p99: of((run) => run.latency.p99),
    p999: of((run) => run.latency.p999),
    max: Math.max(...runs.map((run) => run.latency.max)),
    cpuRatio: ratio((run) => run.cpu),
    p99Ratio: ratio((run) => run.latency.p99),
    remarks: [...remarks]
      .map(([remark, times]) => (times < runs.length ? `${remark} ${times}/${runs.length}` : remark))
      .join(", "),
  };
}

export function printRelay(title: string, all: readonly RelayFigures[]): void {
  printTable(
    title,
    ["", "calls", "offered/s", "relayed/s", "CPU/packet", "ratio", "core", "loss", "p50", "p99", "p99.9", "max", ""],
    all.map((f) => [
      f.name,
      count(f.calls),
      count(f.offered),
      count(f.relayed),
      `${number(f.cpu)} us`,
      f.cpuRatio ? withSpread(f.cpuRatio) : "1",
      `${Math.round(f.core * 100)} %`,
      `${number(f.lossPercent)} %`,
      duration(f.p50),
      duration(f.p99),
      duration(f.p999),
      duration(f.max),
      f.remarks,
    ]),
  );
}

/** Rounds of runs in turn. `peerOf` says against which entrant one is judged. */
export async function rounds(
  field: Field,
  entrants: readonly Entrant[],
  order: Parameters<Field["relay"]>[1],
  peerOf: (entrant: Entrant) => Entrant | undefined,
  times = field.options.rounds,
): Promise<RelayFigures[]> {
  const runs = new Map<Entrant, RelayRun[]>(entrants.map((entrant) => [entrant, []]));
  for (let round = 0; round < times; round++)
    for (const entrant of turns(entrants, round)) runs.get(entrant)!.push(await field.quietRelay(entrant, order));
  return entrants.map((entrant) => {
    const peer = peerOf(entrant);
    return figures(runs.get(entrant)!, peer && runs.get(peer));
  });
}

/** The pairs: own program and peer at each worker count, own first. */
export function pairs(field: Field, threads: readonly number[]): Contender[] {
  return threads.flatMap((t) => [
    contender(field.programs, field.options.own, t),
    contender(field.programs, "rtpengine", t),
  ]);
}

export const peerWithin = (entrants: readonly Entrant[]) => (entrant: Entrant) => {
  const index = entrants.indexOf(entrant);
  return index % 2 === 0 ? entrants[index + 1] : undefined;
};

async function cpuPart(field: Field): Promise<RelayFigures[]> {
  const all: RelayFigures[] = [];
  for (const calls of field.options.calls) {
    const entrants = await field.enter(pairs(field, field.options.threads));
    for (const entrant of entrants) await field.setUp(entrant, calls);
    await field.settle(entrants);
    const point = await rounds(field, entrants, { calls }, peerWithin(entrants));
    printRelay(`CPU per relayed packet, ${calls} calls x 2 x 50 packets/s`, point);
    all.push(...point);
    await field.leave();
  }
  return all;
}

interface RateFigures {
  readonly name: string;
  /** Packets per second, one per repetition. */
  readonly rates: readonly number[];
  readonly median: number;
  readonly ratio: Spread | undefined;
  /** The generator, not the daemon, ended the search at least once. */
  readonly generatorLimited: boolean;
  /** Others on the machine, not the daemon, ended the search at least once: the true rate is higher. */
  readonly disturbed: boolean;
  /** Overloads after which calls stayed silent at a rate that was no trouble before, and had to be set up anew. */
  readonly deadAfterOverload: number;
}

/** A packet that comes later than one packet interval has missed its turn: queueing is not carrying. Microseconds. */
const LATE = 20_000;

/**
 * Searches the highest rate at which nothing is lost and p99 of added latency stays below a packet interval: upwards by a
 * quarter until it fails, then by halves to 4 %. A failed step is tried three times, a disturbed one up to ten
 * (coarser and twice in the quick form).
 */
class RateSearch {
  readonly rates: number[] = [];
  generatorLimited = false;
  disturbed = false;

  constructor(
    readonly field: Field,
    readonly entrant: Entrant,
    readonly calls: number,
  ) {}

  async once(): Promise<void> {
    const { quick } = this.field.options;
    const precision = quick ? 1.15 : 1.04;
    let good = 0;
    let bad = 0;
    for (let rate = 60_000; bad === 0; rate *= quick ? 1.5 : 1.25) {
      if (await this.#carries(rate)) good = rate;
      else bad = rate;
    }
    while (good > 0 && bad / good > precision) {
      const rate = Math.sqrt(good * bad);
      if (await this.#carries(rate)) good = rate;
      else bad = rate;
    }
    this.rates.push(good);
  }

  async #carries(rate: number): Promise<boolean> {
    const { field, entrant, calls } = this;
    const { quick } = field.options;
    let failures = 0;
    for (let attempt = 0; attempt < (quick ? 5 : 10) && failures < (quick ? 2 : 3); attempt++) {
      const run = await field.relay(entrant, {
        calls,
        rate: rate / (calls * 2),
        seconds: Math.min(field.options.seconds, 3),
      });
      if (run.lost <= field.options.tolerate && run.latency.p99 <= LATE) return true;
      if (run.lost > 0) await field.revive(entrant);
      if (run.remarks.includes("generator") && run.core < 0.9 && run.otherLoad < 0.05) {
        this.generatorLimited = true;
        return false;
      }
      if (!run.remarks.includes("noise") && !run.remarks.includes("generator")) failures++;
      // Far beyond what it carries there is no doubt to be cleared by another try.
      if (run.lost > run.sent * 0.05 && !run.remarks.includes("noise")) return false;
    }
    if (failures < (quick ? 2 : 3)) this.disturbed = true;
    return false;
  }
}

async function lossFreeRate(field: Field, entrants: readonly Entrant[], calls: number): Promise<RateFigures[]> {
  const searches = entrants.map((entrant) => new RateSearch(field, entrant, calls));
  for (let repetition = 0; repetition < (field.options.quick ? 1 : 3); repetition++)
    for (const search of turns(searches, repetition)) await search.once();
  return searches.map((search, index) => {
    const peer = index % 2 === 0 ? searches[index + 1] : undefined;
    return {
      name: search.entrant.name,
      rates: search.rates,
      median: median(search.rates),
      ratio: peer && pairedRatio(search.rates, peer.rates),
      generatorLimited: search.generatorLimited,
      disturbed: search.disturbed,
      deadAfterOverload: search.entrant.deadAfterOverload,
    };
  });
}

function printRates(all: readonly RateFigures[]): void {
  printTable(
    "Highest loss-free rate on one core (p99 of added latency below 20 ms)",
    ["", "packets/s", "ratio", "each search", "calls dead after overload", ""],
    all.map((f) => [
      f.name,
      count(f.median),
      f.ratio ? withSpread(f.ratio) : "1",
      f.rates.map(count).join(" "),
      f.deadAfterOverload > 0 ? `${f.deadAfterOverload} times` : "never",
      [f.generatorLimited && "generator's limit", f.disturbed && "disturbed"].filter(Boolean).join(", "),
    ]),
  );
}

/** Rate search, then latency at parts of what the peer carries, then a minute at half of it. All on one core. */
async function rateAndLatency(field: Field, wanted: (part: string) => boolean): Promise<object> {
  const calls = field.options.quick ? 500 : 1000;
  const cpu = field.daemonCpus(1).slice(0, 1);
  const entrants = await field.enter(pairs(field, [1]), cpu);
  for (const entrant of entrants) await field.setUp(entrant, calls);
  await field.settle(entrants);
  const rates = await lossFreeRate(field, entrants, calls);
  printRates(rates);
  const peerRate = rates[1]!.median;
  if (!(Math.min(...rates.map((f) => f.median)) > 0)) {
    console.log("no rate was carried without loss: the machine is too busy to go on with latency");
    await field.leave();
    return { rates };
  }
  const latency: RelayFigures[] = [];
  const pause: RelayFigures[] = [];
  if (wanted("latency")) {
    for (const percent of field.options.quick ? [50] : [25, 50, 80]) {
      const point = await rounds(
        field,
        entrants,
        { calls, rate: (peerRate * percent) / 100 / (calls * 2), seconds: field.options.quick ? 3 : 8 },
        peerWithin(entrants),
      );
      printRelay(`Added latency at ${percent} % of the peer's loss-free rate`, point);
      latency.push(...point);
    }
    if (!field.options.quick)
      for (const percent of [25, 50, 80]) {
        const rate = (rates[0]!.median * percent) / 100 / (calls * 2);
        const point = await rounds(field, entrants.slice(0, 1), { calls, rate, seconds: 8 }, () => undefined, 3);
        printRelay(`Added latency at ${percent} % of its own loss-free rate`, point);
        latency.push(...point);
      }
  }
  if (wanted("pause") && !field.options.quick) {
    pause.push(
      ...(await rounds(
        field,
        entrants,
        { calls, rate: peerRate / 2 / (calls * 2), seconds: 60 },
        peerWithin(entrants),
        1,
      )),
    );
    printRelay("A minute at half the peer's loss-free rate (pauses)", pause);
  }
  await field.leave();
  return { rates, latency, pause };
}

async function growthPart(field: Field): Promise<object> {
  const threads = field.options.threads;
  const steps = field.options.quick ? [10, 1000] : [1, 10, 100, 1000, 4000];
  const entrants = await field.enter(pairs(field, threads));
  for (const entrant of entrants) await field.setUp(entrant, Math.max(...steps));
  await field.settle(entrants);
  const atCallRate: RelayFigures[] = [];
  const atFixedRate: RelayFigures[] = [];
  const times = Math.min(3, field.options.rounds);
  for (const calls of steps) {
    // One call is 100 packets/s: it takes a while until 10 ms ticks and percentiles mean something.
    const seconds = calls <= 10 ? Math.max(8, field.options.seconds) : field.options.seconds;
    const point = await rounds(field, entrants, { calls, seconds }, peerWithin(entrants), times);
    printRelay(`How cost grows: ${calls} calls x 2 x 50 packets/s`, point);
    atCallRate.push(...point);
  }
  for (const calls of steps.filter((n) => n >= 100)) {
    const point = await rounds(field, entrants, { calls, rate: 40_000 / (calls * 2) }, peerWithin(entrants), times);
    printRelay(`40,000 packets/s spread over ${calls} calls`, point);
    atFixedRate.push(...point);
  }
  await field.leave();
  return { atCallRate, atFixedRate };
}

async function enginesPart(field: Field): Promise<RelayFigures[]> {
  if (field.options.own !== "sluice") return [];
  const all: RelayFigures[] = [];
  const contenders = [
    contender(field.programs, "sluice", 1, "epoll"),
    contender(field.programs, "sluice", 1, "io_uring"),
    contender(field.programs, "rtpengine", 1),
  ];
  for (const calls of field.options.quick ? [500] : [250, 500, 1000]) {
    const entrants = await field.enter(contenders);
    for (const entrant of entrants) await field.setUp(entrant, calls);
    const peer = entrants[2]!;
    const point = await rounds(field, entrants, { calls }, (entrant) => (entrant === peer ? undefined : peer));
    printRelay(`Per engine, ${calls} calls x 2 x 50 packets/s`, point);
    all.push(...point);
    await field.leave();
  }
  return all;
}

/**
 * Requests per second while calls have media. The daemon has its usual CPUs; media and requests come from the other one,
 * so the media generator rests between packets instead of spinning.
 */
async function ngUnderMedia(field: Field): Promise<object> {
  const calls = field.options.quick ? 250 : 1000;
  const points: NgPoint[] = [];
  const media: RelayFigures[] = [];
  const { seconds } = field.options;
  for (const threads of field.options.threads) {
    const entrants = await field.enter(pairs(field, [threads]));
    const runs = new Map<Entrant, RelayRun[]>(entrants.map((entrant) => [entrant, []]));
    for (const entrant of entrants) await field.setUp(entrant, calls);
    await field.warmNg(entrants);
    await field.settle(entrants);
    const { outstanding } = field.options;
    // Media flows before, while and after requests are counted.
    const together = async (entrant: Entrant) => {
      await field.calm(entrant);
      const [relayed, answered] = await Promise.all([
        field.relay(entrant, {
          calls,
          warmSeconds: 1,
          seconds: seconds + 1.5,
          rest: 250,
          companions: [field.ngClientPid],
        }),
        Bun.sleep(800).then(() => field.ng(entrant, { outstanding })),
      ]);
      if (relayed.lost > relayed.sent * 0.005) await field.revive(entrant);
      return { relayed, answered };
    };
    const make = async (entrant: Entrant) => {
      let run = await together(entrant);
      for (let again = 0; again < 2 && run.relayed.remarks.includes("noise"); again++) {
        run.relayed.discarded = run.answered.discarded = true;
        run = await together(entrant);
      }
      runs.get(entrant)!.push(run.relayed);
      return run.answered;
    };
    points.push(await ngPoint(field, entrants[0]!, entrants[1]!, outstanding, make));
    media.push(...entrants.map((entrant) => figures(runs.get(entrant)!)));
    await field.leave();
  }
  printNg(`ng requests while ${calls} calls have media`, points);
  printRelay("their media meanwhile (CPU per packet includes the requests)", media);
  return { points, media };
}

interface MemoryFigures {
  readonly name: string;
  readonly calls: number;
  readonly media: boolean;
  readonly start: number;
  readonly end: number;
  /** Bytes of resident memory per call, and of kernel slabs (sockets) as far as the machine was quiet. */
  readonly perCall: number;
  readonly kernelPerCall: number;
  readonly setupMs: number;
  readonly files: number;
}

async function memoryPart(field: Field): Promise<MemoryFigures[]> {
  const all: MemoryFigures[] = [];
  // Four sockets a call (RTP and RTCP on either side), and some files beside.
  const most = Math.floor((openFileLimit - 500) / 4);
  for (const [wantedCalls, media] of field.options.quick
    ? ([[1000, false]] as const)
    : ([
        [10_000, false],
        [4_000, true],
      ] as const)) {
    const calls = Math.min(wantedCalls, most);
    if (calls < wantedCalls)
      console.log(
        `\n${count(wantedCalls)} calls need ${count(wantedCalls * 4)} sockets, this system allows ${count(openFileLimit)} ` +
          `open files and forbids raising it: ${count(calls)} calls instead`,
      );
    for (const who of pairs(field, [1])) {
      const [entrant] = (await field.enter([who])) as [Entrant];
      field.turn(entrant);
      await Bun.sleep(500);
      const { pid } = entrant.daemon;
      const before = processMemory(pid);
      const slab = slabBytes();
      const setupMs = await field.setUp(entrant, calls, media);
      if (media) await field.relay(entrant, { calls, rate: 20_000 / (calls * 2), seconds: 5 });
      await Bun.sleep(1000);
      const after = processMemory(pid);
      all.push({
        name: entrant.name,
        calls,
        media,
        start: before.resident,
        end: after.resident,
        perCall: (after.resident - before.resident) / calls,
        kernelPerCall: (slabBytes() - slab) / calls,
        setupMs,
        files: after.files,
      });
      await field.leave();
    }
  }
  printTable(
    "Memory",
    ["", "calls", "media", "RSS at start", "RSS with calls", "RSS/call", "kernel/call", "files", "set up in"],
    all.map((f) => [
      f.name,
      count(f.calls),
      f.media ? "yes" : "no",
      megabytes(f.start),
      megabytes(f.end),
      `${number(f.perCall / 1024)} KB`,
      `${number(f.kernelPerCall / 1024)} KB`,
      count(f.files),
      `${number(f.setupMs / 1000)} s`,
    ]),
  );
  return all;
}

const PARTS = ["cpu", "rate", "latency", "pause", "growth", "engines", "ng", "memory"];
/** What fits a minute or so; the others have a quick form too, by `--parts`. */
const QUICK_PARTS = ["cpu", "memory"];

export async function relayBenchmark(field: Field): Promise<object> {
  const { parts, quick } = field.options;
  for (const part of parts) if (!PARTS.includes(part)) throw new Error(`--parts ${part}: one of ${PARTS.join(", ")}`);
  const chosen = parts.length > 0 ? parts : quick ? QUICK_PARTS : PARTS;
  const wanted = (part: string) => chosen.includes(part);
  const summary: Record<string, object> = {};
  if (wanted("cpu")) summary["cpu"] = await cpuPart(field);
  if (wanted("rate") || wanted("latency") || wanted("pause"))
    summary["rateAndLatency"] = await rateAndLatency(field, wanted);
  if (wanted("growth")) summary["growth"] = await growthPart(field);
  if (wanted("engines")) summary["engines"] = await enginesPart(field);
  if (wanted("ng")) summary["ng"] = await ngUnderMedia(field);
  if (wanted("memory")) summary["memory"] = await memoryPart(field);
  return summary;
}
