/**
 * The part of a relay worker that talks to the system: waits for packets on many sockets, gives each to the
 * {@link Forwarder}, sends what it is told to. One instance per worker thread.
 */
import type { EventFd } from "../../ffi/event-fd.ts";
import type { Estate } from "./estate.ts";
import type { Forwarder, PacketBuffer, PacketSender } from "./forwarder.ts";
import type { TableViews } from "./table-views.ts";

export type EngineName = "epoll" | "io_uring";

export interface RelayEngine {
  readonly name: EngineName;
  /** Receives from this socket from now on. Returns 0 or the errno. */
  watch(slot: number, fd: number): number;
  /** Gives nothing to the forwarder from now on; after {@link settle} nobody touches the descriptor any more. */
  unwatch(slot: number, fd: number): void;
  /**
   * One turn: waits until there is a packet, the wake-up descriptor is signalled or the time is over; receives and forwards
   * what is there, at most a bounded number of packets. Returns the number of packets.
   * @param timeout milliseconds; 0 = do not wait
   */
  turn(timeout: number): number;
  /**
   * After a turn with this many packets: gives others time to arrive, where that saves work, or does nothing. Returns
   * the microseconds waited or asked for.
   */
  gather(packets: number): number;
  /** When this returns, the kernel has taken everything sent so far; what has arrived is not looked at. */
  flush(): void;
  /**
   * When this returns, the kernel has taken everything sent so far, so the table may be changed; and neither it nor the
   * engine uses a descriptor that was unwatched.
   */
  settle(): void;
  close(): void;
  /** Its descriptor and that descriptor's mappings, for whoever outlives this thread. */
  readonly holdings: Pick<Estate, "descriptor" | "rings">;
}

/** What an engine is made of; the worker provides it. */
export interface EngineParts {
  readonly table: TableViews;
  /** Address of slot 0, for the kernel. */
  readonly tableAddress: number;
  /** Wakes a blocked {@link RelayEngine.turn}. The engine watches it and drains it. */
  readonly wake: EventFd;
  /** Longest time to gather packets, microseconds; 0 = never. */
  readonly gatherMicroseconds: number;
  /**
   * Called after each wait, before what has arrived is looked at: carries out commands. A packet that answers a reply must
   * find in force what was ordered before that reply was sent.
   */
  beforeBatch(): void;
  /** The engine brings the buffer and the sending; the forwarder comes back. */
  forwarder(buffer: PacketBuffer, sender: PacketSender): Forwarder;
}

/** Unix time at which this thread's monotonic clock was zero. */
const origin = performance.timeOrigin;

/**
 * Unix time in milliseconds, counted on from the start of the thread: a step of the system's clock must neither end
 * learning early nor make calls look silent.
 */
export function wallClock(): number {
  return origin + performance.now();
}

/** Wall clock and monotonic clock in milliseconds with fractions, read once per batch. */
export function startBatch(forwarder: Forwarder): void {
  const monotonic = performance.now();
  forwarder.startBatch(origin + monotonic, monotonic);
}
