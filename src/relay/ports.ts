/**
 * Where local media sockets come from. The call core asks for them through {@link PortSource}; the real one
 * (`port-pool.ts`) opens UDP sockets, the one of unit tests counts.
 */
import type { Family } from "../address.ts";
import type { SocketId } from "../planes/plane.ts";

/** One local address of a logical interface, from the configuration. */
export interface InterfaceAddress {
  /** Logical interface it belongs to. */
  readonly interface: string;
  readonly family: Family;
  /** Address that sockets are bound to, canonical. */
  readonly local: string;
  /** Address shown in SDP, canonical. */
  readonly advertised: string;
  readonly portMin: number;
  readonly portMax: number;
  readonly excludePorts: ReadonlySet<number>;
}

/** An open local socket. */
export interface LocalSocket {
  readonly id: SocketId;
  readonly address: InterfaceAddress;
  readonly port: number;
}

/** Why no socket was had. `exhausted`: the pool is empty; the rest is what the system said. */
export interface PortFailure {
  readonly kind:
    | "exhausted"
    | "EADDRNOTAVAIL"
    | "EADDRINUSE"
    | "EMFILE"
    | "EACCES"
    | "ENOBUFS"
    | "table-full"
    | "other";
  /** For reply and log: operation, address and the system's own words, or what the pool has run out of. */
  readonly message: string;
}

export interface PortSource {
  /**
   * Opens one socket, or a pair of an even port and its successor. All sockets of a call get the same `affinity` number so
   * that one worker serves them. Never throws: the world's refusals come back as {@link PortFailure}.
   */
  acquire(
    address: InterfaceAddress,
    count: 1 | 2,
    options: { readonly tos: number; readonly affinity: number },
  ): readonly LocalSocket[] | PortFailure;
  /** Closes sockets; their ports go to the tail of the pool. */
  release(sockets: readonly LocalSocket[]): void;
  setTos(sockets: readonly LocalSocket[], tos: number): void;
}
