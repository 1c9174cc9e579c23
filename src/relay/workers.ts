/**
 * The fixed pool of relay workers and the stream table they share with the main thread.
 *
 * Ownership of a socket's descriptor: from {@link RelayWorkers.claim} until `retire` calls back it may be in use by the
 * worker that serves it; the port pool closes it only then. Each life of a slot has its own incarnation number, which
 * commands, sinks and reports carry, so nothing late can mean the slot's next socket.
 */
import { EventFd } from "../../ffi/event-fd.ts";
import { type Arena, mapArena } from "../../ffi/memory.ts";
import { type Watch, watchReadable } from "../../ffi/reactor.ts";
import { canBeSignalled, threadEntry } from "../../ffi/thread.ts";
import { queueDrops } from "../../ffi/udp-socket.ts";
import type { Family } from "../address.ts";
import { HAND_UP_RING_BYTES, MAX_SOCKETS, MAX_WAITING_COMMANDS, MAX_WORKERS } from "../limits.ts";
import type { SrtpLibraryName } from "../media/srtp/library.ts";
import { DROP_REASONS, type DropReason, type SocketId, type StreamSpec } from "../planes/plane.ts";
import { COMMAND, encodeApply, RECORD } from "./command.ts";
import { COMMAND_RING_BYTES, CommandWriter } from "./command-ring.ts";
import type { EngineName } from "./engine.ts";
import { releaseEstate } from "./estate.ts";
import { encodeBundle, encodeKeys, encodeSources, type GuardSpec, sameKeys } from "./guard-command.ts";
import { type HandUpEntry, HandUpReader } from "./hand-up-ring.ts";
import { CONTROL, CONTROL_DOUBLE, MAX_CLOCK_RATES, SLOT_BYTES } from "./layout.ts";
import { type CounterSums, type SlotCounters, SlotReader } from "./slot-reader.ts";
import type { SocketSlots } from "./socket-slots.ts";
import { CLOCK_RATES_BYTES } from "./table-views.ts";
import type { Placement, WorkerReady, WorkerStart } from "./worker-start.ts";

export interface RelayOptions {
  readonly threads: number;
  /** Longest time to gather packets, microseconds; 0 = never. */
  readonly gatherMicroseconds: number;
  readonly engine?: EngineName;
  /** What encrypts; libcrypto unless told. A worker that cannot have it falls back by itself. */
  readonly srtp?: SrtpLibraryName;
  /** Sockets at once; {@link MAX_SOCKETS} unless told. */
  readonly capacity?: number;
  /** Length of provisional endpoint learning; 3000 unless told. */
  readonly learnMilliseconds?: number;
  /** Where and how the threads run; by worker. */
  readonly placement?: (worker: number) => Placement;
  /** How often workers are looked after; 1000 unless told. */
  readonly checkMilliseconds?: number;
  /** Packets and events of sockets that are open; the entry is valid during the call only. */
  readonly onReport: (entry: HandUpEntry) => void;
  /** What an operator should know about the workers themselves. */
  readonly onTrouble: (trouble: WorkerTrouble) => void;
}

export interface WorkerTrouble {
  readonly worker: number;
  readonly kind: "stuck" | "abandoned" | "died" | "given-up" | "commands-lost" | "placement";
  readonly message: string;
}

/** State of one worker, for health pages and metrics. */
export interface WorkerStatus {
  readonly worker: number;
  readonly alive: boolean;
  readonly stuck: boolean;
  readonly restarts: number;
  readonly packets: number;
  readonly turns: number;
  readonly naps: number;
  /** Microseconds of the last wait for packets to gather. */
  readonly gathering: number;
  /** Events that found no room on their way to the main thread. */
  readonly lostEvents: number;
}

