/**
 * Traffic by local address and reason of loss, since start: what closed sockets counted, kept here, and what the open ones
 * count, added up when somebody asks.
 */
import { DROP_REASONS, type DropReason, type StreamCounters } from "../planes/plane.ts";

export interface Traffic {
  packetsIn: number;
  bytesIn: number;
  errorsIn: number;
  packetsOut: number;
  bytesOut: number;
  errorsOut: number;
  lost: number;
  duplicates: number;
  reordered: number;
  readonly drops: Record<DropReason, number>;
}

/** A local address of a logical interface. */
export interface LocalAddress {
  readonly interface: string;
  readonly local: string;
}

export interface OpenSocket {
  readonly address: LocalAddress;
  /** Adds what it counted so far. */
  addTo(sum: Traffic): void;
}

export function noTraffic(): Traffic {
  return {
    packetsIn: 0,
    bytesIn: 0,
    errorsIn: 0,
    packetsOut: 0,
    bytesOut: 0,
    errorsOut: 0,
    lost: 0,
    duplicates: 0,
    reordered: 0,
    drops: Object.fromEntries(DROP_REASONS.map((reason) => [reason, 0])) as Record<DropReason, number>,
  };
}

export function addTraffic(
  sum: Traffic,
  counters: Readonly<Omit<Traffic, "drops">> & Pick<StreamCounters, "drops">,
): void {
  sum.packetsIn += counters.packetsIn;
  sum.bytesIn += counters.bytesIn;
  sum.errorsIn += counters.errorsIn;
  sum.packetsOut += counters.packetsOut;
  sum.bytesOut += counters.bytesOut;
  sum.errorsOut += counters.errorsOut;
  sum.lost += counters.lost;
  sum.duplicates += counters.duplicates;
  sum.reordered += counters.reordered;
  for (const reason of DROP_REASONS) sum.drops[reason] += counters.drops[reason];
}

/** Sums by `interface/address`. */
export type TrafficByAddress = ReadonlyMap<string, Traffic>;

export const addressKey = ({ interface: name, local }: LocalAddress): string => `${name}/${local}`;

/** Bounded by the configured addresses. */
export class TrafficLedger {
  readonly #closed = new Map<string, Traffic>();

  /** A socket is about to be closed. */
  close(address: LocalAddress, counters: StreamCounters): void {
    addTraffic(sumFor(this.#closed, address), counters);
  }

  /** Everything up to now. */
  read(open: Iterable<OpenSocket>): TrafficByAddress {
    const sums = new Map<string, Traffic>();
    for (const [key, traffic] of this.#closed) {
      const copy = noTraffic();
      addTraffic(copy, traffic);
      sums.set(key, copy);
    }
    for (const socket of open) socket.addTo(sumFor(sums, socket.address));
    return sums;
  }
}

function sumFor(sums: Map<string, Traffic>, address: LocalAddress): Traffic {
  const key = addressKey(address);
  let sum = sums.get(key);
  if (!sum) {
    sum = noTraffic();
    sums.set(key, sum);
  }
  return sum;
}

export function allTraffic(byAddress: TrafficByAddress): Traffic {
  const sum = noTraffic();
  for (const traffic of byAddress.values()) addTraffic(sum, traffic);
  return sum;
}
