/**
 * Paced RTP load generator, a process of its own that takes orders over stdin (see agent.ts).
 *
 * The packets of all streams are spread evenly over the packet interval: packet k leaves at t0 + k / rate from stream
 * k mod streams, so the daemon sees many sockets with 50 packets/s each and never one hot socket. Late packets go out in
 * one batch. The sending time is in the payload, the arrival time is the kernel's, so latency does not depend on when
 * this process looks. Every packet is accounted for: a bit per packet tells loss from duplicates, and each byte that a
 * relay must not change is compared.
 *
 * The daemon's CPU time is read by this process right where its measured window starts and ends.
 */
import { serve } from "./agent.ts";
import { type Carrier, PacketRing, PartySockets, type Wire } from "./carrier.ts";
import { Histogram, type Quantiles } from "./histogram.ts";
import {
  backlogDrops,
  machineUsage,
  NO_USAGE,
  processMemory,
  processUsage,
  udpReceiveDrops,
  usedBetween,
} from "./process-usage.ts";
import type { CallSecurity, RelayKeys } from "./secure-call.ts";
import { type Parties, type RelayPorts, StreamFrames, TAG } from "./stream-frames.ts";
import { StreamProtection } from "./stream-protection.ts";
import { C } from "./sys.ts";

export type GeneratorRequest =
  | { do: "open"; parties: Parties; payload: number; wire: Wire | undefined }
  | { do: "load"; id: number; relay: readonly RelayPorts[]; security?: CallSecurity; keys?: readonly RelayKeys[] }
  | ({ do: "run" } & RunOrder);

export interface RunOrder {
  /** Which load, and how many of its calls. */
  readonly id: number;
  readonly calls: number;
  /** Packets per second of each stream. */
  readonly rate: number;
  readonly warmSeconds: number;
  readonly seconds: number;
  /** The daemon, or 0. */
  readonly pid: number;
  /** Processes whose load is meant to be there, so that it is no noise. */
  readonly companions: readonly number[];
  /** Sleep that long when nothing is due instead of spinning, microseconds; 0 = spin. Leaves the CPU to others. */
  readonly rest: number;
}

export interface RunResult {
  readonly calls: number;
  /** Packets per second. */
  readonly offered: number;
  readonly relayed: number;
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
  readonly duplicates: number;
  readonly reordered: number;
  readonly wrong: number;
  /** Added latency, microseconds. */
  readonly latency: Quantiles;
  /** The daemon's CPU per relayed packet, microseconds: scheduler time, tick time, time it waited for a CPU. */
  readonly cpu: number;
  readonly cpuTicks: number;
  readonly cpuWait: number;
  /** Part of one CPU that the daemon used. */
  readonly core: number;
  /** Part of one CPU used by neither the daemon nor this process: noise. */
  readonly otherLoad: number;
  readonly stolen: number;
  readonly resident: number;
  /** Dropped at the daemon's full sockets. */
  readonly socketDrops: number;
  /** Dropped at the full input queue of a CPU, on either way: this is the machine's doing, not the daemon's. */
  readonly backlogDrops: number;
  /** How late this generator was against its own schedule, microseconds, and how much of its CPU it needed. */
  readonly lag: Quantiles;
  readonly generatorBusy: number;
  readonly refused: number;
  readonly overruns: number;
}

/** Packets sent in one batch at most. */
const SEND_BATCH = 32;
/** Packets taken in one pass at most. */
const DRAIN_BATCH = 128;

class Generator {
  readonly #loads = new Map<number, StreamFrames>();
  readonly #latency = new Histogram();
  readonly #lag = new Histogram();
  #epoch = 1;
  // Of the run under way; fields, because the arrival callback is one function for ever.
  #frames!: StreamFrames;
  #measured = 0;
  #seen = new Uint8Array(0);
  #lastOrdinal = new Int32Array(0);
  #received = 0;
  #relayed = 0;
  #duplicates = 0;
  #reordered = 0;
  #wrong = 0;

  constructor(
    readonly carrier: Carrier,
    readonly parties: Parties,
    readonly payload: number,
  ) {}

  load(id: number, relay: readonly RelayPorts[], protection?: StreamProtection): void {
    this.carrier.prepare(relay.length);
    const { level, macs } = this.carrier;
    this.#loads.set(id, new StreamFrames(id, relay, this.parties, this.payload, level, macs, protection));
  }

