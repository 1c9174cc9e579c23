/** What a relay worker is given when it starts: addresses of memory and descriptors that the main thread owns. */
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
}

/** Posted once, when the loop is about to start. */
export interface WorkerReady {
  readonly ready: true;
}
