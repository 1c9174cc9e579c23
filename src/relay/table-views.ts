/** Typed arrays over the stream table, the same memory in every thread. */
import { MAX_CLOCK_RATES, SLOT_BYTES } from "./layout.ts";

export interface TableViews {
  readonly slots: number;
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  readonly bytes: Uint8Array;
  /** Clock rates in Hz; entry 0 is not used. Appended to by the main thread before a command that refers to it. */
  readonly clockRates: Int32Array;
}

export const CLOCK_RATES_BYTES = (MAX_CLOCK_RATES + 1) * 4;

/** `table`: a whole number of slots; `clockRates`: {@link CLOCK_RATES_BYTES}. */
export function viewTable(table: ArrayBuffer, clockRates: ArrayBuffer): TableViews {
  return {
    slots: Math.floor(table.byteLength / SLOT_BYTES),
    words: new Int32Array(table),
    doubles: new Float64Array(table),
    bytes: new Uint8Array(table),
    clockRates: new Int32Array(clockRates),
  };
}