interface Entry {
  readonly id: SocketId;
  readonly incarnation: number;
  readonly fd: number;
  readonly family: Family;
  /** Sockets with the same number are served by the same worker. */
  readonly affinity: number;
  worker: Worker;
  /** Threads that may still touch the descriptor although the socket is another's now. */
  holders: Abandoned[];
  /** Last spec applied; undefined before the first and after removal. */
  spec: StreamSpec | undefined;
  /** Keys and validated sources that its worker was told last. */
  guard: GuardSpec;
  /** The worker has heard of this socket and was not told to let go of it. */
  served: boolean;
  /** Sequence number of the last command about it. */
  sequence: number;
  retiring: boolean;
}

interface Retirement {
  readonly entry: Entry;
  readonly closable: () => void;
}

/** A thread that neither moved nor could be ended. */
interface Abandoned {
  over: boolean;
  /** Sockets that may be closed once it has ended. */
  readonly waiting: Retirement[];
}

interface Worker {
  readonly index: number;
  arena: Arena;
  control: Int32Array;
  totals: Float64Array;
  writer: CommandWriter;
  reader: HandUpReader;
  wake: EventFd;
  thread: globalThis.Worker | undefined;
  ended: Promise<void>;
  sequence: number;
  /** Records that found the ring full. */
  waiting: Int32Array[];
  /** A wake-up is due at the end of this turn of the event loop. */
  waking: boolean;
  retirements: Retirement[];
  restarts: number;
  heartbeat: number;
  silentChecks: number;
  /** Its loop has begun to turn. */
  ready: boolean;
  stuck: boolean;
  /** It was ended too often and is not started again; its sockets are with the others. */
  givenUp: boolean;
  /** Lost by earlier lives. */
  lostEvents: number;
}

/** Reports taken from one worker per turn of the event loop. */
const REPORTS_PER_TURN = 256;
/** Milliseconds. */
const CHECK_INTERVAL = 1_000;
/** Checks without a turn of the loop until a worker counts as stuck; idle workers turn once a second. */
const STUCK_CHECKS = 4;
/** Checks that a stuck thread is given to end when it is told to. */
const END_CHECKS = 2;
const MAX_RESTARTS = 10;
/** Milliseconds that a stop waits for workers that do not hear it, and for their end by force. */
const STOP_WAIT = 2_000;

/** A worker's memory: control block, then the two rings. */
const CONTROL_BYTES = 4_096;
const COMMANDS_AT = CONTROL_BYTES;
const HAND_UP_AT = COMMANDS_AT + Math.ceil(COMMAND_RING_BYTES / 4_096) * 4_096;
const WORKER_BYTES = HAND_UP_AT + HAND_UP_RING_BYTES;

export class RelayWorkers implements SocketSlots {
  readonly engine: EngineName;
  readonly #options: RelayOptions;
  readonly #capacity: number;
  readonly #table: Arena;
  readonly #rateArena: Arena;
  readonly #rates: Int32Array;
  readonly #rateIndex = new Map<number, number>();
  readonly #slots: SlotReader;
  readonly #entries = new Map<SocketId, Entry>();
  readonly #free: SocketId[] = [];
  #fresh = 0;
  #lastIncarnation = 0;
  readonly #workers: Worker[] = [];
  readonly #main = new EventFd();
  #watch: Watch | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #flushTimer: ReturnType<typeof setTimeout> | undefined;
  #stopping: Promise<void> | undefined;
  /** All threads have ended and all memory was given back. */
  #ended = false;
  readonly #record = new Int32Array(RECORD.words);
  readonly #recordBytes = new Uint8Array(this.#record.buffer);
  readonly #closed = { packets: 0, bytes: 0, errors: 0 };

  private constructor(options: RelayOptions) {
    this.#options = options;
    this.engine = options.engine ?? "epoll";
    this.#capacity = Math.min(options.capacity ?? MAX_SOCKETS, MAX_SOCKETS);
    this.#table = mapArena(this.#capacity * SLOT_BYTES);
    this.#rateArena = mapArena(CLOCK_RATES_BYTES);
    this.#rates = new Int32Array(this.#rateArena.view());
    this.#slots = new SlotReader(this.#table.address, this.#capacity);
  }

