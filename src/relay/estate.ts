/**
 * What a relay worker's engine holds of the system, written down in its control block, so that the main thread can give it
 * back when the thread has ended, in whatever way: a ring or an epoll set that outlives its thread would go on watching
 * sockets, and low memory that a thread released itself would be lost with it.
 *
 * Layout, in doubles: descriptor + 1 (0 = nothing to give back), number of entries, then pairs of address and bytes; ring
 * mappings come as negative addresses.
 */
import { libc } from "../../ffi/libc.ts";
import { type Mapping, unmapArena } from "../../ffi/memory.ts";
import { CONTROL_DOUBLE } from "./layout.ts";

export interface Estate {
  readonly descriptor: number;
  /** Mappings of the descriptor, to be unmapped: they keep it alive. */
  readonly rings: readonly Mapping[];
  readonly arenas: readonly Mapping[];
}

const MAX_ENTRIES = 64;

export function writeEstate(control: Float64Array, { descriptor, rings, arenas }: Estate): void {
  let at = CONTROL_DOUBLE.estate + 2;
  const entries = [...rings.map(({ address, bytes }) => ({ address: -address, bytes })), ...arenas].slice(
    0,
    MAX_ENTRIES,
  );
  for (const { address, bytes } of entries) {
    control[at++] = address;
    control[at++] = bytes;
  }
  control[CONTROL_DOUBLE.estate + 1] = entries.length;
  control[CONTROL_DOUBLE.estate] = descriptor + 1;
}

/** Once the thread has ended: nothing runs any more that looks at the memory. */
export function releaseEstate(control: Float64Array): void {
  const descriptor = control[CONTROL_DOUBLE.estate]! - 1;
  if (descriptor < 0) return;
  control[CONTROL_DOUBLE.estate] = 0;
  for (let i = 0; i < control[CONTROL_DOUBLE.estate + 1]!; i++) {
    const address = control[CONTROL_DOUBLE.estate + 2 + i * 2]!;
    const bytes = control[CONTROL_DOUBLE.estate + 3 + i * 2]!;
    if (address < 0) libc.munmap(-address, bytes);
    else unmapArena({ address, bytes });
  }
  libc.close(descriptor);
}
