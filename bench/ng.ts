/** `bench ng`: offer, answer and delete per second, and what they cost, in a closed loop. */
import { contender } from "./contender.ts";
import { type Entrant, type Field, type NgRun, turns } from "./field.ts";
import { count, duration, number, printTable, withSpread } from "./report.ts";
import { median, pairedRatio, type Spread } from "./statistics.ts";

export interface NgPoint {
  readonly threads: number;
  readonly outstanding: number;
  readonly own: NgFigures;
  readonly peer: NgFigures;
  /** Own rate over the peer's: more is better. CPU and p99: less is better. */
  readonly rateRatio: Spread;
  readonly cpuRatio: Spread;
  readonly p99Ratio: Spread;
}

export interface NgFigures {
  readonly name: string;
  readonly rate: number;
  readonly p50: number;
  readonly p99: number;
  readonly cpu: number;
  readonly failures: number;
  readonly resent: number;
}

export function ngFigures(runs: readonly NgRun[]): NgFigures {
  return {
    name: runs[0]!.contender,
    rate: median(runs.map((run) => run.rate)),
    p50: median(runs.map((run) => run.latency.p50)),
    p99: median(runs.map((run) => run.latency.p99)),
    cpu: median(runs.map((run) => run.cpu)),
    failures: runs.reduce((sum, run) => sum + run.failures, 0),
    resent: runs.reduce((sum, run) => sum + run.resent, 0),
  };
}

export function printNg(title: string, points: readonly NgPoint[]): void {
  const rows: string[][] = [];
  for (const point of points)
    for (const [figures, ratio] of [
      [point.peer, undefined],
      [point.own, point],
    ] as const)
      rows.push([
        figures.name,
        String(point.outstanding),
        count(figures.rate),
        duration(figures.p50),
        duration(figures.p99),
        `${number(figures.cpu)} us`,
        ratio ? withSpread(ratio.rateRatio) : "1",
        ratio ? withSpread(ratio.cpuRatio) : "1",
        ratio ? withSpread(ratio.p99Ratio) : "1",
        `${figures.failures}/${figures.resent}`,
      ]);
  printTable(
    title,
    ["", "open", "req/s", "p50", "p99", "CPU/req", "rate ratio", "CPU ratio", "p99 ratio", "failed/resent"],
    rows,
  );
}

/** `make` makes one run; it may surround the requests with something else, e.g. media. */
export async function ngPoint(
  field: Field,
  own: Entrant,
  peer: Entrant,
  outstanding: number,
  make: (entrant: Entrant) => Promise<NgRun> = (entrant) => field.quietNg(entrant, { outstanding }),
): Promise<NgPoint> {
  const runs = new Map<Entrant, NgRun[]>([
    [own, []],
    [peer, []],
  ]);
  for (let round = 0; round < field.options.rounds; round++)
    for (const entrant of turns([own, peer], round)) runs.get(entrant)!.push(await make(entrant));
  const [a, b] = [runs.get(own)!, runs.get(peer)!];
  const firstFailure = [...a, ...b].find((run) => run.firstFailure);
  if (firstFailure) console.log(`  ${firstFailure.contender} failed a request: ${firstFailure.firstFailure}`);
  return {
    threads: own.daemon.contender.threads,
    outstanding,
    own: ngFigures(a),
    peer: ngFigures(b),
    rateRatio: pairedRatio(
      a.map((run) => run.rate),
      b.map((run) => run.rate),
    ),
    cpuRatio: pairedRatio(
      a.map((run) => run.cpu),
      b.map((run) => run.cpu),
    ),
    p99Ratio: pairedRatio(
      a.map((run) => run.latency.p99),
      b.map((run) => run.latency.p99),
    ),
  };
}

export async function ngBenchmark(field: Field): Promise<object> {
  const { options, programs } = field;
  const points: NgPoint[] = [];
  for (const threads of options.threads) {
    const [own, peer] = (await field.enter([
      contender(programs, options.own, threads),
      contender(programs, "rtpengine", threads),
    ])) as [Entrant, Entrant];
    await field.warmNg([own, peer]);
    for (const outstanding of options.quick ? [options.outstanding] : [1, options.outstanding])
      points.push(await ngPoint(field, own, peer, outstanding));
    await field.leave();
  }
  printNg("ng requests (offer, answer, delete in turn)", points);
  return { points };
}
