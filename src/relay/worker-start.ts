/** What a relay worker is given when it starts: addresses of memory and descriptors that the main thread owns. */
import type { Scheduling } from "../../ffi/thread.ts";
import type { SrtpLibraryName } from "../media/srtp/library.ts";
import type { EngineName } from "./engine.ts";

export interface Region {
  readonly address: number;
  readonly bytes: number;
}

export interface WorkerStart {
  readonly index: number;
  readonly engine: EngineName;
  readonly srtp: SrtpLibraryName;
  readonly table: Region;
  readonly clockRates: Region;
  readonly control: Region;
  readonly commands: Region;
  readonly handUp: Region;
  /** eventfd that wakes the worker. */
  readonly wake: number;
  /** eventfd of the main thread. */
  readonly main: number;
  readonly gatherMicroseconds: number;
  /** Length of provisional learning. */
  readonly learnMilliseconds: number;
  readonly placement: Placement;
}

/** Where and how a thread runs; what is left out stays as the process has it. */
export interface Placement {
  readonly cpus?: readonly number[];
  readonly scheduling?: Scheduling;
  /** 1-99 for `fifo` and `rr`, else a niceness. */
  readonly priority?: number;
}

/** Posted once, when the loop is about to start. */
export interface WorkerReady {
  readonly ready: true;
  /** What the system refused, as sentences; the worker serves all the same. */
  readonly remarks: readonly string[];
}