  /**
   * Starts the workers and waits until each serves.
   * @throws SystemError when memory, descriptors or an engine cannot be had
   */
  static async start(options: RelayOptions): Promise<RelayWorkers> {
    const workers = new RelayWorkers(options);
    const count = Math.max(1, Math.min(options.threads, MAX_WORKERS));
    workers.#watch = watchReadable(workers.#main.fd, () => workers.#look());
    try {
      await Promise.all(Array.from({ length: count }, (_, index) => workers.#create(index)));
    } catch (error) {
      await workers.stop();
      throw error;
    }
    workers.#timer = setInterval(() => workers.#check(), options.checkMilliseconds ?? CHECK_INTERVAL);
    workers.#timer.unref();
    return workers;
  }

  // --- sockets ---

  claim(fd: number, family: Family, affinity: number): SocketId | undefined {
    const id = this.#free.pop() ?? (this.#fresh < this.#capacity ? this.#fresh++ : undefined);
    if (id === undefined) return undefined;
    this.#lastIncarnation = (this.#lastIncarnation % 0x7fff_ffff) + 1;
    const worker = this.#place(affinity);
    const incarnation = this.#lastIncarnation;
    const entry = {
      id,
      incarnation,
      fd,
      family,
      affinity,
      worker,
      holders: [],
      spec: undefined,
      guard: {},
      served: false,
      sequence: 0,
      retiring: false,
    };
    this.#entries.set(id, entry);
    return id;
  }

  retire(id: SocketId, closable: () => void): void {
    const entry = this.#entries.get(id);
    if (!entry || entry.retiring) throw new Error(`socket ${id} is not open`);
    entry.retiring = true;
    this.remove([id]);
    const retirement = { entry, closable };
    const { worker } = entry;
    if (entry.sequence === 0 || worker.thread === undefined) {
      this.#finish(retirement);
      return;
    }
    worker.retirements.push(retirement);
    Atomics.store(worker.control, CONTROL.acknowledgementWanted, 1);
    // Where removal came earlier, the worker may have done it before it knew that we wait.
    this.#acknowledge(worker);
  }

  /** See {@link import("../planes/plane.ts").ForwardingPlane.apply}. Sockets that are not open are passed over. */
  apply(specs: readonly StreamSpec[]): void {
    const touched = new Set<Worker>();
    for (const spec of specs) {
      const entry = this.#entries.get(spec.socket);
      if (!entry || entry.retiring) continue;
      entry.spec = spec;
      entry.served = true;
      this.#sendSpec(entry, spec);
      touched.add(entry.worker);
    }
    for (const worker of touched) if (worker.thread !== undefined) this.#publish(worker);
  }

  /** See {@link import("../planes/plane.ts").ForwardingPlane.remove}. */
  remove(sockets: readonly SocketId[]): void {
    const touched = new Set<Worker>();
    for (const id of sockets) {
      const entry = this.#entries.get(id);
      if (!entry?.served) continue;
      entry.served = false;
      entry.spec = undefined;
      entry.guard = {};
      const { worker } = entry;
      // Nobody to tell: and after `stop` the memory of its ring may be another's.
      if (worker.thread === undefined) continue;
      entry.sequence = nextSequence(worker);
      this.#record.fill(0);
      this.#record[RECORD.kind] = COMMAND.remove;
      this.#record[RECORD.slot] = id;
      this.#record[RECORD.incarnation] = entry.incarnation;
      this.#record[RECORD.sequence] = entry.sequence;
      this.#send(worker);
      touched.add(worker);
    }
    for (const worker of touched) this.#publish(worker);
  }

  /** Counters of an open socket; all zero when it is not open. */
  counters(id: SocketId): SlotCounters {
    const entry = this.#entries.get(id);
    if (!entry || this.#ended) return NO_COUNTERS;
    const started = this.#slots.incarnation(id) === entry.incarnation;
    const counters = started ? this.#slots.counters(id) : NO_COUNTERS;
    const lost = queueDrops(entry.fd);
    const drops = lost === 0 ? counters.drops : { ...counters.drops, "kernel-queue": lost };
    const { spec } = entry;
    if (!spec) return { ...counters, drops, endpoint: undefined };
    // The worker may not have come to the last spec yet: what it will do is known already.
    const keeps =
      started && (this.#slots.applied(id) === entry.sequence || this.#slots.generation(id) === spec.generation);
    return keeps ? { ...counters, drops } : { ...counters, drops, endpoint: spec.remote, confirmed: false };
  }

  /** Adds the counters of an open socket to `sum`; cheap, for sums over all of them. */
  addCounters(id: SocketId, sum: CounterSums): void {
    const entry = this.#entries.get(id);
    if (!entry || this.#ended || this.#slots.incarnation(id) !== entry.incarnation) return;
    this.#slots.addTo(id, sum);
    sum.drops["kernel-queue"] += queueDrops(entry.fd);
  }

  /** Milliseconds (Unix) of the last packet, 0 = none or not open. */
  lastPacketAt(id: SocketId): number {
    const entry = this.#entries.get(id);
    return entry && !this.#ended && this.#slots.incarnation(id) === entry.incarnation
      ? this.#slots.lastPacketAt(id)
      : 0;
  }

  /** Received over all sockets ever open. */
  totals(): { readonly packets: number; readonly bytes: number; readonly errors: number } {
    let { packets, bytes, errors } = this.#closed;
    for (const { id, incarnation } of this.#entries.values()) {
      if (this.#ended || this.#slots.incarnation(id) !== incarnation) continue;
      packets += this.#slots.packetsIn(id);
      bytes += this.#slots.bytesIn(id);
      errors += this.#slots.errorsIn(id);
    }
    return { packets, bytes, errors };
  }

  /** Sockets claimed and not yet free again. */
  get openSockets(): number {
    return this.#entries.size;
  }

  status(): readonly WorkerStatus[] {
    return this.#workers.map((worker) => ({
      worker: worker.index,
      alive: worker.thread !== undefined,
      stuck: worker.stuck,
      restarts: worker.restarts,
      packets: worker.totals[CONTROL_DOUBLE.packets]!,
      turns: worker.totals[CONTROL_DOUBLE.turns]!,
      naps: worker.totals[CONTROL_DOUBLE.naps]!,
      gathering: worker.control[CONTROL.gathering]!,
      lostEvents: worker.lostEvents + worker.control[CONTROL.lostEvents]!,
    }));
  }

  /** Resolves when every command given so far has been carried out. */
  async settled(): Promise<void> {
    const targets = this.#workers.map((worker) => [worker, worker.sequence] as const);
    const done = ([worker, sequence]: (typeof targets)[number]) =>
      worker.thread === undefined ||
      sequence === 0 ||
      ((Atomics.load(worker.control, CONTROL.acknowledged) - sequence) | 0) >= 0;
    while (!targets.every(done)) await new Promise((resolve) => setTimeout(resolve, 1));
  }

  /** Ends all workers. Sockets that are still open may be retired afterwards; all memory reads as zero then. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    clearInterval(this.#timer);
    clearTimeout(this.#flushTimer);
    for (const worker of this.#workers) {
      if (worker.thread === undefined) continue;
      this.#record.fill(0);
      this.#record[RECORD.kind] = COMMAND.stop;
      this.#record[RECORD.sequence] = nextSequence(worker);
      this.#send(worker);
      this.#publish(worker);
    }
    const all = Promise.all(this.#workers.map(({ ended }) => ended));
    await Promise.race([all, Bun.sleep(STOP_WAIT)]);
    for (const { thread, control } of this.#workers) if (canBeSignalled(control[CONTROL.thread]!)) thread?.terminate();
    await Promise.race([all, Bun.sleep(STOP_WAIT)]);
    this.#watch?.close();
    for (const worker of this.#workers) {
      for (const retirement of worker.retirements.splice(0)) this.#finish(retirement);
      worker.wake.close();
      if (worker.thread === undefined) releaseEstate(worker.totals);
      worker.arena.release();
    }
    this.#ended = true;
    this.#main.close();
    this.#table.release();
    this.#rateArena.release();
  }

  // --- commands ---

  #sendSpec(entry: Entry, spec: StreamSpec): void {
    const { worker } = entry;
    if (worker.thread === undefined) return;
    if (spec.decrypt || spec.encrypt || spec.validated || spec.routes || spec.mid) this.#sendGuard(entry, spec);
    else entry.guard = {};
    entry.sequence = nextSequence(worker);
    encodeApply(this.#record, this.#recordBytes, spec, {
      incarnation: entry.incarnation,
      sequence: entry.sequence,
      fd: entry.fd,
      family: entry.family,
      sink: (id) => this.#sinkIncarnation(id, worker),
      clockRate: (hertz) => this.#clockRate(hertz),
    });
    this.#send(worker);
  }

  /** Of a socket that this worker can send from; 0: it cannot. */
  #sinkIncarnation(id: SocketId, worker: Worker): number {
    const sink = this.#entries.get(id);
    return sink && sink.worker === worker && !sink.retiring ? sink.incarnation : 0;
  }

  /** What has changed about keys, sources and bundle, ahead of the spec that refers to them: the worker never has one without. */
  #sendGuard(entry: Entry, { decrypt, encrypt, validated, routes, mid, rtpSinks }: StreamSpec): void {
    const { id: slot, incarnation, worker, guard } = entry;
    const keys = { decrypt, encrypt };
    for (const direction of ["decrypt", "encrypt"] as const) {
      const wanted = keys[direction];
      if (!wanted || sameKeys(wanted, guard[direction])) continue;
      const head = { slot, incarnation, sequence: nextSequence(worker) };
      encodeKeys(this.#record, this.#recordBytes, head, direction, wanted);
      this.#send(worker);
      this.#record.fill(0);
    }
    // Compared as text: they change while ICE is at work, a few times per call.
    if (validated && JSON.stringify(validated) !== JSON.stringify(guard.validated)) {
      const head = { slot, incarnation, sequence: nextSequence(worker) };
      encodeSources(this.#record, this.#recordBytes, head, validated);
      this.#send(worker);
    }
    if (routes || mid) {
      // Rare and small: sent each time rather than compared, since sinks count too.
      const sinks = rtpSinks.filter((id) => this.#sinkIncarnation(id, worker) !== 0);
      const head = { slot, incarnation, sequence: nextSequence(worker) };
      encodeBundle(this.#record, this.#recordBytes, head, { routes, mid }, sinks);
      this.#send(worker);
    }
    entry.guard = { decrypt, encrypt, validated };
  }

  #send(worker: Worker): void {
    if (worker.waiting.length === 0 && worker.writer.add(this.#record)) return;
    if (worker.waiting.length >= MAX_WAITING_COMMANDS) {
      // What is lost here is sent again, from the specs, when the worker is started anew.
      const message = `relay worker ${worker.index} takes no commands: changes to its calls are lost`;
      this.#options.onTrouble({ worker: worker.index, kind: "commands-lost", message });
      return;
    }
    worker.waiting.push(this.#record.slice());
  }

  #publish(worker: Worker): void {
    worker.writer.publish();
    if (!worker.waking) {
      // One wake-up for all that this turn of the event loop wants: a batch of requests is one for the worker as well.
      worker.waking = true;
      queueMicrotask(() => {
        worker.waking = false;
        if (worker.writer.readerSleeps()) worker.wake.signal();
      });
    }
    if (worker.waiting.length > 0) this.#flushTimer ??= setTimeout(() => this.#flush(), 1);
  }

  #flush(): void {
    this.#flushTimer = undefined;
    for (const worker of this.#workers) {
      let sent = 0;
      while (sent < worker.waiting.length && worker.writer.add(worker.waiting[sent]!)) worker.waiting[sent++]!.fill(0);
      if (worker.waiting.length === 0) continue;
      worker.waiting.splice(0, sent);
      this.#publish(worker);
    }
  }

  #clockRate(hertz: number): number {
    const known = this.#rateIndex.get(hertz);
    if (known !== undefined) return known;
    const index = this.#rateIndex.size + 1;
    if (index > MAX_CLOCK_RATES) return 0;
    this.#rates[index] = hertz;
    this.#rateIndex.set(hertz, index);
    return index;
  }

  // --- what comes back ---

  /** The workers have something for us. True when there is more than one turn should take. */
  #look(): boolean {
    this.#main.drain();
    let more = false;
    for (const worker of this.#workers) {
      Atomics.store(worker.control, CONTROL.handUpSignalled, 0);
      if (worker.reader.drain(REPORTS_PER_TURN, (entry) => this.#report(entry))) more = true;
      this.#acknowledge(worker);
    }
    return more;
  }

  #report(report: HandUpEntry): void {
    const entry = this.#entries.get(report.slot);
    if (entry?.incarnation === report.incarnation && !entry.retiring) this.#options.onReport(report);
  }

  #acknowledge(worker: Worker): void {
    if (worker.retirements.length === 0) return;
    const acknowledged = Atomics.load(worker.control, CONTROL.acknowledged);
    // In order of their sequence numbers, but for sockets removed long before they were retired.
    worker.retirements = worker.retirements.filter((retirement) => {
      if (((acknowledged - retirement.entry.sequence) | 0) < 0) return true;
      this.#finish(retirement);
      return false;
    });
    if (worker.retirements.length === 0) return;
    Atomics.store(worker.control, CONTROL.acknowledgementWanted, 1);
    if (Atomics.load(worker.control, CONTROL.acknowledged) !== acknowledged) this.#acknowledge(worker);
  }

  /** No thread uses the socket any more. */
  #finish(retirement: Retirement): void {
    const { entry, closable } = retirement;
    const holder = entry.holders.find(({ over }) => !over);
    if (holder && !this.#ended) {
      // Its descriptor's number must not become another socket's while that thread might use it once more.
      holder.waiting.push(retirement);
      return;
    }
    if (!this.#ended && this.#slots.incarnation(entry.id) === entry.incarnation) {
      this.#closed.packets += this.#slots.packetsIn(entry.id);
      this.#closed.bytes += this.#slots.bytesIn(entry.id);
      this.#closed.errors += this.#slots.errorsIn(entry.id);
    }
    this.#entries.delete(entry.id);
    closable();
    this.#free.push(entry.id);
  }

  // --- threads ---

  async #create(index: number): Promise<void> {
    const worker: Worker = {
      index,
      ...this.#memory(),
      wake: new EventFd(),
      thread: undefined,
      ended: Promise.resolve(),
      sequence: 0,
      waiting: [],
      waking: false,
      retirements: [],
      restarts: 0,
      heartbeat: 0,
      silentChecks: 0,
      ready: false,
      stuck: false,
      givenUp: false,
      lostEvents: 0,
    };
    this.#workers[index] = worker;
    await this.#launch(worker);
  }

  #memory() {
    const arena = mapArena(WORKER_BYTES);
    const control = new Int32Array(arena.view(0, CONTROL_BYTES));
    return {
      arena,
      control,
      totals: new Float64Array(control.buffer),
      writer: new CommandWriter(control, new Int32Array(arena.view(COMMANDS_AT, COMMAND_RING_BYTES))),
      reader: new HandUpReader(control, arena.view(HAND_UP_AT, HAND_UP_RING_BYTES)),
    };
  }