  readonly #arrival = (
    words: Int32Array,
    at: number,
    length: number,
    source: number,
    destination: number,
    ports: number,
    seconds: number,
    nanoseconds: number,
  ): void => {
    const stream = this.#frames.recognise(words, at, length, source, destination, ports);
    if (stream < 0) {
      this.#wrong++;
      return;
    }
    this.#relayed++;
    const { seen: i32, seenAt: rtp } = this.#frames;
    if (i32[rtp + TAG.epoch] !== this.#epoch) return;
    const ordinal = i32[rtp + TAG.ordinal]!;
    if (ordinal < 0 || ordinal >= this.#measured) {
      this.#wrong++;
      return;
    }
    const bit = 1 << (ordinal & 7);
    if (this.#seen[ordinal >> 3]! & bit) {
      this.#duplicates++;
      return;
    }
    this.#seen[ordinal >> 3]! |= bit;
    this.#received++;
    if (ordinal < this.#lastOrdinal[stream]!) this.#reordered++;
    else this.#lastOrdinal[stream] = ordinal;
    this.#latency.add((seconds - i32[rtp + TAG.seconds]!) * 1e9 + (nanoseconds - i32[rtp + TAG.nanoseconds]!));
  };

  run(order: RunOrder): RunResult {
    const frames = this.#loads.get(order.id);
    if (!frames || frames.streams < order.calls * 2) throw new Error(`load ${order.id} has no ${order.calls} calls`);
    const streams = order.calls * 2;
    const offered = order.rate * streams;
    const interval = 1e9 / offered;
    const warm = Math.ceil(offered * order.warmSeconds);
    const measured = Math.max(1, Math.round(offered * order.seconds));
    const end = warm + measured;
    this.#frames = frames;
    this.#measured = measured;
    this.#seen = new Uint8Array((measured >> 3) + 1);
    this.#lastOrdinal = new Int32Array(streams).fill(-1);
    this.#latency.clear();
    this.#lag.clear();
    const warmEpoch = ++this.#epoch;
    this.#epoch++;
    // What a stalled daemon still held from an earlier run is thrown away.
    this.carrier.sweep(() => {});
    this.#relayed = this.#received = this.#duplicates = this.#reordered = this.#wrong = 0;
    const sample = () => ({
      daemon: order.pid ? processUsage(order.pid) : NO_USAGE,
      own: process.cpuUsage(),
      machine: machineUsage(),
      companions: order.companions.map(processUsage),
      drops: order.pid ? udpReceiveDrops(order.pid) : 0,
      backlog: backlogDrops(),
      overruns: this.carrier.overruns(),
      relayed: this.#relayed,
      at: Bun.nanoseconds(),
    });
    // Without this a sleep ends up to 50 us late.
    C.prctl(29 /* PR_SET_TIMERSLACK */, 1, 0, 0, 0);
    let before = sample();
    let refused = 0;
    let idle = 0;
    let t0 = Bun.nanoseconds();
    let k = 0;
    let now = t0;
    for (;;) {
      const passStart = now;
      let worked = false;
      const due = Math.min(end, Math.floor((now - t0) / interval) + 1);
      if (due > k) {
        worked = true;
        const stream = k % streams;
        let count = Math.min(due - k, SEND_BATCH, streams - stream);
        if (k < warm) {
          count = Math.min(count, warm - k);
          frames.next(stream, count, warmEpoch, k);
          this.carrier.send(frames, stream, count);
        } else {
          if (k === warm) {
            this.carrier.sweep(this.#arrival);
            before = sample();
            // The time it took to take the sample is taken out of the schedule.
            now = Bun.nanoseconds();
            t0 = now - k * interval;
          }
          this.#lag.add(now - (t0 + k * interval));
          frames.next(stream, count, this.#epoch, k - warm);
          refused += this.carrier.send(frames, stream, count);
        }
        k += count;
        if (k === end) break;
      }
      if (this.carrier.drain(DRAIN_BATCH, this.#arrival) > 0) worked = true;
      now = Bun.nanoseconds();
      if (worked) continue;
      if (order.rest > 0) {
        C.usleep(order.rest);
        now = Bun.nanoseconds();
      }
      if (k > warm) idle += now - passStart;
    }
    this.carrier.sweep(this.#arrival);
    const after = sample();
    const resident = order.pid ? processMemory(order.pid).resident : 0;
    // Stragglers: until all are here, or half a second has brought nothing more.
    for (let last = Bun.nanoseconds(), until = last + 3e9; this.#received < measured; ) {
      const at = Bun.nanoseconds();
      const before = this.#received;
      this.carrier.sweep(this.#arrival);
      if (this.#received > before) last = at;
      if (at - last > 5e8 || at > until) break;
      Bun.sleepSync(1);
    }
    const wall = (after.at - before.at) / 1e9;
    const relayed = after.relayed - before.relayed;
    const perPacket = (seconds: number) => (relayed > 0 ? (seconds / relayed) * 1e6 : 0);
    const used = usedBetween(before.daemon, after.daemon);
    const company = after.companions.reduce((sum, usage, i) => sum + usedBetween(before.companions[i]!, usage).cpu, 0);
    const ownSeconds = (after.own.user + after.own.system - before.own.user - before.own.system) / 1e6;
    const busy = after.machine.busySeconds.reduce(
      (sum, seconds, cpu) => sum + seconds - before.machine.busySeconds[cpu]!,
      0,
    );
    return {
      calls: order.calls,
      offered,
      relayed: relayed / wall,
      sent: measured - refused,
      received: this.#received,
      lost: measured - refused - this.#received,
      duplicates: this.#duplicates,
      reordered: this.#reordered,
      wrong: this.#wrong,
      latency: this.#latency.summary(),
      cpu: perPacket(used.cpu),
      cpuTicks: perPacket(used.ticks),
      cpuWait: perPacket(used.wait),
      core: used.cpu / wall,
      otherLoad: Math.max(0, (busy - used.cpu - ownSeconds - company) / wall),
      stolen: (after.machine.stolenSeconds - before.machine.stolenSeconds) / wall,
      resident,
      socketDrops: after.drops - before.drops,
      backlogDrops: after.backlog - before.backlog,
      lag: this.#lag.summary(),
      generatorBusy: 1 - idle / 1e9 / wall,
      refused,
      overruns: after.overruns - before.overruns,
    };
  }
}

if (import.meta.main) {
  let generator: Generator | undefined;
  await serve<GeneratorRequest>((request) => {
    switch (request.do) {
      case "open":
        generator = new Generator(
          request.wire ? new PacketRing(request.wire, request.payload) : new PartySockets(request.parties),
          request.parties,
          request.payload,
        );
        return {};
      case "load":
        generator!.load(
          request.id,
          request.relay,
          request.security && new StreamProtection(request.security, request.keys ?? []),
        );
        return {};
      case "run":
        return generator!.run(request);
    }
  });
}
