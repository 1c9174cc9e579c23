/**
 * A relay worker: one thread, one engine, its share of the sockets. It never returns to its event loop: commands come
 * through shared memory, an eventfd wakes it where it blocks.
 */
import { EventFd } from "../../ffi/event-fd.ts";
import { viewMemory } from "../../ffi/libc.ts";
import { arenasInUse } from "../../ffi/memory.ts";
import { errorCode } from "../../ffi/system-error.ts";
import { bindThread, currentThread, nameThread, scheduleThread, sharpenTimers } from "../../ffi/thread.ts";
import { chooseSrtpLibrary } from "../media/srtp/library.ts";
import { COMMAND, RECORD } from "./command.ts";
import { CommandReader } from "./command-ring.ts";
import { applyCommand, removeCommand } from "./configure.ts";
import { type RelayEngine, wallClock } from "./engine.ts";
import { createEngine } from "./engines.ts";
import { writeEstate } from "./estate.ts";
import { Forwarder, type PacketBuffer } from "./forwarder.ts";
import { Guards } from "./guards.ts";
import { HandUpWriter } from "./hand-up-ring.ts";
import { CONTROL, CONTROL_DOUBLE } from "./layout.ts";
import { REPORT } from "./reports.ts";
import { type TableViews, viewTable } from "./table-views.ts";
import type { Placement, Region, WorkerReady, WorkerStart } from "./worker-start.ts";

declare const self: Worker;

/** A worker with nothing to do still turns its loop, to show that it lives. Milliseconds. */
const IDLE_TURN = 1_000;

const view = ({ address, bytes }: Region) => viewMemory(address, bytes);

self.onmessage = (event: MessageEvent<WorkerStart>) => {
  const start = event.data;
  nameThread(`sluice-relay-${start.index}`);
  sharpenTimers();
  const table = viewTable(view(start.table), view(start.clockRates));
  const controlMemory = view(start.control);
  const control = new Int32Array(controlMemory);
  const totals = new Float64Array(controlMemory);
  control[CONTROL.thread] = currentThread();
  const wake = new EventFd(start.wake);
  const reports = new HandUpWriter(control, view(start.handUp), table.words, new EventFd(start.main));
  const guardsOf = (buffer: PacketBuffer) => {
    guards = new Guards(chooseSrtpLibrary(start.srtp).library, buffer);
    return guards;
  };
  let guards!: Guards;
  const engine = createEngine(start.engine, {
    table,
    tableAddress: start.table.address,
    wake,
    gatherMicroseconds: start.gatherMicroseconds,
    beforeBatch: () => desk.carryOut(commands),
    forwarder: (buffer, sender) => new Forwarder(table, buffer, sender, reports, guardsOf(buffer)),
  });
  const commands = new CommandReader(control, new Int32Array(view(start.commands)));
  const desk = new CommandDesk(table, engine, guards, reports, control, start.learnMilliseconds);
  writeEstate(totals, { ...engine.holdings, arenas: arenasInUse() });
  postMessage({ ready: true, remarks: takePlace(start.index, start.placement) } satisfies WorkerReady);
  try {
    serve(engine, commands, desk, control, totals);
  } finally {
    // The engine's memory is left for the main thread to take back: what this thread released, nobody could use again.
    guards.close();
  }
  Atomics.store(control, CONTROL.stopped, 1);
  process.exit(0);
};

/** Puts this thread where it is wanted. Returns what the system refused. */
function takePlace(index: number, { cpus, scheduling, priority }: Placement): string[] {
  const remarks: string[] = [];
  if (cpus) {
    const failed = bindThread(cpus);
    if (failed) remarks.push(`relay worker ${index} cannot run on CPU ${cpus.join(", ")} alone (${errorCode(failed)})`);
  }
  if (scheduling || priority) {
    const failed = scheduleThread(scheduling, priority ?? 0);
    const what = `${scheduling ?? "the default scheduling"} with priority ${priority ?? 0}`;
    if (failed) remarks.push(`relay worker ${index} cannot have ${what} (${errorCode(failed)})`);
  }
  return remarks;
}

