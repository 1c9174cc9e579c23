/** The forwarding plane that needs nothing but sockets: relay workers, their port pool, and what they count. */
import { MAX_SOCKETS } from "../limits.ts";
import { chooseSrtpLibrary, type SrtpLibraryName } from "../media/srtp/library.ts";
import type { EngineName } from "../relay/engine.ts";
import type { HandUpEntry } from "../relay/hand-up-ring.ts";
import { PortPool } from "../relay/port-pool.ts";
import type { RandomSource } from "../relay/port-range.ts";
import { REPORT } from "../relay/reports.ts";
import type { CounterSums, SlotCounters } from "../relay/slot-reader.ts";
import type { Placement } from "../relay/worker-start.ts";
import { RelayWorkers, type WorkerStatus, type WorkerTrouble } from "../relay/workers.ts";
import type { ForwardingPlane, PlaneEvent, SocketId, StreamCounters, StreamSpec } from "./plane.ts";

export interface UserspaceOptions {
  /** Relay workers (`num-threads`). */
  readonly threads: number;
  /** Longest time for which packets may gather before they are forwarded, microseconds; 0 = never. Default 250. */
  readonly gatherMicroseconds?: number;
  readonly engine?: EngineName;
  /** What encrypts; chosen by trying unless told. */
  readonly srtp?: SrtpLibraryName;
  /** Sockets at once. Default and maximum: MAX_SOCKETS. */
  readonly capacity?: number;
  /** Length of provisional endpoint learning. Default 3000. */
  readonly learnMilliseconds?: number;
  /** SO_RCVBUF of media sockets in bytes; 0 = the system's default. */
  readonly receiveBuffer?: number;
  /** CPUs that sockets are spread over by a hint (`socket-cpu-affinity`); 0 = no hint. Default 0. */
  readonly socketCpus?: number;
  /** Where and how worker `index` runs. */
  readonly placement?: (worker: number) => Placement;
  readonly random: RandomSource;
  /** On the main thread, in order per socket. Packet data are the receiver's to keep. */
  readonly onEvent: (event: PlaneEvent) => void;
  /** Trouble with the workers themselves, as sentences. */
  readonly log: (level: "error" | "warning" | "notice", message: string) => void;
}

/** What the call core reads: counters, and sums over all sockets ever open by kind of plane. */
export interface UserspaceReader {
  counters(socket: SocketId): StreamCounters;
  lastPacketAt(socket: SocketId): number;
  totals(): { readonly user: TrafficTotals; readonly kernel: TrafficTotals };
}

interface TrafficTotals {
  readonly packets: number;
  readonly bytes: number;
  readonly errors: number;
}

/** Counters of this plane: the contract's, and packets handed up. */
export type UserspaceCounters = SlotCounters;

export interface Userspace {
  readonly plane: UserspacePlane;
  readonly ports: PortPool;
  readonly reader: UserspaceReader;
  status(): readonly WorkerStatus[];
  /** Closes all sockets and ends all workers. */
  stop(): Promise<void>;
}

export class UserspacePlane implements ForwardingPlane {
  readonly name = "userspace";
  readonly engine: EngineName;
  readonly #workers: RelayWorkers;

  constructor(workers: RelayWorkers) {
    this.#workers = workers;
    this.engine = workers.engine;
  }

  apply(specs: readonly StreamSpec[]): void {
    this.#workers.apply(specs);
  }

  remove(sockets: readonly SocketId[]): void {
    this.#workers.remove(sockets);
  }

  /** Adds the counters of an open socket to `sum`. */
  addCounters(socket: SocketId, sum: CounterSums): void {
    this.#workers.addCounters(socket, sum);
  }

  counters(socket: SocketId): UserspaceCounters {
    return this.#workers.counters(socket);
  }

  lastPacketAt(socket: SocketId): number {
    return this.#workers.lastPacketAt(socket);
  }

  /** Resolves when everything applied and removed so far is in force. */
  settled(): Promise<void> {
    return this.#workers.settled();
  }

  close(): void {
    void this.#workers.stop();
  }
}

/** @throws SystemError (or an Error that says which worker did not start, and why) */
export async function startUserspacePlane(options: UserspaceOptions): Promise<Userspace> {
  const srtp = chooseSrtpLibrary(options.srtp);
  if (srtp.name === "runtime" && options.srtp === undefined) {
    const message = `SRTP is done by the runtime's own crypto, correct but three times slower: ${srtp.reason}`;
    options.log("warning", message);
  }
  const workers = await RelayWorkers.start({
    srtp: srtp.name,
    threads: options.threads,
    gatherMicroseconds: options.gatherMicroseconds ?? 250,
    ...(options.engine && { engine: options.engine }),
    capacity: options.capacity ?? MAX_SOCKETS,
    ...(options.placement && { placement: options.placement }),
    ...(options.learnMilliseconds !== undefined && { learnMilliseconds: options.learnMilliseconds }),
    onReport: (entry) => {
      const event = eventOf(entry);
      if (event) options.onEvent(event);
    },
    onTrouble: (trouble) => options.log(levelOf(trouble), trouble.message),
  });
  const plane = new UserspacePlane(workers);
  const ports = new PortPool({
    slots: workers,
    random: options.random,
    ...(options.socketCpus !== undefined && { cpus: options.socketCpus }),
    ...(options.receiveBuffer !== undefined && { receiveBuffer: options.receiveBuffer }),
  });
  const none = { packets: 0, bytes: 0, errors: 0 };
  const reader: UserspaceReader = {
    counters: (socket): StreamCounters => plane.counters(socket),
    lastPacketAt: (socket) => plane.lastPacketAt(socket),
    totals: () => ({ user: workers.totals(), kernel: none }),
  };
  return {
    plane,
    ports,
    reader,
    status: () => workers.status(),
    async stop() {
      ports.close();
      await workers.stop();
    },
  };
}

function levelOf({ kind }: WorkerTrouble): "error" | "warning" | "notice" {
  return kind === "stuck" || kind === "placement" ? "warning" : "error";
}

function eventOf({ kind, slot: socket, value, first, second, data }: HandUpEntry): PlaneEvent | undefined {
  switch (kind) {
    case REPORT.packet:
      return first && { kind: "packet", socket, source: first, data: data.slice() };
    case REPORT.confirmed:
      return first && { kind: "confirmed", socket, endpoint: first };
    case REPORT.endpointChanged:
      return first && { kind: "endpoint-changed", socket, endpoint: first };
    case REPORT.strictSource:
      return first && second && { kind: "strict-source", socket, source: first, expected: second };
    case REPORT.unknownPayloadType:
      return first && { kind: "unknown-payload-type", socket, payloadType: value, source: first };
    case REPORT.sendError:
      return { kind: "send-error", socket, errno: value };
    case REPORT.receiveError:
      return { kind: "receive-error", socket, errno: value };
    default:
      return undefined;
  }
}