  #launch(worker: Worker): Promise<void> {
    const { index, arena } = worker;
    const thread = new Worker(threadEntry("src/relay/worker.ts"), { name: `relay-${index}` });
    worker.thread = thread;
    worker.heartbeat = 0;
    worker.silentChecks = 0;
    worker.ready = false;
    let failure = "it ended without a word";
    const started = new Promise<void>((resolve, reject) => {
      let ready = false;
      thread.onmessage = (event: MessageEvent<WorkerReady>) => {
        ready = true;
        worker.ready = true;
        for (const message of event.data.remarks)
          this.#options.onTrouble({ worker: index, kind: "placement", message });
        resolve();
      };
      thread.onerror = (event) => {
        failure = event.message;
        event.preventDefault();
      };
      worker.ended = new Promise((ended) => {
        thread.addEventListener("close", () => {
          ended();
          // Abandoned, and replaced long ago.
          if (worker.thread !== thread) return;
          worker.thread = undefined;
          if (!ready) reject(new Error(`relay worker ${index} did not start: ${failure}`));
          else if (!this.#stopping) this.#died(worker, worker.stuck ? "it did not move" : failure);
        });
      });
    });
    const region = (at: number, bytes: number) => ({ address: arena.address + at, bytes });
    thread.postMessage({
      index,
      engine: this.engine,
      srtp: this.#options.srtp ?? "libcrypto",
      table: { address: this.#table.address, bytes: this.#capacity * SLOT_BYTES },
      clockRates: { address: this.#rateArena.address, bytes: CLOCK_RATES_BYTES },
      control: region(0, CONTROL_BYTES),
      commands: region(COMMANDS_AT, COMMAND_RING_BYTES),
      handUp: region(HAND_UP_AT, HAND_UP_RING_BYTES),
      wake: worker.wake.fd,
      main: this.#main.fd,
      gatherMicroseconds: this.#options.gatherMicroseconds,
      learnMilliseconds: this.#options.learnMilliseconds ?? 3_000,
      placement: this.#options.placement?.(index) ?? {},
    } satisfies WorkerStart);
    return started;
  }

  /** A worker ended unasked: its sockets are nobody's now. Another one takes them over, from the specs in force. */
  #died(worker: Worker, reason: string): void {
    worker.lostEvents += worker.control[CONTROL.lostEvents]!;
    worker.reader.drain(Number.POSITIVE_INFINITY, (entry) => this.#report(entry));
    for (const retirement of worker.retirements.splice(0)) this.#finish(retirement);
    releaseEstate(worker.totals);
    worker.arena.release();
    this.#replace(worker, "died", `relay worker ${worker.index} ended (${reason})`);
  }

  /**
   * A worker neither moves nor can be ended: the kernel does not let its thread go. Should it ever come back it finishes
   * the batch it was in at most, sees that it is replaced, and ends; until then its memory, its engine and every descriptor
   * it knows stay as they are.
   */
  #abandon(worker: Worker): void {
    const holder: Abandoned = { over: false, waiting: worker.retirements.splice(0) };
    for (const entry of this.#entries.values())
      if (entry.worker === worker && entry.sequence !== 0) entry.holders.push(holder);
    worker.lostEvents += worker.control[CONTROL.lostEvents]!;
    const { arena, wake, totals, ended } = worker;
    Atomics.store(worker.control, CONTROL.revoked, 1);
    void ended.then(() => {
      holder.over = true;
      if (this.#ended) return;
      releaseEstate(totals);
      wake.close();
      arena.release();
      for (const retirement of holder.waiting.splice(0)) this.#finish(retirement);
    });
    worker.thread = undefined;
    worker.wake = new EventFd();
    this.#replace(worker, "abandoned", `relay worker ${worker.index} cannot be ended and is left where it is`);
  }

  /** New memory and a new thread for a worker; after too many the others take its calls. */
  #replace(worker: Worker, kind: "died" | "abandoned", what: string): void {
    const { index } = worker;
    worker.waiting = [];
    worker.stuck = false;
    Object.assign(worker, this.#memory());
    // What was said to the old thread needs no answer from the new one.
    Atomics.store(worker.control, CONTROL.acknowledged, worker.sequence);
    worker.givenUp = worker.restarts === MAX_RESTARTS;
    const mine = [...this.#entries.values()].filter((entry) => entry.worker === worker);
    if (worker.givenUp) {
      const others = this.#workers.some(({ givenUp }) => !givenUp);
      const message = `${what} for the ${MAX_RESTARTS + 1}th time and is not started again: ${others ? "the others take its calls" : "there is no media"}`;
      this.#options.onTrouble({ worker: index, kind: "given-up", message });
      if (others) for (const entry of mine) entry.worker = this.#place(entry.affinity);
    } else {
      worker.restarts++;
      this.#options.onTrouble({ worker: index, kind, message: `${what}: a new thread takes its calls` });
      this.#launch(worker).catch((error: Error) => this.#died(worker, error.message));
    }
    // All of them are with their new worker before the first spec names one as a sink.
    const touched = new Set<Worker>();
    for (const entry of mine) {
      entry.guard = {};
      entry.sequence = 0;
      entry.served = entry.spec !== undefined;
      if (!entry.spec) continue;
      this.#sendSpec(entry, entry.spec);
      touched.add(entry.worker);
    }
    for (const one of touched) this.#publish(one);
  }

  /** The worker for sockets of an affinity, among those that are still started. */
  #place(affinity: number): Worker {
    const number = Math.abs(Math.trunc(affinity));
    const own = this.#workers[number % this.#workers.length]!;
    if (!own.givenUp) return own;
    const others = this.#workers.filter(({ givenUp }) => !givenUp);
    return others.length > 0 ? others[number % others.length]! : own;
  }

  #check(): void {
    for (const worker of this.#workers) {
      const { index, thread } = worker;
      if (thread === undefined || !worker.ready || this.#stopping) continue;
      const heartbeat = Atomics.load(worker.control, CONTROL.heartbeat);
      const turned = heartbeat !== worker.heartbeat;
      worker.heartbeat = heartbeat;
      worker.silentChecks = turned ? 0 : worker.silentChecks + 1;
      if (worker.silentChecks === STUCK_CHECKS) {
        worker.stuck = true;
        const endable = canBeSignalled(worker.control[CONTROL.thread]!) === true;
        const message = `relay worker ${index} does not move${endable ? ": it is ended, so that a new thread can take its calls" : ""}`;
        this.#options.onTrouble({ worker: index, kind: "stuck", message });
        if (endable) thread.terminate();
        else this.#abandon(worker);
      } else if (worker.stuck && worker.silentChecks >= STUCK_CHECKS + END_CHECKS) this.#abandon(worker);
    }
  }
}

/** Never 0, which stands for "no command yet". */
function nextSequence(worker: Worker): number {
  worker.sequence = (worker.sequence + 1) | 0 || 1;
  return worker.sequence;
}

const NO_COUNTERS: SlotCounters = {
  packetsIn: 0,
  bytesIn: 0,
  errorsIn: 0,
  packetsOut: 0,
  bytesOut: 0,
  errorsOut: 0,
  drops: Object.fromEntries(DROP_REASONS.map((reason) => [reason, 0])) as Record<DropReason, number>,
  handedUp: 0,
  lastPacketAt: 0,
  endpoint: undefined,
  confirmed: false,
  ssrc: undefined,
  payloadType: undefined,
  highestSequence: 0,
  lost: 0,
  duplicates: 0,
  reordered: 0,
  lastTimestamp: 0,
  jitter: 0,
  tos: undefined,
};