function serve(
  engine: RelayEngine,
  commands: CommandReader,
  desk: CommandDesk,
  control: Int32Array,
  totals: Float64Array,
): void {
  for (desk.carryOut(commands); !desk.ended; desk.carryOut(commands)) {
    control[CONTROL.heartbeat] = (control[CONTROL.heartbeat]! + 1) | 0;
    // First say that we may sleep, then look once more: the main thread adds first and asks whether we sleep after.
    Atomics.store(control, CONTROL.sleeping, 1);
    const packets = commands.pending() ? 0 : engine.turn(IDLE_TURN);
    Atomics.store(control, CONTROL.sleeping, 0);
    if (packets === 0) continue;
    totals[CONTROL_DOUBLE.packets] = totals[CONTROL_DOUBLE.packets]! + packets;
    totals[CONTROL_DOUBLE.turns] = totals[CONTROL_DOUBLE.turns]! + 1;
    const gathered = engine.gather(packets);
    control[CONTROL.gathering] = gathered;
    if (gathered > 0) totals[CONTROL_DOUBLE.naps] = totals[CONTROL_DOUBLE.naps]! + 1;
  }
}

/** Carries out what the main thread wants, between turns. */
class CommandDesk {
  /** Incarnation whose descriptor the engine watches, by slot; 0 = none. */
  readonly #watched: Int32Array;
  #ended = false;

  constructor(
    private readonly table: TableViews,
    private readonly engine: RelayEngine,
    private readonly guards: Guards,
    private readonly reports: HandUpWriter,
    private readonly control: Int32Array,
    private readonly learnMilliseconds: number,
  ) {
    this.#watched = new Int32Array(table.slots);
  }

  /** Nothing is carried out for a worker that was given up on: its sockets serve another one. */
  carryOut(commands: CommandReader): void {
    if (Atomics.load(this.control, CONTROL.revoked) !== 0) return;
    let record = commands.next();
    if (!record) return;
    // The kernel has read the destinations of what was sent; what has arrived since is for the new specs.
    this.engine.flush();
    const now = wallClock();
    let last = 0;
    for (; record; record = commands.next()) {
      last = record[RECORD.sequence]!;
      if (record[RECORD.kind] === COMMAND.apply) this.#apply(record, now);
      else if (record[RECORD.kind] === COMMAND.remove) this.#remove(record);
      else if (record[RECORD.kind] === COMMAND.sources) this.guards.setSources(record);
      else if (record[RECORD.kind] === COMMAND.bundle) this.guards.setBundle(record);
      else if (record[RECORD.kind] === COMMAND.keys) {
        this.guards.setKeys(record);
        record.fill(0);
      } else if (record[RECORD.kind] === COMMAND.stop) this.#ended = true;
    }
    this.engine.settle();
    Atomics.store(this.control, CONTROL.acknowledged, last);
    if (Atomics.exchange(this.control, CONTROL.acknowledgementWanted, 0) === 1) this.reports.signal();
  }

  /** True when the worker is to end. */
  get ended(): boolean {
    return this.#ended || Atomics.load(this.control, CONTROL.revoked) !== 0;
  }

  #apply(record: Int32Array, now: number): void {
    const slot = record[RECORD.slot]!;
    const incarnation = record[RECORD.incarnation]!;
    applyCommand(this.table, record, this.reports, now, this.learnMilliseconds);
    this.guards.keep(slot, incarnation, record[RECORD.flags]!);
    if (this.#watched[slot] === incarnation) return;
    const failed = this.engine.watch(slot, record[RECORD.fd]!);
    if (failed === 0) this.#watched[slot] = incarnation;
    else this.reports.event(REPORT.receiveError, slot, failed, undefined, 0, undefined, 0);
  }

  #remove(record: Int32Array): void {
    const slot = record[RECORD.slot]!;
    const fd = removeCommand(this.table, record);
    if (fd >= 0) this.guards.keep(slot, 0, 0);
    if (fd < 0 || this.#watched[slot] !== record[RECORD.incarnation]) return;
    this.engine.unwatch(slot, fd);
    this.#watched[slot] = 0;
  }
}
